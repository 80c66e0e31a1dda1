package wechat_test

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
)

// killer answers the first request of each connection, and closes the
// connection when it has read the second one: by then the code may be used.
type killer struct {
	ln   net.Listener
	mu   sync.Mutex
	seen []string // the raw heads
}

func newKiller(t *testing.T, body string, reset bool) *killer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	k := &killer{ln: ln}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go k.serve(conn, body, reset)
		}
	}()
	return k
}

func (k *killer) serve(conn net.Conn, body string, reset bool) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for n := 0; ; n++ {
		var head bytes.Buffer
		for !bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
		}
		k.mu.Lock()
		k.seen = append(k.seen, head.String())
		k.mu.Unlock()
		if n == 1 {
			if reset {
				_ = conn.(*net.TCPConn).SetLinger(0)
			}
			return
		}
		res := http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)), Body: http.NoBody}
		_ = res.Write(conn)
		_, _ = conn.Write([]byte(body))
	}
}

func (k *killer) heads() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.seen...)
}

func TestACodeIsNotWrittenTwiceWhenAKeptConnectionDies(t *testing.T) {
	for _, reset := range []bool{false, true} {
		k := newKiller(t, `{"openid":"o","session_key":"k"}`, reset)
		address := "http://" + k.ln.Addr().String()

		// First what Go does by itself: without this the test would prove nothing.
		plain := &http.Client{Transport: &http.Transport{}}
		for range 2 {
			res, err := plain.Get(address + "/sns/jscode2session?js_code=plain")
			require.NoError(t, err)
			_, err = new(bytes.Buffer).ReadFrom(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
		}
		require.Len(t, k.heads(), 3, "net/http has repeated the second request")
		plain.CloseIdleConnections()

		c := newClient(t, config(address, nil))
		_, err := c.CodeToSession(background(), appID, "first")
		require.NoError(t, err)
		_, err = c.CodeToSession(background(), appID, "second")
		require.ErrorIs(t, err, providers.ErrUnavailable)
		var second int
		for _, head := range k.heads() {
			if strings.Contains(head, "js_code=second") {
				second++
			}
		}
		require.Equal(t, 1, second, "reset=%v", reset)
		require.Len(t, k.heads(), 5, "and the second went over the kept connection")
	}
}

func TestOnTheWireALoginIsAnOrdinaryGet(t *testing.T) {
	k := newKiller(t, `{"openid":"o","session_key":"k"}`, false)
	c := newClient(t, config("http://"+k.ln.Addr().String(), nil))
	_, err := c.CodeToSession(background(), appID, "a+/=&b")
	require.NoError(t, err)
	head := k.heads()[0]
	line, _, _ := strings.Cut(head, "\r\n")
	require.Equal(t, "GET /sns/jscode2session?"+url.Values{
		"appid": {appID}, "secret": {appSecret}, "js_code": {"a+/=&b"}, "grant_type": {"authorization_code"},
	}.Encode()+" HTTP/1.1", line)
	require.NotContains(t, strings.ToLower(head), "transfer-encoding")
	require.NotContains(t, strings.ToLower(head), "content-length")
	require.NotContains(t, strings.ToLower(head), "idempotency-key", "it would allow net/http to repeat a POST")
}

func TestBodiesAreSentWithTheirLength(t *testing.T) {
	var lengths []int64
	p := newPair(t)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			lengths = append(lengths, r.ContentLength)
		}
		p.fake.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	c := newClient(t, config(proxy.URL, nil))
	_, err := c.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
	require.NoError(t, err)
	require.Len(t, lengths, 2)
	for _, n := range lengths {
		require.Positive(t, n)
	}
}

func TestARefusedConnectionIsAnOutage(t *testing.T) {
	p := newPair(t)
	ln, err := p.fake.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: p.fake.Handler()} //nolint:gosec // a test's own
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	c := newClient(t, config("http://"+ln.Addr().String(), nil))
	_, err = c.CodeToSession(background(), appID, "dev:alice")
	require.NoError(t, err)
	require.NoError(t, p.fake.Refuse(t.Context(), true))
	_, err = c.CodeToSession(background(), appID, "dev:alice")
	require.ErrorIs(t, err, providers.ErrUnavailable, "over the kept connection")
	_, err = c.CodeToSession(background(), appID, "dev:alice")
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.ErrorContains(t, err, "connection refused")
	require.NoError(t, p.fake.Refuse(t.Context(), false))
	_, err = c.CodeToSession(background(), appID, "dev:alice")
	require.NoError(t, err)
}
