package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/users"
)

// TakePhoneCall implements users.Store.
func (s *Store) TakePhoneCall(ctx context.Context, id uuid.UUID, limit int, since, now time.Time) (call int64, err error) {
	// The lock that change holds makes calls of one user take turns, and the
	// statement after it counts what those before it recorded.
	const sql = `
INSERT INTO events (at, kind, user_id, actor)
SELECT $3, 'phone_asked', $1, 'user'
WHERE (SELECT count(*) FROM events WHERE user_id = $1 AND kind = 'phone_asked' AND at > $2) < $4
RETURNING id`
	err = s.change(ctx, "count a call for a phone number", users.Change{UserID: id}, func(ctx context.Context, tx pgx.Tx) error {
		call = 0
		err := tx.QueryRow(ctx, sql, id, since, now, limit).Scan(&call)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return call, err
}

// ReturnPhoneCall implements users.Store.
func (s *Store) ReturnPhoneCall(ctx context.Context, id uuid.UUID, call int64) error {
	const sql = `UPDATE events SET kind = 'phone_refused' WHERE id = $2 AND user_id = $1 AND kind = 'phone_asked'`
	_, err := s.exec(ctx, sql, id, call)
	return failed("return a call for a phone number", err)
}
