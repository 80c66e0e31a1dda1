package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// public are the documents that a cache may keep.
var public = map[string]bool{
	"/.well-known/jwks.json": true, "/.well-known/oauth-authorization-server": true, "/.well-known/openid-configuration": true,
	"/.well-known/oauth-authorization-server/tenant": true, "/.well-known/openid-configuration/tenant": true,
	"/openapi.yaml": true, "/openapi.json": true, "/docs": true, "/docs.js": true, "/docs.css": true, "/docs.zh.json": true,
	"/console": true, "/console/": true, "/console/console.js": true, "/console/console.css": true, "/console/icon.svg": true,
}

// Every route is asked as its owner, as another person would be and without a
// token, with each method: whatever comes back, no cache may keep it.
func TestNoResponseButThePublicDocumentsMayBeCached(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config, _ *http.Server) { c.CORS.Origins = []string{"https://h5.example.com"} })
	access, _ := s.login("alice")
	paths := map[string]bool{"/nowhere": true, "/api/v1/auth/verify/shop/orders": true}
	for _, r := range s.routes() {
		path := strings.NewReplacer(":id", "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f", ":appId", testApp, "/*", "/below").Replace(r)
		paths[path] = true
	}
	require.Greater(t, len(paths), 30)
	for path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
			for who, header := range map[string][]string{
				"nobody": nil, "alice": bearer(access), "a gateway": bearer(testGateway), "an operator": bearer(testAdmin),
				"a preflight": {"Origin", "https://h5.example.com", "Access-Control-Request-Method", "POST"},
			} {
				got := s.do(method, path, "", header...)
				control := got.header.Values("Cache-Control")
				if public[path] && got.status < 400 && method != http.MethodOptions {
					require.Len(t, control, 1, "%s %s", method, path)
					continue
				}
				require.Equal(t, []string{"no-store"}, control, "%s %s by %s: %d", method, path, who, got.status)
			}
		}
	}
}

func TestWhatIsKnownOfTheFeedIsNotStoredEither(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	feed := s.do(http.MethodGet, "/api/v1/revocations", "", bearer(testGateway)...)
	require.Equal(t, http.StatusOK, feed.status)
	again := s.do(http.MethodGet, "/api/v1/revocations", "", append(bearer(testGateway), "If-None-Match", feed.header.Get("ETag"))...)
	require.Equal(t, http.StatusNotModified, again.status)
	require.Equal(t, "no-store", again.header.Get("Cache-Control"))
}

func TestEveryPathThatHasGETHasHEAD(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.moved.stand()
	access, _ := s.login("alice")
	for _, path := range s.routes() {
		path = strings.NewReplacer(":id", "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f", ":appId", testApp, "/*", "/below").Replace(path)
		for _, header := range [][]string{nil, bearer(access), bearer(testGateway), bearer(testAdmin)} {
			s.moved.move(2 * time.Second) // earns what two wrong keys cost
			get := s.do(http.MethodGet, path, "", header...)
			head := s.do(http.MethodHead, path, "", header...)
			require.Equal(t, get.status, head.status, path)
			require.Empty(t, head.body, path)
			for _, name := range []string{"Content-Type", "Cache-Control", "ETag", "Allow", "WWW-Authenticate", "X-User-Id"} {
				require.Equal(t, get.header.Values(name), head.header.Values(name), "%s of %s", name, path)
			}
		}
	}
}
