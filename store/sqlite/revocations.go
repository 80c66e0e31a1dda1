package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// RevokedSince implements auth.Store.
func (s *Store) RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]auth.Revocation, error) {
	const query = `
SELECT id, revoked_at, revoked_reason FROM sessions WHERE revoked_at >= ?1 AND (revoked_at, id) > (?1, ?2)
UNION ALL
SELECT id, revoked_at, '' FROM lost_sessions WHERE revoked_at >= ?1 AND (revoked_at, id) > (?1, ?2)
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
		err := rows.Scan(&r.SessionID, &at, &r.Reason)
		r.RevokedAt = moment(at)
		return r, err
	})
	return out, failed("read revocations", err)
}

// RestoreRevocations implements auth.Store.
func (s *Store) RestoreRevocations(ctx context.Context, list []auth.Revocation, now time.Time) (n int, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n = 0
		for _, x := range list {
			written, err := restore(ctx, tx, x, now)
			if err != nil {
				return err
			}
			if written {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, failed("write back revocations", err)
	}
	if n > 0 {
		s.revoked.send()
	}
	return n, nil
}

// restore ends a session again, or remembers that it ended where it has no row,
// and reports whether that was needed.
func restore(ctx context.Context, tx *sql.Tx, x auth.Revocation, now time.Time) (bool, error) {
	const (
		findSQL = `SELECT user_id, revoked_at IS NOT NULL FROM sessions WHERE id = ?`
		endSQL  = `UPDATE sessions SET revoked_at = ?, revoked_reason = ? WHERE user_id = ? AND id = ?`
		goneSQL = `INSERT INTO lost_sessions (id, revoked_at) VALUES (?, ?) ON CONFLICT DO NOTHING`
	)
	id := x.SessionID.String()
	var (
		userID uuid.UUID
		ended  bool
	)
	switch err := tx.QueryRowContext(ctx, findSQL, id).Scan(&userID, &ended); {
	case errors.Is(err, sql.ErrNoRows):
		result, err := tx.ExecContext(ctx, goneSQL, id, micros(x.RevokedAt))
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		return n > 0, err
	case err != nil || ended:
		return false, err
	}
	why := string(cmp.Or(x.Reason, auth.ReasonRestored))
	if _, err := tx.ExecContext(ctx, endSQL, micros(x.RevokedAt), why, userID.String(), id); err != nil {
		return false, err
	}
	detail, err := json.Marshal(map[string]any{"reason": why, "restored": true})
	if err != nil {
		return false, err
	}
	return true, note(ctx, tx, users.Event{
		At: now, Kind: users.EventSessionRevoked, UserID: userID, SessionID: x.SessionID, Actor: users.ActorSystem, Detail: detail,
	})
}

// lookEvery is how often the file is asked whether another process changed it.
const lookEvery = 100 * time.Millisecond

// WatchRevocations implements auth.Store. What this Store ends wakes at once;
// for other processes on the file, SQLite's data_version tells that another connection
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
