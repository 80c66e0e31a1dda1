package fakebaidu_test

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/baidu/fakebaidu"
	"github.com/wugan/wugan/providers/standin"
)

// token asks for an access token, with fields in the place of the right ones.
func token(t *testing.T, app providers.App, change ...string) (status int, out map[string]any) {
	t.Helper()
	q := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"smartapp_snsapi_base"},
		"client_id": {app.Member("appKey").Reveal()}, "client_secret": {app.Secret.Reveal()},
	}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	return standintest.Get(t, app.APIURL+"/oauth/2.0/token?"+q.Encode())
}

func session(t *testing.T, app providers.App, token, code string) map[string]any {
	t.Helper()
	status, out := standintest.Get(t, app.APIURL+"/rest/2.0/smartapp/getsessionkey?"+url.Values{"access_token": {token}, "code": {code}}.Encode())
	require.Equal(t, http.StatusOK, status, "errors, too")
	return out
}

func good(t *testing.T, app providers.App) string {
	t.Helper()
	status, out := token(t, app)
	require.Equal(t, http.StatusOK, status)
	text, _ := out["access_token"].(string)
	return text
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	standintest.Run(t, standintest.Platform{
		New: fakebaidu.StandIn, Life: 10 * time.Minute,
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			data, _ := session(t, app, good(t, app), code)["data"].(map[string]any)
			id, _ := data["open_id"].(string)
			return id
		},
	})
}

func TestItRefusesAsBaiduDoes(t *testing.T) {
	s, err := fakebaidu.StandIn(standin.Options{})
	require.NoError(t, err)
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	for _, c := range []struct{ field, instead, err string }{
		{"grant_type", "password", "unsupported_grant_type"},
		{"client_id", "another", "invalid_client"},
		{"client_secret", "another", "invalid_client"},
		{"scope", "basic", "invalid_scope"},
	} {
		status, out := token(t, app, c.field, c.instead)
		require.Equal(t, http.StatusBadRequest, status, "as OAuth says")
		require.Equal(t, c.err, out["error"], c.field)
	}
	require.EqualValues(t, 110, session(t, app, "another", "x")["error_code"])
	text := good(t, app)
	out := session(t, app, text, "x")
	require.EqualValues(t, fakebaidu.BadCode, out["errno"])
	require.Nil(t, out["data"])
	s.MoveClock(30 * 24 * time.Hour)
	require.EqualValues(t, 111, session(t, app, text, "x")["error_code"])
	code, err := s.Code(standin.Login, "app", "alice")
	require.NoError(t, err)
	require.EqualValues(t, 0, session(t, app, good(t, app), code)["errno"])

	_, err = s.AddApp(providers.App{ID: "short"}, "")
	require.ErrorContains(t, err, "appKey")
	bare := fakebaidu.New(standin.Options{})
	bare.SetApp(fakebaidu.App{Key: app.Member("appKey").Reveal(), Secret: app.Secret.Reveal()})
	app.APIURL = standintest.Serve(t, bare.Handler())
	text = good(t, app)
	bare.EndTokens()
	require.EqualValues(t, 110, session(t, app, text, "x")["error_code"])
}

// Baidu puts sixteen random bytes and the length before the JSON, and the AppKey
// behind it, and pads to 32 bytes.
func TestWhatItEncryptsOpensUnderTheSessionKey(t *testing.T) {
	s, err := fakebaidu.StandIn(standin.Options{})
	require.NoError(t, err)
	app, err := s.NewApp("app", "http://baidu.example.com")
	require.NoError(t, err)
	appKey := app.Member("appKey").Reveal()
	encrypter, ok := s.(standin.Encrypter)
	require.True(t, ok)
	plain := standintest.Open(t, fakebaidu.SessionKey(appKey, "alice"), encrypter.Encrypt("app", "alice", map[string]any{"a": 1}), 32)
	length := binary.BigEndian.Uint32(plain[16:20])
	require.JSONEq(t, `{"a":1}`, string(plain[20:20+length]))
	require.Equal(t, appKey, string(plain[20+length:]))
}
