package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/users"
)

// unavailable asks a store for everything and expects an outage each time,
// never "no such session" or another verdict about the request.
func unavailable(t *testing.T, s *postgres.Store) {
	t.Helper()
	ctx := t.Context()
	id := uuid.New()
	calls := map[string]func() error{
		"login":    func() error { _, err := s.Login(ctx, signIn("o1", start)); return err },
		"rotate":   func() error { _, err := s.Rotate(ctx, auth.Presented{Now: start}); return err },
		"end":      func() error { _, err := s.EndSession(ctx, auth.Ending{Now: start}); return err },
		"end all":  func() error { _, err := s.EndSessions(ctx, auth.Ending{Now: start}); return err },
		"list":     func() error { _, err := s.Sessions(ctx, id, start); return err },
		"feed":     func() error { _, err := s.RevokedSince(ctx, start, uuid.Nil, 100); return err },
		"purge":    func() error { _, err := s.Purge(ctx, start, start); return err },
		"user":     func() error { _, err := s.User(ctx, id); return err },
		"identity": func() error { _, err := s.Identity(ctx, id, "wx"); return err },
		"profile":  func() error { _, err := s.UpdateProfile(ctx, id, users.ProfilePatch{}); return err },
		"phone": func() error {
			_, err := s.BindPhone(ctx, users.PhoneBinding{UserID: id, Hashes: [][]byte{{1}}, Now: start})
			return err
		},
	}
	for name, call := range calls {
		require.ErrorIs(t, call(), users.ErrUnavailable, name)
	}
}

func TestAServerThatIsNotThereIsAnOutage(t *testing.T) {
	s := open(t, "postgres://u:p@127.0.0.1:1/nothing?sslmode=disable", lifetimes)
	unavailable(t, s)
	require.ErrorIs(t, s.Ping(t.Context()), users.ErrUnavailable)
	require.ErrorIs(t, s.Writable(t.Context()), users.ErrUnavailable)
	require.ErrorIs(t, s.SchemaCurrent(t.Context()), users.ErrUnavailable)
	require.ErrorIs(t, s.WatchRevocations(t.Context(), func() {}), users.ErrUnavailable)
}

func TestAnEmptyDatabaseIsAnOutageAndTellsWhatToDo(t *testing.T) {
	s := open(t, pgtest.Empty(t), lifetimes)
	unavailable(t, s)
	require.NoError(t, s.Ping(t.Context()))
	require.NoError(t, s.Writable(t.Context()))
	require.ErrorIs(t, s.SchemaCurrent(t.Context()), migrations.ErrOutdated)
}

func TestAnAddressThatIsWrongIsRefusedWithoutItsPassword(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://user:hunter2@host:not-a-port/db", lifetimes)
	require.ErrorContains(t, err, "postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestAServerThatIsReadOnlyIsAnOutageForWritersAlone(t *testing.T) {
	address := pgtest.Migrated(t)
	l := signIn("o1", start)
	in, err := open(t, address, lifetimes).Login(t.Context(), l)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	q.Set("default_transaction_read_only", "on") // as a standby is
	u.RawQuery = q.Encode()
	s := open(t, u.String(), lifetimes)

	require.ErrorIs(t, s.Writable(t.Context()), users.ErrUnavailable)
	_, err = s.Login(t.Context(), signIn("o1", start))
	require.ErrorIs(t, err, users.ErrUnavailable)
	_, err = s.Rotate(t.Context(), auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: start})
	require.ErrorIs(t, err, users.ErrUnavailable)
	_, err = s.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	list, err := s.Sessions(t.Context(), in.User.ID, start)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestAServerThatDiesIsAnOutageUntilItIsBackAndLosesNoAnswer(t *testing.T) {
	cluster := pgtest.NewCluster(t, pgtest.Durable())
	database, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	s := open(t, cluster.URL(database), lifetimes)
	l := signIn("o1", start)
	in, err := s.Login(t.Context(), l)
	require.NoError(t, err)
	p := auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: start}

	// A client that keeps on refreshing while the server is killed.
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var refused, exchanged int
	wg.Go(func() {
		for ctx.Err() == nil {
			p.Now = p.Now.Add(time.Minute)
			e, err := s.Rotate(ctx, p)
			if err != nil {
				refused++
				time.Sleep(10 * time.Millisecond)
				continue
			}
			switch e.Outcome {
			case auth.OutcomeRotated, auth.OutcomeSibling, auth.OutcomeSameChild:
				exchanged++
				p.Seq, p.Prev = e.Last, e.Used
			default:
				t.Errorf("the owner was turned away: %s", e.Outcome)
				return
			}
		}
	})
	time.Sleep(300 * time.Millisecond)
	require.NoError(t, cluster.Kill(t.Context()))
	time.Sleep(300 * time.Millisecond)
	require.ErrorIs(t, s.Ping(t.Context()), users.ErrUnavailable)
	require.NoError(t, cluster.Start(t.Context()))
	require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, 10*time.Second, 20*time.Millisecond)
	time.Sleep(300 * time.Millisecond)
	cancel()
	wg.Wait()
	require.NotZero(t, refused)
	require.NotZero(t, exchanged)
	e, err := s.Rotate(t.Context(), p)
	require.NoError(t, err)
	require.NotEqual(t, auth.OutcomeRestored, e.Outcome, "what was answered was on the disk")
	require.NotEqual(t, auth.OutcomeReused, e.Outcome)
}

// What stands in an address may be a password in the wrong place.
func TestAnErrorOfTheConnectionNamesTheHostAndNothingElseOfTheAddress(t *testing.T) {
	for name, address := range map[string]string{
		"nothing listens":  "postgres://hunter2user:hunter2pass@127.0.0.1:1/hunter2base?application_name=hunter2app",
		"several hosts":    "postgres://hunter2user:hunter2pass@127.0.0.1:1,127.0.0.1:2/hunter2base",
		"no such host":     "postgres://hunter2user:hunter2pass@database.invalid/hunter2base",
		"no such socket":   "postgres:///hunter2base?host=/nowhere&user=hunter2user",
		"TLS is expected":  "postgres://hunter2user:hunter2pass@127.0.0.1:1/hunter2base?sslmode=require",
		"another database": strings.Replace(pgtest.Empty(t), "?", "hunter2?", 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, address, lifetimes)
			for _, err := range []error{s.Ping(t.Context()), s.Writable(t.Context()), s.SchemaCurrent(t.Context())} {
				require.ErrorIs(t, err, users.ErrUnavailable)
				if name != "another database" { // the server says its name
					require.NotContains(t, err.Error(), "hunter2")
				}
				require.NotContains(t, err.Error(), "\n")
				require.Contains(t, err.Error(), "postgres: ")
			}
		})
	}
}

func TestAPoolerWithoutItsParameterIsToldWhichOne(t *testing.T) {
	through := pgtest.Bouncer(t, pgtest.Migrated(t))
	// The second pod meets on the pooler's connection what the first one prepared.
	var failure error
	for range 20 {
		s := open(t, through, lifetimes)
		if _, err := s.Login(t.Context(), signIn(uuid.NewString(), start)); err != nil {
			failure = err
			break
		}
	}
	require.ErrorContains(t, failure, "behind PgBouncer in transaction mode WUGAN_DATABASE_URL needs default_query_exec_mode=exec")
}

// With synchronous replication a logout can time out while it waits for the
// standby, and have committed on the primary. Its repetition is acknowledged no
// sooner than the standby has it, or a failover brings the session back.
func TestARepeatedLogoutWaitsForTheStandbyAsTheFirstOne(t *testing.T) {
	cluster := pgtest.NewCluster(t, pgtest.Durable())
	database, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	s := open(t, cluster.URL(database), lifetimes)
	var seats []auth.Presented
	for _, name := range []string{"one", "all", "lost"} {
		l := signIn(name, start)
		in, err := s.Login(t.Context(), l)
		require.NoError(t, err)
		seats = append(seats, auth.Presented{UserID: in.User.ID, SessionID: l.SessionID})
	}
	admin := connect(t, cluster.URL(database))
	_, err = admin.ExecContext(t.Context(), `DELETE FROM sessions WHERE id = $1`, seats[2].SessionID)
	require.NoError(t, err)
	calls := map[string]func(ctx context.Context) error{
		"logout": func(ctx context.Context) error {
			_, err := s.EndSession(ctx, auth.Ending{UserID: seats[0].UserID, SessionID: seats[0].SessionID, Now: start})
			return err
		},
		"logout everywhere": func(ctx context.Context) error {
			_, err := s.EndSessions(ctx, auth.Ending{UserID: seats[1].UserID, Now: start})
			return err
		},
		"logout of a lost session": func(ctx context.Context) error {
			_, err := s.EndSession(ctx, auth.Ending{UserID: seats[2].UserID, SessionID: seats[2].SessionID, Proven: seats[2].SessionID, Now: start})
			return err
		},
	}
	require.NoError(t, cluster.Exec(t.Context(), `ALTER SYSTEM SET synchronous_standby_names = 'nowhere'`, `SELECT pg_reload_conf()`))
	require.Eventually(t, func() bool { // until the checkpointer has read it, commits wait for no one
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := admin.ExecContext(ctx, `UPDATE users SET nickname = 'changed'`)
		return errors.Is(err, context.DeadlineExceeded)
	}, 10*time.Second, 10*time.Millisecond, "a commit waits")
	for name, call := range calls {
		for _, try := range []string{"the first", "the second", "the third"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, call(ctx), users.ErrUnavailable, "%s: %s call", name, try)
			cancel()
		}
	}
	require.NoError(t, cluster.Exec(t.Context(), `ALTER SYSTEM SET synchronous_standby_names = ''`, `SELECT pg_reload_conf()`))
	for name, call := range calls {
		require.Eventually(t, func() bool { return call(t.Context()) == nil }, 10*time.Second, 50*time.Millisecond, name)
	}
}
