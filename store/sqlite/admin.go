package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

var _ admin.Store = (*Store)(nil)

// FindUsers implements admin.Store.
func (s *Store) FindUsers(ctx context.Context, q users.Query) ([]users.Person, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	if sanitize.Check(q.Nickname, q.NicknamePart, q.AppID, q.OpenID, q.UnionID) != nil {
		return nil, nil // no column holds such a string
	}
	where, args := conditions(q)
	query := `SELECT ` + userColumns + ` FROM users u WHERE ` + where + ` ORDER BY u.id DESC LIMIT ?` //nolint:gosec // conditions are made of constants
	const identitiesQuery = `
SELECT provider, account, app_id, openid, COALESCE(unionid, ''), created_at
FROM identities
WHERE user_id = ?
ORDER BY created_at, app_id, openid`

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, append(args, q.Limit)...)
	if err != nil {
		return nil, failed("find users", err)
	}
	people, err := collect(rows, func(rows *sql.Rows) (p users.Person, err error) {
		var deletedAt sql.NullInt64
		p.User, err = scanUser(rows, &deletedAt)
		return p, err
	})
	if err != nil {
		return nil, failed("find users", err)
	}
	for n := range people {
		p := &people[n]
		rows, err := s.reader.QueryContext(ctx, identitiesQuery, p.ID.String())
		if err != nil {
			return nil, failed("find users", err)
		}
		p.Identities, err = collect(rows, func(rows *sql.Rows) (users.Identity, error) {
			i := users.Identity{UserID: p.ID}
			var created int64
			err := rows.Scan(&i.Provider, &i.Account, &i.AppID, &i.OpenID, &i.UnionID, &created)
			i.CreatedAt = moment(created)
			return i, err
		})
		if err != nil {
			return nil, failed("find users", err)
		}
	}
	return people, nil
}

// change holds the write lock while it finds the user and makes the change.
func (s *Store) change(ctx context.Context, op string, c users.Change, do func(ctx context.Context, tx *sql.Tx, before users.User) error) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		before, err := readUser(ctx, tx, c.UserID)
		if err != nil {
			return err
		}
		return do(ctx, tx, before)
	})
	return failed(op, err)
}

// noteChange records what an operator did.
func noteChange(ctx context.Context, tx *sql.Tx, c users.Change, kind users.EventKind, detail map[string]any) error {
	c.Reason = sanitize.Clean(c.Reason)
	data, err := c.Detail(detail)
	if err != nil {
		return err
	}
	return note(ctx, tx, users.Event{At: c.Now, Kind: kind, UserID: c.UserID, Actor: c.Actor, Detail: data})
}

// endAll ends every live session of a user within a change.
func endAll(ctx context.Context, tx *sql.Tx, c users.Change, why auth.Reason) ([]uuid.UUID, error) {
	rows, err := tx.QueryContext(ctx, allOf, c.UserID.String(), micros(c.Now), "", "")
	if err != nil {
		return nil, err
	}
	ended, err := collect(rows, func(rows *sql.Rows) (id uuid.UUID, err error) {
		err = rows.Scan(&id)
		return id, err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ended {
		e := auth.Ending{
			UserID: c.UserID, SessionID: id, Reason: why, Actor: c.Actor, Comment: c.Reason, OnBehalfOf: c.OnBehalfOf, Now: c.Now,
		}
		if err := revoke(ctx, tx, e); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// DisableUser implements admin.Store.
func (s *Store) DisableUser(ctx context.Context, c users.Change) (ended []uuid.UUID, err error) {
	const query = `UPDATE users SET disabled_at = COALESCE(disabled_at, ?), disabled_reason = ? WHERE id = ?`
	err = s.change(ctx, "disable a user", c, func(ctx context.Context, tx *sql.Tx, _ users.User) (err error) {
		if _, err := tx.ExecContext(ctx, query, micros(c.Now), sanitize.Clean(c.Reason), c.UserID.String()); err != nil {
			return err
		}
		if ended, err = endAll(ctx, tx, c, auth.ReasonOperator); err != nil {
			return err
		}
		return noteChange(ctx, tx, c, users.EventUserDisabled, nil)
	})
	return s.told(ended, err)
}

// told wakes the watchers of revocations after the commit.
func (s *Store) told(ended []uuid.UUID, err error) ([]uuid.UUID, error) {
	if err != nil {
		return nil, err
	}
	if len(ended) > 0 {
		s.revoked.send()
	}
	return ended, nil
}

// EnableUser implements admin.Store.
func (s *Store) EnableUser(ctx context.Context, c users.Change) error {
	const query = `UPDATE users SET disabled_at = NULL, disabled_reason = '' WHERE id = ?`
	return s.change(ctx, "enable a user", c, func(ctx context.Context, tx *sql.Tx, before users.User) error {
		if !before.Disabled() {
			return nil
		}
		if _, err := tx.ExecContext(ctx, query, c.UserID.String()); err != nil {
			return err
		}
		return noteChange(ctx, tx, c, users.EventUserEnabled, nil)
	})
}

// AllSessions implements admin.Store.
func (s *Store) AllSessions(ctx context.Context, userID uuid.UUID) ([]auth.Session, error) {
	const query = `
SELECT id, user_id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at, revoked_at, revoked_reason
FROM sessions
WHERE user_id = ?
ORDER BY rotated_at DESC, id DESC`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, userID.String())
	if err != nil {
		return nil, failed("list all sessions", err)
	}
	out, err := collect(rows, scanSession)
	return out, failed("list all sessions", err)
}

// SessionOwner implements admin.Store.
func (s *Store) SessionOwner(ctx context.Context, id uuid.UUID) (owner uuid.UUID, err error) {
	const query = `SELECT user_id FROM sessions WHERE id = ?`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.reader.QueryRowContext(ctx, query, id.String()).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, auth.ErrNoSession
	}
	return owner, failed("find the owner of a session", err)
}

// Events implements admin.Store.
func (s *Store) Events(ctx context.Context, userID uuid.UUID, before int64, limit int) ([]users.RecordedEvent, error) {
	const query = `
SELECT id, at, kind, user_id, session_id, actor, detail
FROM events
WHERE user_id = ?1 AND (?2 = 0 OR id < ?2)
ORDER BY id DESC
LIMIT ?3`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, userID.String(), before, limit)
	if err != nil {
		return nil, failed("list events", err)
	}
	out, err := collect(rows, func(rows *sql.Rows) (e users.RecordedEvent, err error) {
		var (
			at      int64
			session uuid.NullUUID
			detail  string
		)
		err = rows.Scan(&e.ID, &at, &e.Kind, &e.UserID, &session, &e.Actor, &detail)
		e.At, e.SessionID, e.Detail = moment(at), session.UUID, json.RawMessage(detail)
		return e, err
	})
	return out, failed("list events", err)
}
