package httpapi

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/gateway"
)

// soon shortens the limits, so that a test sees them pass.
func soon(_ *Config, server *http.Server) {
	server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout = time.Second, time.Second, 2*time.Second
}

// withUpstream puts the site in front of a back end at /shop/ and at /open/,
// which needs no token.
func withUpstream(t *testing.T, backend http.HandlerFunc) func(*Config, *http.Server) {
	t.Helper()
	server := httptest.NewServer(backend)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	return func(c *Config, _ *http.Server) {
		c.Upstreams = &gateway.Config{
			Upstreams: []gateway.Upstream{{Path: "/shop/", Target: target}, {Path: "/open/", Target: target}},
			Public:    []string{"/open/"}, Log: c.Log, Idle: time.Second,
		}
	}
}

// Each of these announces more than it sends and then sends nothing.
func TestAConnectionEndsWhateverItDoesNotSend(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"nothing":                          "",
		"half a request line":              "GET /healthz HT",
		"half a header":                    "GET /healthz HTTP/1.1\nHost: x\nX-A",
		"a small body":                     "POST /api/v1/auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 100\n\n{",
		"a body that is too large":         "POST /api/v1/auth/login HTTP/1.1\nHost: x\nContent-Length: 65537\n\n",
		"a body just below net/http's own": "GET /nowhere HTTP/1.1\nHost: x\nContent-Length: 262143\n\n",
		"a body that is far too large":     "GET /nowhere HTTP/1.1\nHost: x\nContent-Length: 100000000\n\n",
		"a body for who takes none":        "GET /healthz HTTP/1.1\nHost: x\nContent-Length: 5\n\n",
		"a body for no method":             "BREW /healthz HTTP/1.1\nHost: x\nContent-Length: 5\n\n",
		"half a chunk":                     "POST /api/v1/auth/login HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n5\n{",
		"no last chunk":                    "POST /api/v1/auth/logout HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n2\n{}\n",
		"the body of OPTIONS *":            "OPTIONS * HTTP/1.1\nHost: x\nContent-Length: 5\n\n",
		"the body of a preflight":          "OPTIONS /api/v1/auth/login HTTP/1.1\nHost: x\nOrigin: https://h5.example.com\nAccess-Control-Request-Method: POST\nContent-Length: 5\n\n",
		"the body of verify":               "POST /api/v1/auth/verify HTTP/1.1\nHost: x\nContent-Length: 5\n\n",
		"a body with Expect":               "POST /api/v1/auth/login HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 5\n\n",
		"the second request":               "GET /healthz HTTP/1.1\nHost: x\n\nGET /heal",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, soon, func(c *Config, _ *http.Server) { c.CORS.Origins = []string{"https://h5.example.com"} })
			conn := s.dial()
			conn.write(request)
			require.Less(t, conn.ended(), 6*time.Second)
		})
	}
}

func TestABodyThatComesAByteASecondEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, soon)
	conn := s.dial()
	conn.write("POST /api/v1/auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 1000\n\n")
	go func() {
		for {
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
			time.Sleep(300 * time.Millisecond)
		}
	}()
	got := conn.response(http.MethodPost)
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Contains(t, got.text("detail"), "did not come to its end within")
	require.Equal(t, "close", got.header.Get("Connection"))
}

// What is refused on its way to an upstream is answered by us, and has an end,
// too; so has what an upstream answers before it has read everything.
func TestARefusalOnTheWayToAnUpstreamHasAnEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, withUpstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "early") }))
	for name, request := range map[string]string{
		"without a token": "POST /shop/orders HTTP/1.1\nHost: x\nContent-Length: 5\n\n",
		"early answer":    "POST /open/orders HTTP/1.1\nHost: x\nContent-Length: 5\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial()
			conn.write(request)
			require.Less(t, conn.ended(), 10*time.Second)
		})
	}
}

func TestAStreamThroughTheGatewayOutlivesTheDeadlinesOfOurOwnPaths(t *testing.T) {
	t.Parallel()
	s := newSite(t, soon, withUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		for range 6 {
			_, _ = io.WriteString(w, "tick\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(600 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	}))
	conn := s.dial()
	conn.write("GET /open/stream HTTP/1.1\nHost: x\n\n")
	got := conn.response(http.MethodGet)
	require.Equal(t, strings.Repeat("tick\n", 6), string(got.body))
	conn.write("GET /healthz HTTP/1.1\nHost: x\n\n") // and our own have theirs again
	require.Equal(t, http.StatusOK, conn.response(http.MethodGet).status)
	conn.write("GET /healthz HTTP/1.1\nHost: x\nContent-Length: 5\n\n")
	require.Less(t, conn.ended(), 6*time.Second)
}

func TestAReaderThatDoesNotReadIsLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t, soon)
	// The document is larger than what a kernel takes for a connection whose
	// window is small, when it is asked for often enough.
	conn := s.dial()
	conn.narrow()
	conn.write(strings.Repeat("GET /openapi.yaml HTTP/1.1\nHost: x\n\n", 200))
	time.Sleep(4 * time.Second)
	n, err := io.Copy(io.Discard, conn.Conn)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "it is closed")
	require.Less(t, n, int64(200*len(OpenAPI)), "and was cut off")
}

// A stop waits half a minute for what was accepted.
func TestNoRequestMayTakeLongerThanAStopWaits(t *testing.T) {
	t.Parallel()
	server := NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for _, limit := range []time.Duration{server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout} {
		require.Positive(t, limit)
		require.Less(t, limit, 30*time.Second)
	}
	require.Greater(t, server.WriteTimeout, maxWait, "a poll is answered before its time is over")
}

func TestHTTP2StreamsEndToo(t *testing.T) {
	t.Parallel()
	s := newSite(t, soon)
	front := httptest.NewUnstartedServer(s.server.Handler)
	front.Config = s.server
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	conn := dialHTTP2(t, front)
	framer := http2.NewFramer(conn, conn)
	_, err := io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	require.NoError(t, framer.WriteSettings())
	// :method POST, :scheme https, :path /, :authority and content-length as
	// literals without indexing (RFC 7541 section 6.2.2).
	block := []byte{0x83, 0x87}
	for _, field := range [][2]string{{":path", "/api/v1/auth/login"}, {":authority", "x"}, {"content-length", "100"}} {
		block = append(block, 0, byte(len(field[0])))
		block = append(block, field[0]...)
		block = append(block, byte(len(field[1])))
		block = append(block, field[1]...)
	}
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true}))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(6*time.Second)))
	for {
		frame, err := framer.ReadFrame()
		require.NoError(t, err, "the stream is answered or reset")
		if frame.Header().StreamID == 1 {
			return
		}
	}
}

func TestATLSHandshakeThatStallsEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, soon)
	front := httptest.NewUnstartedServer(s.server.Handler)
	front.Config = s.server
	front.StartTLS()
	t.Cleanup(front.Close)
	for _, sent := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", front.Listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(6*time.Second)))
		_, err = io.WriteString(conn, sent)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(t, err, "the server closes it")
	}
}

func dialHTTP2(t *testing.T, front *httptest.Server) net.Conn {
	t.Helper()
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}).
		DialContext(t.Context(), "tcp", front.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// APISIX 3.8 passes on the header Content-Length of the request that it asks
// about, and no body.
func TestVerifyAnswersAtOnceWhateverIsSaidOfABody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("alice")
	for _, request := range []string{
		"Content-Length: 5\n\n", "Content-Length: 70000\n\n", "Content-Length: 100000000\n\n", "Transfer-Encoding: chunked\n\n",
		"Content-Length: 5\nExpect: 100-continue\n\n", "Content-Length: 5\nContent-Encoding: gzip\n\n",
		"Content-Length: 5\n\n{", "Transfer-Encoding: chunked\n\nnonsense\n",
	} {
		conn := s.dial()
		started := time.Now()
		conn.write("POST /api/v1/auth/verify HTTP/1.1\nHost: x\nAuthorization: Bearer " + access + "\n" + request)
		got := conn.response(http.MethodPost)
		require.Equal(t, http.StatusNoContent, got.status, "%q", request)
		require.NotEmpty(t, got.header.Get("X-User-Id"))
		require.Less(t, time.Since(started), time.Second, "%q", request)
		require.Equal(t, "close", got.header.Get("Connection"), "what comes next may be the body: %q", request)
		conn.ended()
	}
	// A body that comes with the request costs no connection.
	conn := s.dial()
	for range 3 {
		for _, request := range []string{"Content-Length: 5\n\n12345", "Transfer-Encoding: chunked\n\n5\n12345\n0\n\n", "\n"} {
			conn.write("PUT /api/v1/auth/verify HTTP/1.1\nHost: x\nAuthorization: Bearer " + access + "\n" + request)
			got := conn.response(http.MethodPut)
			require.Equal(t, http.StatusNoContent, got.status)
			require.Empty(t, got.header.Get("Connection"))
		}
	}
}

func TestOPTIONSOfEverythingIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	conn := s.dial()
	conn.write("OPTIONS * HTTP/1.1\nHost: x\n\n")
	got := conn.response(http.MethodOptions)
	require.Equal(t, http.StatusNotFound, got.status)
	require.Equal(t, "no-store", got.header.Get("Cache-Control"))
}

func TestResponsesDuringTheShutdownDelayCloseTheirConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t, withUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") // of RFC 6455 section 1.3
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		_, _ = io.WriteString(w, "shop")
	}))
	requests := []string{
		"GET /healthz HTTP/1.1\nHost: x\n\n", "GET /nowhere HTTP/1.1\nHost: x\n\n", "GET /open/x HTTP/1.1\nHost: x\n\n",
		"GET /shop/x HTTP/1.1\nHost: x\n\n", "OPTIONS * HTTP/1.1\nHost: x\n\n",
	}
	conn := s.dial()
	for _, request := range requests {
		conn.write(request)
		require.Empty(t, conn.response(http.MethodGet).header.Get("Connection"), request)
	}
	s.stop()
	for _, request := range requests {
		conn := s.dial()
		conn.write(request)
		require.Equal(t, "close", conn.response(http.MethodGet).header.Get("Connection"), request)
		conn.ended()
	}
	conn = s.dial()
	conn.write("GET /open/ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n")
	got := conn.response(http.MethodGet)
	require.Equal(t, http.StatusSwitchingProtocols, got.status, "a WebSocket is still opened")
	require.Equal(t, "Upgrade", got.header.Get("Connection"))
}

func TestAMalformedChunkIsARequestNotUnderstood(t *testing.T) {
	t.Parallel()
	s := newSite(t, withUpstream(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	access, _ := s.login("alice")
	for _, path := range []string{"/api/v1/auth/login", "/api/v1/auth/logout", "/shop/upload", "/open/upload"} {
		for _, body := range []string{"zz\nabc\n", "5\nabc", "-1\n\n", "5;ext\nabcdefgh\n0\n\n", "fffffffffffffffff\nabc"} {
			conn := s.dial()
			conn.write("POST " + path + " HTTP/1.1\nHost: x\nAuthorization: Bearer " + access + "\nTransfer-Encoding: chunked\n\n" + body)
			if body == "5\nabc" {
				tcp, ok := conn.Conn.(*net.TCPConn)
				require.True(t, ok)
				require.NoError(t, tcp.CloseWrite())
				continue // the client has gone, or has it: either is right
			}
			got := conn.response(http.MethodPost)
			require.Equal(t, http.StatusBadRequest, got.status, "%s %q: %s", path, body, got.body)
			require.Equal(t, "invalid_request", got.text("code"))
		}
	}
	for _, line := range s.log.lines(t, "request") {
		if line["status"] == float64(statusClientGone) {
			require.Equal(t, "client_gone", line["outcome"])
		}
	}
}

// ended fills the feed of revocations with sessions that have just ended.
func ended(n int) func(*Config, *http.Server) {
	return func(c *Config, _ *http.Server) {
		ids := make([]uuid.UUID, n)
		for i := range ids {
			ids[i] = uuid.New()
		}
		c.Revocations.Add(c.Now(), auth.ReasonLoggedOut, ids...)
	}
}

// narrow bounds what the kernel takes for a connection that is not read. Without
// it, that can be a whole response.
func (r *raw) narrow() {
	tcp, ok := r.Conn.(*net.TCPConn)
	require.True(r.t, ok)
	require.NoError(r.t, tcp.SetReadBuffer(64<<10))
}

// slowly reads a response at eight megabytes a second at most, which is slower than
// the limit of a whole response allows.
func (r *raw) slowly() (n int64, err error) {
	part := make([]byte, 1<<20)
	for {
		got, err := io.ReadFull(r.Conn, part)
		n += int64(got)
		if err != nil {
			return n, err
		}
		time.Sleep(120 * time.Millisecond)
	}
}

const askForFeed = "GET /api/v1/revocations HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer " + testGateway + "\n\n"

func TestASlowReaderOfTheRevocationFeedGetsTheWhole(t *testing.T) {
	t.Parallel()
	const sessions = 250_000
	s := newSite(t, soon, ended(sessions))
	conn := s.dial()
	conn.narrow()
	conn.write(askForFeed)
	began := time.Now()
	n, err := conn.slowly()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "it is closed after the last byte")
	require.Greater(t, n, int64(sessions*150))
	require.Greater(t, time.Since(began), 3*time.Second, "longer than a response may take")
}

func TestAStopWaitsForNoSlowReaderOfTheRevocationFeed(t *testing.T) {
	t.Parallel()
	const sessions = 250_000
	s := newSite(t, soon, ended(sessions))
	conn := s.dial()
	conn.narrow()
	s.stop() // first, or the beginning of the response has been given its time already
	conn.write(askForFeed)
	_, err := io.ReadFull(conn, make([]byte, 1))
	require.NoError(t, err, "the response has begun, so its limit is set")
	time.Sleep(3 * time.Second) // until after that limit
	n, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "it is closed")
	require.Less(t, n, int64(sessions*150), "the limit of the whole response holds")
}
