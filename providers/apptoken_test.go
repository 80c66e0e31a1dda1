package providers_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

// issuer is a platform that hands out the app tokens "t1", "t2" and so on, and has one
// call that needs the newest of them.
type issuer struct {
	*platform
	caller *providers.Caller
	token  *providers.AppToken
	clock  standin.Clock
	life   atomic.Int64 // seconds
	issued atomic.Int32
	// instead answers a request for a token in the place of the platform.
	instead atomic.Pointer[http.HandlerFunc]
	refuse  atomic.Bool // every token
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.life.Store(7200)
	i.platform = newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		switch h := i.instead.Load(); {
		case r.URL.Path == tokens.Path && h != nil:
			(*h)(w, r)
		case r.URL.Path == tokens.Path:
			_, _ = fmt.Fprintf(w, `{"access_token":"t%d","expires_in":%d}`, i.issued.Add(1), i.life.Load())
		case i.refuse.Load() || r.URL.Query().Get("token") != fmt.Sprintf("t%d", i.issued.Load()):
			_, _ = io.WriteString(w, errcode(codeToken))
		default:
			_, _ = io.WriteString(w, `{"name":"alice"}`)
		}
	})
	i.caller = newCaller(t, i.url, providers.Config{Now: i.clock.Now, Rand: func() float64 { return 0.5 }}) // renews 150 s before the end
	i.token = i.caller.NewAppToken(tokens, func(ctx context.Context) (string, time.Duration, error) {
		f, err := i.caller.Call(ctx, providers.Request{API: tokens})
		if err != nil {
			return "", 0, err
		}
		seconds, _ := f.Integer("expires_in")
		return f.Text("access_token"), time.Duration(seconds) * time.Second, nil
	})
	return i
}

func (i *issuer) get(t *testing.T) (string, error) {
	t.Helper()
	value, _, err := i.token.Get(t.Context())
	return value, err
}

func (i *issuer) mustGet(t *testing.T) string {
	t.Helper()
	value, err := i.get(t)
	require.NoError(t, err)
	return value
}

func (i *issuer) answer(h http.HandlerFunc) { i.instead.Store(&h) }

func (i *issuer) profile(t *testing.T) (providers.Fields, error) {
	t.Helper()
	return i.caller.CallWithToken(t.Context(), i.token, func(token string) providers.Request {
		return providers.Request{API: profile, Query: url.Values{"token": {token}}}
	})
}

func TestConcurrentCallersShareOneFetch(t *testing.T) {
	i := newIssuer(t)
	proceed := make(chan struct{})
	i.answer(func(w http.ResponseWriter, _ *http.Request) {
		<-proceed
		_, _ = io.WriteString(w, `{"access_token":"t1","expires_in":7200}`)
	})
	var wg sync.WaitGroup
	got := make(chan string, 50)
	for range 50 {
		wg.Go(func() {
			value, _, err := i.token.Get(t.Context())
			if err != nil {
				value = err.Error()
			}
			got <- value
		})
	}
	require.Eventually(t, func() bool { return i.hits.Load() > 0 }, 5*time.Second, time.Millisecond)
	close(proceed)
	wg.Wait()
	close(got)
	for value := range got {
		require.Equal(t, "t1", value)
	}
	require.EqualValues(t, 1, i.hits.Load())
}

func TestACallerWhoGivesUpDoesNotEndTheFetchOfOthers(t *testing.T) {
	i := newIssuer(t)
	arrived, proceed := make(chan struct{}, 1), make(chan struct{})
	i.answer(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-proceed
		_, _ = io.WriteString(w, `{"access_token":"t1","expires_in":7200}`)
	})
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, _, err := i.token.Get(ctx)
		gaveUp <- err
	}()
	<-arrived
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)
	close(proceed)
	require.Equal(t, "t1", i.mustGet(t))
	require.EqualValues(t, 1, i.hits.Load())
}

func TestATokenIsRenewedBeforeItsEndWithoutAnybodyWaiting(t *testing.T) {
	i := newIssuer(t)
	asked := i.clock.Now()
	value, expires, err := i.token.Get(t.Context())
	require.NoError(t, err)
	require.Equal(t, "t1", value)
	require.WithinDuration(t, asked.Add(7200*time.Second), expires, time.Minute)
	i.clock.Move((7200 - 180) * time.Second)
	require.Equal(t, "t1", i.mustGet(t))
	require.EqualValues(t, 1, i.issued.Load(), "not yet")

	i.clock.Move(60 * time.Second)
	require.Equal(t, "t1", i.mustGet(t), "the old one still works")
	require.Eventually(t, func() bool { return i.mustGet(t) == "t2" }, 5*time.Second, time.Millisecond)
	require.EqualValues(t, 2, i.issued.Load())
}

func TestATokenOfAShortLifeIsRenewedAtHalfOfIt(t *testing.T) {
	i := newIssuer(t)
	i.life.Store(60)
	require.Equal(t, "t1", i.mustGet(t))
	i.clock.Move(20 * time.Second)
	require.Equal(t, "t1", i.mustGet(t))
	require.EqualValues(t, 1, i.issued.Load(), "it is not asked for with every call")
	i.clock.Move(60 * time.Second)
	require.Equal(t, "t2", i.mustGet(t), "past its end it is waited for")
}

func TestAFailedRenewalKeepsTheTokenAndDoesNotHammer(t *testing.T) {
	i := newIssuer(t)
	require.Equal(t, "t1", i.mustGet(t))
	i.answer(says(502, "<html>"))
	i.clock.Move((7200 - 120) * time.Second)
	require.Equal(t, "t1", i.mustGet(t))
	require.Eventually(t, func() bool { return i.hits.Load() == 2 }, 5*time.Second, time.Millisecond)
	time.Sleep(50 * time.Millisecond) // the failure is noted just after the response
	for range 20 {
		require.Equal(t, "t1", i.mustGet(t))
	}
	require.EqualValues(t, 2, i.hits.Load())

	i.instead.Store(nil)
	i.clock.Move(6 * time.Second)
	require.Eventually(t, func() bool { return i.mustGet(t) == "t2" }, 5*time.Second, time.Millisecond)
}

func TestAnExpiredTokenIsNeverReturned(t *testing.T) {
	for _, at := range []time.Duration{7201 * time.Second, 7198 * time.Second} {
		i := newIssuer(t)
		require.Equal(t, "t1", i.mustGet(t))
		i.answer(says(502, "<html>"))
		i.clock.Move(at)
		_, _ = i.get(t) // starts a renewal, which fails
		require.Eventually(t, func() bool { return i.hits.Load() == 2 }, 5*time.Second, time.Millisecond)
		time.Sleep(50 * time.Millisecond) // the failure is noted just after the response
		i.clock.Move(3 * time.Second)
		for range 3 {
			_, err := i.get(t)
			require.ErrorIs(t, err, providers.ErrUnavailable, "renewal failed at %s", at)
		}
		i.instead.Store(nil)
		require.Equal(t, "t2", i.mustGet(t))
	}
}

func TestAFailedFetchIsNotKept(t *testing.T) {
	i := newIssuer(t)
	for body, want := range map[string]error{
		errcode(codeRejected):                          providers.ErrRejectedApp,
		errcode(codeLimited):                           providers.ErrRateLimited,
		"<html>":                                       providers.ErrUnavailable,
		`{"access_token":"","expires_in":7200}`:        providers.ErrUnexpected,
		`{"access_token":"t","expires_in":0}`:          providers.ErrUnexpected,
		`{"access_token":"t","expires_in":-1}`:         providers.ErrUnexpected,
		`{"access_token":"t"}`:                         providers.ErrUnexpected,
		`{"access_token":"t\u0000","expires_in":7200}`: providers.ErrUnexpected,
		`{"access_token":"` + strings.Repeat("x", 513) + `","expires_in":7200}`: providers.ErrUnexpected,
	} {
		i.answer(says(200, body))
		_, err := i.get(t)
		require.ErrorIs(t, err, want, body)
		_, err = i.profile(t)
		require.ErrorIs(t, err, want, body)
	}
	i.instead.Store(nil)
	require.Equal(t, "t1", i.mustGet(t), "at once")
}

func TestWaitingForATokenIsPartOfTheBudget(t *testing.T) {
	i := newIssuer(t)
	proceed := make(chan struct{})
	defer close(proceed)
	i.answer(func(http.ResponseWriter, *http.Request) { <-proceed })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := i.token.Get(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, providers.ErrUnavailable)
}

func TestARefusedTokenIsFetchedAnewAndTheCallMadeAgain(t *testing.T) {
	i := newIssuer(t)
	f, err := i.profile(t)
	require.NoError(t, err)
	require.Equal(t, "alice", f.Text("name"))
	i.issued.Add(1) // another process got "t2", which ends "t1"
	f, err = i.profile(t)
	require.NoError(t, err)
	require.Equal(t, "alice", f.Text("name"))
	require.EqualValues(t, 3, i.issued.Load())
	require.EqualValues(t, 2+3, i.hits.Load(), "refused, fetched, made again")
	require.Equal(t, "t3", i.mustGet(t))
}

func TestManyRefusedCallsFetchOneNewToken(t *testing.T) {
	i := newIssuer(t)
	require.Equal(t, "t1", i.mustGet(t))
	i.issued.Add(1)
	failed := make(chan error, 20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := i.profile(t)
			failed <- err
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, i.issued.Load(), "a token that has been replaced is not dropped")
}

func TestATokenThatIsRefusedTwiceIsTriedNoFurther(t *testing.T) {
	i := newIssuer(t)
	i.refuse.Store(true)
	_, err := i.profile(t)
	require.ErrorIs(t, err, providers.ErrUnexpected)
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.Equal(t, "a new app token was refused as well", asError(t, err).Reason)
	require.Positive(t, asError(t, err).RetryAfter)
	require.EqualValues(t, 4, i.hits.Load())
	i.refuse.Store(false)
	_, err = i.profile(t)
	require.NoError(t, err)
}
