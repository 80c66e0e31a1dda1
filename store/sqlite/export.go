package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/wugan/wugan/store/dump"
)

// exportBatch is how many rows are handed over at a time.
const exportBatch = 1000

// Export passes every row to another store. It holds the write lock until it returns, so
// that the export is one state: a service that still runs on the file responds with 503
// meanwhile.
func (s *Store) Export(ctx context.Context, to dump.Rows) (n dump.Count, err error) {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return n, failed("export", err)
	}
	defer tx.Rollback()
	for _, table := range []func() error{
		func() error {
			n.Users, err = export(ctx, tx, `
SELECT id, nickname, avatar_url, phone_sealed, phone_hash, roles, metadata, created_at, last_login_at, disabled_at, disabled_reason, deleted_at
FROM users ORDER BY id`, scanExportedUser, to.Users)
			return err
		},
		func() error {
			n.Identities, err = export(ctx, tx, `
SELECT provider, account, app_id, openid, user_id, unionid, unionid_at, session_key, session_key_at, created_at
FROM identities ORDER BY app_id, openid`, scanExportedIdentity, to.Identities)
			return err
		},
		func() error {
			n.Sessions, err = export(ctx, tx, `
SELECT user_id, id, app_id, device_id, device_name, user_agent, ip, used, last, created_at, rotated_at, expires_at, revoked_at, revoked_reason,
       repeats, repeats_recorded_at
FROM sessions ORDER BY user_id, id`, scanExportedSession, to.Sessions)
			return err
		},
		func() error {
			n.LostSessions, err = export(ctx, tx, `
SELECT id, revoked_at FROM lost_sessions ORDER BY id`, scanExportedLostSession, to.LostSessions)
			return err
		},
		func() error {
			n.Events, err = export(ctx, tx, `
SELECT id, at, kind, user_id, session_id, actor, detail FROM events ORDER BY id`, scanExportedEvent, to.Events)
			return err
		},
		func() error {
			n.Webhooks, err = export(ctx, tx, `
SELECT position, stopped_for FROM webhooks`, scanExportedPlace, to.Webhooks)
			return err
		},
		func() error {
			n.Deliveries, err = export(ctx, tx, `
SELECT position, user_id, attempts, next_at FROM webhook_deliveries ORDER BY position`, scanExportedDelivery, to.Deliveries)
			return err
		},
	} {
		if err := table(); err != nil {
			return n, fmt.Errorf("sqlite: export: %w", err)
		}
	}
	return n, nil
}

// export reads one table in batches.
func export[T any](ctx context.Context, tx *sql.Tx, query string, scan func(*sql.Rows) (T, error), take func([]T) error) (n int64, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	batch := make([]T, 0, exportBatch)
	hand := func() error {
		if len(batch) == 0 {
			return nil
		}
		n += int64(len(batch))
		err := take(batch)
		batch = batch[:0]
		return err
	}
	for rows.Next() {
		x, err := scan(rows)
		if err != nil {
			return n, err
		}
		if batch = append(batch, x); len(batch) == exportBatch {
			if err := hand(); err != nil {
				return n, err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return n, err
	}
	return n, hand()
}

func scanExportedUser(rows *sql.Rows) (u dump.User, err error) {
	var (
		created, login    int64
		disabled, deleted sql.NullInt64
		roles, metadata   string
	)
	if err := rows.Scan(&u.ID, &u.Nickname, &u.AvatarURL, &u.PhoneSealed, &u.PhoneHash, &roles, &metadata, &created, &login,
		&disabled, &u.DisabledReason, &deleted); err != nil {
		return u, err
	}
	u.CreatedAt, u.LastLoginAt = moment(created), moment(login)
	u.DisabledAt, u.DeletedAt = optionalMoment(disabled), optionalMoment(deleted)
	u.Metadata = json.RawMessage(metadata)
	return u, json.Unmarshal([]byte(roles), &u.Roles)
}

func scanExportedIdentity(rows *sql.Rows) (i dump.Identity, err error) {
	var (
		created      int64
		union, keyed sql.NullInt64
	)
	err = rows.Scan(&i.Provider, &i.Account, &i.AppID, &i.OpenID, &i.UserID, &i.UnionID, &union, &i.SessionKey, &keyed, &created)
	i.CreatedAt, i.UnionIDAt, i.SessionKeyAt = moment(created), optionalMoment(union), optionalMoment(keyed)
	return i, err
}

func scanExportedSession(rows *sql.Rows) (x dump.Session, err error) {
	var (
		created, rotated, expires int64
		revoked, recorded         sql.NullInt64
	)
	err = rows.Scan(&x.UserID, &x.ID, &x.AppID, &x.DeviceID, &x.DeviceName, &x.UserAgent, &x.IP, &x.Used, &x.Last,
		&created, &rotated, &expires, &revoked, &x.RevokedReason, &x.Repeats, &recorded)
	x.RepeatsRecordedAt = optionalMoment(recorded)
	x.CreatedAt, x.RotatedAt, x.ExpiresAt, x.RevokedAt = moment(created), moment(rotated), moment(expires), optionalMoment(revoked)
	return x, err
}

func scanExportedLostSession(rows *sql.Rows) (x dump.LostSession, err error) {
	var revoked int64
	err = rows.Scan(&x.ID, &revoked)
	x.RevokedAt = moment(revoked)
	return x, err
}

func scanExportedEvent(rows *sql.Rows) (e dump.Event, err error) {
	var (
		at            int64
		user, session uuid.NullUUID
		detail        string
	)
	err = rows.Scan(&e.Position, &at, &e.Kind, &user, &session, &e.Actor, &detail)
	e.At, e.Detail = moment(at), json.RawMessage(detail)
	if user.Valid {
		e.UserID = &user.UUID
	}
	if session.Valid {
		e.SessionID = &session.UUID
	}
	return e, err
}

func scanExportedPlace(rows *sql.Rows) (p dump.WebhookPlace, err error) {
	err = rows.Scan(&p.Position, &p.StoppedFor)
	return p, err
}

func scanExportedDelivery(rows *sql.Rows) (d dump.Delivery, err error) {
	var next sql.NullInt64
	err = rows.Scan(&d.Position, &d.UserID, &d.Attempts, &next)
	d.NextAt = optionalMoment(next)
	return d, err
}
