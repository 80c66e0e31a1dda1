package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
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

// EraseProfile implements auth.AdminStore.
func (s *Store) EraseProfile(ctx context.Context, c users.Change) (ended []uuid.UUID, err error) {
	const sql = `UPDATE users SET nickname = '', avatar_url = '', phone_sealed = NULL, phone_hash = NULL WHERE id = $1`
	err = s.change(ctx, "erase a profile", c, func(ctx context.Context, tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, sql, c.UserID); err != nil {
			return err
		}
		if ended, err = endAll(ctx, tx, c, auth.ReasonWithdrawn); err != nil {
			return err
		}
		return note(ctx, tx, c, users.EventProfileErased, nil)
	})
	return ended, err
}
