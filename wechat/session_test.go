package wechat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestALoginCodeBecomesTheOpenIDOfItsUserInItsApp(t *testing.T) {
	p := newPair(t)
	s, err := p.client.CodeToSession(background(), appID, p.login(t, "alice"))
	require.NoError(t, err)
	require.Equal(t, fakewechat.OpenID(appID, "alice"), s.OpenID)
	require.Equal(t, fakewechat.UnionID(platform, "alice"), s.UnionID)
	key, err := p.fake.SessionKey(appID, "alice")
	require.NoError(t, err)
	require.Equal(t, key, s.SessionKey.Reveal())
	require.Equal(t, []observation{{"jscode2session", 0, "ok"}}, p.seen.list())
}

func TestAnAppWithoutOpenPlatformAccountHasNoUnionID(t *testing.T) {
	p := newPair(t)
	s, err := p.client.CodeToSession(background(), soloID, "dev:alice")
	require.NoError(t, err)
	require.Empty(t, s.UnionID)
	require.NotEmpty(t, s.OpenID)
}

func TestACodeWorksOnceAndForFiveMinutesAndInItsOwnApp(t *testing.T) {
	p := newPair(t)
	code := p.login(t, "alice")
	_, err := p.client.CodeToSession(background(), soloID, code)
	require.ErrorIs(t, err, providers.ErrInvalidCode)
	_, err = p.client.CodeToSession(background(), appID, code)
	require.NoError(t, err)
	_, err = p.client.CodeToSession(background(), appID, code)
	require.ErrorIs(t, err, providers.ErrCodeUsed)
	late := p.login(t, "alice")
	p.fake.MoveClock(5*time.Minute + time.Second)
	_, err = p.client.CodeToSession(background(), appID, late)
	require.ErrorIs(t, err, providers.ErrInvalidCode)
}

func TestWhatWeChatNeverIssuedIsRefusedWithoutACall(t *testing.T) {
	p := newPair(t)
	for _, code := range []string{"", strings.Repeat("a", 257), "a\nb", "a\x00b", "\xff", "a\u202eb", "\t"} {
		_, err := p.client.CodeToSession(background(), appID, code)
		require.ErrorIs(t, err, providers.ErrInvalidCode, "%q", code)
		_, err = p.client.PhoneNumber(background(), appID, "", code)
		require.ErrorIs(t, err, providers.ErrInvalidCode, "%q", code)
	}
	require.Empty(t, p.fake.Calls())
	_, err := p.client.CodeToSession(background(), appID, strings.Repeat("a", 256))
	require.ErrorIs(t, err, providers.ErrInvalidCode)
	require.Len(t, p.fake.Calls(), 1, "256 characters are sent")
}

func TestAnAppThatIsNotConfiguredIsUnknownWithoutACall(t *testing.T) {
	p := newPair(t)
	_, err := p.client.CodeToSession(background(), "wxother", "code")
	require.ErrorIs(t, err, providers.ErrUnknownApp)
	_, err = p.client.PhoneNumber(background(), "wxother", "", "code")
	require.ErrorIs(t, err, providers.ErrUnknownApp)
	_, err = p.client.CheckSessionKey(background(), "wxother", "openid", wechat.NewSessionKey("k"))
	require.ErrorIs(t, err, providers.ErrUnknownApp)
	_, err = p.client.ResetSessionKey(background(), "wxother", "openid", wechat.NewSessionKey("k"))
	require.ErrorIs(t, err, providers.ErrUnknownApp)
	_, err = p.client.AccessToken(background(), "wxother")
	require.ErrorIs(t, err, providers.ErrUnknownApp)
	require.NotErrorIs(t, err, providers.ErrUnavailable)
	require.Empty(t, p.fake.Calls())
	require.Equal(t, []string{appID, soloID}, p.client.AppIDs())
	require.True(t, p.client.HasApp(appID))
	require.False(t, p.client.HasApp("wxother"))
}

func TestACodeCannotInjectParameters(t *testing.T) {
	p := newPair(t) // the stand-in fails the test at a duplicate parameter
	for _, code := range []string{"x&secret=stolen", "x&appid=" + soloID, "a+b/c==", "a%26secret=b", "a#b", "a;b", "你好"} {
		_, err := p.client.CodeToSession(background(), appID, code)
		require.ErrorIs(t, err, providers.ErrInvalidCode, code)
		calls := p.fake.Calls()
		require.Equal(t, code, calls[len(calls)-1].Code, "it arrives as it was given")
		require.Equal(t, appID, calls[len(calls)-1].AppID)
	}
}

// Each errcode of the documentation, and what it means for who asks.
func TestEveryErrcodeHasItsMeaning(t *testing.T) {
	for _, c := range []struct {
		errcode int
		is      error
		retry   time.Duration
		calls   int
	}{
		{-1, providers.ErrBusy, 2 * time.Second, 2},
		{40029, providers.ErrInvalidCode, 0, 1},
		{41008, providers.ErrInvalidCode, 0, 1},
		{40163, providers.ErrCodeUsed, 0, 1},
		{40226, providers.ErrUserBlocked, 0, 1},
		{45011, providers.ErrRateLimited, time.Minute, 1},
		{40013, providers.ErrRejectedApp, 0, 1},
		{40125, providers.ErrRejectedApp, 0, 1},
		{41002, providers.ErrRejectedApp, 0, 1},
		{41004, providers.ErrRejectedApp, 0, 1},
		{40243, providers.ErrRejectedApp, 0, 1},
		{40164, providers.ErrRejectedApp, 0, 1},
		{45009, providers.ErrRejectedApp, 0, 1},
		{48001, providers.ErrRejectedApp, 0, 1},
		{40001, providers.ErrRejectedApp, 0, 1}, // about the secret: this call carries no token
		{47001, providers.ErrUnexpected, 2 * time.Second, 1},
		{99999, providers.ErrUnexpected, 2 * time.Second, 1},
		{-7, providers.ErrUnexpected, 2 * time.Second, 1},
	} {
		for _, asText := range []bool{false, true} {
			p := newPair(t)
			p.fake.SetFault(fakewechat.Fault{Path: pathLogin, Errcode: c.errcode, StringErrcode: asText})
			_, err := p.client.CodeToSession(background(), appID, p.login(t, "alice"))
			require.ErrorIs(t, err, c.is, "%d", c.errcode)
			var e *providers.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, strconv.Itoa(c.errcode), e.Code)
			require.Equal(t, "jscode2session", e.API)
			require.Equal(t, c.retry, e.RetryAfter, "%d", c.errcode)
			require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`, e.RequestID, "whatever the tail of errmsg looks like")
			require.Equal(t, c.calls, count(p.fake, pathLogin), "%d", c.errcode)
			for _, o := range p.seen.list() {
				require.Equal(t, observation{"jscode2session", c.errcode, e.Kind.String()}, o)
			}
			for _, other := range []error{
				providers.ErrInvalidCode, providers.ErrCodeUsed, providers.ErrUserBlocked, providers.ErrRateLimited,
				providers.ErrBusy, providers.ErrRejectedApp, providers.ErrUnknownApp, providers.ErrUnexpected, providers.ErrStaleSessionKey, providers.ErrDecrypt,
			} {
				require.Equal(t, errors.Is(c.is, other), errors.Is(err, other), "%d is only %v", c.errcode, c.is)
			}
			outage := errors.Is(c.is, providers.ErrBusy) || errors.Is(c.is, providers.ErrUnexpected)
			require.Equal(t, outage, errors.Is(err, providers.ErrUnavailable), "%d", c.errcode)
		}
	}
}

func TestTheAddressToAllowIsNamedToTheOperator(t *testing.T) {
	p := newPair(t)
	p.fake.SetFault(fakewechat.Fault{Errcode: 40164})
	_, err := p.client.CodeToSession(background(), appID, "code")
	require.ErrorContains(t, err, "203.0.113.7")
}

func TestAnAnswerIsReadByItsBodyAlone(t *testing.T) {
	for name, fault := range map[string]fakewechat.Fault{
		"text/plain, as the service sends it": {},
		"another type":                        {ContentType: "text/html; charset=gb2312"},
		"errcode 0 as a string":               {StringErrcode: true},
		"unknown fields":                      {UnknownFields: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.fake.SetFault(fault)
			s, err := p.client.CodeToSession(background(), appID, p.login(t, "alice"))
			require.NoError(t, err)
			require.Equal(t, fakewechat.OpenID(appID, "alice"), s.OpenID)
		})
	}
}

func TestABrokenAnswerIsAnOutageAndTheCodeIsNotSentAgain(t *testing.T) {
	for name, fault := range map[string]fakewechat.Fault{
		"502 with HTML":                {Body: "html"},
		"504 with HTML":                {Status: 504},
		"500 with a success in it":     {Status: 500, Body: "truncated"},
		"200 with HTML":                {Body: "html", Status: 200},
		"empty":                        {Body: "empty"},
		"empty after use":              {Body: "empty", After: true},
		"truncated":                    {Body: "truncated"},
		"cut in the body":              {Body: "cut"},
		"closed before use":            {Connection: "close"},
		"closed after use":             {Connection: "close", After: true},
		"reset before use":             {Connection: "reset"},
		"reset after use":              {Connection: "reset", After: true},
		"a success without openid":     {Omit: []string{"openid"}},
		"a success without a key":      {Omit: []string{"session_key"}},
		"a success without either":     {Omit: []string{"openid", "session_key"}},
		"an HTTP status and unchanged": {Status: 502, Body: "cut"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			// A connection that was used before is the dangerous one.
			_, err := p.client.CodeToSession(background(), appID, p.login(t, "bob"))
			require.NoError(t, err)
			p.fake.ResetCalls()
			p.fake.SetFault(fault)
			_, err = p.client.CodeToSession(background(), appID, p.login(t, "alice"))
			require.ErrorIs(t, err, providers.ErrUnavailable)
			require.NotErrorIs(t, err, providers.ErrBusy)
			var e *providers.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, 2*time.Second, e.RetryAfter)
			require.Equal(t, 1, count(p.fake, pathLogin))
		})
	}
}

func TestAnAnswerOfAnotherShapeIsNoSession(t *testing.T) {
	for _, body := range []string{
		`null`, `[]`, `"text"`, `7`, `{}`, `{"errcode":{}}`, `{"errcode":"abc"}`, `{"errcode":1.5}`, `{"errcode":""}`,
		`{"openid":7,"session_key":"k"}`, `{"openid":"o","session_key":null}`, `{"openid":"","session_key":"k"}`,
		`{"OpenID":"o","session_key":"k"}`, `{"openid":"a b","session_key":"k"}`, `{"openid":"o","session_key":"k"} x`,
		`{"openid":"` + strings.Repeat("o", 129) + `","session_key":"k"}`, `{"openid":"o","session_key":"k","unionid":"\u0000"}`,
		`{"openid":"o","session_key":"k","padding":"` + strings.Repeat("x", 70<<10) + `"}`,
	} {
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }}))
		_, err := c.CodeToSession(background(), appID, "code")
		require.ErrorIs(t, err, providers.ErrUnavailable, body)
	}
	for _, body := range []string{
		`{"openid":"o","session_key":"k"}`, `{"errcode":null,"openid":"o","session_key":"k"}`, ` {"errcode":"0","openid":"o","session_key":"k"}` + "\n",
	} {
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }}))
		s, err := c.CodeToSession(background(), appID, "code")
		require.NoError(t, err, body)
		require.Equal(t, "o", s.OpenID)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var asked int
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(elsewhere.Close)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)
	c := newClient(t, config(srv.URL, nil))
	_, err := c.CodeToSession(background(), appID, "code")
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.Zero(t, asked, "the secret goes nowhere else")
}

func TestBusyIsTriedOnceMoreAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		cfg := config(baseURL, direct{fake.Handler().ServeHTTP})
		cfg.BusyPause = 200 * time.Millisecond
		c := newClient(t, cfg)
		fake.SetFault(fakewechat.Fault{Path: pathLogin, Errcode: -1, Count: 1})
		code, err := fake.Login(appID, "alice")
		require.NoError(t, err)
		start := time.Now()
		_, err = c.CodeToSession(background(), appID, code)
		require.NoError(t, err)
		require.Equal(t, 300*time.Millisecond, time.Since(start), "200 ms and half as much again, by the given randomness")

		fake.SetFault(fakewechat.Fault{Path: pathLogin, Errcode: -1})
		fake.ResetCalls()
		_, err = c.CodeToSession(background(), appID, code)
		require.ErrorIs(t, err, providers.ErrBusy)
		require.Equal(t, 2, count(fake, pathLogin))
	})
}

func TestALoginWaitsForFiveSecondsInAll(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, config(baseURL, direct{hang}))
		start := time.Now()
		_, err := c.CodeToSession(background(), appID, "code")
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls > 1 {
				hang(w, r)
				return
			}
			time.Sleep(4 * time.Second)
			_, _ = io.WriteString(w, `{"errcode":-1}`)
		}}))
		start := time.Now()
		_, err := c.CodeToSession(background(), appID, "code")
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.Equal(t, 5*time.Second, time.Since(start), "the repetition is within the five seconds")
		require.Equal(t, 2, calls)
	})
	synctest.Test(t, func(t *testing.T) {
		cfg := config(baseURL, direct{func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(4900 * time.Millisecond)
			_, _ = io.WriteString(w, `{"errcode":-1}`)
		}})
		cfg.BusyPause = 200 * time.Millisecond
		seen := &observed{}
		cfg.Observe = seen.observe
		start := time.Now()
		_, err := newClient(t, cfg).CodeToSession(background(), appID, "code")
		require.ErrorIs(t, err, providers.ErrBusy)
		require.Equal(t, 4900*time.Millisecond, time.Since(start), "no pause that leaves no time to ask")
		require.Len(t, seen.list(), 1)
	})
	synctest.Test(t, func(t *testing.T) {
		// A token and a phone number share the five seconds.
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == pathToken {
				time.Sleep(3 * time.Second)
				_, _ = io.WriteString(w, `{"access_token":"t","expires_in":7200}`)
				return
			}
			hang(w, r)
		}}))
		start := time.Now()
		_, err := c.PhoneNumber(background(), appID, "", "code")
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestACallerWhoGoesAwayIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, config(baseURL, direct{func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}))
		ctx, cancel := context.WithCancel(background())
		time.AfterFunc(time.Second, cancel)
		_, err := c.CodeToSession(ctx, appID, "code")
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, providers.ErrUnavailable)
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, providers.KindCanceled, e.Kind)
	})
}

func TestAConfigurationThatCannotWorkIsRefusedWithoutPrintingASecret(t *testing.T) {
	good := wechat.App{ID: appID, Secret: wechat.NewSecret(appSecret)}
	for _, cfg := range []wechat.Config{
		{},
		{Apps: []wechat.App{{ID: appID}}},
		{Apps: []wechat.App{{Secret: wechat.NewSecret(appSecret)}}},
		{Apps: []wechat.App{good, good}},
		{Apps: []wechat.App{good}, BaseURL: "api.weixin.qq.com"},
		{Apps: []wechat.App{good}, BaseURL: "ftp://api.weixin.qq.com"},
		{Apps: []wechat.App{good}, BaseURL: "https://user:" + appSecret + "@host"},
		{Apps: []wechat.App{good}, BaseURL: "https://host?secret=" + appSecret},
		{Apps: []wechat.App{good}, BaseURL: "https://host/#" + appSecret},
		{Apps: []wechat.App{good}, BaseURL: "https://ho st" + appSecret + "\x00"},
	} {
		_, err := wechat.New(cfg)
		require.Error(t, err)
		require.NotContains(t, err.Error(), appSecret)
	}
	_, err := wechat.New(wechat.Config{Apps: []wechat.App{good}})
	require.NoError(t, err)
}
