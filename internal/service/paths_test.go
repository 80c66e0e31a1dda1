package service

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

var everyMethod = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW"}

func TestWithoutTheirKeyOperatorsPathsDoNotExistByAnyMethod(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	id := uuid.NewString()
	admin := []string{
		"/api/v1/admin/users", "/api/v1/admin/users/" + id, "/api/v1/admin/users/" + id + "/disable", "/api/v1/admin/users/" + id + "/enable",
		"/api/v1/admin/users/" + id + "/roles", "/api/v1/admin/users/" + id + "/metadata", "/api/v1/admin/users/" + id + "/logout-all",
		"/api/v1/admin/users/" + id + "/sessions", "/api/v1/admin/users/" + id + "/phone", "/api/v1/admin/key", "/api/v1/admin/stats", "/api/v1/admin/users/" + id + "/events", "/api/v1/admin/sessions/" + id,
	}
	gateway := []string{"/api/v1/revocations", "/oauth2/introspect"}
	for _, c := range []struct {
		pod   *pod
		paths []string
	}{
		{w.pod(), append(gateway, admin...)},
		{w.behind([]string{"/=" + b.URL}), append(gateway, admin...)},
		{w.pod(func(c *config.Config) { c.AdminKey = secret.New(adminKey) }), gateway},
		{w.pod(func(c *config.Config) { c.GatewayKey = secret.New(gatewayKey) }), admin},
	} {
		for _, path := range c.paths {
			for _, method := range everyMethod {
				r := c.pod.request(t, method, path, "", nil)
				a := c.pod.send(t, r)
				require.Equal(t, 404, a.status, "%s %s", method, path)
				require.Empty(t, a.header.Get("Allow"), "%s %s", method, path)
				if method != "HEAD" {
					require.Equal(t, "not_found", a.code(), "%s %s", method, path)
				}
			}
		}
	}
	require.Empty(t, b.got, "no upstream gets them")

	// With their keys they are there.
	p := w.pod(withOperatorKeys)
	for _, path := range append(gateway, admin...) {
		a := p.send(t, p.request(t, "PATCH", path, "", nil))
		require.Equal(t, 405, a.status, path)
		require.NotEmpty(t, a.header.Get("Allow"), path)
	}
}

func TestNothingIsBelowAnID(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	alone, gateway := w.pod(withOperatorKeys), w.behind([]string{"/=" + b.URL}, withOperatorKeys)
	alice := alone.signIn("alice")
	id := alone.sessionOf(alice.access)
	for _, path := range []string{
		"/api/v1/sessions/", "/api/v1/sessions/x/y", "/api/v1/sessions/" + id + "/", "/api/v1/sessions/" + id + "/x",
		"/api/v1/admin/sessions/" + id + "/x", "/api/v1/admin/users/" + id + "/x", "/api/v1/admin/users/" + id + "/disable/x",
		"/api/v1/wechat/push/" + appID + "/x",
	} {
		for _, method := range everyMethod {
			a := alone.send(t, alone.request(t, method, path, alice.access, nil))
			require.Equal(t, 404, a.status, "%s %s", method, path)
			if method != "HEAD" {
				require.Equal(t, "not_found", a.code(), "%s %s", method, path)
			}
		}
		require.Equal(t, 200, gateway.send(t, gateway.request(t, "GET", path, alice.access, nil)).status, "it is none of ours: %s", path)
	}
	expect(t, alone.do("GET", "/api/v1/sessions/"+id, alice.access, nil), 405, "method_not_allowed")
	require.Equal(t, 405, alone.send(t, alone.request(t, "PUT", "/api/v1/wechat/push/"+appID, "", nil)).status)
	require.Equal(t, 200, alone.me(alice.access).status)
}

func TestAnIDHasOneForm(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	alice := p.signIn("alice")
	session, user := p.sessionOf(alice.access), p.userOf(alice.access)
	others := func(id string) []string {
		return []string{"urn:uuid:" + id, "%7B" + id + "%7D", strings.ReplaceAll(id, "-", ""), id + "0", id[:35], "x" + id[1:35] + "x"}
	}
	for _, other := range others(session) {
		expect(t, p.do("DELETE", "/api/v1/sessions/"+other, alice.access, nil), 404, "not_found")
		expect(t, p.admin("DELETE", "/sessions/"+other+"?reason=test", nil), 404, "not_found")
	}
	for _, other := range others(user) {
		expect(t, p.admin("GET", "/users/"+other, nil), 404, "not_found")
		expect(t, p.admin("POST", "/users/"+other+"/disable", because), 404, "not_found")
		expect(t, p.admin("GET", "/users?cursor="+other, nil), 400, "invalid_request")
		require.Equal(t, []any{}, p.admin("GET", "/users?id="+other, nil).json()["users"])
	}
	require.Len(t, p.admin("GET", "/users?id="+user, nil).json()["users"], 1)
	require.Equal(t, 200, p.me(alice.access).status)
	require.Equal(t, http.StatusNoContent, p.do("DELETE", "/api/v1/sessions/"+session, alice.access, nil).status)
}

// TestWhatIsNoRequestHasNoProblemDocument holds the exception that the documents
// name against the server as it is.
func TestWhatIsNoRequestHasNoProblemDocument(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	plain := w.serve(func(*config.Config) {})
	cert, key, _ := writeCertificate(t, t.TempDir(), "auth.example.com", 1)
	secure := w.serve(func(c *config.Config) { c.TLSCert, c.TLSKey = cert, key })
	for text, want := range map[string]int{
		"nonsense\r\n\r\n": 400,
		"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n":                                400,
		"GET / HTTP/1.1\r\n\r\n":                                                       400,
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nContent-Length: 1\r\n\r\n": 417,
		"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 40<<10) + "\r\n\r\n":  431,
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":                501,
		"TLS": 400,
	} {
		address := plain.String()
		if text == "TLS" {
			address, text = secure.String(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		}
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, want, res.StatusCode, "%.60q", text)
		require.Empty(t, res.Header.Get("X-Request-Id"), "%.60q", text)
		require.NotEqual(t, "application/problem+json", res.Header.Get("Content-Type"))
		require.NoError(t, res.Body.Close())
		require.NoError(t, conn.Close())
	}
}

func TestARefusedKeyIsNotCalledAnAccessToken(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	for _, path := range []string{"/api/v1/admin/users", "/api/v1/revocations"} {
		a := p.do("GET", path, strings.Repeat("w", 40), nil)
		expect(t, a, 401, "key_invalid")
		require.Equal(t, "Key refused", a.text("title"))
		require.Equal(t, `Bearer error="invalid_token", error_description="Key refused"`, a.header.Get("WWW-Authenticate"))
	}
	for _, values := range [][]string{{"Bearer " + adminKey, "Bearer " + adminKey}, {"Bearer "}, {"Bearer"}, {"Basic " + adminKey}, nil} {
		r := p.request(t, "GET", "/api/v1/admin/users", "", nil)
		r.Header["Authorization"] = values
		expect(t, p.send(t, r), 401, "token_missing")
	}
	for want, headers := range map[string][][]string{
		"token_invalid": {{"Bearer a", "Bearer a"}, {"Bearer "}, {"Bearer"}, {"Bearer a b"}}, "token_missing": {{"Basic a"}, nil},
	} {
		for _, values := range headers {
			r := p.request(t, "GET", "/api/v1/users/me", "", nil)
			r.Header["Authorization"] = values
			expect(t, p.send(t, r), 401, want)
		}
	}
	a := p.me("nonsense")
	expect(t, a, 401, "token_invalid")
	require.Equal(t, `Bearer error="invalid_token", error_description="Access token refused"`, a.header.Get("WWW-Authenticate"))
}
