package postgres

import (
	"context"
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
