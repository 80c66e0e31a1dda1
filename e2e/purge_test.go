//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
)

const (
	deadRows  = 1_000_000
	liveUsers = 20_000
)

// crowd fills a database with a million dead sessions, spread among living ones
// as they are in life, and returns the ids of the living users, whose session
// has the same id.
func crowd(t *testing.T, conn *pgx.Conn, now time.Time) []uuid.UUID {
	t.Helper()
	_, err := conn.Exec(t.Context(), `
INSERT INTO users (id, created_at, last_login_at) SELECT gen_random_uuid(), $1, $1 FROM generate_series(1, $2)`, now, liveUsers)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `
INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
SELECT id, id, $1, '', 'a phone', 'Mozilla/5.0 MicroMessenger', '192.0.2.7', $2, $2, $2::timestamptz + interval '7 days' FROM users`, app, now)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `
INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at, revoked_at, revoked_reason)
SELECT u.id, gen_random_uuid(), $1, '', 'a phone', 'Mozilla/5.0 MicroMessenger', '192.0.2.7', $2, $2, $2::timestamptz + interval '7 days',
       CASE WHEN n % 2 = 0 THEN $2::timestamptz END, CASE WHEN n % 2 = 0 THEN 'logout' ELSE '' END
FROM users u, generate_series(1, $3::int) n`, app, now.Add(-30*24*time.Hour), deadRows/liveUsers)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "ANALYZE")
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), "SELECT id FROM users")
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	return ids
}

// refreshes exchanges tokens with eight clients until stop is closed, and
// returns how long each took.
func refreshes(t *testing.T, s *postgres.Store, ids []uuid.UUID, seq int64, stop <-chan struct{}) []time.Duration {
	t.Helper()
	const clients = 8
	var wg sync.WaitGroup
	took := make([][]time.Duration, clients)
	for c := range clients {
		wg.Go(func() {
			mine := ids[c*len(ids)/clients : (c+1)*len(ids)/clients]
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id, round := mine[n%len(mine)], int64(n/len(mine))
				began := time.Now()
				e, err := s.Rotate(context.WithoutCancel(t.Context()), auth.Presented{
					UserID: id, SessionID: id, AppID: app, Seq: seq + round + 1, Prev: seq + round, Now: began,
				})
				took[c] = append(took[c], time.Since(began))
				if err != nil || e.Outcome != auth.OutcomeRotated && e.Outcome != auth.OutcomeRestored {
					t.Errorf("refresh: %s %v", e.Outcome, err)
					return
				}
				time.Sleep(2 * time.Millisecond) // a load that the machine can carry, for the latency to mean something
			}
		})
	}
	wg.Wait()
	return slices.Concat(took...)
}

func percentile(list []time.Duration, p float64) time.Duration {
	slices.Sort(list)
	return list[min(len(list)-1, int(p*float64(len(list))))]
}

func TestAMillionDeadSessionsGoWithoutARefreshNoticing(t *testing.T) {
	cluster := pgtest.NewCluster(t, pgtest.Durable(), pgtest.Setting("shared_buffers", "512MB"), pgtest.Setting("max_wal_size", "4GB"))
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), cluster.Superuser(name))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	now := time.Now()
	ids := crowd(t, conn, now)
	sizes(t, conn)

	policy := auth.Lifetimes{AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour, Grace: 10 * time.Second, MaxAge: 2160 * time.Hour, MaxSessions: 20}
	s, err := postgres.Open(t.Context(), cluster.URL(name), policy)
	require.NoError(t, err)
	defer s.Close()

	// Before and after, so that whatever else the machine does falls on both.
	const quiet = 20 * time.Second
	stop := make(chan struct{})
	time.AfterFunc(quiet, func() { close(stop) })
	usually := refreshes(t, s, ids, 0, stop)

	stop = make(chan struct{})
	var removed int
	var purged time.Duration
	var purgeErr error
	go func() {
		defer close(stop)
		began := time.Now()
		removed, purgeErr = s.Purge(context.WithoutCancel(t.Context()), now.Add(-24*time.Hour), now.Add(-24*time.Hour))
		purged = time.Since(began)
	}()
	meanwhile := refreshes(t, s, ids, 100_000, stop)
	require.NoError(t, purgeErr)
	require.Equal(t, deadRows, removed)

	stop = make(chan struct{})
	time.AfterFunc(quiet, func() { close(stop) })
	usually = append(usually, refreshes(t, s, ids, 200_000, stop)...)
	var left int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM sessions").Scan(&left))
	require.Equal(t, liveUsers, left)

	before, during := percentile(usually, 0.99), percentile(meanwhile, 0.99)
	t.Logf("%d dead rows removed in %s; refreshes: p50 %s, p99 %s, longest %s without the purge (%d), p50 %s, p99 %s, longest %s beside it (%d)",
		removed, purged.Round(time.Millisecond),
		percentile(usually, 0.5), before, usually[len(usually)-1], len(usually),
		percentile(meanwhile, 0.5), during, meanwhile[len(meanwhile)-1], len(meanwhile))
	// The margin is for a machine that does other things as well.
	require.Less(t, during, 2*before+10*time.Millisecond)
}

// sizes prints the bytes that a row takes, its share of the indexes included:
// docs/en/operate.md names them.
func sizes(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, table := range []string{"users", "sessions"} {
		var rows, heap, indexes int64
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf(
			"SELECT count(*), pg_table_size('%[1]s'), pg_indexes_size('%[1]s') FROM %[1]s", table)).Scan(&rows, &heap, &indexes))
		t.Logf("%s: %d rows, %d bytes a row and %d in indexes", table, rows, heap/rows, indexes/rows)
	}
}
