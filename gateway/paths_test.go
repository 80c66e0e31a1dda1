package gateway

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
	} {
		require.False(t, straight(p), p)
	}
	for _, p := range []string{"/", "/a/b.c", "/a/...", "/a/..b", "/a/.well-known", "/a/50%", "/商品/一", "/a//b"} {
		require.True(t, straight(p), p)
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
	} {
		u, err := url.ParseRequestURI(text)
		require.NoError(t, err)
		require.Equal(t, want, g.isPublic(u), text)
	}
}

func FuzzAPublicPathIsPublicToEveryReader(f *testing.F) {
	for _, seed := range []string{"/pub/a", "/pub/../private", "/pub/%2e%2e/private", `/pub/..\private`, "/pub/..;/private", "/pub//../x", "/pub/%252e%252e/x"} {
		f.Add(seed)
	}
	g := &Gateway{public: []string{"/pub/"}}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.ParseRequestURI(text)
		if err != nil || !g.isPublic(u) {
			return
		}
		// However an upstream reads it: decoded again, with "\" as "/",
		// without what follows ";", with "//" folded, with dots resolved.
		reading := u.Path
		for range 3 {
			if again, err := url.PathUnescape(reading); err == nil {
				reading = again
			}
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
