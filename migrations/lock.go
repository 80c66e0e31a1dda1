package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3/lock"
)

// LockID is the advisory lock that a run of steps holds; goose's own, so that
// runs of earlier releases are waited for.
const LockID int64 = lock.DefaultLockID

const (
	// lockRetry is the pause before the lock is tried again. It is tried rather
	// than waited for: a waiting statement would hold a snapshot, and a step that
	// builds an index concurrently waits for those.
	lockRetry = time.Second
	// lockPatience is how long another run is waited for.
	lockPatience = 10 * time.Minute
)

// transactionLock holds the lock by a transaction of its own, which a pooler in
// transaction mode keeps on one server connection, and which takes the lock along
// when it ends. A lock of the session would stay behind on a connection of the
// pooler, and the next run would wait for it in vain. Between its statements the
// transaction holds no snapshot.
type transactionLock struct {
	db *sql.DB
	tx *sql.Tx
}

// SessionLock implements goose's lock.SessionLocker.
func (l *transactionLock) SessionLock(ctx context.Context, _ *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		mine, err := l.try(ctx)
		if mine || err != nil {
			return err
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return fmt.Errorf("another run of migrations holds the lock: %w", ctx.Err())
		}
	}
}

func (l *transactionLock) try(ctx context.Context) (mine bool, err error) {
	const (
		lockSQL = `SELECT pg_try_advisory_xact_lock($1)`
		// A step may take long, and the transaction is idle meanwhile. It is the
		// last statement, and pgx sends it by the simple protocol as it has no
		// parameters: by the extended one the statement before keeps its snapshot
		// until the next one, and a step that builds an index concurrently waits for
		// it.
		idleSQL = `SET LOCAL idle_in_transaction_session_timeout = 0`
	)
	// Not of ctx, which ends with the wait for the lock: the transaction lives on.
	tx, err := l.db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return false, err
	}
	defer func() {
		if !mine {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	var locked bool
	if err := tx.QueryRowContext(ctx, lockSQL, LockID).Scan(&locked); err != nil || !locked {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, idleSQL); err != nil {
		return false, err
	}
	l.tx = tx
	return true, nil
}

// SessionUnlock implements goose's lock.SessionLocker.
func (l *transactionLock) SessionUnlock(context.Context, *sql.Conn) error { return l.tx.Rollback() }

var _ lock.SessionLocker = (*transactionLock)(nil)
