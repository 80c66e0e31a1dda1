package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wugan/wugan/store/batch"
)

// errLocked is returned if a batch skipped a request because another transaction holds
// its row.
var errLocked = errors.New("another transaction holds the row")

// Pauses before a request is tried again whose row is locked: from firstPause,
// twice as long each time, to longestPause.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 100 * time.Millisecond
)

// untilFree calls do until it does not return errLocked, ctx ends, or the time until is
// reached. It holds no connection between two calls.
func untilFree[T any](ctx context.Context, until time.Time, do func() (T, error)) (T, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		out, err := do()
		if !errors.Is(err, errLocked) || time.Until(until) < pause {
			return out, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return out, err
		}
	}
}

// call runs a statement or a transaction of one request, within patience. It is
// run again while a row is locked, and once more where it collided.
func (s *Store) call(ctx context.Context, run func(ctx context.Context) error) error {
	until := time.Now().Add(patience)
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	waited := false // for a lock, with a connection
	_, err := untilFree(ctx, until, func() (none struct{}, err error) {
		if waited {
			// Of those who wait for locks, one at a time has a connection.
			select {
			case s.waiter <- struct{}{}:
				defer func() { <-s.waiter }()
			case <-ctx.Done():
				return none, errLocked
			}
		}
		err = lockedOut(s.twice(ctx, run))
		waited = errors.Is(err, errLocked)
		return none, err
	})
	return err
}

// lockedOut converts the server's error after lockTimeout into errLocked. It returns
// other errors unchanged.
func lockedOut(err error) error {
	if code(err) == "55P03" { // lock not available
		return errors.Join(errLocked, err)
	}
	return err
}

// twice calls run, and again if it collided with another transaction or with a change of
// the schema. If the server did not respond in time, it closes the pool's connections.
func (s *Store) twice(ctx context.Context, run func(ctx context.Context) error) error {
	err := run(ctx)
	switch code(err) {
	case "40001", "40P01": // serialization failure, deadlock
		err = run(ctx)
	case "0A000": // the schema changed: the plans that connections keep are void
		s.pool.Reset()
		err = run(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.unanswered()
	}
	return err
}

// inGroup runs the statements of a batch within the time that a batch has, using
// [Store.twice]. If they fail, every request of the batch gets the error.
func inGroup[Out any](ctx context.Context, s *Store, out []batch.Result[Out], run func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, patience-turn)
	defer cancel()
	if err := s.twice(ctx, run); err != nil {
		batch.Fail(out, err)
	}
}

// unanswered closes the connections of the pool, at most once a second: a connection
// without a response may have broken without a reset, and then so have the others.
func (s *Store) unanswered() {
	now := time.Now().UnixNano()
	last := s.resetAt.Load()
	if now-last > int64(time.Second) && s.resetAt.CompareAndSwap(last, now) {
		s.pool.Reset()
	}
}

// list collects the rows of a statement, using [Store.call]. to scans a row.
func list[T any](ctx context.Context, s *Store, sql string, args []any, to pgx.RowToFunc[T]) (out []T, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, to)
		return err
	})
	return out, err
}

// exec runs a statement that returns no rows, as [Store.call] says.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (done pgconn.CommandTag, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		done, err = s.pool.Exec(ctx, sql, args...)
		return err
	})
	return done, err
}

// transaction runs do in a transaction, as [Store.call] says.
func (s *Store) transaction(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	return s.call(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if s.pooler {
				if _, err := tx.Exec(ctx, limitWaitsSQL); err != nil {
					return err
				}
			}
			return do(ctx, tx)
		})
	})
}

// code is the SQLSTATE of an error that the server sent; "" for others.
func code(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}
