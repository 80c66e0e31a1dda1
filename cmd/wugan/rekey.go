package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/users"
)

func rekeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rekey",
		Short: "Seal everything at rest with WUGAN_DATA_KEY that a key of WUGAN_DATA_KEY_OLD sealed",
		Long: `Seal everything at rest (session keys, phone numbers) with WUGAN_DATA_KEY that
a key of WUGAN_DATA_KEY_OLD sealed. It works beside running pods and may be
repeated. docs/operate.md tells the steps of a change of the data key.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig()
			if err != nil {
				return err
			}
			return c.rekey(cmd.Context(), cmd.OutOrStdout())
		},
	}
}

func (c *config) rekey(ctx context.Context, out io.Writer) (err error) {
	box, err := c.box()
	if err != nil {
		return err
	}
	db, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	done, err := users.Rekey(ctx, db, box)
	_, _ = fmt.Fprintf(out, "%d values seen, %d sealed anew\n", done.Seen, done.Sealed)
	if err == nil && done.Lost > 0 {
		err = fmt.Errorf("%d values open with none of the keys: add the key that sealed them to WUGAN_DATA_KEY_OLD and repeat", done.Lost)
	}
	return err
}

// oldDataKeys are the keys of WUGAN_DATA_KEY_OLD, separated by commas or lines.
func (c *config) oldDataKeys() ([]seal.Key, error) {
	var keys []seal.Key
	for _, text := range splitList(string(c.DataKeyOld)) {
		key, err := seal.ParseKey(text)
		if err != nil {
			return nil, wrong("DATA_KEY_OLD", "expected earlier data keys, base64 of 32 bytes each, separated by commas")
		}
		keys = append(keys, key)
	}
	return keys, nil
}
