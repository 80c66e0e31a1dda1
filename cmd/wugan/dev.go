package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func devCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine for a first try: no WeChat account, no database",
		Example: `  wugan dev
  wugan dev --addr :8080 --access-ttl 30s`,
		Long: `Run everything on this machine for a first try: a SQLite file, generated keys and
a mock server of WeChat, which takes any code of the form dev:NAME. It is not for
production: anyone who reaches it can log in as any user.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := devSettings(cmd)
			if err != nil {
				return err
			}
			data, err := cmd.Flags().GetString("data")
			if err != nil {
				return usageError{err}
			}
			return service.Dev(cmd.Context(), c, version, data, cmd.OutOrStdout())
		},
	}
	c.Flags().String("data", ".wugan", "folder for the database and the keys")
	c.Flags().String("addr", "127.0.0.1:8080", "address to listen on; :8080 for every interface")
	c.Flags().Duration("access-ttl", 4*time.Hour, "life of an access token")
	c.Flags().Duration("refresh-ttl", 168*time.Hour, "life of a session that is not refreshed")
	c.Flags().Duration("refresh-grace", 10*time.Second, "how long the same refresh token gets the same answer")
	c.Flags().Duration("session-max-age", 2160*time.Hour, "greatest age of a session; 0: none")
	return c
}

// devSettings are the settings of the environment, and before them those of the
// flags. It listens on this machine alone unless either says otherwise.
func devSettings(cmd *cobra.Command) (config.Config, error) {
	c, err := config.Load()
	if err != nil {
		return c, err
	}
	flags := cmd.Flags()
	var wrong error
	if flags.Changed("addr") || !config.Given("ADDR") {
		c.Addr, wrong = flags.GetString("addr")
	}
	for name, field := range map[string]*time.Duration{
		"access-ttl": &c.AccessTTL, "refresh-ttl": &c.RefreshTTL, "refresh-grace": &c.RefreshGrace, "session-max-age": &c.SessionMaxAge,
	} {
		if !flags.Changed(name) {
			continue
		}
		value, err := flags.GetDuration(name)
		*field, wrong = value, errors.Join(wrong, err)
	}
	if err := errors.Join(wrong, c.Check()); err != nil {
		return c, usageError{err}
	}
	return c, nil
}
