// Package sqlitetest gives tests a SQLite database of their own, in a file.
package sqlitetest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/sqlite"
)

// Open returns a store on a new, migrated database. It is closed when the test ends.
func Open(t testing.TB, lifetimes auth.Lifetimes) *sqlite.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wugan.db")
	runner, err := migrations.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	_, err = runner.Up(t.Context())
	require.NoError(t, err)
	require.NoError(t, runner.Close())
	store, err := sqlite.Open(t.Context(), path, lifetimes)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}
