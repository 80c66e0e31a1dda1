package fakeqq_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/qq/fakeqq"
	"github.com/wugan/wugan/providers/standin"
)

// session is auth.code2Session of QQ, with fields in the place of the right ones.
func session(t *testing.T, app providers.App, code string, change ...string) map[string]any {
	t.Helper()
	q := url.Values{"appid": {app.ID}, "secret": {app.Secret.Reveal()}, "js_code": {code}, "grant_type": {"authorization_code"}}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	status, out := standintest.Get(t, app.APIURL+"/sns/jscode2session?"+q.Encode())
	require.Equal(t, http.StatusOK, status, "errors, too")
	require.Len(t, out, 6, "with empty members, too")
	return out
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	standintest.Run(t, standintest.Platform{
		New: fakeqq.StandIn, Life: 5 * time.Minute,
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			id, _ := session(t, app, code)["openid"].(string)
			return id
		},
	})
}

func TestItRefusesAsQQDoes(t *testing.T) {
	s := fakeqq.New(standin.Options{})
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	out := session(t, app, s.Login("app", "alice"))
	require.EqualValues(t, 0, out["errcode"])
	require.Equal(t, fakeqq.OpenID("app", "alice"), out["openid"])
	require.Regexp(t, `^[0-9A-F]{32}$`, out["openid"])
	require.Equal(t, fakeqq.UnionID("alice"), out["unionid"])
	require.Equal(t, fakeqq.SessionKey("app", "alice"), out["session_key"])

	for _, c := range []struct {
		errcode        int
		field, instead string
	}{
		{-101222100, "appid", "another"},
		{-101222100, "secret", "another"},
		{-1009, "grant_type", "client_credential"},
		{40029, "js_code", ""},
	} {
		out := session(t, app, s.Login("app", "alice"), c.field, c.instead)
		require.EqualValues(t, c.errcode, out["errcode"], c.field)
		require.Empty(t, out["openid"])
	}

	s.SetApp(fakeqq.App{ID: "app", Secret: app.Secret.Reveal(), NoUnionID: true})
	require.Empty(t, session(t, app, s.Login("app", "bob"))["unionid"], "it is bound to no account")
	for range 99 {
		require.EqualValues(t, 0, session(t, app, s.Login("app", "bob"))["errcode"])
	}
	require.EqualValues(t, 45011, session(t, app, s.Login("app", "bob"))["errcode"], "a hundred a minute")
	s.MoveClock(time.Minute)
	require.EqualValues(t, 0, session(t, app, s.Login("app", "bob"))["errcode"])
}

func TestWhatItEncryptsOpensUnderTheSessionKey(t *testing.T) {
	s := fakeqq.New(standin.Options{})
	made := s.Encrypt("app", "alice", map[string]any{"nickName": "小明"})
	var plain struct {
		NickName  string
		Watermark struct{ AppID string }
	}
	require.NoError(t, json.Unmarshal(standintest.Open(t, fakeqq.SessionKey("app", "alice"), made, 16), &plain))
	require.Equal(t, "小明", plain.NickName)
	require.Equal(t, "app", plain.Watermark.AppID)
}
