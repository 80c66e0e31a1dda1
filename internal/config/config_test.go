package config_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/keyfile"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/service"
)

const (
	appID          = "wx4f4bc4dec97d474b"
	appSecret      = "0123456789abcdef0123456789abcdef"
	otherApp       = "wx00000000000000b2"
	otherAppSecret = "fedcba9876543210fedcba9876543210"
	adminKey       = "admin-key-0123456789abcdef0123456789ab"
	gatewayKey     = "gateway-key-0123456789abcdef0123456789"
)

func keySet(t *testing.T, algorithm string) *auth.KeySet {
	t.Helper()
	key, err := auth.GenerateKey(algorithm, time.Time{})
	require.NoError(t, err)
	set, err := auth.NewKeySet(key)
	require.NoError(t, err)
	return set
}

// The environment belongs to the whole process, so tests here do not run beside
// others.

// emptyEnvironment takes every setting away until the test ends.
func emptyEnvironment(t *testing.T) {
	t.Helper()
	for _, s := range config.Names() {
		for _, key := range []string{"WUGAN_" + s, "WUGAN_" + s + "_FILE"} {
			t.Setenv(key, "") // brings back what was there
			require.NoError(t, os.Unsetenv(key))
		}
	}
}

// goodEnvironment sets what wugan serve cannot do without.
func goodEnvironment(t *testing.T) {
	t.Helper()
	emptyEnvironment(t)
	folder := t.TempDir()
	keys := func(name, algorithm string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, keyfile.Create(path, keySet(t, algorithm)))
		return path
	}
	dataKey := make([]byte, 32)
	_, err := rand.Read(dataKey)
	require.NoError(t, err)
	set(t, "DATABASE_URL", "sqlite:"+filepath.Join(folder, "wugan.db"))
	set(t, "WECHAT_APPS", appID+":"+appSecret)
	set(t, "ACCESS_KEYS", keys("access.jwks", "ES256"))
	set(t, "REFRESH_KEYS", keys("refresh.jwks", "HS256"))
	set(t, "ISSUER", "https://auth.example.com")
	set(t, "DATA_KEY", base64.StdEncoding.EncodeToString(dataKey))
}

func set(t *testing.T, name, value string) {
	t.Helper()
	t.Setenv("WUGAN_"+name, value)
}

func unset(t *testing.T, name string) {
	t.Helper()
	set(t, name, "")
	require.NoError(t, os.Unsetenv("WUGAN_"+name))
}

// startUp does with the environment what wugan serve does before it listens.
func startUp(t *testing.T) (config.Config, error) {
	t.Helper()
	c, err := config.Load()
	if err != nil {
		return c, err
	}
	log := slog.New(slog.DiscardHandler)
	s, err := service.New(t.Context(), c, service.Options{}, log)
	if err == nil {
		require.NoError(t, s.Close())
	}
	return c, err
}

// partsOfExamples are wrong values that stand in what was expected, too.
var partsOfExamples = []string{"sqlite:", "https://", "auth.example.com", "https://auth.example.com", "h5.example.com"}

// refuses checks that one line names the setting, says what was expected, and
// repeats none of the values. A value that is a part of the example in the line
// tells nothing.
func refuses(t *testing.T, name, expected string, hidden ...string) {
	t.Helper()
	_, err := startUp(t)
	require.Error(t, err, "%s is taken", name)
	line := err.Error()
	require.Regexp(t, "^WUGAN_"+name+`( \(or \w+\))?: `, line, "expected a line that begins with the name")
	require.Contains(t, line, "expected")
	require.Contains(t, line, expected)
	require.NotContains(t, line, "\n")
	for _, value := range hidden {
		if len(value) > 4 && !slices.Contains(partsOfExamples, value) { // shorter ones occur in any sentence
			require.NotContains(t, line, value)
		}
	}
}

func TestTheDefaultsAreThoseOfTheContract(t *testing.T) {
	emptyEnvironment(t)
	c, err := config.Load()
	require.NoError(t, err)
	want := config.Config{
		Addr: ":8080", MetricsAddr: "127.0.0.1:9090", DatabaseURL: secret.New("sqlite:wugan.db"),
		AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour, RefreshGrace: 10 * time.Second,
		SessionMaxAge: 2160 * time.Hour, MaxSessionsPerUser: 20,
		LoginRate: 5, PhoneDailyLimit: 10, UpstreamTimeout: time.Minute, EventsKeep: 9600 * time.Hour, SessionsKeep: 720 * time.Hour,
		Console:  "on",
		LogLevel: "info", LogFormat: "json",
	}
	want.WechatAPI.URL = "https://api.weixin.qq.com"
	require.Equal(t, want, c)

	set(t, "ISSUER", "https://auth.example.com")
	c, err = config.Load()
	require.NoError(t, err)
	require.Equal(t, "https://auth.example.com", c.Audience, "the issuer")
}

// wrongValues has, for each setting that can be wrong, values that are, and what
// the line must say.
var wrongValues = map[string][]struct{ value, expected string }{
	"ADDR":         {{"8080", "host:port"}, {"", "host:port"}, {"localhost:http:1", "host:port"}, {"256.256.256.256:99999", "host:port"}},
	"METRICS_ADDR": {{"nine thousand", "host:port"}, {"127.0.0.1:port-of-mine", "host:port"}},
	"DATABASE_URL": {
		{"", "postgres://"},
		{"mysql://root:hunter2@db/wugan", "sqlite:PATH"},
		{"sqlite:", "sqlite:PATH"},
		{"postgres://wugan:hunter2@db:port/wugan", "postgres://USER"},
		{"postgres://wugan:hunter2@db/x?sslmode=perhaps", "postgres://USER"},
		{"sqlite::memory:", "sqlite:PATH"},
		{"sqlite::memory:?cache=shared", "sqlite:PATH"},
		{"sqlite:/no/such/folder/hunter2.db", "no such file or directory"},
		{"sqlite:/", "is a directory"},
	},
	"WECHAT_APPS": {
		{"", "not set"},
		{appID, "appid:secret"},
		{"hunter2hunter2", "appid:secret"},
		{appID + ":", "appid:secret"},
		{appID + ":has space", "appid:secret"},
		{appID + ":" + appSecret + "," + appID + ":hunter2hunter2", "each appid once"},
	},
	"APPS_FILE": {{"/no/such/hunter2.yaml", "no such file"}},
	"WECHAT_PUSH": {
		{appID + ":hunter2", "appid:token:EncodingAESKey"},
		{appID + ":hunter2:" + strings.Repeat("a", 42), "appid:token:EncodingAESKey"},
		{appID + ":hunter2-:" + strings.Repeat("a", 43), "appid:token:EncodingAESKey"},
	},
	"WECHAT_API_URL": {{"api.weixin.qq.com", "https://"}, {"ftp://api.weixin.qq.com", "https://"}, {"https://", "https://"}, {"http://user:hunter2@weixin.example", "without a user"}, {"http://weixin.example:99999999", "https://"}, {"http://weixin.example:0", "https://"}},
	"ISSUER":         {{"auth.example.com", "https://"}, {"", "not set"}, {"https://auth.example.com/?tenant=hunter2", "https://"}, {"https://auth.example.com/#hunter2", "https://"}, {"https://user:hunter2@auth.example.com", "without a user"}, {"https://user@auth.example.com", "without a user"}, {"https://auth.example.com:65536", "https://"}},
	"AUDIENCE":       {{" ", "the issuer"}, {"\t \t", "the issuer"}},
	"ACCESS_KEYS":    {{"", "not set"}, {"/no/such/file.jwks", "no such file"}, {`{"keys":[{"k":"hunter2hunter2"}]}`, "no such file"}},
	"REFRESH_KEYS":   {{"", "not set"}, {"/no/such/file.jwks", "no such file"}},
	"ACCESS_SECRET":  {{"hunter2", "32 bytes"}, {strings.Repeat("s", 31), "32 bytes"}},
	"REFRESH_SECRET": {{"hunter2", "32 bytes"}, {strings.Repeat("s", 31), "32 bytes"}},
	"DATA_KEY": {
		{"", "not set"},
		{"hunter2", "base64 of 32"},
		{base64.StdEncoding.EncodeToString(make([]byte, 31)), "base64 of 32"},
		{base64.StdEncoding.EncodeToString(make([]byte, 33)), "base64 of 32"},
	},
	"DATA_KEY_OLD":          {{"hunter2", "expected"}, {base64.StdEncoding.EncodeToString(make([]byte, 31)), "expected"}},
	"TLS_CERT":              {{"/no/such/file.pem", "expected"}},
	"TLS_KEY":               {{"/no/such/file.pem", "WUGAN_TLS_CERT"}},
	"TLS_DOMAINS":           {{"https://auth.example.com", "auth.example.com"}, {"192.0.2.1", "auth.example.com"}, {"*.example.com", "auth.example.com"}},
	"TLS_ACME_URL":          {{"hunter2", "ACME directory"}, {"https://user:hunter2@acme.example.com/directory", "ACME directory"}, {"https://acme.example.com/directory", "WUGAN_TLS_DOMAINS is not"}},
	"TLS_CACHE_DIR":         {{"/var/cache/hunter2", "WUGAN_TLS_DOMAINS is not"}},
	"ACCESS_TTL":            {{"4", "a duration"}, {"forever", "a duration"}, {"", "a duration"}, {"0s", "1s or more"}, {"-4h", "1s or more"}},
	"REFRESH_TTL":           {{"7d", "a duration"}, {"0", "1s or more"}},
	"REFRESH_GRACE":         {{"ten", "a duration"}, {"-1s", "0s or more"}, {"61s", "a minute at most"}},
	"SESSION_MAX_AGE":       {{"90d", "a duration"}, {"-1h", "0s or more"}},
	"MAX_SESSIONS_PER_USER": {{"many", "a whole number"}, {"2.5", "a whole number"}, {"-1", "0 (no limit) or more"}},
	"API_KEYS":              {{"hunter2", "name:scope:key"}, {"shop:root:hunter2-0123456789abcdefghijklmnop", "the scope of shop"}, {"shop:service:hunter2", "32 or more"}, {"a:admin:hunter2-0123456789abcdefghijklmnop,b:support:hunter2-0123456789abcdefghijklmnop", "one and the same key"}},
	"ADMIN_KEY":             keysThatCannotWork,
	"GATEWAY_KEY":           keysThatCannotWork,
	"LOGIN_RATE":            {{"fast", "a number"}, {"-1", "0 (no limit)"}, {"NaN", "0 (no limit)"}, {"+Inf", "0 (no limit)"}},
	"PROFILE_AVATAR_HOSTS":  {{"https://hunter2.example", "cdn.example.com"}, {"localhost", "cdn.example.com"}, {"hunter2.example/avatars", "cdn.example.com"}, {"*.hunter2.example", "cdn.example.com"}, {"a.example,,", "cdn.example.com"}},
	"PHONE_DAILY_LIMIT":     {{"ten", "a whole number"}, {"-1", "0 (no limit) or more"}},
	"JOIN_BY_PHONE":         {{"perhaps", "true or false"}},
	"TRUSTED_PROXIES":       {{"proxy.example.com", "10.0.0.0/8"}, {"10.0.0.0/33", "10.0.0.0/8"}, {"10.0.0.0/8,,", "10.0.0.0/8"}},
	"CORS_HEADERS":          {{"X-App Version", "names of headers"}, {"X-Hunter2,,", "names of headers"}, {"*", "and no *"}, {"X-Hunter2:1", "names of headers"}, {"X-Hunter2", "WUGAN_CORS_ORIGINS is not"}},
	"CORS_EXPOSE":           {{"X-App Version", "names of headers"}, {"X-Hunter2,,", "names of headers"}, {"*", "and no *"}, {"X-Hunter2:1", "names of headers"}, {"X-Hunter2", "WUGAN_CORS_ORIGINS is not"}},
	"CORS_ORIGINS": {
		{"h5.example.com", "https://h5.example.com"},
		{"https://h5.example.com,hunter2", "https://h5.example.com"},
		{"https://hunter2.example/", "nothing after the host"},
		{"https://hunter2.example/h5", "nothing after the host"},
		{"https://hunter2.example?", "nothing after the host"},
		{"https://hunter2.example#", "nothing after the host"},
		{"https://user:hunter2@h5.example.com", "nothing after the host"},
		{"https://Hunter2.example", "lower case"},
		{"HTTPS://hunter2.example", "lower case"},
		{"https://hunter2.example:", "browsers"},
		{"https://hunter2.example:443", "browsers"},
		{"http://hunter2.example:80", "browsers"},
		{"http://hunter2.example:99999", "browsers"},
		{"https://例子.example", "browsers"},
		{"https://a.example,, https://b.example", "browsers"},
	},
	"UPSTREAMS":        {{"http://10.0.0.7:8000", "/path/=http://host:port"}, {"/shop/=10.0.0.7:8000", "/path/=http://host:port"}, {"shop=http://10.0.0.7:8000", "/path/=http://host:port"}, {"/shop/=http://10.0.0.7:99999", "/path/=http://host:port"}},
	"PUBLIC_PATHS":     {{"/shop/news", "WUGAN_UPSTREAMS is not"}},
	"UPSTREAM_TIMEOUT": {{"soon", "a duration"}, {"0s", "1ms or more"}},
	"IDENTITY_CLAIMS":  {{"openid,phone", "openid, unionid or both"}, {"openid,openid", "each name once"}, {"OpenID", "openid, unionid or both"}},
	"METADATA_CLAIMS":  {{"tier,sub", "a meaning of its own"}, {"tier,Tier", "each name once"}, {"two words", "names of members"}},
	"WEBHOOK_URL":      {{"hunter2.example", "https://"}, {"ftp://hunter2.example", "https://"}, {"https://hunter2.example:0", "https://"}, {"https://shop.example/#hunter2", "https://"}},
	"WEBHOOK_SECRET":   {{"hunter2", "24 to 64 bytes"}, {"whsec_hunter2", "24 to 64 bytes"}, {"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)), "24 to 64 bytes"}},
	"WEBHOOK_KINDS":    {{"user_created,hunter2", "kinds of events"}, {"everything", "kinds of events"}},
	"TTL_JITTER":       {{"0.3", "0 to 0.2"}, {"-0.1", "0 to 0.2"}, {"NaN", "0 to 0.2"}},
	"SESSIONS_KEEP":    {{"a month", "a duration"}, {"-1h", "0s or more"}},
	"EVENTS_KEEP":      {{"a year", "a duration"}, {"-1h", "0s or more"}},
	"LOG_LEVEL":        {{"loud", "debug, info, warn or error"}},
	"LOG_FORMAT":       {{"logfmt", "json or text"}},
	"CONSOLE":          {{"true", "on or off"}, {"maybe", "on or off"}},
	"DASHBOARD_URL":    {{"hunter2", "an address"}, {"javascript:hunter2", "an address"}, {"https://me:hunter2@grafana.example.com", "without a user"}},
	"SHUTDOWN_DELAY":   {{"a while", "a duration"}, {"-1s", "0s or more"}},
}

// keysThatCannotWork do not come through a header as they are, or are too short.
var keysThatCannotWork = []struct{ value, expected string }{
	{"hunter2", "32 characters"},
	{strings.Repeat("k", 31), "32 characters"},
	{strings.Repeat(" ", 40), "none a space"},
	{" hunter2-0123456789abcdef0123456789", "none a space"},
	{"hunter2-0123456789abcdef0123456789 ", "none a space"},
	{"hunter2 0123456789abcdef0123456789", "none a space"},
	{"hunter2\t0123456789abcdef0123456789", "printable ASCII"},
	{"hunter2-钥匙-0123456789abcdef0123456789", "printable ASCII"},
	{strings.Repeat("钥", 32), "printable ASCII"},
}

// beside are settings that another one is judged with.
var beside = map[string][2]string{
	"TLS_CERT": {"TLS_KEY", "key.pem"}, "TLS_DOMAINS": {"TLS_CACHE_DIR", "cache"},
}

// namedInstead are settings of a pair whose other half is the one that is missing.
var namedInstead = map[string]string{"TLS_KEY": "TLS_CERT"}

func TestASettingThatIsWrongStopsTheStartWithOneLineThatNamesIt(t *testing.T) {
	for _, s := range config.Names() {
		name := s
		require.NotEmpty(t, wrongValues[name], "no test has a wrong value for %s", name)
		for _, wrong := range wrongValues[name] {
			t.Run(name+"="+wrong.value, func(t *testing.T) {
				goodEnvironment(t)
				if kind, found := strings.CutSuffix(name, "_SECRET"); found {
					unset(t, kind+"_KEYS")
				}
				if other, needed := beside[name]; needed {
					set(t, other[0], filepath.Join(t.TempDir(), other[1]))
				}
				set(t, name, wrong.value)
				named := name
				if other, instead := namedInstead[name]; instead {
					named = other
				}
				refuses(t, named, wrong.expected, wrong.value, "hunter2")
			})
		}
	}
	goodEnvironment(t)
	_, err := startUp(t)
	require.NoError(t, err, "what all of these differ from in one setting is good")
}

func TestAFileThatIsNotOursIsNoDatabase(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "hunter2.db")
	refused := func(expected string) {
		t.Helper()
		goodEnvironment(t)
		set(t, "DATABASE_URL", "sqlite:"+path)
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		refuses(t, "DATABASE_URL", expected, "hunter2", folder)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after)
		c, err := config.Load()
		require.NoError(t, err)
		_, err = service.OpenExisting(t.Context(), c)
		require.ErrorContains(t, err, "WUGAN_DATABASE_URL: expected")
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("the diary of somebody\n", 100)), 0o600))
	refused("file is not a database")

	require.NoError(t, os.Remove(path))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE users (of TEXT) STRICT; CREATE TABLE sessions (something TEXT) STRICT")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	goodEnvironment(t)
	set(t, "DATABASE_URL", "sqlite:"+path)
	refuses(t, "DATABASE_URL", "already exists", "hunter2", folder)
}

func TestSettingsThatWorkAreTaken(t *testing.T) {
	for name, values := range map[string][]string{
		"ISSUER":         {"https://auth.example.com/tenant/", "http://[::1]:8080", "https://auth.example.com:65535"},
		"WECHAT_API_URL": {"http://127.0.0.1:8090/", "https://weixin.example/proxy"},
		"AUDIENCE":       {"api", "shop and blog"},
		"ADMIN_KEY":      {strong, `!"#$%&'()*+,-./:;<=>?@[\]^_{|}~0123456789`},
		"CORS_ORIGINS": {
			"*", "https://h5.example.com", "http://localhost:5173", "https://a.example:8443, http://b.example:443", "http://[::1]:3000",
			"https://*.example.com", "https://xn--fsqu00a.example",
		},
		"UPSTREAMS": {"/shop/=http://10.0.0.7:8000", "/shop/=http://10.0.0.7, /=https://10.0.0.8"},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				goodEnvironment(t)
				set(t, name, value)
				_, err := startUp(t)
				require.NoError(t, err)
			})
		}
	}
	goodEnvironment(t)
	set(t, "CORS_ORIGINS", "https://a.example , https://b.example")
	c, err := config.Load()
	require.NoError(t, err)
	require.Equal(t, []string{"https://a.example", "https://b.example"}, c.CORSOrigins)
	set(t, "CORS_HEADERS", "X-App-Version , x_sign")
	set(t, "CORS_EXPOSE", " X-Total-Count")
	c, err = config.Load()
	require.NoError(t, err)
	require.Equal(t, []string{"X-App-Version", "x_sign"}, c.CORSHeaders)
	require.Equal(t, []string{"X-Total-Count"}, c.CORSExpose)
}

func TestAnySettingMayComeFromAFile(t *testing.T) {
	for name, x := range map[string]struct {
		text string
		got  func(config.Config) any
		want any
	}{
		"ADDR":                  {"127.0.0.1:7000\n", func(c config.Config) any { return c.Addr }, "127.0.0.1:7000"},
		"DATABASE_URL":          {"postgres://wugan:p%40ss@db/wugan\r\n", func(c config.Config) any { return c.DatabaseURL }, secret.New("postgres://wugan:p%40ss@db/wugan")},
		"WECHAT_API_URL":        {"http://127.0.0.1:8090\n", func(c config.Config) any { return c.WechatAPI.URL }, "http://127.0.0.1:8090"},
		"ADMIN_KEY":             {adminKey + "\n", func(c config.Config) any { return c.AdminKey }, secret.New(adminKey)},
		"ACCESS_TTL":            {"30s\n", func(c config.Config) any { return c.AccessTTL }, 30 * time.Second},
		"MAX_SESSIONS_PER_USER": {"3\n", func(c config.Config) any { return c.MaxSessionsPerUser }, 3},
		"LOGIN_RATE":            {"0.5\n", func(c config.Config) any { return c.LoginRate }, 0.5},
		"TRUSTED_PROXIES":       {"10.0.0.0/8\n\nfd00::/8,192.0.2.1\n", func(c config.Config) any { return c.TrustedProxies }, []string{"10.0.0.0/8", "fd00::/8", "192.0.2.1"}},
		"WECHAT_APPS":           {appID + ":" + appSecret + "\n" + otherApp + ":" + otherAppSecret + "\n", func(c config.Config) any { return appCount(t, c) }, 2},
		"REFRESH_KEYS":          {"whatever a path of keys leads to", func(c config.Config) any { return filepath.Base(c.RefreshKeys) }, "setting"},
	} {
		t.Run(name, func(t *testing.T) {
			goodEnvironment(t)
			path := filepath.Join(t.TempDir(), "setting")
			require.NoError(t, os.WriteFile(path, []byte(x.text), 0o600))
			unset(t, name)
			set(t, name+"_FILE", path)
			c, err := config.Load()
			require.NoError(t, err)
			require.Equal(t, x.want, x.got(c))
		})
	}
}

func appCount(t *testing.T, c config.Config) int {
	t.Helper()
	apps, err := c.Apps()
	require.NoError(t, err)
	return len(apps)
}

func TestAFileThatCannotServeIsNamedAndWhatItHoldsIsNot(t *testing.T) {
	t.Run("not there", func(t *testing.T) {
		goodEnvironment(t)
		// People put the secret itself where its file is meant.
		set(t, "ADMIN_KEY_FILE", adminKey)
		refuses(t, "ADMIN_KEY_FILE", "no such file", adminKey)
	})
	t.Run("a folder", func(t *testing.T) {
		goodEnvironment(t)
		set(t, "ADMIN_KEY_FILE", t.TempDir())
		refuses(t, "ADMIN_KEY_FILE", "is a directory")
	})
	t.Run("a wrong value", func(t *testing.T) {
		goodEnvironment(t)
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte("hunter2hunter2\n"), 0o600))
		set(t, "ADMIN_KEY_FILE", path)
		refuses(t, "ADMIN_KEY", "32 characters", "hunter2")
	})
	t.Run("a zero byte", func(t *testing.T) {
		goodEnvironment(t)
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte("hunter2\x00"+adminKey), 0o600))
		set(t, "ADMIN_KEY_FILE", path)
		refuses(t, "ADMIN_KEY_FILE", "zero byte", adminKey)
	})
	t.Run("both", func(t *testing.T) {
		goodEnvironment(t)
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte(adminKey), 0o600))
		set(t, "ADMIN_KEY", gatewayKey)
		set(t, "ADMIN_KEY_FILE", path)
		refuses(t, "ADMIN_KEY", "one of them", adminKey, gatewayKey)
	})
}

func TestSettingsArePrintedWithoutTheirSecrets(t *testing.T) {
	goodEnvironment(t)
	set(t, "ADMIN_KEY", adminKey)
	c, err := config.Load()
	require.NoError(t, err)
	log := &bytes.Buffer{}
	slog.New(slog.NewJSONHandler(log, nil)).Info("settings", "config", c, "key", c.AdminKey)
	text, err := json.Marshal(c)
	require.NoError(t, err)
	for _, printed := range []string{log.String(), string(text)} {
		for _, hidden := range []string{appSecret, c.DataKey.Reveal(), adminKey, "wugan.db"} {
			require.NotContains(t, printed, hidden)
		}
		require.Contains(t, printed, "[redacted]")
	}
}

func TestTheLifetimesReachTheTokens(t *testing.T) {
	goodEnvironment(t)
	for name, value := range map[string]string{
		"ACCESS_TTL": "2s", "REFRESH_TTL": "90m", "REFRESH_GRACE": "0s", "SESSION_MAX_AGE": "0", "MAX_SESSIONS_PER_USER": "0",
	} {
		set(t, name, value)
	}
	c, err := startUp(t)
	require.NoError(t, err)
	require.Equal(t, auth.Lifetimes{AccessTTL: 2 * time.Second, RefreshTTL: 90 * time.Minute}, c.Lifetimes())
}
