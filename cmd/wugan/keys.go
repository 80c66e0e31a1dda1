package main

import (
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/keyfile"
)

func keysCommand() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Create, rotate and list signing keys"}
	c.AddCommand(keysNewCommand(), keysRotateCommand(), keysListCommand(), keysPEMCommand())
	return c
}

func keysNewCommand() *cobra.Command {
	var (
		algorithm string
		keep      bool
	)
	c := &cobra.Command{
		Use:   "new FILE",
		Short: "Create a key file (a private JWK Set) with one new key",
		Example: `  wugan keys new access.jwks
  wugan keys new refresh.jwks --alg HS256`,
		Long: `Make a key file (a private JWK Set, readable by its owner only) with one new key.

Access and refresh tokens need a file each. Only wugan checks refresh tokens,
so HS256 is a good choice for them:

  wugan keys new access.jwks
  wugan keys new --alg HS256 refresh.jwks

A file that is there already is never overwritten: that is an error, or with
--keep a success, for scripts that prepare each start.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keep {
				set, err := keyfile.Load(args[0])
				if err == nil {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: kept, id %s signs\n", args[0], set.Signer(time.Now()).ID)
				}
				if !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
			key, err := auth.GenerateKey(algorithm, time.Time{})
			if err != nil {
				return usageError{err}
			}
			set, err := auth.NewKeySet(key)
			if err != nil {
				return err
			}
			if err := keyfile.Create(args[0], set); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: one %s key, id %s\n", args[0], key.Algorithm, key.ID)
			return err
		},
	}
	c.Flags().StringVar(&algorithm, "alg", verify.ES256, "ES256, EdDSA, RS256 or HS256")
	c.Flags().BoolVar(&keep, "keep", false, "leave a key file that is there already as it is")
	return c
}

func keysRotateCommand() *cobra.Command {
	var (
		algorithm       string
		activeIn, drain time.Duration
	)
	c := &cobra.Command{
		Use:   "rotate FILE",
		Short: "Add a key that signs after a while, and drop those that no valid token needs",
		Example: `  wugan keys rotate access.jwks
  wugan keys rotate access.jwks --active-in 10m`,
		Long: `Add a new key to a key file. It is published at once and signs after --active-in,
so that every cache of the JWK Set knows it in time. Keys that stopped signing
longer than --drain ago are dropped: their last tokens have expired. Running
services notice the change by themselves. The file keeps its owner and its mode,
and rotations at the same time wait for one another.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if activeIn < 0 || drain < 0 {
				return usageError{errors.New("--active-in and --drain are durations of 0s or more")}
			}
			path, dropped := args[0], 0
			var key auth.SigningKey
			err := keyfile.Update(path, func(set *auth.KeySet) (next *auth.KeySet, err error) {
				now := time.Now().UTC().Truncate(time.Second)
				if algorithm == "" {
					algorithm = set.Signer(now).Algorithm
				}
				if key, err = auth.GenerateKey(algorithm, now.Add(activeIn)); err != nil {
					return nil, usageError{err}
				}
				next, dropped, err = set.Rotate(key, now, drain)
				return next, err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: new %s key %s signs from %s; %d dropped\n",
				path, key.Algorithm, key.ID, key.ActiveFrom.Format(time.RFC3339), dropped)
			return err
		},
	}
	c.Flags().StringVar(&algorithm, "alg", "", "algorithm of the new key (default: that of the one in use)")
	c.Flags().DurationVar(&activeIn, "active-in", time.Hour, "when the new key begins to sign")
	c.Flags().DurationVar(&drain, "drain", 169*time.Hour, "how long a key still verifies after its successor signs; at least the life of its tokens")
	return c
}

func keysListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list FILE",
		Short:   "List the keys of a file, without their secrets",
		Example: `  wugan keys list access.jwks`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := keyfile.Load(args[0])
			if err != nil {
				return err
			}
			now := time.Now()
			signer := set.Signer(now)
			type row struct {
				ID         string     `json:"id"`
				Algorithm  string     `json:"alg"`
				ActiveFrom *time.Time `json:"activeFrom"`
				State      string     `json:"state"`
			}
			var rows []row
			for _, k := range set.Keys() {
				r := row{ID: k.ID, Algorithm: k.Algorithm, State: "verifies"}
				if from := k.ActiveFrom.UTC(); !k.ActiveFrom.IsZero() {
					r.ActiveFrom = &from
				}
				switch {
				case k.ID == signer.ID:
					r.State = "signs"
				case k.ActiveFrom.After(now):
					r.State = "published, will sign"
				}
				rows = append(rows, r)
			}
			if asJSON {
				return operator{out: cmd.OutOrStdout()}.json(map[string]any{"keys": rows})
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(w, "ID\tALG\tACTIVE FROM\tSTATE")
			for _, r := range rows {
				from := "always"
				if r.ActiveFrom != nil {
					from = r.ActiveFrom.Format(time.RFC3339)
				}
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, r.Algorithm, from, r.State)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
