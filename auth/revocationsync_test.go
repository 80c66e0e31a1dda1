package auth_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

// A failover without synchronous replication, or a restore, takes back what had
// been acknowledged.
func TestWhatTheDatabaseHasLostIsWrittenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		for n := range byte(5) {
			d.revoke(n, time.Now().Add(-time.Duration(n)*time.Minute), false)
		}
		a, b := follow(t, d), follow(t, d)
		d.mu.Lock()
		lost := slices.Clone(d.list[1:3])
		d.list = append(d.list[:1], d.list[3:]...)
		d.mu.Unlock()
		time.Sleep(4 * time.Minute)
		require.Empty(t, d.written(), "nothing is compared yet")
		d.revoke(9, time.Now(), false)
		time.Sleep(2 * time.Minute)
		for _, x := range lost {
			require.Equal(t, x.RevokedAt.UnixMicro(), d.written()[slices.IndexFunc(d.written(), func(y auth.Revocation) bool { return x.SessionID == y.SessionID })].RevokedAt.UnixMicro())
		}
		fresh := follow(t, d)
		require.True(t, fresh.Revoked(lost[0].SessionID.String()), "a pod that starts now knows it, too")
		for _, r := range []*auth.Revocations{a, b} {
			require.Equal(t, since(t, fresh, "").Cursor, since(t, r, "").Cursor, "pods agree")
		}
		before := len(d.written())
		time.Sleep(20 * time.Minute)
		require.Len(t, d.written(), before, "nothing is written without need")
	})
}

func TestAfterAnOutageWhatWasLostIsWrittenBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		r := follow(t, d)
		r.Add(time.Now(), auth.ReasonLoggedOut, session(1)) // committed on a primary that is gone
		d.setDown(true)
		time.Sleep(20 * time.Second)
		d.setDown(false)
		time.Sleep(2 * time.Second)
		require.Len(t, d.written(), 1)
		require.Equal(t, session(1), d.written()[0].SessionID)
	})
}

// Pages of the database and what is remembered are compared moment by moment,
// also where thousands of sessions ended at one.
func TestNothingIsTakenForLostThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		dice := rand.New(rand.NewPCG(1, 2))
		at := time.Now().Add(-2 * time.Hour).Truncate(time.Microsecond)
		for n := range 17_000 {
			if n < 6000 || n > 12_000 {
				at = at.Add(time.Duration(dice.IntN(300)) * time.Millisecond)
			}
			d.list = append(d.list, auth.Revocation{SessionID: uuid.New(), RevokedAt: at})
		}
		r := follow(t, d)
		require.Equal(t, 17_000, r.Size())
		time.Sleep(6 * time.Minute)
		require.Empty(t, d.written())

		lost := map[uuid.UUID]bool{}
		d.mu.Lock()
		d.list = slices.DeleteFunc(d.list, func(x auth.Revocation) bool {
			gone := dice.IntN(10) == 0
			lost[x.SessionID] = gone
			return gone
		})
		d.mu.Unlock()
		time.Sleep(6 * time.Minute)
		for _, x := range d.written() {
			require.True(t, lost[x.SessionID])
		}
		d.mu.Lock()
		require.Len(t, d.list, 17_000)
		d.mu.Unlock()
	})
}

func TestWhereThePrimaryCannotBeReachedAStandbyIsReadAndItsAgeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour, standby: true, behind: 3 * time.Second}
		r := auth.NewRevocations(accessTTL, auth.TrustedClock(time.Now), slog.New(slog.NewTextHandler(&log, nil)))
		run(t, r, d)
		d.setDown(true) // for this pod alone
		d.revoke(1, time.Now(), false)
		time.Sleep(5 * time.Second)
		require.True(t, r.Revoked(session(1).String()))
		require.InDelta(t, 3, time.Since(r.Synced()).Seconds(), 1)
		d.mu.Lock()
		d.standby = false
		d.mu.Unlock()
		time.Sleep(time.Minute)
		require.InDelta(t, 63, time.Since(r.Synced()).Seconds(), 1.1)
		d.setDown(false)
		time.Sleep(time.Second)
		require.Less(t, time.Since(r.Synced()), time.Second)
		require.Empty(t, d.written(), "what a standby has not yet is not lost")
	})
}

// run follows d with r until the test ends.
func run(t *testing.T, r *auth.Revocations, d *database) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); r.Run(t.Context(), d) }()
	t.Cleanup(func() { <-done })
	synctest.Wait()
}

func TestThePodsOwnClockDecidesNothing(t *testing.T) {
	for _, off := range []time.Duration{-8 * 24 * time.Hour, -320 * time.Second, 5 * time.Hour, 8 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
			d.revoke(1, time.Now().Add(-time.Hour), false)
			w := &wall{off: off}
			r := auth.NewRevocations(accessTTL, auth.NewClock(w.Now, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
			run(t, r, d)
			require.True(t, r.Revoked(session(1).String()), "%s ahead", off)
			d.revoke(2, time.Now(), true)
			synctest.Wait()
			require.True(t, r.Revoked(session(2).String()))

			// The clock jumps for three seconds, while sessions end.
			w.move(5 * time.Hour)
			r.Add(time.Now(), auth.ReasonLoggedOut, session(3))
			time.Sleep(3 * time.Second)
			w.move(-5 * time.Hour)
			r.Add(time.Now(), auth.ReasonLoggedOut, session(4))
			for n := range byte(4) {
				require.True(t, r.Revoked(session(n+1).String()))
			}
		})
	}
}

// Half a million sessions that end within the life of an access token must leave
// a pod alive.
func TestHalfAMillionEndedSessionsTakeLittleMemory(t *testing.T) {
	const n = 500_000
	h := &hands{noon}
	r := memory(h)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range n {
		r.Add(noon.Add(time.Duration(i)*time.Millisecond), auth.ReasonLoggedOut, uuid.New())
	}
	perSession := float64(heap()-before) / n
	t.Logf("%.0f bytes a session", perSession)
	require.Less(t, perSession, 80.0)

	// Readers share what there is.
	h.now = noon.Add(n * time.Millisecond)
	before = heap()
	var feeds []auth.Feed
	for range 100 {
		feeds = append(feeds, since(t, r, ""))
	}
	require.Less(t, heap()-before, uint64(5<<20))
	count := 0
	for range feeds[99].Entries {
		count++
	}
	require.Equal(t, n, count)

	// Once they are past, the memory is free.
	h.now = noon.Add(n*time.Millisecond + accessTTL + time.Hour)
	r.Add(h.now, auth.ReasonLoggedOut, session(1))
	feeds = nil
	require.Equal(t, 1, r.Size())
	require.Less(t, heap(), before/2)
	require.Nil(t, feeds)
	runtime.KeepAlive(r)
}

func TestTheOldestComeFirstInWhateverOrderTheyCame(t *testing.T) {
	h := &hands{noon.Add(time.Hour)}
	r := memory(h)
	dice := rand.New(rand.NewPCG(3, 4))
	want := map[uuid.UUID]int64{}
	for range 9000 {
		id, at := uuid.New(), noon.Add(time.Duration(dice.IntN(3_600_000))*time.Millisecond)
		r.Add(at, auth.ReasonLoggedOut, id)
		want[id] = at.UnixMicro()
	}
	var last time.Time
	for x := range since(t, r, "").Entries {
		require.False(t, x.RevokedAt.Before(last))
		require.Equal(t, want[x.SessionID], x.RevokedAt.UnixMicro())
		delete(want, x.SessionID)
		last = x.RevokedAt
	}
	require.Empty(t, want)

	h.now = noon.Add(accessTTL + 30*time.Minute)
	r.Add(h.now, auth.ReasonLoggedOut, session(1))
	for x := range since(t, r, "").Entries {
		require.False(t, x.RevokedAt.Before(h.now.Add(-accessTTL-30*time.Second)))
	}
	require.InDelta(t, 4500, r.Size(), 300)
}
