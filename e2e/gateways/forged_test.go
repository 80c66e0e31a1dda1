//go:build e2e

package gateways

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// upgrades adds to a business service what many have: WebSockets, and the switch
// to HTTP/2 of RFC 7540 section 3.2, after which handler answers what comes.
func upgrades(t *testing.T, handler http.Handler) http.HandlerFunc {
	t.Helper()
	switched := &switchedConns{conns: make(chan net.Conn), closed: make(chan struct{})}
	h2 := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = h2.Serve(switched) }()
	t.Cleanup(func() { _ = h2.Close() })
	return func(w http.ResponseWriter, r *http.Request) {
		offer := strings.ToLower(strings.Join(r.Header.Values("Upgrade"), ","))
		switch {
		case strings.Contains(offer, "h2c"):
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
			switched.add(&bufferedConn{conn, buffered.Reader})
		case offer == "websocket" && r.Header.Get("Sec-WebSocket-Key") != "":
			conn, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer func() { _ = conn.CloseNow() }()
			_ = conn.Write(r.Context(), websocket.MessageText, []byte(r.Header.Get("X-User-Id")))
			_, _, _ = conn.Read(r.Context())
		default:
			handler.ServeHTTP(w, r)
		}
	}
}

type switchedConns struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (s *switchedConns) add(conn net.Conn) {
	select {
	case s.conns <- conn:
	case <-s.closed:
	}
}

func (s *switchedConns) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *switchedConns) Close() error   { close(s.closed); return nil }
func (s *switchedConns) Addr() net.Addr { return &net.TCPAddr{} }

type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// raw sends what no library would, and reads the response but for its body.
func (s *site) raw(t *testing.T, request string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	for len(s.got) > 0 {
		<-s.got
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.gateway)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n"))
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	require.NoError(t, err, "%s", request)
	t.Cleanup(func() { _ = res.Body.Close() })
	return conn, reader, res
}

// folded is a header's name as a CGI program may see it.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// spellings are all ways to write the identity headers with one character in
// place of "-", once for all of them.
func spellings(character string) string {
	var out strings.Builder
	for _, name := range []string{"X-User-Id", "X-App-Id", "X-Session-Id", "X-Roles"} {
		for _, places := range []int{1, -1} {
			spelled := strings.Replace(name, "-", character, places)
			out.WriteString(spelled + ": forged\n" + strings.ToLower(spelled) + ": forged\n" + strings.ToUpper(spelled) + ": forged\n")
		}
		if i := strings.LastIndex(name, "-"); i > 1 {
			out.WriteString(name[:i] + character + name[i+1:] + ": forged\n")
		}
	}
	return out.String()
}

// believed are headers that back ends take from a proxy.
var believed = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Forwarded-User",
	"X-Original-URL", "X-Rewrite-URL", "Remote-User", "True-Client-IP", "Client-IP", "X-Real-IP", "Proxy",
}

// identityCannotBeForged claims an identity in every spelling.
func (s *site) identityCannotBeForged(t *testing.T) {
	t.Helper()
	alice := s.wugan.Login(t, "alice")
	start := "GET /shop/orders HTTP/1.1\nHost: shop\nAuthorization: Bearer " + alice.AccessToken + "\n"
	requests := map[string]string{
		"a blank before the colon": "Connection: close\nX-User-Id : forged\nX-Roles : forged\n",
		"a folded line":            "Connection: close\nX-Nothing: a\n X-User-Id: forged\n",
		"on both sides":            "X-User-Id: forged\nConnection: close\nX-User-Id: forged\nx-user-id: forged\nX-ROLES: forged\n",
		"many":                     "Connection: close\n" + strings.Repeat("X: y\n", 60) + spellings("_"),
	}
	for _, connection := range []string{
		"close", "close, X-User-Id", "X-User-Id, X-Session-Id, X-App-Id, X-Roles, close", "x-user-id", "keep-alive, x-user-id, x_roles", "Upgrade, x-user-id",
	} {
		requests["Connection: "+connection] = "Connection: " + connection + "\n" + spellings("-") + spellings("_")
		requests["after Connection: "+connection] = "Connection: " + connection + "\n"
	}
	requests["two Connection headers"] = "Connection: x-user-id\nConnection: x-session-id, x-app-id\n"
	requests["with a WebSocket's offer"] = "Connection: Upgrade, X-User-Id\nUpgrade: websocket\n"
	requests["what else is believed"] = "Connection: close\n" + strings.Join(believed, ": forged\n") + ": forged\n"
	for _, character := range strings.Split("! # $ % & ' * + . ^ _ ` | ~", " ") {
		requests["with "+character] = "Connection: close\n" + spellings(character)
	}
	for name, headers := range requests {
		_, _, res := s.raw(t, start+headers+"\n") //nolint:bodyclose // raw does
		if len(s.got) == 0 {
			// To refuse such a request as a whole is right, too.
			require.Equal(t, http.StatusBadRequest, res.StatusCode, name)
			continue
		}
		got := <-s.got
		require.Equal(t, http.StatusOK, res.StatusCode, name)
		for header, values := range got.Header {
			switch folded(header) {
			case "x-user-id":
				require.Equal(t, []string{alice.User.ID}, values, "%s: %s", name, header)
			case "x-app-id":
				require.Equal(t, []string{alice.User.AppID}, values, "%s: %s", name, header)
			case "x-session-id":
				require.NotContains(t, values, "forged", "%s: %s", name, header)
				require.Len(t, values, 1, name)
			case "x-roles":
				t.Fatalf("%s: she has no roles, and the service is told of %s: %v", name, header, values)
			case "connection":
				require.NotRegexp(t, "(?i)x[-_](user|app|session|roles)", strings.Join(values, ","), "%s: the service, or a proxy in front of it, would drop the identity", name)
			}
		}
		for _, header := range believed {
			require.NotContains(t, got.Header.Get(header), "forged", "%s: %s", name, header)
		}
		require.NotEmpty(t, got.Header.Get("X-Session-Id"), name)
		require.Empty(t, got.Header.Get("Authorization"), "the business service needs no token")
	}
}

// passesNoUpgradeButAWebSocket offers the switch to HTTP/2, after which a caller
// could say anything to a service that takes the offer.
func (s *site) passesNoUpgradeButAWebSocket(t *testing.T) {
	t.Helper()
	alice := s.wugan.Login(t, "alice")
	const settings, key = "HTTP2-Settings: AAMAAABkAAQAAP__\n", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
	for name, offer := range map[string]string{
		"as curl offers it":    "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\n" + settings,
		"settings not named":   "Connection: Upgrade\nUpgrade: h2c\n" + settings,
		"no settings":          "Connection: upgrade\nUpgrade: H2C\n",
		"before websocket":     "Connection: Upgrade\nUpgrade: h2c, websocket\n" + key,
		"after websocket":      "Connection: Upgrade\nUpgrade: websocket, h2c\n" + key,
		"in a second header":   "Connection: Upgrade\nUpgrade: websocket\nUpgrade: h2c\n" + key,
		"in the first of two":  "Connection: Upgrade\nUpgrade: h2c\nUpgrade: websocket\n" + key,
		"websocket in a word":  "Connection: Upgrade\nUpgrade: h2c/websocket\n" + key,
		"a websocket's prefix": "Connection: Upgrade\nUpgrade: websocketh2c\n" + key,
		"not named":            "Upgrade: h2c\n" + settings,
	} {
		conn, reader, res := s.raw(t, "GET /shop/orders HTTP/1.1\nHost: shop\nAuthorization: Bearer "+alice.AccessToken+"\n"+offer+"\n") //nolint:bodyclose // raw does
		if res.StatusCode == http.StatusSwitchingProtocols && res.Header.Get("Upgrade") != "websocket" {
			require.NotEqual(t, "forged", s.speakThrough(t, &bufferedConn{conn, reader}), "%s: the service takes the caller's word", name)
			t.Fatalf("%s: the gateway passes the switch to HTTP/2", name)
		}
		for len(s.got) > 0 {
			got := <-s.got
			require.NotContains(t, strings.ToLower(strings.Join(got.Header.Values("Upgrade"), ",")), "h2c", name)
			require.NotContains(t, got.Header, "Http2-Settings", name)
			require.Equal(t, alice.User.ID, got.Header.Get("X-User-Id"), name)
		}
	}

	address := "ws://" + s.gateway + "/shop/ws"
	_, res, err := websocket.Dial(t.Context(), address, nil) //nolint:bodyclose // its documentation: never to be closed
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	conn, _, err := websocket.Dial(t.Context(), address, &websocket.DialOptions{ //nolint:bodyclose // as above
		HTTPHeader: http.Header{"Authorization": {"Bearer " + alice.AccessToken}, "X-User-Id": {"forged"}, "X_user_id": {"forged"}},
	})
	require.NoError(t, err, "a WebSocket passes")
	defer func() { _ = conn.CloseNow() }()
	_, user, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, alice.User.ID, string(user))
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
}

// speakThrough sends a request of HTTP/2 through a tunnel, and returns as whom
// the service took it.
func (s *site) speakThrough(t *testing.T, conn net.Conn) string {
	t.Helper()
	h2 := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	h2.Protocols.SetUnencryptedHTTP2(true)
	ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
	defer end()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop/shop/orders", http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-User-Id", "forged")
	res, err := h2.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return (<-s.got).Header.Get("X-User-Id")
}

func (s *site) passesNeitherTraceNorConnect(t *testing.T) {
	t.Helper()
	alice := s.wugan.Login(t, "alice")
	for _, line := range []string{"TRACE /shop/orders", "TRACK /shop/orders", "CONNECT /shop/orders", "CONNECT shop:80"} {
		_, _, res := s.raw(t, line+" HTTP/1.1\nHost: shop:80\nConnection: close\nAuthorization: Bearer "+alice.AccessToken+"\n\n") //nolint:bodyclose // raw does
		require.GreaterOrEqual(t, res.StatusCode, 400, line)
		require.Less(t, res.StatusCode, 502, line)
		require.Empty(t, s.got, "%s reaches the service", line)
	}
}
