package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func checkCommand() *cobra.Command {
	var online, asJSON bool
	c := &cobra.Command{
		Use:     "check",
		Short:   "Check the settings, the database and, with --online, each app's platform",
		Example: `  wugan check --online`,
		Long: `Look at all that wugan serve needs, before it is started or when something is
wrong: every setting and the files they name, the database, its schema and its
clock, and with --online each app's platform, which is asked about a login code that
is none. Nothing is changed. The exit status is 1 when something is wrong.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, loaded := config.Load()
			found := service.Check(cmd.Context(), settings, loaded, online)
			wrong := 0
			for _, f := range found {
				if !f.OK {
					wrong++
				}
			}
			if asJSON {
				if err := (operator{out: cmd.OutOrStdout()}).json(map[string]any{"ok": wrong == 0, "checks": found}); err != nil {
					return err
				}
			} else {
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, f := range found {
					state := "ok"
					if !f.OK {
						state = "WRONG"
					}
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", state, f.Name, clip(f.Detail, 400))
				}
				if err := w.Flush(); err != nil {
					return err
				}
			}
			switch wrong {
			case 0:
				return nil
			case 1:
				return errors.New("something is wrong: see above")
			}
			return fmt.Errorf("%d things are wrong: see above", wrong)
		},
	}
	c.Flags().BoolVar(&online, "online", false, "ask each app's platform, too")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
