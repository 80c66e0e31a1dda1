package alipay_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/alipay"
	"github.com/wugan/wugan/providers/alipay/fakealipay"
	"github.com/wugan/wugan/providers/standin"
)

const (
	appID    = "2021000000000001"
	otherApp = "2021000000000002"
)

var (
	appKey, _    = rsa.GenerateKey(rand.Reader, 2048)
	alipayKey, _ = rsa.GenerateKey(rand.Reader, 2048)
	aesKey       = []byte("0123456789abcdef")
)

func privatePEM(t *testing.T, key *rsa.PrivateKey) secret.String {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// publicText is a key as Alipay's console shows it: base64 without armour.
func publicText(t *testing.T, key *rsa.PublicKey) secret.String {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return secret.New(base64.StdEncoding.EncodeToString(der))
}

type world struct {
	fake *fakealipay.Server
	now  time.Time
	url  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Now()}
	w.fake = fakealipay.New(standin.Options{Now: func() time.Time { return w.now }}, alipayKey)
	w.fake.SetApp(fakealipay.App{ID: appID, Public: &appKey.PublicKey, AESKey: aesKey})
	w.fake.SetApp(fakealipay.App{ID: otherApp, Public: &appKey.PublicKey, AESKey: aesKey, UserID: true})
	server := httptest.NewServer(w.fake.Handler())
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) provider(t *testing.T, id string, change ...func(*providers.App)) providers.Provider {
	t.Helper()
	app := providers.App{ID: id, Provider: "alipay", APIURL: w.url, Members: map[string]secret.String{
		"privateKeyFile": privatePEM(t, appKey), "alipayPublicKeyFile": publicText(t, &alipayKey.PublicKey),
		"aesKey": secret.New(base64.StdEncoding.EncodeToString(aesKey)),
	}}
	for _, f := range change {
		f(&app)
	}
	p, err := providers.Registry{alipay.Registration}.New(app, providers.Config{
		Now: func() time.Time { return w.now }, BusyPause: time.Millisecond, BreakerFailures: 1000,
	})
	require.NoError(t, err)
	return p
}

func TestACodeBecomesThePersonOnceAndInItsTime(t *testing.T) {
	w := newWorld(t)
	p := w.provider(t, appID)
	code := w.fake.Login(appID, "alice")
	i, err := p.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, fakealipay.OpenID(appID, "alice"), i.Subject)
	require.NotEmpty(t, i.UnionID)
	require.True(t, i.SessionKey.Empty())
	late := w.fake.Login(appID, "alice")
	w.now = w.now.Add(4 * time.Minute)
	for name, bad := range map[string]string{"used": code, "expired": late, "of another app": w.fake.Login(otherApp, "alice"), "made up": "x", "empty": ""} {
		_, err = p.Exchange(t.Context(), bad)
		require.ErrorIs(t, err, providers.ErrInvalidCode, name)
		require.NotErrorIs(t, err, providers.ErrCodeUsed, name)
	}
}

func TestAnOldAppIsGivenUserIDAndASettingPinsWhichOneCounts(t *testing.T) {
	w := newWorld(t)
	i, err := w.provider(t, otherApp).Exchange(t.Context(), w.fake.Login(otherApp, "alice"))
	require.NoError(t, err)
	require.Equal(t, fakealipay.UserID("alice"), i.Subject)

	pin := func(name string) func(*providers.App) {
		return func(a *providers.App) { a.Members["subject"] = secret.New(name) }
	}
	i, err = w.provider(t, otherApp, pin("user_id")).Exchange(t.Context(), w.fake.Login(otherApp, "alice"))
	require.NoError(t, err)
	require.Equal(t, fakealipay.UserID("alice"), i.Subject)
	_, err = w.provider(t, otherApp, pin("open_id")).Exchange(t.Context(), w.fake.Login(otherApp, "alice"))
	require.ErrorIs(t, err, providers.ErrUnavailable, "an app that is pinned to another id makes no new users")
}

func TestAResponseIsBelievedOnlyUnderAlipaysSignature(t *testing.T) {
	w := newWorld(t)
	p := w.provider(t, appID)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	forger := fakealipay.New(standin.Options{DevCodes: true, Now: func() time.Time { return w.now }}, stranger)
	forger.SetApp(fakealipay.App{ID: appID, Public: &appKey.PublicKey})
	server := httptest.NewServer(forger.Handler())
	defer server.Close()
	_, err = w.provider(t, appID, func(a *providers.App) { a.APIURL = server.URL }).Exchange(t.Context(), "dev:alice")
	require.ErrorIs(t, err, providers.ErrUnexpected)

	for name, body := range map[string]string{
		"unsigned":        `{"alipay_system_oauth_token_response":{"open_id":"o"}}`,
		"signed by words": `{"alipay_system_oauth_token_response":{"open_id":"o"},"sign":"trust me"}`,
		"empty":           `{}`,
		"a list":          `{"alipay_system_oauth_token_response":["o"],"sign":""}`,
		"trailing comma":  `{"error_response":{"sub_code":"isv.code-invalid"},}`,
	} {
		w.fake.SetFault(standin.Fault{Status: 200, Body: body, Count: 1})
		_, err = p.Exchange(t.Context(), w.fake.Login(appID, "alice"))
		require.ErrorIs(t, err, providers.ErrUnavailable, name)
		require.NotErrorIs(t, err, providers.ErrInvalidCode, name)
	}
}

func TestEveryCodeHasItsMeaningAndAnUnknownOneIsAnOutage(t *testing.T) {
	w := newWorld(t)
	p := w.provider(t, appID)
	for body, want := range map[string]error{
		`"code":"40002","sub_code":"isv.code-invalid"`:                 providers.ErrInvalidCode,
		`"code":"40002","sub_code":"isv.invalid-app-id"`:               providers.ErrRejectedApp,
		`"code":"40006","sub_code":"isv.insufficient-isv-permissions"`: providers.ErrRejectedApp,
		`"code":40006`:   providers.ErrRejectedApp,
		`"code":"20000"`: providers.ErrUnavailable,
		`"code":"20000","sub_code":"isp.unknow-error"`:                          providers.ErrUnavailable,
		`"code":"40005","sub_code":"isv.app-call-limited"`:                      providers.ErrRateLimited,
		`"code":"40002","sub_code":"isv.invented-tomorrow"`:                     providers.ErrUnexpected,
		`"code":"40002","sub_code":"app_id=2021, a text that may repeat codes"`: providers.ErrUnexpected,
	} {
		for _, node := range []string{"error_response", "alipay_system_oauth_token_response"} {
			w.fake.SetFault(standin.Fault{Status: 200, Body: fmt.Sprintf(`{%q:{%s,"msg":"m"}}`, node, body), Count: 1})
			_, err := p.Exchange(t.Context(), w.fake.Login(appID, "alice"))
			require.ErrorIs(t, err, want, body)
			require.NotContains(t, err.Error(), "repeat codes")
		}
	}
}

func TestABadSignatureOfOursIsNeverToldToTheUserAsABadCode(t *testing.T) {
	w := newWorld(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p := w.provider(t, appID, func(a *providers.App) { a.Members["privateKeyFile"] = privatePEM(t, other) })
	_, err = p.Exchange(t.Context(), w.fake.Login(appID, "alice"))
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.ErrorContains(t, err, "isv.invalid-signature")
}

func TestACodeIsSentOnceWhateverHappens(t *testing.T) {
	w := newWorld(t)
	p := w.provider(t, appID)
	for _, f := range []standin.Fault{{Count: 1}, {Status: 502, Body: "<html>", Count: 1}, {Status: 200, Body: `{"error_response":{"code":"20000"}}`, Count: 1}} {
		before := len(w.fake.Calls())
		w.fake.SetFault(f)
		_, err := p.Exchange(t.Context(), w.fake.Login(appID, "alice"))
		require.ErrorIs(t, err, providers.ErrUnavailable)
		require.Len(t, w.fake.Calls(), before+1)
	}
}

func TestAPhoneNumberComesOnlyFromATextThatAlipaySigned(t *testing.T) {
	w := newWorld(t)
	p := w.provider(t, appID).(providers.PhoneNumberer)
	text := w.fake.PhoneText(appID, "alice")
	phone, err := p.PhoneNumber(t.Context(), "", text)
	require.NoError(t, err)
	require.Equal(t, standin.Phone("alice"), phone.Number)

	var parts, others map[string]string
	require.NoError(t, json.Unmarshal([]byte(text), &parts))
	require.NoError(t, json.Unmarshal([]byte(w.fake.PhoneText(appID, "bob")), &others))
	for name, bad := range map[string]string{
		"no JSON":             "dev:alice",
		"another's signature": fmt.Sprintf(`{"response":%q,"sign":%q}`, parts["response"], others["sign"]),
		"no signature":        fmt.Sprintf(`{"response":%q}`, parts["response"]),
		"nothing":             `{}`,
	} {
		_, err = p.PhoneNumber(t.Context(), "", bad)
		require.ErrorIs(t, err, providers.ErrInvalidCode, name)
	}
	_, err = p.PhoneNumber(t.Context(), "", w.fake.PhoneAnswer(appID, map[string]string{"code": "40006", "subCode": "isv.insufficient-isv-permissions"}))
	require.ErrorIs(t, err, providers.ErrRejectedApp)
	_, err = p.PhoneNumber(t.Context(), "", w.fake.PhoneAnswer(appID, map[string]string{"code": "40003"}))
	require.ErrorIs(t, err, providers.ErrUnavailable)
}

func TestAnAppThatCannotWorkIsRefusedWithoutPrintingAKey(t *testing.T) {
	good := map[string]secret.String{
		"privateKeyFile": privatePEM(t, appKey), "alipayPublicKeyFile": publicText(t, &alipayKey.PublicKey),
	}
	for want, change := range map[string]func(map[string]secret.String){
		"the member privateKeyFile":      func(m map[string]secret.String) { delete(m, "privateKeyFile") },
		"privateKeyFile, a private RSA":  func(m map[string]secret.String) { m["privateKeyFile"] = secret.New("hunter2") },
		"not the app's own":              func(m map[string]secret.String) { m["alipayPublicKeyFile"] = publicText(t, &appKey.PublicKey) },
		"aesKey, base64":                 func(m map[string]secret.String) { m["aesKey"] = secret.New("hunter2") },
		"subject, open_id":               func(m map[string]secret.String) { m["subject"] = secret.New("hunter2") },
		"no member invented, which prov": func(m map[string]secret.String) { m["invented"] = secret.New("hunter2") },
	} {
		members := map[string]secret.String{}
		for name, value := range good {
			members[name] = value
		}
		change(members)
		_, err := providers.Registry{alipay.Registration}.New(providers.App{ID: appID, Provider: "alipay", Members: members}, providers.Config{})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
