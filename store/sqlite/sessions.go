package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// EndSession implements auth.Store.
func (s *Store) EndSession(ctx context.Context, e auth.Ending) (bool, error) {
	ended, err := s.end(ctx, e, oneOf)
	return len(ended) > 0, failed("end a session", err)
}

// EndSessions implements auth.Store.
func (s *Store) EndSessions(ctx context.Context, e auth.Ending) ([]uuid.UUID, error) {
	ended, err := s.end(ctx, e, allOf)
	return ended, failed("end the sessions of a user", err)
}

// Which live sessions of a user end: the one of an id, or all (for which the
// id counts for nothing).
const (
	oneOf = `SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND id = ?3`
	allOf = `SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND ?3 IS NOT NULL`
)

func (s *Store) end(ctx context.Context, e auth.Ending, which string) ([]uuid.UUID, error) {
	e.Reason, e.Actor = sanitize.Clean(e.Reason), sanitize.Clean(e.Actor)
	var ended []uuid.UUID
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, which, e.UserID.String(), micros(e.Now), e.SessionID.String())
		if err != nil {
			return err
		}
		ended, err = collect(rows, func(rows *sql.Rows) (id uuid.UUID, err error) {
			err = rows.Scan(&id)
			return id, err
		})
		if err != nil {
			return err
		}
		for _, id := range ended {
			e.SessionID = id
			if err := revoke(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(ended) > 0 {
		s.revoked.send()
	}
	return ended, nil
}

// revoke ends one live session and notes it. It moves neither the counters nor
// rotated_at: a token of an ended session is answered by revoked_at alone.
func revoke(ctx context.Context, tx *sql.Tx, e auth.Ending) error {
	const query = `UPDATE sessions SET revoked_at = ?, revoked_reason = ? WHERE user_id = ? AND id = ? AND revoked_at IS NULL`
	if _, err := tx.ExecContext(ctx, query, micros(e.Now), e.Reason, e.UserID.String(), e.SessionID.String()); err != nil {
		return err
	}
	detail, err := json.Marshal(map[string]string{"reason": e.Reason})
	if err != nil {
		return err
	}
	return note(ctx, tx, users.Event{
		At: e.Now, Kind: users.EventSessionRevoked, UserID: e.UserID, SessionID: e.SessionID, Actor: e.Actor, Detail: detail,
	})
}

// Sessions implements auth.Store.
func (s *Store) Sessions(ctx context.Context, userID uuid.UUID, now time.Time) ([]auth.Session, error) {
	const query = `
SELECT id, user_id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at, revoked_at, revoked_reason
FROM sessions
WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ?
ORDER BY rotated_at DESC, id DESC`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, userID.String(), micros(now))
	if err != nil {
		return nil, failed("list sessions", err)
	}
	out, err := collect(rows, scanSession)
	return out, failed("list sessions", err)
}

func scanSession(rows *sql.Rows) (auth.Session, error) {
	var (
		x                      auth.Session
		created, used, expires int64
		revoked                sql.NullInt64
	)
	err := rows.Scan(&x.ID, &x.UserID, &x.AppID, &x.Device.ID, &x.Device.Name, &x.Device.UserAgent, &x.Device.IP,
		&created, &used, &expires, &revoked, &x.RevokedReason)
	x.CreatedAt, x.LastUsedAt, x.ExpiresAt, x.RevokedAt = moment(created), moment(used), moment(expires), optionalMoment(revoked)
	return x, err
}

// RevokedSince implements auth.Store.
func (s *Store) RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]auth.Revocation, error) {
	const query = `
SELECT id, revoked_at
FROM sessions
WHERE revoked_at >= ?1 AND (revoked_at, id) > (?1, ?2)
ORDER BY revoked_at, id
LIMIT ?3`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, micros(since), after, limit)
	if err != nil {
		return nil, failed("read revocations", err)
	}
	out, err := collect(rows, func(rows *sql.Rows) (auth.Revocation, error) {
		var (
			r  auth.Revocation
			at int64
		)
		err := rows.Scan(&r.SessionID, &at)
		r.RevokedAt = moment(at)
		return r, err
	})
	return out, failed("read revocations", err)
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		x, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// lookEvery is how often the file is asked whether another process changed it.
const lookEvery = 100 * time.Millisecond

// WatchRevocations implements auth.Store. What this Store ends wakes at once;
// for other processes on the file, SQLite's data_version tells that somebody
// committed something, which costs a look at shared memory.
func (s *Store) WatchRevocations(ctx context.Context, woken func()) error {
	own, stop := s.revoked.receive()
	defer stop()
	conn, err := s.reader.Conn(ctx) // data_version means something on one connection only
	if err != nil {
		return failed("watch for revocations", err)
	}
	defer conn.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen := int64(-1)
	for {
		var version int64
		if err := conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version); err != nil {
			return failed("watch for revocations", err)
		}
		if version != seen {
			seen = version
			woken()
		}
		select {
		case <-own:
			woken()
		case <-tick.C:
		case <-ctx.Done():
			return failed("watch for revocations", ctx.Err())
		}
	}
}

// signal wakes any number of receivers; one that has not looked yet is woken
// once.
type signal struct {
	mu        sync.Mutex
	receivers map[chan struct{}]struct{}
}

func (s *signal) receive() (wake <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.receivers == nil {
		s.receivers = map[chan struct{}]struct{}{}
	}
	s.receivers[c] = struct{}{}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.receivers, c)
	}
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.receivers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// purgeBatch is how many rows one step looks at: few enough that whoever waits
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
			return nil
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
