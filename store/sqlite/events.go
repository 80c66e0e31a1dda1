package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/users"
)

var _ events.Store = (*Store)(nil)

// EventsAfter implements events.Store. An event's id is its position: with one
// writer, ids become visible in the order in which they are given.
func (s *Store) EventsAfter(ctx context.Context, position int64, kinds []users.EventKind, limit int) (events.Page, error) {
	const query = `
SELECT id, at, kind, user_id, session_id, actor, detail
FROM events
WHERE id > ?
ORDER BY id
LIMIT ?`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, position, limit)
	if err != nil {
		return events.Page{}, failed("read events", err)
	}
	found, err := collect(rows, scanPlaced)
	if err != nil {
		return events.Page{}, failed("read events", err)
	}
	return events.NewPage(found, position, kinds, limit), nil
}

func scanPlaced(rows *sql.Rows) (p events.Placed, err error) {
	var at int64
	var user, session uuid.NullUUID
	err = rows.Scan(&p.ID, &at, &p.Kind, &user, &session, &p.Actor, (*[]byte)(&p.Detail))
	p.Position, p.At, p.UserID, p.SessionID = p.ID, moment(at), user.UUID, session.UUID
	return p, err
}

// eventsPurgeBatch is how many events one transaction removes: few enough that
// a login behind it does not notice.
const eventsPurgeBatch = 500

// PurgeEvents implements events.Store. The newest event stays, for the next id
// is one more than the greatest that is there.
func (s *Store) PurgeEvents(ctx context.Context, before time.Time) (int, error) {
	const (
		eventsQuery = `
DELETE FROM events
WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?) AND at < ? AND id < (SELECT max(id) FROM events)`
		deliveriesQuery = `DELETE FROM webhook_deliveries WHERE position < (SELECT min(id) FROM events)`
	)
	total := 0
	for {
		var gone int64
		err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
			done, err := tx.ExecContext(ctx, eventsQuery, eventsPurgeBatch, micros(before))
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, deliveriesQuery); err != nil {
				return err
			}
			gone, err = done.RowsAffected()
			return err
		})
		if err != nil {
			return total, failed("purge events", err)
		}
		if total += int(gone); gone < eventsPurgeBatch {
			return total, nil
		}
	}
}
