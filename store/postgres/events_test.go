package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// An id that was drawn early becomes visible late: a cursor by ids would pass it
// by for good.
func TestAnEventThatIsCommittedLateIsReadInItsTurn(t *testing.T) {
	url := pgtest.Migrated(t)
	s := open(t, url, lifetimes)
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
		return conn
	}
	const sql = `INSERT INTO events (at, kind, user_id, detail) VALUES (now(), 'user_created', gen_random_uuid(), jsonb_build_object('n', $1::int)) RETURNING id`
	insert := func(db interface {
		QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	}, n int,
	) (id int64) {
		require.NoError(t, db.QueryRow(t.Context(), sql, n).Scan(&id))
		return id
	}
	late, err := connect().Begin(t.Context())
	require.NoError(t, err)
	first := insert(late, 1)
	second := insert(connect(), 2)
	require.Less(t, first, second)

	page, err := s.EventsAfter(t.Context(), 0, nil, 10)
	require.NoError(t, err)
	require.Len(t, page.Events, 1)
	require.Equal(t, second, page.Events[0].ID)

	require.NoError(t, late.Commit(t.Context()))
	page, err = s.EventsAfter(t.Context(), page.Position, nil, 10)
	require.NoError(t, err)
	require.Len(t, page.Events, 1, "the event that came late")
	require.Equal(t, first, page.Events[0].ID)

	page, err = s.EventsAfter(t.Context(), page.Position, nil, 10)
	require.NoError(t, err)
	require.Empty(t, page.Events)
}
