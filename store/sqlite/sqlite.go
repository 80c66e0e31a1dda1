// Package sqlite stores users and sessions in one SQLite file, the embedded default
// for a single machine. It contains every SQL statement, each beside the method that
// runs it. The rotation rule is not repeated in SQL: since SQLite has one writer, the
// package calls auth.Counters.Rotate.
//
// Several processes may share the file (the command line beside the server),
// but not several machines: SQLite's locks do not hold on network file systems.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/batch"
	"github.com/wugan/wugan/users"
)

// patience bounds one transaction, waiting for the writer's turn included. A
// request that the database has not answered by then is answered with 503.
const patience = 5 * time.Second

const (
	// One writer at a time is SQLite's nature: what comes while it is busy
	// shares the next transaction, and its sync to the disk.
	groupsAtOnce = 1
	groupSize    = 64
	// readers is how many reads may go on beside the writer (WAL).
	readers = 4
)

// Store is one open file. It implements auth.Store and users.Store.
type Store struct {
	writer    *sql.DB // one connection; its transactions begin IMMEDIATE
	reader    *sql.DB // connections that refuse to write
	lifetimes auth.Lifetimes

	logins    *batch.Batcher[identityKey, auth.Login, auth.LoggedIn]
	rotations *batch.Batcher[sessionRef, auth.Presented, auth.Rotated]
	purging   sync.Mutex
	revoked   signal

	probe  probe
	opened time.Time // by the machine's clock, with its monotonic reading
}

var (
	_ auth.Store  = (*Store)(nil)
	_ users.Store = (*Store)(nil)
)

// Open makes a store for the file at path and makes the file, readable by its
// owner only, where there is none. The schema is not its business:
// [Store.SchemaCurrent] reports whether it is there.
//
// A commit that was answered is on the disk (synchronous=FULL): a session that
// a client holds survives a power cut.
func Open(ctx context.Context, path string, lifetimes auth.Lifetimes) (*Store, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, errors.New("sqlite: expected the path of a file")
	}
	// Made here, because SQLite would make it readable by everybody. Its -wal
	// and -shm files take over the mode of the database.
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	s := &Store{lifetimes: lifetimes, opened: time.Now(), probe: probe{path: path, file: info}}
	if s.writer, err = sql.Open("sqlite", address(path, "_txlock=immediate", "_journal_mode=WAL", "_synchronous=FULL")); err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	s.writer.SetMaxIdleConns(1)
	if s.reader, err = sql.Open("sqlite", address(path, "_query_only=true")); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open: %w", err), s.writer.Close())
	}
	s.reader.SetMaxOpenConns(readers + 1) // WatchRevocations keeps one
	s.reader.SetMaxIdleConns(readers)
	// Opened now, so that the file is in WAL mode before the first reader, and
	// a file that is none of SQLite's fails the start.
	if err := s.writer.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open: %w", err), s.Close())
	}
	s.logins = batch.New[identityKey](groupsAtOnce, groupSize, patience, s.loginGroup)
	s.rotations = batch.New[sessionRef](groupsAtOnce, groupSize, patience, s.rotateGroup)
	return s, nil
}

func address(path string, params ...string) string {
	params = append(params, "_foreign_keys=true", "_dqs=false", "_error_rc=true",
		fmt.Sprintf("_busy_timeout=%d", patience.Milliseconds()))
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + strings.Join(params, "&")
}

// Close closes the file, after the calls under way.
func (s *Store) Close() error { return errors.Join(s.reader.Close(), s.writer.Close()) }

// Ping asks the database for a response.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var one int
	return failed("ping", s.reader.QueryRowContext(ctx, `SELECT 1 FROM sqlite_schema UNION ALL SELECT 1 LIMIT 1`).Scan(&one))
}

// SchemaCurrent compares the schema with what this release needs. The error
// for one that lacks steps is migrations.ErrOutdated; a newer one is current.
func (s *Store) SchemaCurrent(ctx context.Context) error {
	const query = `SELECT COALESCE(max(version_id), 0) FROM ` + migrations.VersionTable + ` WHERE is_applied`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var reached int64
	if err := s.reader.QueryRowContext(ctx, query).Scan(&reached); err != nil && !missing(err) {
		return failed("read the schema's version", err)
	}
	return migrations.Current(reached, migrations.LatestSQLite())
}

// write runs a transaction that holds the writer's turn from its beginning, so
// that what it reads stays true until it commits.
func (s *Store) write(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// failed names the operation and tells an outage from a mistake of ours.
func failed(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case outage(err):
		return fmt.Errorf("sqlite: %s: %w: %w", op, users.ErrUnavailable, err)
	}
	return fmt.Errorf("sqlite: %s: %w", op, err)
}

// outage reports whether an error says nothing about the request itself.
func outage(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, sql.ErrTxDone) || errors.Is(err, batch.ErrBusy) { // the time was over just before the commit; before the begin
		return true
	}
	var e *driver.Error
	if !errors.As(err, &e) {
		return strings.Contains(err.Error(), "sql: database is closed") // it has no variable to compare with
	}
	switch e.Code() & 0xff { // the rest is the extended code
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, // another process holds the writer's turn
		codes.SQLITE_READONLY, codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_NOMEM,
		codes.SQLITE_CANTOPEN, codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB, codes.SQLITE_PROTOCOL,
		codes.SQLITE_PERM, codes.SQLITE_INTERRUPT:
		return true
	}
	return missing(err) // the schema is behind
}

// unreadable reports whether an error says that a file is no whole database.
func unreadable(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == codes.SQLITE_CORRUPT || code == codes.SQLITE_NOTADB || code == codes.SQLITE_FORMAT || code == codes.SQLITE_IOERR || code == codes.SQLITE_ERROR
}

// missing reports whether a table or column is not there. SQLite has no code for it.
func missing(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code() == codes.SQLITE_ERROR &&
		(strings.Contains(e.Error(), "no such table") || strings.Contains(e.Error(), "no such column"))
}

// Times are kept as microseconds since 1970: both databases keep microseconds.

func micros(t time.Time) int64 { return t.UnixMicro() }

func moment(us int64) time.Time { return time.UnixMicro(us).UTC() }

func optionalMoment(us sql.NullInt64) *time.Time {
	if !us.Valid {
		return nil
	}
	t := moment(us.Int64)
	return &t
}

// optionalMicros is micros, and NULL for the zero time.
func optionalMicros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

// note writes a line of the security record.
func note(ctx context.Context, tx *sql.Tx, e users.Event) error {
	const query = `INSERT INTO events (at, kind, user_id, session_id, actor, detail) VALUES (?, ?, ?, ?, ?, ?)`
	var userID, sessionID any
	if e.UserID != uuid.Nil {
		userID = e.UserID.String()
	}
	if e.SessionID != uuid.Nil {
		sessionID = e.SessionID.String()
	}
	detail := string(e.Detail)
	if detail == "" {
		detail = "{}"
	}
	_, err := tx.ExecContext(ctx, query, micros(e.At), string(e.Kind), userID, sessionID, e.Actor, detail)
	return err
}
