package verify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

const gatewayKey = "gateway-key-0123456789-0123456789"

// feedServer is a revocation feed whose cursor is a position in a list, with
// pages of two and a long poll.
type feedServer struct {
	mu       sync.Mutex
	sessions []map[string]any
	epoch    string // part of the cursor; a restored database has another one
	fail     func(w http.ResponseWriter, r *http.Request) bool
	noWait   bool
	queries  []string
	changed  chan struct{}
}

func newFeedServer() *feedServer { return &feedServer{epoch: "a", changed: make(chan struct{})} }

func (s *feedServer) revoke(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.sessions = append(s.sessions, map[string]any{"id": id, "revokedAt": time.Now().UTC(), "expiresAt": time.Now().UTC().Add(4 * time.Hour)})
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *feedServer) set(change func(*feedServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *feedServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queries)
}

func (s *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.queries = append(s.queries, r.URL.RawQuery)
	fail, epoch, noWait := s.fail, s.epoch, s.noWait
	s.mu.Unlock()
	if fail != nil && fail(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+gatewayKey || r.URL.Path != "/base/api/v1/revocations" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	since := 0
	if cursor := r.URL.Query().Get("since"); cursor != "" {
		number, ok := strings.CutPrefix(cursor, epoch)
		n, err := strconv.Atoi(number)
		if !ok || err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		since = n
	}
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait"))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		s.mu.Lock()
		page, changed := s.sessions[min(since, len(s.sessions)):], s.changed
		s.mu.Unlock()
		if len(page) == 0 && wait > 0 && !noWait {
			select {
			case <-changed:
				continue
			case <-timer.C:
			case <-r.Context().Done():
				return
			}
		}
		page = page[:min(len(page), 2)]
		w.Header().Set("Content-Type", "application/json")
		must(json.NewEncoder(w).Encode(map[string]any{"cursor": epoch + strconv.Itoa(since+len(page)), "sessions": page}))
		return
	}
}

func (s *feedServer) feed(opts ...verify.RemoteOption) *verify.RevocationFeed {
	return verify.Feed("https://auth.example.com/base/", gatewayKey, append([]verify.RemoteOption{verify.WithHTTPClient(&http.Client{Transport: memory{s}, Timeout: time.Second})}, opts...)...)
}

func TestTheFeedIsReadyWhenEveryPageWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFeedServer()
		server.revoke("s1", "s2", "s3", "s4", "s5")
		begin := make(chan struct{})
		server.fail = func(http.ResponseWriter, *http.Request) bool { <-begin; return false }
		feed := server.feed()
		defer feed.Close()
		require.Negative(t, feed.Lag())
		close(begin)
		require.NoError(t, feed.Ready(t.Context()))
		for _, id := range []string{"s1", "s2", "s3", "s4", "s5"} {
			require.True(t, feed.Revoked(id), id)
		}
		require.False(t, feed.Revoked("s6"))
		require.False(t, feed.Revoked(""))
		require.Equal(t, 5, feed.Len())
		synctest.Wait()
		require.Equal(t, []string{"", "since=a2", "since=a4", "since=a5", "since=a5&wait=25s"}, server.queries)
	})
}

func TestARevocationArrivesWhileTheFeedWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFeedServer()
		feed := server.feed()
		defer feed.Close()
		require.NoError(t, feed.Ready(t.Context()))
		time.Sleep(time.Hour) // a client's own Timeout does not cut the wait off
		v := verifier(verify.WithRevocations(feed))
		token := signers()[verify.ES256].good()
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
		require.LessOrEqual(t, feed.Lag(), 25*time.Second)
		require.InDelta(t, 3600/25+3600/300, server.count(), 5)

		server.revoke("session-1")
		synctest.Wait() // no time passes
		_, err = v.Verify(t.Context(), token)
		require.ErrorIs(t, err, verify.ErrRevoked)
	})
}

func TestTheFeedSurvivesOutages(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(code); return true }
	}
	body := func(contentType, text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"no connection": func(http.ResponseWriter, *http.Request) bool { panic(errors.New("refused " + gatewayKey[:3])) },
		"hangs":         func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"500":           status(500),
		"429":           status(429),
		"401":           status(401),
		"404":           status(404),
		"a redirect":    status(302),
		"304 unasked":   status(304),
		"a login page":  body("text/html", "<html>"),
		"not JSON":      body("application/json", "{"),
		"another JSON":  body("application/json", `{"sessions":[{"id":1}]}`),
		"no cursor":     body("application/json", `{"sessions":[]}`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var failures []string
				server := newFeedServer()
				server.revoke("s1")
				feed := server.feed(verify.WithErrorHook(func(err error) {
					mu.Lock()
					defer mu.Unlock()
					failures = append(failures, fmt.Sprintf("%v %+v %#v", err, err, err))
				}))
				defer feed.Close()
				require.NoError(t, feed.Ready(t.Context()))
				server.set(func(s *feedServer) { s.fail = fail })
				time.Sleep(time.Hour)
				mu.Lock()
				require.NotEmpty(t, failures)
				require.NotContains(t, strings.Join(failures, "\n"), gatewayKey)
				mu.Unlock()
				require.Less(t, server.count(), 120, "backs off")
				require.True(t, feed.Revoked("s1"), "nothing is forgotten")
				require.Greater(t, feed.Lag(), 50*time.Minute)

				server.set(func(s *feedServer) { s.fail = nil })
				server.revoke("s2")
				time.Sleep(2 * time.Minute)
				require.True(t, feed.Revoked("s2"))
				require.Less(t, feed.Lag(), 26*time.Second)
			})
		})
	}
}

func TestARestoredServiceIsReadFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFeedServer()
		server.revoke("s1", "s2")
		feed := server.feed()
		defer feed.Close()
		require.NoError(t, feed.Ready(t.Context()))
		server.set(func(s *feedServer) { s.epoch, s.sessions = "b", nil })
		server.revoke("s3")
		time.Sleep(2 * time.Minute)
		require.True(t, feed.Revoked("s3"))
		require.True(t, feed.Revoked("s1"), "what was revoked stays revoked")
	})
}

func TestAServiceThatDoesNotWaitIsNotAskedWithoutPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFeedServer()
		server.noWait = true
		feed := server.feed()
		defer feed.Close()
		require.NoError(t, feed.Ready(t.Context()))
		time.Sleep(time.Minute)
		require.InDelta(t, 60, server.count(), 5)
	})
}

func TestPodsThatDisagreeAreNotAskedWithoutPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Two pods behind one address, one of them behind: each finds the other's
		// cursor out of date and answers at once with what both know.
		server := newFeedServer()
		server.revoke("s1")
		turn := 0
		server.fail = func(w http.ResponseWriter, _ *http.Request) bool {
			server.set(func(*feedServer) { turn++ })
			w.Header().Set("Content-Type", "application/json")
			must(json.NewEncoder(w).Encode(map[string]any{"cursor": strconv.Itoa(turn % 2), "sessions": server.sessions}))
			return true
		}
		feed := server.feed()
		defer feed.Close()
		require.NoError(t, feed.Ready(t.Context()))
		time.Sleep(time.Minute)
		require.InDelta(t, 60, server.count(), 5)
	})
}

func TestARevocationIsForgottenOnceNoTokenCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFeedServer()
		for i := range 2500 {
			server.revoke(strconv.Itoa(i))
		}
		feed := server.feed()
		defer feed.Close()
		require.NoError(t, feed.Ready(t.Context()))
		time.Sleep(time.Hour)
		server.revoke("later")
		time.Sleep(3*time.Hour + verify.MaxLeeway - time.Second)
		require.True(t, feed.Revoked("7"), "a verifier's leeway may still accept its tokens")
		time.Sleep(2 * time.Minute)
		require.False(t, feed.Revoked("7"))
		require.Equal(t, 1, feed.Len())
		require.True(t, feed.Revoked("later"))
	})
}

func TestTheGatewayKeyFollowsNoRedirect(t *testing.T) {
	asked := make(chan string, 10)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("Authorization") }))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	failed := make(chan error, 10)
	feed := verify.Feed(server.URL, gatewayKey, verify.WithErrorHook(func(err error) { failed <- err }))
	defer feed.Close()
	require.ErrorContains(t, <-failed, "status 307")
	require.Empty(t, asked)
}

func TestAFeedThatCannotWorkSaysSo(t *testing.T) {
	for _, base := range []string{"", "auth.example.com", "ftp://auth.example.com"} {
		feed := verify.Feed(base, gatewayKey)
		require.Error(t, feed.Ready(t.Context()), base)
		feed.Close()
	}
	for _, key := range []string{"", "line\nbreak-secret", "sp ace-secret", "é-secret"} {
		feed := verify.Feed("https://auth.example.com", key)
		err := feed.Ready(t.Context())
		require.ErrorContains(t, err, "gateway key")
		require.NotContains(t, err.Error(), "secret")
		require.False(t, feed.Revoked("s"))
		feed.Close()
	}
}

func TestReadyNamesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFeedServer()
		server.fail = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true }
		feed := server.feed()
		defer feed.Close()
		synctest.Wait()
		require.ErrorContains(t, feed.Ready(cancelled(t)), "status 403")
	})
}
