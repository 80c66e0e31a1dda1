package wechat_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakeoauth"
)

func newOAuth(t *testing.T) (*fakeoauth.Server, string, providers.Provider) {
	t.Helper()
	fake := fakeoauth.New(standin.Options{})
	fake.SetApp(fakeoauth.App{ID: appID, Secret: appSecret, Platform: platform})
	fake.SetApp(fakeoauth.App{ID: soloID, Secret: appSecret})
	server := httptest.NewServer(fake.Handler())
	t.Cleanup(server.Close)
	p, err := providers.Registry{wechat.OAuthRegistration}.New(providers.App{
		ID: appID, Provider: wechat.OAuthName, Secret: secret.New(appSecret), APIURL: server.URL,
	}, providers.Config{BreakerFailures: 1000})
	require.NoError(t, err)
	return fake, server.URL, p
}

func TestACodeOfTheAuthorizePageBecomesThePersonOnce(t *testing.T) {
	fake, address, p := newOAuth(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(address + "/connect/oauth2/authorize?appid=" + appID + "&redirect_uri=" + url.QueryEscape("https://h5.example.com/in?x=1") +
		"&response_type=code&scope=snsapi_base&state=s1#wechat_redirect")
	require.NoError(t, err)
	defer res.Body.Close()
	back, err := res.Location()
	require.NoError(t, err)
	require.Equal(t, "s1", back.Query().Get("state"))
	i, err := p.Exchange(t.Context(), back.Query().Get("code"))
	require.NoError(t, err)
	require.Equal(t, fakeoauth.OpenID(appID, "alice"), i.Subject)
	require.NotEmpty(t, i.UnionID)
	require.True(t, i.SessionKey.Empty())
	_, err = p.Exchange(t.Context(), back.Query().Get("code"))
	require.ErrorIs(t, err, providers.ErrCodeUsed, "what a reload of the page gives")
	_, err = p.Exchange(t.Context(), fake.Login(soloID, "alice"))
	require.ErrorIs(t, err, providers.ErrInvalidCode)
}

func TestTheVisitorOfASnapshotPageIsNoPerson(t *testing.T) {
	fake, _, p := newOAuth(t)
	_, err := p.Exchange(t.Context(), fake.SnapshotLogin(appID, "x"))
	require.ErrorIs(t, err, providers.ErrNoIdentity)
	for _, body := range []string{`{"openid":"o","is_snapshotuser":"1"}`, `{"openid":"o","is_snapshotuser":true}`} {
		fake.SetFault(standin.Fault{Status: 200, Body: body, Count: 1})
		_, err = p.Exchange(t.Context(), fake.Login(appID, "alice"))
		require.ErrorIs(t, err, providers.ErrNoIdentity, body)
	}
}

func TestWebCodesHaveTheMeaningsOfMiniPrograms(t *testing.T) {
	fake, _, p := newOAuth(t)
	for body, want := range map[string]error{
		`{"errcode":40029}`: providers.ErrInvalidCode, `{"errcode":41008}`: providers.ErrInvalidCode, `{"errcode":40163}`: providers.ErrCodeUsed,
		`{"errcode":40013}`: providers.ErrRejectedApp, `{"errcode":40125}`: providers.ErrRejectedApp, `{"errcode":41002}`: providers.ErrRejectedApp,
		`{"errcode":10003}`: providers.ErrUnexpected, `{}`: providers.ErrUnexpected, `<html>`: providers.ErrUnavailable,
	} {
		fake.SetFault(standin.Fault{Status: 200, Body: body, Count: 1})
		_, err := p.Exchange(t.Context(), fake.Login(appID, "alice"))
		require.ErrorIs(t, err, want, body)
	}
}
