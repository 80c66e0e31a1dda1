package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
	"github.com/wugan/wugan/users"
)

func sessionsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "sessions",
		Short: "List, revoke and purge sessions, directly in the database",
	}
	c.PersistentFlags().Bool("json", false, "print JSON, as the admin API does")
	c.AddCommand(sessionsListCommand(), sessionsShowCommand(), sessionsRevokeCommand(), sessionsPurgeCommand())
	return c
}

func sessionsListCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:     "list USER_ID",
		Short:   "List a user's sessions, most recently used first",
		Example: `  wugan sessions list 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f --all`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := argID(args[0])
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error {
				list, err := o.Sessions(ctx, id)
				if err != nil {
					return err
				}
				if !all {
					now := o.Now()
					list = slices.DeleteFunc(list, func(s auth.Session) bool { return s.State(now) != "live" })
				}
				if !o.asJSON {
					return o.sessionTable(list)
				}
				out := make([]any, len(list))
				for i, s := range list {
					out[i] = httpapi.AdminSession(s)
				}
				return o.json(map[string]any{"sessions": out})
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "ended and expired ones too, until they are purged")
	return c
}

func sessionsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show SESSION_ID",
		Short:   "Show one session, live or ended",
		Example: `  wugan sessions show 0192f0c4-7c1e-7b5a-9d3e-aaaaaaaaaaaa`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := argID(args[0])
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error {
				s, err := o.Session(ctx, id)
				if err != nil {
					return err
				}
				if o.asJSON {
					return o.json(map[string]any{"userId": s.UserID, "session": httpapi.AdminSession(s)})
				}
				w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
				row := func(name, value string) { _, _ = fmt.Fprintf(w, "%s\t%s\n", name, value) }
				row("id", s.ID.String())
				row("user", s.UserID.String())
				row("app", s.AppID)
				row("device", clip(s.Device.Name, 64))
				row("user agent", clip(s.Device.UserAgent, 160))
				row("ip", s.Device.IP)
				row("created", minute(s.CreatedAt))
				row("last used", minute(s.LastUsedAt))
				row("expires", minute(s.ExpiresAt))
				row("state", s.State(o.Now()))
				if s.RevokedAt != nil {
					row("ended", minute(*s.RevokedAt)+": "+string(s.RevokedReason))
				}
				return w.Flush()
			})
		},
	}
}

func (o operator) sessionTable(list []auth.Session) error {
	now := o.Now()
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SESSION\tAPP\tDEVICE\tIP\tCREATED\tLAST USED\tSTATE")
	for _, s := range list {
		state := s.State(now)
		if s.RevokedAt != nil {
			state += " " + minute(*s.RevokedAt) + ": " + string(s.RevokedReason)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.AppID, clip(s.Device.Name, 24), s.Device.IP,
			minute(s.CreatedAt), minute(s.LastUsedAt), state)
	}
	return w.Flush()
}

func sessionsRevokeCommand() *cobra.Command {
	var ofUser string
	var lost bool
	c := &cobra.Command{
		Use:   "revoke SESSION_ID ... --reason WHY, or revoke --user USER_ID --reason WHY",
		Short: "Revoke sessions, or all of a user's; every pod refuses their tokens within a second",
		Example: `  wugan sessions revoke 0192f0c4-7c1e-7b5a-9d3e-aaaaaaaaaaaa --reason "lost phone"
  wugan sessions revoke --user 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f --reason "lost phone"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (ofUser == "") == (len(args) == 0) {
				return usageError{errors.New("name sessions, or a user with --user")}
			}
			var ids []uuid.UUID
			var userID uuid.UUID
			for _, arg := range args {
				id, err := argID(arg)
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			if ofUser != "" {
				var err error
				if userID, err = argID(ofUser); err != nil {
					return err
				}
			}
			change, err := changeOf(cmd, userID)
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error { return o.revoke(ctx, change, ids, lost) })
		},
	}
	c.Flags().StringVar(&ofUser, "user", "", "end all sessions of this user")
	c.Flags().BoolVar(&lost, "lost", false, "end sessions too whose rows the database has lost in a failover or a restore")
	changeFlags(c)
	return c
}

// revoke ends the sessions named, or all of the change's user where none is.
func (o operator) revoke(ctx context.Context, change users.Change, ids []uuid.UUID, lost bool) error {
	end := o.EndSession
	if lost {
		end = o.EndLostSession
	}
	if len(ids) == 0 {
		if err := o.SignOut(ctx, change); err != nil {
			return err
		}
	}
	for _, id := range ids {
		switch err := end(ctx, change, id); {
		case errors.Is(err, auth.ErrNoSession):
			return fmt.Errorf("%s: %w (if a failover or a restore has lost it, end it with --lost)", id, err)
		case err != nil:
			return fmt.Errorf("%s: %w", id, err)
		}
		if !o.asJSON {
			_, _ = fmt.Fprintf(o.out, "%s has ended\n", id)
		}
	}
	if o.asJSON {
		return o.json(map[string]any{"revoked": ids})
	}
	if len(ids) == 0 {
		_, _ = fmt.Fprintf(o.out, "every session of %s has ended\n", change.UserID)
	}
	return nil
}

// sessionsPurgeCommand is for an operator who knows that the clock is right where
// the service doubts it.
func sessionsPurgeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "purge",
		Short:   "Remove dead sessions now, as the service does by itself",
		Example: `  wugan sessions purge`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := config.Load()
			if err != nil {
				return err
			}
			db, err := service.OpenExisting(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			n, err := service.PurgeNow(cmd.Context(), db, c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d dead sessions removed\n", n)
			return err
		},
	}
}
