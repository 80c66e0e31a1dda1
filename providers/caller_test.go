package providers_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
)

func TestARequestArrivesWhole(t *testing.T) {
	type arrived struct {
		method, code, agent, kind, extra, body string
		length                                 int64
		params                                 int
	}
	got := make(chan arrived, 1)
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- arrived{
			r.Method, r.URL.Query().Get("code"), r.UserAgent(), r.Header.Get("Content-Type"), r.Header.Get("X-Extra"),
			string(body), r.ContentLength, len(r.URL.Query()),
		}
		_, _ = io.WriteString(w, `{"openid":"o1"}`)
	})
	c := newCaller(t, p.url+"/", providers.Config{})

	f, err := call(t, c, "a&secret=b+/= c")
	require.NoError(t, err)
	require.Equal(t, "o1", f.Text("openid"))
	require.Equal(t, arrived{method: "GET", code: "a&secret=b+/= c", agent: "wugan", params: 1}, <-got)

	for kind, body := range map[string]*providers.Body{
		"application/json": providers.JSON(map[string]string{"a": "b"}),
		"application/x-www-form-urlencoded;charset=utf-8": providers.Form(url.Values{"a": {"b&c"}}),
	} {
		_, err = c.Call(t.Context(), providers.Request{API: tokens, Body: body, Header: http.Header{"X-Extra": {"e"}}})
		require.NoError(t, err)
		require.Equal(t, arrived{
			method: "POST", agent: "wugan", kind: kind, extra: "e", body: string(body.Data), length: int64(len(body.Data)),
		}, <-got, "a body of known length")
	}
}

func TestWithoutABaseACallGoesToItsOwnHost(t *testing.T) {
	p := newPlatform(t, says(200, `{"a":1}`))
	c := newCaller(t, "", providers.Config{})
	own := login
	own.Host = p.url
	_, err := c.Call(t.Context(), providers.Request{API: own})
	require.NoError(t, err)
	own.Host = "http://not a host"
	_, err = c.Call(t.Context(), providers.Request{API: own})
	require.ErrorIs(t, err, providers.ErrUnexpected)
	require.NotContains(t, err.Error(), "not a host")
	require.EqualValues(t, 1, p.hits.Load())
}

func TestABaseIsTheAddressOfAHost(t *testing.T) {
	for _, good := range []string{"https://api.example.com", "http://127.0.0.1:8080/", "https://example.com/prefix"} {
		require.NoError(t, providers.CheckBase(good), good)
	}
	for _, bad := range []string{
		"example.com", "ftp://example.com", "https://", "https://u:hunter2@example.com", "https://example.com?a=hunter2",
		"https://example.com#hunter2", "https://hunter2\x7f",
		"https://example.com?", "https://example.com#", "https://:443",
	} {
		_, err := providers.NewCaller("example", bad, nil, providers.Config{})
		require.ErrorContains(t, err, "http(s)://host", bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestACallEndsWithinItsBudget(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"no response": hang,
		"a body that does not end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"openid":`)
			w.(http.Flusher).Flush()
			hang(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t, h)
			start := time.Now()
			_, err := call(t, newCaller(t, p.url, providers.Config{Timeout: 100 * time.Millisecond}), "c")
			require.ErrorIs(t, err, providers.ErrUnavailable)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, time.Since(start), 4*time.Second)
			require.Positive(t, asError(t, err).RetryAfter)
			require.EqualValues(t, 1, p.hits.Load(), "a code is not sent again")
		})
	}
}

func TestAPauseThatDoesNotFitTheBudgetIsNotWaitedFor(t *testing.T) {
	p := newPlatform(t, says(200, errcode(codeBusy)))
	start := time.Now()
	_, err := call(t, newCaller(t, p.url, providers.Config{Timeout: 10 * time.Second, BusyPause: time.Minute}), "c")
	require.ErrorIs(t, err, providers.ErrBusy)
	require.Less(t, time.Since(start), 5*time.Second)
	require.EqualValues(t, 1, p.hits.Load())
}

func TestACallerWhoGoesAwayIsNoOutage(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{"during the exchange": hang, "during the pause": says(200, errcode(codeBusy))} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
				time.AfterFunc(50*time.Millisecond, cancel)
				h(w, r)
			})
			_, err := newCaller(t, p.url, providers.Config{BusyPause: 2 * time.Second}).Call(ctx, providers.Request{API: login})
			require.EqualValues(t, 1, p.hits.Load())
			if name == "during the pause" {
				require.ErrorIs(t, err, providers.ErrBusy, "the response that there was")
				return
			}
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, providers.ErrUnavailable)
		})
	}
}

func TestABusyPlatformIsAskedOnceMoreAfterAPause(t *testing.T) {
	arrived := make(chan time.Time, 2)
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- time.Now()
		if len(arrived) == 1 {
			says(200, errcode(codeBusy))(w, r)
			return
		}
		says(200, `{"openid":"o"}`)(w, r)
	})
	c := newCaller(t, p.url, providers.Config{BusyPause: 40 * time.Millisecond, Rand: func() float64 { return 0.5 }})
	f, err := call(t, c, "c")
	require.NoError(t, err)
	require.Equal(t, "o", f.Text("openid"))
	require.EqualValues(t, 2, p.hits.Load())
	first := <-arrived
	require.Greater(t, (<-arrived).Sub(first), 50*time.Millisecond, "the pause and half as much again")
}

func TestOnlyBusyIsAskedAgainAndOnlyOnce(t *testing.T) {
	for body, asked := range map[string]int32{
		errcode(codeBusy): 2, errcode(codeInvalid): 1, errcode(codeLimited): 1, errcode(codeRejected): 1, errcode(99999): 1, "<html>": 1, "": 1,
	} {
		p := newPlatform(t, says(200, body))
		_, err := call(t, newCaller(t, p.url, providers.Config{}), "c")
		require.Error(t, err)
		require.Equal(t, asked, p.hits.Load(), body)
	}
}

// A connection that dies after the request was written leaves open whether the code was
// used up. net/http would write such a request again.
func TestACodeIsWrittenOnceWhenAKeptConnectionDies(t *testing.T) {
	twice := login
	twice.Once = false
	for name, c := range map[string]struct {
		api  providers.API
		hits int32
	}{"a code": {login, 2}, "without Once net/http writes again": {twice, 3}} {
		t.Run(name, func(t *testing.T) {
			var p *platform
			p = newPlatform(t, func(w http.ResponseWriter, _ *http.Request) {
				if p.hits.Load() == 2 {
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, `{"openid":"o"}`)
			})
			caller := newCaller(t, p.url, providers.Config{})
			_, err := caller.Call(t.Context(), providers.Request{API: c.api})
			require.NoError(t, err)
			_, err = caller.Call(t.Context(), providers.Request{API: c.api})
			if c.api.Once {
				require.ErrorIs(t, err, providers.ErrUnavailable)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.hits, p.hits.Load())
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := newPlatform(t, says(200, `{"openid":"o"}`))
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.url, status) })
		_, err := call(t, newCaller(t, p.url, providers.Config{}), "c")
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.Equal(t, status, asError(t, err).Status)
	}
	require.Zero(t, elsewhere.hits.Load(), "the secret would go with it")
}

func TestAResponseIsReadByItsBodyAndItsStatus(t *testing.T) {
	long := `{"openid":"` + strings.Repeat("x", 64<<10) + `"}`
	for _, c := range []struct {
		status int
		body   string
		kind   providers.Kind
		reason string
	}{
		{200, "", providers.KindUnavailable, "not a JSON object"},
		{200, "<html>busy</html>", providers.KindUnavailable, "not a JSON object"},
		{200, "[]", providers.KindUnavailable, "not a JSON object"},
		{200, "null", providers.KindUnavailable, "not a JSON object"},
		{200, `{"openid":"o"} more`, providers.KindUnavailable, "not a JSON object"},
		{200, `{"openid":`, providers.KindUnavailable, "not a JSON object"},
		{200, long, providers.KindUnavailable, "too long"},
		{404, "<html>", providers.KindUnexpected, "not a JSON object"},
		{412, "", providers.KindUnexpected, "not a JSON object"},
		{502, "<html>", providers.KindUnavailable, "not a JSON object"},
		{201, `{"openid":"o"}`, providers.KindUnexpected, "not by the status"},
		{403, `{"openid":"o"}`, providers.KindUnexpected, "not by the status"},
		{500, `{"openid":"o"}`, providers.KindUnavailable, "not by the status"},
		{500, errcode(codeInvalid), providers.KindInvalidCode, ""},
		{200, errcode(codeLimited), providers.KindRateLimited, ""},
		{200, errcode(12345), providers.KindUnexpected, ""},
		{200, `{"errcode":"forty"}`, providers.KindUnexpected, "not a number"},
	} {
		p := newPlatform(t, says(c.status, c.body))
		f, err := call(t, newCaller(t, p.url, providers.Config{}), "c")
		require.Nil(t, f)
		e := asError(t, err)
		require.Equal(t, c.kind, e.Kind, "%d %.40s", c.status, c.body)
		require.Contains(t, e.Reason, c.reason)
		require.Equal(t, "example", e.Provider)
		require.Equal(t, "login", e.API)
		if c.status == 200 {
			require.Zero(t, e.Status)
		} else {
			require.Equal(t, c.status, e.Status)
		}
	}
}

func TestABodyOfTheLargestSizeIsReadWhole(t *testing.T) {
	body := `{"openid":""}`
	body = strings.Replace(body, `""`, `"`+strings.Repeat("x", 64<<10-len(body))+`"`, 1)
	p := newPlatform(t, says(200, body))
	f, err := call(t, newCaller(t, p.url, providers.Config{}), "c")
	require.NoError(t, err)
	require.Len(t, f.Text("openid"), 64<<10-len(`{"openid":""}`))
}

func TestEveryExchangeIsObserved(t *testing.T) {
	var seen observations
	answers := make(chan string, 3)
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) { says(200, <-answers)(w, r) })
	clock := time.Unix(1000, 0)
	c := newCaller(t, p.url, providers.Config{
		Observe: seen.observe,
		Now:     func() time.Time { clock = clock.Add(time.Second); return clock },
	})
	for _, body := range []string{`{"openid":"o"}`, errcode(codeInvalid), "<html>"} {
		answers <- body
		_, _ = call(t, c, "c") // what it returns is tested above
	}
	require.Equal(t, []providers.Observation{
		{Provider: "example", API: "login", Code: "0", Outcome: "ok", Took: time.Second},
		{Provider: "example", API: "login", Code: "40029", Outcome: "invalid_code", Took: time.Second},
		{Provider: "example", API: "login", Code: "0", Outcome: "unavailable", Took: time.Second},
	}, seen.seen)
	require.Equal(t, clock.Add(time.Second), c.Now())
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAroundWrapsTheTransport(t *testing.T) {
	p := newPlatform(t, says(200, `{"a":1}`))
	var inner, outer int
	c := newCaller(t, p.url, providers.Config{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) { inner++; return providers.NewTransport().RoundTrip(r) }),
		Around: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) { outer++; return next.RoundTrip(r) })
		},
	})
	_, err := call(t, c, "c")
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{inner, outer})
}

func TestWhatCannotBeACodeIsRefusedWithoutACall(t *testing.T) {
	c := newCaller(t, "", providers.Config{})
	for _, good := range []string{"c", "码", strings.Repeat("码", providers.MaxCode)} {
		require.NoError(t, c.CheckCode(login, good))
	}
	for _, bad := range []string{"", "a\nb", "a\x00", "\xff", strings.Repeat("x", providers.MaxCode+1)} {
		err := c.CheckCode(login, bad)
		require.ErrorIs(t, err, providers.ErrInvalidCode)
		require.NotErrorIs(t, err, providers.ErrUnavailable)
	}
}

func TestIDsAndCodesOfAPlatformAreBounded(t *testing.T) {
	for id, want := range map[string]bool{
		"oABC-_123": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "": false, "a b": false, "a\n": false, "码": false,
	} {
		require.Equal(t, want, providers.PlausibleID(id), id)
	}
	require.Equal(t, "ACQ.INVALID_code-1", providers.CleanCode("ACQ.INVALID_code-1"))
	for _, free := range []string{"", "secret=hunter2", "a b", strings.Repeat("x", 65)} {
		require.Equal(t, "other", providers.CleanCode(free))
	}
}
