package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/batch"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

type identityKey struct{ appID, openID string }

// Login implements auth.Store.
func (s *Store) Login(ctx context.Context, l auth.Login) (auth.LoggedIn, error) {
	if err := sanitize.Check(l.AppID, l.OpenID, l.UnionID); err != nil {
		return auth.LoggedIn{}, fmt.Errorf("sqlite: log in: %w", err)
	}
	l.Now = l.Now.UTC() // it comes back in what is answered
	d := &l.Device
	d.ID, d.Name, d.UserAgent, d.IP = sanitize.Clean(d.ID), sanitize.Clean(d.Name), sanitize.Clean(d.UserAgent), sanitize.Clean(d.IP)
	out, err := s.logins.Do(ctx, time.Time{}, identityKey{l.AppID, l.OpenID}, l)
	return out, failed("log in", err)
}

// loginGroup logs in any number of people in one transaction.
func (s *Store) loginGroup(ctx context.Context, group []auth.Login, out []batch.Result[auth.LoggedIn]) {
	ended := false
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i, l := range group {
			in, err := s.login(ctx, tx, l)
			if err != nil {
				return err
			}
			out[i] = batch.Result[auth.LoggedIn]{Value: in}
			ended = ended || len(in.Ended) > 0
		}
		return nil
	})
	if err != nil {
		batch.Fail(out, err)
		return
	}
	if ended {
		s.revoked.send()
	}
}

func (s *Store) login(ctx context.Context, tx *sql.Tx, l auth.Login) (auth.LoggedIn, error) {
	const (
		userSQL = `
SELECT ` + userColumns + ` FROM users u WHERE u.id = ?`
		keySQL = `
UPDATE identities SET session_key = ?, session_key_at = ? WHERE app_id = ? AND openid = ? RETURNING openid, COALESCE(unionid, '')`
		greetSQL = `
UPDATE users SET last_login_at = ? WHERE id = ?`
		openSQL = `
INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	)
	userID, created, err := settleIdentity(ctx, tx, l)
	if err != nil {
		return auth.LoggedIn{}, err
	}
	now, expires := micros(l.Now), s.lifetimes.Of(l.AppID).SessionEnd(l.Now, l.Now)
	out := auth.LoggedIn{NewUser: created, ExpiresAt: expires}
	var deletedAt sql.NullInt64
	if out.User, err = scanUser(tx.QueryRowContext(ctx, userSQL, userID.String()), &deletedAt); err != nil {
		return auth.LoggedIn{}, err
	}
	if out.User.DisabledAt == nil {
		// Who was deleted, and whose identity was left behind, does not get in.
		out.User.DisabledAt = optionalMoment(deletedAt)
	}
	if out.User.Disabled() {
		return out, nil
	}
	out.User.LastLoginAt = l.Now.UTC()
	if err := tx.QueryRowContext(ctx, keySQL, l.SealedSessionKey, now, l.AppID, l.OpenID).Scan(&out.OpenID, &out.UnionID); err != nil {
		return auth.LoggedIn{}, err
	}
	if _, err := tx.ExecContext(ctx, greetSQL, now, userID.String()); err != nil {
		return auth.LoggedIn{}, err
	}
	if out.Ended, err = s.makeRoom(ctx, tx, out.User.ID, l); err != nil {
		return auth.LoggedIn{}, err
	}
	d := l.Device
	_, err = tx.ExecContext(ctx, openSQL, userID.String(), l.SessionID.String(), l.AppID, d.ID, d.Name, d.UserAgent, d.IP, now, now, micros(expires))
	return out, err
}

// makeRoom ends the sessions that auth.Lifetimes.EndedBy names.
func (s *Store) makeRoom(ctx context.Context, tx *sql.Tx, userID uuid.UUID, l auth.Login) ([]auth.Ended, error) {
	const query = `
SELECT id, app_id, device_id
FROM sessions
WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ?
ORDER BY rotated_at DESC, id DESC`
	rows, err := tx.QueryContext(ctx, query, userID.String(), micros(l.Now))
	if err != nil {
		return nil, err
	}
	live, err := collect(rows, func(rows *sql.Rows) (x auth.Session, err error) {
		err = rows.Scan(&x.ID, &x.AppID, &x.Device.ID)
		return x, err
	})
	if err != nil {
		return nil, err
	}
	ended := s.lifetimes.EndedBy(l, live)
	for _, x := range ended {
		e := auth.Ending{UserID: userID, SessionID: x.SessionID, Reason: x.Reason, Actor: users.ActorSystem, Now: l.Now}
		if err := revoke(ctx, tx, e); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// settleIdentity adds or updates the identity of l as users.Settle decides. It returns
// the user and reports whether it created the user.
func settleIdentity(ctx context.Context, tx *sql.Tx, l auth.Login) (userID uuid.UUID, created bool, err error) {
	const (
		findSQL = `
SELECT user_id, CASE WHEN account = ?3 THEN COALESCE(unionid, '') ELSE '' END, account <> ?3 OR provider <> ?4
FROM identities
WHERE app_id = ?1 AND openid = ?2`
		holderSQL = `
SELECT user_id FROM identities WHERE unionid = ? AND account = ? ORDER BY unionid_at, created_at, app_id LIMIT 1`
	)
	var found users.Found
	err = tx.QueryRowContext(ctx, findSQL, l.AppID, l.OpenID, l.Account, l.Provider).Scan(&found.UserID, &found.UnionID, &found.Elsewhere)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, false, err
	}
	var holder uuid.UUID
	if l.UnionID != "" && l.UnionID != found.UnionID {
		if err := tx.QueryRowContext(ctx, holderSQL, l.UnionID, l.Account).Scan(&holder); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return uuid.Nil, false, err
		}
	}
	to := users.Settle(found, holder, l.UnionID)
	if userID = to.UserID; to.NewUser() {
		userID = l.NewUserID
	}
	return userID, to.NewUser(), settle(ctx, tx, l, to, userID)
}

// settle carries out what users.Settle decided.
func settle(ctx context.Context, tx *sql.Tx, l auth.Login, to users.Settlement, userID uuid.UUID) error {
	const (
		userSQL = `
INSERT INTO users (id, created_at, last_login_at) VALUES (?1, ?2, ?2)`
		gainSQL = `
UPDATE identities SET unionid = ?3, unionid_at = ?4 WHERE app_id = ?1 AND openid = ?2`
		moveSQL = `
UPDATE identities
SET provider = ?3, account = ?4,
    unionid = CASE WHEN account = ?4 THEN unionid END, unionid_at = CASE WHEN account = ?4 THEN unionid_at END
WHERE app_id = ?1 AND openid = ?2`
		identitySQL = `
INSERT INTO identities (app_id, openid, user_id, unionid, unionid_at, created_at, provider, account)
VALUES (?1, ?2, ?3, NULLIF(?4, ''), CASE WHEN ?4 <> '' THEN ?5 END, ?5, ?6, ?7)`
	)
	now := micros(l.Now)
	if to.NewUser() {
		if _, err := tx.ExecContext(ctx, userSQL, userID.String(), now); err != nil {
			return err
		}
	}
	if to.Move {
		if _, err := tx.ExecContext(ctx, moveSQL, l.AppID, l.OpenID, l.Provider, l.Account); err != nil {
			return err
		}
	}
	if to.SetUnionID {
		if _, err := tx.ExecContext(ctx, gainSQL, l.AppID, l.OpenID, l.UnionID, now); err != nil {
			return err
		}
	}
	if to.AddIdentity {
		if _, err := tx.ExecContext(ctx, identitySQL, l.AppID, l.OpenID, userID.String(), l.UnionID, now, l.Provider, l.Account); err != nil {
			return err
		}
	}
	if to.Event == "" {
		return nil
	}
	detail := struct {
		AppID       string     `json:"appId"`
		OtherUserID *uuid.UUID `json:"otherUserId"`
	}{AppID: l.AppID}
	if to.OtherUserID != uuid.Nil {
		detail.OtherUserID = &to.OtherUserID
	}
	data, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	return note(ctx, tx, users.Event{At: l.Now, Kind: to.Event, UserID: userID, Actor: l.Provider, Detail: data})
}
