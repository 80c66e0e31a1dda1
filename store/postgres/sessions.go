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

// endSQL ends one session of a user, or all where $2 is null. What a signed token
// names ($6) ends also where it ran out or has no row.
//
// With synchronous replication a first call may time out while it waits for the
// standby, and have committed here. Its repetition ends nothing, and writes a row
// as it is (again), because a commit that writes nothing waits for no standby.
const endSQL = `
WITH held AS MATERIALIZED (
    SELECT user_id, id
    FROM sessions
    WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND revoked_at IS NULL AND (expires_at > $3 OR id = $6)
    ORDER BY user_id, id
    FOR UPDATE
), ended AS (
    UPDATE sessions s
    SET revoked_at = $3, revoked_reason = $4
    FROM held h
    WHERE s.user_id = h.user_id AND s.id = h.id
    RETURNING s.user_id, s.id
), again AS (
    UPDATE sessions s
    SET revoked_reason = s.revoked_reason
    FROM (
        SELECT user_id, id
        FROM sessions
        WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND revoked_at IS NOT NULL
        ORDER BY revoked_at DESC
        LIMIT 1
    ) AS newest
    WHERE s.user_id = newest.user_id AND s.id = newest.id AND NOT EXISTS (SELECT FROM held)
), lost AS (
    INSERT INTO lost_sessions AS l (id, revoked_at)
    SELECT $6::uuid, $3
    WHERE $6::uuid IS NOT NULL AND NOT EXISTS (SELECT FROM sessions WHERE id = $6)
    ON CONFLICT (id) DO UPDATE SET revoked_at = l.revoked_at
    RETURNING id, xmax = 0 AS new
), all_ended AS (
    SELECT id, FALSE AS lost FROM ended UNION ALL SELECT id, TRUE FROM lost WHERE new
), noted AS (
    INSERT INTO events (at, kind, user_id, session_id, actor, detail)
    SELECT $3, 'session_revoked', NULLIF($1, '00000000-0000-0000-0000-000000000000'::uuid), id, $5,
           $7::text::jsonb || CASE WHEN lost THEN '{"rowLost": true}'::jsonb ELSE '{}' END
    FROM all_ended
), told AS (
    -- It runs because its rows are counted below: a SELECT in WITH that is not read does not.
    SELECT pg_notify('` + notifyRevoked + `', '') FROM all_ended
)
SELECT ARRAY(SELECT id FROM all_ended), (SELECT count(*) FROM told)`

func (s *Store) end(ctx context.Context, e auth.Ending, id uuid.NullUUID) (ended []uuid.UUID, err error) {
	err = s.call(ctx, func(ctx context.Context) (err error) {
		ended, err = endWithin(ctx, s.pool, e, id)
		return err
	})
	return ended, err
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// endWithin ends one session of a user, or all where the id is null, by a pool or
// within a transaction.
func endWithin(ctx context.Context, db querier, e auth.Ending, id uuid.NullUUID) (ended []uuid.UUID, err error) {
	e.Actor, e.Comment, e.OnBehalfOf = sanitize.Clean(e.Actor), sanitize.Clean(e.Comment), sanitize.Clean(e.OnBehalfOf)
	detail, err := e.Detail()
	if err != nil {
		return nil, err
	}
	var told int
	err = db.QueryRow(ctx, endSQL, e.UserID, id, e.Now, string(e.Reason), e.Actor, optionalID(e.Proven), string(detail)).Scan(&ended, &told)
	return ended, err
}

// optionalID is an id, and NULL for the zero one.
func optionalID(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

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
