package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// Identities implements users.Store.
func (s *Store) Identities(ctx context.Context, id uuid.UUID) ([]users.Identity, error) {
	const query = `
SELECT provider, account, app_id, openid, COALESCE(unionid, ''), created_at
FROM identities
WHERE user_id = ?
ORDER BY created_at, app_id, openid`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, id.String())
	if err != nil {
		return nil, failed("list identities", err)
	}
	out, err := collect(rows, func(rows *sql.Rows) (users.Identity, error) {
		i := users.Identity{UserID: id}
		var created int64
		err := rows.Scan(&i.Provider, &i.Account, &i.AppID, &i.OpenID, &i.UnionID, &created)
		i.CreatedAt = moment(created)
		return i, err
	})
	return out, failed("list identities", err)
}

// LinkIdentity implements auth.Store.
func (s *Store) LinkIdentity(ctx context.Context, userID uuid.UUID, l auth.Login) error {
	const (
		ownerQuery  = `SELECT user_id FROM identities WHERE app_id = ? AND openid = ?`
		holderQuery = `SELECT EXISTS (SELECT 1 FROM identities WHERE unionid = ? AND account = ? AND user_id <> ?)`
		keyQuery    = `UPDATE identities SET session_key = ?3, session_key_at = ?4 WHERE app_id = ?1 AND openid = ?2`
		linkQuery   = `
INSERT INTO identities (app_id, openid, user_id, unionid, unionid_at, session_key, session_key_at, created_at, provider, account)
VALUES (?1, ?2, ?3, NULLIF(?4, ''), CASE WHEN ?4 <> '' THEN ?5 END, ?6, ?5, ?5, ?7, ?8)`
	)
	if err := sanitize.Check(l.AppID, l.OpenID, l.UnionID); err != nil {
		return fmt.Errorf("sqlite: link an identity: %w", err)
	}
	return failed("link an identity", s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := readUser(ctx, tx, userID); err != nil {
			return err
		}
		var owner uuid.UUID
		err := tx.QueryRowContext(ctx, ownerQuery, l.AppID, l.OpenID).Scan(&owner)
		switch {
		case err == nil && owner != userID:
			return users.ErrIdentityTaken
		case err == nil:
			_, err = tx.ExecContext(ctx, keyQuery, l.AppID, l.OpenID, l.SealedSessionKey, micros(l.Now))
			return err
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if l.UnionID != "" {
			var taken bool
			if err := tx.QueryRowContext(ctx, holderQuery, l.UnionID, l.Account, userID.String()).Scan(&taken); err != nil {
				return err
			}
			if taken {
				return users.ErrIdentityTaken
			}
		}
		if _, err := tx.ExecContext(ctx, linkQuery, l.AppID, l.OpenID, userID.String(), l.UnionID, micros(l.Now), l.SealedSessionKey, l.Provider, l.Account); err != nil {
			return err
		}
		return noteChange(ctx, tx, linkChange(userID, l.Now), users.EventIdentityLinked, map[string]any{"appId": l.AppID})
	}))
}

func linkChange(userID uuid.UUID, now time.Time) users.Change {
	return users.Change{UserID: userID, Actor: users.ActorUser, Reason: "by the user", Now: now}
}

// UnlinkIdentity implements auth.Store.
func (s *Store) UnlinkIdentity(ctx context.Context, userID uuid.UUID, appID string, now time.Time) (ended []uuid.UUID, err error) {
	const (
		countQuery = `
SELECT count(*) FILTER (WHERE app_id = ?2), count(*) FILTER (WHERE app_id <> ?2) FROM identities WHERE user_id = ?1`
		unlinkQuery  = `DELETE FROM identities WHERE user_id = ? AND app_id = ?`
		sessionQuery = `SELECT id FROM sessions WHERE user_id = ? AND app_id = ? AND revoked_at IS NULL AND expires_at > ? ORDER BY id`
	)
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := readUser(ctx, tx, userID); err != nil {
			return err
		}
		var here, elsewhere int
		if err := tx.QueryRowContext(ctx, countQuery, userID.String(), appID).Scan(&here, &elsewhere); err != nil {
			return err
		}
		switch {
		case here == 0:
			return users.ErrNotFound
		case elsewhere == 0:
			return users.ErrLastIdentity
		}
		if _, err := tx.ExecContext(ctx, unlinkQuery, userID.String(), appID); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, sessionQuery, userID.String(), appID, micros(now))
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
			e := auth.Ending{UserID: userID, SessionID: id, Reason: auth.ReasonSignedOut, Actor: users.ActorUser, Now: now}
			if err := revoke(ctx, tx, e); err != nil {
				return err
			}
		}
		return noteChange(ctx, tx, linkChange(userID, now), users.EventIdentityUnlinked, map[string]any{"appId": appID})
	})
	return s.told(ended, failed("unlink an identity", err))
}

// Merge implements users.Store.
func (s *Store) Merge(ctx context.Context, m users.Merge) (into uuid.UUID, ended []uuid.UUID, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		into, ended, err = merge(ctx, tx, m)
		return err
	})
	if ended, err = s.told(ended, failed("merge two users", err)); err != nil {
		return uuid.Nil, nil, err
	}
	return into, ended, nil
}

func merge(ctx context.Context, tx *sql.Tx, m users.Merge) (into uuid.UUID, ended []uuid.UUID, err error) {
	const (
		holderQuery  = `SELECT id FROM users WHERE deleted_at IS NULL AND phone_hash IN (?`
		sameAppQuery = `
SELECT EXISTS (SELECT 1 FROM identities a JOIN identities b ON b.app_id = a.app_id WHERE a.user_id = ? AND b.user_id = ?)`
		hashQuery = `SELECT phone_hash FROM users WHERE id = ?`
		goneQuery = `
UPDATE users
SET nickname = '', avatar_url = '', phone_sealed = NULL, phone_hash = NULL, roles = '[]', metadata = '{}',
    disabled_at = NULL, disabled_reason = '', deleted_at = ?2
WHERE id = ?1`
		keptQuery = `
UPDATE users
SET nickname = ?2, avatar_url = ?3, roles = ?4, metadata = ?5, last_login_at = ?6,
    phone_sealed = CASE WHEN ?8 IS NULL THEN phone_sealed ELSE ?7 END, phone_hash = COALESCE(?8, phone_hash)
WHERE id = ?1`
		moveQuery = `UPDATE identities SET user_id = ?1 WHERE user_id = ?2`
	)
	into = m.Into
	if m.Hashes != nil {
		args := make([]any, len(m.Hashes))
		for i, h := range m.Hashes {
			args[i] = h
		}
		err := tx.QueryRowContext(ctx, holderQuery+strings.Repeat(`, ?`, len(args)-1)+`)`, args...).Scan(&into)
		if errors.Is(err, sql.ErrNoRows) {
			return into, nil, users.ErrNotFound
		}
		if err != nil {
			return into, nil, err
		}
	}
	if into == m.From {
		return into, nil, users.ErrNotFound
	}
	kept, err := readUser(ctx, tx, into)
	if err != nil {
		return into, nil, err
	}
	gone, err := readUser(ctx, tx, m.From)
	if err != nil {
		return into, nil, err
	}
	if m.Hashes != nil {
		var sameApp bool
		if err := tx.QueryRowContext(ctx, sameAppQuery, into.String(), m.From.String()).Scan(&sameApp); err != nil {
			return into, nil, err
		}
		if !users.MayJoin(kept, gone, sameApp) {
			return into, nil, users.ErrPhoneTaken
		}
	}
	merged := m.Merged(kept, gone)
	var sealed, hash any
	if len(kept.SealedPhone) == 0 && len(merged.SealedPhone) > 0 {
		// A number that no data key opens is lost with its user.
		if resealed, err := m.Reseal(m.From, into, merged.SealedPhone); err == nil {
			var found []byte
			if err := tx.QueryRowContext(ctx, hashQuery, m.From.String()).Scan(&found); err != nil {
				return into, nil, err
			}
			sealed, hash = resealed, found
		}
	}
	if ended, err = endAll(ctx, tx, m.Change(m.From), auth.ReasonMerged); err != nil {
		return into, nil, err
	}
	moved, err := tx.ExecContext(ctx, moveQuery, into.String(), m.From.String())
	if err != nil {
		return into, nil, err
	}
	identities, err := moved.RowsAffected()
	if err != nil {
		return into, nil, err
	}
	if _, err := tx.ExecContext(ctx, goneQuery, m.From.String(), micros(m.Now)); err != nil {
		return into, nil, err
	}
	if merged.Roles == nil {
		merged.Roles = []string{}
	}
	if len(merged.Metadata) == 0 {
		merged.Metadata = json.RawMessage("{}")
	}
	roles, err := json.Marshal(merged.Roles)
	if err != nil {
		return into, nil, err
	}
	if _, err := tx.ExecContext(ctx, keptQuery, into.String(), merged.Nickname, merged.AvatarURL, string(roles), string(merged.Metadata), micros(merged.LastLoginAt), sealed, hash); err != nil {
		return into, nil, err
	}
	if err := noteChange(ctx, tx, m.Change(into), users.EventUserMerged, m.EventDetail(kept, gone, merged, identities)); err != nil {
		return into, nil, err
	}
	return into, ended, noteChange(ctx, tx, m.Change(m.From), users.EventUserMerged, map[string]any{"into": into, "sessions": len(ended)})
}
