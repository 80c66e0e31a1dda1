package fakeoauth_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat/fakeoauth"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// exchange is sns/oauth2/access_token, with fields in the place of the right ones.
func exchange(t *testing.T, app providers.App, code string, change ...string) map[string]any {
	t.Helper()
	q := url.Values{"appid": {app.ID}, "secret": {app.Secret.Reveal()}, "code": {code}, "grant_type": {"authorization_code"}}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	status, out := standintest.Get(t, app.APIURL+"/sns/oauth2/access_token?"+q.Encode())
	require.Equal(t, http.StatusOK, status, "errors, too")
	return out
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	standintest.Run(t, standintest.Platform{
		New: fakeoauth.StandIn, Life: 5 * time.Minute, Offered: []standin.Kind{standin.Guest},
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			id, _ := exchange(t, app, code)["openid"].(string)
			return id
		},
	})
}

func TestItRefusesAsWeChatDoes(t *testing.T) {
	s := fakeoauth.New(standin.Options{})
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	once := s.Login("app", "alice")
	out := exchange(t, app, once)
	require.Equal(t, fakeoauth.OpenID("app", "alice"), out["openid"])
	require.Equal(t, fakewechat.UnionID(app.Account, "alice"), out["unionid"], "that of the mini programs of the account")
	require.NotContains(t, out, "is_snapshotuser")
	require.EqualValues(t, 40163, exchange(t, app, once)["errcode"])
	require.EqualValues(t, 40029, exchange(t, app, "made-up")["errcode"])
	require.EqualValues(t, 40013, exchange(t, app, "x", "appid", "another")["errcode"])
	require.EqualValues(t, 40125, exchange(t, app, "x", "secret", "another")["errcode"])
	require.EqualValues(t, 1, exchange(t, app, s.SnapshotLogin("app", "alice"))["is_snapshotuser"])
	s.SetApp(fakeoauth.App{ID: "app", Secret: app.Secret.Reveal()})
	require.NotContains(t, exchange(t, app, s.Login("app", "alice")), "unionid")
}

func TestTheAuthorizePageLeadsBackWithACodeOfItsVisitor(t *testing.T) {
	s := fakeoauth.New(standin.Options{})
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	s.SetUser("bob")
	for _, page := range []string{"/connect/oauth2/authorize", "/connect/qrconnect"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, app.APIURL+page+
			"?appid=app&redirect_uri=https%3A%2F%2Fh5.example.com%2Fback%3Fa%3D1&response_type=code&scope=snsapi_base&state=s%26t#wechat_redirect", http.NoBody)
		require.NoError(t, err)
		res, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, http.StatusFound, res.StatusCode)
		back, err := res.Location()
		require.NoError(t, err)
		require.Equal(t, "h5.example.com/back", back.Host+back.Path)
		require.Equal(t, "1", back.Query().Get("a"))
		require.Equal(t, "s&t", back.Query().Get("state"))
		require.Equal(t, fakeoauth.OpenID("app", "bob"), exchange(t, app, back.Query().Get("code"))["openid"])
	}
	for name, query := range map[string]string{
		"an unknown app":   "appid=another&redirect_uri=https%3A%2F%2Fa.example&response_type=code&scope=snsapi_base&state=s",
		"another order":    "redirect_uri=https%3A%2F%2Fa.example&appid=app&response_type=code&scope=snsapi_base&state=s",
		"no address":       "appid=app&redirect_uri=%2Fhere&response_type=code&scope=snsapi_base&state=s",
		"another response": "appid=app&redirect_uri=https%3A%2F%2Fa.example&response_type=token&scope=snsapi_base&state=s",
	} {
		status, _ := standintest.Get(t, app.APIURL+"/connect/oauth2/authorize?"+query)
		require.Equal(t, http.StatusBadRequest, status, name)
	}
}
