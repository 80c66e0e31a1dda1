package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/users"
)

var _ events.Store = (*Store)(nil)

const (
	// placeLock is the advisory lock held by the process that places events.
	placeLock = 0x7775_6761_6e02
	// placeBatch is how many events are placed in one transaction.
	placeBatch = 5000
)

// EventsAfter implements events.Store. Ids are drawn before a commit, so an event
// with a low id can become visible after one with a high id. Positions are
// given to what is visible, by one transaction at a time, and that one is over
// before the next one reads: a position that is given later is greater.
func (s *Store) EventsAfter(ctx context.Context, position int64, kinds []users.EventKind, limit int) (events.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.placeEvents(ctx); err != nil {
		return events.Page{}, failed("place events", err)
	}
	// The kinds are sorted out here and not by the statement, so that the page
	// ends somewhere whatever it holds.
	const sql = `
SELECT position, id, at, kind, user_id, session_id, actor, detail
FROM events
WHERE position > $1
ORDER BY position
LIMIT $2`
	found, err := list(ctx, s, sql, []any{position, limit}, scanPlaced)
	if err != nil {
		return events.Page{}, failed("read events", err)
	}
	return events.NewPage(found, position, kinds, limit), nil
}

func scanPlaced(row pgx.CollectableRow) (p events.Placed, err error) {
	var user, session uuid.NullUUID
	err = row.Scan(&p.Position, &p.ID, &p.At, &p.Kind, &user, &session, &p.Actor, &p.Detail)
	p.UserID, p.SessionID = user.UUID, session.UUID
	return p, err
}

// placeEvents gives a position to every event that is visible and has none.
func (s *Store) placeEvents(ctx context.Context) error {
	const (
		anySQL  = `SELECT EXISTS (SELECT FROM events WHERE position IS NULL)`
		lockSQL = `SELECT pg_advisory_xact_lock($1)`
		// The limit keeps the inner order: positions are drawn in it.
		placeSQL = `
UPDATE events e
SET position = placed.position
FROM (
    SELECT id, nextval('events_position') AS position
    FROM (SELECT id FROM events WHERE position IS NULL ORDER BY id LIMIT $1) AS unplaced
) AS placed
WHERE e.id = placed.id`
	)
	for {
		var some bool
		if err := s.pool.QueryRow(ctx, anySQL).Scan(&some); err != nil || !some {
			return err
		}
		err := s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, lockSQL, int64(placeLock)); err != nil {
				return err
			}
			// A statement of its own, because its snapshot must be taken after the
			// lock was.
			_, err := tx.Exec(ctx, placeSQL, placeBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// PurgeEvents implements events.Store. Ids are as good as in the order of time,
// so it walks the primary key from its beginning. Where no one reads the feed,
// events have no position. The newest event stays in both orders.
func (s *Store) PurgeEvents(ctx context.Context, before time.Time) (int, error) {
	const sql = `
WITH page AS (
    SELECT id FROM events ORDER BY id LIMIT $2
), gone AS (
    DELETE FROM events e USING page p
    WHERE e.id = p.id AND e.at < $1 AND e.id < (SELECT max(id) FROM events)
      AND (e.position IS NULL OR e.position < (SELECT max(position) FROM events))
    RETURNING e.position
), undelivered AS (
    DELETE FROM webhook_deliveries d USING gone g WHERE d.position = g.position
)
SELECT count(*) FROM gone`
	total := 0
	for {
		var gone int
		err := s.call(ctx, func(ctx context.Context) error {
			return s.pool.QueryRow(ctx, sql, before, purgeBatch).Scan(&gone)
		})
		if err != nil {
			return total, failed("purge events", err)
		}
		if total += gone; gone < purgeBatch {
			return total, nil
		}
		if err := pause(ctx, purgePause); err != nil {
			return total, fmt.Errorf("postgres: purge events: %w", err)
		}
	}
}
