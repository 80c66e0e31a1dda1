package service

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelseyhightower/envconfig"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/keyfile"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/apicheck"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/internal/tracing"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	appID     = "wx4f4bc4dec97d474b"
	appSecret = "0123456789abcdef0123456789abcdef"
	// otherApp is of the same Open Platform account.
	otherApp       = "wx00000000000000b2"
	otherAppSecret = "fedcba9876543210fedcba9876543210"
)

// world is one database, one WeChat and one clock, with any number of pods.
type world struct {
	t        *testing.T
	database string
	wechat   *fakewechat.Server
	address  string // of wechat
	clock    *clock
	folder   string
	log      *logBook
	dataKey  string
	access   *auth.KeySet
	refresh  *auth.KeySet
	tracing  *tracing.Tracing // of the pods; nil: none
}

// everyStore runs a test on each of the two databases, from empty.
func everyStore(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, pgtest.Migrated(t)))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db")))
	})
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	w := &world{t: t, database: database, clock: &clock{}, folder: t.TempDir(), log: &logBook{}}
	w.wechat = fakewechat.New(fakewechat.Options{Now: w.clock.Now, UserRate: -1, OnMisuse: func(what string) { t.Error("misuse of WeChat: " + what) }})
	w.wechat.AddApp(appID, appSecret, "platform")
	w.wechat.AddApp(otherApp, otherAppSecret, "platform")
	server := httptest.NewServer(w.wechat.Handler())
	t.Cleanup(server.Close)
	w.address = server.URL

	var err error
	w.dataKey, err = newDataKey(rand.Read)
	require.NoError(t, err)
	w.access, w.refresh = keySet(t, "ES256"), keySet(t, "HS256")
	w.log.secrets(w.dataKey)
	w.log.secrets(privateParts(t, w.access, w.refresh)...)
	t.Cleanup(func() { w.log.check(t) })
	return w
}

func keySet(t *testing.T, algorithm string) *auth.KeySet {
	t.Helper()
	key, err := auth.GenerateKey(algorithm, time.Time{})
	require.NoError(t, err)
	set, err := auth.NewKeySet(key)
	require.NoError(t, err)
	return set
}

// forget loses the rows of a table, as a failover may.
func (w *world) forget(table string) {
	w.t.Helper()
	w.exec("DELETE FROM " + table)
}

// exec runs a statement on the database behind the service's back.
func (w *world) exec(statement string) {
	w.t.Helper()
	driver, address := "pgx", w.database
	if path, is := strings.CutPrefix(w.database, "sqlite:"); is {
		driver, address = "sqlite", "file:"+path+"?_busy_timeout=5000"
	}
	db, err := sql.Open(driver, address)
	require.NoError(w.t, err)
	defer db.Close()
	_, err = db.ExecContext(w.t.Context(), statement)
	require.NoError(w.t, err)
}

// settings are the defaults and what every pod of the world shares.
func (w *world) settings() config.Config {
	w.t.Helper()
	var c config.Config
	require.NoError(w.t, envconfig.Process("wugan_no_such_prefix", &c))
	c.DatabaseURL = secret.New(w.database)
	c.WechatAPI.URL = w.address
	c.WechatApps = secret.New(appID + ":" + appSecret + "," + otherApp + ":" + otherAppSecret)
	c.DataKey = secret.New(w.dataKey)
	c.Issuer, c.Audience = "https://auth.example.com", "https://api.example.com"
	c.LogLevel = "debug"
	c.AccessKeys, c.RefreshKeys = w.keyFile("access.jwks", w.access), w.keyFile("refresh.jwks", w.refresh)
	return c
}

func (w *world) keyFile(name string, set *auth.KeySet) string {
	w.t.Helper()
	path := filepath.Join(w.folder, name)
	if _, err := os.Stat(path); err != nil {
		require.NoError(w.t, keyfile.Create(path, set))
	}
	return path
}

// replaceKeys puts other keys into a key file.
func replaceKeys(path string, set *auth.KeySet) error {
	return keyfile.Update(path, func(*auth.KeySet) (*auth.KeySet, error) { return set, nil })
}

// pod is one process of the service, as far as a process can be had in a test.
type pod struct {
	w       *world
	service *Service
	server  *httptest.Server
	client  *http.Client
	stop    func() // as the end of the test does: idempotent
}

// pod starts a pod with the settings of the world, changed by the functions.
func (w *world) pod(change ...func(*config.Config)) *pod {
	w.t.Helper()
	return w.starting(change...).awaitReady()
}

// podAhead is a pod on a machine whose clock is ahead. It lives by the clock of
// the database, which the world's clock does not move.
func (w *world) podAhead(ahead time.Duration) *pod {
	w.t.Helper()
	return w.startingWith(Options{Wall: func() time.Time { return time.Now().Add(ahead) }}).awaitReady()
}

func (p *pod) awaitReady() *pod {
	p.w.t.Helper()
	require.Eventually(p.w.t, func() bool { h := p.service.Health(); return h.Err == nil && h.Degraded == nil }, 10*time.Second, 10*time.Millisecond)
	return p
}

// starting is a pod that may not be ready yet.
func (w *world) starting(change ...func(*config.Config)) *pod {
	w.t.Helper()
	return w.startingWith(Options{Now: w.clock.Now}, change...)
}

func (w *world) startingWith(o Options, change ...func(*config.Config)) *pod {
	w.t.Helper()
	o.Tracing = w.tracing
	c := w.settings()
	for _, f := range change {
		f(&c)
	}
	require.NoError(w.t, c.Check())
	log, err := newLogger(c, w.log)
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, c, o, log)
	require.NoError(w.t, err)
	p := &pod{w: w, service: s, server: httptest.NewServer(s.Handler())}
	checker := apicheck.New(w.t, httpapi.OpenAPI)
	p.client = &http.Client{Transport: checker.Transport(p.server.Client().Transport), Timeout: 20 * time.Second}

	var wg sync.WaitGroup
	wg.Go(func() { s.Background(ctx) })
	p.stop = sync.OnceFunc(func() {
		p.server.Close()
		cancel()
		wg.Wait()
		require.NoError(w.t, s.Close())
	})
	w.t.Cleanup(p.stop)
	return p
}

// answer is what a pod said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) code() string { return a.text("code") }

// text is a string field of the body.
func (a answer) text(field string) string {
	value, _ := a.json()[field].(string)
	return value
}

func (a answer) json() map[string]any {
	var out map[string]any
	_ = json.Unmarshal(a.body, &out)
	return out
}

// do sends a request; body is JSON text, a value to encode, or nil.
func (p *pod) do(method, path, token string, body any, header ...string) answer {
	p.w.t.Helper()
	a, err := p.try(method, path, token, body, header...)
	require.NoError(p.w.t, err)
	return a
}

func (p *pod) try(method, path, token string, body any, header ...string) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, p.server.URL+path, reader)
	if err != nil {
		return answer{}, err
	}
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := p.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	a := answer{status: res.StatusCode, header: res.Header, body: data}
	p.w.log.secrets(a.text("accessToken"), a.text("refreshToken"), a.text("access_token"), a.text("refresh_token"))
	return a, err
}

// tokens are the pair of a session.
type tokens struct{ access, refresh string }

func pair(a answer) tokens { return tokens{a.text("accessToken"), a.text("refreshToken")} }

// code is a fresh wx.login code of a person.
func (w *world) code(app, person string) string {
	w.t.Helper()
	code, err := w.wechat.Login(app, person)
	require.NoError(w.t, err)
	w.log.secrets(code)
	return code
}

// login signs a person in, with more fields of the request where given.
func (p *pod) login(person string, more ...map[string]any) answer {
	p.w.t.Helper()
	body := map[string]any{"appId": appID}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	body["code"] = p.w.code(body["appId"].(string), person)
	return p.do("POST", "/api/v1/auth/login", "", body)
}

// signIn is a login that succeeds.
func (p *pod) signIn(person string, more ...map[string]any) tokens {
	p.w.t.Helper()
	a := p.login(person, more...)
	require.Equal(p.w.t, 200, a.status, "%s", a.body)
	return pair(a)
}

func (p *pod) refresh(token string) answer {
	p.w.t.Helper()
	return p.do("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": token})
}

// me asks who a token belongs to.
func (p *pod) me(token string) answer {
	p.w.t.Helper()
	return p.do("GET", "/api/v1/users/me", token, nil)
}

// clock is the time, moved by tests.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
	stands time.Time // zero: it goes
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stands.IsZero() {
		return c.stands.Add(c.offset)
	}
	return time.Now().Add(c.offset)
}

// stand stops the clock until it is moved on, for tests of what a second earns.
func (c *clock) stand() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stands = time.Now()
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// logBook keeps what was logged and checks that it holds no secret.
type logBook struct {
	mu     sync.Mutex
	text   bytes.Buffer
	hidden []string
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) secrets(values ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range values {
		if v != "" {
			l.hidden = append(l.hidden, v)
		}
	}
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// check greps everything that was logged. A token's signature alone is as good
// as the token to one who has the rest.
func (l *logBook) check(t *testing.T) {
	t.Helper()
	text := l.String()
	for _, leak := range leaks(text, append(l.hidden, appSecret, otherAppSecret, adminKey, gatewayKey)) {
		t.Error("the log holds " + leak)
	}
	if strings.Contains(text, "panic") {
		t.Error("the log tells of a panic")
	}
}

// status asks an address without a pod's checks; 0 if there is no response.
func status(url string) int {
	res, err := http.Get(url) // a probe of a test's own address
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}

// post sends JSON without a pod's checks; 0 if there is no response.
func post(url, body string) int {
	res, err := http.Post(url, "application/json", strings.NewReader(body)) //nolint:noctx // a test's own address
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}
