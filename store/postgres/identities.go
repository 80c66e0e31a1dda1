package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// Identities implements users.Store.
func (s *Store) Identities(ctx context.Context, id uuid.UUID) ([]users.Identity, error) {
	const sql = `
SELECT user_id, provider, account, app_id, openid, COALESCE(unionid, ''), created_at
FROM identities
WHERE user_id = $1
ORDER BY created_at, app_id, openid`
	out, err := list(ctx, s, sql, []any{id}, func(row pgx.CollectableRow) (i users.Identity, err error) {
		err = row.Scan(&i.UserID, &i.Provider, &i.Account, &i.AppID, &i.OpenID, &i.UnionID, &i.CreatedAt)
		return i, err
	})
	return out, failed("list identities", err)
}

// LinkIdentity implements auth.Store.
func (s *Store) LinkIdentity(ctx context.Context, userID uuid.UUID, l auth.Login) error {
	const (
		ownerSQL  = `SELECT user_id FROM identities WHERE app_id = $1 AND openid = $2`
		holderSQL = `SELECT user_id FROM identities WHERE unionid = $1 AND account = $2 AND user_id <> $3 LIMIT 1`
		keySQL    = `UPDATE identities SET session_key = $3, session_key_at = $4 WHERE app_id = $1 AND openid = $2`
		linkSQL   = `
INSERT INTO identities (app_id, openid, user_id, unionid, unionid_at, session_key, session_key_at, created_at, provider, account)
VALUES ($1, $2, $3, NULLIF($4, ''), CASE WHEN $4 <> '' THEN $5::timestamptz END, $6, $5, $5, $7, $8)`
	)
	if err := sanitize.Check(l.AppID, l.OpenID, l.UnionID); err != nil {
		return fmt.Errorf("postgres: link an identity: %w", err)
	}
	err := s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockLogin(ctx, tx, l); err != nil {
			return err
		}
		if _, err := lockedUsers(ctx, tx, userID); err != nil {
			return err
		}
		var owner, holder uuid.UUID
		err := tx.QueryRow(ctx, ownerSQL, l.AppID, l.OpenID).Scan(&owner)
		switch {
		case err == nil && owner != userID:
			return users.ErrIdentityTaken
		case err == nil:
			_, err = tx.Exec(ctx, keySQL, l.AppID, l.OpenID, l.SealedSessionKey, l.Now)
			return err
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		if l.UnionID != "" {
			err := tx.QueryRow(ctx, holderSQL, l.UnionID, l.Account, userID).Scan(&holder)
			if err == nil {
				return users.ErrIdentityTaken
			}
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
		}
		if _, err := tx.Exec(ctx, linkSQL, l.AppID, l.OpenID, userID, l.UnionID, l.Now, l.SealedSessionKey, l.Provider, l.Account); err != nil {
			return err
		}
		return note(ctx, tx, linkChange(userID, l.Now), users.EventIdentityLinked, map[string]any{"appId": l.AppID})
	})
	return failedUnless(err, "link an identity", users.ErrIdentityTaken, users.ErrNotFound)
}

func linkChange(userID uuid.UUID, now time.Time) users.Change {
	return users.Change{UserID: userID, Actor: users.ActorUser, Reason: "by the user", Now: now}
}

// UnlinkIdentity implements auth.Store.
func (s *Store) UnlinkIdentity(ctx context.Context, userID uuid.UUID, appID string, now time.Time) (ended []uuid.UUID, err error) {
	const (
		countSQL = `
SELECT count(*) FILTER (WHERE app_id = $2), count(*) FILTER (WHERE app_id <> $2) FROM identities WHERE user_id = $1`
		unlinkSQL  = `DELETE FROM identities WHERE user_id = $1 AND app_id = $2`
		sessionSQL = `
SELECT id FROM sessions WHERE user_id = $1 AND app_id = $2 AND revoked_at IS NULL AND expires_at > $3 ORDER BY id`
	)
	err = s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ended = nil
		if err := lockIdentities(ctx, tx, userID); err != nil {
			return err
		}
		if _, err := lockedUsers(ctx, tx, userID); err != nil {
			return err
		}
		var here, elsewhere int
		if err := tx.QueryRow(ctx, countSQL, userID, appID).Scan(&here, &elsewhere); err != nil {
			return err
		}
		switch {
		case here == 0:
			return users.ErrNotFound
		case elsewhere == 0:
			return users.ErrLastIdentity
		}
		if _, err := tx.Exec(ctx, unlinkSQL, userID, appID); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sessionSQL, userID, appID, now)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		for _, id := range ids {
			one, err := endWithin(ctx, tx, auth.Ending{
				UserID: userID, Reason: auth.ReasonSignedOut, Actor: users.ActorUser, Now: now,
			}, uuid.NullUUID{UUID: id, Valid: true})
			if err != nil {
				return err
			}
			ended = append(ended, one...)
		}
		return note(ctx, tx, linkChange(userID, now), users.EventIdentityUnlinked, map[string]any{"appId": appID})
	})
	if err = failedUnless(err, "unlink an identity", users.ErrLastIdentity, users.ErrNotFound); err != nil {
		return nil, err
	}
	return ended, nil
}

// Merge implements users.Store.
func (s *Store) Merge(ctx context.Context, m users.Merge) (into uuid.UUID, ended []uuid.UUID, err error) {
	err = s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		into, ended, err = merge(ctx, tx, m)
		return err
	})
	if err = failedUnless(err, "merge two users", users.ErrNotFound, users.ErrPhoneTaken); err != nil {
		return uuid.Nil, nil, err
	}
	return into, ended, nil
}

// merge locks everything in the order of every other writer: the identities
// first, then the users.
func merge(ctx context.Context, tx pgx.Tx, m users.Merge) (into uuid.UUID, ended []uuid.UUID, err error) {
	const (
		holderSQL  = `SELECT id FROM users WHERE phone_hash = ANY ($1) AND deleted_at IS NULL`
		sameAppSQL = `
SELECT EXISTS (SELECT FROM identities a JOIN identities b ON b.app_id = a.app_id WHERE a.user_id = $1 AND b.user_id = $2)`
		hashSQL = `SELECT phone_hash FROM users WHERE id = $1`
		goneSQL = `
UPDATE users
SET nickname = '', avatar_url = '', phone_sealed = NULL, phone_hash = NULL, roles = '{}', metadata = '{}',
    disabled_at = NULL, disabled_reason = '', deleted_at = $2
WHERE id = $1`
		keptSQL = `
UPDATE users
SET nickname = $2, avatar_url = $3, roles = $4, metadata = $5::text::jsonb, last_login_at = $6,
    phone_sealed = CASE WHEN $8::bytea IS NULL THEN phone_sealed ELSE $7 END, phone_hash = COALESCE($8, phone_hash)
WHERE id = $1`
		moveSQL = `UPDATE identities SET user_id = $1 WHERE user_id = $2`
	)
	into = m.Into
	if m.Hashes != nil {
		if err := tx.QueryRow(ctx, holderSQL, m.Hashes).Scan(&into); errors.Is(err, pgx.ErrNoRows) {
			return into, nil, users.ErrNotFound
		} else if err != nil {
			return into, nil, err
		}
	}
	if into == m.From {
		return into, nil, users.ErrNotFound
	}
	if err := lockIdentities(ctx, tx, into, m.From); err != nil {
		return into, nil, err
	}
	people, err := lockedUsers(ctx, tx, into, m.From)
	if err != nil {
		return into, nil, err
	}
	if m.Hashes != nil {
		var still uuid.UUID
		if err := tx.QueryRow(ctx, holderSQL, m.Hashes).Scan(&still); errors.Is(err, pgx.ErrNoRows) || err == nil && still != into {
			return into, nil, users.ErrNotFound // the number has moved meanwhile
		} else if err != nil {
			return into, nil, err
		}
		var sameApp bool
		if err := tx.QueryRow(ctx, sameAppSQL, into, m.From).Scan(&sameApp); err != nil {
			return into, nil, err
		}
		if !users.MayJoin(people[into], people[m.From], sameApp) {
			return into, nil, users.ErrPhoneTaken
		}
	}
	merged := m.Merged(people[into], people[m.From])
	var sealed, hash []byte
	if len(people[into].SealedPhone) == 0 && len(merged.SealedPhone) > 0 {
		// A number that no data key opens is lost with its user.
		if sealed, err = m.Reseal(m.From, into, merged.SealedPhone); err == nil {
			if err := tx.QueryRow(ctx, hashSQL, m.From).Scan(&hash); err != nil {
				return into, nil, err
			}
		}
	}
	if ended, err = endAll(ctx, tx, m.Change(m.From), auth.ReasonMerged); err != nil {
		return into, nil, err
	}
	moved, err := tx.Exec(ctx, moveSQL, into, m.From)
	if err != nil {
		return into, nil, err
	}
	if _, err := tx.Exec(ctx, goneSQL, m.From, m.Now); err != nil {
		return into, nil, err
	}
	if merged.Roles == nil {
		merged.Roles = []string{}
	}
	if len(merged.Metadata) == 0 {
		merged.Metadata = []byte("{}")
	}
	if _, err := tx.Exec(ctx, keptSQL, into, merged.Nickname, merged.AvatarURL, merged.Roles, string(merged.Metadata), merged.LastLoginAt, sealed, hash); err != nil {
		return into, nil, err
	}
	if err := note(ctx, tx, m.Change(into), users.EventUserMerged, m.EventDetail(people[into], people[m.From], merged, moved.RowsAffected())); err != nil {
		return into, nil, err
	}
	return into, ended, note(ctx, tx, m.Change(m.From), users.EventUserMerged, map[string]any{"into": into, "sessions": len(ended)})
}

// lockedUsers locks users, all of whom must be there, in one order.
func lockedUsers(ctx context.Context, tx pgx.Tx, ids ...uuid.UUID) (map[uuid.UUID]users.User, error) {
	const sql = `SELECT ` + userColumns + ` FROM users u WHERE u.id = ANY ($1) AND u.deleted_at IS NULL ORDER BY u.id FOR UPDATE`
	rows, err := tx.Query(ctx, sql, ids)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanUser)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]users.User, len(list))
	for _, u := range list {
		out[u.ID] = u
	}
	if len(out) != len(ids) {
		return nil, users.ErrNotFound
	}
	return out, nil
}

// failedUnless is failed, but for errors that say something of the request.
func failedUnless(err error, op string, known ...error) error {
	for _, one := range known {
		if errors.Is(err, one) {
			return one
		}
	}
	return failed(op, err)
}
