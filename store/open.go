// Package store opens the database at an address. Packages postgres and sqlite
// contain the SQL, packages batch, sanitize and dump what both share, and package
// storetest the contract that both fulfil.
package store

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// Store is an open database. It is safe for concurrent use.
type Store interface {
	auth.Store
	admin.Store
	auth.TicketStore
	users.Store
	users.RekeyStore
	users.ImportStore
	users.PlatformStore
	events.WebhookStore

	// Writable returns users.ErrUnavailable if the database does not accept
	// changes.
	Writable(ctx context.Context) error

	// SchemaCurrent returns migrations.ErrOutdated if the schema lacks migrations
	// that this release needs.
	SchemaCurrent(ctx context.Context) error

	// Close waits for calls in progress and closes the connections.
	Close() error
}

// Path returns the path of a SQLite address, sqlite:PATH. ok is false for any other
// address.
func Path(address string) (path string, ok bool) { return strings.CutPrefix(address, "sqlite:") }

// Open opens the store at postgres://… or sqlite:PATH. It runs no migration. The
// tracer, which may be nil, traces each statement sent to PostgreSQL. No error
// contains the address, which may include a password.
func Open(ctx context.Context, address string, lifetimes auth.Lifetimes, tracer pgx.QueryTracer) (Store, error) {
	if path, ok := Path(address); ok {
		return opened(sqlite.Open(ctx, path, lifetimes))
	}
	if scheme, _, _ := strings.Cut(address, ":"); scheme != "postgres" && scheme != "postgresql" {
		return nil, errors.New("store: expected a database address of the form postgres://… or sqlite:PATH")
	}
	var options []postgres.Option
	if tracer != nil {
		options = append(options, postgres.WithTracer(tracer))
	}
	return opened(postgres.Open(ctx, address, lifetimes, options...))
}

// opened is a store, and with an error nothing rather than a nil pointer.
func opened[S Store](s S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
