package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
	"github.com/wugan/wugan/migrations"
)

func migrateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Migrate the schema of the database, or show its state",
	}
	c.AddCommand(
		&cobra.Command{
			Use:     "up",
			Short:   "Apply every missing migration; many pods may run it at once",
			Example: `  wugan migrate up`,
			RunE: withRunner(func(ctx context.Context, r *migrations.Runner, out io.Writer) error {
				steps, err := r.Up(ctx)
				for _, s := range steps {
					_, _ = fmt.Fprintf(out, "applied %d %s\n", s.Version, s.Name)
				}
				if err == nil && len(steps) == 0 {
					_, err = fmt.Fprintln(out, "the schema is current")
				}
				return err
			}),
		},
		migrateDownCommand(),
		migrateStatusCommand(),
	)
	return c
}

func migrateDownCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "down",
		Short:   "Undo the newest migration; the data of its tables is lost",
		Example: `  wugan migrate down`,
		Long:    "Undo the newest migration. The data of its tables is lost: if there are users, it asks first, or needs --yes.",
	}
	c.RunE = withRunner(func(ctx context.Context, r *migrations.Runner, out io.Writer) error {
		if !yes {
			some, err := r.HasRows(ctx)
			if err != nil {
				return err
			}
			if some && !confirmed(c.InOrStdin(), c.ErrOrStderr(), "The database holds users, and what the newest step has made is dropped with its data.") {
				return usageError{errors.New("the database holds users: say --yes to drop data")}
			}
		}
		s, err := r.Down(ctx)
		if err != nil {
			return err
		}
		if s.Version == 0 {
			_, err = fmt.Fprintln(out, "there is no step to take back")
			return err
		}
		_, err = fmt.Fprintf(out, "took back %d %s\n", s.Version, s.Name)
		return err
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask, also where there are users")
	return c
}

// confirmed asks a person to type yes. It returns false at the end of the input.
func confirmed(in io.Reader, out io.Writer, what string) bool {
	_, _ = fmt.Fprintf(out, "%s Go on? Type yes: ", what)
	line, _ := bufio.NewReader(in).ReadString('\n') // what was read before an error counts
	return strings.TrimSpace(line) == "yes"
}

func migrateStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "status",
		Short:   "List the migrations and whether each has been applied",
		Example: `  wugan migrate status`,
		RunE: withRunner(func(ctx context.Context, r *migrations.Runner, out io.Writer) error {
			steps, err := r.Status(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				list := make([]map[string]any, len(steps))
				for i, s := range steps {
					list[i] = map[string]any{"version": s.Version, "name": s.Name, "applied": s.Applied}
				}
				return operator{out: out}.json(map[string]any{"steps": list})
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			for _, s := range steps {
				state := "pending"
				if s.Applied {
					state = "applied"
				}
				_, _ = fmt.Fprintf(w, "%s\t%d\t%s\n", state, s.Version, s.Name)
			}
			return w.Flush()
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// withRunner opens the database's migrations for a command.
func withRunner(do func(context.Context, *migrations.Runner, io.Writer) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load()
		if err != nil {
			return err
		}
		if err := service.CheckFile(cmd.Context(), c); err != nil {
			return err
		}
		r, err := migrations.Open(cmd.Context(), c.DatabaseURL.Reveal())
		if err != nil {
			return service.Unusable(c, fmt.Errorf("migrate: %w", err))
		}
		defer func() { _ = r.Close() }() // nothing is left to write
		if err := do(cmd.Context(), r, cmd.OutOrStdout()); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		return nil
	}
}
