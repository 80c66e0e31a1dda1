package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fixed is a clock that stands still until it is moved.
type fixed struct{ now time.Time }

func (f *fixed) Now() time.Time { return f.now }

// failed is a login from an address that is refused.
func (l *loginRate) failed(ip string) {
	if done, err := l.begin(context.Background(), ip, "app", ""); err == nil {
		done(true)
	}
}

// check is a login from an address that succeeds, or is limited.
func (l *loginRate) check(ip string) error {
	done, err := l.begin(context.Background(), ip, "app", "")
	if err == nil {
		done(false)
	}
	return err
}

// kept is how many addresses are remembered.
func (l *loginRate) kept() int {
	if l == nil {
		return 0
	}
	return l.addresses.clients.Len()
}

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
	require.Equal(t, codeRateLimited, p.Code)
	require.InDelta(t, 200*time.Millisecond, p.retryAfter, float64(time.Microsecond), "then one more may be tried")
	clock.now = clock.now.Add(p.retryAfter + time.Microsecond)
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
	require.Zero(t, l.kept(), "and nothing is kept of those")
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
	require.Zero(t, l.kept())
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
	require.Equal(t, trackedClients, l.kept())
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

// Two thousand bad codes at once used to make two thousand calls to WeChat: each
// was let through before the first had failed.
func TestNoMoreBadCodesReachThePlatformAtOnceThanMayFail(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.moved.stand()
	gate := make(chan struct{})
	s.platform.wait = gate
	var wg sync.WaitGroup
	var limited, refused atomic.Int64
	for range 300 {
		wg.Go(func() {
			switch s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"guess"}`).status {
			case http.StatusBadRequest:
				refused.Add(1)
			case http.StatusTooManyRequests:
				limited.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { calls, _ := s.platform.counts(); return calls == 20 }, 30*time.Second, time.Millisecond)
	close(gate)
	wg.Wait()
	calls, most := s.platform.counts()
	require.Equal(t, 20, most)
	require.Equal(t, 20, calls)
	require.EqualValues(t, calls, refused.Load())
	require.EqualValues(t, 300, refused.Load()+limited.Load())
}

func TestAnyNumberOfGoodLoginsOfOneAddressMayComeAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var wg sync.WaitGroup
	var good atomic.Int64
	const many = 100 // of which 20 may be under way
	for i := range many {
		wg.Go(func() {
			if s.do(http.MethodPost, "/api/v1/auth/login", fmt.Sprintf(`{"code":"code-user%d"}`, i)).status == http.StatusOK {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, many, good.Load())
	_, most := s.platform.counts()
	require.LessOrEqual(t, most, 20, "what has no outcome yet is bounded")
}

func TestADeviceThatHasLoggedInIsNotLockedOutByOthersBehindItsAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	login := func(code, device string) int {
		return s.do(http.MethodPost, "/api/v1/auth/login", fmt.Sprintf(`{"code":%q,"deviceId":%q}`, code, device)).status
	}
	require.Equal(t, http.StatusOK, login("code-alice", "alices-phone"))
	s.moved.stand()
	for range 20 {
		require.Equal(t, http.StatusBadRequest, login("guess", ""))
	}
	require.Equal(t, http.StatusTooManyRequests, login("guess", ""), "the address may not fail any more")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					login("guess", "another")
				}
			}
		})
	}
	for range 20 {
		require.Equal(t, http.StatusOK, login("code-alice", "alices-phone"))
	}
	for range deviceFailures {
		login("guess", "alices-phone")
	}
	require.Equal(t, http.StatusTooManyRequests, login("guess", "alices-phone"), "it may not fail for ever either")
	close(stop)
	wg.Wait()
}

func TestAUserMayLogInAHundredTimesAMinute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.moved.stand()
	for range userLogins {
		require.Equal(t, http.StatusOK, s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"code-alice"}`).status)
	}
	got := s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"code-alice"}`)
	require.Equal(t, http.StatusTooManyRequests, got.status)
	require.Equal(t, "rate_limited", got.text("code"))
	require.Contains(t, got.text("detail"), "This user")
	require.NotEmpty(t, got.header.Get("Retry-After"))
	s.login("bob")
	for range 40 {
		s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"code-alice"}`)
	}
	s.login("carol") // the address has not failed
	s.moved.move(time.Minute)
	s.login("alice")
}

func TestALoginThatWaitsForAnOutcomeEndsWithItsClient(t *testing.T) {
	t.Parallel()
	l, _ := newRate(t, 0.1)
	done, err := l.begin(t.Context(), "203.0.113.7", "app", "")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := l.begin(ctx, "203.0.113.7", "app", "")
		ended <- err
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	done(false)
	require.NoError(t, l.check("203.0.113.7"))
}

func TestLoginsThatWaitGetTheirTurnOneByOneInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newRate(t, 0.1) // one at a time
		first, err := l.begin(t.Context(), "203.0.113.7", "app", "")
		require.NoError(t, err)
		var order []int
		var turns [4]func(failed bool)
		var errs [4]error
		ctx, leave := context.WithCancel(t.Context())
		for i := range turns {
			of := t.Context()
			if i == 1 {
				of = ctx
			}
			go func() {
				turns[i], errs[i] = l.begin(of, "203.0.113.7", "app", "")
				order = append(order, i)
			}()
			synctest.Wait()
		}
		require.Empty(t, order)
		leave()
		synctest.Wait()
		require.Equal(t, []int{1}, order)
		require.ErrorIs(t, errs[1], context.Canceled)
		first(false)
		synctest.Wait()
		require.Equal(t, []int{1, 0}, order, "one token, one turn")
		turns[0](false)
		synctest.Wait()
		require.Equal(t, []int{1, 0, 2}, order, "who has left gets none")
		turns[2](true)
		synctest.Wait()
		require.Equal(t, []int{1, 0, 2, 3}, order)
		require.Equal(t, codeRateLimited, problemOf(errs[3]).Code, "there is nothing left to wait for")
	})
}

func TestGuessesAtOperatorsKeysAreSlowedDown(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config, _ *http.Server) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	ask := func(path, ip, key string) said {
		return s.do(http.MethodGet, path, "", append(bearer(key), "X-Forwarded-For", ip)...)
	}
	s.moved.stand()
	for path, key := range map[string]string{"/api/v1/admin/users": testAdmin, "/api/v1/revocations": testGateway} {
		attacker, gateway, victim := "203.0.113.7", "203.0.113.8", "203.0.113.9"
		require.Equal(t, http.StatusOK, ask(path, gateway, key).status)
		var last said
		for i := range keyFailures + 10 {
			last = ask(path, attacker, fmt.Sprintf("guess-%d", i))
		}
		require.Equal(t, http.StatusTooManyRequests, last.status, path)
		require.Equal(t, "rate_limited", last.text("code"))
		require.Equal(t, http.StatusTooManyRequests, ask(path, attacker, key).status, "no guess is compared any more")
		require.Equal(t, http.StatusOK, ask(path, victim, key).status)
		for i := range keyFailures + 10 {
			last = ask(path, gateway, fmt.Sprintf("guess-%d", i))
		}
		require.Equal(t, http.StatusTooManyRequests, last.status)
		require.Equal(t, http.StatusOK, ask(path, gateway, key).status, "what has worked from there goes on working")
		s.moved.move(time.Minute)
	}
}

// Tokens are earned while twenty attempts wait for a slow platform. They used to let
// further ones begin, five a second.
func TestNoMoreThanTheBurstIsInProgressHoweverLongItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, clock := newRate(t, 5)
		var under []func(failed bool)
		for range 20 {
			done, err := l.begin(t.Context(), "203.0.113.7", "app", "")
			require.NoError(t, err)
			under = append(under, done)
		}
		clock.now = clock.now.Add(3 * time.Second)
		begun := 0
		for range 2 {
			go func() {
				if _, err := l.begin(t.Context(), "203.0.113.7", "app", ""); err == nil {
					begun++
				}
			}()
		}
		synctest.Wait()
		require.Zero(t, begun, "twenty are in progress")
		under[0](true)
		synctest.Wait()
		require.Equal(t, 1, begun, "with a token that was earned meanwhile")
		under[1](false)
		synctest.Wait()
		require.Equal(t, 2, begun)
	})
}
