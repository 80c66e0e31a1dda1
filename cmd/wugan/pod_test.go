package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	appID     = "wx4f4bc4dec97d474b"
	appSecret = "0123456789abcdef0123456789abcdef"
	adminKey  = "admin-key-0123456789abcdef0123456789ab"
)

// world is a database and a stand-in for WeChat, for commands that work beside a
// pod. The suite of the service itself stands in internal/service.
type world struct {
	t        *testing.T
	database string
	dataKey  string
	wechat   *fakewechat.Server
	address  string // of wechat
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	w := &world{t: t, database: database, wechat: fakewechat.New(fakewechat.Options{UserRate: -1})}
	w.wechat.AddApp(appID, appSecret, "platform")
	server := httptest.NewServer(w.wechat.Handler())
	t.Cleanup(server.Close)
	w.address = server.URL
	key := make([]byte, 32)
	_, err := rand.Read(key)
	require.NoError(t, err)
	w.dataKey = base64.StdEncoding.EncodeToString(key)
	return w
}

// pod is a running service on the world's database.
type pod struct {
	w   *world
	url string
}

func (w *world) pod() *pod {
	w.t.Helper()
	for name, value := range map[string]string{
		"DATABASE_URL": w.database, "DATA_KEY": w.dataKey,
		"WECHAT_API_URL": w.address, "WECHAT_APPS": appID + ":" + appSecret, "ISSUER": "https://auth.example.com",
		"ACCESS_SECRET": "access 0123456789abcdef0123456789", "REFRESH_SECRET": "refresh 0123456789abcdef0123456789",
		"ADMIN_KEY": adminKey, "METRICS_ADDR": "",
	} {
		w.t.Setenv("WUGAN_"+name, value)
	}
	c, err := config.Load()
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s, err := service.New(ctx, c, service.Options{}, slog.New(slog.DiscardHandler))
	require.NoError(w.t, err)
	server := httptest.NewServer(s.Handler())
	var wg sync.WaitGroup
	wg.Go(func() { s.Background(ctx) })
	w.t.Cleanup(func() {
		server.Close()
		cancel()
		wg.Wait()
		require.NoError(w.t, s.Close())
	})
	require.Eventually(w.t, func() bool { return status(server.URL+"/readyz") == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
	return &pod{w, server.URL}
}

// answer is what a pod said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// text is a string field of the body.
func (a answer) text(field string) string {
	var out map[string]any
	_ = json.Unmarshal(a.body, &out)
	value, _ := out[field].(string)
	return value
}

func (p *pod) do(method, path, token string, body any) answer {
	p.w.t.Helper()
	data, err := json.Marshal(body)
	require.NoError(p.w.t, err)
	r, err := http.NewRequestWithContext(p.w.t.Context(), method, p.url+path, bytes.NewReader(data))
	require.NoError(p.w.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	require.NoError(p.w.t, err)
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	require.NoError(p.w.t, err)
	return answer{res.StatusCode, res.Header, out}
}

// tokens are the pair of a session.
type tokens struct{ access, refresh string }

func (p *pod) login(person string) answer {
	p.w.t.Helper()
	code, err := p.w.wechat.Login(appID, person)
	require.NoError(p.w.t, err)
	return p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": appID, "code": code})
}

// signIn is a login of Alice that succeeds.
func (p *pod) signIn() tokens {
	p.w.t.Helper()
	a := p.login("alice")
	require.Equal(p.w.t, 200, a.status, "%s", a.body)
	return tokens{a.text("accessToken"), a.text("refreshToken")}
}

func (p *pod) refresh(token string) answer {
	p.w.t.Helper()
	return p.do("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": token})
}

func (p *pod) me(token string) answer {
	p.w.t.Helper()
	return p.do("GET", "/api/v1/users/me", token, nil)
}

func (p *pod) admin(method, path string) answer {
	p.w.t.Helper()
	return p.do(method, "/api/v1/admin"+path, adminKey, nil)
}

// logBook keeps what a process wrote.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// status asks an address; 0 when there is no answer.
func status(url string) int {
	res, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

// post sends JSON; 0 when there is no answer.
func post(url, body string) int {
	res, err := http.Post(url, "application/json", strings.NewReader(body)) //nolint:noctx // a test's own address
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}
