package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
)

func webhooksCommand() *cobra.Command {
	c := &cobra.Command{Use: "webhooks", Short: "Show the state of webhooks, and resume stopped ones"}
	c.AddCommand(webhooksStatusCommand(), webhooksResumeCommand())
	return c
}

func webhooksStatusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show how many events wait for another delivery, and the age of the oldest",
		Example: `  wugan webhooks status`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDatabase(cmd, func(ctx context.Context, db service.Database) error {
				waiting, oldest, err := db.WebhookBacklog(ctx)
				if err != nil {
					return err
				}
				asJSON, err := cmd.Flags().GetBool("json")
				if err != nil {
					return usageError{err}
				}
				if asJSON {
					status := struct {
						Waiting int        `json:"waiting"`
						Oldest  *time.Time `json:"oldest"`
					}{Waiting: waiting}
					if !oldest.IsZero() {
						status.Oldest = &oldest
					}
					return operator{out: cmd.OutOrStdout()}.json(status)
				}
				if oldest.IsZero() {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), "every event was delivered")
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d events wait for another attempt; the oldest that was not delivered happened at %s\n", waiting, minute(oldest))
				return err
			})
		},
	}
	c.Flags().Bool("json", false, "print JSON")
	return c
}

func webhooksResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "resume",
		Short:   "Deliver again to a receiver that answered 410 Gone",
		Example: `  wugan webhooks resume`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDatabase(cmd, func(ctx context.Context, db service.Database) error { return db.ResumeWebhooks(ctx) })
		},
	}
}

// withDatabase opens the database of a service that is set up already.
func withDatabase(cmd *cobra.Command, do func(ctx context.Context, db service.Database) error) (err error) {
	c, err := config.Load()
	if err != nil {
		return err
	}
	_, db, err := service.Administer(cmd.Context(), c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(cmd.Context(), db)
}
