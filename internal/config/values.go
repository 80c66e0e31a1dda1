package config

// What settings mean to the packages that are wired with them.

import (
	"log/slog"
	"net/netip"
	"regexp"
	"strings"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/keyfile"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
)

// Level is the least level that is logged.
func (c *Config) Level() (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return 0, Wrong("LOG_LEVEL", "expected debug, info, warn or error")
	}
	return level, nil
}

// Lifetimes are how long sessions and their tokens live.
func (c *Config) Lifetimes() auth.Lifetimes {
	return auth.Lifetimes{
		AccessTTL: c.AccessTTL, RefreshTTL: c.RefreshTTL, Grace: c.RefreshGrace,
		MaxAge: c.SessionMaxAge, MaxSessions: c.MaxSessionsPerUser, AccessJitter: c.TTLJitter,
	}
}

// Proxies are the networks whose X-Forwarded-For is believed.
func (c *Config) Proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range c.TrustedProxies {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, Wrong("TRUSTED_PROXIES", "expected networks such as 10.0.0.0/8,fd00::/8")
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

// avatarHost is a host as it stands in an address, in lower case and with a dot
// in it, and perhaps a port.
var avatarHost = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:[1-9][0-9]{0,4})?$`)

// AvatarHosts are the hosts on which avatars have to be; none: on any.
func (c *Config) AvatarHosts() ([]string, error) {
	var out []string
	for _, host := range c.ProfileAvatarHosts {
		host = strings.ToLower(strings.TrimSpace(host))
		if !avatarHost.MatchString(host) {
			return nil, Wrong("PROFILE_AVATAR_HOSTS", "expected hosts such as cdn.example.com,img.example.com:8443, without a scheme and a path")
		}
		out = append(out, strings.TrimSuffix(host, ":443"))
	}
	return out, nil
}

// Complete names everything that serving needs and that is not set, in one line.
func (c *Config) Complete() error {
	var missing []string
	for _, need := range []struct {
		name string
		set  bool
	}{
		{"WECHAT_APPS (or " + prefix + "_APPS_FILE)", !c.WechatApps.Empty() || c.AppsFile != ""},
		{"ACCESS_KEYS (or " + prefix + "_ACCESS_SECRET)", c.AccessKeys != "" || !c.AccessSecret.Empty()},
		{"REFRESH_KEYS (or " + prefix + "_REFRESH_SECRET)", c.RefreshKeys != "" || !c.RefreshSecret.Empty()},
		{"DATA_KEY", !c.DataKey.Empty()},
		{"ISSUER", c.Issuer != ""},
	} {
		if !need.set {
			missing = append(missing, prefix+"_"+need.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return Error{strings.Join(missing, ", "), "expected, but not set; wugan keys new makes key files, openssl rand -base64 32 a data key, the issuer is the address by which clients reach the service, such as https://auth.example.com, and wugan dev needs none of them"}
}

// splitList reads a list whose members stand between commas or on lines.
func splitList(text string) []string {
	var out []string
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if field = strings.TrimSpace(field); field != "" {
			out = append(out, field)
		}
	}
	return out
}

// keys loads the keys of one kind of token: a file, or a secret.
func (c *Config) keys(kind, path string, shared secret.String) (*auth.KeySet, error) {
	switch {
	case path != "" && !shared.Empty():
		return nil, Wrong(kind+"_KEYS", "is set, and so is %s_%s_SECRET: expected one of them", prefix, kind)
	case !shared.Empty():
		if len(shared.Reveal()) < 32 {
			return nil, Wrong(kind+"_SECRET", "expected 32 bytes or more")
		}
		set, err := auth.SecretKeys([]byte(shared.Reveal()))
		if err != nil {
			return nil, Wrong(kind+"_SECRET", "expected a random string of 32 bytes or more")
		}
		return set, nil
	case path != "":
		if problem := private(path); problem != "" {
			return nil, Wrong(kind+"_KEYS", "%s", problem)
		}
		set, err := keyfile.Load(path)
		if err != nil {
			return nil, Wrong(kind+"_KEYS", "expected the path of a private JWK Set (wugan keys new): %s", Cause(err))
		}
		return set, nil
	}
	return nil, Wrong(kind+"_KEYS", "expected the path of a private JWK Set, made by wugan keys new (or %s_%s_SECRET), but it is not set", prefix, kind)
}

// Keys loads the signing keys of access and refresh tokens, which have none in
// common.
func (c *Config) Keys() (access, refresh *auth.KeySet, err error) {
	if access, err = c.keys("ACCESS", c.AccessKeys, c.AccessSecret); err != nil {
		return nil, nil, err
	}
	if refresh, err = c.keys("REFRESH", c.RefreshKeys, c.RefreshSecret); err != nil {
		return nil, nil, err
	}
	if err := auth.Separate(access, refresh); err != nil {
		if !c.AccessSecret.Empty() && !c.RefreshSecret.Empty() {
			return nil, nil, Wrong("REFRESH_SECRET", "expected another secret than WUGAN_ACCESS_SECRET")
		}
		return nil, nil, Wrong("REFRESH_KEYS", "expected other keys than for access tokens: %s", err)
	}
	return access, refresh, nil
}

// DataKeys are the key that seals at rest, and earlier ones that open what they
// sealed.
func (c *Config) DataKeys() (key seal.Key, earlier []seal.Key, err error) {
	if c.DataKey.Empty() {
		return seal.Key{}, nil, Wrong("DATA_KEY", "expected base64 of 32 random bytes (openssl rand -base64 32), but it is not set")
	}
	if key, err = seal.ParseKey(c.DataKey.Reveal()); err != nil {
		return seal.Key{}, nil, Wrong("DATA_KEY", "expected base64 of 32 bytes (openssl rand -base64 32)")
	}
	for _, text := range splitList(c.DataKeyOld.Reveal()) {
		old, err := seal.ParseKey(text)
		if err != nil {
			return seal.Key{}, nil, Wrong("DATA_KEY_OLD", "expected earlier data keys, base64 of 32 bytes each, separated by commas")
		}
		earlier = append(earlier, old)
	}
	return key, earlier, nil
}
