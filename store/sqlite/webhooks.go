package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/events"
)

var _ events.WebhookStore = (*Store)(nil)

// clock is the database's clock, in microseconds since 1970.
const clock = `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`

// ClaimWebhooks implements events.WebhookStore.
func (s *Store) ClaimWebhooks(ctx context.Context, holder uuid.UUID, lease time.Duration) (p events.Place, err error) {
	const (
		// The first claim of all begins behind the newest event.
		firstQuery = `
INSERT INTO webhooks (id, position, held_until)
SELECT 1, COALESCE((SELECT max(id) FROM events), 0), 0 WHERE true
ON CONFLICT (id) DO NOTHING`
		claimQuery = `
UPDATE webhooks
SET holder = ?1, held_until = ` + clock + ` + ?2
WHERE id = 1 AND (holder IS NULL OR holder = ?1 OR held_until < ` + clock + `)
RETURNING position, stopped_for`
	)
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, firstQuery); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, claimQuery, holder.String(), lease.Microseconds()).Scan(&p.Position, &p.StoppedFor)
		if errors.Is(err, sql.ErrNoRows) {
			return events.ErrNotHolder
		}
		return err
	})
	if errors.Is(err, events.ErrNotHolder) {
		return events.Place{}, err
	}
	return p, failed("claim the webhooks", err)
}

// ReleaseWebhooks implements events.WebhookStore.
func (s *Store) ReleaseWebhooks(ctx context.Context, holder uuid.UUID) error {
	const query = `UPDATE webhooks SET holder = NULL WHERE holder = ?`
	return failed("release the webhooks", s.exec(ctx, query, holder.String()))
}

// exec runs one statement that writes.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// DueDeliveries implements events.WebhookStore.
func (s *Store) DueDeliveries(ctx context.Context, limit int) ([]events.Due, error) {
	const query = `
SELECT d.attempts, e.id, e.at, e.kind, e.user_id, e.session_id, e.actor, e.detail
FROM webhook_deliveries d
JOIN events e ON e.id = d.position
WHERE d.next_at <= ` + clock + `
ORDER BY d.next_at
LIMIT ?`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, limit)
	if err != nil {
		return nil, failed("read due webhooks", err)
	}
	due, err := collect(rows, func(rows *sql.Rows) (d events.Due, err error) {
		var at int64
		var user, session uuid.NullUUID
		err = rows.Scan(&d.Attempts, &d.ID, &at, &d.Kind, &user, &session, &d.Actor, (*[]byte)(&d.Detail))
		d.Position, d.At, d.UserID, d.SessionID = d.ID, moment(at), user.UUID, session.UUID
		return d, err
	})
	return due, failed("read due webhooks", err)
}

// WaitingUsers implements events.WebhookStore.
func (s *Store) WaitingUsers(ctx context.Context, of []uuid.UUID) ([]uuid.UUID, error) {
	const query = `SELECT DISTINCT user_id FROM webhook_deliveries WHERE user_id IN (SELECT value FROM json_each(?))`
	ids, err := json.Marshal(of)
	if err != nil {
		return nil, failed("read waiting webhooks", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, string(ids))
	if err != nil {
		return nil, failed("read waiting webhooks", err)
	}
	waiting, err := collect(rows, scanID)
	return waiting, failed("read waiting webhooks", err)
}

func scanID(rows *sql.Rows) (id uuid.UUID, err error) {
	err = rows.Scan(&id)
	return id, err
}

// SaveDeliveries implements events.WebhookStore.
func (s *Store) SaveDeliveries(ctx context.Context, holder uuid.UUID, r events.Results) error {
	const (
		placeQuery     = `UPDATE webhooks SET position = CASE WHEN ?2 > 0 THEN ?2 ELSE position END WHERE id = 1 AND holder = ?1`
		deliveredQuery = `DELETE FROM webhook_deliveries WHERE position = ? RETURNING user_id`
		failedQuery    = `
INSERT INTO webhook_deliveries (position, user_id, attempts, next_at)
VALUES (?1, ?2, ?3, CASE WHEN ?3 > 0 THEN ` + clock + ` + ?4 END)
ON CONFLICT (position) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at`
		// The oldest of a user is due where nothing of the user's is.
		nextQuery = `
UPDATE webhook_deliveries
SET next_at = ` + clock + `
WHERE position = (SELECT min(position) FROM webhook_deliveries WHERE user_id = ?) AND next_at IS NULL`
	)
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		held, err := tx.ExecContext(ctx, placeQuery, holder.String(), r.Position)
		if err != nil {
			return err
		}
		if n, err := held.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, events.ErrNotHolder)
		}
		var moved []uuid.UUID
		for _, position := range r.Delivered {
			rows, err := tx.QueryContext(ctx, deliveredQuery, position)
			if err != nil {
				return err
			}
			of, err := collect(rows, scanID)
			if err != nil {
				return err
			}
			moved = append(moved, of...)
		}
		for _, f := range r.Failed {
			if _, err := tx.ExecContext(ctx, failedQuery, f.Position, f.UserID.String(), f.Attempts, f.Pause.Microseconds()); err != nil {
				return err
			}
			moved = append(moved, f.UserID)
		}
		for _, id := range moved {
			if _, err := tx.ExecContext(ctx, nextQuery, id.String()); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, events.ErrNotHolder) {
		return err
	}
	return failed("save deliveries", err)
}

// StopWebhooks implements events.WebhookStore.
func (s *Store) StopWebhooks(ctx context.Context, holder uuid.UUID, fingerprint string) error {
	const query = `UPDATE webhooks SET stopped_for = ? WHERE id = 1 AND holder = ?`
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		held, err := tx.ExecContext(ctx, query, fingerprint, holder.String())
		if err != nil {
			return err
		}
		if n, err := held.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, events.ErrNotHolder)
		}
		return nil
	})
	if errors.Is(err, events.ErrNotHolder) {
		return err
	}
	return failed("stop the webhooks", err)
}

// ResumeWebhooks implements events.WebhookStore.
func (s *Store) ResumeWebhooks(ctx context.Context) error {
	const query = `UPDATE webhooks SET stopped_for = '' WHERE id = 1`
	return failed("resume the webhooks", s.exec(ctx, query))
}

// WebhookBacklog implements events.WebhookStore.
func (s *Store) WebhookBacklog(ctx context.Context) (waiting int, oldest time.Time, err error) {
	const query = `
SELECT (SELECT count(*) FROM webhook_deliveries), (SELECT min(at) FROM (
    SELECT e.at FROM events e WHERE e.id = (SELECT min(position) FROM webhook_deliveries)
    UNION ALL
    SELECT e.at FROM events e WHERE e.id = (SELECT min(id) FROM events WHERE id > (SELECT position FROM webhooks))))`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var at sql.NullInt64
	if err := s.reader.QueryRowContext(ctx, query).Scan(&waiting, &at); err != nil {
		return 0, time.Time{}, failed("read the backlog of webhooks", err)
	}
	if at.Valid {
		oldest = moment(at.Int64)
	}
	return waiting, oldest, nil
}
