// Package store opens the database that an address names. What is sent there stands
// in postgres and sqlite, what both have in common in batch, sanitize and dump, and
// what holds for both in storetest.
package store

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// Store is either database. It may be used by any number of goroutines.
type Store interface {
	auth.Store
	auth.AdminStore
	auth.TicketStore
	users.Store
	users.RekeyStore
	users.ImportStore
	events.WebhookStore

	// Writable asks whether the database accepts changes; an error is
	// users.ErrUnavailable.
	Writable(ctx context.Context) error

	// SchemaCurrent compares the schema with what this release needs; the error for
	// one that lacks steps is migrations.ErrOutdated.
	SchemaCurrent(ctx context.Context) error

	// Close ends the connections, after the calls under way.
	Close() error
}

// Path is the path of a SQLite file's address, sqlite:PATH; ok is false for another
// address.
func Path(address string) (path string, ok bool) { return strings.CutPrefix(address, "sqlite:") }

// Open makes the store for postgres://… or sqlite:PATH. It takes no migration. The
// tracer is told of each statement that PostgreSQL is sent; nil for none. No error
// repeats the address: it may hold a password.
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
