package baidu_test

import (
	"encoding/base64"
	"encoding/binary"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/baidu"
	"github.com/wugan/wugan/providers/baidu/fakebaidu"
	"github.com/wugan/wugan/providers/standin"
)

const (
	appID     = "16000001"
	appKey    = "4fecoAqgCIUtzIyA4FAPgoyrc4oUc25c"
	appSecret = "baidu-secret-0123456789"
	otherKey  = "4fecoAqgCIUtzIyA4FAPgoyrc4oUc25d"

	tokenPath   = "/oauth/2.0/token"
	sessionPath = "/rest/2.0/smartapp/getsessionkey"
)

// pair is a provider and the stand-in that it talks to over HTTP.
type pair struct {
	fake     *fakebaidu.Server
	provider providers.Provider
	clock    *standin.Clock
	address  string
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{clock: &standin.Clock{}}
	p.fake = fakebaidu.New(standin.Options{Now: p.clock.Now, DevCodes: true})
	p.fake.SetApp(fakebaidu.App{Key: appKey, Secret: appSecret})
	p.fake.SetApp(fakebaidu.App{Key: otherKey, Secret: appSecret})
	server := httptest.NewServer(p.fake.Handler())
	t.Cleanup(server.Close)
	p.address = server.URL
	p.provider = p.another(t, appKey, appSecret)
	return p
}

func (p pair) another(t *testing.T, key, appSecret string) providers.Provider {
	t.Helper()
	made, err := providers.Registry{baidu.Registration}.New(providers.App{
		ID: appID, Provider: "baidu", Secret: secret.New(appSecret), APIURL: p.address,
		Members: map[string]secret.String{"appKey": secret.New(key)},
	}, providers.Config{Now: p.clock.Now, BusyPause: time.Millisecond, BreakerFailures: 1000})
	require.NoError(t, err)
	return made
}

func (p pair) count(path string) (n int) {
	for _, one := range p.fake.Calls() {
		if one == path {
			n++
		}
	}
	return n
}

func TestACodeOfBaiduNamesAPersonOnce(t *testing.T) {
	p := newPair(t)
	code, late := p.fake.Login(appKey, "alice"), p.fake.Login(appKey, "alice")
	i, err := p.provider.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, fakebaidu.OpenID(appKey, "alice"), i.Subject)
	require.Equal(t, fakebaidu.SessionKey(appKey, "alice"), i.SessionKey.Reveal())
	require.Empty(t, i.UnionID)

	p.clock.Move(10 * time.Minute)
	for what, bad := range map[string]string{"used": code, "expired": late, "of another app": p.fake.Login(otherKey, "alice")} {
		_, err = p.provider.Exchange(t.Context(), bad)
		require.ErrorIs(t, err, providers.ErrUnavailable, what)
		require.NotErrorIs(t, err, providers.ErrInvalidCode, "Baidu's number for it is not documented here: %s", what)
		require.NotContains(t, err.Error(), bad, "the message repeats the code")
	}
	require.Equal(t, 1, p.count(tokenPath), "the token is kept")
}

func TestBadCodesOfBaiduDoNotOpenTheCircuit(t *testing.T) {
	p := newPair(t)
	made, err := baidu.Registration.New(providers.App{
		ID: appID, Secret: secret.New(appSecret), APIURL: p.address, Members: map[string]secret.String{"appKey": secret.New(appKey)},
	}, providers.Config{Now: p.clock.Now, BreakerFailures: 2})
	require.NoError(t, err)
	for range 10 {
		_, err = made.Exchange(t.Context(), "bad")
		require.ErrorIs(t, err, providers.ErrUnexpected)
	}
	_, err = made.Exchange(t.Context(), p.fake.Login(appKey, "alice"))
	require.NoError(t, err)
}

func TestABaiduTokenThatHasEndedIsFetchedAgainOnce(t *testing.T) {
	p := newPair(t)
	_, err := p.provider.Exchange(t.Context(), p.fake.Login(appKey, "a"))
	require.NoError(t, err)
	p.fake.EndTokens() // 110
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appKey, "a"))
	require.NoError(t, err)
	require.Equal(t, 2, p.count(tokenPath))
	p.clock.Move(30*24*time.Hour + time.Second)
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appKey, "a"))
	require.NoError(t, err)
	require.Equal(t, 3, p.count(tokenPath))

	p.fake.SetFault(standin.Fault{Path: sessionPath, Status: 200, Body: `{"error_code":111,"error_msg":"Access token expired"}`})
	before := p.count(sessionPath)
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appKey, "a"))
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.Equal(t, before+2, p.count(sessionPath))
}

func TestWhatBaiduSaysIsReadByItsOwnMembers(t *testing.T) {
	p := newPair(t)
	for body, want := range map[string]error{
		`{"error_code":6,"error_msg":"no permission"}`:                                        providers.ErrUnexpected,
		`{"errno":400,"msg":"x","data":null}`:                                                 providers.ErrUnexpected,
		`{"errno":0,"msg":"success","data":{"open_id":"","session_key":"k"}}`:                 providers.ErrUnexpected,
		`{"errno":0,"msg":"success","data":{"open_id":"o"}}`:                                  providers.ErrUnexpected,
		`{"errno":0,"msg":"success","open_id":"o","session_key":"k"}`:                         providers.ErrUnexpected,
		`{"errno":{},"data":{"open_id":"o","session_key":"k"}}`:                               providers.ErrUnexpected,
		`{"errno":0,"error_code":4,"data":{"open_id":"o","session_key":"k"}}`:                 providers.ErrUnexpected,
		`{"errno":0,"data":{"open_id":"` + strings.Repeat("o", 129) + `","session_key":"k"}}`: providers.ErrUnexpected,
		`<html>`: providers.ErrUnavailable,
	} {
		p.fake.SetFault(standin.Fault{Path: sessionPath, Status: 200, Body: body, Count: 1})
		_, err := p.provider.Exchange(t.Context(), p.fake.Login(appKey, "a"))
		require.ErrorIs(t, err, want, body)
	}
}

func TestAWrongSecretOrAppKeyOfBaiduIsTheOperators(t *testing.T) {
	p := newPair(t)
	for _, wrong := range []providers.Provider{p.another(t, appKey, "not the secret"), p.another(t, appID, appSecret)} {
		_, err := wrong.Exchange(t.Context(), p.fake.Login(appKey, "a"))
		require.ErrorIs(t, err, providers.ErrRejectedApp)
		require.NotContains(t, err.Error(), "not the secret")
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "invalid_client", e.Code)
	}
	for _, body := range []string{`{"error":"temporarily_unavailable"}`, `{"error":"text that repeats ` + appSecret + `"}`, `{"expires_in":2592000}`, `{"access_token":"t"}`} {
		p.fake.SetFault(standin.Fault{Path: tokenPath, Status: 200, Body: body, Count: 1})
		_, err := p.another(t, appKey, appSecret).Exchange(t.Context(), p.fake.Login(appKey, "a"))
		require.ErrorIs(t, err, providers.ErrUnexpected, body)
		require.NotContains(t, err.Error(), appSecret)
	}
	_, err := providers.Registry{baidu.Registration}.New(providers.App{ID: appID, Provider: "baidu", Secret: secret.New("s")}, providers.Config{})
	require.ErrorContains(t, err, "appKey")
}

func TestDataOfBaiduEndsWithTheAppKey(t *testing.T) {
	p := newPair(t)
	reader := p.provider.(providers.Decrypter)
	key := secret.New(fakebaidu.SessionKey(appKey, "a"))
	// Every length of padding, up to 32.
	for n := range 40 {
		data := p.fake.Encrypt(appKey, "a", map[string]any{"nickname": strings.Repeat("x", n)})
		plain, err := reader.Decrypt(key, data.Data, data.IV)
		require.NoError(t, err)
		require.JSONEq(t, `{"nickname":"`+strings.Repeat("x", n)+`"}`, string(plain))
	}
	data := p.fake.Encrypt(appKey, "a", map[string]any{"mobile": "13800001111"})
	again := p.fake.Encrypt(appKey, "a", map[string]any{"mobile": "13800001111"})
	require.NotEqual(t, data.Data, again.Data, "the prefix is random")

	inside := func(length uint32, text, suffix string) standin.Encrypted {
		plain := binary.BigEndian.AppendUint32(make([]byte, 16), length)
		return standin.Encrypt(key.Reveal(), append(plain, text+suffix...), 32)
	}
	good := inside(2, "{}", appKey)
	plain, err := reader.Decrypt(key, good.Data, good.IV)
	require.NoError(t, err)
	require.JSONEq(t, "{}", string(plain))
	for what, bad := range map[string]standin.Encrypted{
		"another app's":             inside(2, "{}", otherKey),
		"no suffix":                 inside(2, "{}", ""),
		"a suffix in the JSON":      inside(2+uint32(len(appKey)), "{}", appKey),
		"more than there is":        inside(1<<31, "{}", appKey),
		"the largest length":        inside(1<<32-1, "{}", appKey),
		"an empty text":             inside(0, "", appKey),
		"a text that is no object":  inside(4, "null", appKey),
		"a list":                    inside(2, "[]", appKey),
		"too short for its head":    standin.Encrypt(key.Reveal(), []byte("short"), 32),
		"of another person's key":   p.fake.Encrypt(appKey, "b", map[string]any{}),
		"of an IV that is too long": {Data: data.Data, IV: base64.StdEncoding.EncodeToString(make([]byte, 17))},
		"no base64":                 {Data: "?", IV: data.IV},
		"nothing":                   {Data: "", IV: data.IV},
		"not whole blocks":          {Data: data.Data[:20], IV: data.IV},
	} {
		_, err := reader.Decrypt(key, bad.Data, bad.IV)
		require.Equal(t, providers.ErrDecrypt, err, what)
	}
	for _, wrong := range []string{"", "?", base64.StdEncoding.EncodeToString(make([]byte, 16)), base64.StdEncoding.EncodeToString(make([]byte, 32))} {
		_, err := reader.Decrypt(secret.New(wrong), data.Data, data.IV)
		require.Equal(t, providers.ErrDecrypt, err, "a key of another size")
	}
	_, phone := p.provider.(providers.PhoneNumberer)
	require.False(t, phone)
}

func TestADevCodeLogsInAsOftenAsItIsUsed(t *testing.T) {
	p := newPair(t)
	for range 2 {
		i, err := p.provider.Exchange(t.Context(), "dev:alice")
		require.NoError(t, err)
		require.Equal(t, fakebaidu.OpenID(appKey, "alice"), i.Subject)
	}
}
