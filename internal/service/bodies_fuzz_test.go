package service

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/kelseyhightower/envconfig"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/apicheck"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// endpoint is one that reads a body.
type endpoint struct {
	method, path string
	form         bool
	key          string // of an operator; "" for the user's access token
}

// endpoints are all of them. ID stands for the user's id.
var endpoints = []endpoint{
	{method: "POST", path: "/api/v1/auth/login"},
	{method: "POST", path: "/api/v1/auth/refresh"},
	{method: "POST", path: "/api/v1/auth/logout"},
	{method: "POST", path: "/api/v1/auth/logout-all"},
	{method: "PATCH", path: "/api/v1/users/me"},
	{method: "POST", path: "/api/v1/users/me"},
	{method: "DELETE", path: "/api/v1/users/me"},
	{method: "POST", path: "/api/v1/auth/ticket"},
	{method: "POST", path: "/api/v1/users/me/phone"},
	{method: "POST", path: "/api/v1/users/me/identities"},
	{method: "POST", path: "/api/v1/wechat/check-session"},
	{method: "POST", path: "/api/v1/wechat/decrypt"},
	{method: "POST", path: "/api/v1/wechat/push/" + appID + "?signature=a&timestamp=1&nonce=b&msg_signature=c&encrypt_type=aes"},
	{method: "POST", path: "/oauth2/token", form: true},
	{method: "POST", path: "/oauth2/revoke", form: true},
	{method: "POST", path: "/oauth2/introspect", form: true, key: gatewayKey},
	{method: "POST", path: "/api/v1/admin/users/ID/disable", key: adminKey},
	{method: "POST", path: "/api/v1/admin/users/ID/enable", key: adminKey},
	{method: "PUT", path: "/api/v1/admin/users/ID/roles", key: adminKey},
	{method: "PUT", path: "/api/v1/admin/users/ID/metadata", key: adminKey},
	{method: "POST", path: "/api/v1/admin/users/ID/logout-all", key: adminKey},
	{method: "POST", path: "/api/v1/admin/users/ID/merge", key: adminKey},
	{method: "PATCH", path: "/api/v1/service/users/ID", key: shopKey},
	{method: "POST", path: "/api/v1/service/wechat/sign", key: shopKey},
}

func TestEveryEndpointThatReadsABodyIsFuzzed(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromData(httpapi.OpenAPI)
	require.NoError(t, err)
	fuzzed := map[string]bool{}
	for _, e := range endpoints {
		path, _, _ := strings.Cut(e.path, "?")
		path = strings.NewReplacer("/ID", "/{id}", appID, "{appId}").Replace(path)
		fuzzed[e.method+" "+path] = true
		require.NotNil(t, document.Paths.Value(path), path)
		require.NotNil(t, document.Paths.Value(path).GetOperation(e.method), path)
	}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.RequestBody != nil {
				require.Contains(t, fuzzed, method+" "+path)
			}
		}
	}
}

// handlerTransport carries requests to a handler without a network.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.RemoteAddr = "203.0.113.7:1234"
	h.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

// current hands what the checker finds to the test of the present input.
type current struct {
	mu sync.Mutex
	t  *testing.T
}

func (c *current) set(t *testing.T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (*current) Helper() {}

func (c *current) Errorf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Errorf(format, args...)
}

func (c *current) Fatalf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Fatalf(format, args...)
}

// FuzzRequestBodies: whatever a body holds, each endpoint answers as the
// document says, and never by a fault of ours.
func FuzzRequestBodies(f *testing.F) {
	wechat := fakewechat.New(fakewechat.Options{UserRate: -1, DevCodes: true})
	wechat.AddApp(appID, appSecret, "platform")
	wechat.SetUser(fakewechat.User{Name: "alice", Phone: "13812340000"})
	outside := httptest.NewServer(wechat.Handler())
	f.Cleanup(outside.Close)

	var c config.Config
	require.NoError(f, envconfig.Process("wugan_no_such_prefix", &c))
	c.DatabaseURL = secret.New("sqlite:" + filepath.Join(f.TempDir(), "wugan.db"))
	c.WechatAPI.URL, c.WechatApps = outside.URL, secret.New(appID+":"+appSecret)
	c.WechatPush = secret.New(appID + ":" + pushToken + ":" + pushKey)
	c.AccessSecret, c.RefreshSecret = secret.New("0123456789abcdef0123456789abcdef"), secret.New("fedcba9876543210fedcba9876543210")
	c.DataKey = secret.New("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	c.Issuer = "https://auth.example.com"
	c.Audience = c.Issuer
	c.GatewayKey, c.AdminKey, c.APIKeys = secret.New(gatewayKey), secret.New(adminKey), secret.New("shop:service:"+shopKey)
	c.LoginRate, c.PhoneDailyLimit, c.MetricsAddr = 0, 0, ""
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, c, Options{DevCodes: true}, slog.New(slog.DiscardHandler))
	require.NoError(f, err)
	require.NoError(f, s.revocations.Sync(ctx, s.db, time.Time{}))
	f.Cleanup(func() {
		cancel()
		require.NoError(f, s.db.Close())
	})

	now := &current{}
	transport := apicheck.New(now, httpapi.OpenAPI).Transport(handlerTransport{s.Handler()})
	send := func(t *testing.T, method, path, contentType, bearer string, body []byte) answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://wugan.test"+path, bytes.NewReader(body))
		require.NoError(t, err)
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		res, err := transport.RoundTrip(r)
		require.NoError(t, err)
		defer res.Body.Close()
		var text bytes.Buffer
		_, err = text.ReadFrom(res.Body)
		require.NoError(t, err)
		return answer{status: res.StatusCode, header: res.Header, body: text.Bytes()}
	}
	var mine tokens
	var id string
	// signIn makes sure that a user is signed in, whatever the input before
	// has done to them.
	signIn := func(t *testing.T) {
		t.Helper()
		if mine.access != "" && send(t, "GET", "/api/v1/auth/verify", "", mine.access, nil).status == 204 {
			return
		}
		if id != "" {
			send(t, "POST", "/api/v1/admin/users/"+id+"/enable", "application/json", adminKey, []byte(`{"reason":"next input"}`))
		}
		a := send(t, "POST", "/api/v1/auth/login", "application/json", "", []byte(`{"code":"dev:alice"}`))
		require.Equal(t, 200, a.status, "%s", a.body)
		mine = pair(a)
		id, _ = a.json()["user"].(map[string]any)["id"].(string)
	}

	for i, e := range endpoints {
		for _, body := range []string{
			``, `{}`, `[]`, `null`, `"x"`, `{"code":"dev:bob"}`, `{"code":"dev:bob","appId":"` + appID + `","deviceId":"d","deviceName":"名"}`,
			`{"refreshToken":"eyJhbGciOiJIUzI1NiJ9.e30.AAAA"}`, `{"nickname":"小明","avatarUrl":"https://example.com/a.png"}`, `{"nickname":null,"avatarUrl":7}`,
			`{"encryptedData":"` + strings.Repeat("A", 64) + `","iv":"` + strings.Repeat("A", 22) + `=="}`,
			`{"reason":"why","roles":["editor"],"metadata":{"tier":"gold"}}`, `{"from":"0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f"}`, `{"from":7}`, `{"reason":"\u0000","roles":"editor","metadata":[]}`,
			`<xml><Encrypt><![CDATA[AAAA]]></Encrypt></xml>`, `{"Encrypt":"AAAA"}`,
			"grant_type=refresh_token&client_id=" + appID + "&refresh_token=a.b.c", "grant_type=" + grantOfWeChat + "&client_id=" + appID + "&code=dev:bob",
			"token=a&token=b", "token=%zz", "\xff\xfe", strings.Repeat("[", 20000), `{"code":"` + strings.Repeat("x", 70000) + `"}`,
		} {
			contentType := "application/json"
			if e.form {
				contentType = "application/x-www-form-urlencoded"
			}
			f.Add(uint8(i), contentType, []byte(body))
		}
		f.Add(uint8(i), "", []byte(`{}`))
		f.Add(uint8(i), "text/plain; charset=\"", []byte(`{}`))
		f.Add(uint8(i), "application/json; charset=gbk", []byte("\xc4"))
	}
	f.Fuzz(func(t *testing.T, which uint8, contentType string, body []byte) {
		e := endpoints[int(which)%len(endpoints)]
		if strings.ContainsFunc(contentType, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // no client can send it
		}
		now.set(t)
		signIn(t)
		bearer := e.key
		if bearer == "" {
			bearer = mine.access
		}
		began := time.Now()
		a := send(t, e.method, strings.Replace(e.path, "ID", id, 1), contentType, bearer, body)
		require.Less(t, a.status, 500, "%s %s: %s", e.method, e.path, a.body)
		if !strings.HasSuffix(e.path, "/merge") { // it answers 404 to another user who is not there
			require.NotEqual(t, 404, a.status, "%s %s is not there", e.method, e.path)
		}
		require.Less(t, time.Since(began), 10*time.Second)
		require.NotContains(t, string(a.body), "goroutine ")
	})
}
