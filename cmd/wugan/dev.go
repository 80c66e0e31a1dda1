package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func devCommand() *cobra.Command {
	var (
		data                                string
		addr                                string
		accessTTL, refreshTTL, grace, maxed time.Duration
	)
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine for a first try: no WeChat account, no database",
		Long: `Run everything on this machine for a first try: a SQLite file, generated keys and
a stand-in for WeChat, which takes any code of the form dev:NAME. It is not for
production: whoever reaches it can sign in as anybody.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load()
			if err != nil {
				return err
			}
			flags := cmd.Flags()
			set := func(name string, apply func()) {
				if flags.Changed(name) {
					apply()
				}
			}
			set("addr", func() { c.Addr = addr })
			set("access-ttl", func() { c.AccessTTL = accessTTL })
			set("refresh-ttl", func() { c.RefreshTTL = refreshTTL })
			set("refresh-grace", func() { c.RefreshGrace = grace })
			set("session-max-age", func() { c.SessionMaxAge = maxed })
			if err := c.Check(); err != nil {
				return usageError{err}
			}
			return service.Dev(cmd.Context(), c, version, data, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&data, "data", ".wugan", "folder for the database and the keys")
	c.Flags().StringVar(&addr, "addr", ":8080", "address to listen on")
	c.Flags().DurationVar(&accessTTL, "access-ttl", 4*time.Hour, "life of an access token")
	c.Flags().DurationVar(&refreshTTL, "refresh-ttl", 168*time.Hour, "life of a session that is not refreshed")
	c.Flags().DurationVar(&grace, "refresh-grace", 10*time.Second, "how long the same refresh token gets the same answer")
	c.Flags().DurationVar(&maxed, "session-max-age", 2160*time.Hour, "greatest age of a session; 0: none")
	return c
}
