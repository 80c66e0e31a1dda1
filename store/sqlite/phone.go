package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// TakePhoneCall implements users.Store.
func (s *Store) TakePhoneCall(ctx context.Context, id uuid.UUID, limit int, since, now time.Time) (granted bool, err error) {
	const query = `
INSERT INTO events (at, kind, user_id, actor)
SELECT ?3, 'phone_asked', ?1, 'user'
WHERE (SELECT count(*) FROM events WHERE user_id = ?1 AND kind = 'phone_asked' AND at > ?2) < ?4`
	err = s.change(ctx, "count a call for a phone number", users.Change{UserID: id}, func(ctx context.Context, tx *sql.Tx, _ users.User) error {
		done, err := tx.ExecContext(ctx, query, id.String(), micros(since), micros(now), limit)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		granted = n == 1
		return err
	})
	return granted, err
}
