package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/storetest"
)

func TestOperators(t *testing.T) {
	t.Parallel()
	storetest.Admin(t, func(t *testing.T, p auth.Lifetimes) storetest.AdminStore {
		t.Helper()
		s, err := postgres.Open(t.Context(), pgtest.Migrated(t), p)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}
