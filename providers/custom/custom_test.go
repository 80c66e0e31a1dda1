package custom_test

import (
	"encoding/base64"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/custom"
	"github.com/wugan/wugan/providers/custom/fakecustom"
	"github.com/wugan/wugan/providers/standin"
)

const appID = "h5-shop"

var whsec = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

func newPair(t *testing.T, sharedSecret string) (*fakecustom.Server, providers.Provider) {
	t.Helper()
	known, err := standardwebhooks.ParseSecret(whsec)
	require.NoError(t, err)
	fake := fakecustom.New(standin.Options{}, known)
	server := httptest.NewServer(fake.Handler())
	t.Cleanup(server.Close)
	p, err := make1(server.URL+"/login?from=wugan", sharedSecret)
	require.NoError(t, err)
	return fake, p
}

func make1(url, sharedSecret string) (providers.Provider, error) {
	return providers.Registry{custom.Registration}.New(providers.App{
		ID: appID, Provider: "custom", Secret: secret.New(sharedSecret), Members: map[string]secret.String{"url": secret.New(url)},
	}, providers.Config{BreakerFailures: 1000, Timeout: 2 * time.Second})
}

func TestABackEndOfOnesOwnSaysWhoACodeIs(t *testing.T) {
	fake, p := newPair(t, whsec)
	code := fake.Login(appID, "alice")
	i, err := p.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, standin.ID("custom", "", "alice"), i.Subject)
	require.Equal(t, standin.Phone("alice"), i.Phone.Number)
	require.Equal(t, "86", i.Phone.CountryCode)

	_, err = p.Exchange(t.Context(), code)
	require.ErrorIs(t, err, providers.ErrCodeUsed)
	_, err = p.Exchange(t.Context(), "made up")
	require.ErrorIs(t, err, providers.ErrInvalidCode)
	_, err = p.Exchange(t.Context(), fake.Login(appID, "blocked"))
	require.ErrorIs(t, err, providers.ErrUserBlocked)
}

func TestACallWithAnotherSecretIsAnOutageAndNobodysBadCode(t *testing.T) {
	fake, p := newPair(t, "whsec_"+base64.StdEncoding.EncodeToString([]byte("another secret of 24 bytes at least")))
	_, err := p.Exchange(t.Context(), fake.Login(appID, "alice"))
	require.ErrorIs(t, err, providers.ErrUnavailable)
}

func TestWhatIsNeitherAPersonNorAKnownRefusalIsAnOutage(t *testing.T) {
	fake, p := newPair(t, whsec)
	for _, f := range []standin.Fault{
		{Status: 200, Body: `{}`},
		{Status: 200, Body: `{"subject":""}`},
		{Status: 200, Body: `{"subject":7}`},
		{Status: 200, Body: `{"subject":"a b"}`},
		{Status: 200, Body: `{"subject":"a","unionid":""}`},
		{Status: 200, Body: `{"subject":"a","phone":"12-34"}`},
		{Status: 201, Body: `{"subject":"a"}`},
		{Status: 400, Body: `{"code":"invented"}`},
		{Status: 401, Body: `no`},
		{Status: 500, Body: `{"subject":"a"}`},
		{Status: 302, Body: ``},
		{Status: 502, Body: `<html>`},
		{},
	} {
		f.Count = 1
		fake.SetFault(f)
		before := len(fake.Calls())
		_, err := p.Exchange(t.Context(), fake.Login(appID, "alice"))
		require.ErrorIs(t, err, providers.ErrUnavailable, "%+v", f)
		require.Len(t, fake.Calls(), before+1, "a code is sent once")
	}
}

func TestAnAppThatCannotWorkIsRefused(t *testing.T) {
	for url, sharedSecret := range map[string]string{
		"https://user:pw@example.com/": whsec, "ftp://example.com": whsec, "/login": whsec, "https://example.com/#x": whsec, "https://example.com/": "hunter2",
	} {
		_, err := make1(url, sharedSecret)
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "pw@")
		require.NotContains(t, err.Error(), "hunter2")
	}
}
