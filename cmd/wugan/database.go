package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/tracing"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// database is either store.
type database interface {
	auth.Store
	auth.AdminStore
	users.Store
	users.RekeyStore
	Writable(ctx context.Context) error
	SchemaCurrent(ctx context.Context) error
	Close() error
}

// openDatabase opens the store that the settings name. A SQLite file belongs to
// this process alone, so it is migrated here; PostgreSQL is migrated before, by
// wugan migrate or goose.
func (c *config) openDatabase(ctx context.Context, t *tracing.Tracing) (database, error) {
	if c.databaseKind() == "postgres" {
		var options []postgres.Option
		if tracer := t.Statements(); tracer != nil {
			options = append(options, postgres.WithTracer(tracer))
		}
		return postgres.Open(ctx, string(c.DatabaseURL), c.lifetimes(), options...)
	}
	if err := migrateUp(ctx, string(c.DatabaseURL)); err != nil {
		return nil, c.unusable(err)
	}
	db, err := sqlite.Open(ctx, strings.TrimPrefix(string(c.DatabaseURL), "sqlite:"), c.lifetimes())
	if err != nil {
		return nil, c.unusable(err)
	}
	return db, nil
}

// unusable names the setting behind a SQLite file that cannot be opened or
// migrated, and says why without repeating which file it is. That a server
// cannot be reached says nothing of the setting.
func (c *config) unusable(err error) error {
	if c.databaseKind() != "sqlite" || errors.Is(err, context.Canceled) {
		return err
	}
	why := cause(err)
	var ofSQLite interface {
		error
		Code() int
	}
	if errors.As(err, &ofSQLite) {
		why = ofSQLite.Error()
	}
	return wrong("DATABASE_URL", "expected sqlite:PATH with a file that is or becomes wugan's database, in a folder that is there and can be written: %s",
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
