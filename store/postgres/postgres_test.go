package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/storetest"
)

func TestMain(m *testing.M) {
	// A process in another zone than UTC, as servers in China are: times that
	// forget their zone show.
	time.Local = time.FixedZone("Asia/Shanghai", 8*3600)
	pgtest.Main(m)
}

func open(t testing.TB, url string, p auth.Lifetimes) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, p)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func connect(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestPostgreSQLKeepsEveryPromiseOfAStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *storetest.Database {
		t.Helper()
		url := pgtest.Migrated(t)
		return &storetest.Database{
			Open:     func(t testing.TB, p auth.Lifetimes) storetest.Store { t.Helper(); return open(t, url, p) },
			DB:       connect(t, url),
			Postgres: true,
		}
	})
}
