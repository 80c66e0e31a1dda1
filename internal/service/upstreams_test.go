package service

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

// backend is a back end behind the gateway inside, which keeps what it got.
type backend struct {
	*httptest.Server
	got chan *http.Request
}

// backend starts a back end; without a handler it answers 200 and "hello".
func newBackend(t *testing.T, handler http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{got: make(chan *http.Request, 100)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.got <- r
		if handler == nil {
			_, _ = io.WriteString(w, "hello")
			return
		}
		handler(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

// behind makes a pod the gateway of back ends.
func (w *world) behind(upstreams []string, change ...func(*config.Config)) *pod {
	w.t.Helper()
	return w.pod(append([]func(*config.Config){func(c *config.Config) { c.Upstreams = upstreams }}, change...)...)
}

// plain is a client that is not held against our document.
func (p *pod) plain(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 40 * time.Second}
}

func (p *pod) request(t *testing.T, method, path, token string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.server.URL+path, body)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (p *pod) send(t *testing.T, r *http.Request) answer {
	t.Helper()
	res, err := p.plain(t).Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header, body}
}

func TestTheUpstreamLearnsWhoIsAskingAndGetsNoToken(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	p := w.behind([]string{"/shop/=" + b.URL})
	alice := p.signIn("alice")

	r := p.request(t, "GET", "/shop/a%2Fb/c?q=1;2&%zz&q=3", alice.access, nil)
	r.Header.Set("X-Request-Id", "from-the-client")
	a := p.send(t, r)
	require.Equal(t, 200, a.status)
	require.Equal(t, "hello", string(a.body))
	require.Equal(t, []string{"from-the-client"}, a.header.Values("X-Request-Id"))

	got := <-b.got
	require.Equal(t, "/shop/a%2Fb/c?q=1;2&%zz&q=3", got.RequestURI, "path and query reach it as they are")
	require.Equal(t, p.sessionOf(alice.access), got.Header.Get("X-Session-Id"))
	require.Equal(t, appID, got.Header.Get("X-App-Id"))
	require.Len(t, got.Header.Get("X-User-Id"), 36)
	require.NotContains(t, got.Header, "X-Roles", "nobody has roles here")
	require.NotContains(t, got.Header, "Authorization", "with the token the back end could act as the user")
	require.Equal(t, "from-the-client", got.Header.Get("X-Request-Id"))
	require.Equal(t, "127.0.0.1", got.Header.Get("X-Forwarded-For"))
	require.Equal(t, "http", got.Header.Get("X-Forwarded-Proto"))
	require.Equal(t, strings.TrimPrefix(p.server.URL, "http://"), got.Header.Get("X-Forwarded-Host"))
	require.Equal(t, strings.TrimPrefix(p.server.URL, "http://"), got.Host)
	require.NotContains(t, got.Header, "Accept-Encoding-Added")
}

func TestRefusalsAreOursAndReachNoUpstream(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	p := w.behind([]string{"/shop/=" + b.URL})
	elsewhere := newSQLiteWorld(t).pod() // other keys, the same issuer
	live, ended := p.signIn("alice"), p.signIn("alice")
	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", ended.access, nil).status)
	bob := w.pod(func(c *config.Config) { c.AccessTTL = time.Hour }).signIn("bob")
	w.clock.move(2 * time.Hour)

	for _, c := range []struct{ name, token, code string }{
		{"no token", "", "token_missing"},
		{"nonsense", "nonsense", "token_invalid"},
		{"tampered", tampered(live.access), "token_invalid"},
		{"a refresh token in its place", live.refresh, "token_invalid"},
		{"signed by another service", elsewhere.signIn("alice").access, "token_invalid"},
		{"expired", bob.access, "token_expired"},
		{"logged out", ended.access, "session_revoked"},
	} {
		a := p.send(t, p.request(t, "GET", "/shop/x", c.token, nil))
		require.Equal(t, 401, a.status, c.name)
		require.Equal(t, c.code, a.code(), c.name)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), c.name)
		require.Equal(t, a.header.Get("X-Request-Id"), a.text("requestId"), c.name)
		require.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer"), c.name)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"), c.name)
	}
	require.Empty(t, b.got)
	require.Equal(t, 200, p.send(t, p.request(t, "GET", "/shop/x", live.access, nil)).status)
}

// raw sends bytes that no client library would, and returns the status line.
func (p *pod) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n"))
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

func TestNobodyButTheGatewaySaysWhoIsAsking(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	p := w.behind([]string{"/shop/=" + b.URL}, func(c *config.Config) { c.PublicPaths = []string{"/shop/open/"} })
	alice := p.signIn("alice")
	me := p.do("GET", "/api/v1/auth/verify", alice.access, nil).header.Get("X-User-Id")

	forged := `X-User-Id: forged
x-user-id: forged
X-USER-ID: forged
X_User_Id: forged
X_USER-ID: forged
X.User.Id: forged
X-Session_Id: forged
X_App_Id: forged
X-Roles: admin
x_roles: admin
X_Forwarded_For: 6.6.6.6
X-Forwarded-For: 6.6.6.6
X-Real-Ip: 6.6.6.6
Forwarded: for=6.6.6.6
`
	identity := func(r *http.Request) map[string][]string {
		out := map[string][]string{}
		for name, values := range r.Header {
			folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
			switch folded {
			case "x-user-id", "x-session-id", "x-app-id", "x-roles", "x-forwarded-for", "x-real-ip", "forwarded":
				out[folded] = append(out[folded], values...)
			}
		}
		return out
	}
	for _, connection := range []string{"close", "close, X-User-Id, X-Session-Id, X-App-Id", "x-user-id"} {
		require.Contains(t, p.raw(t, "GET /shop/x HTTP/1.1\nHost: shop\nAuthorization: Bearer "+alice.access+"\nConnection: "+connection+"\n"+forged+"\n"), "200")
		got := identity(<-b.got)
		require.Equal(t, []string{me}, got["x-user-id"], "Connection: %s", connection)
		require.Equal(t, []string{appID}, got["x-app-id"])
		require.Equal(t, []string{p.sessionOf(alice.access)}, got["x-session-id"])
		require.Empty(t, got["x-roles"])
		require.Equal(t, []string{"127.0.0.1"}, got["x-forwarded-for"])
		require.Empty(t, got["x-real-ip"])
		require.Empty(t, got["forwarded"])
	}

	require.Contains(t, p.raw(t, "GET /shop/open/x HTTP/1.1\nHost: shop\nConnection: close\n"+forged+"\n"), "200")
	require.Equal(t, map[string][]string{"x-forwarded-for": {"127.0.0.1"}}, identity(<-b.got), "on a public path nobody is anybody")

	require.Contains(t, p.raw(t, "POST /shop/x HTTP/1.1\nHost: shop\nAuthorization: Bearer "+alice.access+
		"\nConnection: close\nTransfer-Encoding: chunked\nTrailer: X-User-Id, X-Sum\n\n2\nab\n0\nX-User-Id: forged\nX-Sum: 1\n\n"), "200")
	require.Equal(t, http.Header{"X-Sum": {"1"}}, (<-b.got).Trailer, "nor in a trailer")

	line := p.raw(t, "GET /shop/x HTTP/1.1\nHost: shop\nAuthorization: Bearer "+alice.access+"\nAuthorization: Bearer "+alice.access+"\nConnection: close\n\n")
	require.Contains(t, line, "401", "of two tokens nobody knows which one counts")
}

func TestTraceConnectAndPathsThatReadersDisagreeAboutAreRefused(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	p := w.behind([]string{"/=" + b.URL}, func(c *config.Config) { c.PublicPaths = []string{"/public/"} })
	alice := p.signIn("alice")
	for line, want := range map[string]string{
		"TRACE /x HTTP/1.1": "405", "TRACK /public/x HTTP/1.1": "405", "CONNECT /x HTTP/1.1": "405", "CONNECT x:443 HTTP/1.1": "405",
		"GET /public/.%09./x HTTP/1.1": "400", "GET /public/%ff HTTP/1.1": "400", "GET /x%2500 HTTP/1.1": "400", "GET /x%7f HTTP/1.1": "400",
	} {
		require.Contains(t, p.raw(t, line+"\nHost: x:443\nConnection: close\nAuthorization: Bearer "+alice.access+"\n\n"), " "+want+" ", line)
	}
	a := p.send(t, p.request(t, "TRACE", "/x", alice.access, nil))
	require.Equal(t, "method_not_allowed", a.code())
	require.Equal(t, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", a.header.Get("Allow"))
	a = p.send(t, p.request(t, "GET", "/public/%09", "", nil))
	require.Equal(t, "invalid_request", a.code())
	require.Contains(t, a.text("detail"), "control characters")
	require.Empty(t, b.got, "none of them reached the back end")
}

func TestPublicPathsNeedNoTokenAndNoneIsHeldAgainstThem(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	p := w.behind([]string{"/shop/=" + b.URL}, func(c *config.Config) { c.PublicPaths = []string{"/shop/open/", "/shop/notify"} })
	alice := p.signIn("alice")
	for path, want := range map[string]int{
		"/shop/open/": 200, "/shop/open/a/b": 200, "/shop/notify": 200, "/shop/notify?a=1": 200,
		"/shop/notify/": 401, "/shop/open": 401, "/shop/": 401, "/shop": 401, "/shop/open//x": 401, "/shop/open/a%2fb": 401,
		"/shop/open/../x": 400, "/shop/open/%2e%2e/x": 400, "/shop/open/..%2fx": 400, "/shop/open/%252e%252e/x": 400,
		`/shop/open/..%5cx`: 400, "/shop/open/..;/x": 400, "/other": 404,
	} {
		require.Equal(t, want, p.send(t, p.request(t, "GET", path, "", nil)).status, path)
	}
	for len(b.got) > 0 {
		<-b.got
	}
	p.send(t, p.request(t, "GET", "/shop/open/x", alice.access, nil))
	require.Len(t, (<-b.got).Header.Get("X-User-Id"), 36, "who says who they are is known there, too")
	p.send(t, p.request(t, "GET", "/shop/notify", "a-token-of-somebody-else", nil))
	got := <-b.got
	require.Empty(t, got.Header.Get("X-User-Id"))
	require.Equal(t, "Bearer a-token-of-somebody-else", got.Header.Get("Authorization"), "a webhook's own token is the upstream's business")
}

func TestOurOwnPathsAndTheLongestPathWin(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	all := newBackend(t, nil)
	deep := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "deep") })
	p := w.behind([]string{"/=" + all.URL, "/api/v1/orders/=" + deep.URL})
	alice := p.signIn("alice") // though "/" belongs to an upstream
	for path, want := range map[string]string{"/": "hello", "/x": "hello", "/api/v1/order": "hello", "/api/v1/orders": "deep", "/api/v1/orders/7": "deep"} {
		require.Equal(t, want, string(p.send(t, p.request(t, "GET", path, alice.access, nil)).body), path)
	}
	require.Equal(t, 200, p.me(alice.access).status)
	require.Equal(t, "method_not_allowed", p.do("GET", "/api/v1/auth/login", alice.access, nil).code(), "ours, though not by this method")
	require.Equal(t, "not_found", p.do("GET", "/api/v1/revocations", alice.access, nil).code(), "ours, though without a key")
}

func TestAnAnswerInPiecesArrivesInPieces(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	next := make(chan struct{})
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Trailer", "X-Count")
		for range 3 {
			_, _ = io.WriteString(w, "data: tick\n\n")
			_ = http.NewResponseController(w).Flush()
			<-next
		}
		w.Header().Set("X-Count", "3")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	})
	p := w.behind([]string{"/=" + b.URL})
	res, err := p.plain(t).Do(p.request(t, "GET", "/events", p.signIn("alice").access, nil))
	require.NoError(t, err)
	defer res.Body.Close()
	reader := bufio.NewReader(res.Body)
	for range 3 {
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "data: tick\n", line) // before the upstream has written the next one
		_, _ = reader.ReadString('\n')
		next <- struct{}{}
	}
	_, err = io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, http.Header{"X-Count": {"3"}, "X-Late": {"yes"}}, res.Trailer)
}

func TestWebSocketsPassOnceTheTokenIsGood(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(r.Header.Get("X-App-Id")))
		for {
			kind, data, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			_ = conn.Write(r.Context(), kind, data)
		}
	})
	p := w.behind([]string{"/ws/=" + b.URL})
	address := "ws" + strings.TrimPrefix(p.server.URL, "http") + "/ws/chat"

	_, res, err := websocket.Dial(t.Context(), address, nil) //nolint:bodyclose // its documentation: never to be closed
	require.Error(t, err)
	require.Equal(t, 401, res.StatusCode)

	conn, res, err := websocket.Dial(t.Context(), address, &websocket.DialOptions{ //nolint:bodyclose // as above
		HTTPHeader: http.Header{"Authorization": {"Bearer " + p.signIn("alice").access}},
	})
	require.NoError(t, err)
	defer func() { _ = conn.CloseNow() }()
	require.NotEmpty(t, res.Header.Get("X-Request-Id"))
	_, hello, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, appID, string(hello))
	big := make([]byte, 30_000)
	_, _ = rand.Read(big)
	for range 20 {
		require.NoError(t, conn.Write(t.Context(), websocket.MessageBinary, big))
		_, back, err := conn.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, big, back)
	}
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
}

func TestUploadsOfAnySizeAndPacePass(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		_ = json.NewEncoder(w).Encode(map[string]any{"bytes": n, "failed": err != nil, "trailer": r.Trailer.Get("X-Sum"), "length": r.ContentLength})
	})
	p := w.behind([]string{"/=" + b.URL})
	alice := p.signIn("alice")
	const size = 64 << 20
	a := p.send(t, p.request(t, "POST", "/upload", alice.access, bytes.NewReader(make([]byte, size))))
	require.Equal(t, 200, a.status)
	require.JSONEq(t, `{"bytes":67108864,"failed":false,"trailer":"","length":67108864}`, string(a.body), "its length is announced to the upstream")

	r := p.request(t, "POST", "/upload", alice.access, struct{ io.Reader }{strings.NewReader("chunked")})
	r.Trailer = http.Header{"X-Sum": {"42"}}
	a = p.send(t, r)
	require.JSONEq(t, `{"bytes":7,"failed":false,"trailer":"42","length":-1}`, string(a.body))

	// Slower than what our own paths allow, which is 15 s for a body.
	reader, writer := io.Pipe()
	go func() {
		for range 9 {
			_, _ = writer.Write([]byte("x"))
			time.Sleep(2 * time.Second)
		}
		_ = writer.Close()
	}()
	a = p.send(t, p.request(t, "POST", "/upload", alice.access, reader))
	require.Equal(t, 200, a.status)
	require.InDelta(t, 9, a.json()["bytes"], 0)
}

func TestAnUploadWithoutATokenLearnsWhy(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	p := w.behind([]string{"/=" + b.URL})
	for range 5 {
		// A connection closed while the client still sends would be a network
		// error to it, and no reason to refresh.
		a := p.send(t, p.request(t, "POST", "/upload", "", bytes.NewReader(make([]byte, 8<<20))))
		require.Equal(t, 401, a.status)
		require.Equal(t, "token_missing", a.code())
	}
}

func TestInformationalAnswersPass(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
	})
	p := w.behind([]string{"/=" + b.URL})
	r := p.request(t, "GET", "/x", p.signIn("alice").access, nil)
	var hints []int
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { hints = append(hints, code); return nil },
	}))
	a := p.send(t, r)
	require.Equal(t, []int{103}, hints)
	require.Equal(t, 201, a.status)
	require.Equal(t, "made", string(a.body))
	require.Len(t, a.header.Values("X-Request-Id"), 1)
}

func TestAnswersOfUpstreamsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("X-Request-Id", "of-the-upstream")
		h.Set("Access-Control-Allow-Origin", "https://elsewhere.example.com")
		h.Set("Content-Encoding", "gzip") // as if: it must not be touched
		h.Set("Referrer-Policy", "origin")
		h["Set-Cookie"] = []string{"a=1", "b=2"}
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "not gzip")
	})
	p := w.behind([]string{"/=" + b.URL}, func(c *config.Config) { c.CORSOrigins = []string{"https://h5.example.com"} })
	r := p.request(t, "GET", "/x", p.signIn("alice").access, nil)
	r.Header.Set("Origin", "https://h5.example.com")
	r.Header.Set("Accept-Encoding", "gzip")
	a := p.send(t, r)
	require.Equal(t, 418, a.status)
	require.Equal(t, "not gzip", string(a.body))
	require.Len(t, a.header.Values("X-Request-Id"), 1)
	require.NotEqual(t, "of-the-upstream", a.header.Get("X-Request-Id"))
	require.Equal(t, []string{"https://h5.example.com"}, a.header.Values("Access-Control-Allow-Origin"), "twice would be none to a browser")
	require.Equal(t, []string{"origin"}, a.header.Values("Referrer-Policy"))
	require.Equal(t, []string{"a=1", "b=2"}, a.header.Values("Set-Cookie"))

	preflight := p.request(t, "OPTIONS", "/x", "", nil)
	preflight.Header.Set("Origin", "https://h5.example.com")
	preflight.Header.Set("Access-Control-Request-Method", "GET")
	preflight.Header.Set("Access-Control-Request-Headers", "authorization")
	require.Equal(t, 204, p.send(t, preflight).status, "a preflight carries no token")
}
