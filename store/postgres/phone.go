package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/users"
)

// TakePhoneCall implements users.Store.
func (s *Store) TakePhoneCall(ctx context.Context, id uuid.UUID, limit int, since, now time.Time) (granted bool, err error) {
	// The lock that change holds makes calls of one user take turns, and the
	// statement after it counts what those before it recorded.
	const sql = `
INSERT INTO events (at, kind, user_id, actor)
SELECT $3, 'phone_asked', $1, 'user'
WHERE (SELECT count(*) FROM events WHERE user_id = $1 AND kind = 'phone_asked' AND at > $2) < $4`
	err = s.change(ctx, "count a call for a phone number", users.Change{UserID: id}, func(ctx context.Context, tx pgx.Tx) error {
		done, err := tx.Exec(ctx, sql, id, since, now, limit)
		granted = done.RowsAffected() == 1
		return err
	})
	return granted, err
}
