package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/events"
)

var _ events.WebhookStore = (*Store)(nil)

// ClaimWebhooks implements events.WebhookStore.
func (s *Store) ClaimWebhooks(ctx context.Context, holder uuid.UUID, lease time.Duration) (events.Place, error) {
	const (
		claimSQL = `
UPDATE webhooks
SET holder = $1, held_until = now() + make_interval(secs => $2)
WHERE id = 1 AND (holder IS NULL OR holder = $1 OR held_until < now())
RETURNING position, stopped_for`
		existsSQL = `SELECT EXISTS (SELECT FROM webhooks)`
		firstSQL  = `
INSERT INTO webhooks (id, position, held_until)
SELECT 1, COALESCE(max(position), 0), now() FROM events
ON CONFLICT (id) DO NOTHING`
	)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	claim := func() (p events.Place, err error) {
		err = s.call(ctx, func(ctx context.Context) error {
			return s.pool.QueryRow(ctx, claimSQL, holder, lease.Seconds()).Scan(&p.Position, &p.StoppedFor)
		})
		return p, err
	}
	place, err := claim()
	if !errors.Is(err, pgx.ErrNoRows) {
		return place, failed("claim the webhooks", err)
	}
	var exists bool
	if err := s.pool.QueryRow(ctx, existsSQL).Scan(&exists); err != nil {
		return events.Place{}, failed("claim the webhooks", err)
	}
	if exists {
		return events.Place{}, events.ErrNotHolder
	}
	// The first claim of all: what was recorded before is not delivered.
	if err := s.placeEvents(ctx); err != nil {
		return events.Place{}, failed("claim the webhooks", err)
	}
	if _, err := s.exec(ctx, firstSQL); err != nil {
		return events.Place{}, failed("claim the webhooks", err)
	}
	if place, err = claim(); errors.Is(err, pgx.ErrNoRows) {
		return events.Place{}, events.ErrNotHolder
	}
	return place, failed("claim the webhooks", err)
}

// ReleaseWebhooks implements events.WebhookStore.
func (s *Store) ReleaseWebhooks(ctx context.Context, holder uuid.UUID) error {
	const sql = `UPDATE webhooks SET holder = NULL WHERE holder = $1`
	_, err := s.exec(ctx, sql, holder)
	return failed("release the webhooks", err)
}

// DueDeliveries implements events.WebhookStore.
func (s *Store) DueDeliveries(ctx context.Context, limit int) ([]events.Due, error) {
	const sql = `
SELECT d.attempts, e.position, e.id, e.at, e.kind, e.user_id, e.session_id, e.actor, e.detail
FROM webhook_deliveries d
JOIN events e ON e.position = d.position
WHERE d.next_at <= now()
ORDER BY d.next_at
LIMIT $1`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	due, err := list(ctx, s, sql, []any{limit}, func(row pgx.CollectableRow) (d events.Due, err error) {
		var user, session uuid.NullUUID
		err = row.Scan(&d.Attempts, &d.Position, &d.ID, &d.At, &d.Kind, &user, &session, &d.Actor, &d.Detail)
		d.UserID, d.SessionID = user.UUID, session.UUID
		return d, err
	})
	return due, failed("read due webhooks", err)
}

// WaitingUsers implements events.WebhookStore.
func (s *Store) WaitingUsers(ctx context.Context, of []uuid.UUID) ([]uuid.UUID, error) {
	const sql = `SELECT DISTINCT user_id FROM webhook_deliveries WHERE user_id = ANY ($1)`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waiting, err := list(ctx, s, sql, []any{of}, pgx.RowTo[uuid.UUID])
	return waiting, failed("read waiting webhooks", err)
}

// SaveDeliveries implements events.WebhookStore.
func (s *Store) SaveDeliveries(ctx context.Context, holder uuid.UUID, r events.Results) error {
	const (
		placeSQL = `
UPDATE webhooks SET position = CASE WHEN $2::bigint > 0 THEN $2 ELSE position END
WHERE id = 1 AND holder = $1`
		deliveredSQL = `DELETE FROM webhook_deliveries WHERE position = ANY ($1) RETURNING user_id`
		failedSQL    = `
INSERT INTO webhook_deliveries (position, user_id, attempts, next_at)
SELECT position, user_id, attempts, CASE WHEN attempts > 0 THEN now() + make_interval(secs => pause) END
FROM unnest($1::bigint[], $2::uuid[], $3::int[], $4::float8[]) AS f (position, user_id, attempts, pause)
ON CONFLICT (position) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at`
		// The oldest of a user is due where nothing of the user's is.
		nextSQL = `
UPDATE webhook_deliveries d
SET next_at = now()
FROM (SELECT user_id, min(position) AS position FROM webhook_deliveries WHERE user_id = ANY ($1) GROUP BY user_id) AS oldest
WHERE d.position = oldest.position AND d.next_at IS NULL`
	)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		held, err := tx.Exec(ctx, placeSQL, holder, r.Position)
		if err != nil {
			return err
		}
		if held.RowsAffected() == 0 {
			return events.ErrNotHolder
		}
		rows, err := tx.Query(ctx, deliveredSQL, r.Delivered)
		if err != nil {
			return err
		}
		moved, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		n := len(r.Failed)
		positions, ids, attempts, pauses := make([]int64, n), make([]uuid.UUID, n), make([]int32, n), make([]float64, n)
		for i, f := range r.Failed {
			positions[i], ids[i], attempts[i], pauses[i] = f.Position, f.UserID, int32(f.Attempts), f.Pause.Seconds() //nolint:gosec // attempts are few
		}
		if _, err := tx.Exec(ctx, failedSQL, positions, ids, attempts, pauses); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, nextSQL, append(moved, ids...))
		return err
	})
	if errors.Is(err, events.ErrNotHolder) {
		return err
	}
	return failed("save deliveries", err)
}

// StopWebhooks implements events.WebhookStore.
func (s *Store) StopWebhooks(ctx context.Context, holder uuid.UUID, fingerprint string) error {
	const sql = `UPDATE webhooks SET stopped_for = $2 WHERE id = 1 AND holder = $1`
	held, err := s.exec(ctx, sql, holder, fingerprint)
	if err == nil && held.RowsAffected() == 0 {
		return events.ErrNotHolder
	}
	return failed("stop the webhooks", err)
}

// ResumeWebhooks implements events.WebhookStore.
func (s *Store) ResumeWebhooks(ctx context.Context) error {
	const sql = `UPDATE webhooks SET stopped_for = '' WHERE id = 1`
	_, err := s.exec(ctx, sql)
	return failed("resume the webhooks", err)
}

// WebhookBacklog implements events.WebhookStore.
func (s *Store) WebhookBacklog(ctx context.Context) (waiting int, oldest time.Time, err error) {
	const sql = `
SELECT (SELECT count(*) FROM webhook_deliveries), least(
    (SELECT e.at FROM webhook_deliveries d JOIN events e ON e.position = d.position ORDER BY d.position LIMIT 1),
    (SELECT e.at FROM events e WHERE e.position > (SELECT position FROM webhooks) ORDER BY e.position LIMIT 1))`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type backlog struct {
		Waiting int
		Oldest  *time.Time
	}
	rows, err := list(ctx, s, sql, nil, pgx.RowToStructByPos[backlog])
	if err != nil || len(rows) == 0 {
		return 0, time.Time{}, failed("read the backlog of webhooks", err)
	}
	if rows[0].Oldest != nil {
		oldest = *rows[0].Oldest
	}
	return rows[0].Waiting, oldest, nil
}
