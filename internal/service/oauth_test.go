package service

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

const (
	gatewayKey = "gateway-key-0123456789abcdef0123456789"
	adminKey   = "admin-key-0123456789abcdef0123456789ab"
)

func withOperatorKeys(c *config.Config) {
	c.GatewayKey, c.AdminKey = secret.New(gatewayKey), secret.New(adminKey)
}

// form posts parameters as OAuth wants them.
func (p *pod) form(path, bearer string, pairs ...string) answer {
	p.w.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return p.do("POST", path, bearer, values.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func TestTheTokenEndpointSignsInAndRefreshes(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		in := p.form("/oauth2/token", "", "grant_type", "urn:wugan:grant:code", "code", w.code(appID, "alice"), "client_id", appID)
		require.Equal(t, 200, in.status, "%s", in.body)
		require.Equal(t, "no-store", in.header.Get("Cache-Control"))
		require.Equal(t, "no-cache", in.header.Get("Pragma"))
		require.Equal(t, "Bearer", in.text("token_type"))
		require.EqualValues(t, 14400, in.json()["expires_in"])
		require.Equal(t, 200, p.me(in.text("access_token")).status)

		next := p.form("/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", in.text("refresh_token"), "client_id", appID)
		require.Equal(t, 200, next.status, "%s", next.body)
		require.NotEqual(t, in.text("refresh_token"), next.text("refresh_token"))

		require.Equal(t, 200, p.refresh(next.text("refresh_token")).status, "one session, whatever the endpoint")
		w.clock.move(time.Minute)
		third := p.form("/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", in.text("refresh_token"), "client_id", appID)
		require.Equal(t, 400, third.status)
		require.Equal(t, "invalid_grant", third.text("error"), "a copy is noticed here as well")
		require.Equal(t, 401, p.me(next.text("access_token")).status)
	})
}

func TestTheTokenEndpointRefusesInTheFormOfRFC6749(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod()
	good := p.signIn("alice")
	code := w.code(appID, "bob")
	refresh := []string{"grant_type", "refresh_token", "refresh_token", good.refresh, "client_id", appID}
	cases := []struct {
		name  string
		pairs []string
		want  string
	}{
		{"no grant_type", []string{"client_id", appID, "refresh_token", good.refresh}, "invalid_request"},
		{"no client_id", []string{"grant_type", "refresh_token", "refresh_token", good.refresh}, "invalid_request"},
		{"an empty client_id", []string{"grant_type", "refresh_token", "refresh_token", good.refresh, "client_id", ""}, "invalid_request"},
		{"an unknown client_id", []string{"grant_type", "refresh_token", "refresh_token", good.refresh, "client_id", "wx0000000000000000"}, "invalid_client"},
		{"no refresh_token", []string{"grant_type", "refresh_token", "client_id", appID}, "invalid_request"},
		{"no code", []string{"grant_type", grantOfWeChat, "client_id", appID}, "invalid_request"},
		{"a line break in the code", []string{"grant_type", grantOfWeChat, "client_id", appID, "code", "a\nb"}, "invalid_request"},
		{"a parameter twice", append([]string{"client_id", otherApp}, refresh...), "invalid_request"},
		{"another grant", []string{"grant_type", "password", "username", "a", "password", "b", "client_id", appID}, "unsupported_grant_type"},
		{"another app's token", []string{"grant_type", "refresh_token", "refresh_token", good.refresh, "client_id", otherApp}, "invalid_grant"},
		{"an access token in its place", []string{"grant_type", "refresh_token", "refresh_token", good.access, "client_id", appID}, "invalid_grant"},
		{"an unknown code", []string{"grant_type", grantOfWeChat, "client_id", appID, "code", "nobody-ever-made-this-code"}, "invalid_grant"},
		{"a code of another app", []string{"grant_type", grantOfWeChat, "client_id", otherApp, "code", code}, "invalid_grant"},
	}
	for _, c := range cases {
		a := p.form("/oauth2/token", "", c.pairs...)
		require.Equal(t, 400, a.status, "%s: %s", c.name, a.body)
		require.Equal(t, c.want, a.text("error"), c.name)
		require.NotEmpty(t, a.text("error_description"), c.name)
		require.Equal(t, "application/json", strings.Split(a.header.Get("Content-Type"), ";")[0], c.name)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"), c.name)
	}

	a := p.do("POST", "/oauth2/token", "", map[string]any{"grant_type": "refresh_token", "refresh_token": good.refresh, "client_id": appID})
	require.Equal(t, 400, a.status, "JSON is no form")
	require.Equal(t, "invalid_request", a.text("error"))

	a = p.do("POST", "/oauth2/token?"+url.Values{"client_id": {appID}, "grant_type": {"refresh_token"}, "refresh_token": {good.refresh}}.Encode(),
		"", "", "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, "invalid_request", a.text("error"), "a token in the address is never looked at")

	a = p.form("/oauth2/token", "", append(refresh, "padding", strings.Repeat("x", 70<<10))...)
	require.Equal(t, 413, a.status)

	require.Equal(t, 200, p.form("/oauth2/token", "", refresh...).status, "none of this has touched the session")
}

const grantOfWeChat = "urn:wugan:grant:wechat-code"

func TestAnOutageAtTheTokenEndpointIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(func(c *config.Config) { c.LoginRate = 0.5 })
	login := func() answer {
		return p.form("/oauth2/token", "", "grant_type", grantOfWeChat, "code", "nobody-ever-made-this-code", "client_id", appID)
	}
	var last answer
	for range 10 {
		if last = login(); last.status != 400 {
			break
		}
	}
	require.Equal(t, 429, last.status, "failed logins are limited here as well")
	require.Equal(t, "temporarily_unavailable", last.text("error"))
	require.NotEmpty(t, last.header.Get("Retry-After"))

	tokens := p.signInFrom(t, w, "alice")
	require.NoError(t, p.service.db.Close())
	down := p.form("/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", tokens.refresh, "client_id", appID)
	require.Equal(t, 503, down.status, "%s", down.body)
	require.Equal(t, "temporarily_unavailable", down.text("error"), "invalid_grant would end the session at the client")
	require.NotEmpty(t, down.header.Get("Retry-After"))
	gone := p.form("/oauth2/revoke", "", "token", tokens.refresh)
	require.Equal(t, 503, gone.status, "RFC 7009 section 2.2.1")
	require.NotEmpty(t, gone.header.Get("Retry-After"))
}

// signInFrom waits out the limit of failed logins.
func (p *pod) signInFrom(t *testing.T, w *world, person string) tokens {
	t.Helper()
	w.clock.move(time.Minute)
	return p.signIn(person)
}

func TestRevocationEndsTheSessionOfEitherToken(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod()
	for _, of := range []func(tokens) string{func(t tokens) string { return t.access }, func(t tokens) string { return t.refresh }} {
		pair := p.signIn("alice")
		for range 2 {
			a := p.form("/oauth2/revoke", "", "token", of(pair))
			require.Equal(t, 200, a.status, "%s", a.body)
			require.Empty(t, a.body)
		}
		require.Equal(t, "session_revoked", p.me(pair.access).code())
		require.Equal(t, "session_revoked", p.refresh(pair.refresh).code())
	}
	require.Equal(t, 200, p.form("/oauth2/revoke", "", "token", "no token of ours").status, "RFC 7009 section 2.2")
	require.Equal(t, "invalid_request", p.form("/oauth2/revoke", "").text("error"))
	require.Equal(t, "invalid_request", p.form("/oauth2/revoke", "", "token", "a", "token", "b").text("error"))
}

func TestIntrospectionTellsGatewaysAloneWhatAnAccessTokenIs(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	pair := p.signIn("alice")

	a := p.form("/oauth2/introspect", gatewayKey, "token", pair.access)
	require.Equal(t, 200, a.status, "%s", a.body)
	require.Equal(t, true, a.json()["active"])
	require.Equal(t, appID, a.text("client_id"))
	require.Equal(t, "https://auth.example.com", a.text("iss"))
	require.Equal(t, "https://api.example.com", a.text("aud"))
	require.Equal(t, "Bearer", a.text("token_type"))

	inactive := func(token, why string) {
		t.Helper()
		a := p.form("/oauth2/introspect", gatewayKey, "token", token)
		require.Equal(t, 200, a.status, why)
		require.JSONEq(t, `{"active":false}`, string(a.body), why)
	}
	inactive(pair.refresh, "a refresh token must not pass for an access token at a gateway that reads active alone")
	inactive(tampered(pair.access), "tampered")
	inactive("nonsense", "nonsense")

	require.Equal(t, "token_missing", p.form("/oauth2/introspect", "", "token", pair.access).code())
	require.Equal(t, "key_invalid", p.form("/oauth2/introspect", pair.access, "token", pair.access).code())
	require.Equal(t, "forbidden", p.form("/oauth2/introspect", adminKey, "token", pair.access).code())
	require.Equal(t, "invalid_request", p.form("/oauth2/introspect", gatewayKey).text("error"))

	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout-all", pair.access, nil).status)
	inactive(pair.access, "revoked")
	other := p.signIn("alice")
	w.clock.move(5 * time.Hour)
	inactive(other.access, "expired")

	require.Equal(t, 404, w.pod().form("/oauth2/introspect", gatewayKey, "token", pair.access).status, "without a key there is no such path")
}

// tampered changes one bit that counts of a token's signature.
func tampered(token string) string {
	i := strings.LastIndexByte(token, '.') + 3
	c := byte('A')
	if token[i] == c {
		c = 'B'
	}
	return token[:i] + string(c) + token[i+1:]
}

func TestMetadataStandAtBothPaths(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	a := p.do("GET", "/.well-known/oauth-authorization-server", "", nil)
	b := p.do("GET", "/.well-known/openid-configuration", "", nil)
	require.Equal(t, 200, a.status)
	require.JSONEq(t, string(a.body), string(b.body))
	require.Equal(t, "https://auth.example.com", a.text("issuer"))
	require.Equal(t, "https://auth.example.com/oauth2/token", a.text("token_endpoint"))
	require.Equal(t, []any{"ES256"}, a.json()["id_token_signing_alg_values_supported"])
	require.Equal(t, "https://auth.example.com/oauth2/introspect", a.text("introspection_endpoint"))
	require.Equal(t, 304, p.do("GET", "/.well-known/oauth-authorization-server", "", nil, "If-None-Match", a.header.Get("ETag")).status)

	bare := w.pod().do("GET", "/.well-known/openid-configuration", "", nil)
	require.NotContains(t, bare.json(), "introspection_endpoint", "it does not exist without a gateway key")
}

func TestATokenSourceOfXOAuth2KeepsItselfFresh(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	// x/oauth2 renews ten seconds ahead, by its own clock.
	p := w.pod(func(c *config.Config) { c.AccessTTL = 11 * time.Second })
	in := p.form("/oauth2/token", "", "grant_type", grantOfWeChat, "code", w.code(appID, "alice"), "client_id", appID)
	require.Equal(t, 200, in.status)

	// The style of authentication is left for the library to find out: it tries
	// HTTP Basic first, which must not spend the refresh token.
	c := oauth2.Config{ClientID: appID, Endpoint: oauth2.Endpoint{TokenURL: p.server.URL + "/oauth2/token"}}
	client := c.Client(t.Context(), &oauth2.Token{
		AccessToken: in.text("access_token"), RefreshToken: in.text("refresh_token"),
		Expiry: time.Now().Add(11 * time.Second),
	})
	seen := map[string]bool{}
	watched := client.Transport.(*oauth2.Transport).Source
	until := time.Now().Add(4 * time.Second)
	for time.Now().Before(until) {
		token, err := watched.Token()
		require.NoError(t, err)
		seen[token.AccessToken] = true
		w.log.secrets(token.AccessToken, token.RefreshToken)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.server.URL+"/api/v1/users/me", http.NoBody)
		require.NoError(t, err)
		res, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode)
		time.Sleep(100 * time.Millisecond)
	}
	require.GreaterOrEqual(t, len(seen), 3, "it has renewed itself, and more than once")
}
