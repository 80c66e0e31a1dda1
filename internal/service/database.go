package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/tracing"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// Database is either store.
type Database interface {
	auth.Store
	auth.AdminStore
	auth.TicketStore
	users.Store
	users.RekeyStore
	events.WebhookStore
	Writable(ctx context.Context) error
	SchemaCurrent(ctx context.Context) error
	Close() error
}

// openDatabase opens the store that the settings name. A SQLite file belongs to
// this process alone, so it is migrated here; PostgreSQL is migrated before, by
// wugan migrate or goose.
func openDatabase(ctx context.Context, c config.Config, t *tracing.Tracing) (Database, error) {
	if c.DatabaseKind() == "postgres" {
		var options []postgres.Option
		if tracer := t.Statements(); tracer != nil {
			options = append(options, postgres.WithTracer(tracer))
		}
		return postgres.Open(ctx, c.DatabaseURL.Reveal(), c.Lifetimes(), options...)
	}
	if err := migrateUp(ctx, c.DatabaseURL.Reveal()); err != nil {
		return nil, Unusable(c, err)
	}
	db, err := sqlite.Open(ctx, strings.TrimPrefix(c.DatabaseURL.Reveal(), "sqlite:"), c.Lifetimes())
	if err != nil {
		return nil, Unusable(c, err)
	}
	return db, nil
}

// OpenExisting opens the database of a service that is set up already. It makes
// no file and takes no migration: a mistyped path must not look like a service
// without users.
func OpenExisting(ctx context.Context, c config.Config) (Database, error) {
	var db Database
	var err error
	if c.DatabaseKind() == "postgres" {
		db, err = postgres.Open(ctx, c.DatabaseURL.Reveal(), c.Lifetimes())
	} else {
		path := strings.TrimPrefix(c.DatabaseURL.Reveal(), "sqlite:")
		if _, err := os.Stat(path); err != nil {
			return nil, config.Wrong("DATABASE_URL", "expected a database that is there: %s", config.Cause(err))
		}
		db, err = sqlite.Open(ctx, path, c.Lifetimes())
	}
	if err != nil {
		return nil, Unusable(c, err)
	}
	if err := db.SchemaCurrent(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Unusable names the setting behind a SQLite file that cannot be opened or
// migrated, and says why without repeating which file it is. That a server
// cannot be reached says nothing of the setting.
func Unusable(c config.Config, err error) error {
	if c.DatabaseKind() != "sqlite" || errors.Is(err, context.Canceled) {
		return err
	}
	why := config.Cause(err)
	var ofSQLite interface {
		error
		Code() int
	}
	if errors.As(err, &ofSQLite) {
		why = ofSQLite.Error()
	}
	return config.Wrong("DATABASE_URL", "expected sqlite:PATH with a file that is or becomes wugan's database, in a folder that is there and can be written: %s",
		strings.ReplaceAll(why, "\n", "; "))
}

func migrateUp(ctx context.Context, url string) error {
	runner, err := migrations.Open(ctx, url)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = runner.Close() }() // nothing is left to write
	if _, err := runner.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
