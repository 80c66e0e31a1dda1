package providers_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
)

// weather is a platform whose state a test sets: 0 is up, other values are a status with
// HTML.
type weather struct {
	*platform
	caller *providers.Caller
	seen   observations
	status atomic.Int32
	body   atomic.Value
}

func newWeather(t *testing.T, failures uint32, openFor time.Duration) *weather {
	t.Helper()
	w := &weather{}
	w.body.Store("<html>")
	w.platform = newPlatform(t, func(rw http.ResponseWriter, r *http.Request) {
		if status := w.status.Load(); status != 0 && r.URL.Path == login.Path {
			says(int(status), w.body.Load().(string))(rw, r)
			return
		}
		says(200, `{"openid":"o"}`)(rw, r)
	})
	w.caller = newCaller(t, w.url, providers.Config{BreakerFailures: failures, BreakerOpen: openFor, Observe: w.seen.observe})
	return w
}

func (w *weather) call(t *testing.T) error {
	t.Helper()
	_, err := call(t, w.caller, "c")
	return err
}

func TestAnAPIThatIsDownIsNotCalledAndTheOthersAre(t *testing.T) {
	w := newWeather(t, 3, time.Minute)
	w.status.Store(502)
	for range 3 {
		require.ErrorIs(t, w.call(t), providers.ErrUnavailable)
	}
	start := time.Now()
	for range 10 {
		err := w.call(t)
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.NotErrorIs(t, err, providers.ErrInvalidCode)
		require.Contains(t, err.Error(), "the circuit is open")
		require.Greater(t, asError(t, err).RetryAfter, 30*time.Second)
		require.LessOrEqual(t, asError(t, err).RetryAfter, time.Minute)
	}
	require.Less(t, time.Since(start), 3*time.Second)
	require.EqualValues(t, 3, w.hits.Load())
	require.Equal(t, []string{"unavailable", "unavailable", "unavailable", "circuit_open"}, w.seen.outcomes()[:4])

	_, err := w.caller.Call(t.Context(), providers.Request{API: profile})
	require.NoError(t, err, "a circuit is of one API")
}

func TestACircuitClosesWhenAProbeIsAnswered(t *testing.T) {
	const openFor = 200 * time.Millisecond
	w := newWeather(t, 2, openFor)
	w.status.Store(502)
	for range 2 {
		require.Error(t, w.call(t))
	}
	require.Contains(t, w.call(t).Error(), "the circuit is open")
	time.Sleep(openFor + 50*time.Millisecond)
	require.NotContains(t, w.call(t).Error(), "the circuit is open", "a probe, which fails")
	require.Contains(t, w.call(t).Error(), "the circuit is open", "again")
	require.EqualValues(t, 3, w.hits.Load())

	w.status.Store(0)
	time.Sleep(openFor + 50*time.Millisecond)
	for range 5 {
		require.NoError(t, w.call(t))
	}
	require.EqualValues(t, 8, w.hits.Load())
}

func TestOneProbeAtATimeIsLetThrough(t *testing.T) {
	const openFor = 200 * time.Millisecond
	var up atomic.Bool
	proceed := make(chan struct{})
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			says(503, "")(w, r)
			return
		}
		<-proceed
		says(200, `{"openid":"o"}`)(w, r)
	})
	release := sync.OnceFunc(func() { close(proceed) })
	t.Cleanup(release)
	c := newCaller(t, p.url, providers.Config{BreakerFailures: 1, BreakerOpen: openFor, Timeout: 2 * time.Second})
	_, err := call(t, c, "c")
	require.Error(t, err)
	up.Store(true)
	time.Sleep(openFor + 50*time.Millisecond)
	probe := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.Call(t.Context(), providers.Request{API: login})
		probe <- err
	})
	require.Eventually(t, func() bool { return p.hits.Load() == 2 }, 5*time.Second, time.Millisecond)
	for range 5 {
		_, err = call(t, c, "c")
		require.ErrorContains(t, err, "the circuit is open")
		require.GreaterOrEqual(t, asError(t, err).RetryAfter, time.Second)
	}
	release()
	wg.Wait()
	require.NoError(t, <-probe)
	require.EqualValues(t, 2, p.hits.Load())
	_, err = call(t, c, "c")
	require.NoError(t, err)
}

func TestRefusalsOfAPlatformThatIsUpOpenNoCircuit(t *testing.T) {
	for _, body := range []string{errcode(codeInvalid), errcode(codeLimited), errcode(codeRejected), errcode(12345)} {
		w := newWeather(t, 2, time.Minute)
		w.status.Store(200)
		w.body.Store(body)
		for range 30 {
			require.NotContains(t, w.call(t).Error(), "the circuit is open")
		}
		require.EqualValues(t, 30, w.hits.Load())
	}
}

func TestCallersWhoGoAwayNeitherOpenACircuitNorEndARowOfFailures(t *testing.T) {
	var slow atomic.Bool
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		if slow.Load() {
			hang(w, r)
			return
		}
		says(502, "")(w, r)
	})
	c := newCaller(t, p.url, providers.Config{BreakerFailures: 3})
	fail := func() error {
		slow.Store(false)
		_, err := call(t, c, "c")
		return err
	}
	for range 2 {
		require.NotContains(t, fail().Error(), "the circuit is open")
	}
	slow.Store(true)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := c.Call(ctx, providers.Request{API: login})
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NotContains(t, fail().Error(), "the circuit is open", "the third failure in a row")
	require.Contains(t, fail().Error(), "the circuit is open")
}

func TestASuccessEndsARowOfFailures(t *testing.T) {
	w := newWeather(t, 3, time.Minute)
	for range 4 {
		w.status.Store(502)
		for range 2 {
			require.NotContains(t, w.call(t).Error(), "the circuit is open")
		}
		w.status.Store(0)
		require.NoError(t, w.call(t))
	}
}

func TestHalfOfTwentyCallsFailingOpensACircuit(t *testing.T) {
	w := newWeather(t, 1000, time.Minute)
	for range 10 {
		w.status.Store(0)
		require.NoError(t, w.call(t))
		w.status.Store(502)
		require.NotContains(t, w.call(t).Error(), "the circuit is open")
	}
	require.Contains(t, w.call(t).Error(), "the circuit is open")
}

func TestBusyCountsAndItsOwnErrorIsTold(t *testing.T) {
	w := newWeather(t, 1, time.Minute)
	w.status.Store(200)
	w.body.Store(errcode(codeBusy))
	err := w.call(t)
	require.ErrorIs(t, err, providers.ErrBusy, "the response says more than the circuit that it opened")
	require.Equal(t, "-1", asError(t, err).Code)
	require.EqualValues(t, 1, w.hits.Load(), "the repetition was not let through")
	require.Contains(t, w.call(t).Error(), "the circuit is open")
}

func TestWithoutSettingsFiveFailuresOpenACircuit(t *testing.T) {
	p := newPlatform(t, says(502, ""))
	c, err := providers.NewCaller("example", p.url, []providers.API{login}, providers.Config{})
	require.NoError(t, err)
	for range 8 {
		_, err = call(t, c, "c")
		require.ErrorIs(t, err, providers.ErrUnavailable)
	}
	require.EqualValues(t, 5, p.hits.Load())
	require.LessOrEqual(t, asError(t, err).RetryAfter, 5*time.Second)
}
