package douyin_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/douyin"
	"github.com/wugan/wugan/providers/douyin/fakedouyin"
	"github.com/wugan/wugan/providers/standin"
)

const (
	appID     = "tt0123456789abcdef"
	otherApp  = "ttfedcba9876543210"
	appSecret = "5ec2e700000000000000000000005ec2"
)

var phoneKey, _ = rsa.GenerateKey(rand.Reader, 2048)

func newPair(t *testing.T, key *rsa.PrivateKey) (*fakedouyin.Server, providers.Provider) {
	t.Helper()
	fake := fakedouyin.New(standin.Options{})
	fake.SetApp(fakedouyin.App{ID: appID, Secret: appSecret, PhoneKey: &phoneKey.PublicKey})
	fake.SetApp(fakedouyin.App{ID: otherApp, Secret: appSecret})
	server := httptest.NewServer(fake.Handler())
	t.Cleanup(server.Close)
	app := providers.App{ID: appID, Provider: "douyin", Secret: secret.New(appSecret), APIURL: server.URL, Members: map[string]secret.String{}}
	if key != nil {
		der := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		app.Members["phonePrivateKeyFile"] = secret.New(string(der))
	}
	p, err := providers.Registry{douyin.Registration}.New(app, providers.Config{BreakerFailures: 1000, BusyPause: time.Millisecond})
	require.NoError(t, err)
	return fake, p
}

func TestACodeBecomesThePersonOnceAndAGuestNever(t *testing.T) {
	fake, p := newPair(t, nil)
	code := fake.Login(appID, "alice")
	i, err := p.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, fakedouyin.OpenID(appID, "alice"), i.Subject)
	require.NotEmpty(t, i.UnionID)
	require.Equal(t, fakedouyin.SessionKey(appID, "alice"), i.SessionKey.Reveal())
	for name, bad := range map[string]string{"used": code, "of another app": fake.Login(otherApp, "alice")} {
		_, err = p.Exchange(t.Context(), bad)
		require.ErrorIs(t, err, providers.ErrInvalidCode, name)
	}
	_, err = p.Exchange(t.Context(), fake.Guest(appID, "device"))
	require.ErrorIs(t, err, providers.ErrNoIdentity)
	require.NotErrorIs(t, err, providers.ErrInvalidCode)

	fake.SetFault(standin.Fault{Status: 200, Body: `{"err_no":0,"data":{"session_key":"k","openid":"","anonymous_openid":"device"}}`, Count: 1})
	_, err = p.Exchange(t.Context(), "a code")
	require.ErrorIs(t, err, providers.ErrNoIdentity)
}

func TestEveryErrNoHasItsMeaningAndAnUnknownOneIsAnOutage(t *testing.T) {
	fake, p := newPair(t, nil)
	for body, want := range map[string]error{
		`{"err_no":40018}`: providers.ErrInvalidCode, `{"err_no":"40018"}`: providers.ErrInvalidCode, `{"err_no":40019}`: providers.ErrInvalidCode,
		`{"err_no":40015}`: providers.ErrRejectedApp, `{"err_no":40017}`: providers.ErrRejectedApp,
		`{"err_no":-1}`: providers.ErrUnavailable, `{"err_no":40014}`: providers.ErrUnexpected, `{"err_no":12345}`: providers.ErrUnexpected,
		`{}`: providers.ErrUnexpected, `{"err_no":0}`: providers.ErrUnexpected, `{"err_no":0,"data":{"openid":"o"}}`: providers.ErrUnexpected,
		`{"err_no":"x"}`: providers.ErrUnexpected, `<html>`: providers.ErrUnavailable,
	} {
		before := len(fake.Calls())
		fake.SetFault(standin.Fault{Status: 200, Body: body, Count: 1})
		_, err := p.Exchange(t.Context(), fake.Login(appID, "alice"))
		require.ErrorIs(t, err, want, body)
		if want != providers.ErrInvalidCode { //nolint:errorlint // one of the table's own
			require.Len(t, fake.Calls(), before+1, "a code is sent once: %s", body)
		}
	}
}

func TestAPhoneNumberIsReadUnderTheAppsOwnKey(t *testing.T) {
	fake, p := newPair(t, phoneKey)
	phones := p.(providers.PhoneNumberer)
	code := fake.PhoneCode(appID, "alice")
	phone, err := phones.PhoneNumber(t.Context(), "", code)
	require.NoError(t, err)
	require.Equal(t, standin.Phone("alice"), phone.Number)
	require.Equal(t, "86", phone.CountryCode)
	_, err = phones.PhoneNumber(t.Context(), "", code)
	require.ErrorIs(t, err, providers.ErrInvalidCode)

	_, without := newPair(t, nil)
	_, err = without.(providers.PhoneNumberer).PhoneNumber(t.Context(), "", code)
	require.ErrorIs(t, err, providers.ErrRejectedApp)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	fake, wrong := newPair(t, other)
	_, err = wrong.(providers.PhoneNumberer).PhoneNumber(t.Context(), "", fake.PhoneCode(appID, "alice"))
	require.Error(t, err)
	require.NotErrorIs(t, err, providers.ErrInvalidCode, "the operator's key, not the user's code")
}

func TestASecretThatIsRefusedShowsNowhere(t *testing.T) {
	fake, p := newPair(t, phoneKey)
	fake.SetApp(fakedouyin.App{ID: appID, Secret: "reset", PhoneKey: &phoneKey.PublicKey})
	code := fake.Login(appID, "alice")
	_, err := p.Exchange(t.Context(), code)
	require.ErrorIs(t, err, providers.ErrRejectedApp)
	_, err2 := p.(providers.PhoneNumberer).PhoneNumber(t.Context(), "", fake.PhoneCode(appID, "alice"))
	require.ErrorIs(t, err2, providers.ErrUnavailable)
	text := fmt.Sprintf("%+v %#v %v", err, err, err2)
	require.NotContains(t, text, appSecret)
	require.NotContains(t, text, code)
}
