package fakewechat_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

// try makes a login call that may fail, on a connection of its own.
func (w world) try(code string) (reply, error) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+pathLogin+"?"+url.Values{
		"appid": {appID}, "secret": {secret}, "js_code": {code}, "grant_type": {"authorization_code"},
	}.Encode(), nil)
	require.NoError(w.t, err)
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return reply{status: res.StatusCode, typ: res.Header.Get("Content-Type"), raw: string(b)}, err
}

func TestEachFaultDoesWhatItSaysBeforeOrAfterTheCodeIsUsed(t *testing.T) {
	html := func(status int) func(*require.Assertions, reply, error) {
		return func(is *require.Assertions, r reply, err error) {
			is.NoError(err)
			is.Equal(status, r.status)
			is.Equal("text/html", r.typ)
			is.Contains(r.raw, "<html>")
		}
	}
	broken := func(is *require.Assertions, _ reply, err error) { is.Error(err) }
	reset := func(is *require.Assertions, _ reply, err error) {
		is.ErrorIs(err, syscall.ECONNRESET)
	}
	good := func(is *require.Assertions, r reply, err error) {
		is.NoError(err)
		is.Equal(200, r.status)
		is.Contains(r.raw, `"openid":"`+fakewechat.OpenID(appID, "alice"))
	}
	for name, c := range map[string]struct {
		fault fakewechat.Fault
		want  func(*require.Assertions, reply, error)
		used  bool
	}{
		"errcode": {fakewechat.Fault{Errcode: -1}, func(is *require.Assertions, r reply, err error) {
			is.NoError(err)
			is.Contains(r.raw, `"errcode":-1,"errmsg":"system error`)
			is.Equal("text/plain", r.typ)
		}, false},
		"errcode after": {fakewechat.Fault{Errcode: -1, After: true}, func(is *require.Assertions, r reply, err error) {
			is.NoError(err)
			is.Contains(r.raw, `"errcode":-1`)
		}, true},
		"errcode as text": {fakewechat.Fault{Errcode: 40029, StringErrcode: true}, func(is *require.Assertions, r reply, err error) {
			is.NoError(err)
			is.Contains(r.raw, `"errcode":"40029"`)
		}, false},
		"zero as text": {fakewechat.Fault{StringErrcode: true}, func(is *require.Assertions, r reply, err error) {
			good(is, r, err)
			is.Contains(r.raw, `"errcode":"0"`)
		}, true},
		"delay":            {fakewechat.Fault{Delay: time.Millisecond}, good, true},
		"delay after":      {fakewechat.Fault{Delay: time.Millisecond, After: true}, good, true},
		"close":            {fakewechat.Fault{Connection: "close"}, broken, false},
		"close after":      {fakewechat.Fault{Connection: "close", After: true}, broken, true},
		"reset":            {fakewechat.Fault{Connection: "reset"}, reset, false},
		"reset after":      {fakewechat.Fault{Connection: "reset", After: true}, reset, true},
		"html":             {fakewechat.Fault{Body: "html"}, html(502), false},
		"html after":       {fakewechat.Fault{Body: "html", After: true}, html(502), true},
		"html with status": {fakewechat.Fault{Body: "html", Status: 504}, html(504), false},
		"status":           {fakewechat.Fault{Status: 503}, html(503), false},
		"empty": {fakewechat.Fault{Body: "empty"}, func(is *require.Assertions, r reply, err error) {
			is.NoError(err)
			is.Equal(200, r.status)
			is.Empty(r.raw)
		}, false},
		"truncated": {fakewechat.Fault{Body: "truncated"}, func(is *require.Assertions, r reply, err error) {
			is.NoError(err, "nothing tells")
			is.Equal(byte('{'), r.raw[0])
			is.NotEqual(byte('}'), r.raw[len(r.raw)-1])
		}, true},
		"cut": {fakewechat.Fault{Body: "cut"}, func(is *require.Assertions, r reply, err error) {
			is.ErrorIs(err, io.ErrUnexpectedEOF)
			is.NotEmpty(r.raw)
		}, true},
		"type": {fakewechat.Fault{ContentType: "application/xml"}, func(is *require.Assertions, r reply, err error) {
			good(is, r, err)
			is.Equal("application/xml", r.typ)
		}, true},
		"unknown fields": {fakewechat.Fault{UnknownFields: true}, func(is *require.Assertions, r reply, err error) {
			good(is, r, err)
			is.Contains(r.raw, `"future_field"`)
		}, true},
		"omit": {fakewechat.Fault{Omit: []string{"openid", "session_key"}}, func(is *require.Assertions, r reply, err error) {
			is.NoError(err)
			is.NotContains(r.raw, "openid")
			is.NotContains(r.raw, "session_key")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, fakewechat.Options{})
			code := w.login("alice")
			c.fault.Count = 1
			id := w.SetFault(c.fault)
			r, err := w.try(code)
			c.want(require.New(t), r, err)
			calls := w.Calls()
			require.Len(t, calls, 1)
			require.Equal(t, id, calls[0].Fault)
			require.Equal(t, c.used, calls[0].Processed)
			require.Equal(t, r.status, map[bool]int{true: calls[0].Status, false: 0}[r.status != 0])
			after := w.exchange(code)
			require.Equal(t, c.used, after.errcode() == 40163, "used: %v", after.raw)
			require.Empty(t, w.Faults(), "it was to strike once")
		})
	}
}

func TestADelayThatIsNotWaitedForUsesTheCodeOnlyIfItComesAfter(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := start(t, fakewechat.Options{})
		code := w.login("alice")
		w.SetFault(fakewechat.Fault{Delay: time.Minute, After: after, Count: 1})
		client := http.Client{Timeout: 50 * time.Millisecond}
		res, err := client.Get(w.url + pathLogin + "?" + url.Values{"appid": {appID}, "secret": {secret}, "js_code": {code}, "grant_type": {"authorization_code"}}.Encode())
		if err == nil {
			_ = res.Body.Close()
		}
		require.Error(t, err)
		require.Eventually(t, func() bool { return len(w.Calls()) == 1 }, 5*time.Second, 5*time.Millisecond)
		require.Equal(t, after, w.exchange(code).errcode() == 40163)
	}
}

func TestAFaultStrikesWhereAndAsOftenAsItIsTold(t *testing.T) {
	w := start(t, fakewechat.Options{})
	id := w.SetFault(fakewechat.Fault{Path: pathToken, AppID: solo, Errcode: -1, Count: 2})
	require.Zero(t, w.token("").errcode(), "another app")
	require.Zero(t, w.exchange(w.login("alice")).errcode(), "another path")
	soloToken := `{"grant_type":"client_credential","appid":"` + solo + `","secret":"` + secret + `"}`
	require.Equal(t, -1, w.post(pathToken, soloToken).errcode())
	require.Equal(t, 1, w.Faults()[0].Count, "what is left")
	require.Equal(t, -1, w.post(pathToken, soloToken).errcode())
	token := w.post(pathToken, soloToken)
	require.Zero(t, token.errcode())
	require.False(t, w.ClearFault(id), "it is gone")

	// By the app of an access token, too.
	id = w.SetFault(fakewechat.Fault{Path: pathPhone, AppID: solo, Errcode: -1})
	require.Equal(t, -1, w.phone(token.body["access_token"].(string), "x").errcode())
	require.Equal(t, 40029, w.phone(w.token("").body["access_token"].(string), "x").errcode())
	require.True(t, w.ClearFault(id))
	w.SetFault(fakewechat.Fault{Errcode: -1})
	w.ClearFaults()
	require.Zero(t, w.token("").errcode())
}

func TestAProbabilityIsTheSameForTheSameSeed(t *testing.T) {
	run := func() string {
		var pattern []byte
		w := start(t, fakewechat.Options{Seed: 3})
		w.SetFault(fakewechat.Fault{Path: pathToken, Errcode: -1, Probability: 0.3})
		for range 200 {
			if w.token("").errcode() == -1 {
				pattern = append(pattern, 'x')
			} else {
				pattern = append(pattern, '.')
			}
		}
		return string(pattern)
	}
	first := run()
	require.Equal(t, first, run())
	struck := 0
	for _, c := range first {
		if c == 'x' {
			struck++
		}
	}
	require.InDelta(t, 60, struck, 25)
}

func TestASupersededTokenIsRefusedByTheCallThatMeetsTheFault(t *testing.T) {
	w := start(t, fakewechat.Options{})
	token := w.token("").body["access_token"].(string)
	w.SetFault(fakewechat.Fault{Path: pathPhone, Supersede: true, Count: 1})
	require.Equal(t, 40001, w.phone(token, "x").errcode())
	require.Equal(t, 40001, w.phone(token, "x").errcode())
	require.Equal(t, 40029, w.phone(w.token("").body["access_token"].(string), "x").errcode())
}

func TestAFaultThatCannotBeIsRefused(t *testing.T) {
	w := start(t, fakewechat.Options{})
	for _, f := range []fakewechat.Fault{
		{Path: "/none"}, {Probability: 2}, {Probability: -1}, {Count: -1}, {Delay: -1}, {Connection: "explode"}, {Body: "xml"}, {Status: 100}, {Status: 700},
	} {
		require.Panics(t, func() { w.SetFault(f) }, "%+v", f)
	}
}

func TestWithoutAConnectionToBreakTheHandlerAborts(t *testing.T) {
	// As behind HTTP/2, where nothing can be hijacked.
	w := start(t, fakewechat.Options{})
	w.SetFault(fakewechat.Fault{Connection: "reset"})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		w.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, pathLogin, nil))
	})
}

func TestARefusingStandInDoesNotListenUntilItDoesAgain(t *testing.T) {
	s := fakewechat.New(fakewechat.Options{})
	ln, err := s.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: s.Handler()} //nolint:gosec // a test's own
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	get := func() error {
		res, err := http.Get("http://" + ln.Addr().String() + "/")
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	require.NoError(t, get())
	require.NoError(t, s.Refuse(t.Context(), true))
	require.NoError(t, s.Refuse(t.Context(), true), "twice is once")
	http.DefaultClient.CloseIdleConnections()
	require.ErrorIs(t, get(), syscall.ECONNREFUSED)
	require.NoError(t, s.Refuse(t.Context(), false))
	require.NoError(t, get())
	require.NoError(t, s.Refuse(t.Context(), true))
	require.NoError(t, srv.Close())
	require.ErrorIs(t, <-done, http.ErrServerClosed)
	require.NoError(t, s.Refuse(t.Context(), false), "a server that has ended stays ended")
	require.Error(t, get())
	_, err = s.Listen(t.Context(), "tcp", "nowhere:-1")
	require.Error(t, err)
}
