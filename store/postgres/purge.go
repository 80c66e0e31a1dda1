package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// purgeLock is the advisory lock held by the process that purges.
const purgeLock = 0x7775_6761_6e01

// purgeBatch is how many rows one step looks at: few enough that a refresh of
// one of them waits for less than it usually takes.
const purgeBatch = 500

// Purge implements auth.Store. It walks the primary key, so that it needs no
// index on times that a refresh changes: with one, no refresh could update its row
// in place (HOT). A living row is read once.
func (s *Store) Purge(ctx context.Context, expired, revoked time.Time) (int, error) {
	total := 0
	var at struct{ userID, id uuid.UUID }
	for {
		var seen, gone int
		step, cancel := context.WithTimeout(ctx, patience)
		err := pgx.BeginFunc(step, s.pool, func(tx pgx.Tx) error {
			var mine bool
			// Held for one step only, so that it also works through a pooler. What
			// a crash brings back is purged again: the step waits for no disk.
			// The planner would read the whole table for each page of it (decision 10).
			const lockSQL = `
SELECT pg_try_advisory_xact_lock($1), set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`
			if err := tx.QueryRow(step, lockSQL, int64(purgeLock)).Scan(&mine, nil, nil, nil, nil, nil); err != nil {
				return err
			}
			if !mine {
				return nil
			}
			const lostSQL = `DELETE FROM lost_sessions WHERE revoked_at < $1`
			if _, err := tx.Exec(step, lostSQL, revoked); err != nil {
				return err
			}
			// Rows that a refresh holds at this moment are alive: they are
			// passed over, not waited for. One that was refreshed since the page
			// was read is alive too: the second look at the times finds it.
			const sql = `
WITH page AS (
    SELECT user_id, id, expires_at, revoked_at
    FROM sessions
    WHERE (user_id, id) > ($1, $2)
    ORDER BY user_id, id
    LIMIT $3
), dead AS (
    SELECT s.user_id, s.id
    FROM page p
    JOIN sessions s ON s.user_id = p.user_id AND s.id = p.id
    WHERE (p.expires_at < $4 OR p.revoked_at < $5) AND (s.expires_at < $4 OR s.revoked_at < $5)
    FOR UPDATE OF s SKIP LOCKED
), gone AS (
    DELETE FROM sessions s USING dead d WHERE s.user_id = d.user_id AND s.id = d.id
    RETURNING s.id
), final AS (
    SELECT user_id, id FROM page ORDER BY user_id DESC, id DESC LIMIT 1
)
SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM gone),
       COALESCE((SELECT user_id FROM final), $1), COALESCE((SELECT id FROM final), $2)`
			return tx.QueryRow(step, sql, at.userID, at.id, purgeBatch, expired, revoked).Scan(&seen, &gone, &at.userID, &at.id)
		})
		cancel()
		if err != nil {
			return total, failed("purge", err)
		}
		total += gone
		if seen < purgeBatch {
			return total, nil
		}
		if err := pause(ctx, purgePause); err != nil {
			return total, fmt.Errorf("postgres: purge: %w", err)
		}
	}
}

// purgePause leaves the database to others between two steps.
const purgePause = 20 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
