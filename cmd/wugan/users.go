package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/users"
)

func usersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "users",
		Short: "Find, show and change users, directly in the database",
	}
	c.PersistentFlags().Bool("json", false, "print JSON, as the admin API does")
	c.AddCommand(usersListCommand(), usersShowCommand(), usersChangeCommand("disable"), usersChangeCommand("enable"),
		usersRolesCommand(), usersMergeCommand(), usersDeleteCommand(), usersImportCommand())
	return c
}

func usersListCommand() *cobra.Command {
	var (
		q                 users.Query
		id, phone, cursor string
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List users, newest first, all or those that match",
		Example: `  wugan users list --phone 13800000000
  wugan users list --nickname 小明 --json`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if (q.AppID == "") != (q.OpenID == "") {
				return usageError{errors.New("--app and --openid go together")}
			}
			if q.Limit < 1 || q.Limit > 1000 {
				return usageError{errors.New("--limit is a number from 1 to 1000")}
			}
			for _, flag := range []struct {
				text string
				into *uuid.UUID
			}{{id, &q.ID}, {cursor, &q.Before}} {
				if flag.text == "" {
					continue
				}
				if *flag.into, err = argID(flag.text); err != nil {
					return err
				}
			}
			return operate(cmd, func(ctx context.Context, o operator) error { return o.listUsers(ctx, q, phone) })
		},
	}
	c.Flags().StringVar(&id, "id", "", "the user of this id")
	c.Flags().StringVar(&phone, "phone", "", "who holds this number (needs WUGAN_DATA_KEY)")
	c.Flags().StringVar(&q.Nickname, "nickname", "", "whose nickname begins so")
	c.Flags().StringVar(&q.AppID, "app", "", "appid, together with --openid")
	c.Flags().StringVar(&q.OpenID, "openid", "", "openid, together with --app")
	c.Flags().IntVar(&q.Limit, "limit", 20, "how many at most")
	c.Flags().StringVar(&cursor, "cursor", "", "go on after the user of this id")
	return c
}

func (o operator) listUsers(ctx context.Context, q users.Query, phone string) error {
	limit := q.Limit
	q.Limit++ // one more: is there another page?
	people, err := o.Find(ctx, q, phone)
	if err != nil {
		return err
	}
	next := ""
	if len(people) > limit {
		people = people[:limit]
		next = people[limit-1].ID.String()
	}
	if o.asJSON {
		list := make([]any, len(people))
		for i, p := range people {
			list[i] = httpapi.AdminUser(p)
		}
		return o.json(map[string]any{"users": list, "nextCursor": next})
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tNICKNAME\tPHONE\tROLES\tCREATED\tLAST LOGIN\tSTATE")
	for _, p := range people {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, clip(p.Nickname, 24), p.Phone.Masked(),
			clip(strings.Join(p.Roles, ","), 32), minute(p.CreatedAt), minute(p.LastLoginAt), stateOf(p))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if next != "" {
		_, err = fmt.Fprintf(o.out, "more: --cursor %s\n", next)
	}
	return err
}

func stateOf(p users.Person) string {
	if p.Disabled() {
		return "disabled"
	}
	return "active"
}

// shownEvents is the number of events that wugan users show prints.
const shownEvents = 20

func usersShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show USER_ID",
		Short:   "Show a user with identities, sessions and the newest events",
		Example: `  wugan users show 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := argID(args[0])
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error { return o.showUser(ctx, id) })
		},
	}
}

func (o operator) showUser(ctx context.Context, id uuid.UUID) error {
	p, err := o.Person(ctx, id)
	if err != nil {
		return err
	}
	sessions, err := o.Sessions(ctx, id)
	if err != nil {
		return err
	}
	events, err := o.Events(ctx, id, 0, shownEvents)
	if err != nil {
		return err
	}
	if o.asJSON {
		out := map[string]any{"user": httpapi.AdminUser(p)}
		list := make([]any, len(sessions))
		for i, s := range sessions {
			list[i] = httpapi.AdminSession(s)
		}
		out["sessions"] = list
		list = make([]any, len(events))
		for i, e := range events {
			if list[i], err = httpapi.AdminEvent(e); err != nil {
				return err
			}
		}
		out["events"] = list
		return o.json(out)
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	row := func(name, value string) { _, _ = fmt.Fprintf(w, "%s\t%s\n", name, value) }
	row("id", p.ID.String())
	row("nickname", clip(p.Nickname, 64))
	row("phone", p.Phone.Masked())
	row("roles", strings.Join(p.Roles, ","))
	row("metadata", clip(string(p.Metadata), users.MaxMetadata))
	row("created", minute(p.CreatedAt))
	row("last login", minute(p.LastLoginAt))
	row("state", stateOf(p))
	if p.Disabled() {
		row("disabled", minute(*p.DisabledAt)+": "+clip(p.DisabledReason, users.MaxReason))
	}
	for _, i := range p.Identities {
		row("identity", fmt.Sprintf("%s  app %s  openid %s  unionid %s  since %s", i.Provider, i.AppID, i.OpenID, i.UnionID, minute(i.CreatedAt)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(o.out)
	if err := o.sessionTable(sessions); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(o.out)
	w = tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "AT\tEVENT\tBY\tDETAIL")
	for _, e := range events {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.At.UTC().Format(time.RFC3339), e.Kind, clip(e.Actor, 32), clip(string(e.Detail), 160))
	}
	return w.Flush()
}

func usersChangeCommand(verb string) *cobra.Command {
	short := map[string]string{
		"disable": "Bar a user from logging in, and revoke all sessions",
		"enable":  "Let a disabled user log in again",
	}[verb]
	c := &cobra.Command{
		Use:     verb + " USER_ID --reason WHY",
		Short:   short,
		Example: "  wugan users " + verb + ` 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f --reason "ticket 4711"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := argID(args[0])
			if err != nil {
				return err
			}
			change, err := changeOf(cmd, id)
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error {
				do := o.Disable
				if verb == "enable" {
					do = o.Enable
				}
				if err := do(ctx, change); err != nil {
					return err
				}
				return o.tell(ctx, id, func(p users.Person) string {
					return fmt.Sprintf("%s is %s", p.ID, stateOf(p))
				})
			})
		},
	}
	changeFlags(c)
	return c
}
