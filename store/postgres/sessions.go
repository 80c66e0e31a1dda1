package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
)

// EndSession implements auth.Store.
func (s *Store) EndSession(ctx context.Context, e auth.Ending) (bool, error) {
	ended, err := s.end(ctx, e, uuid.NullUUID{UUID: e.SessionID, Valid: true})
	return len(ended) > 0, failed("end a session", err)
}

// EndSessions implements auth.Store.
func (s *Store) EndSessions(ctx context.Context, e auth.Ending) ([]uuid.UUID, error) {
	ended, err := s.end(ctx, e, uuid.NullUUID{})
	return ended, failed("end the sessions of a user", err)
}

// endSQL ends one session of a user, or all where $2 is null.
const endSQL = `
WITH held AS MATERIALIZED (
    SELECT user_id, id
    FROM sessions
    WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND revoked_at IS NULL AND expires_at > $3
    ORDER BY user_id, id
    FOR UPDATE
), ended AS (
    UPDATE sessions s
    SET revoked_at = $3, revoked_reason = $4
    FROM held h
    WHERE s.user_id = h.user_id AND s.id = h.id
    RETURNING s.user_id, s.id
), noted AS (
    INSERT INTO events (at, kind, user_id, session_id, actor, detail)
    SELECT $3, 'session_revoked', user_id, id, $5, jsonb_build_object('reason', $4::text)
    FROM ended
), told AS (
    -- It runs because its rows are counted below: a SELECT in WITH that is not read does not.
    SELECT pg_notify('` + notifyRevoked + `', '') FROM ended
)
SELECT ARRAY(SELECT id FROM ended), (SELECT count(*) FROM told)`

func (s *Store) end(ctx context.Context, e auth.Ending, id uuid.NullUUID) (ended []uuid.UUID, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		var told int
		return s.pool.QueryRow(ctx, endSQL, e.UserID, id, e.Now, sanitize.Clean(e.Reason), sanitize.Clean(e.Actor)).Scan(&ended, &told)
	})
	return ended, err
}

// Sessions implements auth.Store.
func (s *Store) Sessions(ctx context.Context, userID uuid.UUID, now time.Time) ([]auth.Session, error) {
	const sql = `
SELECT id, user_id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at, revoked_at, revoked_reason
FROM sessions
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
ORDER BY rotated_at DESC, id DESC`
	out, err := list(ctx, s, sql, []any{userID, now}, scanSession)
	return out, failed("list sessions", err)
}

func scanSession(row pgx.CollectableRow) (auth.Session, error) {
	var x auth.Session
	err := row.Scan(&x.ID, &x.UserID, &x.AppID, &x.Device.ID, &x.Device.Name, &x.Device.UserAgent, &x.Device.IP,
		&x.CreatedAt, &x.LastUsedAt, &x.ExpiresAt, &x.RevokedAt, &x.RevokedReason)
	return x, err
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

// purgeLock is the advisory lock held by the process that purges.
const purgeLock = 0x7775_6761_6e01

// purgeBatch is how many rows one step looks at: few enough that a refresh of
// one of them waits for less than it usually takes.
const purgeBatch = 500

// Purge implements auth.Store. It walks the primary key, so that it needs no
// index on times that a refresh changes.
func (s *Store) Purge(ctx context.Context, expired, revoked time.Time) (int, error) {
	total := 0
	var at struct{ userID, id uuid.UUID }
	for {
		var seen, gone int
		step, cancel := context.WithTimeout(ctx, patience)
		err := pgx.BeginFunc(step, s.pool, func(tx pgx.Tx) error {
			var mine bool
			// Held for one step only, so that it also works through a pooler. What
			// a crash brings back is purged again: the step waits for no disk.
			const lockSQL = `SELECT pg_try_advisory_xact_lock($1), set_config('synchronous_commit', 'off', true)`
			if err := tx.QueryRow(step, lockSQL, int64(purgeLock)).Scan(&mine, nil); err != nil {
				return err
			}
			if !mine {
				return nil
			}
			// Rows that a refresh holds at this moment are alive: they are
			// passed over, not waited for.
			const sql = `
WITH page AS (
    SELECT user_id, id, expires_at, revoked_at
    FROM sessions
    WHERE (user_id, id) > ($1, $2)
    ORDER BY user_id, id
    LIMIT $3
), dead AS (
    SELECT s.user_id, s.id
    FROM page p
    JOIN sessions s ON s.user_id = p.user_id AND s.id = p.id
    WHERE s.expires_at < $4 OR s.revoked_at < $5
    FOR UPDATE OF s SKIP LOCKED
), gone AS (
    DELETE FROM sessions s USING dead d WHERE s.user_id = d.user_id AND s.id = d.id
    RETURNING s.id
), final AS (
    SELECT user_id, id FROM page ORDER BY user_id DESC, id DESC LIMIT 1
)
SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM gone),
       COALESCE((SELECT user_id FROM final), $1), COALESCE((SELECT id FROM final), $2)`
			return tx.QueryRow(step, sql, at.userID, at.id, purgeBatch, expired, revoked).Scan(&seen, &gone, &at.userID, &at.id)
		})
		cancel()
		if err != nil {
			return total, failed("purge", err)
		}
		total += gone
		if seen < purgeBatch {
			return total, nil
		}
		if err := pause(ctx, purgePause); err != nil {
			return total, fmt.Errorf("postgres: purge: %w", err)
		}
	}
}

// purgePause leaves the database to others between two steps.
const purgePause = 20 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
