package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func copyCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:     "copy --from sqlite:PATH",
		Short:   "Copy everything from a SQLite file to an empty PostgreSQL database",
		Example: `  WUGAN_DATABASE_URL=postgres://wugan@db.internal/wugan wugan copy --from sqlite:/var/lib/wugan/wugan.db`,
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
			c, err := config.Load()
			if err != nil {
				return err
			}
			if c.DatabaseKind() != "postgres" {
				return config.Wrong("DATABASE_URL", "expected the PostgreSQL database to fill, postgres://…")
			}
			return service.Copy(cmd.Context(), c, path, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&from, "from", "", "the file to copy, sqlite:PATH (needed)")
	return c
}
