package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/apicheck"
	"github.com/wugan/wugan/internal/test/sqlitetest"
	"github.com/wugan/wugan/users"
)

const (
	testApp     = "wx4f4bc4dec97d474b"
	otherApp    = "wx0123456789abcdef"
	testGateway = "gateway-key-for-tests-0123456789abcdef"
	testAdmin   = "admin-key-for-tests-0123456789abcdefgh"
	testService = "service-key-of-the-tests-0123456789"
	issuerName  = "https://auth.example.com/tenant"
)

// site is the whole HTTP side on a server of its own, with a store in a file.
// platform_test.go has its platform.
type site struct {
	t        testing.TB
	server   *http.Server
	url      string
	client   *http.Client // holds every response against openapi.yaml
	platform *platform
	log      *book
	stop     func() // tells the service that it is about to stop
	moved    *movable
}

// noPushes has no app with a message push.
type noPushes struct{}

func (noPushes) Confirm(string, url.Values) (string, error) { return "", ErrNoPush }
func (noPushes) Read(context.Context, string, url.Values, []byte) (Push, error) {
	return Push{}, ErrNoPush
}

// movable is a clock.
type movable struct {
	mu     sync.Mutex
	offset time.Duration
	stands time.Time // zero: it goes
}

func (m *movable) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stands.IsZero() {
		return m.stands.Add(m.offset)
	}
	return time.Now().Add(m.offset)
}

// stand stops the clock until it is moved on, for tests of what a second earns.
func (m *movable) stand() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stands = time.Now()
}

func (m *movable) move(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset += d
}

// book keeps what was logged.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// lines returns the lines with a message, decoded.
func (b *book) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []map[string]any
	for text := range strings.Lines(b.text.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line))
		if line["msg"] == message {
			out = append(out, line)
		}
	}
	return out
}

func newSite(t testing.TB, change ...func(*Config, *http.Server)) *site {
	t.Helper()
	s := &site{t: t, platform: &platform{}, log: &book{}, moved: &movable{}}
	log := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	lifetimes := auth.Lifetimes{AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour, Grace: 10 * time.Second, MaxSessions: 1000}
	store := sqlitetest.Open(t, lifetimes)
	dataKey, err := seal.ParseKey("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=")
	require.NoError(t, err)
	box := seal.NewBox(dataKey)

	access, refresh := testKeys(t, "ES256"), testKeys(t, "HS256")
	revocations := auth.NewRevocations(lifetimes.AccessTTL, auth.TrustedClock(s.moved.Now), log)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { revocations.Run(ctx, store) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	select {
	case <-revocations.Known():
	case <-time.After(10 * time.Second):
		t.Fatal("the revocations are not known")
	}
	people := users.New(store, s.platform, box, 5, s.moved.Now)
	service, err := auth.New(auth.Config{
		Issuer: issuerName, Audience: issuerName, Apps: []string{testApp, otherApp}, DefaultApp: testApp, Lifetimes: lifetimes,
		AccessKeys: access, RefreshKeys: refresh, Store: store, Exchanger: s.platform, People: people, Tickets: store, Vault: box,
		Now: s.moved.Now, Revocations: revocations,
	})
	require.NoError(t, err)
	stopping := make(chan struct{})
	s.stop = sync.OnceFunc(func() { close(stopping) })
	t.Cleanup(s.stop)
	c := Config{
		Auth: service, Users: people,
		Admin:       admin.New(store, box, s.moved.Now, revocations),
		Verifier:    verify.New(issuerName, issuerName, access, verify.WithRevocations(revocations), verify.WithClock(s.moved.Now)),
		Expired:     verify.New(issuerName, issuerName, access, verify.WithLeeway(verify.MaxLeeway), verify.WithClock(s.moved.Now)),
		Genuine:     verify.New(issuerName, issuerName, access, verify.WithCache(0), verify.WithClock(func() time.Time { return time.Time{} })),
		Revocations: revocations, AccessKeys: access, Issuer: issuerName, Pushes: noPushes{},
		Health: func() Health { return Health{Since: s.moved.Now()} },
		Stats: func() Stats {
			return Stats{Status: "ready", Database: StatsDatabase{Kind: "sqlite"}, Keys: []StatsKey{}, Minutes: []StatsMinute{}}
		},
		Keys: apikey.NewSet(
			apikey.Key{Name: "gateway", Scope: apikey.Gateway, Text: secret.New(testGateway)},
			apikey.Key{Name: "admin", Scope: apikey.Admin, Text: secret.New(testAdmin)},
			apikey.Key{Name: "shop", Scope: apikey.Service, Text: secret.New(testService)},
		),
		Directory: users.NewDirectory(store, s.platform, box, s.moved.Now), Events: events.NewFeed(store), LoginRate: 5,
		Log: log, Now: s.moved.Now, Stopping: stopping,
	}
	s.server = NewServer(nil, log)
	for _, f := range change {
		f(&c, s.server)
	}
	handler, err := New(c)
	require.NoError(t, err)
	s.server.Handler = handler
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = s.server.Serve(listener) }()
	t.Cleanup(func() { _ = s.server.Close() })
	s.url = "http://" + listener.Addr().String()
	checker := apicheck.New(t, OpenAPI)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: checker.Transport(transport), Timeout: time.Minute}
	return s
}

func testKeys(t testing.TB, algorithm string) *auth.Keyring {
	t.Helper()
	key, err := auth.GenerateKey(algorithm, time.Time{})
	require.NoError(t, err)
	set, err := auth.NewKeySet(key)
	require.NoError(t, err)
	return auth.NewKeyring(set)
}

// said is a response.
type said struct {
	status int
	header http.Header
	body   []byte
}

func (s said) text(field string) string {
	var fields map[string]any
	_ = json.Unmarshal(s.body, &fields)
	value, _ := fields[field].(string)
	return value
}

// do sends a request, with header fields in pairs.
func (s *site) do(method, path, body string, header ...string) said {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, reader)
	require.NoError(s.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := s.client.Do(r)
	require.NoError(s.t, err, "%s %s", method, path)
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return said{res.StatusCode, res.Header, data}
}

// login is a login that succeeds.
func (s *site) login(name string) (access, refresh string) {
	s.t.Helper()
	got := s.do(http.MethodPost, "/api/v1/auth/login", fmt.Sprintf(`{"code":"code-%s"}`, name))
	require.Equal(s.t, http.StatusOK, got.status, "%s", got.body)
	return got.text("accessToken"), got.text("refreshToken")
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// raw is a connection on which a test writes what no library would.
type raw struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (s *site) dial() *raw {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return &raw{conn, s.t, bufio.NewReader(conn)}
}

// write sends lines; each \n becomes \r\n.
func (r *raw) write(text string) {
	r.t.Helper()
	_, err := io.WriteString(r, strings.ReplaceAll(text, "\n", "\r\n"))
	require.NoError(r.t, err)
}

// response reads one response.
func (r *raw) response(method string) said {
	r.t.Helper()
	res, err := http.ReadResponse(r.r, httptest.NewRequest(method, "/", http.NoBody)) //nolint:noctx // only its method counts
	require.NoError(r.t, err)
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	if res.Close {
		res.Header.Set("Connection", "close") // which ReadResponse takes out
	}
	return said{res.StatusCode, res.Header, data}
}

// ended waits until the server has closed the connection, and returns when.
func (r *raw) ended() time.Duration {
	r.t.Helper()
	started := time.Now()
	_, err := io.Copy(io.Discard, r.r)
	var timeout net.Error
	if err != nil {
		require.False(r.t, errors.As(err, &timeout) && timeout.Timeout(), "the connection is still open")
	}
	return time.Since(started)
}

// routes lists the paths of the service, as Echo writes them.
func (s *site) routes() []string {
	s.t.Helper()
	e, ok := s.server.Handler.(interface{ Routes() []*echo.Route })
	require.True(s.t, ok)
	var out []string
	for _, r := range e.Routes() {
		out = append(out, r.Path)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
