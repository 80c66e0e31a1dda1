package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
	args = append(args, q.Limit)
	sql := `SELECT ` + userColumns + ` FROM users u WHERE ` + where + ` ORDER BY u.id DESC LIMIT ` + fmt.Sprint("$", len(args))
	const identitiesSQL = `
SELECT user_id, provider, account, app_id, openid, COALESCE(unionid, ''), created_at
FROM identities
WHERE user_id = ANY ($1)
ORDER BY created_at, app_id, openid`

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	people, err := list(ctx, s, sql, args, func(row pgx.CollectableRow) (p users.Person, err error) {
		p.User, err = scanUser(row)
		return p, err
	})
	if err != nil || len(people) == 0 {
		return nil, failed("find users", err)
	}
	ids := make([]uuid.UUID, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	identities, err := list(ctx, s, identitiesSQL, []any{ids}, func(row pgx.CollectableRow) (i users.Identity, err error) {
		err = row.Scan(&i.UserID, &i.Provider, &i.Account, &i.AppID, &i.OpenID, &i.UnionID, &i.CreatedAt)
		return i, err
	})
	for _, i := range identities {
		p := &people[slices.Index(ids, i.UserID)]
		p.Identities = append(p.Identities, i)
	}
	return people, failed("find users", err)
}

// likePrefix returns the LIKE pattern for a prefix.
func likePrefix(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(prefix) + "%"
}

// change locks a user and runs the statements of a change. A concurrent login holds the
// same lock, so the session that it opened is visible to the statements, each of which
// has a newer snapshot than the lock.
func (s *Store) change(ctx context.Context, op string, c users.Change, do func(ctx context.Context, tx pgx.Tx) error) error {
	const lockSQL = `SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`
	err := s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id uuid.UUID
		if err := tx.QueryRow(ctx, lockSQL, c.UserID).Scan(&id); errors.Is(err, pgx.ErrNoRows) {
			return users.ErrNotFound
		} else if err != nil {
			return err
		}
		return do(ctx, tx)
	})
	if errors.Is(err, users.ErrNotFound) {
		return err
	}
	return failed(op, err)
}

// note records the event of an operator's change.
func note(ctx context.Context, tx pgx.Tx, c users.Change, kind users.EventKind, detail map[string]any) error {
	// As text and with a cast, because a pooler may allow no statement to be
	// described first, and then pgx does not know that jsonb is wanted.
	const sql = `INSERT INTO events (at, kind, user_id, actor, detail) VALUES ($1, $2, $3, $4, $5::text::jsonb)`
	c.Reason = sanitize.Clean(c.Reason)
	data, err := c.Detail(detail)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, sql, c.Now, string(kind), c.UserID, c.Actor, string(data))
	return err
}

// endAll ends every live session of a user within a change.
func endAll(ctx context.Context, tx pgx.Tx, c users.Change, why auth.Reason) (ended []uuid.UUID, err error) {
	return endWithin(ctx, tx, auth.Ending{
		UserID: c.UserID, Reason: why, Actor: c.Actor, Comment: c.Reason, OnBehalfOf: c.OnBehalfOf, Now: c.Now,
	}, uuid.NullUUID{})
}

// DisableUser implements admin.Store.
func (s *Store) DisableUser(ctx context.Context, c users.Change) (ended []uuid.UUID, err error) {
	const sql = `UPDATE users SET disabled_at = COALESCE(disabled_at, $2), disabled_reason = $3 WHERE id = $1`
	err = s.change(ctx, "disable a user", c, func(ctx context.Context, tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, sql, c.UserID, c.Now, sanitize.Clean(c.Reason)); err != nil {
			return err
		}
		if ended, err = endAll(ctx, tx, c, auth.ReasonOperator); err != nil {
			return err
		}
		return note(ctx, tx, c, users.EventUserDisabled, nil)
	})
	return ended, err
}

// EnableUser implements admin.Store.
func (s *Store) EnableUser(ctx context.Context, c users.Change) error {
	const sql = `UPDATE users SET disabled_at = NULL, disabled_reason = '' WHERE id = $1 AND disabled_at IS NOT NULL`
	return s.change(ctx, "enable a user", c, func(ctx context.Context, tx pgx.Tx) error {
		done, err := tx.Exec(ctx, sql, c.UserID)
		if err != nil || done.RowsAffected() == 0 {
			return err
		}
		return note(ctx, tx, c, users.EventUserEnabled, nil)
	})
}

// AllSessions implements admin.Store.
func (s *Store) AllSessions(ctx context.Context, userID uuid.UUID) ([]auth.Session, error) {
	const sql = `
SELECT id, user_id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at, revoked_at, revoked_reason
FROM sessions
WHERE user_id = $1
ORDER BY rotated_at DESC, id DESC`
	out, err := list(ctx, s, sql, []any{userID}, scanSession)
	return out, failed("list all sessions", err)
}

// SessionOwner implements admin.Store.
func (s *Store) SessionOwner(ctx context.Context, id uuid.UUID) (owner uuid.UUID, err error) {
	const sql = `SELECT user_id FROM sessions WHERE id = $1`
	err = s.call(ctx, func(ctx context.Context) error { return s.pool.QueryRow(ctx, sql, id).Scan(&owner) })
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, auth.ErrNoSession
	}
	return owner, failed("find the owner of a session", err)
}

// Events implements admin.Store.
func (s *Store) Events(ctx context.Context, userID uuid.UUID, before int64, limit int) ([]users.RecordedEvent, error) {
	const sql = `
SELECT id, at, kind, user_id, session_id, actor, detail
FROM events
WHERE user_id = $1 AND ($2 = 0 OR id < $2)
ORDER BY id DESC
LIMIT $3`
	out, err := list(ctx, s, sql, []any{userID, before, limit}, func(row pgx.CollectableRow) (e users.RecordedEvent, err error) {
		var session uuid.NullUUID
		err = row.Scan(&e.ID, &e.At, &e.Kind, &e.UserID, &session, &e.Actor, &e.Detail)
		e.SessionID = session.UUID
		return e, err
	})
	return out, failed("list events", err)
}
