package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// EndSession implements auth.Store.
func (s *Store) EndSession(ctx context.Context, e auth.Ending) (bool, error) {
	ended, err := s.end(ctx, e, oneOf)
	return len(ended) > 0, failed("end a session", err)
}

// EndSessions implements auth.Store.
func (s *Store) EndSessions(ctx context.Context, e auth.Ending) ([]uuid.UUID, error) {
	ended, err := s.end(ctx, e, allOf)
	return ended, failed("end the sessions of a user", err)
}

// Which live sessions of a user end: the one of an id, or all (for which the
// id is ignored). What a signed token names (?4) ends also where it ran
// out.
const (
	oneOf = `SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND (expires_at > ?2 OR id = ?4) AND id = ?3`
	allOf = `SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND (expires_at > ?2 OR id = ?4) AND ?3 IS NOT NULL`
)

func (s *Store) end(ctx context.Context, e auth.Ending, which string) ([]uuid.UUID, error) {
	e.Actor = sanitize.Clean(e.Actor)
	var ended []uuid.UUID
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, which, e.UserID.String(), micros(e.Now), e.SessionID.String(), e.Proven.String())
		if err != nil {
			return err
		}
		ended, err = collect(rows, func(rows *sql.Rows) (id uuid.UUID, err error) {
			err = rows.Scan(&id)
			return id, err
		})
		if err != nil {
			return err
		}
		for _, id := range ended {
			e.SessionID = id
			if err := revoke(ctx, tx, e); err != nil {
				return err
			}
		}
		lost, err := endLost(ctx, tx, e)
		if lost {
			ended = append(ended, e.Proven)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(ended) > 0 {
		s.revoked.send()
	}
	return ended, nil
}

// endLost ends a session that a signed token names and that has no row, and
// reports whether it had not ended before.
func endLost(ctx context.Context, tx *sql.Tx, e auth.Ending) (bool, error) {
	const query = `
INSERT INTO lost_sessions (id, revoked_at)
SELECT ?1, ?2
WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = ?1)
ON CONFLICT DO NOTHING`
	if e.Proven == uuid.Nil {
		return false, nil
	}
	result, err := tx.ExecContext(ctx, query, e.Proven.String(), micros(e.Now))
	if err != nil {
		return false, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	detail, err := json.Marshal(map[string]any{"reason": e.Reason, "rowLost": true})
	if err != nil {
		return false, err
	}
	return true, note(ctx, tx, users.Event{
		At: e.Now, Kind: users.EventSessionRevoked, UserID: e.UserID, SessionID: e.Proven, Actor: e.Actor, Detail: detail,
	})
}

// revoke ends one live session and notes it. It moves neither the counters nor
// rotated_at: a token of an ended session is answered by revoked_at alone.
func revoke(ctx context.Context, tx *sql.Tx, e auth.Ending) error {
	const query = `UPDATE sessions SET revoked_at = ?, revoked_reason = ? WHERE user_id = ? AND id = ? AND revoked_at IS NULL`
	if _, err := tx.ExecContext(ctx, query, micros(e.Now), string(e.Reason), e.UserID.String(), e.SessionID.String()); err != nil {
		return err
	}
	e.Comment, e.OnBehalfOf = sanitize.Clean(e.Comment), sanitize.Clean(e.OnBehalfOf)
	detail, err := e.Detail()
	if err != nil {
		return err
	}
	return note(ctx, tx, users.Event{
		At: e.Now, Kind: users.EventSessionRevoked, UserID: e.UserID, SessionID: e.SessionID, Actor: e.Actor, Detail: detail,
	})
}

// Sessions implements auth.Store.
func (s *Store) Sessions(ctx context.Context, userID uuid.UUID, now time.Time) ([]auth.Session, error) {
	const query = `
SELECT id, user_id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at, revoked_at, revoked_reason
FROM sessions
WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ?
ORDER BY rotated_at DESC, id DESC`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, userID.String(), micros(now))
	if err != nil {
		return nil, failed("list sessions", err)
	}
	out, err := collect(rows, scanSession)
	return out, failed("list sessions", err)
}

func scanSession(rows *sql.Rows) (auth.Session, error) {
	var (
		x                      auth.Session
		created, used, expires int64
		revoked                sql.NullInt64
	)
	err := rows.Scan(&x.ID, &x.UserID, &x.AppID, &x.Device.ID, &x.Device.Name, &x.Device.UserAgent, &x.Device.IP,
		&created, &used, &expires, &revoked, &x.RevokedReason)
	x.CreatedAt, x.LastUsedAt, x.ExpiresAt, x.RevokedAt = moment(created), moment(used), moment(expires), optionalMoment(revoked)
	return x, err
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		x, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}
