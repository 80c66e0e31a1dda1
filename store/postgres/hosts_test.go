package postgres_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
)

// silent is a host that accepts connections and never answers, as one does whose
// PostgreSQL hangs.
func silent(t *testing.T) (port string, tried *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	tried = &atomic.Int64{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tried.Add(1)
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port, tried
}

func TestTheHostThatAnsweredLastIsTriedFirst(t *testing.T) {
	address := pgtest.Migrated(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	port, tried := silent(t)
	for _, mode := range []string{"disable", "prefer"} { // with prefer each host stands twice in pgx's list
		t.Run(mode, func(t *testing.T) {
			q := u.Query()
			q.Set("sslmode", mode)
			password, _ := u.User.Password()
			two := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%s,%s%s?%s", u.User.Username(), password, port, u.Host, u.Path, q.Encode())
			var pool *pgxpool.Config
			s, err := postgres.Open(t.Context(), two, lifetimes, func(c *pgxpool.Config) {
				if pool == nil { // the pool of the primary; the one of the standbys comes after it
					pool = c
				}
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			require.Equal(t, 2*time.Second, pool.ConnConfig.ConnectTimeout)

			before := tried.Load()
			require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, 10*time.Second, time.Millisecond)
			require.Greater(t, tried.Load(), before, "the first time there is nothing to go by")
			before = tried.Load()
			for range 3 {
				s.Reset()
				soon(t, "a new connection", func() { require.NoError(t, s.Ping(t.Context())) })
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				_ = s.WatchRevocations(ctx, func() {}) // it makes a connection of its own
				cancel()
			}
			require.Equal(t, before, tried.Load())
		})
	}
}

func TestAnAddressKeepsItsOwnLimits(t *testing.T) {
	var pool *pgxpool.Config
	s, err := postgres.Open(t.Context(), "postgres://u@127.0.0.1:1/x?connect_timeout=7&pool_ping_timeout=3s&lock_timeout=9s", lifetimes,
		func(c *pgxpool.Config) { pool = c })
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Equal(t, 7*time.Second, pool.ConnConfig.ConnectTimeout)
	require.Equal(t, 3*time.Second, pool.PingTimeout)
	require.Equal(t, "9s", pool.ConnConfig.RuntimeParams["lock_timeout"])
}
