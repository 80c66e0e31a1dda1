package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answering is the address of a server whose responses are these bytes.
func answering(t *testing.T, response string) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = c.Read(make([]byte, 1024))
				_, _ = io.WriteString(c, response)
				_ = c.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func ask(c *conn, _, _ int) error { return want(200)(c.ask("GET", "/", "", "")) }

func TestARequestThatFailsEndsTheMeasurement(t *testing.T) {
	for response, says := range map[string]string{
		"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops": "answered 500: oops",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n":                        "invalid syntax",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab":                      "not one HTTP response",
		"HTTP/1.1 abc\r\n\r\n":                                                "invalid syntax",
		"HTTP/1.1 200 OK\r\n":                                                 "EOF",
		"\r\n\r\n":                                                            "not one HTTP response",
	} {
		_, err := drive(t.Context(), answering(t, response), 2, time.Second, ask)
		require.ErrorContains(t, err, says, "%q", response)
		require.ErrorContains(t, err, "clients failed")
	}
	_, err := drive(t.Context(), "127.0.0.1:1", 1, time.Second, ask)
	require.ErrorContains(t, err, "refused")
}

func TestAClientReadsResponsesOfAnySize(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		text := strings.Repeat(string(body), 30_000)
		w.Header().Set("Content-Length", "210000")
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	c, err := dial(t.Context(), strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	defer c.c.Close()
	for range 2 {
		status, body, err := c.ask("POST", "/", "t", `{"a":1}`)
		require.NoError(t, err)
		require.Equal(t, 200, status)
		require.Len(t, body, 210_000)
	}
	require.Equal(t, "v", field([]byte(`{"a":"b","n":"v"}`), "n"))
	require.Empty(t, field([]byte(`{"a":"b"}`), "n"))
}
