package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

func (p program) migratesPostgres(t *testing.T) { p.migrates(t, pgtest.Empty(t)) }

func (p program) migratesSQLite(t *testing.T) {
	p.migrates(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
}

func (p program) migrates(t *testing.T, database string) {
	t.Helper()
	env := []string{"WUGAN_DATABASE_URL=" + database}
	status := func() (pending, applied int) {
		out := p.ok(t, env, "migrate", "status")
		return strings.Count(out, "pending"), strings.Count(out, "applied")
	}
	steps, applied := status()
	require.Positive(t, steps)
	require.Zero(t, applied)

	// Operators' commands and the service want a schema that is current.
	_, errs, exit := p.run(t, env, "users", "list")
	require.Equal(t, exitFailed, exit)
	require.Contains(t, errs, "wugan migrate up")

	require.Contains(t, p.ok(t, env, "migrate", "up"), "applied 1 ")
	pending, applied := status()
	require.Zero(t, pending)
	require.Equal(t, steps, applied)
	require.Equal(t, "the schema is current\n", p.ok(t, env, "migrate", "up"))
	p.ok(t, env, "users", "list")

	for range steps {
		require.Contains(t, p.ok(t, env, "migrate", "down"), "took back ")
	}
	pending, applied = status()
	require.Equal(t, steps, pending)
	require.Zero(t, applied)
	require.Equal(t, "there is no step to take back\n", p.ok(t, env, "migrate", "down"))
	require.Contains(t, p.ok(t, env, "migrate", "up"), "applied 1 ")
}

func (p program) migratesAtOnce(t *testing.T) {
	for _, database := range []string{pgtest.Empty(t), "sqlite:" + filepath.Join(t.TempDir(), "wugan.db")} {
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			applied int
		)
		for range 8 {
			cmd := p.command(t, []string{"WUGAN_DATABASE_URL=" + database}, "migrate", "up")
			wg.Go(func() {
				out, err := cmd.CombinedOutput()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				applied += strings.Count(string(out), "applied 1 ")
			})
		}
		wg.Wait()
		require.Equal(t, 1, applied, "each step is taken by one of them")
		require.NotContains(t, p.ok(t, []string{"WUGAN_DATABASE_URL=" + database}, "migrate", "status"), "pending")
	}
}

func (p program) agreesWithGoose(t *testing.T) {
	install := exec.CommandContext(t.Context(), "../../scripts/tools", "goose")
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	goose := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), ".tools/bin/goose", args...)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	database := pgtest.Empty(t)
	env := []string{"WUGAN_DATABASE_URL=" + database}
	goose("-dir", "migrations", "postgres", database, "up")
	require.NotContains(t, p.ok(t, env, "migrate", "status"), "pending")
	require.Equal(t, "the schema is current\n", p.ok(t, env, "migrate", "up"))
	p.ok(t, env, "users", "list")
	goose("-dir", "migrations", "postgres", database, "down")
	require.Contains(t, p.ok(t, env, "migrate", "status"), "pending")
}

func TestMigrateDownDropsNoDataUnasked(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		w.pod().signIn()
		out, exit, err := command(t, "migrate", "down")
		require.Equal(t, exitUsage, exit, "%v: %s", err, out)
		require.ErrorContains(t, err, "--yes")
		require.NotContains(t, ok(t, "migrate", "status"), "pending")
		require.Contains(t, ok(t, "migrate", "down", "--yes"), "took back ")
		require.Contains(t, ok(t, "migrate", "up"), "applied ")
	})
}

func TestOnlyAYesConfirms(t *testing.T) {
	for input, want := range map[string]bool{"yes\n": true, "\tyes\r\n": true, "yes": true, "": false, "y\n": false, "no\n": false, "\nyes\n": false} {
		var asked strings.Builder
		require.Equal(t, want, confirmed(strings.NewReader(input), &asked, "All is lost."), "%q", input)
		require.Contains(t, asked.String(), "All is lost.")
	}
}
