package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fixed is a clock that stands still until it is moved.
type fixed struct{ now time.Time }

func (f *fixed) Now() time.Time { return f.now }

func newRate(t *testing.T, perSecond float64) (*loginRate, *fixed) {
	t.Helper()
	clock := &fixed{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l, err := newLoginRate(perSecond, clock.Now)
	require.NoError(t, err)
	return l, clock
}

func TestFourSecondsWorthOfFailuresMayComeAtOnce(t *testing.T) {
	l, clock := newRate(t, 5)
	for range 20 {
		require.NoError(t, l.check("203.0.113.7"))
		l.failed("203.0.113.7")
	}
	var p *problem
	require.ErrorAs(t, l.check("203.0.113.7"), &p)
	require.Equal(t, http.StatusTooManyRequests, p.Status)
	require.Equal(t, "rate_limited", p.Code)
	require.Equal(t, 200*time.Millisecond, p.retryAfter, "then one more may be tried")
	clock.now = clock.now.Add(p.retryAfter)
	require.NoError(t, l.check("203.0.113.7"))
	l.failed("203.0.113.7")
	require.Error(t, l.check("203.0.113.7"))
	clock.now = clock.now.Add(time.Hour)
	for range 20 {
		require.NoError(t, l.check("203.0.113.7"))
		l.failed("203.0.113.7")
	}
	require.Error(t, l.check("203.0.113.7"), "waiting earns no more than the burst")
}

func TestAsManyLoginsAsOneLikesWhileNoneFails(t *testing.T) {
	l, _ := newRate(t, 0.01)
	for range 1000 {
		require.NoError(t, l.check("203.0.113.7"))
	}
	require.Zero(t, l.clients.Len(), "and nothing is kept of those")
}

func TestALowRateStillLetsOneTry(t *testing.T) {
	l, clock := newRate(t, 0.01)
	require.NoError(t, l.check("203.0.113.7"))
	l.failed("203.0.113.7")
	var p *problem
	require.ErrorAs(t, l.check("203.0.113.7"), &p)
	require.InDelta(t, 100*time.Second, p.retryAfter, float64(time.Millisecond))
	clock.now = clock.now.Add(100*time.Second + time.Millisecond)
	require.NoError(t, l.check("203.0.113.7"))
}

func TestNoRateIsNoLimit(t *testing.T) {
	l, _ := newRate(t, 0)
	for range 1000 {
		l.failed("203.0.113.7")
	}
	require.NoError(t, l.check("203.0.113.7"))
	require.Zero(t, l.clients.Len())
}

func TestOneClientIsOneAddressOrOneIPv6Network(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"203.0.113.7", "203.0.113.7", true},
		{"203.0.113.7", "203.0.113.8", false},
		{"203.0.113.7", "::ffff:203.0.113.7", true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::1%eth1", true},
		{"", "nonsense", true}, // what cannot be told apart shares a limit
		{"", "203.0.113.7", false},
	} {
		l, _ := newRate(t, 0.1)
		l.failed(c.a)
		require.Equal(t, c.same, l.check(c.b) != nil, "%s and %s", c.a, c.b)
	}
}

func TestAFloodOfAddressesTakesNoMoreThanItsShareOfMemory(t *testing.T) {
	l, _ := newRate(t, 0.1)
	for i := range trackedClients + 1000 {
		l.failed(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	require.Equal(t, trackedClients, l.clients.Len())
	require.NoError(t, l.check("10.0.0.0"), "the one longest silent is forgotten")
	require.Error(t, l.check(fmt.Sprintf("10.%d.%d.%d", (trackedClients+999)>>16, (trackedClients+999)>>8&255, (trackedClients+999)&255)))
}

func TestFailuresAtTheSameMomentAllCount(t *testing.T) {
	l, _ := newRate(t, 5)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { l.failed("203.0.113.7") })
	}
	wg.Wait()
	require.Error(t, l.check("203.0.113.7"))
}

func TestTheRefusalIsAProblemLikeAnyOther(t *testing.T) {
	l, _ := newRate(t, 0.1)
	l.failed("203.0.113.7")
	err := l.check("203.0.113.7")
	require.Same(t, err, problemOf(fmt.Errorf("login: %w", err)))
	require.NotErrorIs(t, err, errors.ErrUnsupported)
}
