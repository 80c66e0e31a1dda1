package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/store/storetest"
)

func TestOperators(t *testing.T) {
	t.Parallel()
	storetest.Admin(t, func(t *testing.T, p auth.Lifetimes) storetest.AdminStore {
		t.Helper()
		path := filepath.Join(t.TempDir(), "wugan.db")
		runner, err := migrations.Open(t.Context(), "sqlite:"+path)
		require.NoError(t, err)
		_, err = runner.Up(t.Context())
		require.NoError(t, err)
		require.NoError(t, runner.Close())
		s, err := sqlite.Open(t.Context(), path, p)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}
