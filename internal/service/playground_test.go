package service

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

func TestServeHasNoPlayground(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	p := w.pod()
	// Not by the checking client: these paths are in no document.
	p.client = p.server.Client()
	for _, request := range [][2]string{
		{"GET", "/"},
		{"GET", "/playground/playground.js"},
		{"GET", "/playground/page.css"},
		{"POST", "/playground/wechat"},
		{"POST", "/playground/life/30s/api/v1/auth/login"},
	} {
		a := p.do(request[0], request[1], "", map[string]any{"down": true, "code": "dev:alice"})
		require.Equal(t, 404, a.status, "%v", request)
		require.Equal(t, "not_found", a.code(), "%v", request)
	}
}

// playgroundPod is a pod as `wugan dev` makes it.
func playgroundPod(t *testing.T, w *world, change ...func(*config.Config)) *pod {
	t.Helper()
	c := w.settings()
	for _, f := range change {
		f(&c)
	}
	log, err := newLogger(c, w.log)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, c, Options{Now: w.clock.Now, DevCodes: true, Around: withPlayground(c.Lifetimes(), w.wechat, func(h http.Handler) http.Handler { return h })}, log)
	require.NoError(t, err)
	require.NoError(t, s.revocations.Sync(ctx, s.db, time.Time{}))
	p := &pod{w: w, service: s, server: httptest.NewServer(s.Handler())}
	p.client = p.server.Client()
	t.Cleanup(func() {
		p.server.Close()
		cancel()
		require.NoError(t, s.db.Close())
	})
	return p
}

func TestThePlaygroundsShorterTokensAreOfTheSameSessions(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	p := playgroundPod(t, w)
	require.Equal(t, 200, p.do("GET", "/", "", nil).status)

	a := p.do("POST", "/playground/life/30s/api/v1/auth/login", "", map[string]any{"appId": appID, "code": w.code(appID, "alice")})
	require.Equal(t, 200, a.status, "%s", a.body)
	require.EqualValues(t, 30, a.json()["expiresIn"])
	require.Equal(t, 200, p.me(pair(a).access).status)

	w.clock.move(31 * time.Second)
	late := p.me(pair(a).access)
	require.Equal(t, 401, late.status)
	require.Equal(t, "token_expired", late.code(), "it has expired by the service's own check")

	usual := p.refresh(pair(a).refresh)
	require.Equal(t, 200, usual.status, "%s", usual.body)
	require.EqualValues(t, 14400, usual.json()["expiresIn"])

	brief := p.do("POST", "/playground/life/1s/api/v1/auth/refresh", "", map[string]any{"refreshToken": pair(usual).refresh})
	require.EqualValues(t, 1, brief.json()["expiresIn"])
}

func TestNoTokenOfThePlaygroundOutlivesTheUsualOnes(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	p := playgroundPod(t, w, func(c *config.Config) { c.AccessTTL = 5 * time.Second })
	a := p.do("POST", "/playground/life/30s/api/v1/auth/login", "", map[string]any{"appId": appID, "code": w.code(appID, "alice")})
	require.EqualValues(t, 5, a.json()["expiresIn"])
}

func TestThePlaygroundCutsWeChatOffForLoginsAlone(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	door, err := w.wechat.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: w.wechat.Handler(), ReadHeaderTimeout: headersWithin}
	go func() { _ = server.Serve(door) }()
	t.Cleanup(func() { _ = server.Close() })
	w.address = "http://" + door.Addr().String()

	p := playgroundPod(t, w)
	tokens := p.signIn("alice")
	require.Equal(t, 204, p.do("POST", "/playground/wechat", "", map[string]bool{"down": true}).status)
	refused := p.login("bob")
	require.Equal(t, 503, refused.status)
	require.Equal(t, "wechat_unavailable", refused.code())
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, 200, p.refresh(tokens.refresh).status)
	require.Equal(t, 204, p.do("POST", "/playground/wechat", "", map[string]bool{"down": false}).status)
	require.Equal(t, 200, p.login("bob").status)
}
