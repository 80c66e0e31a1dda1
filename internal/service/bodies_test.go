package service

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUnknownFieldsAreIgnoredInAnyLetterCase(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod()
	alice := p.signIn("alice")
	patch := func(body string) answer { return p.do("PATCH", "/api/v1/users/me", alice.access, body) }

	require.Equal(t, "keep", patch(`{"nickname":"keep","Nickname":"evil","NICKNAME":7}`).text("nickname"))
	require.Equal(t, "keep", patch(`{"Nickname":"evil"}`).text("nickname"))
	require.Equal(t, "last", patch(`{"nickname":"first","nickname":"last"}`).text("nickname"))
	for _, body := range []string{`null`, `[]`, `"x"`, `7`} {
		expect(t, patch(body), 400, "invalid_request")
	}
	a := p.do("POST", "/api/v1/auth/login", "", `{"CODE":"`+w.code(appID, "alice")+`","appId":"`+appID+`"}`)
	expect(t, a, 400, "invalid_request")
	require.Contains(t, a.text("detail"), "code is missing")
}

// withoutLength is a body of unknown length.
type withoutLength struct{ io.Reader }

// overHTTP2 is a client that speaks HTTP/2 to a pod.
func (p *pod) overHTTP2(t *testing.T) (base string, client *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(p.service.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, server.Client()
}

func TestALogoutWithoutABodyMayComeWithoutALength(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod()
	secure, http2 := p.overHTTP2(t)
	for _, c := range []struct {
		base   string
		client *http.Client
		proto  string
	}{{p.server.URL, p.client, "HTTP/1.1"}, {secure, http2, "HTTP/2.0"}} {
		alice := p.signIn("alice")
		for _, body := range []struct {
			text, bearer string
			want         int
		}{
			{"", "", 401},
			{`{"refreshToken":7}`, alice.access, 400},
			{"", alice.access, 204},
			{"", alice.access, 204}, // again
			{`{"refreshToken":"` + alice.refresh + `"}`, "", 204},
		} {
			r := p.request(t, "POST", "/api/v1/auth/logout", body.bearer, withoutLength{strings.NewReader(body.text)})
			require.EqualValues(t, 0, r.ContentLength, "which is to net/http: not known")
			r.URL.Host = strings.TrimPrefix(strings.TrimPrefix(c.base, "http://"), "https://")
			r.URL.Scheme, _, _ = strings.Cut(c.base, ":")
			res, err := c.client.Do(r)
			require.NoError(t, err)
			text, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, c.proto, res.Proto)
			require.Equal(t, body.want, res.StatusCode, "%s: %s", c.proto, text)
		}
		expect(t, p.refresh(alice.refresh), 401, "session_revoked")
	}
}

func TestABodyOverTheLimitIsRefusedHoweverItComes(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	alice := p.signIn("alice")
	large := strings.Repeat("\x00", 200_000)
	for _, path := range []struct{ method, path, key string }{
		{"POST", "/api/v1/auth/logout-all", alice.access},
		{"POST", "/api/v1/auth/logout", alice.access},
		{"POST", "/api/v1/auth/login", ""},
		{"POST", "/api/v1/wechat/check-session", alice.access},
		{"DELETE", "/api/v1/sessions/" + p.sessionOf(alice.access), alice.access},
		{"POST", "/oauth2/token", ""},
		{"POST", "/oauth2/introspect", gatewayKey},
		{"GET", "/api/v1/users/me", alice.access},
	} {
		for _, body := range []io.Reader{strings.NewReader(large), withoutLength{strings.NewReader(large)}} {
			a := p.send(t, p.request(t, path.method, path.path, path.key, body))
			require.Equal(t, 413, a.status, "%s %s: %s", path.method, path.path, a.body)
			require.Equal(t, "body_too_large", a.code())
		}
	}
	require.Equal(t, 200, p.me(alice.access).status, "none of it was begun")

	// Up to the limit it is read, and the handler gets it.
	r := p.request(t, "PATCH", "/api/v1/users/me", alice.access, withoutLength{strings.NewReader(`{"nickname":"Alice"` + strings.Repeat(" ", 60<<10) + `}`)})
	r.Header.Set("Content-Type", "application/json")
	require.Equal(t, "Alice", p.send(t, r).text("nickname"))
	r = p.request(t, "POST", "/api/v1/auth/logout-all", alice.access, withoutLength{strings.NewReader(large[:64<<10])})
	require.Equal(t, 204, p.send(t, r).status)
}

func TestABodyOfUnknownLengthThatBreaksOffIsNoRequest(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod()
	alice := p.signIn("alice")
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", p.server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /api/v1/auth/logout-all HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", alice.access)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 400, res.StatusCode)
	require.Equal(t, 200, p.me(alice.access).status)
}
