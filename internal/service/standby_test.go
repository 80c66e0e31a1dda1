package service

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

// link passes connections on to a server until it is cut.
type link struct {
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
	cut      bool
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	l := &link{}
	var err error
	l.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.listener.Close(); l.setCut(true) })
	go func() {
		for {
			here, err := l.listener.Accept()
			if err != nil {
				return
			}
			there, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
			l.mu.Lock()
			if err != nil || l.cut {
				_ = here.Close()
				if err == nil {
					_ = there.Close()
				}
				l.mu.Unlock()
				continue
			}
			l.open = append(l.open, here, there)
			l.mu.Unlock()
			for _, pair := range [][2]net.Conn{{here, there}, {there, here}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1])
					_ = pair[0].Close()
				}()
			}
		}
	}()
	return l
}

func (l *link) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}

func TestAPodThatAloneCannotReachThePrimaryLearnsOfLogoutsFromAStandby(t *testing.T) {
	t.Parallel()
	w, _, _ := failoverWorld(t)
	u, err := url.Parse(w.database)
	require.NoError(t, err)
	servers := strings.Split(u.Host, ",")
	primary := newLink(t, servers[0])
	alone := w.pod(func(c *config.Config) {
		c.DatabaseURL = secret.New(strings.Replace(w.database, servers[0], primary.listener.Addr().String(), 1))
	})
	other := w.pod()
	mine := other.signIn("alice")
	require.Equal(t, 200, alone.me(mine.access).status)

	primary.setCut(true)
	require.Eventually(t, func() bool { return alone.readiness() == "degraded" }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 204, other.do("POST", "/api/v1/auth/logout", mine.access, nil).status)
	require.Eventually(t, func() bool {
		return alone.do("GET", "/api/v1/auth/verify", mine.access, nil).code() == "session_revoked"
	}, 10*time.Second, 50*time.Millisecond)
	require.Less(t, alone.do("GET", "/readyz", "", nil).json()["revocationsAge"], 15.0)
	expect(t, alone.login("alice"), 503, "database_unavailable")

	primary.setCut(false)
	require.Eventually(t, func() bool { return alone.readiness() == "ready" }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 200, alone.login("alice").status)
}
