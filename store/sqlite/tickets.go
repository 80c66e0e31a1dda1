package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

var _ auth.TicketStore = (*Store)(nil)

// SaveTicket implements auth.TicketStore.
func (s *Store) SaveTicket(ctx context.Context, t auth.Ticket) error {
	const (
		oldSQL  = `DELETE FROM tickets WHERE hash IN (SELECT hash FROM tickets WHERE expires_at < ? ORDER BY expires_at LIMIT 20)`
		saveSQL = `INSERT INTO tickets (hash, user_id, session_id, app_id, audience, expires_at) VALUES (?, ?, ?, ?, ?, ?)`
	)
	if err := sanitize.Check(t.AppID, t.Audience); err != nil {
		return failed("keep a ticket", err)
	}
	return failed("keep a ticket", s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, oldSQL, micros(t.Now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, saveSQL, t.Hash, t.UserID.String(), t.SessionID.String(), t.AppID, t.Audience, micros(t.ExpiresAt))
		return err
	}))
}

// LoginByTicket implements auth.TicketStore.
func (s *Store) LoginByTicket(ctx context.Context, l auth.TicketLogin) (in auth.LoggedIn, appID string, err error) {
	var used bool
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		in, appID, used, err = s.useTicket(ctx, tx, l)
		return err
	})
	if err != nil {
		return auth.LoggedIn{}, "", failed("log in by a ticket", err)
	}
	if !used {
		return auth.LoggedIn{}, "", auth.ErrTicketInvalid
	}
	if len(in.Ended) > 0 {
		s.revoked.send()
	}
	return in, appID, nil
}

func (s *Store) useTicket(ctx context.Context, tx *sql.Tx, l auth.TicketLogin) (in auth.LoggedIn, appID string, used bool, err error) {
	const (
		takeSQL     = `DELETE FROM tickets WHERE hash = ? RETURNING user_id, session_id, app_id, audience, expires_at`
		fromSQL     = `SELECT EXISTS (SELECT 1 FROM sessions WHERE user_id = ? AND id = ? AND revoked_at IS NULL AND expires_at > ?)`
		identitySQL = `
SELECT openid, COALESCE(unionid, '') FROM identities WHERE user_id = ? AND app_id = ? ORDER BY created_at, openid LIMIT 1`
		greetSQL = `UPDATE users SET last_login_at = ? WHERE id = ?`
		openSQL  = `
INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	)
	t, now := auth.Ticket{Hash: l.Hash}, micros(l.Now)
	var expires int64
	err = tx.QueryRowContext(ctx, takeSQL, l.Hash).Scan(&t.UserID, &t.SessionID, &t.AppID, &t.Audience, &expires)
	t.ExpiresAt = moment(expires)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !t.Fits(l) {
		return in, "", false, nil
	}
	if err != nil {
		return in, "", false, err
	}
	in.User, err = readUser(ctx, tx, t.UserID)
	if errors.Is(err, users.ErrNotFound) {
		return in, "", false, nil
	}
	if err != nil || in.User.Disabled() {
		return in, t.AppID, err == nil, err
	}
	var lives bool
	if err := tx.QueryRowContext(ctx, fromSQL, t.UserID.String(), t.SessionID.String(), now).Scan(&lives); err != nil || !lives {
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
	in.Ended, err = s.makeRoom(ctx, tx, t.UserID, auth.Login{AppID: appID, Device: device, Now: l.Now})
	if err != nil {
		return in, "", false, err
	}
	err = tx.QueryRowContext(ctx, identitySQL, t.UserID.String(), appID).Scan(&in.OpenID, &in.UnionID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return in, "", false, err
	}
	in.ExpiresAt, in.User.LastLoginAt = s.lifetimes.Of(appID).SessionEnd(l.Now, l.Now), l.Now.UTC()
	if _, err := tx.ExecContext(ctx, greetSQL, now, t.UserID.String()); err != nil {
		return in, "", false, err
	}
	_, err = tx.ExecContext(ctx, openSQL, t.UserID.String(), l.SessionID.String(), appID, device.ID, device.Name, device.UserAgent, device.IP, now, now, micros(in.ExpiresAt))
	return in, appID, err == nil, err
}
