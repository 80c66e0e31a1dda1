package service

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakecomponent"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// A ticket comes to one pod; all pods and the next start have it, and the database
// shows none of it.
func TestATicketThatOnePodWasPushedServesAll(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		fake := fakecomponent.New(standin.Options{})
		server := httptest.NewServer(fake.Handler())
		t.Cleanup(server.Close)
		app, err := fake.NewApp("wx5555555555555555", server.URL)
		require.NoError(t, err)
		path, err := writeApps(t.TempDir(), []providers.App{app})
		require.NoError(t, err)
		for _, member := range []string{"componentSecret", "token", "encodingAESKey"} {
			w.log.secrets(app.Member(member).Reveal())
		}
		withApps := func(c *config.Config) { c.WechatApps, c.AppsFile = secret.String{}, path }
		one := w.pod(withApps)
		login := func(p *pod) answer {
			code := fake.Login(app.ID, "alice")
			w.log.secrets(code)
			return p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": app.ID, "code": code})
		}
		expect(t, login(one), 503, "wechat_unavailable")
		require.NoError(t, fake.PushTo(t.Context(), one.server.URL))
		require.Equal(t, 200, login(one).status)
		one.stop()
		require.Equal(t, 200, login(w.pod(withApps)).status)

		component := app.Member("componentAppId").Reveal()
		expect(t, w.pod(withApps).do("POST", "/api/v1/wechat/push/"+component+"?timestamp=1&nonce=1&msg_signature=1", "", `{"Encrypt":"AAAA"}`), 403, "forbidden")
	})
}

func TestAPushThatCannotBeKeptHasToComeAgain(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	fake := fakecomponent.New(standin.Options{})
	app, err := fake.NewApp("wx5555555555555555", "http://127.0.0.1:1")
	require.NoError(t, err)
	path, err := writeApps(t.TempDir(), []providers.App{app})
	require.NoError(t, err)
	p := w.pod(func(c *config.Config) { c.WechatApps, c.AppsFile = secret.String{}, path })
	w.exec("DROP TABLE platform_values")
	require.ErrorContains(t, fake.PushTo(t.Context(), p.server.URL), "status 5")
}

// The members of an app in the file are the same as WECHAT_PUSH.
func TestThePushOfAnAppInTheFile(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	for _, provider := range []string{wechat.Name, wechat.OAuthName} {
		app := providers.App{
			ID: appID, Provider: provider, Secret: secret.New(appSecret), APIURL: w.address,
			Members: map[string]secret.String{"token": secret.New(pushToken), "encodingAESKey": secret.New(pushKey)},
		}
		path, err := writeApps(t.TempDir(), []providers.App{app})
		require.NoError(t, err)
		p := w.pod(withOperatorKeys, func(c *config.Config) { c.WechatApps, c.AppsFile = secret.String{}, path })
		if provider == wechat.Name {
			mine, id := p.furnished("alice", "13812340000")
			require.Equal(t, "success", p.push("user_authorization_revoke", withdrew("6,8")).Body)
			require.Empty(t, p.me(mine.access).text("phone"))
			require.Empty(t, p.me(mine.access).text("nickname"))
			kinds, _ := p.eventsOf(id)
			require.Contains(t, kinds, "profile_erased")
			require.Equal(t, "success", p.push("user_authorization_cancellation").Body)
			require.Eventually(t, func() bool { return p.me(mine.access).status == 401 }, time.Second, 10*time.Millisecond)
		}
		require.Equal(t, 403, p.push("user_info_modified", func(m *fakewechat.Push) { m.Token = strings.ToUpper(pushToken) }).Status)
		echo, err := w.wechat.VerifyPushURL(t.Context(), p.server.URL+"/api/v1/wechat/push/"+appID, pushToken)
		require.NoError(t, err)
		require.True(t, echo.Accepted)
		p.stop()
	}
}
