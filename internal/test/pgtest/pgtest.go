package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"
)

// EnvURL names the environment variable with the address of a server to use
// instead of a private cluster.
const EnvURL = "WUGAN_TEST_DATABASE_URL"

// shared is the server of this test binary; started is its private cluster.
var (
	sharedOnce sync.Once
	shared     *Server
	started    *Cluster
	errShared  error
)

func sharedServer() (*Server, error) {
	sharedOnce.Do(func() {
		// Not a test's context: the server outlives the test that was first.
		ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
		defer cancel()
		if address := os.Getenv(EnvURL); address != "" {
			shared, errShared = external(ctx, address)
			return
		}
		if started, errShared = Start(ctx); errShared == nil {
			shared = &started.Server
		}
	})
	return shared, errShared
}

func external(ctx context.Context, address string) (*Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.User == nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, errors.New(EnvURL + " must have the form postgres://user:password@host:port/database")
	}
	s := &Server{admin: u, owner: u.User}
	if err := s.Exec(ctx, "SELECT 1"); err != nil {
		return nil, fmt.Errorf("%s: %w", EnvURL, err)
	}
	return s, nil
}

// Main runs the tests and stops the shared server after them. It ends the
// process, as [testing.M.Run]'s result asks.
func Main(m *testing.M) {
	code := m.Run()
	if started != nil {
		if err := started.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// Shared gives the server that [Empty] and [Migrated] use. Other tests use it
// at the same time: do not stop it, and change no setting.
func Shared(t testing.TB) *Server {
	t.Helper()
	s, err := sharedServer()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return s
}

// Empty makes an empty database for the test and gives its address.
func Empty(t testing.TB) string {
	t.Helper()
	return database(t, Shared(t), (*Server).Create)
}

// Migrated makes a database with the current schema for the test and gives its
// address.
func Migrated(t testing.TB) string {
	t.Helper()
	return database(t, Shared(t), (*Server).CreateMigrated)
}

// Superuser gives an address of the shared server's maintenance database for
// the user who makes its databases.
func Superuser(t testing.TB) string {
	t.Helper()
	return Shared(t).Superuser("")
}

func database(t testing.TB, s *Server, create func(*Server, context.Context) (string, error)) string {
	t.Helper()
	name, err := create(s, t.Context())
	if err != nil {
		t.Fatalf("pgtest: make a database: %v", err)
	}
	t.Cleanup(func() {
		// The test's context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Drop(ctx, name); err != nil {
			t.Errorf("pgtest: drop the database: %v", err)
		}
	})
	return s.URL(name)
}

// NewCluster starts a private cluster for one test, to be stopped, killed or
// replicated at will; it is gone after the test. For a benchmark it is
// [Durable].
func NewCluster(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	if _, ok := t.(*testing.B); ok {
		opts = append([]Option{Durable()}, opts...)
	}
	c, err := Start(t.Context(), opts...)
	return owned(t, c, err)
}

// NewReplica starts a streaming standby of primary for one test.
func NewReplica(t testing.TB, primary *Cluster, opts ...Option) *Cluster {
	t.Helper()
	c, err := primary.Replica(t.Context(), opts...)
	return owned(t, c, err)
}

func owned(t testing.TB, c *Cluster, err error) *Cluster {
	t.Helper()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of PostgreSQL's log:\n%s", c.Log())
		}
		if err := c.Close(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return c
}
