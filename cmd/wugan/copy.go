package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/store/dump"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
)

func copyCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "copy --from sqlite:PATH",
		Short: "Move from SQLite to PostgreSQL: fill the empty WUGAN_DATABASE_URL with everything of a file",
		Long: `Move from SQLite to PostgreSQL: fill the empty, migrated database of
WUGAN_DATABASE_URL with everything that a SQLite file holds: users, identities,
sessions and events. All of it is copied, or nothing.

Stop the service on the file first, and start it on PostgreSQL afterwards with
the same keys, data key, issuer and apps: every session lives on with the tokens
that clients hold.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, ok := strings.CutPrefix(from, "sqlite:")
			if !ok || path == "" {
				return usageError{errors.New("--from is sqlite:PATH")}
			}
			c, err := loadConfig()
			if err != nil {
				return err
			}
			if c.databaseKind() != "postgres" {
				return wrong("DATABASE_URL", "expected the PostgreSQL database to fill, postgres://…")
			}
			return c.copyFrom(cmd.Context(), path, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&from, "from", "", "the file to copy, sqlite:PATH (needed)")
	return c
}

func (c *config) copyFrom(ctx context.Context, path string, out io.Writer) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("--from: %s", reason(err))
	}
	source, err := sqlite.Open(ctx, path, c.lifetimes())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := postgres.Open(ctx, string(c.DatabaseURL), c.lifetimes())
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
