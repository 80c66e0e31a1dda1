package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// purgeBatch is how many rows one step looks at: few enough that a writer that waits
// for the writer's turn does not notice.
const purgeBatch = 500

// purgePause leaves the writer's turn to others between two steps.
const purgePause = 20 * time.Millisecond

// Purge implements auth.Store. It walks the primary key, so that it needs no
// index on times that a refresh changes. Two processes that purge one file at
// the same time only look twice: each row is removed, and counted, by one.
func (s *Store) Purge(ctx context.Context, expired, revoked time.Time) (int, error) {
	if !s.purging.TryLock() {
		return 0, nil
	}
	defer s.purging.Unlock()
	const (
		pageSQL = `
SELECT user_id, id, expires_at < ?1 OR COALESCE(revoked_at < ?2, FALSE)
FROM sessions
WHERE (user_id, id) > (?3, ?4)
ORDER BY user_id, id
LIMIT ?5`
		deadSQL = `DELETE FROM sessions WHERE user_id = ? AND id = ?`
		lostSQL = `DELETE FROM lost_sessions WHERE revoked_at < ?`
	)
	type row struct {
		userID, id string
		dead       bool
	}
	total := 0
	var at row
	for {
		var page []row
		gone := 0
		err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
			rows, err := tx.QueryContext(ctx, pageSQL, micros(expired), micros(revoked), at.userID, at.id, purgeBatch)
			if err != nil {
				return err
			}
			page, err = collect(rows, func(rows *sql.Rows) (r row, err error) {
				err = rows.Scan(&r.userID, &r.id, &r.dead)
				return r, err
			})
			if err != nil {
				return err
			}
			for _, r := range page {
				if !r.dead {
					continue
				}
				if _, err := tx.ExecContext(ctx, deadSQL, r.userID, r.id); err != nil {
					return err
				}
				gone++
			}
			_, err = tx.ExecContext(ctx, lostSQL, micros(revoked))
			return err
		})
		if err != nil {
			return total, failed("purge", err)
		}
		total += gone
		if len(page) < purgeBatch {
			return total, nil
		}
		at = page[len(page)-1]
		select {
		case <-time.After(purgePause):
		case <-ctx.Done():
			return total, fmt.Errorf("sqlite: purge: %w", ctx.Err())
		}
	}
}
