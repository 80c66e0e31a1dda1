package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/tracing"
)

const prefix = "WUGAN"

// secret is a setting that is never printed.
type secret string

func (secret) String() string   { return "[redacted]" }
func (secret) GoString() string { return "[redacted]" }

// MarshalText keeps it out of JSON, and so out of JSON logs.
func (secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// fitsAHeader tells whether a key is long enough and comes through a header as
// it is: spaces at its ends are cut off there, and what is not ASCII each program
// writes in its own way.
func (s secret) fitsAHeader() bool {
	return len(s) >= 32 && !strings.ContainsFunc(string(s), func(r rune) bool { return r <= ' ' || r > '~' })
}

// config is every setting of the service; docs/settings.md lists them. Only this
// file reads the environment.
//
// No field has an envconfig tag: with one, the library also reads the variable
// of that name without our prefix.
type config struct {
	Addr        string `default:":8080"`
	MetricsAddr string `split_words:"true" default:"127.0.0.1:9090"`
	DatabaseURL secret `split_words:"true" default:"sqlite:wugan.db"`

	WechatApps secret `split_words:"true"`
	WechatPush secret `split_words:"true"`
	WechatAPI  struct {
		URL string `default:"https://api.weixin.qq.com"`
	} `split_words:"true"`

	Issuer        string `default:"http://localhost:8080"`
	Audience      string
	AccessKeys    string `split_words:"true"`
	RefreshKeys   string `split_words:"true"`
	AccessSecret  secret `split_words:"true"`
	RefreshSecret secret `split_words:"true"`
	DataKey       secret `split_words:"true"`
	// DataKeyOld are earlier data keys, for reading only.
	DataKeyOld secret `split_words:"true"`

	AccessTTL          time.Duration `split_words:"true" default:"4h"`
	RefreshTTL         time.Duration `split_words:"true" default:"168h"`
	RefreshGrace       time.Duration `split_words:"true" default:"10s"`
	SessionMaxAge      time.Duration `split_words:"true" default:"2160h"`
	MaxSessionsPerUser int           `split_words:"true" default:"20"`

	AdminKey   secret  `split_words:"true"`
	GatewayKey secret  `split_words:"true"`
	LoginRate  float64 `split_words:"true" default:"5"`
	// PhoneDailyLimit is how many phone numbers a user may ask WeChat for in a
	// day: each costs the operator money.
	PhoneDailyLimit int      `split_words:"true" default:"10"`
	TrustedProxies  []string `split_words:"true"`
	CORSOrigins     []string `split_words:"true"`

	// Upstreams and PublicPaths make the service the gateway of other back ends.
	Upstreams       []string
	PublicPaths     []string      `split_words:"true"`
	UpstreamTimeout time.Duration `split_words:"true" default:"60s"`

	// MetadataClaims names the members of users' metadata that go into access
	// tokens.
	MetadataClaims []string `split_words:"true"`

	TLSCert     string   `split_words:"true"`
	TLSKey      string   `split_words:"true"`
	TLSDomains  []string `split_words:"true"`
	TLSAcmeURL  string   `split_words:"true"`
	TLSCacheDir string   `split_words:"true"`

	LogLevel  string `split_words:"true" default:"info"`
	LogFormat string `split_words:"true" default:"json"`

	// ShutdownDelay is how long readyz says no before the listener closes, so
	// that whoever balances load has noticed.
	ShutdownDelay time.Duration `split_words:"true" default:"0s"`
}

// settingError is one line that names a setting and says what was expected. It
// never repeats the value.
type settingError struct{ name, expected string }

func (e settingError) Error() string { return e.name + ": " + e.expected }

func wrong(name, format string, args ...any) error {
	return settingError{prefix + "_" + name, fmt.Sprintf(format, args...)}
}

// loadConfig reads the environment and checks each setting by itself. What a
// command needs besides, it checks through the need methods.
func loadConfig() (config, error) {
	var c config
	if err := readFiles(); err != nil {
		return config{}, err
	}
	if err := envconfig.Process(prefix, &c); err != nil {
		var parse *envconfig.ParseError
		if errors.As(err, &parse) {
			// The library's own message repeats the value.
			return config{}, settingError{parse.KeyName, "expected " + article(parse.TypeName)}
		}
		return config{}, errors.New("the settings could not be read")
	}
	if c.Audience == "" {
		c.Audience = c.Issuer
	}
	for i, origin := range c.CORSOrigins {
		c.CORSOrigins[i] = strings.TrimSpace(origin)
	}
	return c, c.check()
}

func article(typeName string) string {
	switch typeName {
	case "time.Duration", "Duration":
		return "a duration such as 30s, 4h or 168h"
	case "int":
		return "a whole number"
	case "float64":
		return "a number"
	}
	return "a " + typeName
}

// given tells whether the environment names a setting.
func given(name string) bool { return os.Getenv(prefix+"_"+name) != "" }

// pathSettings are settings that name a file themselves, so that X_FILE and X
// mean the same.
var pathSettings = map[string]bool{"ACCESS_KEYS": true, "REFRESH_KEYS": true, "TLS_CERT": true, "TLS_KEY": true}

// readFiles sets WUGAN_X from the file that WUGAN_X_FILE names: a mounted
// secret. White space at the end is not part of the value; the members of a list
// may stand on lines of their own. No error repeats what should be the path: it
// may be the secret itself, put where its file was meant.
func readFiles() error {
	for _, s := range settingsOf(reflect.TypeFor[config]()) {
		key := prefix + "_" + s.name
		path, named := os.LookupEnv(key + "_FILE")
		if !named || path == "" {
			continue
		}
		if os.Getenv(key) != "" {
			return settingError{key, "is set, and so is " + key + "_FILE: expected one of them"}
		}
		value := path
		if !pathSettings[s.name] {
			data, err := os.ReadFile(path)
			if err != nil {
				return settingError{key + "_FILE", "expected the path of a file that can be read: " + cause(err)}
			}
			value = strings.TrimRight(string(data), " \t\r\n")
			if s.list {
				value = strings.Join(splitList(value), ",")
			}
		}
		if err := os.Setenv(key, value); err != nil {
			return settingError{key + "_FILE", "expected a file of text, without a zero byte"}
		}
	}
	return nil
}

// reason is why a file could not be used, with its path.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	return err.Error()
}

// cause is why a file or an address could not be used, without repeating which.
func cause(err error) string {
	var (
		path *os.PathError
		op   *net.OpError
	)
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}

// wordBreak is where envconfig's split_words puts an underscore.
var wordBreak = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)

// setting is one of config's fields: its name as the environment spells it,
// without the prefix.
type setting struct {
	name string
	list bool
}

func settingsOf(of reflect.Type) []setting {
	var out []setting
	for field := range of.Fields() {
		name := strings.ToUpper(wordBreak.ReplaceAllString(field.Name, "${1}${3}_${2}${4}"))
		if field.Type.Kind() != reflect.Struct {
			out = append(out, setting{name, field.Type.Kind() == reflect.Slice})
			continue
		}
		for _, inner := range settingsOf(field.Type) {
			out = append(out, setting{name + "_" + inner.name, inner.list})
		}
	}
	return out
}

// check looks at what can be judged without other settings or files.
func (c *config) check() error {
	if !listenAddress(c.Addr) {
		return wrong("ADDR", "expected host:port or :port")
	}
	if c.MetricsAddr != "" && !listenAddress(c.MetricsAddr) {
		return wrong("METRICS_ADDR", "expected host:port or :port, or nothing")
	}
	for _, address := range []struct{ name, value string }{{"ISSUER", c.Issuer}, {"WECHAT_API_URL", c.WechatAPI.URL}} {
		if !absoluteHTTP(address.value) || withPassword(address.value) {
			return wrong(address.name, "expected an address such as https://auth.example.com, without a user or a password")
		}
	}
	if c.Audience != "" && strings.TrimSpace(c.Audience) == "" {
		return wrong("AUDIENCE", "expected a name such as https://api.example.com, or nothing: then it is the issuer")
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
		{"UPSTREAM_TIMEOUT", c.UpstreamTimeout, time.Millisecond},
	} {
		if d.value < d.least {
			return wrong(d.name, "expected a duration of %s or more", d.least)
		}
	}
	if c.RefreshGrace > time.Minute {
		return wrong("REFRESH_GRACE", "expected a minute at most: a copied token is not noticed within the grace")
	}
	if c.MaxSessionsPerUser < 0 {
		return wrong("MAX_SESSIONS_PER_USER", "expected 0 (no limit) or more")
	}
	if c.PhoneDailyLimit < 0 {
		return wrong("PHONE_DAILY_LIMIT", "expected 0 (no limit) or more")
	}
	if !(c.LoginRate >= 0 && c.LoginRate <= maxLoginRate) { // not a number is neither
		return wrong("LOGIN_RATE", "expected 0 (no limit) to %d", maxLoginRate)
	}
	for _, key := range []struct {
		name  string
		value secret
	}{{"ADMIN_KEY", c.AdminKey}, {"GATEWAY_KEY", c.GatewayKey}} {
		if key.value != "" && !key.value.fitsAHeader() {
			return wrong(key.name, "expected 32 characters or more, all of them printable ASCII and none a space")
		}
	}
	if c.AdminKey != "" && c.AdminKey == c.GatewayKey {
		return wrong("GATEWAY_KEY", "expected another key than WUGAN_ADMIN_KEY")
	}
	for _, origin := range c.CORSOrigins {
		if origin != "*" && !isOrigin(origin) {
			return wrong("CORS_ORIGINS", "expected * or origins as browsers send them, in lower case and with nothing after the host but a port: https://h5.example.com,http://localhost:5173")
		}
	}
	if _, err := c.proxies(); err != nil {
		return err
	}
	if _, err := c.gateway(nil); err != nil {
		return err
	}
	if !c.databaseAddress() {
		return wrong("DATABASE_URL", "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:PATH")
	}
	if err := c.checkTLS(); err != nil {
		return err
	}
	if err := auth.CheckMetadataClaims(c.MetadataClaims); err != nil {
		return wrong("METADATA_CLAIMS", "%s", err)
	}
	if _, err := c.logger(nil); err != nil {
		return err
	}
	return nil
}

func absoluteHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && possiblePort(u) && u.RawQuery == "" && u.Fragment == ""
}

// possiblePort tells whether an address names no port, or one that there can be.
func possiblePort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// withPassword tells whether an address holds what must not be printed.
func withPassword(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User != nil
}

// isOrigin tells whether a browser can send a text as its origin (RFC 6454
// section 6.2): it is compared as it is. A * may stand for a part of the host.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !absoluteHTTP(text) || u.Hostname() == "" || text != u.Scheme+"://"+u.Host || text != strings.ToLower(text) {
		return false
	}
	ownPort := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	return u.Port() != ownPort && !strings.HasSuffix(text, ":") && !strings.ContainsFunc(text, func(r rune) bool { return r > '~' })
}

func (c *config) databaseKind() string {
	text := string(c.DatabaseURL)
	switch {
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return "postgres"
	case strings.HasPrefix(text, "sqlite:") && len(text) > len("sqlite:"):
		return "sqlite"
	}
	return ""
}

// traceReceiver reads where traces go from OpenTelemetry's own variables
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/); the SDK reads
// those about sampling and batches by itself. Without a word about traces there
// are none: the answer is nil.
func traceReceiver() (*tracing.Receiver, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	// What is set for traces alone goes before what is set for every signal.
	get := func(name string) (key, value string) {
		for _, key := range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
			if value := os.Getenv(key); value != "" {
				return key, value
			}
		}
		return "OTEL_EXPORTER_OTLP_" + name, ""
	}
	endpointKey, endpoint := get("ENDPOINT")
	switch exporter := os.Getenv("OTEL_TRACES_EXPORTER"); {
	case exporter == "none", exporter == "" && endpoint == "":
		return nil, nil
	case exporter != "" && exporter != "otlp":
		return nil, settingError{"OTEL_TRACES_EXPORTER", "expected otlp or none"}
	}
	if key, value := get("PROTOCOL"); value != "" && value != "http/protobuf" {
		return nil, settingError{key, "expected http/protobuf, the one protocol that is spoken here"}
	}
	to := &tracing.Receiver{Timeout: 10 * time.Second, Headers: http.Header{}}
	if endpoint == "" {
		endpoint = "http://localhost:4318"
	}
	var err error
	if to.Endpoint, err = url.Parse(endpoint); err != nil || !absoluteHTTP(endpoint) {
		return nil, settingError{endpointKey, "expected an address such as http://localhost:4318"}
	}
	if endpointKey != "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" {
		to.Endpoint = to.Endpoint.JoinPath("v1", "traces")
	}
	key, headers := get("HEADERS")
	for pair := range strings.SplitSeq(headers, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); err != nil || !found || name == "" || strings.ContainsAny(name+value, "\r\n") {
			return nil, settingError{key, "expected name=value,name=value"}
		}
		to.Headers.Add(name, value)
	}
	if key, value := get("TIMEOUT"); value != "" {
		ms, err := strconv.ParseUint(value, 10, 31)
		if err != nil || ms == 0 {
			return nil, settingError{key, "expected milliseconds"}
		}
		to.Timeout = time.Duration(ms) * time.Millisecond
	}
	switch key, value := get("COMPRESSION"); value {
	case "gzip":
		to.Gzip = true
	case "", "none":
	default:
		return nil, settingError{key, "expected gzip or none"}
	}
	if key, path := get("CERTIFICATE"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, settingError{key, "expected a file that can be read: " + reason(err)}
		}
		to.RootCAs = x509.NewCertPool()
		if !to.RootCAs.AppendCertsFromPEM(pem) {
			return nil, settingError{key, "expected a file of certificates in PEM form"}
		}
	}
	return to, nil
}
