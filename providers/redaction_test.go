package providers_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
)

// printed is an error and all that it wraps, in every way that a log prints it.
func printed(err error) string {
	var out bytes.Buffer
	for e := err; e != nil; e = errors.Unwrap(e) {
		_, _ = fmt.Fprintf(&out, "%v\n%+v\n%#v\n%q\n", e, e, e, e)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("line", "error", err)
	slog.New(slog.NewTextHandler(&out, nil)).Info("line", "error", err)
	return out.String()
}

// echo repeats the request to its sender, as some gateways do.
func echo(status int, form string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent := r.URL.Query().Get("secret") + r.URL.Query().Get("code") + string(body)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, form, strings.ReplaceAll(sent, `"`, `\"`))
	}
}

func TestNoFailureShowsASecretOrACode(t *testing.T) {
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	ways := map[string]http.HandlerFunc{
		"HTML":            echo(200, "<html>%s</html>"),
		"HTML of 502":     echo(502, "<html>%s</html>"),
		"HTML of 404":     echo(404, "<html>%s</html>"),
		"message":         echo(200, `{"errcode":40125,"errmsg":"%s"}`),
		"unknown errcode": echo(200, `{"errcode":77777,"errmsg":"%s"}`),
		"errcode is text": echo(200, `{"errcode":"%s"}`),
		"success of 403":  echo(403, `{"openid":"%s"}`),
		"too long":        echo(200, `{"openid":"%s`+strings.Repeat("x", 65<<10)+`"}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/x?"+r.URL.RawQuery, http.StatusFound)
		},
		"broken off":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no response":      hang,
		"a bad app token":  echo(200, `{"errcode":40001,"errmsg":"%s"}`),
		"nobody listening": nil,
	}
	for name, h := range ways {
		t.Run(name, func(t *testing.T) {
			base := "http://" + closed.Addr().String()
			if h != nil {
				base = newPlatform(t, h).url
			}
			var seen observations
			c := newCaller(t, base, providers.Config{Timeout: 300 * time.Millisecond, Observe: seen.observe})
			for _, request := range []providers.Request{
				{API: login, Query: url.Values{"secret": {"hunter2"}, "code": {"c0de"}}},
				{API: tokens, Body: providers.JSON(map[string]string{"secret": "hunter2", "code": "c0de"})},
			} {
				_, err := c.Call(t.Context(), request)
				require.Error(t, err)
				for _, hidden := range []string{"hunter2", "c0de", closed.Addr().String()} {
					require.NotContains(t, printed(err), hidden)
					require.NotContains(t, fmt.Sprintf("%+v", seen.seen), hidden)
				}
			}
		})
	}
}

func TestAnErrorOfTheTransportGivesItsCauseAndNotItsText(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason string
	}{
		{&net.DNSError{Err: "no such host", Name: "hunter2.example"}, "the host name cannot be resolved"},
		{&net.OpError{Op: "dial", Err: errors.New("hunter2")}, "no connection"},
		{io.ErrUnexpectedEOF, "connection closed before the answer was complete"},
		{&net.DNSError{Err: "hunter2", IsTimeout: true}, "the host name cannot be resolved"},
		{errors.New("proxy said hunter2"), "the exchange failed"},
	} {
		wrapped := &url.Error{Op: "Get", URL: "https://example.com/?secret=hunter2", Err: c.err}
		client := newCaller(t, "http://127.0.0.1", providers.Config{
			Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, wrapped }),
		})
		_, err := call(t, client, "c0de")
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.Equal(t, c.reason, asError(t, err).Reason)
		require.NotContains(t, printed(err), "hunter2")
		var inner *url.Error
		require.NotErrorAs(t, err, &inner)
	}
}
