package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
)

// keyFileMode keeps key files from everybody else.
const keyFileMode = 0o600

func keysCommand() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Make, rotate and list signing keys"}
	c.AddCommand(keysNewCommand(), keysRotateCommand(), keysListCommand(), keysPEMCommand())
	return c
}

func keysNewCommand() *cobra.Command {
	var algorithm string
	c := &cobra.Command{
		Use:   "new FILE",
		Short: "Make a key file (a private JWK Set) with one new key",
		Long: `Make a key file (a private JWK Set, readable by its owner only) with one new key.

Access and refresh tokens need a file each. Refresh tokens are checked by nobody
else, so HS256 is a good choice for them:

  wugan keys new access.jwks
  wugan keys new --alg HS256 refresh.jwks`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := auth.GenerateKey(algorithm, time.Time{})
			if err != nil {
				return usageError{err}
			}
			set, err := auth.NewKeySet(key)
			if err != nil {
				return err
			}
			if err := createKeys(args[0], set); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: one %s key, id %s\n", args[0], key.Algorithm, key.ID)
			return err
		},
	}
	c.Flags().StringVar(&algorithm, "alg", verify.ES256, "ES256, EdDSA, RS256 or HS256")
	return c
}

func keysRotateCommand() *cobra.Command {
	var (
		algorithm       string
		activeIn, drain time.Duration
	)
	c := &cobra.Command{
		Use:   "rotate FILE",
		Short: "Add a key that signs after a while, and drop those that no living token needs",
		Long: `Add a new key to a key file. It is published at once and signs after --active-in,
so that whoever caches the JWK Set knows it in time. Keys that stopped signing
longer than --drain ago are dropped: their last tokens have expired. Running
services notice the change by themselves.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := args[0]
			set, err := loadKeys(path)
			if err != nil {
				return err
			}
			now := time.Now().UTC().Truncate(time.Second)
			if algorithm == "" {
				algorithm = set.Signer(now).Algorithm
			}
			key, err := auth.GenerateKey(algorithm, now.Add(activeIn))
			if err != nil {
				return usageError{err}
			}
			rotated, dropped, err := set.Rotate(key, now, drain)
			if err != nil {
				return err
			}
			if err := writeKeys(path, rotated); err != nil {
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
	return &cobra.Command{
		Use:   "list FILE",
		Short: "List the keys of a file, without their secrets",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := loadKeys(args[0])
			if err != nil {
				return err
			}
			now := time.Now()
			signer := set.Signer(now)
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(w, "ID\tALG\tACTIVE FROM\tSTATE")
			for _, k := range set.Keys() {
				from, state := "always", "verifies"
				if !k.ActiveFrom.IsZero() {
					from = k.ActiveFrom.UTC().Format(time.RFC3339)
				}
				switch {
				case k.ID == signer.ID:
					state = "signs"
				case k.ActiveFrom.After(now):
					state = "published, will sign"
				}
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, k.Algorithm, from, state)
			}
			return w.Flush()
		},
	}
}

// createKeys writes a key file that must not exist: overwriting one would end
// every session.
func createKeys(path string, set *auth.KeySet) error {
	data, err := set.Private()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, keyFileMode)
	if err != nil {
		return fmt.Errorf("make a key file: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}

// writeKeys replaces a key file as a whole, so that a reader never meets half
// of it.
func writeKeys(path string, set *auth.KeySet) error {
	data, err := set.Private()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return fmt.Errorf("write a key file: %w", err)
	}
	_, werr := f.Write(append(data, '\n'))
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write a key file: %w", err), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("write a key file: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// keyWatcher reads the key files again on SIGHUP and when they change.
type keyWatcher struct {
	config          config
	access, refresh *auth.Keyring
}

// watchEvery is how often the files are looked at. Reading them is simpler and
// surer than file notifications, which miss the symbolic links by which mounted
// secrets are exchanged.
const watchEvery = 2 * time.Second

func (w *keyWatcher) watch(ctx context.Context, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := w.content()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hup:
			asked = true
		case <-tick.C:
		}
		content := w.content()
		if content == seen && !asked {
			continue
		}
		seen = content
		access, refresh, err := w.config.bothKeys()
		if err != nil {
			log.ErrorContext(ctx, "the keys were changed but cannot be used; the earlier ones stay in use", "error", err)
			continue
		}
		w.access.Replace(access)
		w.refresh.Replace(refresh)
		now := time.Now()
		log.InfoContext(ctx, "keys read again", "access", access.Signer(now).ID, "refresh", refresh.Signer(now).ID)
	}
}

// content is what both files hold; a file that cannot be read is empty.
func (w *keyWatcher) content() string {
	var all strings.Builder
	for _, path := range []string{w.config.AccessKeys, w.config.RefreshKeys} {
		if path == "" {
			continue
		}
		if f, err := os.Open(path); err == nil {
			data, _ := io.ReadAll(f)
			_ = f.Close()
			all.Write(append(data, 0))
		}
	}
	return all.String()
}
