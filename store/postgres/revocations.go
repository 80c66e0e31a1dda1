package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// Now implements auth.Store. PostgreSQL's clock_timestamp() is the time of the
// server's machine, whenever the transaction began.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	})
	return now, failed("read the time", err)
}

// revokedSinceSQL reads a page of the ended sessions: those with a row, and those
// whose row was lost.
const revokedSinceSQL = `
SELECT id, revoked_at, revoked_reason
FROM (
    (SELECT id, revoked_at, revoked_reason FROM sessions
     WHERE revoked_at >= $1 AND (revoked_at, id) > ($1, $2) ORDER BY revoked_at, id LIMIT $3)
    UNION ALL
    (SELECT id, revoked_at, '' FROM lost_sessions
     WHERE revoked_at >= $1 AND (revoked_at, id) > ($1, $2) ORDER BY revoked_at, id LIMIT $3)
) AS ended
ORDER BY revoked_at, id
LIMIT $3`

// RevokedSince implements auth.Store.
func (s *Store) RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]auth.Revocation, error) {
	out, err := list(ctx, s, revokedSinceSQL, []any{since, after, limit}, pgx.RowToStructByPos[auth.Revocation])
	return out, failed("read revocations", err)
}

// restoreSQL passes over rows that are locked: the next full read finds them.
const restoreSQL = `
WITH remembered AS (
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $4::text[]) AS r (id, revoked_at, reason)
), held AS MATERIALIZED (
    SELECT s.user_id, s.id, r.revoked_at, r.reason
    FROM remembered r
    JOIN sessions s ON s.id = r.id
    WHERE s.revoked_at IS NULL
    ORDER BY s.user_id, s.id
    FOR UPDATE OF s SKIP LOCKED
), ended AS (
    UPDATE sessions s
    SET revoked_at = h.revoked_at, revoked_reason = h.reason
    FROM held h
    WHERE s.user_id = h.user_id AND s.id = h.id
    RETURNING s.user_id, s.id, s.revoked_reason
), noted AS (
    INSERT INTO events (at, kind, user_id, session_id, actor, detail)
    SELECT $3, 'session_revoked', user_id, id, $5, jsonb_build_object('reason', revoked_reason, 'restored', TRUE)
    FROM ended
), gone AS (
    INSERT INTO lost_sessions (id, revoked_at)
    SELECT r.id, r.revoked_at
    FROM remembered r
    WHERE NOT EXISTS (SELECT FROM sessions s WHERE s.id = r.id)
    ORDER BY r.id
    ON CONFLICT DO NOTHING
    RETURNING id
), written AS (
    SELECT id FROM ended UNION ALL SELECT id FROM gone
), told AS (
    SELECT pg_notify('` + notifyRevoked + `', '') FROM written
)
SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM told)`

// restoreBatch is how many rows one statement may lock.
const restoreBatch = 500

// RestoreRevocations implements auth.Store.
func (s *Store) RestoreRevocations(ctx context.Context, list []auth.Revocation, now time.Time) (int, error) {
	total := 0
	for part := range slices.Chunk(list, restoreBatch) {
		n, err := s.restore(ctx, part, now)
		total += n
		if err != nil {
			return total, failed("write back revocations", err)
		}
	}
	return total, nil
}

func (s *Store) restore(ctx context.Context, part []auth.Revocation, now time.Time) (n int, err error) {
	ids, times, why := make([]pgtype.UUID, len(part)), make([]time.Time, len(part)), make([]string, len(part))
	for i, x := range part {
		ids[i], times[i], why[i] = uuidParam(x.SessionID), x.RevokedAt, string(cmp.Or(x.Reason, auth.ReasonRestored))
	}
	var told int
	err = s.call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, restoreSQL, ids, times, now, why, users.ActorSystem).Scan(&n, &told)
	})
	return n, err
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
