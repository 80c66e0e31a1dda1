package fakewecom_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/providers/wecom/fakewecom"
)

// get asks for JSON; errors have status 200, too.
func get(t *testing.T, app providers.App, path string, parameters ...string) map[string]any {
	t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	status, out := standintest.Get(t, app.APIURL+path+"?"+q.Encode())
	require.Equal(t, http.StatusOK, status)
	return out
}

func token(t *testing.T, app providers.App) string {
	t.Helper()
	out := get(t, app, "/cgi-bin/gettoken", "corpid", app.Member("corpId").Reveal(), "corpsecret", app.Secret.Reveal())
	require.EqualValues(t, 0, out["errcode"], out)
	text, _ := out["access_token"].(string)
	return text
}

func session(t *testing.T, app providers.App, token, code string) map[string]any {
	t.Helper()
	return get(t, app, "/cgi-bin/miniprogram/jscode2session", "access_token", token, "js_code", code, "grant_type", "authorization_code")
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	standintest.Run(t, standintest.Platform{
		New: fakewecom.StandIn, Life: 5 * time.Minute, OneUser: true,
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			id, _ := session(t, app, token(t, app), code)["userid"].(string)
			return id
		},
	})
}

func TestItRefusesAsWeComDoes(t *testing.T) {
	s := fakewecom.New(standin.Options{})
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	corp, secret := app.Member("corpId").Reveal(), app.Secret.Reveal()
	first := token(t, app)
	require.Equal(t, first, token(t, app), "the same for all who ask within its life")
	out := session(t, app, first, s.Login("app", "alice"))
	require.Equal(t, corp, out["corpid"])
	require.Equal(t, fakewecom.UserID("alice"), out["userid"])
	require.Equal(t, fakewecom.SessionKey("app", "alice"), out["session_key"])

	require.EqualValues(t, 40013, get(t, app, "/cgi-bin/gettoken", "corpid", "ww0", "corpsecret", secret)["errcode"])
	require.EqualValues(t, 40001, get(t, app, "/cgi-bin/gettoken", "corpid", corp, "corpsecret", "another")["errcode"])
	require.EqualValues(t, 40014, session(t, app, "another", s.Login("app", "alice"))["errcode"])
	require.EqualValues(t, 41008, session(t, app, first, "")["errcode"])
	require.EqualValues(t, 40029, session(t, app, first, s.PlainLogin("app", "alice"))["errcode"], "a code of wx.login is WeChat's")
	status, _ := standintest.Get(t, app.APIURL+"/cgi-bin/gettoken?corpid=a&corpid=b")
	require.Equal(t, http.StatusInternalServerError, status, "what no correct client sends")

	s.EndTokens()
	require.EqualValues(t, 40014, session(t, app, first, s.Login("app", "alice"))["errcode"])
	second := token(t, app)
	require.NotEqual(t, first, second)
	s.MoveClock(2 * time.Hour)
	require.EqualValues(t, 42001, session(t, app, second, s.Login("app", "alice"))["errcode"])
	third := token(t, app)
	require.EqualValues(t, 0, session(t, app, third, s.Login("app", "alice"))["errcode"])

	s.SetApp(fakewecom.App{ID: "app", CorpID: corp, Secret: secret, FromOutside: true})
	require.EqualValues(t, 60020, session(t, app, third, s.Login("app", "alice"))["errcode"])
	require.EqualValues(t, 60020, get(t, app, "/cgi-bin/gettoken", "corpid", corp, "corpsecret", secret)["errcode"])
}

func TestWhatItEncryptsOpensUnderTheSessionKey(t *testing.T) {
	s := fakewecom.New(standin.Options{})
	var plain struct{ Mobile string }
	made := s.Encrypt("app", "alice", map[string]any{"mobile": "13800001111"})
	require.NoError(t, json.Unmarshal(standintest.Open(t, fakewecom.SessionKey("app", "alice"), made, 16), &plain))
	require.Equal(t, "13800001111", plain.Mobile)
}
