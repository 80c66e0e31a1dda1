package alipay_test

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/alipay"
	"github.com/wugan/wugan/providers/alipay/fakealipay"
)

// certified puts the app of the stand-in into certificate mode.
func (w *world) certified(t *testing.T) map[string]secret.String {
	t.Helper()
	issued, err := w.fake.IssueCertificates(&appKey.PublicKey)
	require.NoError(t, err)
	w.fake.SetApp(fakealipay.App{ID: appID, Public: &appKey.PublicKey, AESKey: aesKey, Certificates: issued})
	return map[string]secret.String{
		"privateKeyFile": privatePEM(t, appKey),
		"appCertFile":    secret.New(string(issued.App)), "alipayCertFile": secret.New(string(issued.Alipay)),
		"alipayRootCertFile": secret.New(string(issued.Root)),
	}
}

func members(of map[string]secret.String) func(*providers.App) {
	return func(a *providers.App) { a.Members = of }
}

func TestInCertificateModeBothSidesNameTheirCertificates(t *testing.T) {
	w := newWorld(t)
	good := w.certified(t)
	i, err := w.provider(t, appID, members(good)).Exchange(t.Context(), w.fake.Login(appID, "alice"))
	require.NoError(t, err)
	require.Equal(t, fakealipay.OpenID(appID, "alice"), i.Subject)

	_, err = w.provider(t, appID).Exchange(t.Context(), w.fake.Login(appID, "alice"))
	require.ErrorIs(t, err, providers.ErrUnavailable, "key mode does not do for an app in certificate mode")
	require.ErrorContains(t, err, "isv.invalid-cert-sn")

	// Alipay has got another certificate for the same key.
	renewed := w.certified(t)
	for _, name := range []string{"appCertFile", "alipayRootCertFile"} {
		renewed[name] = secret.New(renewed[name].Reveal())
	}
	renewed["alipayCertFile"] = good["alipayCertFile"]
	_, err = w.provider(t, appID, members(renewed)).Exchange(t.Context(), w.fake.Login(appID, "alice"))
	require.ErrorIs(t, err, providers.ErrUnexpected)
	require.ErrorContains(t, err, "alipayCertFile")
}

func TestCertificatesThatDoNotFitAreNamed(t *testing.T) {
	w := newWorld(t)
	good := w.certified(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	others, err := w.fake.IssueCertificates(&stranger.PublicKey)
	require.NoError(t, err)
	for want, change := range map[string]func(map[string]secret.String){
		"the member alipayRootCertFile, which cert":   func(m map[string]secret.String) { delete(m, "alipayRootCertFile") },
		"the member appCertFile, which cert":          func(m map[string]secret.String) { delete(m, "appCertFile") },
		"either alipayPublicKeyFile or certificates":  func(m map[string]secret.String) { m["alipayPublicKeyFile"] = publicText(t, &alipayKey.PublicKey) },
		"appCertFile, the certificate of the key":     func(m map[string]secret.String) { m["appCertFile"] = secret.New(string(others.App)) },
		"appCertFile, a certificate in PEM":           func(m map[string]secret.String) { m["appCertFile"] = secret.New("hunter2") },
		"alipayCertFile, a certificate in PEM":        func(m map[string]secret.String) { m["alipayCertFile"] = secret.New("hunter2") },
		"alipayCertFile, Alipay's certificate of":     func(m map[string]secret.String) { m["alipayCertFile"] = m["appCertFile"] },
		"alipayRootCertFile, Alipay's root":           func(m map[string]secret.String) { m["alipayRootCertFile"] = secret.New("hunter2") },
		"the member alipayPublicKeyFile, or the cert": func(m map[string]secret.String) { clear(m); m["privateKeyFile"] = privatePEM(t, appKey) },
	} {
		changed := maps.Clone(good)
		change(changed)
		_, err := providers.Registry{alipay.Registration}.New(providers.App{ID: appID, Provider: "alipay", Members: changed}, providers.Config{})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
