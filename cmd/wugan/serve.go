package main

import (
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/collector"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the service with the settings of the environment",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !config.CollectorGiven() {
				collector.Steer()
			}
			c, err := config.Load()
			if err != nil {
				return err
			}
			return service.Run(cmd.Context(), c, service.Options{Version: version})
		},
	}
}
