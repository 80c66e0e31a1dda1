package main

import (
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

// healthcheckCommand asks the service of this container whether it is ready,
// where the image has no other program that could.
func healthcheckCommand() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:     "healthcheck",
		Short:   "Ask the service on WUGAN_ADDR whether it is ready",
		Example: `  wugan healthcheck --url http://127.0.0.1:8080`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if url != "" {
				return service.Healthcheck(cmd.Context(), url, nil)
			}
			c, err := config.Load()
			if err != nil {
				return err
			}
			return service.HealthcheckOwn(cmd.Context(), c)
		},
	}
	c.Flags().StringVar(&url, "url", "", "address to ask (default: /readyz on WUGAN_ADDR)")
	return c
}
