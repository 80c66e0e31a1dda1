package gateway_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// speaksH2C is a back end that takes the offer of RFC 7540 section 3.2: it
// switches a connection to HTTP/2 where the client asks for it. The headers of
// every request that it sees go to seen.
type speaksH2C struct {
	seen   chan http.Header
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}
}

func newSpeaksH2C(t *testing.T) (*speaksH2C, http.HandlerFunc) {
	t.Helper()
	b := &speaksH2C{seen: make(chan http.Header, 100), conns: make(chan net.Conn), closed: make(chan struct{})}
	b.server = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler:           http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { b.seen <- r.Header.Clone() }),
		Protocols:         new(http.Protocols),
	}
	b.server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = b.server.Serve(b) }()
	t.Cleanup(func() { _ = b.server.Close() })
	return b, func(w http.ResponseWriter, r *http.Request) {
		b.seen <- r.Header.Clone()
		if !strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Upgrade"), ",")), "h2c") {
			_, _ = io.WriteString(w, "HTTP/1.1")
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
		select {
		case b.conns <- &bufferedConn{conn, buffered.Reader}:
		case <-b.closed:
		}
	}
}

func (b *speaksH2C) Accept() (net.Conn, error) {
	select {
	case conn := <-b.conns:
		return conn, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

func (b *speaksH2C) Close() error {
	close(b.closed)
	return nil
}

func (b *speaksH2C) Addr() net.Addr { return &net.TCPAddr{} }

type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// raw sends a request as it stands and returns the connection, and the response
// without its body.
func raw(t *testing.T, server *httptest.Server, request string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn := dial(t, server)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n"))
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return conn, reader, res
}

func TestNoClientSpeaksPastTheGatewayThroughAnUpgrade(t *testing.T) {
	t.Parallel()
	for name, offer := range map[string]string{
		"as curl offers it":        "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__",
		"settings not named":       "Connection: Upgrade\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__",
		"in capitals":              "Connection: UPGRADE\nUpgrade: H2C",
		"before websocket":         "Connection: Upgrade\nUpgrade: h2c, websocket\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Version: 13",
		"after websocket":          "Connection: Upgrade\nUpgrade: websocket, h2c\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Version: 13",
		"in a second header":       "Connection: Upgrade\nUpgrade: websocket\nUpgrade: h2c\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Version: 13",
		"in the first of two":      "Connection: Upgrade\nUpgrade: h2c\nUpgrade: websocket\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Version: 13",
		"with a version":           "Connection: Upgrade\nUpgrade: h2c/1",
		"TLS in place of it":       "Connection: Upgrade\nUpgrade: TLS/1.3, h2c",
		"no websocket though":      "Connection: Upgrade\nUpgrade: websocket",
		"settings in another form": "Connection: close\nHTTP2_Settings: AAMAAABkAAQAAP__",
		"no name at all":           "Connection: Upgrade\nUpgrade: \x80",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, handler := newSpeaksH2C(t)
			front, _ := impatient(t, handler)
			conn, reader, res := raw(t, front, "GET / HTTP/1.1\nHost: shop\n"+offer+"\n\n") //nolint:bodyclose // raw does
			if res.StatusCode == http.StatusSwitchingProtocols {
				// The tunnel is open: what goes through it is the attacker's.
				once := sync.Once{}
				h2 := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) {
					var out net.Conn
					once.Do(func() { out = &bufferedConn{conn, reader} })
					return out, nil
				}}
				h2.Protocols.SetUnencryptedHTTP2(true)
				ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
				defer end()
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop/admin", http.NoBody)
				require.NoError(t, err)
				r.Header.Set("X-User-Id", "forged")
				forged, err := h2.RoundTrip(r)
				require.NoError(t, err)
				require.NoError(t, forged.Body.Close())
				<-b.seen
				require.NotEqual(t, "forged", (<-b.seen).Get("X-User-Id"), "the back end takes the attacker's word")
			}
			require.Equal(t, http.StatusOK, res.StatusCode, "an offer may be ignored: RFC 9110 section 7.8")
			got := <-b.seen
			require.Equal(t, "alice", got.Get("X-User-Id"))
			require.NotContains(t, got, "Upgrade")
			require.NotContains(t, got, "Http2-Settings")
			require.NotContains(t, got, "Http2_settings")
			require.NotContains(t, strings.ToLower(got.Get("Connection")), "upgrade")
		})
	}
}

const webSocketKey = "dGhlIHNhbXBsZSBub25jZQ=="

func webSocketAccept() string {
	sum := sha1.Sum([]byte(webSocketKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

const handshake = "Connection: keep-alive, Upgrade\nUpgrade: WebSocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: " + webSocketKey + "\n\n"

// switches is a back end that answers 101 with this header and then echoes.
func switches(header string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, strings.ReplaceAll("HTTP/1.1 101 Switching Protocols\n"+header+"\n\n", "\n", "\r\n"))
		_, _ = io.Copy(conn, buffered)
	}
}

func TestAWebSocketPasses(t *testing.T) {
	t.Parallel()
	front, _ := impatient(t, switches("Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: "+webSocketAccept()))
	conn, reader, res := raw(t, front, "GET /chat HTTP/1.1\nHost: shop\n"+handshake) //nolint:bodyclose // raw does
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	_, err := io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hello\n", line)
}

func TestA101ThatIsNoWebSocketOpensNoTunnel(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"no proof":         "Connection: Upgrade\nUpgrade: websocket",
		"another proof":    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"another protocol": "Connection: Upgrade\nUpgrade: h2c\nSec-WebSocket-Accept: " + webSocketAccept(),
		"nothing said":     "X-Nothing: at-all",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			front, failed := impatient(t, switches(header))
			_, _, res := raw(t, front, "GET /chat HTTP/1.1\nHost: shop\n"+handshake) //nolint:bodyclose // raw does
			require.Equal(t, http.StatusTeapot, res.StatusCode)
			require.Error(t, <-failed)
		})
	}
}

func TestARequestThatOnlyLooksLikeAWebSocketIsAnOrdinaryOne(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	front, _ := impatient(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- r.Header.Clone()
	})
	for name, request := range map[string]string{
		"by POST":           "POST / HTTP/1.1\nHost: shop\n" + handshake,
		"with a body":       "GET / HTTP/1.1\nHost: shop\nContent-Length: 2\n" + handshake + "ab",
		"with chunks":       "GET / HTTP/1.1\nHost: shop\nTransfer-Encoding: chunked\n" + handshake + "0\n\n",
		"a key too short":   "GET / HTTP/1.1\nHost: shop\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAA\n\n",
		"two keys":          "GET / HTTP/1.1\nHost: shop\nSec-WebSocket-Key: " + webSocketKey + "\n" + handshake,
		"an HTTP/1.0 one":   "GET / HTTP/1.0\nHost: shop\n" + handshake,
		"without a request": "GET / HTTP/1.1\nHost: shop\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: " + webSocketKey + "\n\n",
	} {
		_, _, res := raw(t, front, request) //nolint:bodyclose // raw does
		require.Equal(t, http.StatusOK, res.StatusCode, name)
		require.NotContains(t, <-seen, "Upgrade", name)
	}
}

func TestTraceAndConnectAreNotPassedOn(t *testing.T) {
	t.Parallel()
	front, failed := impatient(t, func(http.ResponseWriter, *http.Request) { t.Error("it reached the back end") })
	for _, line := range []string{
		"TRACE / HTTP/1.1", "trace / HTTP/1.1", "TRACK /x HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT shop:80 HTTP/1.1", "connect /x HTTP/1.1",
	} {
		_, _, res := raw(t, front, line+"\nHost: shop:80\nMax-Forwards: 0\n\n") //nolint:bodyclose // raw does
		require.Equal(t, http.StatusTeapot, res.StatusCode, line)
		require.Equal(t, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", res.Header.Get("Allow"), line)
		require.ErrorContains(t, <-failed, "method", line)
	}
}
