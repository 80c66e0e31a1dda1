package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestTheLongestPathWins(t *testing.T) {
	t.Parallel()
	target := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	g := &Gateway{}
	for _, p := range []string{"/a/b/", "/a/", "/"} {
		g.routes = append(g.routes, route{path: p})
		require.NoError(t, Upstream{Path: p, Target: target}.check())
	}
	for request, want := range map[string]string{
		"/": "/", "/x": "/", "/a": "/a/", "/a/": "/a/", "/ab": "/", "/a/b": "/a/b/", "/a/b/c": "/a/b/", "/a/bc": "/a/",
	} {
		got, ok := g.Route(request)
		require.True(t, ok, request)
		require.Equal(t, want, got, request)
	}
	_, ok := (&Gateway{routes: []route{{path: "/a/"}}}).Route("/b")
	require.False(t, ok)
}

func TestPathsThatLeadUpAreNotPassedOn(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"/a/../b", "/a/..", "/a/./b", "/..", `/a/..\b`, `/a\..\b`, "/a/..;/b", "/a/..;x=1/b", "/a/.;/b",
		"/a/%2e%2e/b", "/a/%252e%252e/b", "/a/..%2fb", "/a/%2e%2e%2fb", `/a/..%5cb`,
		// Some readers drop control characters, or blanks at the ends.
		"/a/.\t./b", "/a/.%09./b", "/a/.%2509./b", "/a/ ../b", "/a/.. /b", "/a/..%20/b", "/a/..\u00a0/b",
		// Some decode what can be decoded, and leave the rest.
		"/a/%zz/%2e%2e/b", "/a/50%/%252e%252e/b", "/a/%u002e%u002e/b",
	} {
		require.False(t, straight(p), p)
	}
	for _, p := range []string{"/", "/a/b.c", "/a/...", "/a/..b", "/a/.well-known", "/a/50%", "/商品/一", "/a//b"} {
		require.True(t, straight(p), p)
	}
}

func TestControlCharactersAndWhatIsNotUTF8AreNotPassedOn(t *testing.T) {
	t.Parallel()
	var parts []string
	for c := range 0x20 {
		parts = append(parts, fmt.Sprintf("%%%02x", c), fmt.Sprintf("%%25%02X", c), fmt.Sprintf("%%2525%02x", c))
	}
	parts = append(parts,
		"%7f", "%257f", "%c2%80", "%c2%9f", "%25c2%2585", // DEL and C1
		"%80", "%ff", "%c0%ae", "%c0%af", "%e0%80%ae", "%ed%a0%80", "%f5%80%80%80", "%25c0%25ae", "%e5%95", // no UTF-8
		"%u0000", "%25u0009", "%25u007f", "%25zz%2509", "%2525zz%252509")
	for _, part := range parts {
		for _, text := range []string{"/pub/" + part, "/pub/." + part + "./private", "/" + part + "/"} {
			u, err := url.ParseRequestURI(text)
			if err != nil {
				continue // net/http answers 400 by itself
			}
			require.False(t, straight(u.Path), text)
			require.False(t, (&Gateway{public: []string{"/"}}).isPublic(u), text)
		}
	}
	for _, text := range []string{"/a/%E5%95%86%E5%93%81", "/a/%F0%9F%8D%B5", "/a%20b", "/a/%C2%A0", "/50%25", "/100%25%E7%BA%AF", "/%EF%BF%BD"} {
		u, err := url.ParseRequestURI(text)
		require.NoError(t, err)
		require.True(t, straight(u.Path), text)
	}
}

func TestOnlyPlainPathsArePublic(t *testing.T) {
	t.Parallel()
	g := &Gateway{public: []string{"/pub/", "/exact"}}
	for text, want := range map[string]bool{
		"/pub/": true, "/pub/a/b": true, "/pub/%E5%95%86%E5%93%81": true, "/exact": true, "/pub/a?x=/../": true,
		"/pub": false, "/exact/": false, "/exact/a": false, "/Pub/a": false, "/private": false,
		"/pub//a": false, "/pub/a%2fb": false, "/pub/a%2Fb": false, "/pub/%25": false, "/pub/a;b": false, "/pub/a%5Cb": false,
		"/pub/%2e%2e/private": false, "/pub/%00": false, "//pub/": false,
		"/pub/.%09./private": false, "/pub/%ff": false, "/pub/.%c2%85./private": false,
		// Forms that Unicode's NFKC turns into "/", "\\", ".", ";" or "%".
		"/pub/%EF%BC%8E%EF%BC%8E/private": false, "/pub/%E2%80%A5/private": false, "/pub/a%EF%BC%8Fb": false,
		"/pub/%EF%BC%BC": false, "/pub/%EF%BC%85": false, "/pub/%EF%BC%9B": false, "/pub/%E2%84%80": false,
		"/pub/%EF%BC%88%E6%96%B0%EF%BC%89": true,
	} {
		u, err := url.ParseRequestURI(text)
		require.NoError(t, err)
		require.Equal(t, want, g.isPublic(u), text)
	}
}

func FuzzAPublicPathIsPublicToEveryReader(f *testing.F) {
	for _, seed := range []string{"/pub/a", "/pub/../private", "/pub/%2e%2e/private", `/pub/..\private`, "/pub/..;/private", "/pub//../x", "/pub/%252e%252e/x", "/pub/.%09./private", "/pub/%EF%BC%8E%EF%BC%8E/x", "/pub/.%c2%85./x"} {
		f.Add(seed)
	}
	g := &Gateway{public: []string{"/pub/"}}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.ParseRequestURI(text)
		if err != nil || !g.isPublic(u) {
			return
		}
		// However an upstream reads it: decoded again, without control
		// characters, with "\" as "/", in Unicode's compatible forms,
		// without what follows ";", with "//" folded, with dots resolved.
		reading := u.Path
		for range 3 {
			if again, err := url.PathUnescape(reading); err == nil {
				reading = again
			}
			reading = strings.Map(func(r rune) rune {
				if unicode.IsControl(r) {
					return -1
				}
				return r
			}, norm.NFKC.String(reading))
			reading = strings.ReplaceAll(reading, `\`, "/")
			segments := strings.Split(reading, "/")
			for i := range segments {
				segments[i], _, _ = strings.Cut(segments[i], ";")
			}
			reading = strings.Join(segments, "/")
			if cleaned := path.Clean(reading); cleaned != "/pub" && !strings.HasPrefix(cleaned, "/pub/") {
				t.Fatalf("%q is public, and %q is what an upstream may read", text, cleaned)
			}
		}
	})
}

func TestIdentityHeadersAreStrippedInEverySpelling(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	for _, name := range []string{"X-User-Id", "x-user-id", "X_User_Id", "X.User.Id", "X-USER_ID", "x~app!id", "X_Session-Id", "X`Roles"} {
		h[name] = []string{"forged", "twice"}
	}
	h["X-User-Idea"], h["Accept"] = []string{"kept"}, []string{"kept"}
	identify(h, nil)
	require.Equal(t, http.Header{"X-User-Idea": {"kept"}, "Accept": {"kept"}}, h)
}

func TestHeadersThatBackEndsBelieveAreStrippedInEverySpelling(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Forwarded-User",
		"X-Forwarded-Path", "X-Forwarded-Uri", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-By", "X-Forwarded-Scheme",
		"X-Forwarded-Client-Cert", "X-Forwarded-Access-Token", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded", "Forwarded",
		"Forwarded-For", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-Host", "X-Original-Forwarded-For",
		"Remote-User", "Remote-Groups", "Remote-Addr", "X-Remote-User", "X-Remote-Addr", "X-Remote-Ip", "X-Auth-User",
		"X-Auth-Request-User", "X-Authenticated-User", "X-Authenticated-Userid", "X-Authentik-Username", "X-Webauth-User",
		"X-Consumer-Id", "X-Consumer-Username", "X-Credential-Identifier", "X-Anonymous-Consumer", "X-Userinfo", "X-User",
		"X-Amzn-Oidc-Identity", "X-Goog-Authenticated-User-Email", "X-Ms-Client-Principal-Name", "Cf-Access-Authenticated-User-Email",
		"Tailscale-User-Login", "Oidc-Claim-Sub", "X-Wx-Openid", "X-WX-Unionid", "X-Wx-Source",
		"True-Client-Ip", "Client-Ip", "X-Client-Ip", "X-Real-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip", "X-Cluster-Client-Ip",
		"Proxy-Client-Ip", "Wl-Proxy-Client-Ip", "Http-Client-Ip", "Http-X-Forwarded-For", "X-Originating-Ip", "Ali-Cdn-Real-Ip",
		"X-Envoy-Original-Path", "X-Envoy-External-Address", "X-Host", "X-Script-Name", "Script-Name", "X-Http-Host-Override",
		"Front-End-Https", "X-Url-Scheme", "X-Scheme", "X-Ssl-Client-Verify", "Ssl-Client-Cert", "X-Client-Cert", "X-Arr-Clientcert",
		"X-Accel-Mapping", "X-Sendfile-Type", "X-Middleware-Subrequest", "Proxy", "Http2-Settings",
		"X-User-Id", "X-App-Id", "X-Session-Id", "X-Roles", "X-Request-Id", "Content-Length", "Transfer-Encoding",
	} {
		for _, spelling := range []string{
			name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."),
			strings.Replace(name, "-", "_", 1), strings.ReplaceAll(strings.ToUpper(name), "-", "_"), strings.ReplaceAll(name, "-", "~"),
		} {
			h := http.Header{spelling: {"forged", "twice"}}
			identify(h, nil)
			require.Empty(t, h, spelling)
		}
	}
	kept := http.Header{}
	for _, name := range []string{
		"Accept", "Authorization", "Content-Type", "Cookie", "Host-Name", "Origin", "Range", "User-Agent", "Referer", "Traceparent",
		"X-Requested-With", "X-Auth-Token", "X-Access-Token", "X-Sign", "X_Sign", "X-App-Version", "X-User-Idea", "X-Tenant-Id",
		"X-Csrf-Token", "X-Http-Method-Override", "Idempotency-Key", "Accept-Language", "Sec-Websocket-Key", "X-Wxpay-Signature",
		"Wechatpay-Signature", "Last-Event-Id", "Client-Version", "X-Real-Name", "X-Client-Version", "X-Client-Id",
	} {
		kept[name] = []string{"the application's"}
	}
	h := kept.Clone()
	identify(h, nil)
	require.Equal(t, kept, h)
}

func TestAWrongSettingIsNamed(t *testing.T) {
	t.Parallel()
	good := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for _, list := range [][]Upstream{
		{{Path: "/a", Target: good}},
		{{Path: "a/", Target: good}},
		{{Path: "/a/../", Target: good}},
		{{Path: "/a//", Target: good}},
		{{Path: "/a/", Target: nil}},
		{{Path: "/a/", Target: &url.URL{Scheme: "ftp", Host: "x"}}},
		{{Path: "/a/", Target: &url.URL{Scheme: "http", Host: "x", Path: "/base"}}},
		{{Path: "/a/", Target: &url.URL{Scheme: "http", Host: "x", User: url.User("u")}}},
		{{Path: "/a/", Target: good}, {Path: "/a/", Target: good}},
	} {
		require.ErrorContains(t, CheckUpstreams(list), "/")
	}
	require.NoError(t, CheckUpstreams([]Upstream{{Path: "/a/", Target: good}, {Path: "/", Target: good}}))
	require.Error(t, CheckPublic([]string{"no-slash"}))
	require.Error(t, CheckPublic([]string{"/a/../b"}))
	require.NoError(t, CheckPublic([]string{"/a/", "/b"}))
	_, err := New(Config{})
	require.Error(t, err)
}
