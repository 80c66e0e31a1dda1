package main

// What settings mean to the rooms that are wired with them.

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/wechat"
)

func (c *config) lifetimes() auth.Lifetimes {
	return auth.Lifetimes{
		AccessTTL: c.AccessTTL, RefreshTTL: c.RefreshTTL, Grace: c.RefreshGrace,
		MaxAge: c.SessionMaxAge, MaxSessions: c.MaxSessionsPerUser,
	}
}

func (c *config) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range c.TrustedProxies {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, wrong("TRUSTED_PROXIES", "expected networks such as 10.0.0.0/8,fd00::/8")
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

// appForm is an appid and its secret as WeChat makes them, with room to spare.
var appForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}:[A-Za-z0-9_-]{1,256}$`)

// apps reads appid:secret pairs, separated by commas or lines.
func (c *config) apps() ([]wechat.App, error) {
	var out []wechat.App
	for _, field := range splitList(string(c.WechatApps)) {
		if !appForm.MatchString(field) {
			return nil, wrong("WECHAT_APPS", "expected appid:secret,appid:secret")
		}
		id, appSecret, _ := strings.Cut(field, ":")
		for _, earlier := range out {
			if earlier.ID == id {
				return nil, wrong("WECHAT_APPS", "expected each appid once, but %s comes twice", id)
			}
		}
		out = append(out, wechat.App{ID: id, Secret: wechat.NewSecret(appSecret)})
	}
	if len(out) == 0 {
		return nil, wrong("WECHAT_APPS", "expected appid:secret, but it is not set")
	}
	return out, nil
}

// complete names everything that serving needs and that is not set, in one line.
func (c *config) complete() error {
	var missing []string
	for _, need := range []struct {
		name string
		set  bool
	}{
		{"WECHAT_APPS", c.WechatApps != ""},
		{"ACCESS_KEYS (or " + prefix + "_ACCESS_SECRET)", c.AccessKeys != "" || c.AccessSecret != ""},
		{"REFRESH_KEYS (or " + prefix + "_REFRESH_SECRET)", c.RefreshKeys != "" || c.RefreshSecret != ""},
		{"DATA_KEY", c.DataKey != ""},
	} {
		if !need.set {
			missing = append(missing, prefix+"_"+need.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return settingError{strings.Join(missing, ", "), "expected, but not set; wugan keys new makes key files, openssl rand -base64 32 a data key, and wugan dev needs none of them"}
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
func (c *config) keys(kind, path string, shared secret) (*auth.KeySet, error) {
	switch {
	case path != "" && shared != "":
		return nil, wrong(kind+"_KEYS", "is set, and so is %s_%s_SECRET: expected one of them", prefix, kind)
	case shared != "":
		if len(shared) < 32 {
			return nil, wrong(kind+"_SECRET", "expected 32 bytes or more")
		}
		set, err := auth.SecretKeys([]byte(shared))
		if err != nil {
			return nil, wrong(kind+"_SECRET", "expected a random string of 32 bytes or more")
		}
		return set, nil
	case path != "":
		set, err := loadKeys(path)
		if err != nil {
			return nil, wrong(kind+"_KEYS", "expected the path of a private JWK Set (wugan keys new): %s", cause(err))
		}
		return set, nil
	}
	return nil, wrong(kind+"_KEYS", "expected the path of a private JWK Set, made by wugan keys new (or %s_%s_SECRET), but it is not set", prefix, kind)
}

func loadKeys(path string) (*auth.KeySet, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set, err := auth.ParseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return set, nil
}

func (c *config) bothKeys() (access, refresh *auth.KeySet, err error) {
	if access, err = c.keys("ACCESS", c.AccessKeys, c.AccessSecret); err != nil {
		return nil, nil, err
	}
	if refresh, err = c.keys("REFRESH", c.RefreshKeys, c.RefreshSecret); err != nil {
		return nil, nil, err
	}
	if err := auth.Separate(access, refresh); err != nil {
		if c.AccessSecret != "" && c.RefreshSecret != "" {
			return nil, nil, wrong("REFRESH_SECRET", "expected another secret than WUGAN_ACCESS_SECRET")
		}
		return nil, nil, wrong("REFRESH_KEYS", "expected other keys than for access tokens: %s", err)
	}
	return access, refresh, nil
}

func (c *config) operatorKeys() (gateway, admin httpapi.Key) {
	return httpapi.Key(c.GatewayKey), httpapi.Key(c.AdminKey)
}
