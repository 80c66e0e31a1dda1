package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// TakePhoneCall implements users.Store.
func (s *Store) TakePhoneCall(ctx context.Context, id uuid.UUID, limit int, since, now time.Time) (call int64, err error) {
	const query = `
INSERT INTO events (at, kind, user_id, actor)
SELECT ?3, 'phone_asked', ?1, 'user'
WHERE (SELECT count(*) FROM events WHERE user_id = ?1 AND kind = 'phone_asked' AND at > ?2) < ?4
RETURNING id`
	err = s.change(ctx, "count a call for a phone number", users.Change{UserID: id}, func(ctx context.Context, tx *sql.Tx, _ users.User) error {
		call = 0
		err := tx.QueryRowContext(ctx, query, id.String(), micros(since), micros(now), limit).Scan(&call)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return call, err
}

// ReturnPhoneCall implements users.Store.
func (s *Store) ReturnPhoneCall(ctx context.Context, id uuid.UUID, call int64) error {
	const query = `UPDATE events SET kind = 'phone_refused' WHERE id = ?2 AND user_id = ?1 AND kind = 'phone_asked'`
	return failed("return a call for a phone number", s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, id.String(), call)
		return err
	}))
}
