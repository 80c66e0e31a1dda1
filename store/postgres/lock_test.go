package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/users"
)

// seat is a session and its newest token.
type seat struct {
	user uuid.UUID
	auth.Presented
}

func (x *seat) refresh(ctx context.Context, s auth.Store) error {
	e, err := s.Rotate(ctx, x.Presented)
	if err == nil {
		x.Seq, x.Prev = e.Last, e.Used
	}
	return err
}

// people signs in n people, o0, o1 and so on, from their phones.
func people(t *testing.T, s auth.Store, n int) []seat {
	t.Helper()
	out := make([]seat, n)
	for i := range out {
		l := signIn("o"+strconv.Itoa(i), start)
		in, err := s.Login(t.Context(), l)
		require.NoError(t, err)
		out[i] = seat{in.User.ID, auth.Presented{
			UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: start.Add(time.Minute),
		}}
	}
	return out
}

// soon fails when do takes longer than a person notices.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	began := time.Now()
	do()
	require.Less(t, time.Since(began), 2*time.Second, what)
}

const holdIdentity = `SELECT FROM identities WHERE user_id = $1 FOR UPDATE`

func TestALockedSessionStopsNoOtherRefresh(t *testing.T) {
	p := newPods(t, lifetimes)
	all := people(t, p.a, 12)
	const stuck = 8 // more than the pool has connections
	var release [stuck]func()
	for i := range release {
		release[i] = p.hold(holdSession, all[i].SessionID)
	}
	var wg sync.WaitGroup
	var errs [stuck]error
	for i := range stuck {
		wg.Go(func() { errs[i] = all[i].refresh(t.Context(), p.a) })
	}
	time.Sleep(50 * time.Millisecond)
	soon(t, "200 refreshes beside locked rows", func() {
		for range 50 {
			for i := stuck; i < len(all); i++ {
				require.NoError(t, all[i].refresh(t.Context(), p.a))
			}
		}
	})
	for i := range release {
		release[i]()
	}
	wg.Wait()
	for i := range errs {
		require.NoError(t, errs[i], "it was answered once the row was free")
	}
}

func TestALockedRowStopsNoOtherLogin(t *testing.T) {
	for name, sql := range map[string]string{
		"users": holdUser, "identities": holdIdentity, "sessions": `SELECT FROM sessions WHERE user_id = $1 FOR UPDATE`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPods(t, lifetimes)
			all := people(t, p.a, 8)
			const stuck = 6
			var release [stuck]func()
			for i := range release {
				release[i] = p.hold(sql, all[i].user)
			}
			var wg sync.WaitGroup
			var errs [stuck]error
			for i := range stuck {
				wg.Go(func() {
					_, errs[i] = p.a.Login(t.Context(), signIn("o"+strconv.Itoa(i), start.Add(time.Minute)))
				})
			}
			time.Sleep(50 * time.Millisecond)
			soon(t, "40 logins beside locked rows of "+name, func() {
				for n := range 20 {
					for i := stuck; i < len(all); i++ {
						in, err := p.a.Login(t.Context(), signIn("o"+strconv.Itoa(i), start.Add(time.Duration(n+1)*time.Minute)))
						require.NoError(t, err)
						require.Len(t, in.Ended, 1)
					}
				}
				_, err := p.a.Login(t.Context(), signIn("newcomer", start))
				require.NoError(t, err, "nor that of a new user")
			})
			for i := range release {
				release[i]()
			}
			wg.Wait()
			for i := range errs {
				require.NoError(t, errs[i], "it was answered once the row was free")
				live, err := p.a.Sessions(t.Context(), all[i].user, start.Add(time.Minute))
				require.NoError(t, err)
				require.Len(t, live, 1, "it ended the session of its device")
			}
		})
	}
}

// Whatever waits for a row waits without a connection for most of the time.
func TestALockedRowStopsNoOtherCall(t *testing.T) {
	p := newPods(t, lifetimes)
	all := people(t, p.a, 2)
	defer p.hold(holdSession, all[0].SessionID)()
	defer p.hold(holdUser, all[0].user)()
	var wg sync.WaitGroup
	defer wg.Wait()
	nickname := "x"
	for range 6 {
		wg.Go(func() {
			_, _ = p.a.EndSession(t.Context(), auth.Ending{UserID: all[0].user, SessionID: all[0].SessionID, Now: start})
		})
		wg.Go(func() {
			_, _ = p.a.(*postgres.Store).UpdateProfile(t.Context(), all[0].user, users.ProfilePatch{Nickname: &nickname})
		})
	}
	time.Sleep(50 * time.Millisecond)
	soon(t, "20 refreshes beside calls for locked rows", func() {
		for range 20 {
			require.NoError(t, all[1].refresh(t.Context(), p.a))
		}
	})
}

func TestARowThatStaysLockedIsAnOutageAfterFiveSeconds(t *testing.T) {
	p := newPods(t, lifetimes)
	all := people(t, p.a, 2)
	defer p.hold(holdSession, all[0].SessionID)()
	defer p.hold(holdUser, all[1].user)()
	began := time.Now()
	var wg sync.WaitGroup
	defer wg.Wait()
	for name, call := range map[string]func() error{
		"refresh": func() error { return all[0].refresh(t.Context(), p.a) },
		"login":   func() error { _, err := p.a.Login(t.Context(), signIn("o1", start)); return err },
		"logout": func() error {
			_, err := p.a.EndSession(t.Context(), auth.Ending{UserID: all[0].user, SessionID: all[0].SessionID, Now: start})
			return err
		},
	} {
		wg.Go(func() {
			err := call()
			if took := time.Since(began); took < 4*time.Second || took > 6*time.Second {
				t.Errorf("%s: answered after %s", name, took)
			}
			if err == nil {
				t.Errorf("%s: it took effect", name)
				return
			}
			if !errors.Is(err, users.ErrUnavailable) {
				t.Errorf("%s: not an outage: %v", name, err)
			}
		})
	}
}

// A migration takes such a lock for a moment.
func TestATableThatIsLockedForAMomentCostsNoRequest(t *testing.T) {
	p := newPods(t, lifetimes)
	all := people(t, p.a, 2)
	admin, err := pgx.Connect(t.Context(), p.address)
	require.NoError(t, err)
	defer admin.Close(t.Context())
	tx, err := admin.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE users, identities, sessions IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for name, call := range map[string]func() error{
		"refresh":  func() error { return all[0].refresh(t.Context(), p.a) },
		"login":    func() error { _, err := p.a.Login(t.Context(), signIn("o1", start)); return err },
		"newcomer": func() error { _, err := p.a.Login(t.Context(), signIn("new", start)); return err },
		"list":     func() error { _, err := p.a.Sessions(t.Context(), all[0].user, start); return err },
		"logout": func() error {
			_, err := p.a.EndSession(t.Context(), auth.Ending{UserID: all[0].user, SessionID: uuid.New(), Now: start})
			return err
		},
	} {
		wg.Go(func() {
			if err := call(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	time.Sleep(time.Second)
	require.NoError(t, tx.Rollback(t.Context()))
	soon(t, "then all is answered", wg.Wait)
}

// A migration of the next release changes a column under live pods.
func TestAColumnWhoseTypeChangesCostsNoRequest(t *testing.T) {
	p := newPods(t, lifetimes)
	all := people(t, p.a, 8)
	each := func() { // on every connection of the pool
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				_, err := p.a.(*postgres.Store).User(t.Context(), all[0].user)
				if err == nil {
					_, err = p.a.Sessions(t.Context(), all[0].user, start)
				}
				if err == nil && i < len(all) {
					err = all[i].refresh(t.Context(), p.a)
				}
				if err == nil && i < len(all) {
					_, err = p.a.Login(t.Context(), signIn("o"+strconv.Itoa(i), start))
				}
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	}
	each()
	for i := range all { // their logins have replaced the sessions
		l := signIn("o"+strconv.Itoa(i), start)
		_, err := p.a.Login(t.Context(), l)
		require.NoError(t, err)
		all[i].SessionID, all[i].Seq, all[i].Prev = l.SessionID, 1, 0
	}
	admin := connect(t, p.address)
	for _, sql := range []string{
		`ALTER TABLE users ALTER COLUMN nickname TYPE varchar(500)`,
		`ALTER TABLE sessions ALTER COLUMN device_name TYPE varchar(500), ALTER COLUMN used TYPE integer, ALTER COLUMN last TYPE integer`,
	} {
		_, err := admin.ExecContext(t.Context(), sql)
		require.NoError(t, err)
	}
	each()
}

func TestOwnConnectionsDoNotWaitForLocksNorHoldThemForLong(t *testing.T) {
	address := pgtest.Migrated(t)
	var lock, idle string
	s, err := postgres.Open(t.Context(), address, lifetimes, func(c *pgxpool.Config) {
		had := c.AfterConnect
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			if err := had(ctx, conn); err != nil {
				return err
			}
			return conn.QueryRow(ctx, `SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')`).Scan(&lock, &idle)
		}
	})
	require.NoError(t, err)
	require.NoError(t, s.Ping(t.Context()))
	require.NoError(t, s.Close())
	require.Equal(t, "100ms", lock)
	require.Equal(t, "10s", idle)
}

// A firewall that forgot the connections, a server that lost its power.
func TestConnectionsThatDiedWithoutAResetAreReplacedWithinSeconds(t *testing.T) {
	address := pgtest.Migrated(t)
	for _, load := range []string{"idle", "busy"} {
		t.Run(load, func(t *testing.T) {
			g, through := newGate(t, address)
			s := open(t, through, lifetimes)
			all := people(t, s, 8)
			var wg sync.WaitGroup // it opens every connection that the pool may have
			for range 16 {
				wg.Go(func() {
					if _, err := s.Sessions(t.Context(), all[0].user, start); err != nil {
						t.Errorf("list sessions: %v", err)
					}
				})
			}
			wg.Wait()
			require.Equal(t, s.Pool().MaxConns(), s.Pool().TotalConns())
			if load == "idle" {
				time.Sleep(1100 * time.Millisecond) // the pool asks whether a connection lives that was idle for a second
			}
			g.freeze()
			began := time.Now()
			for all[0].refresh(t.Context(), s) != nil {
				require.Less(t, time.Since(began), 20*time.Second)
			}
			t.Logf("the first refresh after %s", time.Since(began))
			require.Less(t, time.Since(began), 4*time.Second)
			soon(t, "then all is well", func() {
				for i := range all {
					require.NoError(t, all[i].refresh(t.Context(), s))
				}
			})
		})
	}
}

func TestTheWaitInTheQueueIsPartOfTheFiveSeconds(t *testing.T) {
	g, through := newGate(t, pgtest.Migrated(t))
	s := open(t, through, lifetimes)
	all := people(t, s, 30)
	stop := make(chan struct{})
	var still sync.WaitGroup
	still.Go(func() { // new connections die, too
		for {
			g.freeze()
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			began := time.Now()
			var err error
			if i%2 == 0 {
				err = all[i].refresh(t.Context(), s)
			} else {
				_, err = s.Login(t.Context(), signIn("o"+strconv.Itoa(i), start.Add(time.Minute)))
			}
			if took := time.Since(began); took > 5500*time.Millisecond {
				t.Errorf("request %d was answered after %s: %v", i, took, err)
			}
		})
		time.Sleep(100 * time.Millisecond)
	}
	wg.Wait()
	close(stop)
	still.Wait()
}
