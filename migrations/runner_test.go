package migrations_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func runner(t *testing.T, address string) *migrations.Runner {
	t.Helper()
	r, err := migrations.Open(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// target is an empty database of one kind.
type target struct {
	address string
	latest  int64
	schema  func(t *testing.T) string
}

func targets(t *testing.T) map[string]target {
	t.Helper()
	address := pgtest.Empty(t)
	path := filepath.Join(t.TempDir(), "a ?#%41.db")
	return map[string]target{
		"PostgreSQL": {address, migrations.LatestPostgres(), func(t *testing.T) string { t.Helper(); return dump(t, address) }},
		"SQLite":     {"sqlite:" + path, migrations.LatestSQLite(), func(t *testing.T) string { t.Helper(); return sqliteSchema(t, path) }},
	}
}

func sqliteSchema(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath())
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT type, name, COALESCE(sql, '') FROM sqlite_schema ORDER BY type, name`)
	require.NoError(t, err)
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var kind, name, text string
		require.NoError(t, rows.Scan(&kind, &name, &text))
		fmt.Fprintln(&b, kind, name, text)
	}
	require.NoError(t, rows.Err())
	return b.String()
}

// dump is what pg_dump says of the schema, without what differs from one
// database or run to the next.
func dump(t *testing.T, address string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--dbname", address).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("pg_dump: %s", exit.Stderr)
	}
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) { // random since pg_dump 15.14
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestUpTakesEveryStepOnceAndDownUndoesThem(t *testing.T) {
	for name, x := range targets(t) {
		t.Run(name, func(t *testing.T) {
			r := runner(t, x.address)
			list, err := r.Status(t.Context())
			require.NoError(t, err)
			require.NotEmpty(t, list)
			require.Equal(t, x.latest, list[len(list)-1].Version)
			for _, s := range list {
				require.False(t, s.Applied)
				require.Zero(t, s.AppliedAt)
			}

			taken, err := r.Up(t.Context())
			require.NoError(t, err)
			require.Len(t, taken, len(list))
			for i, s := range taken {
				require.Equal(t, list[i].Version, s.Version)
				require.Equal(t, list[i].Name, s.Name)
				require.True(t, s.Applied)
			}
			first := x.schema(t)
			require.Contains(t, first, "sessions")
			taken, err = r.Up(t.Context())
			require.NoError(t, err)
			require.Empty(t, taken)
			list, err = r.Status(t.Context())
			require.NoError(t, err)
			for _, s := range list {
				require.True(t, s.Applied)
				require.WithinDuration(t, time.Now(), s.AppliedAt, time.Hour)
			}

			for i := range list {
				undone, err := r.Down(t.Context())
				require.NoError(t, err)
				require.Equal(t, list[len(list)-1-i].Version, undone.Version)
				require.False(t, undone.Applied)
			}
			none, err := r.Down(t.Context())
			require.NoError(t, err)
			require.Zero(t, none)
			bare := x.schema(t)
			for _, table := range []string{"users", "identities", "sessions", "events"} {
				require.NotContains(t, bare, table, "down leaves nothing behind")
			}

			_, err = r.Up(t.Context())
			require.NoError(t, err)
			require.Equal(t, first, x.schema(t), "up, down and up again is up")
		})
	}
}

func TestEightPodsThatStartAtTheSameMomentDoNotTrip(t *testing.T) {
	for name, x := range targets(t) {
		t.Run(name, func(t *testing.T) {
			const pods = 8
			taken, errs := make([]int, pods), make([]error, pods)
			var wg sync.WaitGroup
			gate := make(chan struct{})
			for i := range pods {
				wg.Go(func() {
					<-gate
					r, err := migrations.Open(t.Context(), x.address)
					if err != nil {
						errs[i] = err
						return
					}
					steps, err := r.Up(t.Context())
					taken[i], errs[i] = len(steps), errors.Join(err, r.Close())
				})
			}
			close(gate)
			wg.Wait()
			total := 0
			for i := range pods {
				require.NoError(t, errs[i])
				total += taken[i]
			}
			list, err := runner(t, x.address).Status(t.Context())
			require.NoError(t, err)
			require.Equal(t, len(list), total, "each step is taken by one of them")
			for _, s := range list {
				require.True(t, s.Applied)
			}
		})
	}
}

func TestADatabaseThatIsAheadIsLeftAlone(t *testing.T) {
	for name, x := range targets(t) {
		t.Run(name, func(t *testing.T) {
			_, err := runner(t, x.address).Up(t.Context())
			require.NoError(t, err)
			driver, dsn := "pgx", x.address
			if path, ok := strings.CutPrefix(x.address, "sqlite:"); ok {
				driver, dsn = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()
			}
			db, err := sql.Open(driver, dsn)
			require.NoError(t, err)
			defer db.Close()
			_, err = db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)`, x.latest+7))
			require.NoError(t, err)
			taken, err := runner(t, x.address).Up(t.Context())
			require.NoError(t, err)
			require.Empty(t, taken)
		})
	}
	require.NoError(t, migrations.Current(8, 7))
	require.NoError(t, migrations.Current(7, 7))
	require.ErrorIs(t, migrations.Current(6, 7), migrations.ErrOutdated)
}

// TestTheGooseCommandMakesTheSameSchema uses the real command, of the release
// that the project pins.
func TestTheGooseCommandMakesTheSameSchema(t *testing.T) {
	install := exec.CommandContext(t.Context(), "../scripts/tools", "goose")
	out, err := install.CombinedOutput()
	require.NoError(t, err, string(out))
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), ".tools/bin/goose", args...)
		cmd.Dir = ".."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}

	theirs, ours := pgtest.Empty(t), pgtest.Empty(t)
	command("-dir", "migrations", "postgres", theirs, "up")
	_, err = runner(t, ours).Up(t.Context())
	require.NoError(t, err)
	require.Equal(t, dump(t, ours), dump(t, theirs))
	// Each finds done what the other did.
	taken, err := runner(t, theirs).Up(t.Context())
	require.NoError(t, err)
	require.Empty(t, taken)
	require.Contains(t, command("-dir", "migrations", "postgres", ours, "up"), "no migrations to run")
	command("-dir", "migrations", "postgres", ours, "reset")
	require.NotContains(t, dump(t, ours), "sessions")

	path := filepath.Join(t.TempDir(), "theirs.db")
	command("-dir", "migrations/sqlite", "sqlite3", path, "up")
	other := filepath.Join(t.TempDir(), "ours.db")
	_, err = runner(t, "sqlite:"+other).Up(t.Context())
	require.NoError(t, err)
	require.Equal(t, sqliteSchema(t, other), sqliteSchema(t, path))
}

func TestAddressesThatAreWrongAreRefusedWithoutTheirPassword(t *testing.T) {
	for _, address := range []string{
		"", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d", "sqlite:", "sqlite::memory:", "hunter2",
	} {
		_, err := migrations.Open(t.Context(), address)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "hunter2")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := migrations.Open(ctx, "postgres://u:hunter2@127.0.0.1:1/d?sslmode=disable")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestTheParametersOfThePoolDoNotReachTheServer(t *testing.T) {
	u, err := url.Parse(pgtest.Empty(t))
	require.NoError(t, err)
	q := u.Query()
	q.Set("pool_max_conns", "7")
	u.RawQuery = q.Encode()
	_, err = runner(t, u.String()).Up(t.Context())
	require.NoError(t, err)
}

func TestANewSQLiteFileIsReadableByItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	_, err := runner(t, "sqlite:"+path).Up(t.Context())
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
