package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// readiness is the status that a pod gives, with 200; "" with another.
func (p *pod) readiness() string {
	p.w.t.Helper()
	a := p.do("GET", "/readyz", "", nil)
	if a.status != 200 {
		return ""
	}
	return a.text("status")
}

func TestABalancerKeepsPodsThatStillCheckTokensWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	w := newWorld(t, cluster.URL(name))
	p := w.pod()
	mine := p.signIn("alice")
	ready := p.do("GET", "/readyz", "", nil)
	require.Equal(t, "ready", ready.text("status"))
	require.Less(t, ready.json()["revocationsAge"], 2.0)
	require.Contains(t, p.scrape(), "\nwugan_degraded 0\n")

	require.NoError(t, cluster.Stop(t.Context()))
	began := time.Now()
	require.Eventually(t, func() bool { return p.readiness() == "degraded" }, 5*time.Second, 20*time.Millisecond)
	time.Sleep(2 * time.Second)
	asked := time.Now()
	a := p.do("GET", "/readyz", "", nil)
	require.Less(t, time.Since(asked), time.Second, "a probe waits for no database")
	require.Equal(t, 200, a.status)
	require.Equal(t, "unavailable", a.text("database"))
	since, err := time.Parse(time.RFC3339, a.text("since"))
	require.NoError(t, err)
	require.WithinDuration(t, began, since, 4*time.Second)
	require.Greater(t, a.json()["revocationsAge"], 1.5)
	require.Contains(t, p.scrape(), "\nwugan_degraded 1\n")
	for _, query := range []string{"?strict", "?strict=true", "?strict="} {
		strict := p.do("GET", "/readyz"+query, "", nil)
		expect(t, strict, 503, "database_unavailable")
		require.NotEmpty(t, strict.header.Get("Retry-After"))
	}
	require.Equal(t, 204, p.do("GET", "/api/v1/auth/verify", mine.access, nil).status)

	require.NoError(t, cluster.Start(t.Context()))
	require.Eventually(t, func() bool { return p.readiness() == "ready" }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 200, p.do("GET", "/readyz?strict", "", nil).status)
}

// A primary whose commits wait for a standby that is cut off reads as ever.
func TestWhereCommitsWaitForAStandbyThatIsGoneThePodIsDegraded(t *testing.T) {
	t.Parallel()
	w, primary, replica := failoverWorld(t)
	p := w.pod()
	mine := p.signIn("alice")
	require.NoError(t, replica.Stop(t.Context()))
	require.Eventually(t, func() bool { return p.readiness() == "degraded" }, 6*time.Second, 20*time.Millisecond)
	require.Equal(t, 200, p.me(mine.access).status, "reading goes on")
	expect(t, p.refresh(mine.refresh), 503, "database_unavailable")
	require.NoError(t, primary.Exec(t.Context(), "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()"))
	require.Eventually(t, func() bool { return p.readiness() == "ready" }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 200, p.refresh(mine.refresh).status)
}
