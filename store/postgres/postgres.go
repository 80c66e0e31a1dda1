// Package postgres stores users and sessions in PostgreSQL. It contains every SQL
// statement, each beside the method that runs it. The rules are in auth and users; the
// rotation rule is repeated here in SQL, and the tests compare it with
// auth.Counters.Rotate.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/pgerror"
	"github.com/wugan/wugan/store/batch"
	"github.com/wugan/wugan/users"
)

// patience bounds one call: the wait for a group, for a connection and for the
// database. A request that has no response by then is answered with 503. A group
// gets half of it, and the wait for the group the other half (turn), so that
// nothing takes effect after its caller has been told of the outage. (What is tried
// again while a row is locked, or goes on to decideSQL, may: the client's next attempt
// is then a repetition as after a lost response.)
const (
	patience = 5 * time.Second
	turn     = patience / 2
)

// Groups under way at once, and requests in one. A statement costs much the same
// for one refresh as for ten, so one group at a time, with all that gathered
// meanwhile, does most for a processor. A login writes four rows and keeps
// PostgreSQL at work for longer; a second group uses the time in which the
// answers of the first go out. Both were measured with make bench.
const (
	rotationsAtOnce = 1
	loginsAtOnce    = 2
	groupSize       = 64
)

// Store is a pool of connections to one database. It implements auth.Store and
// users.Store.
type Store struct {
	pool      *pgxpool.Pool
	standby   *pgxpool.Pool // nil where the address names one server
	pooler    bool          // whether the server's connections are others', too
	lifetimes auth.Lifetimes
	waiter    chan struct{} // holds the one call that waits for a lock again
	resetAt   atomic.Int64  // when the pool's connections were given up last, by the Unix time in nanoseconds

	logins    *batch.Batcher[identityKey, auth.Login, loginRow]
	rotations *batch.Batcher[sessionRef, auth.Presented, auth.Rotated] // of new tokens
	decisions *batch.Batcher[sessionRef, auth.Presented, auth.Rotated] // of all others
}

var (
	_ auth.Store  = (*Store)(nil)
	_ users.Store = (*Store)(nil)
)

// Option configures the connections.
type Option func(*pgxpool.Config)

// WithTracer reports every statement to a tracer.
func WithTracer(t pgx.QueryTracer) Option {
	return func(c *pgxpool.Config) { c.ConnConfig.Tracer = t }
}

// Open returns a store for the database at url (postgres://…, with the parameters of pgx
// and pgxpool). It does not wait for the database: the first method that needs it
// connects, and returns users.ErrUnavailable during an outage.
func Open(ctx context.Context, url string, lifetimes auth.Lifetimes, opts ...Option) (*Store, error) {
	config, pooler, err := configure(url)
	if err != nil {
		return nil, err
	}
	for _, opt := range opts {
		opt(config)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: %w", err)
	}
	standby, err := openStandby(ctx, url, opts)
	if err != nil {
		pool.Close()
		return nil, err
	}
	s := &Store{pool: pool, standby: standby, pooler: pooler, lifetimes: lifetimes, waiter: make(chan struct{}, 1)}
	s.logins = batch.New[identityKey](loginsAtOnce, groupSize, turn, s.loginGroup)
	s.rotations = batch.New[sessionRef](rotationsAtOnce, groupSize, turn, s.rotateGroup)
	s.decisions = batch.New[sessionRef](rotationsAtOnce, groupSize, turn, s.decideGroup)
	return s, nil
}

// Close ends the connections, after those in use have come back.
func (s *Store) Close() error {
	s.pool.Close()
	if s.standby != nil {
		s.standby.Close()
	}
	return nil
}

// Pool returns the pool's statistics for metrics.
func (s *Store) Pool() *pgxpool.Stat { return s.pool.Stat() }

// prepareTypes makes times come back in UTC, whatever zone the process is in,
// and names the types of our parameters for the modes in which pgx does not ask
// the server for them (default_query_exec_mode=exec, behind a PgBouncer).
func prepareTypes(conn *pgx.Conn) {
	m := conn.TypeMap()
	utc := &pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	}
	m.RegisterType(utc)
	m.RegisterType(&pgtype.Type{
		Name: "_timestamptz", OID: pgtype.TimestamptzArrayOID, Codec: &pgtype.ArrayCodec{ElementType: utc},
	})
	m.RegisterDefaultPgType(uuid.UUID{}, "uuid")
	m.RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
	m.RegisterDefaultPgType(uuid.NullUUID{}, "uuid")
	m.RegisterDefaultPgType(column[pgtype.UUID]{}, "_uuid")
	m.RegisterDefaultPgType(column[pgtype.Text]{}, "_text")
	m.RegisterDefaultPgType(column[pgtype.Int8]{}, "_int8")
	m.RegisterDefaultPgType(column[pgtype.Timestamptz]{}, "_timestamptz")
	m.RegisterDefaultPgType(column[pgtype.Interval]{}, "_interval")
}

// failed wraps an error with the operation, and as users.ErrUnavailable if it is an
// outage.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	err = pgerror.Readable(err)
	if outage(err) {
		return fmt.Errorf("postgres: %s: %w: %w", op, users.ErrUnavailable, err)
	}
	return fmt.Errorf("postgres: %s: %w", op, err)
}

// outage reports whether an error says nothing about the request itself. Errors
// that the server did not send (a refused or broken connection, a time-out) are
// outages; of the server's own, these are:
func outage(err error) bool {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return !errors.Is(err, pgx.ErrNoRows)
	}
	switch server.Code[:2] {
	case "08", // connection exception
		"53", // insufficient resources: disk, memory, too many connections
		"57", // operator intervention: shutdown, crash, statement timeout
		"58", // system error
		"28": // the role may not log in, now
		return true
	}
	switch server.Code {
	case "25006", // read-only transaction: this server is not the primary (any more)
		"40001", "40P01", // serialization failure, deadlock; tried again once before
		"55P03",          // lock not available
		"55000",          // the database takes no connections (ALLOW_CONNECTIONS false)
		"42P01", "42703", // no such table or column: the schema is behind
		"0A000", // cached plan must not change result type; tried again once before
		"3D000": // no such database, yet
		return true
	}
	return false
}

// notifyRevoked is the channel on which pods tell one another to look for new
// revocations. It carries no data: PostgreSQL folds equal notifications of a
// transaction into one, and the reader asks the table anyway.
const notifyRevoked = "wugan_revoked"
