package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/gateway"
)

type everybody struct{}

func (everybody) VerifyRequest(*http.Request) (*verify.Claims, error) {
	return &verify.Claims{Subject: "alice"}, nil
}

// impatient starts a gateway that waits 300 ms for a byte, in front of a handler
// and of what listens at the address.
func impatient(t *testing.T, handler http.HandlerFunc) (front *httptest.Server, failed chan error) {
	t.Helper()
	back := httptest.NewServer(handler)
	t.Cleanup(back.Close)
	target, err := url.Parse(back.URL)
	require.NoError(t, err)
	return impatientTo(t, target)
}

func impatientTo(t *testing.T, target *url.URL) (*httptest.Server, chan error) {
	t.Helper()
	failed := make(chan error, 10)
	g, err := gateway.New(gateway.Config{
		Upstreams: []gateway.Upstream{{Path: "/", Target: target}},
		Verifier:  everybody{},
		Idle:      300 * time.Millisecond, Timeout: 5 * time.Second,
		Log: slog.New(slog.DiscardHandler),
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			failed <- err
			w.WriteHeader(http.StatusTeapot)
		},
	})
	require.NoError(t, err)
	front := httptest.NewServer(g)
	t.Cleanup(front.Close)
	return front, failed
}

func dial(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestAnUploadThatStopsComingIsGivenUp(t *testing.T) {
	t.Parallel()
	front, failed := impatient(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	conn := dial(t, front)
	_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	require.NoError(t, err)
	select {
	case err := <-failed:
		require.ErrorIs(t, err, gateway.ErrClientTimeout)
	case <-time.After(5 * time.Second):
		t.Fatal("it waits for ever")
	}
}

func TestAnUploadThatGoesOnIsNot(t *testing.T) {
	t.Parallel()
	front, failed := impatient(t, func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		time.Sleep(600 * time.Millisecond) // to think, longer than any pause allowed
		_, _ = w.Write(data)
	})
	conn := dial(t, front)
	_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n")
	require.NoError(t, err)
	for i := range 8 {
		time.Sleep(100 * time.Millisecond)
		_, err = fmt.Fprint(conn, i)
		require.NoError(t, err)
	}
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), "01234567")
	require.Empty(t, failed)
}

func TestAnUpstreamThatTakesNothingOfAnUploadIsGivenUp(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // held open, unread, to the end of the test
		}
	}()
	front, failed := impatientTo(t, &url.URL{Scheme: "http", Host: listener.Addr().String()})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.URL, io.LimitReader(zeros{}, 64<<20))
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(r)
	if err == nil { // the client may still have been sending
		require.NoError(t, res.Body.Close())
	}
	select {
	case err := <-failed:
		require.ErrorIs(t, err, gateway.ErrUpstreamTimeout)
	case <-time.After(5 * time.Second):
		t.Fatal("it waits for ever")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAClientThatTakesNothingOfAnAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	front, _ := impatient(t, func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, io.LimitReader(zeros{}, 256<<20))
		ended <- err
	})
	conn := dial(t, front)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	select {
	case err := <-ended:
		require.Error(t, err, "the upstream cannot have got rid of all of it")
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for ever")
	}
}

func TestAnAnswerMayPause(t *testing.T) {
	t.Parallel()
	front, _ := impatient(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "tick\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(500 * time.Millisecond)
		}
	})
	conn := dial(t, front)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("tick\n", 3), string(body))
}

func TestAClientThatBreaksOffIsNoFaultOfTheUpstream(t *testing.T) {
	t.Parallel()
	front, failed := impatient(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	conn := dial(t, front)
	_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	select {
	case err := <-failed:
		require.ErrorIs(t, err, gateway.ErrClientGone)
	case <-time.After(5 * time.Second):
		t.Fatal("it waits for ever")
	}
}

func TestAnAnswerOfKnownLengthThatPausesArrivesInPieces(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	front, _ := impatient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "tick\n")
		_ = http.NewResponseController(w).Flush()
		<-next
		_, _ = io.WriteString(w, "tock\n")
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL, http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	reader := bufio.NewReader(res.Body)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "tick\n", line)
	close(next)
	line, err = reader.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "tock\n", line)
}
