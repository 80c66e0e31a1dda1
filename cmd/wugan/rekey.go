package main

import (
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func rekeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rekey",
		Short:   "Encrypt everything at rest with the new data key",
		Example: `  WUGAN_DATA_KEY_OLD=$OLD WUGAN_DATA_KEY=$NEW wugan rekey`,
		Long: `Seal everything at rest (session keys, phone numbers) with WUGAN_DATA_KEY that
a key of WUGAN_DATA_KEY_OLD sealed. It works beside running pods and may be
repeated. docs/en/operate.md tells the steps of a change of the data key.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load()
			if err != nil {
				return err
			}
			return service.Rekey(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
}
