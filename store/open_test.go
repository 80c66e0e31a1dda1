package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

func TestAnAddressNamesItsStore(t *testing.T) {
	t.Parallel()
	lifetimes := auth.Lifetimes{AccessTTL: time.Hour, RefreshTTL: time.Hour}
	file, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"), lifetimes, nil)
	require.NoError(t, err)
	require.IsType(t, &sqlite.Store{}, file)
	require.NoError(t, file.Close())

	for _, scheme := range []string{"postgres", "postgresql"} {
		server, err := store.Open(t.Context(), scheme+"://wugan@127.0.0.1:1/wugan", lifetimes, nil)
		require.NoError(t, err, "it does not wait for the database")
		require.IsType(t, &postgres.Store{}, server)
		require.ErrorIs(t, server.Writable(t.Context()), users.ErrUnavailable)
		require.NoError(t, server.Close())
	}
	for _, address := range []string{"", "mysql://root:hunter2@db/wugan", "hunter2", "sqlite:", "sqlite::memory:", "postgres://wugan:hunter2@db:port/wugan"} {
		opened, err := store.Open(t.Context(), address, lifetimes, nil)
		require.Error(t, err, address)
		if opened != nil { // not even a nil pointer in an interface, which require.Nil takes for nil
			t.Error("a store comes with the error", address)
		}
		require.NotContains(t, err.Error(), "hunter2")
	}
}
