package service

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestAnOutageOfTheDatabaseIsNever401AndEndsByItself(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	w := newWorld(t, cluster.URL(name))
	withKey := func(c *config.Config) { c.GatewayKey = secret.New(gatewayKey) }
	p := w.pod(withKey)
	mine, ended := p.signIn("alice"), p.signIn("bob")
	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", ended.access, nil).status)

	require.NoError(t, cluster.Stop(t.Context()))
	for _, a := range []answer{
		p.refresh(mine.refresh), p.login("alice"), p.me(mine.access),
		p.do("GET", "/api/v1/sessions", mine.access, nil),
		p.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": mine.refresh}),
	} {
		expect(t, a, 503, "database_unavailable")
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
	require.Eventually(t, func() bool { return p.readiness() == "degraded" }, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, 200, p.do("GET", "/healthz", "", nil).status)
	require.Equal(t, 204, p.do("GET", "/api/v1/auth/verify", mine.access, nil).status, "checking a token needs no database")

	// A pod that starts now cannot know whose session was ended.
	fresh := w.starting(withKey)
	expect(t, fresh.do("GET", "/readyz", "", nil), 503, "database_unavailable")
	for _, access := range []string{mine.access, ended.access} {
		for _, a := range []answer{
			fresh.do("GET", "/api/v1/auth/verify", access, nil), fresh.me(access),
			fresh.form("/oauth2/introspect", gatewayKey, "token", access),
			fresh.form("/oauth2/revoke", "", "token", access),
		} {
			require.Equal(t, 503, a.status, "%s", a.body)
			require.NotEmpty(t, a.header.Get("Retry-After"))
		}
	}

	require.NoError(t, cluster.Start(t.Context()))
	for _, pod := range []*pod{p, fresh} {
		require.Eventually(t, func() bool { return pod.readiness() == "ready" }, 10*time.Second, 50*time.Millisecond)
		require.Equal(t, 204, pod.do("GET", "/api/v1/auth/verify", mine.access, nil).status)
		expect(t, pod.do("GET", "/api/v1/auth/verify", ended.access, nil), 401, "session_revoked")
	}
	require.Equal(t, 200, p.refresh(mine.refresh).status)
}

func TestAnOutageOfWeChatIsNotNoticedByRefreshesAndLoginsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		w.wechat.SetFault(fakewechat.Fault{Connection: "reset"})
		for range 8 {
			expect(t, p.login("alice"), 503, "wechat_unavailable")
		}
		started := time.Now()
		a := p.login("alice")
		expect(t, a, 503, "wechat_unavailable")
		require.NotEmpty(t, a.header.Get("Retry-After"))
		t.Logf("behind the open circuit a login is answered after %s", time.Since(started))
		require.Equal(t, 200, p.refresh(mine.refresh).status)
		require.Equal(t, 200, p.me(mine.access).status)

		w.wechat.ClearFaults()
		require.Eventually(t, func() bool { return p.login("alice").status == 200 }, 15*time.Second, 100*time.Millisecond)
	})
}

func TestAStopAnswersWhatWasAcceptedAndReadinessFallsFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Migrated(t))
	c := w.settings()
	c.Addr, c.ShutdownDelay = "127.0.0.1:0", 3*time.Second
	ctx, stop := context.WithCancel(context.Background())
	address := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, c, Options{Now: w.clock.Now, Listening: func(a net.Addr) { address <- a.String() }})
	}()
	base := "http://" + <-address
	require.Eventually(t, func() bool { return status(base+"/readyz") == 200 }, 5*time.Second, 10*time.Millisecond)

	w.wechat.SetFault(fakewechat.Fault{Delay: 2 * time.Second})
	var (
		wg   sync.WaitGroup
		good atomic.Int32
	)
	for range 8 {
		code := w.code(appID, "alice")
		wg.Go(func() {
			if post(base+"/api/v1/auth/login", `{"appId":"`+appID+`","code":"`+code+`"}`) == 200 {
				good.Add(1)
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	require.Eventually(t, func() bool { return status(base+"/readyz") == 503 }, 2900*time.Millisecond, 10*time.Millisecond)
	wg.Wait()
	require.NoError(t, <-done)
	require.EqualValues(t, 8, good.Load())
}
