package qq_test

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/qq"
	"github.com/wugan/wugan/providers/qq/fakeqq"
	"github.com/wugan/wugan/providers/standin"
)

const (
	appID     = "1110000001"
	appSecret = "q-secret-0123456789"
	otherApp  = "1110000002"
)

// pair is a provider and the stand-in that it talks to over HTTP.
type pair struct {
	fake     *fakeqq.Server
	provider providers.Provider
	clock    *standin.Clock
}

func newPair(t *testing.T) pair {
	t.Helper()
	return pairWith(t, appSecret)
}

func pairWith(t *testing.T, secretOfClient string) pair {
	t.Helper()
	p := pair{clock: &standin.Clock{}}
	p.fake = fakeqq.New(standin.Options{Now: p.clock.Now, DevCodes: true})
	p.fake.SetApp(fakeqq.App{ID: appID, Secret: appSecret})
	p.fake.SetApp(fakeqq.App{ID: otherApp, Secret: appSecret})
	server := httptest.NewServer(p.fake.Handler())
	t.Cleanup(server.Close)
	var err error
	p.provider, err = providers.Registry{qq.Registration}.New(
		providers.App{ID: appID, Provider: "qq", Secret: secret.New(secretOfClient), APIURL: server.URL},
		providers.Config{Now: p.clock.Now, BusyPause: time.Millisecond, BreakerFailures: 1000})
	require.NoError(t, err)
	return p
}

func TestACodeOfQQNamesAPersonOnce(t *testing.T) {
	p := newPair(t)
	code := p.fake.Login(appID, "alice")
	i, err := p.provider.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, fakeqq.OpenID(appID, "alice"), i.Subject)
	require.Equal(t, fakeqq.UnionID("alice"), i.UnionID)
	require.Equal(t, fakeqq.SessionKey(appID, "alice"), i.SessionKey.Reveal())

	_, err = p.provider.Exchange(t.Context(), code)
	require.ErrorIs(t, err, providers.ErrInvalidCode, "used")
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(otherApp, "alice"))
	require.ErrorIs(t, err, providers.ErrInvalidCode, "of another app")
	late := p.fake.Login(appID, "alice")
	p.clock.Move(5 * time.Minute)
	_, err = p.provider.Exchange(t.Context(), late)
	require.ErrorIs(t, err, providers.ErrInvalidCode, "expired")

	asked := len(p.fake.Calls())
	for _, never := range []string{"", "a\nb", strings.Repeat("x", 257)} {
		_, err = p.provider.Exchange(t.Context(), never)
		require.ErrorIs(t, err, providers.ErrInvalidCode)
	}
	require.Len(t, p.fake.Calls(), asked, "what QQ never issued is not sent")
}

func TestAnAppWithoutAUnionIDLogsIn(t *testing.T) {
	p := newPair(t)
	p.fake.SetApp(fakeqq.App{ID: appID, Secret: appSecret, NoUnionID: true})
	i, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "alice"))
	require.NoError(t, err)
	require.Empty(t, i.UnionID)
}

func TestErrorsOfQQHaveTheirMeaning(t *testing.T) {
	p := newPair(t)
	for body, want := range map[string]error{
		`{"errcode":40029,"errmsg":""}`: providers.ErrInvalidCode,
		`{"errcode":"40029"}`:           providers.ErrInvalidCode,
		`{"errcode":45011}`:             providers.ErrRateLimited,
		`{"errcode":-101222100}`:        providers.ErrRejectedApp,
		`{"errcode":-1}`:                providers.ErrUnavailable,
		`{"errcode":-1009,"errmsg":"","openid":"","session_key":"","uin":"","unionid":""}`: providers.ErrUnexpected,
		`{"errcode":40163}`: providers.ErrUnexpected,
		`{"errcode":true}`:  providers.ErrUnexpected,
		`{"errcode":0,"errmsg":"","openid":"","session_key":"","uin":"","unionid":""}`:              providers.ErrUnexpected,
		`{"openid":"A","session_key":""}`:                                                           providers.ErrUnexpected,
		`{"errcode":0,"openid":"A B","session_key":"k"}`:                                            providers.ErrUnexpected,
		`{"errcode":0,"openid":"A","session_key":"k","unionid":"` + strings.Repeat("u", 200) + `"}`: providers.ErrUnexpected,
		`<html>busy</html>`: providers.ErrUnavailable,
		`[]`:                providers.ErrUnavailable,
	} {
		p.fake.SetFault(standin.Fault{Status: 200, Body: body, Count: 1})
		code := p.fake.Login(appID, "alice")
		before := len(p.fake.Calls())
		_, err := p.provider.Exchange(t.Context(), code)
		require.ErrorIs(t, err, want, body)
		require.NotContains(t, err.Error(), appSecret)
		require.NotContains(t, err.Error(), code)
		require.Len(t, p.fake.Calls(), before+1, "a code is sent once: %s", body)
	}
	_, err := pairWith(t, "another secret").provider.Exchange(t.Context(), "x")
	require.ErrorIs(t, err, providers.ErrRejectedApp)
}

func TestACodeOfQQIsSentOnceWhateverBreaks(t *testing.T) {
	p := newPair(t)
	// A kept connection that breaks tempts net/http to write the request again.
	_, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "alice"))
	require.NoError(t, err)
	p.fake.SetFault(standin.Fault{Count: 1})
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appID, "alice"))
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.Len(t, p.fake.Calls(), 2)
	p.fake.SetFault(standin.Fault{Status: 502, Body: "<html>", Count: 1})
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appID, "alice"))
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.Len(t, p.fake.Calls(), 3)
}

func TestOneUserLogsInAHundredTimesAMinute(t *testing.T) {
	p := newPair(t)
	for range 100 {
		_, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "alice"))
		require.NoError(t, err)
	}
	_, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "alice"))
	require.ErrorIs(t, err, providers.ErrRateLimited)
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appID, "bob"))
	require.NoError(t, err)
}

func TestDataOfQQIsReadWithTheKeyAndForTheAppItWasMadeFor(t *testing.T) {
	p := newPair(t)
	reader := p.provider.(providers.Decrypter)
	key := secret.New(fakeqq.SessionKey(appID, "alice"))
	data := p.fake.Encrypt(appID, "alice", map[string]any{"nickName": "爱丽丝"})
	plain, err := reader.Decrypt(key, data.Data, data.IV)
	require.NoError(t, err)
	require.Contains(t, string(plain), "爱丽丝")

	_, err = reader.Decrypt(secret.New(fakeqq.SessionKey(appID, "bob")), data.Data, data.IV)
	require.Equal(t, providers.ErrDecrypt, err, "of another person")
	foreign := standin.EncryptMarked(otherApp, key.Reveal(), p.fake.Now(), nil)
	_, err = reader.Decrypt(key, foreign.Data, foreign.IV)
	require.Equal(t, providers.ErrDecrypt, err, "of another app")
	raw, _ := base64.StdEncoding.DecodeString(data.Data)
	raw[len(raw)-1] ^= 1
	_, err = reader.Decrypt(key, base64.StdEncoding.EncodeToString(raw), data.IV)
	require.Equal(t, providers.ErrDecrypt, err, "changed on the way")
	_, phone := p.provider.(providers.PhoneNumberer)
	require.False(t, phone, "QQ has no phone numbers")
}

func TestTheStandInRefusesAParameterThatComesTwice(t *testing.T) {
	p := newPair(t)
	w := httptest.NewRecorder()
	p.fake.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/sns/jscode2session?appid=a&appid=b", nil))
	require.Equal(t, 500, w.Code)
}

func TestADevCodeLogsInAsOftenAsItIsUsed(t *testing.T) {
	p := newPair(t)
	for range 2 {
		i, err := p.provider.Exchange(t.Context(), "dev:alice")
		require.NoError(t, err)
		require.Equal(t, fakeqq.OpenID(appID, "alice"), i.Subject)
	}
}
