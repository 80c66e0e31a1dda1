package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
)

// Now implements auth.Store. PostgreSQL's clock_timestamp() is the time of the
// server's machine, whenever the transaction began.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	})
	return now, failed("read the time", err)
}

// RevokedSince implements auth.Store.
func (s *Store) RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]auth.Revocation, error) {
	const sql = `
SELECT id, revoked_at
FROM sessions
WHERE revoked_at >= $1 AND (revoked_at, id) > ($1, $2)
ORDER BY revoked_at, id
LIMIT $3`
	out, err := list(ctx, s, sql, []any{since, after, limit}, pgx.RowToStructByPos[auth.Revocation])
	return out, failed("read revocations", err)
}

// WatchRevocations implements auth.Store with LISTEN, on a connection of its
// own. Through a pooler that gives each transaction another server connection
// (PgBouncer's transaction mode) notifications do not arrive, and LISTEN would
// stay behind on a connection of others: it does not listen there. The caller's
// poll does the work.
func (s *Store) WatchRevocations(ctx context.Context, woken func()) error {
	if s.pooler {
		<-ctx.Done()
		return failed("listen for revocations", ctx.Err())
	}
	config := s.pool.Config()
	if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
		return failed("listen for revocations", err)
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return failed("listen for revocations", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // the connection is given up in any case
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+notifyRevoked); err != nil {
		return failed("listen for revocations", err)
	}
	woken() // what happened before LISTEN took effect
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return failed("listen for revocations", err)
		}
		woken()
	}
}
