package sqlite

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
)

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
