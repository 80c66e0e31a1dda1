package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// concerned finds the user whom an erasure concerns, within the transaction
// that carries it out.
func concerned(ctx context.Context, tx *sql.Tx, e users.Erasure) (uuid.UUID, error) {
	const query = `
SELECT u.id
FROM identities i
JOIN users u ON u.id = i.user_id
WHERE i.app_id = ?1 AND i.openid = ?2 AND i.created_at < ?3 AND u.created_at < ?3 AND u.deleted_at IS NULL`
	var id uuid.UUID
	err := tx.QueryRowContext(ctx, query, e.AppID, e.OpenID, micros(e.Before())).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, users.ErrNotFound
	}
	return id, err
}

// checkErasure refuses an erasure that names no one, and tells of one that
// names an identity which no column can hold.
func checkErasure(e users.Erasure) error {
	if err := e.Check(); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	if sanitize.Check(e.AppID, e.OpenID) != nil {
		return users.ErrNotFound
	}
	return nil
}

// EraseShared implements admin.Store.
func (s *Store) EraseShared(ctx context.Context, e users.Erasure) (id uuid.UUID, err error) {
	const query = `
UPDATE users
SET nickname     = CASE WHEN ?2 THEN '' ELSE nickname END,
    avatar_url   = CASE WHEN ?2 THEN '' ELSE avatar_url END,
    phone_sealed = CASE WHEN ?3 THEN NULL ELSE phone_sealed END,
    phone_hash   = CASE WHEN ?3 THEN NULL ELSE phone_hash END
WHERE id = ?1`
	if err := checkErasure(e); err != nil {
		return uuid.Nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if id, err = concerned(ctx, tx, e); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, query, id.String(), e.Profile, e.Phone); err != nil {
			return err
		}
		return note(ctx, tx, users.Event{At: e.Now, Kind: e.Kind(), UserID: id, Actor: e.Actor, Detail: e.Detail()})
	})
	if err != nil {
		return uuid.Nil, failed("erase what a user shared", err)
	}
	return id, nil
}

// DeletePerson implements admin.Store.
func (s *Store) DeletePerson(ctx context.Context, e users.Erasure) (id uuid.UUID, ended []uuid.UUID, err error) {
	if err := checkErasure(e); err != nil {
		return uuid.Nil, nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if id, err = concerned(ctx, tx, e); err != nil {
			return err
		}
		ended, err = deleteUser(ctx, tx, users.Change{UserID: id, Actor: e.Actor, Reason: e.Reason, Now: e.Now})
		return err
	})
	if err != nil {
		return uuid.Nil, nil, failed("delete a person", err)
	}
	ended, err = s.told(ended, nil)
	return id, ended, err
}

// DeleteUser implements admin.Store.
func (s *Store) DeleteUser(ctx context.Context, c users.Change) (ended []uuid.UUID, err error) {
	err = s.change(ctx, "delete a user", c, func(ctx context.Context, tx *sql.Tx, _ users.User) (err error) {
		ended, err = deleteUser(ctx, tx, c)
		return err
	})
	return s.told(ended, err)
}

// deleteUser erases a user who is there, and returns the sessions it ended.
func deleteUser(ctx context.Context, tx *sql.Tx, c users.Change) ([]uuid.UUID, error) {
	const (
		identitiesQuery = `DELETE FROM identities WHERE user_id = ?1`
		sessionsQuery   = `
UPDATE sessions
SET device_id = '', device_name = '', user_agent = '', ip = '',
    revoked_at = COALESCE(revoked_at, ?2), revoked_reason = '` + string(auth.ReasonAccountClosed) + `'
WHERE user_id = ?1`
		eventsQuery = `UPDATE events SET detail = '{}', session_id = NULL WHERE user_id = ?1`
		userQuery   = `
UPDATE users
SET nickname = '', avatar_url = '', phone_sealed = NULL, phone_hash = NULL, roles = '[]', metadata = '{}',
    disabled_at = NULL, disabled_reason = '', deleted_at = ?2
WHERE id = ?1`
	)
	ended, err := endAll(ctx, tx, c, auth.ReasonAccountClosed)
	if err != nil {
		return nil, err
	}
	id, now := c.UserID.String(), micros(c.Now)
	gone, err := tx.ExecContext(ctx, identitiesQuery, id)
	if err != nil {
		return nil, err
	}
	identities, err := gone.RowsAffected()
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, sessionsQuery, id, now); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, eventsQuery, id); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, userQuery, id, now); err != nil {
		return nil, err
	}
	return ended, noteChange(ctx, tx, c, users.EventUserDeleted, map[string]any{"identities": identities, "sessions": len(ended)})
}
