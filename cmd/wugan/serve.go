package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/collector"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "serve",
		Short:   "Run the service with the settings of the environment",
		Long:    serveHelp(),
		Example: "  wugan check && wugan serve",
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

// serveHelp names every setting with its default.
func serveHelp() string {
	var b strings.Builder
	b.WriteString(`Run the service with the settings of the environment.

These are needed: WUGAN_ISSUER, WUGAN_DATA_KEY, WUGAN_WECHAT_APPS or
WUGAN_APPS_FILE, WUGAN_ACCESS_KEYS or WUGAN_ACCESS_SECRET, WUGAN_REFRESH_KEYS
or WUGAN_REFRESH_SECRET. wugan check says what is missing or wrong.

All settings, with their defaults. Each can also be given as NAME_FILE, the path
of a file with the value. docs/en/settings.md (docs/zh/settings.md) explains them.
`)
	for _, name := range config.Names() {
		_, _ = fmt.Fprintf(&b, "\n  WUGAN_%s", name)
		if value := config.Default(name); value != "" {
			_, _ = fmt.Fprintf(&b, "=%s", value)
		}
	}
	return b.String()
}
