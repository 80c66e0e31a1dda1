package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

var _ auth.TicketStore = (*Store)(nil)

// SaveTicket implements auth.TicketStore. It removes expired tickets a few at a
// time, faster than they can come.
func (s *Store) SaveTicket(ctx context.Context, t auth.Ticket) error {
	const sql = `
WITH old AS (
    SELECT hash FROM tickets WHERE expires_at < $7 ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM tickets t USING old o WHERE t.hash = o.hash
)
INSERT INTO tickets (hash, user_id, session_id, app_id, audience, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`
	if err := sanitize.Check(t.AppID, t.Audience); err != nil {
		return failed("keep a ticket", err)
	}
	err := s.call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, sql, t.Hash, t.UserID, t.SessionID, t.AppID, t.Audience, t.ExpiresAt, t.Now)
		return err
	})
	return failed("keep a ticket", err)
}

// LoginByTicket implements auth.TicketStore. The deleted row makes calls with one
// ticket take turns: the second finds none.
func (s *Store) LoginByTicket(ctx context.Context, l auth.TicketLogin) (in auth.LoggedIn, appID string, err error) {
	var used bool
	err = s.call(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			in, appID, used, err = s.useTicket(ctx, tx, l)
			return err
		})
	})
	if err != nil {
		return auth.LoggedIn{}, "", failed("log in by a ticket", err)
	}
	if !used {
		return auth.LoggedIn{}, "", auth.ErrTicketInvalid
	}
	return in, appID, nil
}

func (s *Store) useTicket(ctx context.Context, tx pgx.Tx, l auth.TicketLogin) (in auth.LoggedIn, appID string, used bool, err error) {
	const (
		takeSQL = `DELETE FROM tickets WHERE hash = $1 RETURNING user_id, session_id, app_id, audience, expires_at`
		userSQL = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL FOR NO KEY UPDATE`
		// The lock waits for a logout that is under way.
		fromSQL = `SELECT 1 FROM sessions WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL AND expires_at > $3 FOR SHARE`
		liveSQL = `
SELECT id, app_id, device_id
FROM sessions
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
ORDER BY rotated_at DESC, id DESC`
		identitySQL = `
SELECT openid, COALESCE(unionid, '') FROM identities WHERE user_id = $1 AND app_id = $2 ORDER BY created_at, openid LIMIT 1`
		greetSQL = `UPDATE users SET last_login_at = $2 WHERE id = $1`
		openSQL  = `
INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`
	)
	t := auth.Ticket{Hash: l.Hash}
	err = tx.QueryRow(ctx, takeSQL, l.Hash).Scan(&t.UserID, &t.SessionID, &t.AppID, &t.Audience, &t.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !t.Fits(l) {
		return in, "", false, nil
	}
	if err != nil {
		return in, "", false, err
	}
	rows, err := tx.Query(ctx, userSQL, t.UserID)
	if err != nil {
		return in, "", false, err
	}
	in.User, err = pgx.CollectExactlyOneRow(rows, scanUser)
	if errors.Is(err, pgx.ErrNoRows) {
		return in, "", false, nil
	}
	if err != nil || in.User.Disabled() {
		return in, t.AppID, err == nil, err
	}
	var one int
	err = tx.QueryRow(ctx, fromSQL, t.UserID, t.SessionID, l.Now).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return in, "", false, nil
	}
	if err != nil {
		return in, "", false, err
	}
	appID = t.AppID
	if l.AppID != "" {
		appID = l.AppID
	}
	device := auth.Device{
		ID: sanitize.Clean(l.Device.ID), Name: sanitize.Clean(l.Device.Name),
		UserAgent: sanitize.Clean(l.Device.UserAgent), IP: sanitize.Clean(l.Device.IP),
	}
	if rows, err = tx.Query(ctx, liveSQL, t.UserID, l.Now); err != nil {
		return in, "", false, err
	}
	live, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x auth.Session, err error) {
		err = row.Scan(&x.ID, &x.AppID, &x.Device.ID)
		return x, err
	})
	if err != nil {
		return in, "", false, err
	}
	for _, x := range s.lifetimes.EndedBy(auth.Login{AppID: appID, Device: device, Now: l.Now}, live) {
		e := auth.Ending{UserID: t.UserID, Reason: x.Reason, Actor: users.ActorSystem, Now: l.Now}
		ended, err := endWithin(ctx, tx, e, uuid.NullUUID{UUID: x.SessionID, Valid: true})
		if err != nil {
			return in, "", false, err
		}
		if len(ended) > 0 {
			in.Ended = append(in.Ended, x)
		}
	}
	err = tx.QueryRow(ctx, identitySQL, t.UserID, appID).Scan(&in.OpenID, &in.UnionID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return in, "", false, err
	}
	in.ExpiresAt, in.User.LastLoginAt = s.lifetimes.Of(appID).SessionEnd(l.Now, l.Now), l.Now.UTC()
	if _, err := tx.Exec(ctx, greetSQL, t.UserID, l.Now); err != nil {
		return in, "", false, err
	}
	_, err = tx.Exec(ctx, openSQL, t.UserID, l.SessionID, appID, device.ID, device.Name, device.UserAgent, device.IP, l.Now, in.ExpiresAt)
	return in, appID, err == nil, err
}
