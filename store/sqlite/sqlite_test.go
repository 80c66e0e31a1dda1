package sqlite_test

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/store/storetest"
)

func TestMain(m *testing.M) {
	// A process in another zone than UTC, as servers in China are: times that
	// forget their zone show.
	time.Local = time.FixedZone("Asia/Shanghai", 8*3600)
	if path := os.Getenv(fullDisk); path != "" {
		if err := lookAtAFullDisk(path); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// migrated makes a file with the current schema and gives its path.
func migrated(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wugan ?#%20&=.db") // nothing in a path is syntax
	runner, err := migrations.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	_, err = runner.Up(t.Context())
	require.NoError(t, err)
	require.NoError(t, runner.Close())
	return path
}

func open(t testing.TB, path string, p auth.Lifetimes) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, p)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestSQLiteKeepsEveryPromiseOfAStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *storetest.Database {
		t.Helper()
		path := migrated(t)
		db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_busy_timeout=5000&_foreign_keys=true&_synchronous=OFF")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return &storetest.Database{
			Open: func(t testing.TB, p auth.Lifetimes) storetest.Store { t.Helper(); return open(t, path, p) },
			DB:   db,
		}
	})
}
