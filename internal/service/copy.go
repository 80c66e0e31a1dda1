package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/store/dump"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
)

// Copy fills the empty, migrated database of the settings with everything of a
// SQLite file, or with nothing, and says on out what it copied.
func Copy(ctx context.Context, c config.Config, path string, out io.Writer) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("--from: %s", config.Reason(err))
	}
	if err := sqlite.Check(ctx, path); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	source, err := sqlite.Open(ctx, path, c.Lifetimes())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := postgres.Open(ctx, c.DatabaseURL.Reveal(), c.Lifetimes())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := source.SchemaCurrent(ctx); err != nil {
		return fmt.Errorf("the file: %w", err)
	}
	if err := target.SchemaCurrent(ctx); err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	n, err := target.Import(ctx, func(to dump.Rows) (dump.Count, error) { return source.Export(ctx, to) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "copied %d users, %d identities, %d sessions and %d events\n", n.Users, n.Identities, n.Sessions, n.Events)
	return err
}
