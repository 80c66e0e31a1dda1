package wechat_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestTheAccessTokenIsFetchedOnceForAllWhoAskAtTheSameMoment(t *testing.T) {
	p := newPair(t)
	p.fake.SetFault(fakewechat.Fault{Path: pathToken, Delay: 50 * time.Millisecond, After: true})
	var wg sync.WaitGroup
	tokens := make([]string, 50)
	for i := range tokens {
		wg.Go(func() {
			s, err := p.client.AccessToken(background(), appID)
			if err == nil {
				tokens[i] = s.Reveal()
			}
		})
	}
	wg.Wait()
	for _, s := range tokens {
		require.Len(t, s, 512, "the longest that WeChat announces")
		require.Equal(t, tokens[0], s)
	}
	require.Equal(t, 1, count(p.fake, pathToken))
	other, err := p.client.AccessToken(background(), soloID)
	require.NoError(t, err)
	require.NotEqual(t, tokens[0], other.Reveal(), "each app has its own")
}

func TestACallerWhoGivesUpDoesNotEndTheFetchForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(2 * time.Second):
				fake.Handler().ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		}}))
		first, cancel := context.WithCancel(background())
		var firstErr, secondErr error
		var wg sync.WaitGroup
		wg.Go(func() { _, firstErr = c.AccessToken(first, appID) })
		synctest.Wait()
		wg.Go(func() { _, secondErr = c.AccessToken(background(), appID) })
		synctest.Wait()
		cancel()
		wg.Wait()
		require.ErrorIs(t, firstErr, context.Canceled)
		require.NoError(t, secondErr)
		require.Equal(t, 1, count(fake, pathToken))
	})
}

func TestTheAccessTokenIsKeptUntilShortlyBeforeItsEndAndThenRenewedBehindTheScenes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		c := newClient(t, config(baseURL, direct{fake.Handler().ServeHTTP})) // Rand gives 0.5: 150 s before the end
		first, err := c.AccessToken(background(), appID)
		require.NoError(t, err)
		time.Sleep(7200*time.Second - 151*time.Second)
		again, err := c.AccessToken(background(), appID)
		require.NoError(t, err)
		require.Equal(t, first.Reveal(), again.Reveal())
		require.Equal(t, 1, count(fake, pathToken))

		time.Sleep(2 * time.Second)
		again, err = c.AccessToken(background(), appID)
		require.NoError(t, err)
		require.Equal(t, first.Reveal(), again.Reveal(), "nobody waits: the old one still works")
		synctest.Wait()
		require.Equal(t, 2, count(fake, pathToken))
		again, err = c.AccessToken(background(), appID)
		require.NoError(t, err)
		require.NotEqual(t, first.Reveal(), again.Reveal())
		require.Equal(t, 2, count(fake, pathToken))
	})
}

func TestARenewalThatFailsLeavesTheOldTokenInUseAndDoesNotHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		c := newClient(t, config(baseURL, direct{fake.Handler().ServeHTTP}))
		first, err := c.AccessToken(background(), appID)
		require.NoError(t, err)
		time.Sleep(7200*time.Second - 149*time.Second)
		fake.SetFault(fakewechat.Fault{Path: pathToken, Body: "html"})
		for range 100 {
			again, err := c.AccessToken(background(), appID)
			require.NoError(t, err)
			require.Equal(t, first.Reveal(), again.Reveal())
			synctest.Wait()
		}
		require.Equal(t, 2, count(fake, pathToken))
		time.Sleep(150 * time.Second)
		_, err = c.AccessToken(background(), appID)
		require.ErrorIs(t, err, providers.ErrUnavailable, "past its end it is not used")
	})
}

func TestATokenOfUnusualLengthIsNeitherAskedForAllTheTimeNorKeptForEver(t *testing.T) {
	for _, c := range []struct {
		expiresIn string
		kept      time.Duration
	}{{"60", 29 * time.Second}, {"1000000000000", 7200*time.Second - 151*time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			client := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, _ *http.Request) {
				calls++
				_, _ = io.WriteString(w, `{"access_token":"t","expires_in":`+c.expiresIn+`}`)
			}}))
			ask := func() {
				_, err := client.AccessToken(background(), appID)
				require.NoError(t, err)
				synctest.Wait()
			}
			ask()
			time.Sleep(c.kept)
			ask()
			require.Equal(t, 1, calls)
			time.Sleep(2 * time.Second)
			ask()
			require.Equal(t, 2, calls)
		})
	}
}

func TestPodsShareOneTokenWithoutALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		pods := make([]*wechat.Client, 8)
		for i := range pods {
			cfg := config(baseURL, direct{fake.Handler().ServeHTTP})
			cfg.Rand = func() float64 { return float64(i) / 8 }
			pods[i] = newClient(t, cfg)
		}
		// Four hours, a phone number every 20 seconds by each pod: none is ever
		// told that its token is not the latest.
		for range 4 * 180 {
			for i, pod := range pods {
				code, err := fake.PhoneCode(appID, fmt.Sprint("user", i))
				require.NoError(t, err)
				_, err = pod.PhoneNumber(background(), appID, "", code)
				require.NoError(t, err)
			}
			time.Sleep(20 * time.Second)
		}
		for _, c := range fake.Calls() {
			require.Zero(t, c.Errcode)
		}
	})
}

func TestARefusedAccessTokenIsFetchedAnewAndTheCallTriedOnceMore(t *testing.T) {
	for _, errcode := range []int{40001, 40014, 42001} {
		p := newPair(t)
		_, err := p.client.AccessToken(background(), appID)
		require.NoError(t, err)
		p.fake.ResetCalls()
		p.fake.SetFault(fakewechat.Fault{Path: pathPhone, Errcode: errcode, Count: 1})
		_, err = p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
		require.NoError(t, err, "%d", errcode)
		require.Equal(t, []string{pathPhone, pathToken, pathPhone}, paths(p.fake))
	}
}

func TestATokenThatWeChatReplacedOrThatRanOutIsReplacedHere(t *testing.T) {
	p := newPair(t)
	_, err := p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
	require.NoError(t, err)
	require.NoError(t, p.fake.SupersedeToken(appID))
	_, err = p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
	require.NoError(t, err)
	p.fake.MoveClock(2*time.Hour + time.Second) // WeChat's clock alone
	_, err = p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
	require.NoError(t, err)
	require.Equal(t, []string{pathToken, pathPhone, pathPhone, pathToken, pathPhone, pathPhone, pathToken, pathPhone}, paths(p.fake))
	var errcodes []int
	for _, o := range p.seen.list() {
		errcodes = append(errcodes, o.errcode)
	}
	require.Equal(t, []int{0, 0, 40001, 0, 0, 42001, 0, 0}, errcodes, "metrics see each of them")
}

func TestATokenRefusedTwiceIsTriedNoFurther(t *testing.T) {
	for _, errcode := range []int{40001, 40014, 42001} {
		p := newPair(t)
		p.fake.SetFault(fakewechat.Fault{Path: pathPhone, Errcode: errcode})
		_, err := p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
		require.ErrorIs(t, err, providers.ErrUnexpected)
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.NotErrorIs(t, err, providers.ErrRejectedApp)
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, strconv.Itoa(errcode), e.Code)
		require.Equal(t, []string{pathToken, pathPhone, pathToken, pathPhone}, paths(p.fake))
	}
}

func TestATokenIsDroppedOnlyWhileItIsTheOneThatFailed(t *testing.T) {
	// Of two calls with the same superseded token, one is answered late: by
	// then the other has fetched a new token, which must survive.
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		var slow atomic.Bool
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, r *http.Request) {
			late := r.URL.Path == pathPhone && slow.CompareAndSwap(true, false)
			fake.Handler().ServeHTTP(w, r)
			if late {
				time.Sleep(2 * time.Second)
			}
		}}))
		phone := func() error {
			code, err := fake.PhoneCode(appID, "alice")
			require.NoError(t, err)
			_, err = c.PhoneNumber(background(), appID, "", code)
			return err
		}
		require.NoError(t, phone())
		require.NoError(t, fake.SupersedeToken(appID))
		fake.ResetCalls()
		slow.Store(true)
		var wg sync.WaitGroup
		var lateErr error
		wg.Go(func() { lateErr = phone() })
		synctest.Wait()
		require.NoError(t, phone())
		wg.Wait()
		require.NoError(t, lateErr)
		require.Equal(t, 1, count(fake, pathToken))
	})
}

func TestManyCallsWithASupersededTokenFetchOneNewOne(t *testing.T) {
	p := newPair(t)
	_, err := p.client.AccessToken(background(), appID)
	require.NoError(t, err)
	require.NoError(t, p.fake.SupersedeToken(appID))
	p.fake.ResetCalls()
	p.fake.SetFault(fakewechat.Fault{Path: pathToken, Delay: 100 * time.Millisecond, After: true})
	var wg sync.WaitGroup
	var failed atomic.Int32
	for range 20 {
		code := p.phoneCode(t, "alice")
		wg.Go(func() {
			if _, err := p.client.PhoneNumber(background(), appID, "", code); err != nil {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	require.Zero(t, failed.Load())
	require.Equal(t, 1, count(p.fake, pathToken))
}

func TestASecretThatIsRefusedIsTheOperatorsAffair(t *testing.T) {
	p := newPair(t)
	p.fake.AddApp(appID, "another secret", platform)
	_, err := p.client.AccessToken(background(), appID)
	require.ErrorIs(t, err, providers.ErrRejectedApp)
	_, err = p.client.PhoneNumber(background(), appID, "", "code")
	require.ErrorIs(t, err, providers.ErrRejectedApp)
	p.fake.SetFault(fakewechat.Fault{Path: pathToken, Errcode: 40001})
	p.fake.ResetCalls()
	_, err = p.client.PhoneNumber(background(), appID, "", "code")
	require.ErrorIs(t, err, providers.ErrRejectedApp, "40001 for a secret is not the 40001 for a token")
	require.Equal(t, []string{pathToken}, paths(p.fake))
}

func TestATokenAnswerThatLacksItsPartsIsRefused(t *testing.T) {
	for _, body := range []string{
		`{}`, `{"access_token":"t"}`, `{"expires_in":7200}`, `{"access_token":"","expires_in":7200}`, `{"access_token":"a b","expires_in":7200}`,
		`{"access_token":"t","expires_in":0}`, `{"access_token":"t","expires_in":-1}`, `{"access_token":7,"expires_in":7200}`,
		`{"access_token":"` + strings.Repeat("t", 513) + `","expires_in":7200}`,
	} {
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }}))
		_, err := c.AccessToken(background(), appID)
		require.ErrorIs(t, err, providers.ErrUnexpected, body)
	}
	for _, body := range []string{
		`{"access_token":"t","expires_in":7200}`, `{"access_token":"t","expires_in":"7200","errcode":"0"}`,
	} {
		c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }}))
		s, err := c.AccessToken(background(), appID)
		require.NoError(t, err, body)
		require.Equal(t, "t", s.Reveal())
	}
}

func TestAPhoneNumberComesWithItsCountry(t *testing.T) {
	p := newPair(t)
	p.fake.SetUser(fakewechat.User{Name: "alice", Phone: "13800001111"})
	p.fake.SetUser(fakewechat.User{Name: "bob", Phone: "51234567", CountryCode: "852"})
	got, err := p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
	require.NoError(t, err)
	require.Equal(t, wechat.Phone{Number: "13800001111", PureNumber: "13800001111", CountryCode: "86"}, got)
	got, err = p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "bob"))
	require.NoError(t, err)
	require.Equal(t, wechat.Phone{Number: "+85251234567", PureNumber: "51234567", CountryCode: "852"}, got)
}

func TestAPhoneCodeOfAnotherPersonIsRefusedAndGoodStill(t *testing.T) {
	p := newPair(t)
	code := p.phoneCode(t, "alice")
	_, err := p.client.PhoneNumber(background(), appID, fakewechat.OpenID(appID, "bob"), code)
	require.ErrorIs(t, err, providers.ErrInvalidCode)
	_, err = p.client.PhoneNumber(background(), appID, fakewechat.OpenID(appID, "alice"), code)
	require.NoError(t, err)
}

func TestARefusedPhoneCodeIsTheUsersMistakeAndARefusedAppTheOperators(t *testing.T) {
	p := newPair(t)
	for errcode, want := range map[int]error{
		40013: providers.ErrInvalidCode, 40029: providers.ErrInvalidCode, 40003: providers.ErrInvalidCode, 49999: providers.ErrInvalidCode,
		45011: providers.ErrRateLimited, 48001: providers.ErrRejectedApp, 45009: providers.ErrRejectedApp, 40164: providers.ErrRejectedApp,
		-1: providers.ErrBusy, -500: providers.ErrUnexpected,
	} {
		id := p.fake.SetFault(fakewechat.Fault{Path: pathPhone, Errcode: errcode})
		_, err := p.client.PhoneNumber(background(), appID, "", p.phoneCode(t, "alice"))
		require.ErrorIs(t, err, want, "%d", errcode)
		p.fake.ClearFault(id)
	}
	id := p.fake.SetFault(fakewechat.Fault{Path: pathLogin, Errcode: 40013})
	_, err := p.client.CodeToSession(background(), appID, p.login(t, "alice"))
	require.ErrorIs(t, err, providers.ErrRejectedApp, "at a login 40013 still is about the app")
	p.fake.ClearFault(id)
}

func TestAPhoneCodeWorksOnceAndForFiveMinutes(t *testing.T) {
	p := newPair(t)
	code := p.phoneCode(t, "alice")
	_, err := p.client.PhoneNumber(background(), soloID, "", code)
	require.ErrorIs(t, err, providers.ErrInvalidCode, "another app's")
	_, err = p.client.PhoneNumber(background(), appID, "", code)
	require.NoError(t, err)
	_, err = p.client.PhoneNumber(background(), appID, "", code)
	require.ErrorIs(t, err, providers.ErrInvalidCode, "for phone codes 40029 also means used")
	late := p.phoneCode(t, "alice")
	p.fake.MoveClock(5*time.Minute + time.Second)
	_, err = p.client.PhoneNumber(background(), appID, "", late)
	require.ErrorIs(t, err, providers.ErrInvalidCode)
	_, err = p.client.PhoneNumber(background(), appID, "", p.login(t, "alice"))
	require.ErrorIs(t, err, providers.ErrInvalidCode, "a login code is none")
}

func TestAPhoneNumberIsTakenAsDocumentedAndAsSent(t *testing.T) {
	answer := func(info string) *wechat.Client {
		return newClient(t, config(baseURL, direct{func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == pathToken {
				_, _ = io.WriteString(w, `{"access_token":"t","expires_in":7200}`)
				return
			}
			_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok","phone_info":`+info+`}`)
		}}))
	}
	for _, country := range []string{`86`, `"86"`} { // a number on the page, a string in reality
		got, err := answer(`{"phoneNumber":"1","purePhoneNumber":"1","countryCode":`+country+`,"watermark":{"appid":"`+appID+`"}}`).
			PhoneNumber(background(), appID, "", "code")
		require.NoError(t, err)
		require.Equal(t, "86", got.CountryCode)
	}
	for _, info := range []string{
		`null`, `{}`, `[]`, `{"phoneNumber":"1","countryCode":"86","watermark":{"appid":"` + appID + `"}}`,
		`{"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86"}`,
		`{"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86","watermark":{"appid":"` + soloID + `"}}`,
	} {
		_, err := answer(info).PhoneNumber(background(), appID, "", "code")
		require.ErrorIs(t, err, providers.ErrUnexpected, info)
	}
}

func TestASessionKeyIsCheckedAndReset(t *testing.T) {
	p := newPair(t)
	s, err := p.client.CodeToSession(background(), appID, p.login(t, "alice"))
	require.NoError(t, err)
	valid, err := p.client.CheckSessionKey(background(), appID, s.OpenID, s.SessionKey)
	require.NoError(t, err)
	require.True(t, valid)

	fresh, err := p.client.ResetSessionKey(background(), appID, s.OpenID, s.SessionKey)
	require.NoError(t, err)
	require.NotEqual(t, s.SessionKey.Reveal(), fresh.Reveal())
	valid, err = p.client.CheckSessionKey(background(), appID, s.OpenID, s.SessionKey)
	require.NoError(t, err)
	require.False(t, valid)
	valid, err = p.client.CheckSessionKey(background(), appID, s.OpenID, fresh)
	require.NoError(t, err)
	require.True(t, valid)
	_, err = p.client.ResetSessionKey(background(), appID, s.OpenID, s.SessionKey)
	require.ErrorIs(t, err, providers.ErrStaleSessionKey)

	require.NoError(t, p.fake.RenewKey(appID, "alice")) // the client's doing, at any time
	valid, err = p.client.CheckSessionKey(background(), appID, s.OpenID, fresh)
	require.NoError(t, err)
	require.False(t, valid)
}

func TestAnOutageIsNoStaleSessionKey(t *testing.T) {
	p := newPair(t)
	p.fake.SetFault(fakewechat.Fault{Path: pathCheck, Body: "html"})
	valid, err := p.client.CheckSessionKey(background(), appID, "openid", wechat.NewSessionKey("k"))
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.False(t, valid)
	p.fake.ClearFaults()
	valid, err = p.client.CheckSessionKey(background(), appID, "nobody", wechat.NewSessionKey("k"))
	require.ErrorIs(t, err, providers.ErrUnexpected, "40003: it is our record that is wrong")
	require.False(t, valid)
}

func TestAResetThatNamesAnotherUserIsRefused(t *testing.T) {
	p := newPair(t)
	s, err := p.client.CodeToSession(background(), appID, p.login(t, "alice"))
	require.NoError(t, err)
	p.fake.SetFault(fakewechat.Fault{Path: pathReset, Omit: []string{"openid"}})
	_, err = p.client.ResetSessionKey(background(), appID, s.OpenID, s.SessionKey)
	require.ErrorIs(t, err, providers.ErrUnexpected)
}

func paths(fake *fakewechat.Server) []string {
	var out []string
	for _, c := range fake.Calls() {
		out = append(out, c.Path)
	}
	return out
}
