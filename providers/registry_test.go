package providers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

// constant is a provider for which every code is the same person's.
type constant string

func (c constant) Exchange(context.Context, string) (providers.Identity, error) {
	return providers.Identity{Subject: string(c)}, nil
}

func newConstant(app providers.App, _ providers.Config) (providers.Provider, error) {
	if app.Member("keyFile").Reveal() == "bad" {
		return nil, errors.New("keyFile, a key")
	}
	return constant(app.ID), nil
}

var registry = providers.Registry{
	{Name: "one", Required: []string{"keyFile", "region"}, Optional: []string{"hint"}, Codes: []string{"7", "3"}, New: newConstant},
	{Name: "two", NoSecret: true, Codes: []string{"3", "5"}, New: newConstant},
}

func TestARegistryFindsItsPlatforms(t *testing.T) {
	require.Equal(t, []string{"one", "two"}, registry.Names())
	require.Equal(t, []string{"3", "5", "7"}, registry.Codes(), "each once")
	one, ok := registry.Find("one")
	require.True(t, ok)
	require.Equal(t, "one", one.Name)
	for _, name := range []string{"", "One", "three"} {
		_, ok = registry.Find(name)
		require.False(t, ok, name)
	}
}

func TestAnAppIsCheckedAgainstItsRegistration(t *testing.T) {
	members := func(texts map[string]string) map[string]secret.String {
		m := map[string]secret.String{}
		for name, text := range texts {
			m[name] = secret.New(text)
		}
		return m
	}
	s := secret.New("hunter2")
	for want, app := range map[string]providers.App{
		"one of the providers one, two":                                   {ID: "a", Provider: "three", Secret: s},
		"secret or secretFile, the secret that the platform gave the app": {ID: "a", Provider: "one", Members: members(map[string]string{"keyFile": "hunter2", "region": "r"})},
		"the member keyFile, which provider one needs":                    {ID: "a", Provider: "one", Secret: s, Members: members(map[string]string{"keyFile": "", "region": "r"})},
		"the member region, which provider one needs":                     {ID: "a", Provider: "one", Secret: s, Members: members(map[string]string{"keyFile": "hunter2"})},
		"no member regoin, which provider one does not know":              {ID: "a", Provider: "one", Secret: s, Members: members(map[string]string{"keyFile": "hunter2", "region": "r", "regoin": "hunter2"})},
		"no member hint, which provider two does not know":                {ID: "a", Provider: "two", Members: members(map[string]string{"hint": "hunter2"})},
		"keyFile, a key": {ID: "a", Provider: "one", Secret: s, Members: members(map[string]string{"keyFile": "bad", "region": "r"})},
	} {
		p, err := registry.New(app, providers.Config{})
		require.Nil(t, p)
		require.EqualError(t, err, want)
	}
	for _, app := range []providers.App{
		{ID: "a", Provider: "one", Secret: s, Members: members(map[string]string{"keyFile": "k", "region": "r", "hint": "h"})},
		{ID: "a", Provider: "two"},
	} {
		p, err := registry.New(app, providers.Config{})
		require.NoError(t, err)
		i, err := p.Exchange(t.Context(), "c")
		require.NoError(t, err)
		require.Equal(t, "a", i.Subject)
		require.Equal(t, "[redacted]", fmt.Sprintf("%+v", i))
	}
}

func TestRSAKeysAreReadInEveryFormThatConsolesHandOut(t *testing.T) {
	key, err := standin.NewKey()
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	inPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	bare := func(der []byte) string {
		text := base64.StdEncoding.EncodeToString(der)
		return " " + text[:64] + "\r\n" + text[64:] + "\n"
	}
	pkcs1, publicPKCS1 := x509.MarshalPKCS1PrivateKey(key), x509.MarshalPKCS1PublicKey(&key.PublicKey)
	for _, text := range []string{
		inPEM("PRIVATE KEY", pkcs8), inPEM("RSA PRIVATE KEY", pkcs1), bare(pkcs8), bare(pkcs1), standin.PrivatePEM(key).Reveal(),
	} {
		got, err := providers.RSAPrivateKey(secret.New(text))
		require.NoError(t, err)
		require.True(t, key.Equal(got))
		_, err = providers.RSAPublicKey(secret.New(text))
		require.EqualError(t, err, "a public RSA key in PEM or base64")
	}
	for _, text := range []string{
		inPEM("PUBLIC KEY", pkix), inPEM("RSA PUBLIC KEY", publicPKCS1), bare(pkix), bare(publicPKCS1), standin.PublicText(&key.PublicKey),
	} {
		got, err := providers.RSAPublicKey(secret.New(text))
		require.NoError(t, err)
		require.True(t, key.PublicKey.Equal(got))
		_, err = providers.RSAPrivateKey(secret.New(text))
		require.EqualError(t, err, "a private RSA key in PEM or base64")
	}
}

func TestWhatIsNoRSAKeyIsRefusedWithoutBeingPrinted(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(curve)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	require.NoError(t, err)
	for _, text := range []string{
		"", " ", "hunter2!", "aHVudGVyMg==", "-----BEGIN PRIVATE KEY-----\nhunter2",
		base64.StdEncoding.EncodeToString(private), base64.StdEncoding.EncodeToString(public),
	} {
		_, err := providers.RSAPrivateKey(secret.New(text))
		require.EqualError(t, err, "a private RSA key in PEM or base64")
		_, err = providers.RSAPublicKey(secret.New(text))
		require.EqualError(t, err, "a public RSA key in PEM or base64")
	}
}
