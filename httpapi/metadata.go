package httpapi

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/apikey"
)

// serverMetadata is the document of RFC 8414 section 2. There is no
// authorization endpoint: people log in with a code of wx.login.
type serverMetadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint,omitempty"`
	ResponseTypes         []string `json:"response_types_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	// IDTokenAlgorithms are those of the access tokens. There are no ID tokens,
	// but this is where OpenID Connect libraries learn which algorithms to
	// accept; without it they take RS256 alone.
	IDTokenAlgorithms []string `json:"id_token_signing_alg_values_supported,omitempty"`
	SubjectTypes      []string `json:"subject_types_supported"`
	Documentation     string   `json:"service_documentation"`
}

// metadataPaths are where clients look for the metadata. Of an issuer with a
// path, that path comes after the well-known one (RFC 8414 sections 3.1 and 5);
// OpenID Connect Discovery has it in front, where the gateway that makes the
// path takes it off.
func metadataPaths(issuer string) []string {
	paths := []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}
	u, err := url.Parse(issuer)
	if err != nil {
		return paths
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if path == "" || strings.ContainsAny(path, "*:") { // of which Echo would make parameters
		return paths
	}
	return append(paths, paths[0]+path, paths[1]+path)
}

// metadata answers at the path of RFC 8414 and at that of OpenID Connect
// Discovery, which many libraries know alone.
func (a *api) metadata(c echo.Context) error {
	at := func(path string) string { return strings.TrimRight(a.issuer, "/") + path }
	m := serverMetadata{
		Issuer:             a.issuer,
		TokenEndpoint:      at("/oauth2/token"),
		JWKSURI:            at("/.well-known/jwks.json"),
		RevocationEndpoint: at("/oauth2/revoke"),
		ResponseTypes:      []string{},
		GrantTypes:         []string{grantRefresh, grantCode, grantWechat},
		TokenAuth:          []string{"none"},
		RevocationAuth:     []string{"none"},
		SubjectTypes:       []string{"public"},
		Documentation:      at("/docs"),
	}
	if a.keys.Any(apikey.Gateway) {
		m.IntrospectionEndpoint, m.IntrospectionAuth = at("/oauth2/introspect"), []string{"client_secret_basic", "client_secret_post", "Bearer"}
	}
	for _, k := range a.accessKeys.Set().Keys() {
		// Only this service can check HS256.
		if k.Algorithm != verify.HS256 && !slices.Contains(m.IDTokenAlgorithms, k.Algorithm) {
			m.IDTokenAlgorithms = append(m.IDTokenAlgorithms, k.Algorithm)
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return answerCached(c, echo.MIMEApplicationJSON, jwksMaxAge, body)
}
