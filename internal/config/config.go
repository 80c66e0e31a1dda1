// Package config reads the settings from the environment and from the files that
// settings name, and checks them. Its errors have one line and name the setting. It
// opens no connection, listens on no address and writes nothing.
package config

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/secret"
)

const prefix = "WUGAN"

// Config holds all settings of the service. docs/en/settings.md documents them.
//
// No field has an envconfig tag: with one, the library also reads the variable
// of that name without our prefix.
type Config struct {
	Addr        string        `default:":8080"`
	MetricsAddr string        `split_words:"true" default:"127.0.0.1:9090"`
	DatabaseURL secret.String `split_words:"true" default:"sqlite:wugan.db"`

	WechatApps secret.String `split_words:"true"`
	// AppsFile is a YAML file of apps of any provider.
	AppsFile   string        `split_words:"true"`
	WechatPush secret.String `split_words:"true"`
	WechatAPI  struct {
		URL string `default:"https://api.weixin.qq.com"`
	} `split_words:"true"`

	// Issuer has no default: tokens of a service that took one would be of another
	// issuer as soon as it is set.
	Issuer        string
	Audience      string
	AccessKeys    string        `split_words:"true"`
	RefreshKeys   string        `split_words:"true"`
	AccessSecret  secret.String `split_words:"true"`
	RefreshSecret secret.String `split_words:"true"`
	DataKey       secret.String `split_words:"true"`
	// DataKeyOld are earlier data keys, for reading only.
	DataKeyOld secret.String `split_words:"true"`

	AccessTTL          time.Duration `split_words:"true" default:"4h"`
	RefreshTTL         time.Duration `split_words:"true" default:"168h"`
	RefreshGrace       time.Duration `split_words:"true" default:"10s"`
	SessionMaxAge      time.Duration `split_words:"true" default:"2160h"`
	MaxSessionsPerUser int           `split_words:"true" default:"20"`

	// APIKeys are name:scope:key; AdminKey and GatewayKey are the keys of these
	// names and scopes.
	APIKeys    secret.String `split_words:"true"`
	AdminKey   secret.String `split_words:"true"`
	GatewayKey secret.String `split_words:"true"`
	LoginRate  float64       `split_words:"true" default:"5"`
	// Console is on or off: the page for support and operators.
	Console string `default:"on"`
	// DashboardURL is where the console's link to the dashboards leads; "": none.
	DashboardURL string `split_words:"true"`
	// PhoneDailyLimit is how many phone numbers a user may ask WeChat for in a
	// day: each costs the operator money.
	PhoneDailyLimit int `split_words:"true" default:"10"`
	// JoinByPhone: a verified phone number that another user holds makes the two
	// one person.
	JoinByPhone bool `split_words:"true" default:"false"`
	// ProfileAvatarHosts are the hosts on which avatars have to be; none: any.
	ProfileAvatarHosts []string `split_words:"true"`

	TrustedProxies []string `split_words:"true"`
	CORSOrigins    []string `split_words:"true"`
	// CORSHeaders may be sent by pages of these origins, CORSExpose be read,
	// besides what the service itself reads and sets.
	CORSHeaders []string `split_words:"true"`
	CORSExpose  []string `split_words:"true"`

	// Upstreams and PublicPaths make the service the gateway of other back ends.
	Upstreams       []string
	PublicPaths     []string      `split_words:"true"`
	UpstreamTimeout time.Duration `split_words:"true" default:"60s"`

	// MetadataClaims names the members of users' metadata that go into access
	// tokens.
	MetadataClaims []string `split_words:"true"`
	// IdentityClaims names what goes into access tokens of how the platform names
	// the person: openid, unionid.
	IdentityClaims []string `split_words:"true"`

	// WebhookURL is where events are sent; WebhookSecret signs them.
	WebhookURL    secret.String `split_words:"true"`
	WebhookSecret secret.String `split_words:"true"`
	WebhookKinds  []string      `split_words:"true"`
	// TTLJitter is the share of AccessTTL by which access tokens live shorter.
	TTLJitter float64 `split_words:"true" default:"0"`
	// SessionsKeep is how long ended and expired sessions stay readable.
	SessionsKeep time.Duration `split_words:"true" default:"720h"`
	// EventsKeep is how long events are kept; 0: for ever.
	EventsKeep time.Duration `split_words:"true" default:"9600h"`

	TLSCert     string   `split_words:"true"`
	TLSKey      string   `split_words:"true"`
	TLSDomains  []string `split_words:"true"`
	TLSAcmeURL  string   `split_words:"true"`
	TLSCacheDir string   `split_words:"true"`

	LogLevel  string `split_words:"true" default:"info"`
	LogFormat string `split_words:"true" default:"json"`

	// ShutdownDelay is how long readyz says no before the listener closes, so
	// that the load balancer has noticed.
	ShutdownDelay time.Duration `split_words:"true" default:"0s"`

	files map[string]string // of the settings that came from one
}

// Load reads the environment and checks each setting by itself. The methods that
// return a value check what a command needs in addition.
func Load() (Config, error) {
	var c Config
	if err := checkNames(); err != nil {
		return Config{}, err
	}
	files, err := readFiles()
	if err != nil {
		return Config{}, err
	}
	if err := envconfig.Process(prefix, &c); err != nil {
		var parse *envconfig.ParseError
		if errors.As(err, &parse) {
			// The library's own message repeats the value.
			return Config{}, Error{parse.KeyName, "expected " + article(parse.TypeName)}
		}
		return Config{}, errors.New("the settings could not be read")
	}
	c.files = files
	if c.Audience == "" {
		c.Audience = c.Issuer
	}
	for _, list := range [][]string{c.CORSOrigins, c.CORSHeaders, c.CORSExpose} {
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
	}
	return c, c.Check()
}

func article(typeName string) string {
	switch typeName {
	case "time.Duration", "Duration":
		return "a duration such as 30s, 4h or 168h"
	case "int":
		return "a whole number"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	}
	return "a " + typeName
}

// Check checks each setting without other settings and files.
func (c *Config) Check() error {
	if !listenAddress(c.Addr) {
		return Wrong("ADDR", "expected host:port or :port")
	}
	if c.MetricsAddr != "" && !listenAddress(c.MetricsAddr) {
		return Wrong("METRICS_ADDR", "expected host:port or :port, or nothing")
	}
	for _, address := range []struct{ name, value string }{{"ISSUER", c.Issuer}, {"WECHAT_API_URL", c.WechatAPI.URL}} {
		if address.name == "ISSUER" && address.value == "" {
			continue // what needs one says so
		}
		if !absoluteHTTP(address.value) || withPassword(address.value) {
			return Wrong(address.name, "expected an address such as https://auth.example.com, without a user or a password")
		}
	}
	if c.Audience != "" && strings.TrimSpace(c.Audience) == "" {
		return Wrong("AUDIENCE", "expected a name such as https://api.example.com, or nothing: then it is the issuer")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"ACCESS_TTL", c.AccessTTL, time.Second},
		{"REFRESH_TTL", c.RefreshTTL, time.Second},
		{"REFRESH_GRACE", c.RefreshGrace, 0},
		{"SESSION_MAX_AGE", c.SessionMaxAge, 0},
		{"SHUTDOWN_DELAY", c.ShutdownDelay, 0},
		{"EVENTS_KEEP", c.EventsKeep, 0},
		{"SESSIONS_KEEP", c.SessionsKeep, 0},
		{"UPSTREAM_TIMEOUT", c.UpstreamTimeout, time.Millisecond},
	} {
		if d.value < d.least {
			return Wrong(d.name, "expected a duration of %s or more", d.least)
		}
	}
	if !(c.TTLJitter >= 0 && c.TTLJitter <= 0.2) { // not a number is neither
		return Wrong("TTL_JITTER", "expected a share from 0 to 0.2")
	}
	if c.RefreshGrace > time.Minute {
		return Wrong("REFRESH_GRACE", "expected a minute at most: a copied token is not noticed within the grace")
	}
	if c.MaxSessionsPerUser < 0 {
		return Wrong("MAX_SESSIONS_PER_USER", "expected 0 (no limit) or more")
	}
	if c.PhoneDailyLimit < 0 {
		return Wrong("PHONE_DAILY_LIMIT", "expected 0 (no limit) or more")
	}
	if _, err := c.AvatarHosts(); err != nil {
		return err
	}
	if !(c.LoginRate >= 0 && c.LoginRate <= maxLoginRate) { // not a number is neither
		return Wrong("LOGIN_RATE", "expected 0 (no limit) to %d", maxLoginRate)
	}
	if _, err := c.OperatorKeys(); err != nil {
		return err
	}
	for _, origin := range c.CORSOrigins {
		if origin != "*" && !isOrigin(origin) {
			return Wrong("CORS_ORIGINS", "expected * or origins as browsers send them, in lower case and with nothing after the host but a port: https://h5.example.com,http://localhost:5173")
		}
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"CORS_HEADERS", c.CORSHeaders}, {"CORS_EXPOSE", c.CORSExpose}} {
		switch {
		case slices.ContainsFunc(list.values, func(name string) bool { return !isHeaderName(name) }):
			return Wrong(list.name, "expected names of headers, and no *: X-App-Version,X-Trace-Id")
		case len(list.values) > 0 && len(c.CORSOrigins) == 0:
			return Wrong(list.name, "is set, but WUGAN_CORS_ORIGINS is not: expected both, or neither")
		}
	}
	if _, err := c.Proxies(); err != nil {
		return err
	}
	if _, _, err := c.Gateway(); err != nil {
		return err
	}
	if _, err := c.Webhooks(); err != nil {
		return err
	}
	if !c.databaseAddress() {
		return Wrong("DATABASE_URL", "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE with the name or the address of a host, and with %%40 for an @ in the password; or sqlite:PATH")
	}
	if err := c.checkSecrets(); err != nil {
		return err
	}
	if err := c.checkTLS(); err != nil {
		return err
	}
	if err := auth.CheckMetadataClaims(c.MetadataClaims); err != nil {
		return Wrong("METADATA_CLAIMS", "%s", err)
	}
	if err := auth.CheckIdentityClaims(c.IdentityClaims, c.MetadataClaims); err != nil {
		return Wrong("IDENTITY_CLAIMS", "%s", err)
	}
	if _, err := c.Level(); err != nil {
		return err
	}
	if c.Console != "on" && c.Console != "off" {
		return Wrong("CONSOLE", "expected on or off")
	}
	if c.DashboardURL != "" && (!absoluteHTTP(c.DashboardURL) || withPassword(c.DashboardURL)) {
		return Wrong("DASHBOARD_URL", "expected an address such as https://grafana.example.com/d/wugan, without a user or a password, or nothing")
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		return Wrong("LOG_FORMAT", "expected json or text")
	}
	return nil
}
