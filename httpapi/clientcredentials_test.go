package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func basic(id, secret string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
}

func (s *site) form(path string, fields url.Values, header ...string) said {
	s.t.Helper()
	return s.do(http.MethodPost, path, fields.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
}

func TestTheTokenEndpointTakesTheClientByBasicAndInTheForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	login := url.Values{"grant_type": {grantWechat}, "code": {"code-alice"}}
	named := url.Values{"grant_type": {grantWechat}, "code": {"code-alice"}, "client_id": {testApp}}
	for name, got := range map[string]said{
		"the form":                      s.form("/oauth2/token", named),
		"Basic":                         s.form("/oauth2/token", login, basic(testApp, "")...),
		"Basic, and the same name":      s.form("/oauth2/token", named, basic(testApp, "")...),
		"Basic with a secret":           s.form("/oauth2/token", login, basic(testApp, "whatever")...),
		"a scheme that is none of ours": s.form("/oauth2/token", named, "Authorization", "Bearer x"),
	} {
		require.Equal(t, http.StatusOK, got.status, "%s: %s", name, got.body)
		refreshed := s.form("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.text("refresh_token")}}, basic(testApp, "")...)
		require.Equal(t, http.StatusOK, refreshed.status, "%s: %s", name, refreshed.body)
	}
	for _, c := range []struct {
		fields url.Values
		header []string
		status int
		code   string
	}{
		{login, nil, 400, "invalid_request"},
		{login, basic("another", ""), 401, "invalid_client"},
		{login, []string{"Authorization", "Basic !"}, 401, "invalid_client"},
		{url.Values{"grant_type": {grantWechat}, "code": {"code-alice"}, "client_id": {"another"}}, nil, 400, "invalid_client"},
		{url.Values{"grant_type": {grantWechat}, "code": {"code-alice"}, "client_id": {"another"}}, basic(testApp, ""), 400, "invalid_request"},
		{url.Values{"grant_type": {grantWechat}, "code": {"code-alice"}, "client_secret": {"x"}}, basic(testApp, "x"), 400, "invalid_request"},
		{url.Values{"grant_type": {grantWechat}, "code": {"code-alice"}, "client_id": {testApp, testApp}}, nil, 400, "invalid_request"},
	} {
		got := s.form("/oauth2/token", c.fields, c.header...)
		require.Equal(t, c.status, got.status, "%v %v: %s", c.fields, c.header, got.body)
		require.Equal(t, c.code, got.text("error"))
		require.Equal(t, c.status == 401, got.header.Get("WWW-Authenticate") == basicChallenge, "RFC 6749 section 5.2")
	}
}

func TestIntrospectionTakesTheKeyAsAClientSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("alice")
	token := url.Values{"token": {access}}
	secret := url.Values{"token": {access}, "client_id": {"shop"}, "client_secret": {testGateway}}
	for name, got := range map[string]said{
		"Bearer":         s.form("/oauth2/introspect", token, bearer(testGateway)...),
		"Basic":          s.form("/oauth2/introspect", token, basic("shop", testGateway)...),
		"Basic, encoded": s.form("/oauth2/introspect", token, basic("sh%6Fp", "%67"+testGateway[1:])...),
		"the form":       s.form("/oauth2/introspect", secret),
	} {
		require.Equal(t, http.StatusOK, got.status, "%s: %s", name, got.body)
		var active struct{ Active bool }
		require.NoError(t, json.Unmarshal(got.body, &active))
		require.True(t, active.Active, name)
	}
	for _, c := range []struct {
		fields url.Values
		header []string
		status int
		code   string
	}{
		{token, basic("shop", "wrong"), 401, "invalid_client"},
		{token, basic("shop", ""), 401, "invalid_client"},
		{token, []string{"Authorization", "Basic !"}, 401, "invalid_client"},
		{url.Values{"token": {access}, "client_secret": {"wrong"}}, nil, 401, "invalid_client"},
		{secret, basic("shop", testGateway), 400, "invalid_request"},
		{secret, bearer(testGateway), 400, "invalid_request"},
		{url.Values{"client_secret": {testGateway}}, nil, 400, "invalid_request"},
	} {
		got := s.form("/oauth2/introspect", c.fields, c.header...)
		require.Equal(t, c.status, got.status, "%v: %s", c.header, got.body)
		require.Equal(t, c.code, got.text("error"))
		require.Equal(t, c.status == 401, got.header.Get("WWW-Authenticate") == basicChallenge)
	}
	none := s.form("/oauth2/introspect", token)
	require.Equal(t, "token_missing", none.text("code"))
	require.Equal(t, "Bearer", none.header.Get("WWW-Authenticate"))
	require.Equal(t, http.StatusForbidden, s.form("/oauth2/introspect", token, basic("x", testAdmin)...).status)
}

func TestTheMetadataOfAnIssuerWithAPathStandWhereRFC8414InsertsIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want := s.do(http.MethodGet, "/.well-known/oauth-authorization-server", "")
	for _, path := range []string{"/.well-known/oauth-authorization-server/tenant", "/.well-known/openid-configuration/tenant", "/.well-known/openid-configuration"} {
		got := s.do(http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, got.status, path)
		require.Equal(t, string(want.body), string(got.body))
		require.Equal(t, issuerName, got.text("issuer"))
	}
	require.Equal(t, http.StatusNotFound, s.do(http.MethodGet, "/.well-known/oauth-authorization-server/other", "").status)
	for issuer, more := range map[string]int{
		"https://a.example": 0, "https://a.example/": 0, "https://a.example/x/y/": 2, "https://a.example/a:b": 0, "https://a.example/%E5%90%8D": 2,
	} {
		require.Len(t, metadataPaths(issuer), 2+more, issuer)
	}
}
