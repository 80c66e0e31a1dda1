package wechat_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
)

// switchable is WeChat with a switch: down, it hangs.
type switchable struct {
	down   atomic.Bool
	answer atomic.Value // string
	calls  atomic.Int32
	inside atomic.Int32
	most   atomic.Int32 // at once
}

func (s *switchable) serve(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	if n := s.inside.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	defer s.inside.Add(-1)
	if s.down.Load() {
		<-r.Context().Done()
		return
	}
	body, _ := s.answer.Load().(string)
	if body == "" {
		body = `{"openid":"o","session_key":"k","access_token":"t","expires_in":7200}`
	}
	_, _ = io.WriteString(w, body)
}

func withBreaker(t *testing.T, s *switchable, seen *observed) *wechat.Client {
	t.Helper()
	cfg := config(baseURL, direct{s.serve})
	cfg.BreakerFailures = 0 // the default, 5
	if seen != nil {
		cfg.Observe = seen.observe
	}
	return newClient(t, cfg)
}

func TestWhileWeChatIsDownALoginIsAnsweredAtOnceAndOneProbeAtATimeFindsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s switchable
		seen := &observed{}
		c := withBreaker(t, &s, seen)
		login := func() error { _, err := c.CodeToSession(background(), appID, "code"); return err }
		require.NoError(t, login())
		s.down.Store(true)
		for range 5 {
			require.ErrorIs(t, login(), providers.ErrUnavailable)
		}
		calls, start := s.calls.Load(), time.Now()
		for range 100 {
			err := login()
			require.ErrorIs(t, err, providers.ErrUnavailable)
			var e *providers.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, 5*time.Second, e.RetryAfter)
		}
		require.Zero(t, time.Since(start), "nobody waits")
		require.Equal(t, calls, s.calls.Load(), "and nobody calls")
		require.Contains(t, seen.list(), observation{"jscode2session", 0, "circuit_open"})

		time.Sleep(3 * time.Second)
		var e *providers.Error
		require.ErrorAs(t, login(), &e)
		require.Equal(t, 2*time.Second, e.RetryAfter, "what is left")

		// Half open, still down: one probe, all others are answered at once.
		time.Sleep(2*time.Second + time.Millisecond)
		s.most.Store(0)
		calls = s.calls.Load()
		var wg sync.WaitGroup
		var waited atomic.Int32
		for range 50 {
			wg.Go(func() {
				start := time.Now()
				_ = login()
				if time.Since(start) > 0 {
					waited.Add(1)
				}
			})
		}
		wg.Wait()
		require.Equal(t, calls+1, s.calls.Load())
		require.Equal(t, int32(1), s.most.Load())
		require.Equal(t, int32(1), waited.Load())

		// Back again: the next probe closes the circuit for all.
		s.down.Store(false)
		time.Sleep(5*time.Second + time.Millisecond)
		require.NoError(t, login())
		for range 50 {
			require.NoError(t, login())
		}
	})
}

func TestAnAPIThatIsDownDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, func() wechat.Config {
			cfg := config(baseURL, direct{func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case pathPhone:
					w.WriteHeader(http.StatusBadGateway)
				default:
					_, _ = io.WriteString(w, `{"openid":"o","session_key":"k","access_token":"t","expires_in":7200}`)
				}
			}})
			cfg.BreakerFailures = 5
			return cfg
		}())
		for range 10 {
			_, err := c.PhoneNumber(background(), appID, "", "code")
			require.ErrorIs(t, err, providers.ErrUnavailable)
		}
		_, err := c.PhoneNumber(background(), appID, "", "code")
		require.ErrorContains(t, err, "circuit")
		_, err = c.CodeToSession(background(), appID, "code")
		require.NoError(t, err)
	})
}

func TestWhatUsersAndOperatorsDoWrongOpensNoCircuit(t *testing.T) {
	for _, body := range []string{
		`{"errcode":40029}`, `{"errcode":40163}`, `{"errcode":40226}`, `{"errcode":45011}`, `{"errcode":40125}`, `{"errcode":99999}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			var s switchable
			s.answer.Store(body)
			c := withBreaker(t, &s, nil)
			for range 100 {
				_, err := c.CodeToSession(background(), appID, "code")
				require.Error(t, err)
				require.NotContains(t, err.Error(), "circuit", body)
			}
			require.Equal(t, int32(100), s.calls.Load())
		})
	}
}

func TestCallersWhoGoAwayNeitherOpenNorCloseACircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s switchable
		c := withBreaker(t, &s, nil)
		s.down.Store(true)
		goAway := func() {
			ctx, cancel := context.WithTimeout(background(), time.Hour)
			time.AfterFunc(time.Second, cancel)
			_, err := c.CodeToSession(ctx, appID, "code")
			require.ErrorIs(t, err, context.Canceled)
		}
		for range 30 {
			goAway()
		}
		s.down.Store(false)
		_, err := c.CodeToSession(background(), appID, "code")
		require.NoError(t, err)

		s.down.Store(true)
		for range 5 {
			_, err = c.CodeToSession(background(), appID, "code")
			require.ErrorIs(t, err, providers.ErrUnavailable)
		}
		time.Sleep(5*time.Second + time.Millisecond)
		goAway() // as the probe: the next one may probe at once …
		_, err = c.CodeToSession(background(), appID, "code")
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.NotContains(t, err.Error(), "circuit")
		_, err = c.CodeToSession(background(), appID, "code")
		require.ErrorContains(t, err, "circuit", "… for the circuit was not closed")
		time.Sleep(5*time.Second + time.Millisecond)
		goAway()
		s.down.Store(false)
		_, err = c.CodeToSession(background(), appID, "code")
		require.NoError(t, err)
	})
}

func TestALongMinusOneOpensTheCircuitToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s switchable
		s.answer.Store(`{"errcode":-1,"errmsg":"system error"}`)
		c := withBreaker(t, &s, nil)
		for i := range 60 {
			_, err := c.CodeToSession(background(), appID, "code")
			require.ErrorIs(t, err, providers.ErrUnavailable)
			if i < 3 { // the fifth -1, which opens it, is the first of the third login
				require.ErrorIs(t, err, providers.ErrBusy, "what WeChat said, not what the circuit did")
			}
			time.Sleep(time.Second)
		}
		require.Less(t, s.calls.Load(), int32(20), "ten minutes of -1 are not answered by twice as many calls")
		s.answer.Store("")
		time.Sleep(5 * time.Second)
		_, err := c.CodeToSession(background(), appID, "code")
		require.NoError(t, err)
	})
}

func TestHalfOfManyCallsFailingOpensTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		cfg := config(baseURL, direct{func(w http.ResponseWriter, _ *http.Request) {
			if n++; n%2 == 0 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			_, _ = io.WriteString(w, `{"openid":"o","session_key":"k"}`)
		}})
		cfg.BreakerFailures = 5
		c := newClient(t, cfg)
		for range 100 {
			_, _ = c.CodeToSession(background(), appID, "code")
		}
		require.Equal(t, 20, n)
	})
}
