package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "backup FILE",
		Short:   "Back up the SQLite database to a new file, also while the service runs",
		Example: `  wugan backup /backups/wugan-2026-11-26.db`,
		Long: `Write everything that the SQLite database of WUGAN_DATABASE_URL holds to a new
file, readable by its owner only, also while the service runs. The file must not
exist. To copy the database by other means misses the -wal file beside it.

The data key, the key files and WUGAN_ISSUER are not in it: keep them apart.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Load()
			if err != nil {
				return err
			}
			if err := service.Backup(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: backed up and checked\n", args[0])
			return err
		},
	}
}

func restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "restore FILE",
		Short:   "Replace the SQLite database by a backup, while the service is stopped",
		Example: `  wugan restore /backups/wugan-2026-11-26.db`,
		Long: `Put what a backup holds in the place of the SQLite database of
WUGAN_DATABASE_URL. Stop the service first: while a process has the database open,
nothing is done. What the database held before is gone, its -wal file included;
take a backup of it first where it is whole. A backup that is damaged is refused
and changes nothing.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Load()
			if err != nil {
				return err
			}
			if err := service.Restore(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: restored and checked\n", args[0])
			return err
		},
	}
}
