package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/internal/service"
	"github.com/wugan/wugan/users"
)

func eventsCommand() *cobra.Command {
	var (
		after  string
		kinds  []string
		limit  int
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "events",
		Short: "List the events of all users in the order in which they became visible",
		Example: `  wugan events --kind refresh_reused --limit 50
  wugan events --json`,
		Long: `List the events of all users, oldest first, in the order in which they became
visible. The last line has the cursor from which --after goes on. The events of one
user, newest first: wugan users show.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 1000 {
				return usageError{errors.New("--limit is a number from 1 to 1000")}
			}
			wanted := make([]users.EventKind, len(kinds))
			for i, kind := range kinds {
				if wanted[i] = users.EventKind(kind); !events.Known(wanted[i]) {
					return usageError{fmt.Errorf("--kind is one of %v", users.EventKinds())}
				}
			}
			return withDatabase(cmd, func(ctx context.Context, db service.Database) error {
				found, next, err := events.NewFeed(db).Read(ctx, after, wanted, limit, 0, nil)
				if errors.Is(err, events.ErrCursor) {
					return usageError{errors.New("--after is a cursor that this command printed")}
				}
				if err != nil {
					return err
				}
				o := operator{out: cmd.OutOrStdout()}
				if asJSON {
					list := make([]events.Message, len(found))
					for i := range found {
						list[i] = found[i].Message()
					}
					return o.json(map[string]any{"cursor": next, "events": list})
				}
				w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "AT\tEVENT\tUSER\tSESSION\tBY\tDETAIL")
				for _, e := range found {
					session := ""
					if e.SessionID != uuid.Nil {
						session = e.SessionID.String()
					}
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.At.UTC().Format(time.RFC3339), e.Kind, e.UserID, session,
						clip(e.Actor, 32), clip(string(e.Detail), 160))
				}
				if err := w.Flush(); err != nil {
					return err
				}
				_, err = fmt.Fprintf(o.out, "more: --after %s\n", next)
				return err
			})
		},
	}
	c.Flags().StringVar(&after, "after", "", "go on behind this cursor")
	c.Flags().StringArrayVar(&kinds, "kind", nil, "events of this kind only; may be repeated")
	c.Flags().IntVar(&limit, "limit", 100, "how many at most")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, as the service API does")
	return c
}
