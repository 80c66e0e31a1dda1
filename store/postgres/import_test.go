package postgres

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/migrations"
)

// A column that a later migration adds must move with the rest. Tickets live for
// seconds, platforms hand their values over again, and the process that delivers webhooks has stopped.
func TestEveryColumnMoves(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.Migrated(t))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `
SELECT table_name, array_agg(column_name::text)
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> $1 AND table_name NOT IN ('tickets', 'platform_values')
      AND NOT (table_name = 'events' AND column_name = 'id')
      AND NOT (table_name = 'webhooks' AND column_name = 'holder')
GROUP BY table_name`, migrations.VersionTable)
	require.NoError(t, err)
	there := map[string][]string{}
	var table string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&table, &columns}, func() error {
		there[table] = slices.Sorted(slices.Values(columns))
		return nil
	})
	require.NoError(t, err)
	moved := map[string][]string{}
	for table, columns := range imported {
		moved[table] = slices.Sorted(slices.Values(columns))
	}
	require.Equal(t, there, moved)
}
