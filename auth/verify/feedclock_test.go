package verify_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// serviceAhead answers with one session that ends within four hours, by a clock
// that is ahead of the reader's.
func serviceAhead(server *feedServer, ahead time.Duration) {
	began := time.Now()
	server.fail = func(w http.ResponseWriter, r *http.Request) bool {
		now := time.Now().Add(ahead)
		sessions := []map[string]any{}
		if r.URL.Query().Get("since") == "" {
			sessions = append(sessions, map[string]any{"id": "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f", "expiresAt": began.Add(ahead + 4*time.Hour)})
		}
		if wait, err := time.ParseDuration(r.URL.Query().Get("wait")); err == nil {
			time.Sleep(wait)
		}
		w.Header().Set("Content-Type", "application/json")
		must(json.NewEncoder(w).Encode(map[string]any{"cursor": "1", "now": now, "sessions": sessions}))
		return true
	}
}

func TestAReaderWhoseClockIsWrongForgetsAtTheRightTime(t *testing.T) {
	for _, ahead := range []time.Duration{-8 * 24 * time.Hour, -5 * time.Hour, 0, 5 * time.Hour, 8 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			const session = "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f"
			server := newFeedServer()
			serviceAhead(server, ahead)
			feed := server.feed()
			defer feed.Close()
			require.NoError(t, feed.Ready(t.Context()))
			require.True(t, feed.Revoked(session), "%s", ahead)
			time.Sleep(4*time.Hour + verify.MaxLeeway - time.Second)
			require.True(t, feed.Revoked(session), "%s", ahead)
			time.Sleep(5 * time.Minute)
			require.False(t, feed.Revoked(session), "%s", ahead)
			require.Zero(t, feed.Len())
		})
	}
}

func TestAJumpOfTheClockForgetsNothingAndReadsEverythingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Int64
		server := newFeedServer()
		server.revoke("s1", "s2", "s3")
		feed := server.feed(verify.WithWall(func() time.Time { return time.Now().Add(time.Duration(off.Load())) }))
		defer feed.Close()
		require.NoError(t, feed.Ready(t.Context()))
		whole := func() int {
			server.mu.Lock()
			defer server.mu.Unlock()
			return len(slices.DeleteFunc(slices.Clone(server.queries), func(q string) bool { return q != "" }))
		}
		require.Equal(t, 1, whole())
		for n, jump := range []time.Duration{5 * time.Hour, -5 * time.Hour, 6 * time.Second} {
			off.Add(int64(jump))
			time.Sleep(26 * time.Second)
			require.Equal(t, n+2, whole(), "after a jump of %s", jump)
			require.Equal(t, 3, feed.Len())
		}
		off.Add(int64(4 * time.Second)) // as time is set by NTP
		time.Sleep(26 * time.Second)
		require.Equal(t, 4, whole())
		time.Sleep(20 * time.Minute)
		require.InDelta(t, 8, whole(), 1, "and every five minutes")
	})
}

// What was lost for whatever reason comes back with the next full read: here a
// service that forgot to tell.
func TestWhatWasMissedIsReadWithinMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFeedServer()
		server.revoke("s1", "s2")
		feed := server.feed()
		defer feed.Close()
		require.NoError(t, feed.Ready(t.Context()))
		server.set(func(s *feedServer) { // without a new cursor, and without waking anybody
			s.sessions[0] = map[string]any{"id": "s3", "expiresAt": time.Now().Add(4 * time.Hour)}
		})
		time.Sleep(6 * time.Minute)
		require.True(t, feed.Revoked("s3"))
		require.True(t, feed.Revoked("s1"))
	})
}
