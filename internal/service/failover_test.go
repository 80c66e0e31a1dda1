package service

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// Debian's PgBouncer (1.18) knows nothing of prepared statements, so pgx has to
// be told; docs/en/operate-pods.md names both modes.
func TestThroughPgBouncerInTransactionModeEverythingWorks(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pgtest.Bouncer(t, pgtest.Migrated(t))+"&default_query_exec_mode="+mode)
			a, b := w.pod(withOperatorKeys), w.pod(withOperatorKeys)
			var wg sync.WaitGroup
			for i := range 16 {
				s := a.signIn("person " + strconv.Itoa(i))
				wg.Go(func() {
					for n := range 5 {
						p := []*pod{a, b}[n%2]
						answer, err := p.try("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": s.refresh})
						if err != nil || answer.status != 200 {
							t.Errorf("refresh: %v %s", err, answer.body)
							return
						}
						s = pair(answer)
					}
				})
			}
			wg.Wait()

			// Notifications do not pass such a pooler; the poll does.
			alice := a.signIn("alice")
			id := a.userOf(alice.access)
			require.Equal(t, 200, a.admin("POST", "/users/"+id+"/disable", because).status)
			require.Eventually(t, func() bool { return b.me(alice.access).code() == "session_revoked" }, 2*time.Second, 20*time.Millisecond)
			require.Equal(t, 200, a.admin("POST", "/users/"+id+"/enable", because).status)
			for path, body := range map[string]any{
				"/roles":    map[string]any{"roles": []string{"editor"}, "reason": "hired"},
				"/metadata": map[string]any{"metadata": map[string]any{"tier": "gold"}, "reason": "paid"},
			} {
				require.Equal(t, 200, b.admin("PUT", "/users/"+id+path, body).status)
			}
			require.Equal(t, 200, a.admin("GET", "/users?nickname=x&phone=13800000000&appId="+appID+"&openid=x", nil).status)
			require.Equal(t, 200, a.admin("GET", "/users/"+id+"/events", nil).status)
			require.Equal(t, 200, a.admin("GET", "/users/"+id+"/sessions", nil).status)
			require.Equal(t, 204, a.admin("DELETE", "/users/"+id+"?reason=asked+for+it", nil).status)
			bob := b.signIn("bob")
			require.Equal(t, 204, b.do("POST", "/api/v1/auth/logout-all", bob.access, nil).status)
			require.Equal(t, "session_revoked", b.refresh(bob.refresh).code())
		})
	}
}

// failoverWorld is a world on a primary with a standby that has everything
// which the primary has acknowledged.
func failoverWorld(t *testing.T) (w *world, primary, replica *pgtest.Cluster) {
	t.Helper()
	primary = pgtest.NewCluster(t)
	name, err := primary.CreateMigrated(t.Context())
	require.NoError(t, err)
	replica = pgtest.NewReplica(t, primary)
	require.NoError(t, primary.Exec(t.Context(),
		"ALTER SYSTEM SET synchronous_standby_names = '"+replica.Name()+"'", "SELECT pg_reload_conf()"))
	return newWorld(t, pgtest.FailoverURL(name, primary, replica)+"&connect_timeout=1"), primary, replica
}

func TestAPromotedStandbyTakesOverWithoutARestart(t *testing.T) {
	t.Parallel()
	w, primary, replica := failoverWorld(t)
	a, b := w.pod(), w.pod()
	alice, bob := a.signIn("alice"), b.signIn("bob")
	next := a.refresh(alice.refresh)
	require.Equal(t, 200, next.status)
	require.Equal(t, 204, a.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": bob.refresh}).status)
	require.NoError(t, replica.CaughtUp(t.Context(), primary))

	require.NoError(t, primary.Kill(t.Context()))
	out := a.refresh(next.text("refreshToken"))
	require.Equal(t, 503, out.status, "%s", out.body)
	require.Equal(t, "database_unavailable", out.code())
	require.NotEmpty(t, out.header.Get("Retry-After"))
	require.Equal(t, 204, a.do("GET", "/api/v1/auth/verify", next.text("accessToken"), nil).status, "tokens are checked without the database")
	require.Eventually(t, func() bool { return a.readiness() == "degraded" }, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, 200, a.do("GET", "/healthz", "", nil).status)

	require.NoError(t, replica.Promote(t.Context()))
	for _, p := range []*pod{a, b} {
		require.Eventually(t, func() bool { return p.readiness() == "ready" }, 20*time.Second, 50*time.Millisecond)
	}
	again := b.refresh(next.text("refreshToken"))
	require.Equal(t, 200, again.status, "the session lives on: %s", again.body)
	require.Equal(t, "session_revoked", a.refresh(bob.refresh).code(), "and what ended stays ended")
	require.Equal(t, 200, a.login("carol").status)
	// Notifications come from the new primary.
	require.Equal(t, 204, a.do("POST", "/api/v1/auth/logout", again.text("accessToken"), nil).status)
	require.Eventually(t, func() bool { return b.me(again.text("accessToken")).code() == "session_revoked" }, 2*time.Second, 20*time.Millisecond)
}

func TestAPrimaryThatWasSetReadOnlyIsAnOutageAndNotAnError(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	w := newWorld(t, cluster.URL(name))
	p := w.pod(withOperatorKeys)
	alice := p.signIn("alice")
	id := p.userOf(alice.access)
	set := func(value string) {
		t.Helper()
		require.NoError(t, cluster.Exec(t.Context(), "ALTER SYSTEM SET default_transaction_read_only = "+value, "SELECT pg_reload_conf()"))
	}
	set("on")
	require.Eventually(t, func() bool { return p.readiness() == "degraded" }, 5*time.Second, 20*time.Millisecond)
	for name, a := range map[string]answer{
		"refresh": p.refresh(alice.refresh), "login": p.login("alice"),
		"logout":  p.do("POST", "/api/v1/auth/logout-all", alice.access, nil),
		"disable": p.admin("POST", "/users/"+id+"/disable", because), "delete": p.admin("DELETE", "/users/"+id+"?reason=x", nil),
		"new user": p.login("bob"),
	} {
		require.Equal(t, 503, a.status, "%s: %s", name, a.body)
		require.Equal(t, "database_unavailable", a.code(), name)
	}
	require.Equal(t, 200, p.me(alice.access).status, "reading goes on")
	set("off")
	require.Eventually(t, func() bool { return p.readiness() == "ready" }, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, 200, p.refresh(alice.refresh).status)
}
