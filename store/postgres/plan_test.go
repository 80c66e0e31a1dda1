package postgres_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
)

// A plan is made once for a connection. One that was made when the server knew
// the tables to be empty must not read them whole when they have grown.
func TestAPlanOfTheFirstDayGoesByKeyLaterToo(t *testing.T) {
	address := pgtest.Migrated(t)
	admin := connect(t, address)
	run := func(sql string) {
		_, err := admin.ExecContext(t.Context(), sql)
		require.NoError(t, err)
	}
	for _, table := range []string{"users", "identities", "sessions"} {
		run(`ALTER TABLE ` + table + ` SET (autovacuum_enabled = false)`) // or the server would plan again in between
		run(`ANALYZE ` + table)
	}
	s, err := postgres.Open(t.Context(), address+"&pool_max_conns=1", lifetimes)
	require.NoError(t, err)
	const times = 20
	seats := make([]auth.Presented, times)
	login := func(i int, at time.Time) {
		l := signIn("o"+strconv.Itoa(i), at)
		in, err := s.Login(t.Context(), l)
		require.NoError(t, err)
		seats[i] = auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: at}
	}
	refresh := func(i int) {
		e, err := s.Rotate(t.Context(), seats[i])
		require.NoError(t, err)
		require.Equal(t, auth.OutcomeRotated, e.Outcome)
	}
	login(0, start)
	login(0, start)
	refresh(0)

	const strangers = 3000
	run(`
WITH people AS (
    INSERT INTO users (id, created_at, last_login_at) SELECT gen_random_uuid(), now(), now() FROM generate_series(1, ` + strconv.Itoa(strangers) + `)
    RETURNING id
), known AS (
    INSERT INTO identities (app_id, openid, user_id, created_at) SELECT 'wx0000000000000001', id::text, id, now() FROM people
)
INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
SELECT id, gen_random_uuid(), 'wx0000000000000001', '', '', '', '', now(), now(), now() + interval '7 days' FROM people`)
	for i := range times {
		login(i, start.Add(time.Minute))
		login(i, start.Add(2*time.Minute))
		refresh(i)
	}
	require.NoError(t, s.Close())

	elsewhere := connect(t, pgtest.Superuser(t))
	require.NoError(t, admin.Close())
	settled(t, elsewhere, name(t, address))
	again := connect(t, address)
	for _, table := range []string{"identities", "sessions"} {
		var read int
		require.NoError(t, again.QueryRowContext(t.Context(), `
SELECT t.seq_tup_read + t.idx_tup_fetch + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid)
FROM pg_stat_user_tables t WHERE relname = $1`, table).Scan(&read))
		t.Logf("%s: %d rows read", table, read)
		require.Less(t, read, strangers, "rows of %s read by %d logins and %d refreshes", table, 2*times, times)
	}
}

func TestAPurgeReadsALivingSessionOnce(t *testing.T) {
	address := pgtest.Migrated(t)
	admin := connect(t, address)
	const living = 20_000
	_, err := admin.ExecContext(t.Context(), `
WITH people AS (
    INSERT INTO users (id, created_at, last_login_at) SELECT gen_random_uuid(), now(), now() FROM generate_series(1, $1::int)
    RETURNING id
)
INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
SELECT id, gen_random_uuid(), 'wx0000000000000001', '', '', '', '', now(), now(), now() + interval '7 days' FROM people`, living)
	require.NoError(t, err)
	_, err = admin.ExecContext(t.Context(), `ANALYZE sessions`)
	require.NoError(t, err)
	elsewhere := connect(t, pgtest.Superuser(t))
	read := func() (n int) {
		conn := connect(t, address)
		require.NoError(t, conn.QueryRowContext(t.Context(), `
SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid)
FROM pg_stat_user_tables t WHERE relname = 'sessions'`).Scan(&n))
		require.NoError(t, conn.Close())
		return n
	}
	require.NoError(t, admin.Close())
	settled(t, elsewhere, name(t, address))
	before := read()
	s, err := postgres.Open(t.Context(), address, lifetimes)
	require.NoError(t, err)
	n, err := s.Purge(t.Context(), time.Now(), time.Now())
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, s.Close())
	settled(t, elsewhere, name(t, address))
	require.Less(t, read()-before, living+living/10)
}
