package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/store/dump"
)

// ErrNotEmpty is returned if the target database of an import has users.
var ErrNotEmpty = errors.New("postgres: the database holds users already: only an empty one can be filled")

// Import fills an empty database, atomically, with the rows that the function passes. It
// compares the counts before it commits.
func (s *Store) Import(ctx context.Context, from func(to dump.Rows) (dump.Count, error)) (n dump.Count, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// It takes as long as it takes, and may wait for those who write now.
		if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)`); err != nil {
			return err
		}
		// Pods that are there already wait, rather than make users in between.
		if _, err := tx.Exec(ctx, `LOCK TABLE users, identities, sessions, lost_sessions, events, webhooks, webhook_deliveries IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		var full bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM users)`).Scan(&full); err != nil {
			return err
		}
		if full {
			return ErrNotEmpty
		}
		// A pod that was there before has begun at the end of an empty feed.
		if _, err := tx.Exec(ctx, `DELETE FROM webhooks`); err != nil {
			return err
		}
		if n, err = from(importer{ctx, tx}); err != nil {
			return err
		}
		const countSQL = `
SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM identities), (SELECT count(*) FROM sessions),
       (SELECT count(*) FROM lost_sessions), (SELECT count(*) FROM events),
       (SELECT count(*) FROM webhooks), (SELECT count(*) FROM webhook_deliveries)`
		var got dump.Count
		if err := tx.QueryRow(ctx, countSQL).Scan(&got.Users, &got.Identities, &got.Sessions, &got.LostSessions, &got.Events,
			&got.Webhooks, &got.Deliveries); err != nil {
			return err
		}
		// The events up to a place may have been purged; what comes must lie behind it.
		const behindSQL = `
SELECT setval('events_position', max(position))
FROM (SELECT position FROM events UNION ALL SELECT position FROM webhooks) AS p
HAVING max(position) > 0`
		if _, err := tx.Exec(ctx, behindSQL); err != nil {
			return err
		}
		if got != n {
			return fmt.Errorf("postgres: import: %+v rows were handed over, %+v are there", n, got)
		}
		return nil
	})
	return n, err
}

// imported are the columns that are filled: all there are, but the number of an
// event, which the new table counts by itself, and the process that delivers
// webhooks, which has stopped.
var imported = map[string][]string{
	"users": {
		"id", "nickname", "avatar_url", "phone_sealed", "phone_hash", "roles", "metadata", "created_at", "last_login_at", "disabled_at", "disabled_reason", "deleted_at",
	},
	"identities": {
		"provider", "account", "app_id", "openid", "user_id", "unionid", "unionid_at", "session_key", "session_key_at", "created_at",
	},
	"sessions": {
		"user_id", "id", "app_id", "device_id", "device_name", "user_agent", "ip", "used", "last", "created_at", "rotated_at", "expires_at", "revoked_at", "revoked_reason",
		"repeats", "repeats_recorded_at",
	},
	"lost_sessions": {
		"id", "revoked_at",
	},
	"events": {
		"position", "at", "kind", "user_id", "session_id", "actor", "detail",
	},
	"webhooks": {
		"id", "position", "held_until", "stopped_for",
	},
	"webhook_deliveries": {
		"position", "user_id", "attempts", "next_at",
	},
}

// importer implements dump.Rows with COPY.
type importer struct {
	ctx context.Context // of the transaction, as long as which it lives
	tx  pgx.Tx
}

func (i importer) copy(table string, n int, row func(at int) []any) error {
	_, err := i.tx.CopyFrom(i.ctx, pgx.Identifier{table}, imported[table], pgx.CopyFromSlice(n, func(at int) ([]any, error) { return row(at), nil }))
	return failed("import "+table, err)
}

// Users implements dump.Rows.
func (i importer) Users(rows []dump.User) error {
	return i.copy("users", len(rows), func(at int) []any {
		u := rows[at]
		return []any{
			u.ID, u.Nickname, u.AvatarURL, u.PhoneSealed, u.PhoneHash, u.Roles, u.Metadata, u.CreatedAt, u.LastLoginAt,
			u.DisabledAt, u.DisabledReason, u.DeletedAt,
		}
	})
}

// Identities implements dump.Rows.
func (i importer) Identities(rows []dump.Identity) error {
	return i.copy("identities", len(rows), func(at int) []any {
		x := rows[at]
		return []any{x.Provider, x.Account, x.AppID, x.OpenID, x.UserID, x.UnionID, x.UnionIDAt, x.SessionKey, x.SessionKeyAt, x.CreatedAt}
	})
}

// Sessions implements dump.Rows.
func (i importer) Sessions(rows []dump.Session) error {
	return i.copy("sessions", len(rows), func(at int) []any {
		x := rows[at]
		return []any{
			x.UserID, x.ID, x.AppID, x.DeviceID, x.DeviceName, x.UserAgent, x.IP, x.Used, x.Last, x.CreatedAt, x.RotatedAt,
			x.ExpiresAt, x.RevokedAt, x.RevokedReason, x.Repeats, x.RepeatsRecordedAt,
		}
	})
}

// LostSessions implements dump.Rows.
func (i importer) LostSessions(rows []dump.LostSession) error {
	return i.copy("lost_sessions", len(rows), func(at int) []any { return []any{rows[at].ID, rows[at].RevokedAt} })
}

// Events implements dump.Rows.
func (i importer) Events(rows []dump.Event) error {
	return i.copy("events", len(rows), func(at int) []any {
		e := rows[at]
		return []any{e.Position, e.At, e.Kind, e.UserID, e.SessionID, e.Actor, e.Detail}
	})
}

// Webhooks implements dump.Rows.
func (i importer) Webhooks(rows []dump.WebhookPlace) error {
	return i.copy("webhooks", len(rows), func(at int) []any {
		return []any{1, rows[at].Position, time.Time{}, rows[at].StoppedFor}
	})
}

// Deliveries implements dump.Rows.
func (i importer) Deliveries(rows []dump.Delivery) error {
	return i.copy("webhook_deliveries", len(rows), func(at int) []any {
		d := rows[at]
		return []any{d.Position, d.UserID, d.Attempts, d.NextAt}
	})
}
