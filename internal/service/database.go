package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/tracing"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store"
	"github.com/wugan/wugan/store/sqlite"
)

// Database is an open database.
type Database = store.Store

// openDatabase opens the store that the settings name. A SQLite file belongs to
// this process alone, so it is migrated here; PostgreSQL is migrated before, by
// wugan migrate or goose.
func openDatabase(ctx context.Context, c config.Config, lifetimes auth.Lifetimes, t *tracing.Tracing) (Database, error) {
	if c.DatabaseKind() == "sqlite" {
		if err := CheckFile(ctx, c); err != nil {
			return nil, err
		}
		if err := migrateUp(ctx, c.DatabaseURL.Reveal()); err != nil {
			return nil, Unusable(c, err)
		}
	}
	db, err := store.Open(ctx, c.DatabaseURL.Reveal(), lifetimes, t.Statements())
	if err != nil {
		return nil, Unusable(c, err)
	}
	return db, nil
}

// OpenExisting opens the database of a service that is set up already. It makes
// no file and takes no migration: a mistyped path must not look like a service
// without users.
func OpenExisting(ctx context.Context, c config.Config) (Database, error) {
	if c.DatabaseKind() == "sqlite" {
		if _, err := os.Stat(filePath(c)); err != nil {
			return nil, config.Wrong("DATABASE_URL", "expected a database that is there: %s", config.Cause(err))
		}
		if err := CheckFile(ctx, c); err != nil {
			return nil, err
		}
	}
	db, err := store.Open(ctx, c.DatabaseURL.Reveal(), c.Lifetimes(), nil)
	if err != nil {
		return nil, Unusable(c, err)
	}
	if err := db.SchemaCurrent(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// filePath returns the path of the SQLite file of the settings.
func filePath(c config.Config) string {
	path, _ := store.Path(c.DatabaseURL.Reveal())
	return path
}

// CheckFile refuses a SQLite file that is damaged, or beside which the log of
// another one lies, before anything opens it. A PostgreSQL server looks after its
// own files.
func CheckFile(ctx context.Context, c config.Config) error {
	if c.DatabaseKind() != "sqlite" {
		return nil
	}
	if err := sqlite.Check(ctx, filePath(c)); err != nil {
		return Unusable(c, err)
	}
	return nil
}

// Backup writes everything that the SQLite file of the settings holds to a new
// file, also while a service runs on it.
func Backup(ctx context.Context, c config.Config, to string) error {
	if err := needFile(c, "pg_dump"); err != nil {
		return err
	}
	return withoutPath(sqlite.Backup(ctx, filePath(c), to))
}

// Restore puts a backup in the place of the SQLite file of the settings, while no
// service runs on it.
func Restore(ctx context.Context, c config.Config, from string) error {
	if err := needFile(c, "pg_restore"); err != nil {
		return err
	}
	return withoutPath(sqlite.Restore(ctx, from, filePath(c)))
}

func needFile(c config.Config, instead string) error {
	if c.DatabaseKind() != "sqlite" {
		return config.Wrong("DATABASE_URL", "expected sqlite:PATH; for PostgreSQL use %s", instead)
	}
	return nil
}

// withoutPath is an error about a file without the file's path, which may be that of
// the settings.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return errors.New(strings.ReplaceAll(err.Error(), path.Path, "the file"))
	}
	return err
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
	if errors.As(err, &ofSQLite) && !errors.Is(err, sqlite.ErrDamaged) {
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
