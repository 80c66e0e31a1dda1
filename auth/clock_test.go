package auth_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// wall is the wall clock of a machine, which may be set while the monotonic clock
// (synctest's) goes on.
type wall struct {
	off   time.Duration
	moved atomic.Int64 // while others look
}

func (w *wall) Now() time.Time { return time.Now().Add(w.off + time.Duration(w.moved.Load())) }

func (w *wall) move(d time.Duration) { w.moved.Add(int64(d)) }

// server is a database whose clock is off and that answers after a while.
type server struct {
	off, before, after time.Duration
	down               bool
}

func (s *server) now(context.Context) (time.Time, error) {
	if s.down {
		return time.Time{}, errDown
	}
	time.Sleep(s.before)
	at := time.Now().Add(s.off).Round(0)
	time.Sleep(s.after)
	return at, nil
}

func measured(t *testing.T, c *auth.Clock, s *server) bool {
	t.Helper()
	set, err := c.Measure(t.Context(), s.now)
	require.NoError(t, err)
	return set
}

func TestPodsWithWrongClocksTellTheDatabasesTime(t *testing.T) {
	for _, off := range []time.Duration{0, 11 * time.Second, -320 * time.Second, 8 * 24 * time.Hour, -8 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{before: 2 * time.Millisecond, after: 2 * time.Millisecond}
			c := auth.NewClock((&wall{off: off}).Now, slog.New(slog.DiscardHandler))
			require.ErrorIs(t, c.Known(), users.ErrUnavailable)
			measured(t, c, s)
			require.NoError(t, c.Known())
			require.WithinDuration(t, time.Now(), c.Now(), 2*time.Millisecond)
			require.InDelta(t, off.Seconds(), c.Skew().Seconds(), 0.01)
			s.down = true
			time.Sleep(time.Hour)
			require.WithinDuration(t, time.Now(), c.Now(), 2*time.Millisecond, "counted on while the database is away")
		})
	}
}

func TestAStepOfTheMachinesClockChangesNothingAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s, w := &server{}, &wall{}
		c := auth.NewClock(w.Now, slog.New(slog.NewTextHandler(&log, nil)))
		measured(t, c, s)
		for _, off := range []time.Duration{5 * time.Hour, -5 * time.Hour, 6 * time.Second} {
			w.off = off
			require.WithinDuration(t, time.Now(), c.Now(), time.Millisecond)
			require.InDelta(t, off.Seconds(), c.Skew().Seconds(), 0.01, "before it is measured again")
			require.False(t, measured(t, c, s))
			require.WithinDuration(t, time.Now(), c.Now(), time.Millisecond)
		}
		require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), "%s", log.String())
		w.off = 4 * time.Second
		measured(t, c, s)
		require.Contains(t, log.String(), "agrees")
	})
}

func TestWhereTheClocksDifferByMoreThanAMinuteNothingIsToBePurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := &server{}, &wall{}
		c := auth.NewClock(w.Now, slog.New(slog.DiscardHandler))
		measured(t, c, s)
		for off, tolerable := range map[time.Duration]bool{
			0: true, 59 * time.Second: true, -59 * time.Second: true,
			61 * time.Second: false, -61 * time.Second: false, 8 * 24 * time.Hour: false,
		} {
			w.off = off
			require.Equal(t, tolerable, c.Tolerable() == nil, off)
		}
	})
}

// Whatever the network does, the time is wrong by half of the quickest answer's
// way at most.
func TestASlowAnswerDoesNotSpoilAQuickOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{before: time.Millisecond, after: time.Millisecond}
		c := auth.NewClock(time.Now, slog.New(slog.DiscardHandler))
		measured(t, c, s)
		for _, lopsided := range [][2]time.Duration{{0, 4 * time.Second}, {4 * time.Second, 0}, {0, 200 * time.Millisecond}} {
			s.before, s.after = lopsided[0], lopsided[1]
			require.False(t, measured(t, c, s))
			require.WithinDuration(t, time.Now(), c.Now(), 20*time.Millisecond)
		}
	})
}

func TestADatabaseWhoseClockIsSetIsFollowed(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{before: time.Millisecond}
			c := auth.NewClock(time.Now, slog.New(slog.DiscardHandler))
			measured(t, c, s)
			time.Sleep(time.Minute)
			s.off = off
			require.True(t, measured(t, c, s))
			require.WithinDuration(t, time.Now().Add(off), c.Now(), 5*time.Millisecond)
			require.False(t, measured(t, c, s))
		})
	}
}

func TestAFailedMeasurementLeavesTheTimeAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := &server{}, &wall{off: time.Hour}
		c := auth.NewClock(w.Now, slog.New(slog.DiscardHandler))
		s.down = true
		_, err := c.Measure(t.Context(), s.now)
		require.ErrorIs(t, err, errDown)
		require.Error(t, c.Known())
		s.down = false
		measured(t, c, s)
		s.down = true
		_, err = c.Measure(t.Context(), s.now)
		require.Error(t, err)
		require.NoError(t, c.Known())
		require.WithinDuration(t, time.Now(), c.Now(), time.Millisecond)
	})
}
