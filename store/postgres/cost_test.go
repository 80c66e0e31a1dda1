package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
)

var lifetimes = auth.Lifetimes{
	AccessTTL: 4 * time.Hour, RefreshTTL: 7 * 24 * time.Hour, Grace: 10 * time.Second, MaxAge: 90 * 24 * time.Hour, MaxSessions: 20,
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// wire is a proxy in front of the database that counts round trips: how often
// the client speaks after the server has.
type wire struct {
	trips atomic.Int64
}

// through gives the address of the database behind a counting proxy.
func (w *wire) through(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var open sync.WaitGroup
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		open.Wait()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { w.carry(t.Context(), client, server) })
		}
	}()
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	q.Set("pool_max_conns", "1") // so that a warm connection is the one that is used
	u.RawQuery = q.Encode()
	return u.String()
}

func (w *wire) carry(ctx context.Context, client net.Conn, server string) {
	defer client.Close()
	upstream, err := (&net.Dialer{}).DialContext(ctx, "tcp", server)
	if err != nil {
		return
	}
	var clientsTurn atomic.Bool // whether the server spoke last
	clientsTurn.Store(true)
	var both sync.WaitGroup
	both.Go(func() {
		defer upstream.Close()
		pass(upstream, client, func() {
			if clientsTurn.CompareAndSwap(true, false) {
				w.trips.Add(1)
			}
		})
	})
	both.Go(func() {
		defer client.Close()
		pass(client, upstream, func() { clientsTurn.Store(true) })
	})
	both.Wait()
}

func pass(to io.Writer, from io.Reader, spoken func()) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			spoken()
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// statements counts what pgx sends.
type statements struct{ batches, queries atomic.Int64 }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.queries.Add(1)
	return ctx
}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	s.batches.Add(1)
	return ctx
}
func (*statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// commits reads how many transactions a database has committed, on a
// connection to another one, so that the reading is not counted.
func commits(t *testing.T, elsewhere *sql.DB, database string) (n int64) {
	t.Helper()
	settled(t, elsewhere, database)
	require.NoError(t, elsewhere.QueryRowContext(t.Context(), `SELECT xact_commit FROM pg_stat_database WHERE datname = $1`, database).Scan(&n))
	return n
}

// settled waits until no connection is left: the server counts what a
// connection did when it ends, at the latest.
func settled(t *testing.T, db *sql.DB, database string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var others int
		err := db.QueryRowContext(t.Context(), `
SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`, database).Scan(&others)
		return err == nil && others == 0
	}, 20*time.Second, 10*time.Millisecond)
}

// name is the database that an address names.
func name(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Path[1:]
}

func signIn(openID string, now time.Time) auth.Login {
	return auth.Login{
		Provider: "wechat", Account: "default", AppID: "wx0000000000000001", OpenID: openID, SealedSessionKey: []byte("sealed"),
		NewUserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), Now: now,
		Device: auth.Device{ID: "phone", UserAgent: "test", IP: "203.0.113.7"},
	}
}

func TestLoginOfAKnownUserAndExchangeCostOneRoundTripAndOneCommit(t *testing.T) {
	address := pgtest.Migrated(t)
	var w wire
	var sent statements
	s, err := postgres.Open(t.Context(), w.through(t, address), lifetimes, postgres.WithTracer(&sent))
	require.NoError(t, err)

	openID := "o1"
	l := signIn(openID, start)
	in, err := s.Login(t.Context(), l)
	require.NoError(t, err)
	p := auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: start}
	rotate := func() {
		e, err := s.Rotate(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, auth.OutcomeRotated, e.Outcome)
		p.Seq, p.Prev = e.Last, e.Used
	}
	login := func() {
		p.Now = p.Now.Add(time.Hour)
		l := signIn(openID, p.Now)
		l.Device.ID = "tablet" // it ends the session of the login before: the most that a login has to do
		in, err := s.Login(t.Context(), l)
		require.NoError(t, err)
		require.False(t, in.NewUser)
	}
	login() // statements are prepared once a connection
	rotate()

	repeat := func() { // of a token whose response was lost
		last := p
		last.Seq, last.Prev = p.Prev, 0
		e, err := s.Rotate(t.Context(), last)
		require.NoError(t, err)
		require.Equal(t, auth.OutcomeSameChild, e.Outcome)
	}
	repeat()

	const n = 50
	for name, does := range map[string]struct {
		do    func()
		trips int
	}{"rotate": {rotate, 1}, "login": {login, 1}, "repeat": {repeat, 2}} {
		rotate() // the token of a repetition is within its grace
		trips, batches, queries := w.trips.Load(), sent.batches.Load(), sent.queries.Load()
		for range n {
			does.do()
		}
		require.EqualValues(t, n*does.trips, w.trips.Load()-trips, "%s: round trips on the wire", name)
		require.EqualValues(t, n*does.trips, sent.batches.Load()-batches+sent.queries.Load()-queries, "%s: calls of pgx", name)
	}
	require.NoError(t, s.Close())

	// Commits, told by the server: those of a run with n more of each, less
	// those of a run without.
	elsewhere := connect(t, pgtest.Superuser(t))
	run := func(times int) int64 {
		before := commits(t, elsewhere, name(t, address))
		s, err := postgres.Open(t.Context(), address, lifetimes)
		require.NoError(t, err)
		l := signIn(openID, p.Now.Add(time.Hour))
		in, err := s.Login(t.Context(), l)
		require.NoError(t, err)
		require.False(t, in.NewUser)
		p := auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: l.Now}
		for range times {
			p.Now = p.Now.Add(time.Minute)
			e, err := s.Rotate(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, auth.OutcomeRotated, e.Outcome)
			p.Seq, p.Prev = e.Last, e.Used
			l := signIn(openID, p.Now)
			l.Device.ID = "tablet"
			_, err = s.Login(t.Context(), l)
			require.NoError(t, err)
		}
		require.NoError(t, s.Close())
		return commits(t, elsewhere, name(t, address)) - before
	}
	base := run(0)
	// A few more may be autovacuum's.
	require.InDelta(t, 2*n, run(n)-base, n/10, "commits of %d logins and %d exchanges", n, n)
}

// updates reads how many rows of a table were updated, and how many of them
// within their page and without touching an index (HOT).
func updates(t *testing.T, db *sql.DB, address, table string) (all, inPlace int64) {
	t.Helper()
	settled(t, db, name(t, address))
	require.NoError(t, db.QueryRowContext(t.Context(),
		`SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = $1`, table).Scan(&all, &inPlace))
	return all, inPlace
}

// each runs do for n people in a random order, 16 at once, on a store of its
// own.
func each(t *testing.T, address string, n int, do func(s *postgres.Store, i int) error) {
	t.Helper()
	s, err := postgres.Open(t.Context(), address, lifetimes)
	require.NoError(t, err)
	var group errgroup.Group
	group.SetLimit(16)
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		group.Go(func() error { return do(s, i) })
	}
	require.NoError(t, group.Wait())
	require.NoError(t, s.Close())
}

func TestRefreshesAndLoginsUpdateTheirRowsInPlace(t *testing.T) {
	address := pgtest.Migrated(t)
	admin := connect(t, address)
	admin.SetMaxOpenConns(1)
	const people, times = 200, 5
	seats := make([]auth.Presented, people)
	each(t, address, people, func(s *postgres.Store, i int) error {
		l := signIn("o"+strconv.Itoa(i), start)
		in, err := s.Login(t.Context(), l)
		seats[i] = auth.Presented{
			UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, IP: "203.0.113.200", UserAgent: "another", Now: start,
		}
		return err
	})
	before, hotBefore := updates(t, admin, address, "sessions")
	for range times {
		each(t, address, people, func(s *postgres.Store, i int) error {
			p := &seats[i]
			p.Now = p.Now.Add(time.Hour)
			e, err := s.Rotate(t.Context(), *p)
			if err == nil && e.Outcome != auth.OutcomeRotated {
				err = fmt.Errorf("exchange: %s", e.Outcome)
			}
			p.Seq, p.Prev = e.Last, e.Used
			return err
		})
	}
	all, hot := updates(t, admin, address, "sessions")
	require.EqualValues(t, people*times, all-before, "one update a refresh")
	ratio := float64(hot-hotBefore) / float64(all-before)
	t.Logf("sessions: %.1f %% of %d updates in place", 100*ratio, all-before)
	require.GreaterOrEqual(t, ratio, 0.95)

	var rows int
	require.NoError(t, admin.QueryRowContext(t.Context(), `SELECT count(*) FROM sessions`).Scan(&rows))
	require.Equal(t, people, rows, "one row a session")

	for n := range times {
		each(t, address, people, func(s *postgres.Store, i int) error {
			_, err := s.Login(t.Context(), signIn("o"+strconv.Itoa(i), start.Add(time.Duration(n)*time.Minute)))
			return err
		})
	}
	for _, table := range []string{"users", "identities"} {
		all, hot := updates(t, admin, address, table)
		require.GreaterOrEqual(t, all, int64(people*times))
		t.Logf("%s: %.1f %% of %d updates in place", table, 100*float64(hot)/float64(all), all)
		require.GreaterOrEqual(t, float64(hot)/float64(all), 0.95)
	}
}
