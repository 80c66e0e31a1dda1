package service

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

func TestPagesSendAndReadTheHeadersOfTheApplication(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
		// An application with rules of its own, which grants cookies to one origin.
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "https://own.example.com")
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "X-Total-Count")
		h.Set("Access-Control-Allow-Headers", "X-Of-The-Application")
		h.Set("X-Total-Count", "3")
		if r.Method == http.MethodOptions {
			h.Set("Allow", "GET")
		}
	})
	p := w.behind([]string{"/shop/=" + b.URL}, func(c *config.Config) {
		c.PublicPaths = []string{"/shop/open/"}
		c.CORSOrigins = []string{"https://h5.example.com", "https://*.apps.example.com", "https://own.example.com"}
		c.CORSHeaders, c.CORSExpose = []string{"X-App-Version"}, []string{"X-Served-By"}
	})
	alice := p.signIn("alice")
	ask := func(method, path, origin string, headers ...string) answer {
		t.Helper()
		r := p.request(t, method, path, "", nil)
		r.Header.Set("Origin", origin)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return p.send(t, r)
	}
	preflight := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization, x-sign, x-app-version"}

	a := ask("OPTIONS", "/shop/x", "https://h5.example.com", preflight...)
	require.Equal(t, 204, a.status)
	require.Equal(t, "https://h5.example.com", a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "authorization, x-sign, x-app-version", a.header.Get("Access-Control-Allow-Headers"), "what is asked for")
	require.Contains(t, a.header.Get("Access-Control-Allow-Methods"), "PUT")
	require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
	require.Empty(t, b.got)

	a = ask("OPTIONS", "/api/v1/auth/login", "https://h5.example.com", preflight...)
	require.Equal(t, "Authorization,Content-Type,X-Request-Id,X-App-Version", a.header.Get("Access-Control-Allow-Headers"), "our own paths take what is listed")

	a = ask("GET", "/shop/x", "https://h5.example.com", "Authorization", "Bearer "+alice.access)
	require.Equal(t, 200, a.status)
	require.Equal(t, []string{"https://h5.example.com"}, a.header.Values("Access-Control-Allow-Origin"))
	exposed := strings.Join(a.header.Values("Access-Control-Expose-Headers"), ",")
	for _, name := range []string{"X-Total-Count", "X-Served-By", "X-Request-Id", "Retry-After"} {
		require.Contains(t, exposed, name)
	}
	require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"), "it was granted to another origin")
	require.Equal(t, "X-Of-The-Application", a.header.Get("Access-Control-Allow-Headers"))

	a = ask("GET", "/shop/x", "https://own.example.com", "Authorization", "Bearer "+alice.access)
	require.Equal(t, []string{"https://own.example.com"}, a.header.Values("Access-Control-Allow-Origin"))
	require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"), "the application's own grant to this origin")

	a = ask("GET", "/shop/x", "https://a.apps.example.com")
	require.Equal(t, 401, a.status)
	require.Equal(t, "https://a.apps.example.com", a.header.Get("Access-Control-Allow-Origin"), "a page must be able to read the 401")

	// For other origins the application speaks for itself, preflight included.
	for len(b.got) > 0 {
		<-b.got
	}
	for _, origin := range []string{"https://elsewhere.example.com", "null", "https://h5.example.com.evil.example", "https://xh5-example.com"} {
		a = ask("OPTIONS", "/shop/open/x", origin, preflight...)
		require.Equal(t, "https://own.example.com", a.header.Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, "X-Of-The-Application", a.header.Get("Access-Control-Allow-Headers"), origin)
		require.Equal(t, 401, ask("OPTIONS", "/shop/x", origin, preflight...).status, "no request without a token passes")
		require.Empty(t, ask("OPTIONS", "/api/v1/auth/login", origin, preflight...).header.Get("Access-Control-Allow-Origin"), origin)
	}
	require.Len(t, b.got, 4)

	// OPTIONS that is no preflight is the application's.
	a = ask("OPTIONS", "/shop/x", "https://h5.example.com", "Authorization", "Bearer "+alice.access)
	require.Equal(t, "GET", a.header.Get("Allow"))
}

func TestAnUpstreamThatIsDownIsNoReasonToLogIn(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	down := newBackend(t, nil)
	down.Close()
	breaks := newBackend(t, func(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	half := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	hangs := newBackend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p := w.behind([]string{"/down/=" + down.URL, "/breaks/=" + breaks.URL, "/half/=" + half.URL, "/hangs/=" + hangs.URL},
		func(c *config.Config) { c.UpstreamTimeout = 500 * time.Millisecond })
	alice := p.signIn("alice")
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/down/x": {502, "upstream_unavailable"}, "/breaks/x": {502, "upstream_unavailable"}, "/hangs/x": {504, "upstream_timeout"},
	} {
		for _, method := range []string{"GET", "POST"} {
			a := p.send(t, p.request(t, method, path, alice.access, nil))
			require.Equal(t, want.status, a.status, path)
			require.Equal(t, want.code, a.code(), path)
			require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		}
	}
	res, err := p.plain(t).Do(p.request(t, "GET", "/half/x", alice.access, nil))
	if err == nil { // its header may or may not have been sent before it broke off
		_, err = io.ReadAll(res.Body)
		require.NoError(t, res.Body.Close())
	}
	require.Error(t, err, "half an answer never looks like a whole one")
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), "broke off") }, 5*time.Second, 10*time.Millisecond)
}

func TestAClientThatGoesAwayEndsTheWorkOfTheUpstream(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	ended := make(chan struct{})
	b := newBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(ended)
	})
	p := w.behind([]string{"/=" + b.URL})
	r := p.request(t, "GET", "/x", p.signIn("alice").access, nil)
	ctx, leave := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer leave()
	_, err := p.plain(t).Do(r.WithContext(ctx)) //nolint:bodyclose // there is no answer
	require.ErrorIs(t, err, context.DeadlineExceeded)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the upstream works on for nobody")
	}
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), "client_gone") }, 5*time.Second, 10*time.Millisecond)
}

func TestWhatATrustedProxySaysOfTheClientIsKept(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	b := newBackend(t, nil)
	p := w.behind([]string{"/=" + b.URL}, func(c *config.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	r := p.request(t, "GET", "/x", p.signIn("alice").access, nil)
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("X-Forwarded-Host", "shop.example.com")
	require.Equal(t, 200, p.send(t, r).status)
	got := (<-b.got).Header
	require.Equal(t, "203.0.113.7, 127.0.0.1", got.Get("X-Forwarded-For"))
	require.Equal(t, "https", got.Get("X-Forwarded-Proto"))
	require.Equal(t, "shop.example.com", got.Get("X-Forwarded-Host"))
}

func TestARevocationOnAnotherPodReachesTheGatewayInside(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		b := newBackend(t, nil)
		p, other := w.behind([]string{"/shop/=" + b.URL}), w.pod()
		alice := p.signIn("alice")
		require.Equal(t, 200, p.send(t, p.request(t, "GET", "/shop/x", alice.access, nil)).status)
		require.Equal(t, 204, other.do("POST", "/api/v1/auth/logout-all", alice.access, nil).status)
		require.Eventually(t, func() bool {
			return p.send(t, p.request(t, "GET", "/shop/x", alice.access, nil)).code() == "session_revoked"
		}, 3*time.Second, 20*time.Millisecond)
	})
}

func TestSettingsOfUpstreamsAreCheckedAtTheStart(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	for _, c := range []struct {
		upstreams, public []string
		want              string
	}{
		{[]string{"/a/"}, nil, "WUGAN_UPSTREAMS: expected /path/=http://host:port"},
		{[]string{"/a/=127.0.0.1:80"}, nil, "WUGAN_UPSTREAMS"},
		{[]string{"/a/=http://x:1/base"}, nil, "WUGAN_UPSTREAMS"},
		{[]string{"/a=http://x:1"}, nil, "WUGAN_UPSTREAMS"},
		{[]string{"/a/=http://x:1", " /a/=http://y:1"}, nil, "two upstreams"},
		{nil, []string{"/a/"}, "WUGAN_PUBLIC_PATHS"},
		{[]string{"/a/=http://x:1"}, []string{"a"}, "WUGAN_PUBLIC_PATHS"},
		{[]string{"/a/=http://x:1"}, []string{"/a/*"}, "WUGAN_PUBLIC_PATHS: expected /exact,/everything/below/: a * stands for nothing"},
		{[]string{"/a/=http://x:1"}, []string{"/a/open", "/b/open"}, "WUGAN_PUBLIC_PATHS: expected paths of WUGAN_UPSTREAMS, but path 2 of the list"},
		{[]string{"/a/=http://x:1"}, []string{"/ab/"}, "WUGAN_PUBLIC_PATHS: expected paths of WUGAN_UPSTREAMS"},
		{[]string{"/a/=http://x:1"}, []string{"/"}, ""},
		{[]string{"/a/b/=http://x:1"}, []string{"/a/"}, ""},
		{[]string{"/a/b/=http://x:1"}, []string{"/a"}, "WUGAN_PUBLIC_PATHS: expected paths of WUGAN_UPSTREAMS"},
		{[]string{"/a/=http://x:1"}, []string{"/a"}, ""},
		{[]string{"/a/=http://x:1"}, []string{"/a/"}, ""},
		{[]string{"/=http://x:1"}, []string{"/anything"}, ""},
	} {
		settings := w.settings()
		settings.Upstreams, settings.PublicPaths = c.upstreams, c.public
		if c.want == "" {
			require.NoError(t, settings.Check(), "%v %v", c.upstreams, c.public)
			continue
		}
		require.ErrorContains(t, settings.Check(), c.want)
	}
	settings := w.settings()
	settings.Upstreams, settings.PublicPaths = []string{"/a/=http://x:1", " /=https://y"}, []string{"/a/open/", " /a/b"}
	require.NoError(t, settings.Check())
}
