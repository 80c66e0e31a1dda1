package auth_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

const accessTTL = 4 * time.Hour

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// hands is a clock that tests move.
type hands struct{ now time.Time }

func (h *hands) Now() time.Time { return h.now }

func memory(h *hands) *auth.Revocations {
	return auth.NewRevocations(accessTTL, auth.TrustedClock(h.Now), slog.New(slog.DiscardHandler))
}

// session is a session id that tests can order by eye.
func session(n byte) uuid.UUID { return uuid.UUID{15: n, 6: 0x70, 8: 0x80} }

func since(t *testing.T, r *auth.Revocations, cursor string) auth.Feed {
	t.Helper()
	f, err := r.Since(cursor)
	require.NoError(t, err)
	return f
}

func given(f auth.Feed) []auth.Revocation { return slices.Collect(f.Entries) }

func ids(f auth.Feed) []byte {
	out := []byte{}
	for x := range f.Entries {
		out = append(out, x.SessionID[15])
	}
	return out
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestALongerLifeOfAccessTokensIsRememberedAndAShorterOneForgetsNothing(t *testing.T) {
	h := &hands{now: noon}
	r := memory(h)
	r.Lengthen(12 * time.Hour)
	r.Add(noon, auth.ReasonLoggedOut, session(1))
	r.Lengthen(time.Minute)
	require.Equal(t, 12*time.Hour, r.TTL())
	require.Equal(t, noon.Add(12*time.Hour), r.ExpiresAt(given(since(t, r, ""))[0]))
	h.now = noon.Add(12 * time.Hour)
	r.Add(h.now, auth.ReasonLoggedOut, session(2))
	require.True(t, r.Revoked(session(1).String()))
	h.now = noon.Add(13 * time.Hour)
	r.Add(h.now, auth.ReasonLoggedOut, session(3))
	require.False(t, r.Revoked(session(1).String()))
}

func TestARevocationIsRememberedAsLongAsATokenCanLive(t *testing.T) {
	h := &hands{noon}
	r := memory(h)
	r.Add(noon, auth.ReasonLoggedOut, session(1))
	require.True(t, r.Revoked(session(1).String()))
	require.True(t, r.Revoked(strings.ToUpper(session(1).String())))
	require.False(t, r.Revoked(session(2).String()))
	require.Equal(t, noon.Add(accessTTL), r.ExpiresAt(given(since(t, r, ""))[0]))

	h.now = noon.Add(accessTTL + 30*time.Second)
	r.Add(h.now, auth.ReasonLoggedOut, session(2))
	require.True(t, r.Revoked(session(1).String()), "a refresh before it may have read its clock later")
	h.now = h.now.Add(time.Microsecond)
	r.Add(h.now, auth.ReasonLoggedOut, session(3))
	require.False(t, r.Revoked(session(1).String()))
	require.Equal(t, 2, r.Size())
}

func TestWhatIsNoSessionOfOursCountsAsEnded(t *testing.T) {
	r := memory(&hands{noon})
	for _, id := range []string{"", "nonsense", session(1).String() + "0"} {
		require.True(t, r.Revoked(id), id)
	}
	var none *auth.Revocations
	require.False(t, none.Revoked("nonsense"), "nobody keeps a memory here")
	none.Add(noon, auth.ReasonLoggedOut, session(1))
}

// database is the source of revocations, with faults.
type database struct {
	mu    sync.Mutex
	list  []auth.Revocation
	down  bool
	reach time.Duration // what is older cannot be read in time
	asked []time.Time
	wake  chan struct{}

	restored []auth.Revocation // what was written back
	standby  bool              // there is one, and it answers
	behind   time.Duration     // so much does it lack
}

func (d *database) Now(context.Context) (time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return time.Time{}, errDown
	}
	return time.Now(), nil
}

func (d *database) RestoreRevocations(_ context.Context, list []auth.Revocation, _ time.Time) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restored = append(d.restored, list...)
	d.list = append(d.list, list...)
	return len(list), nil
}

// written is what was written back.
func (d *database) written() []auth.Revocation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.restored)
}

func (d *database) StandbyRevokedSince(_ context.Context, since time.Time, after uuid.UUID, limit int) ([]auth.Revocation, time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.standby {
		return nil, time.Time{}, errDown
	}
	asOf := time.Now().Add(-d.behind)
	var list []auth.Revocation
	for _, x := range d.page(since, after, len(d.list)) {
		if !x.RevokedAt.After(asOf) {
			list = append(list, x)
		}
	}
	return list[:min(limit, len(list))], asOf, nil
}

var errDown = errors.New("no route to host")

func (d *database) revoke(n byte, at time.Time, notify bool) {
	d.mu.Lock()
	d.list = append(d.list, auth.Revocation{SessionID: session(n), RevokedAt: at})
	d.mu.Unlock()
	if notify {
		d.wake <- struct{}{}
	}
}

func (d *database) setDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *database) RevokedSince(_ context.Context, since time.Time, after uuid.UUID, limit int) ([]auth.Revocation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down || time.Since(since) > d.reach {
		return nil, errDown
	}
	d.asked = append(d.asked, since)
	return d.page(since, after, limit), nil
}

func (d *database) page(since time.Time, after uuid.UUID, limit int) []auth.Revocation {
	compare := func(a, b auth.Revocation) int {
		return cmp.Or(a.RevokedAt.Compare(b.RevokedAt), bytes.Compare(a.SessionID[:], b.SessionID[:]))
	}
	var out []auth.Revocation
	for _, x := range d.list {
		if compare(x, auth.Revocation{RevokedAt: since, SessionID: after}) > 0 {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, compare)
	return out[:min(limit, len(out))]
}

func (d *database) WatchRevocations(ctx context.Context, woken func()) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.wake:
			woken()
		}
	}
}

// Time stands still in these but for sleeping: synctest's clock.
func TestRevocationsOfOtherPodsAreNoticedAtOnceAndWithoutNotificationSoonAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		d.revoke(1, time.Now().Add(-time.Hour), false)
		d.revoke(2, time.Now().Add(-accessTTL-31*time.Second), false)
		r := auth.NewRevocations(accessTTL, auth.TrustedClock(time.Now), slog.New(slog.DiscardHandler))
		require.True(t, r.Synced().IsZero())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx, d) }()
		synctest.Wait()
		require.Equal(t, time.Now(), r.Synced())
		require.True(t, r.Revoked(session(1).String()))
		require.False(t, r.Revoked(session(2).String()), "no token of it can live")

		d.revoke(3, time.Now(), true)
		synctest.Wait()
		require.True(t, r.Revoked(session(3).String()), "no time has passed")

		d.revoke(4, time.Now().Add(-20*time.Second), false)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		require.True(t, r.Revoked(session(4).String()), "by polling, half a second later")

		// A commit later than any clock would have it is found all the same.
		d.revoke(5, time.Now().Add(-10*time.Minute), false)
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		require.True(t, r.Revoked(session(5).String()), "by reading everything again")
		stop()
		<-done
	})
}

func TestAnOutageIsLoggedOnceAndNothingIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		r := auth.NewRevocations(accessTTL, auth.TrustedClock(time.Now), slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx, d) }()
		d.revoke(1, time.Now(), true)
		synctest.Wait()
		d.setDown(true)
		last := r.Synced()
		d.revoke(2, time.Now(), false)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, last, r.Synced(), "readers can tell how old it is")
		require.True(t, r.Revoked(session(1).String()))
		require.False(t, r.Revoked(session(2).String()))
		require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())

		d.setDown(false)
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, r.Revoked(session(2).String()), "what happened meanwhile is read")
		require.Contains(t, log.String(), "read again")
		stop()
		<-done
	})
}

func TestWhatIsReadEachTimeIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		r := auth.NewRevocations(accessTTL, auth.TrustedClock(time.Now), slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx, d) }()
		began := time.Now()
		d.revoke(1, began, true)
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		<-done
		require.Equal(t, began.Add(-accessTTL-30*time.Second), d.asked[0].Local(), "everything that can matter, once")
		require.Equal(t, began.Add(-5*time.Minute), d.asked[len(d.asked)-1].Local())
	})
}

// follow runs r on d in synctest's time, while the test looks on.
func follow(t *testing.T, d *database) *auth.Revocations {
	t.Helper()
	r := auth.NewRevocations(accessTTL, auth.TrustedClock(time.Now), slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx, d) }()
	t.Cleanup(func() { stop(); <-done })
	synctest.Wait()
	return r
}

func TestARevocationThatAWrongClockHasDatedIsNoticedAllTheSame(t *testing.T) {
	for _, wrong := range []time.Duration{-4 * time.Minute, -time.Minute, time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
			r := follow(t, d)
			d.revoke(1, time.Now().Add(wrong), true)
			time.Sleep(time.Second)
			require.True(t, r.Revoked(session(1).String()), wrong)
			d.revoke(2, time.Now(), true)
			time.Sleep(time.Second)
			require.True(t, r.Revoked(session(2).String()), "after one that is %s off", wrong)
		})
	}
}

func TestWhatIsNewIsReadAlsoWhereEverythingCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		r := follow(t, d)
		d.mu.Lock()
		d.reach = time.Hour
		d.mu.Unlock()
		time.Sleep(10 * time.Minute) // past the next full read
		d.revoke(1, time.Now(), false)
		time.Sleep(time.Second)
		require.True(t, r.Revoked(session(1).String()))
		require.Less(t, time.Since(r.Synced()), 2*time.Second)
	})
}

func TestManyNotificationsCauseFewReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		r := follow(t, d)
		before := len(d.asked)
		for n := range 200 { // a second's worth
			d.revoke(byte(n), time.Now(), true)
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
		require.Equal(t, 200, r.Size())
		require.LessOrEqual(t, len(d.asked)-before, 14)
	})
}

func TestMoreThanAPageIsReadToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour}
		at := time.Now()
		for n := range 12_000 {
			id := session(byte(n))
			id[0], id[1] = byte(n>>16), byte(n>>8)
			d.list = append(d.list, auth.Revocation{SessionID: id, RevokedAt: at})
		}
		r := follow(t, d)
		require.Equal(t, 12_000, r.Size())
	})
}

func TestKnownOnlyOnceTheDatabaseHasBeenRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{wake: make(chan struct{}), reach: 24 * time.Hour, down: true}
		r := follow(t, d)
		time.Sleep(5 * time.Second)
		require.False(t, isClosed(r.Known()))
		d.setDown(false)
		time.Sleep(time.Second)
		require.True(t, isClosed(r.Known()))
	})
}
