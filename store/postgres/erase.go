package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// EraseShared implements admin.Store. The statement finds the account,
// changes it and records it, so that nothing can come in between.
func (s *Store) EraseShared(ctx context.Context, e users.Erasure) (id uuid.UUID, err error) {
	const sql = `
WITH erased AS (
    UPDATE users u
    SET nickname     = CASE WHEN $4::boolean THEN '' ELSE u.nickname END,
        avatar_url   = CASE WHEN $4::boolean THEN '' ELSE u.avatar_url END,
        phone_sealed = CASE WHEN $5::boolean THEN NULL ELSE u.phone_sealed END,
        phone_hash   = CASE WHEN $5::boolean THEN NULL ELSE u.phone_hash END
    FROM identities i
    WHERE i.app_id = $1 AND i.openid = $2 AND i.created_at < $3
      AND u.id = i.user_id AND u.created_at < $3 AND u.deleted_at IS NULL
    RETURNING u.id
), noted AS (
    INSERT INTO events (at, kind, user_id, actor, detail)
    SELECT $6, $7, id, $8, $9::text::jsonb
    FROM erased
)
SELECT id FROM erased`
	if err := checkErasure(e); err != nil {
		return uuid.Nil, err
	}
	err = s.call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, sql, e.AppID, e.OpenID, e.Before(), e.Profile, e.Phone,
			e.Now, string(e.Kind()), e.Actor, string(e.Detail())).Scan(&id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, users.ErrNotFound
	}
	return id, failed("erase what a user shared", err)
}

// checkErasure refuses an erasure that names no one, and tells of one that
// names an identity which no column can hold.
func checkErasure(e users.Erasure) error {
	if err := e.Check(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	if sanitize.Check(e.AppID, e.OpenID) != nil {
		return users.ErrNotFound
	}
	return nil
}

// DeletePerson implements admin.Store.
func (s *Store) DeletePerson(ctx context.Context, e users.Erasure) (id uuid.UUID, ended []uuid.UUID, err error) {
	const sql = `
SELECT u.id
FROM identities i
JOIN users u ON u.id = i.user_id
WHERE i.app_id = $1 AND i.openid = $2 AND i.created_at < $3 AND u.created_at < $3 AND u.deleted_at IS NULL`
	if err := checkErasure(e); err != nil {
		return uuid.Nil, nil, err
	}
	ended, err = s.delete(ctx, users.Change{Actor: e.Actor, Reason: e.Reason, Now: e.Now}, func(ctx context.Context, tx pgx.Tx) (uuid.UUID, error) {
		id = uuid.Nil
		err := tx.QueryRow(ctx, sql, e.AppID, e.OpenID, e.Before()).Scan(&id)
		return id, err
	})
	return id, ended, err
}

// DeleteUser implements admin.Store.
func (s *Store) DeleteUser(ctx context.Context, c users.Change) (ended []uuid.UUID, err error) {
	return s.delete(ctx, c, func(context.Context, pgx.Tx) (uuid.UUID, error) { return c.UserID, nil })
}

// errMoved is returned if an identity moved to another user while delete waited for the
// locks of the first.
var errMoved = errors.New("the identity has moved to another user")

// delete erases the user that find returns. It calls find again under the locks and
// erases only the same user.
func (s *Store) delete(ctx context.Context, c users.Change, find func(context.Context, pgx.Tx) (uuid.UUID, error)) (ended []uuid.UUID, err error) {
	const (
		identitiesSQL = `DELETE FROM identities WHERE user_id = $1`
		// What is found later in a row that was purged since is not there.
		sessionsSQL = `
UPDATE sessions
SET device_id = '', device_name = '', user_agent = '', ip = '',
    revoked_at = COALESCE(revoked_at, $2), revoked_reason = '` + string(auth.ReasonAccountClosed) + `'
WHERE user_id = $1`
		eventsSQL = `UPDATE events SET detail = '{}', session_id = NULL WHERE user_id = $1`
		userSQL   = `
UPDATE users
SET nickname = '', avatar_url = '', phone_sealed = NULL, phone_hash = NULL, roles = '{}', metadata = '{}',
    disabled_at = NULL, disabled_reason = '', deleted_at = $2
WHERE id = $1`
	)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	run := func() error {
		return s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			userID, err := find(ctx, tx)
			if err != nil {
				return err
			}
			c.UserID = userID
			if err := lockIdentities(ctx, tx, c.UserID); err != nil {
				return err
			}
			var id uuid.UUID
			const lockSQL = `SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`
			if err := tx.QueryRow(ctx, lockSQL, c.UserID).Scan(&id); err != nil {
				return err
			}
			if again, err := find(ctx, tx); err != nil {
				return err
			} else if again != c.UserID {
				return errMoved
			}
			if ended, err = endAll(ctx, tx, c, auth.ReasonAccountClosed); err != nil {
				return err
			}
			gone, err := tx.Exec(ctx, identitiesSQL, c.UserID)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, sessionsSQL, c.UserID, c.Now); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, eventsSQL, c.UserID); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, userSQL, c.UserID, c.Now); err != nil {
				return err
			}
			return note(ctx, tx, c, users.EventUserDeleted, map[string]any{"identities": gone.RowsAffected(), "sessions": len(ended)})
		})
	}
	if err = run(); errors.Is(err, errMoved) {
		err = run()
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, users.ErrNotFound
	}
	return ended, failed("delete a user", err)
}

// lockIdentities takes the locks that settleIdentity takes, for every identity
// of a user: a person who registers with a unionid of this user's at the same
// moment must not join a user who is no longer there. All union locks come
// before all identity locks, as they do there.
func lockIdentities(ctx context.Context, tx pgx.Tx, userIDs ...uuid.UUID) error {
	const (
		listSQL = `
SELECT account, COALESCE(unionid, ''), app_id || ' ' || openid
FROM identities
WHERE user_id = ANY ($1)`
		unionSQL    = `SELECT pg_advisory_xact_lock(hashtextextended(k, 0)) FROM unnest($1::text[]) AS k`
		identitySQL = `SELECT pg_advisory_xact_lock(hashtextextended(k, 1)) FROM unnest($1::text[]) AS k`
	)
	var held []string
	for {
		rows, err := tx.Query(ctx, listSQL, userIDs)
		if err != nil {
			return err
		}
		var unions, identities []string
		var account, union, identity string
		if _, err := pgx.ForEachRow(rows, []any{&account, &union, &identity}, func() error {
			lock := identity
			if union != "" {
				lock = unionLock(account, union)
			}
			unions, identities = append(unions, lock), append(identities, identity)
			return nil
		}); err != nil {
			return err
		}
		slices.Sort(unions)
		slices.Sort(identities)
		unions = slices.Compact(unions)
		now := slices.Concat(unions, identities)
		if held != nil && slices.Equal(held, now) || len(now) == 0 {
			return nil // no identity joined while the locks were waited for
		}
		held = now
		if _, err := tx.Exec(ctx, unionSQL, unions); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, identitySQL, identities); err != nil {
			return err
		}
	}
}
