//go:build e2e

// Package gateways runs real gateways, with the configurations of
// examples/gateways, between clients and a business service, and sends them valid
// and invalid tokens.
package gateways

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

func TestMain(m *testing.M) { devserver.Main(m) }

const root = "../.."

// need installs Debian packages, or fails with what to install.
func need(t *testing.T, specs ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), root+"/scripts/need", specs...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// site is wugan, a business service behind a gateway, and the tokens of one user.
type site struct {
	wugan    *devserver.Server
	business *httptest.Server
	gateway  string // host:port
	folder   string // a copy of the example's folder, with this machine's addresses
	keyFile  string
	got      chan *http.Request
}

// newSite starts everything but the gateway, and copies its example.
func newSite(t *testing.T, example string) *site {
	t.Helper()
	s := newBusiness(t)
	s.wugan = devserver.Start(t, "WUGAN_ACCESS_KEYS="+s.keyFile)
	s.folder = t.TempDir()
	from := filepath.Join(root, "examples", "gateways", example)
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	replace := strings.NewReplacer(
		"127.0.0.1:8080", strings.TrimPrefix(s.wugan.URL, "http://"),
		"127.0.0.1:9000", s.business.Listener.Addr().String(),
		"127.0.0.1:8000", s.gateway,
		"https://auth.example.com", s.wugan.URL,
	)
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(from, entry.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(s.folder, entry.Name()), []byte(replace.Replace(string(text))), 0o600))
	}
	return s
}

func newBusiness(t *testing.T) *site {
	t.Helper()
	s := &site{keyFile: devserver.Keys(t, "ES256"), gateway: devserver.FreeAddress(t), got: make(chan *http.Request, 1000)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.got <- r
		// What every business service behind a gateway should do: without an
		// identity it refuses the request.
		if r.Header.Get("X-User-Id") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"user": r.Header.Get("X-User-Id")})
	})
	s.business = httptest.NewServer(upgrades(t, handler))
	t.Cleanup(s.business.Close)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.folder, name) }

// run starts the gateway and waits until it answers.
func (s *site) run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	devserver.Run(t, "http://"+s.gateway+"/", env, name, args...)
}

// forge signs changed claims of a token with the service's own key: tokens that
// the service itself would not make for these tests.
func (s *site) forge(t *testing.T, token string, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	require.NoError(t, err)
	change(claims)
	data, err := os.ReadFile(s.keyFile)
	require.NoError(t, err)
	var set jwkset.JWKSMarshal
	require.NoError(t, json.Unmarshal(data, &set))
	key, err := jwkset.NewJWKFromMarshal(set.Keys[0], jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	require.NoError(t, err)
	fresh := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	fresh.Header = parsed.Header
	text, err := fresh.SignedString(key.Key())
	require.NoError(t, err)
	return text
}

type answer struct {
	status int
	header http.Header
	code   string
	user   string
	body   string
}

func (s *site) get(t *testing.T, token string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.gateway+"/shop/orders", http.NoBody)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var fields struct{ Code, User string }
	_ = json.Unmarshal(body, &fields)
	return answer{res.StatusCode, res.Header, fields.Code, fields.User, string(body)}
}

// tellsTokensApart is what every gateway has to do.
func (s *site) tellsTokensApart(t *testing.T) {
	t.Helper()
	alice := s.wugan.Login(t, "alice")
	good := s.get(t, alice.AccessToken)
	require.Equal(t, 200, good.status, good.body)
	require.Equal(t, alice.User.ID, good.user)

	for len(s.got) > 0 {
		<-s.got
	}
	for _, c := range []struct{ name, token, code string }{
		{"no token", "", "token_missing"},
		{"nonsense", "nonsense", "token_invalid"},
		{"tampered", tampered(alice.AccessToken), "token_invalid"},
		{"a refresh token in its place", alice.RefreshToken, "token_invalid"},
		{"expired", s.forge(t, alice.AccessToken, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }), "token_expired"},
		{"of another app", s.forge(t, alice.AccessToken, func(c jwt.MapClaims) { c["client_id"] = "wx9999999999999999" }), "token_invalid"},
		{"for another audience", s.forge(t, alice.AccessToken, func(c jwt.MapClaims) { c["aud"] = "https://elsewhere.example.com" }), "token_invalid"},
		{"of another issuer", s.forge(t, alice.AccessToken, func(c jwt.MapClaims) { c["iss"] = "https://elsewhere.example.com" }), "token_invalid"},
		{"not signed", unsigned(alice.AccessToken), "token_invalid"},
	} {
		a := s.get(t, c.token)
		require.Equal(t, 401, a.status, "%s: %s", c.name, a.body)
		require.Equal(t, c.code, a.code, "%s: a client knows by the code whether to refresh: %s", c.name, a.body)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), c.name)
		require.Len(t, a.header.Values("WWW-Authenticate"), 1, c.name)
		require.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer"), c.name)
	}
	require.Empty(t, s.got, "none of them reached the business service")

	other := s.wugan.Login(t, "alice")
	s.wugan.Logout(t, other)
	require.Eventually(t, func() bool { return s.get(t, other.AccessToken).code == "session_revoked" },
		5*time.Second, 50*time.Millisecond, "an ended session is noticed")
	require.Equal(t, 200, s.get(t, alice.AccessToken).status, "and the other one lives on")
}

// passesSignIn refreshes through the gateway, as a mini program does that knows
// one host only.
func (s *site) passesSignIn(t *testing.T) {
	t.Helper()
	refresh := func(token string) (status int, contentType string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.gateway+"/api/v1/auth/refresh",
			strings.NewReader(`{"refreshToken":"`+token+`"}`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode, res.Header.Get("Content-Type")
	}
	status, _ := refresh(s.wugan.Login(t, "alice").RefreshToken)
	require.Equal(t, 200, status)
	status, kind := refresh("nonsense")
	require.Equal(t, 401, status)
	require.Equal(t, "application/problem+json", kind)
}

// all tries everything that a complete gateway does.
func (s *site) all(t *testing.T) {
	t.Helper()
	t.Run("tells tokens apart", s.tellsTokensApart)
	t.Run("identity cannot be forged", s.identityCannotBeForged)
	t.Run("no upgrade but a WebSocket's", s.passesNoUpgradeButAWebSocket)
	t.Run("no TRACE and no CONNECT", s.passesNeitherTraceNorConnect)
	t.Run("passes sign-in", s.passesSignIn)
	t.Run("the client stays silent", s.theClientStaysSilent)
}

func tampered(token string) string {
	i := strings.LastIndexByte(token, '.') + 3
	if token[i] == 'A' {
		return token[:i] + "B" + token[i+1:]
	}
	return token[:i] + "A" + token[i+1:]
}

// unsigned is the oldest trick: alg none.
func unsigned(token string) string {
	claims := jwt.MapClaims{}
	_, _, _ = jwt.NewParser().ParseUnverified(token, claims)
	text, _ := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	return text
}

func TestTheGatewayInside(t *testing.T) {
	s := newBusiness(t)
	s.wugan = devserver.Start(t, "WUGAN_ACCESS_KEYS="+s.keyFile, "WUGAN_UPSTREAMS=/shop/=http://"+s.business.Listener.Addr().String())
	s.gateway = strings.TrimPrefix(s.wugan.URL, "http://")
	s.all(t)
}

func TestNginx(t *testing.T) {
	need(t, "nginx=nginx-light")
	s := newSite(t, "nginx")
	s.run(t, nil, "/usr/sbin/nginx", "-p", s.folder, "-c", s.path("nginx.conf"))
	s.all(t)
}

func TestNginxTellsAnOutageFromARefusal(t *testing.T) {
	need(t, "nginx=nginx-light")
	s := newSite(t, "nginx")
	text, err := os.ReadFile(s.path("nginx.conf"))
	require.NoError(t, err)
	const check = "proxy_pass http://wugan/api/v1/auth/verify;"
	require.Contains(t, string(text), check)
	nobody := strings.ReplaceAll(string(text), check, "proxy_pass http://"+devserver.FreeAddress(t)+"/api/v1/auth/verify;")
	require.NoError(t, os.WriteFile(s.path("nginx.conf"), []byte(nobody), 0o600))
	devserver.Run(t, "http://"+s.gateway+"/api/v1/auth/verify", nil, "/usr/sbin/nginx", "-p", s.folder, "-c", s.path("nginx.conf"))
	a := s.get(t, s.wugan.Login(t, "alice").AccessToken)
	require.Equal(t, 503, a.status, a.body)
	require.Equal(t, "gateway_unavailable", a.code)
	require.NotEmpty(t, a.header.Get("Retry-After"))
}

func TestHAProxy(t *testing.T) {
	need(t, "haproxy")
	s := newSite(t, "haproxy")
	pem, err := exec.CommandContext(t.Context(), devserver.Wugan(t), "keys", "pem", s.keyFile).Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.path("access.pem"), pem, 0o600))
	s.run(t, []string{"WUGAN_GATEWAY_KEY=" + devserver.GatewayKey, "WUGAN_URL=" + s.wugan.URL},
		"/usr/sbin/haproxy", "-f", s.path("haproxy.cfg"))
	s.all(t)
}

func TestCaddy(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), root+"/scripts/tools", "caddy").CombinedOutput()
	require.NoError(t, err, "%s", out)
	caddy, err := filepath.Abs(root + "/.tools/bin/caddy")
	require.NoError(t, err)
	s := newSite(t, "caddy")
	text, err := os.ReadFile(s.path("Caddyfile"))
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(s.gateway)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.path("Caddyfile"), []byte(strings.ReplaceAll(string(text), ":8000 {", ":"+port+" {")), 0o600))
	home := t.TempDir()
	s.run(t, []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home},
		caddy, "run", "--config", s.path("Caddyfile"), "--adapter", "caddyfile")
	s.all(t)
}
