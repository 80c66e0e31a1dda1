package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
)

// pods are two stores on one database, and a hand that holds rows of it.
type pods struct {
	t       *testing.T
	address string
	a, b    auth.Store
}

func newPods(t *testing.T, p auth.Lifetimes) *pods {
	t.Helper()
	address := pgtest.Migrated(t)
	return &pods{t: t, address: address, a: open(t, address, p), b: open(t, address, p)}
}

// hold locks rows until the returned function lets them go.
func (p *pods) hold(sql string, id uuid.UUID) (release func()) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.address)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { require.NoError(p.t, conn.Close(context.WithoutCancel(p.t.Context()))) })
	tx, err := conn.Begin(p.t.Context())
	require.NoError(p.t, err)
	_, err = tx.Exec(p.t.Context(), sql, id)
	require.NoError(p.t, err)
	return func() { require.NoError(p.t, tx.Rollback(p.t.Context())) }
}

// waiting blocks until so many statements wait for a lock.
func (p *pods) waiting(n int) {
	p.t.Helper()
	admin := connect(p.t, p.address)
	require.Eventually(p.t, func() bool {
		var now int
		err := admin.QueryRowContext(p.t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&now)
		return err == nil && now == n
	}, 10*time.Second, 5*time.Millisecond)
}

const (
	holdUser    = `SELECT FROM users WHERE id = $1 FOR UPDATE`
	holdSession = `SELECT FROM sessions WHERE id = $1 FOR UPDATE`
)

// A request whose client has given up, and asked another pod, must not be carried
// out late: the token that it presents is an old one by then.
func TestARefreshThatNobodyWaitsForIsNotBegun(t *testing.T) {
	p := newPods(t, lifetimes)
	other, mine := signIn("other", start), signIn("mine", start)
	stranger, err := p.a.Login(t.Context(), other)
	require.NoError(t, err)
	owner, err := p.a.Login(t.Context(), mine)
	require.NoError(t, err)

	release := p.hold(holdSession, other.SessionID)
	done := make(chan error, 1)
	go func() {
		_, err := p.a.Rotate(context.WithoutCancel(t.Context()), auth.Presented{
			UserID: stranger.User.ID, SessionID: other.SessionID, AppID: other.AppID, Seq: 1, Now: start,
		})
		done <- err
	}()
	p.waiting(1)
	token := auth.Presented{UserID: owner.User.ID, SessionID: mine.SessionID, AppID: mine.AppID, Seq: 1, Now: start}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = p.a.Rotate(impatient, token)
	require.Error(t, err)
	for range 2 {
		e, err := p.b.Rotate(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, auth.OutcomeRotated, e.Outcome)
		token.Seq, token.Prev = e.Last, e.Used
	}
	release()
	require.NoError(t, <-done)
	e, err := p.a.Rotate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, auth.OutcomeRotated, e.Outcome, "the owner is signed in still")
}

// While a group of logins waits for one user's lock, another pod registers one of
// its people. The group has not locked that user, and must not pass by those who
// have.
func TestAGroupOfLoginsSignsNobodyInWhomItHasNotLocked(t *testing.T) {
	one := lifetimes
	one.MaxSessions = 1
	p := newPods(t, one)
	var known [3]auth.LoggedIn
	for i, name := range []string{"k0", "k1", "k2"} {
		var err error
		known[i], err = p.a.Login(t.Context(), signIn(name, start))
		require.NoError(t, err)
	}
	release := [3]func(){}
	for i := range release {
		release[i] = p.hold(holdUser, known[i].User.ID)
	}
	done := make(chan error, 5)
	login := func(store auth.Store, name string) {
		go func() {
			_, err := store.Login(context.WithoutCancel(t.Context()), signIn(name, start.Add(time.Minute)))
			done <- err
		}()
	}
	// Two groups of b are under way; the third will be k2 and the newcomer.
	login(p.b, "k0")
	p.waiting(1)
	login(p.b, "k1")
	p.waiting(2)
	login(p.b, "k2")
	time.Sleep(50 * time.Millisecond) // it gathers; nothing tells
	login(p.b, "newcomer")
	time.Sleep(50 * time.Millisecond)
	release[0]()
	p.waiting(2) // k1, and the group that waits for k2

	l := signIn("newcomer", start)
	in, err := p.a.Login(t.Context(), l)
	require.NoError(t, err)
	require.True(t, in.NewUser)
	refresh := p.hold(holdSession, l.SessionID)
	login(p.a, "newcomer") // holds the user and waits for the session that it ends
	p.waiting(3)
	release[2]()
	time.Sleep(100 * time.Millisecond)
	refresh()
	release[1]()
	for range cap(done) {
		require.NoError(t, <-done)
	}
	live, err := p.a.Sessions(t.Context(), in.User.ID, start.Add(time.Minute))
	require.NoError(t, err)
	require.Len(t, live, 1, "MAX_SESSIONS_PER_USER is 1, and both logins came from one device")
}
