package migrations_test

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/migrations"
)

// PgBouncer gives each transaction another server connection, and keeps those
// open: a lock of the session would stay on one of them.
func TestMigrationsLeaveNoLockBehindInPgBouncersTransactionMode(t *testing.T) {
	address := pgtest.Empty(t)
	through := pgtest.Bouncer(t, address) + "&default_query_exec_mode=exec"
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 3 {
		// Several at once, as pods do.
		var wg sync.WaitGroup
		taken := make([]int, 4)
		for i := range taken {
			r := runner(t, through)
			wg.Go(func() {
				steps, err := r.Up(ctx)
				if err != nil {
					t.Errorf("up: %v", err)
				}
				taken[i] = len(steps)
			})
		}
		wg.Wait()
		sum := 0
		for _, n := range taken {
			sum += n
		}
		require.Positive(t, sum)
		var locks int
		require.NoError(t, db.QueryRowContext(ctx, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`).Scan(&locks))
		require.Zero(t, locks)
		for range sum {
			_, err := runner(t, through).Down(ctx)
			require.NoError(t, err)
		}
	}
}

// A pod of the release before takes a lock of the session, on its own connection.
func TestMigrationsWaitForARunOfTheReleaseBefore(t *testing.T) {
	address := pgtest.Empty(t)
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), `SELECT pg_advisory_lock($1)`, migrations.LockID)
	require.NoError(t, err)
	done := make(chan error, 1)
	r := runner(t, address)
	go func() { _, err := r.Up(t.Context()); done <- err }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(1500 * time.Millisecond):
	}
	_, err = conn.ExecContext(t.Context(), `SELECT pg_advisory_unlock($1)`, migrations.LockID)
	require.NoError(t, err)
	require.NoError(t, <-done)
}

func TestARunnerTellsWhetherThereAreRows(t *testing.T) {
	for name, to := range targets(t) {
		t.Run(name, func(t *testing.T) {
			r := runner(t, to.address)
			rows, err := r.HasRows(t.Context())
			require.NoError(t, err)
			require.False(t, rows, "there is no table")
			_, err = r.Up(t.Context())
			require.NoError(t, err)
			rows, err = r.HasRows(t.Context())
			require.NoError(t, err)
			require.False(t, rows)
			driver, address, now := "pgx", to.address, "now()"
			if path, is := strings.CutPrefix(to.address, "sqlite:"); is {
				driver, address, now = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath(), "0"
			}
			db, err := sql.Open(driver, address)
			require.NoError(t, err)
			defer db.Close()
			_, err = db.ExecContext(t.Context(),
				"INSERT INTO users (id, created_at, last_login_at) VALUES ('0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f', "+now+", "+now+")") //nolint:gosec // the dialect's word for now
			require.NoError(t, err)
			rows, err = r.HasRows(t.Context())
			require.NoError(t, err)
			require.True(t, rows)
		})
	}
}
