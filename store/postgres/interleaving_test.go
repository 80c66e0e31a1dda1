package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
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
	g, through := newGate(t, p.address)
	p.a = open(t, through, lifetimes)
	other, mine := signIn("other", start), signIn("mine", start)
	stranger, err := p.a.Login(t.Context(), other)
	require.NoError(t, err)
	owner, err := p.a.Login(t.Context(), mine)
	require.NoError(t, err)

	g.freeze()
	done := make(chan error, 1)
	go func() {
		_, err := p.a.Rotate(context.WithoutCancel(t.Context()), auth.Presented{
			UserID: stranger.User.ID, SessionID: other.SessionID, AppID: other.AppID, Seq: 1, Now: start,
		})
		done <- err
	}()
	time.Sleep(50 * time.Millisecond) // its group is under way; nothing tells
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
	g.thaw()
	require.NoError(t, <-done)
	e, err := p.a.Rotate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, auth.OutcomeRotated, e.Outcome, "the owner is signed in still")
}

// registrations counts the logins that go through register.
type registrations struct{ n atomic.Int64 }

func (r *registrations) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "pg_advisory_xact_lock") {
		r.n.Add(1)
	}
	return ctx
}
func (*registrations) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Between the statement that locks the users of a group of logins and the one
// that logs them in, another pod registers one of its people. The group has not
// locked that user, and must not pass by those who have.
func TestAGroupOfLoginsSignsNobodyInWhomItHasNotLocked(t *testing.T) {
	p := newPods(t, lifetimes)
	var registered registrations
	s, err := postgres.Open(t.Context(), p.address+"&lock_timeout=2000", lifetimes, postgres.WithTracer(&registered))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	l := signIn("newcomer", start)
	in, err := p.a.Login(t.Context(), l) // as another pod's register will have left it
	require.NoError(t, err)
	user := in.User.ID

	admin, err := pgx.Connect(t.Context(), p.address)
	require.NoError(t, err)
	defer admin.Close(t.Context())
	const moveSQL = `UPDATE identities SET openid = $2 WHERE user_id = $1`
	_, err = admin.Exec(t.Context(), moveSQL, user, "not yet")
	require.NoError(t, err)
	for range 2 { // its statements are prepared, which takes locks of its own
		_, err = s.Login(t.Context(), signIn("warm", start))
		require.NoError(t, err)
	}
	before := registered.n.Load()
	tx, err := admin.Begin(t.Context())
	require.NoError(t, err)
	// The first statement of a group does not read sessions, the second does.
	_, err = tx.Exec(t.Context(), `LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), moveSQL, user, "newcomer")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		again, err := s.Login(context.WithoutCancel(t.Context()), signIn("newcomer", start.Add(time.Minute)))
		if err == nil && (again.NewUser || again.User.ID != user) {
			err = errors.New("another user was logged in")
		}
		done <- err
	}()
	p.waiting(1)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-done)
	require.EqualValues(t, 1, registered.n.Load()-before, "a login whose user is not locked goes through register")
}
