package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers/baidu/fakebaidu"
	"github.com/wugan/wugan/providers/qq/fakeqq"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/providers/wecom/fakewecom"
)

const (
	qqApp       = "1110000001"
	wecomApp    = "wx00000000000000e1"
	wecomCorp   = "ww0000000000000001"
	baiduApp    = "16000001"
	baiduKey    = "4fecoAqgCIUtzIyA4FAPgoyrc4oUc25c"
	otherSecret = "another-platform-secret-0123456789"
)

// keyed are the platforms that hand out a session key, and a pod that knows them.
type keyed struct {
	*pod
	qq    *fakeqq.Server
	wecom *fakewecom.Server
	baidu *fakebaidu.Server
}

func (w *world) keyed() *keyed {
	w.t.Helper()
	opts := standin.Options{Now: w.clock.Now}
	k := &keyed{qq: fakeqq.New(opts), wecom: fakewecom.New(opts), baidu: fakebaidu.New(opts)}
	k.qq.SetApp(fakeqq.App{ID: qqApp, Secret: otherSecret})
	k.wecom.SetApp(fakewecom.App{ID: wecomApp, CorpID: wecomCorp, Secret: otherSecret})
	k.baidu.SetApp(fakebaidu.App{Key: baiduKey, Secret: otherSecret})
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		w.t.Cleanup(server.Close)
		return server.URL
	}
	path := filepath.Join(w.t.TempDir(), "apps.yaml")
	require.NoError(w.t, os.WriteFile(path, fmt.Appendf(nil, `apps:
  - {id: %q, provider: qq, secret: %[2]q, apiURL: %[3]s}
  - {id: %[4]s, provider: wecom, secret: %[2]q, corpId: %[5]s, apiURL: %[6]s}
  - {id: %[7]q, provider: baidu, secret: %[2]q, appKey: %[8]s, apiURL: %[9]s}
`, qqApp, otherSecret, serve(k.qq.Handler()), wecomApp, wecomCorp, serve(k.wecom.Handler()), baiduApp, baiduKey, serve(k.baidu.Handler())), 0o600))
	w.log.secrets(otherSecret)
	k.pod = w.pod(withOperatorKeys, func(c *config.Config) { c.WechatApps, c.AppsFile = secret.String{}, path })
	return k
}

// codeOf is a fresh code of a person in an app.
func (k *keyed) codeOf(app, person string) (code string) {
	switch app {
	case qqApp:
		code = k.qq.Login(app, person)
	case wecomApp:
		code = k.wecom.Login(app, person)
	case baiduApp:
		code = k.baidu.Login(baiduKey, person)
	}
	k.w.log.secrets(code)
	return code
}

func (k *keyed) enter(app, code string) answer {
	k.w.t.Helper()
	return k.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": app, "code": code})
}

func TestPeopleLogInFromQQWeComAndBaidu(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		k := w.keyed()
		for app, want := range map[string]struct{ provider, subject, unionID string }{
			qqApp:    {"qq", fakeqq.OpenID(qqApp, "alice"), fakeqq.UnionID("alice")},
			wecomApp: {"wecom", wecomCorp + "/alice", ""},
			baiduApp: {"baidu", fakebaidu.OpenID(baiduKey, "alice"), ""},
		} {
			first := k.enter(app, k.codeOf(app, "alice"))
			require.Equal(t, 200, first.status, "%s", first.body)
			id := k.userOf(pair(first).access)
			require.Equal(t, true, first.json()["newUser"])
			again := k.enter(app, k.codeOf(app, "alice"))
			require.Equal(t, id, k.userOf(pair(again).access), "the same person")
			require.Equal(t, 200, k.refresh(pair(first).refresh).status)

			identity := k.admin("GET", "/users/"+id, nil).json()["identities"].([]any)[0].(map[string]any)
			require.Equal(t, want.provider, identity["provider"])
			require.Equal(t, want.subject, identity["openid"])
			if want.unionID != "" {
				require.Equal(t, want.unionID, identity["unionid"])
			}
		}
	})
}

func TestTheDataOfAPlatformIsReadAndNamesNobody(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	k := w.keyed()
	for app, data := range map[string]standin.Encrypted{
		qqApp:    k.qq.Encrypt(qqApp, "alice", map[string]any{"openId": "o", "unionId": "u", "nickName": "爱丽丝"}),
		wecomApp: k.wecom.Encrypt(wecomApp, "alice", map[string]any{"userid": "alice", "nickName": "爱丽丝"}),
		baiduApp: k.baidu.Encrypt(baiduKey, "alice", map[string]any{"openid": "o", "nickName": "爱丽丝"}),
	} {
		mine := pair(k.enter(app, k.codeOf(app, "alice")))
		a := k.do("POST", "/api/v1/wechat/decrypt", mine.access, map[string]any{"encryptedData": data.Data, "iv": data.IV})
		require.Equal(t, 200, a.status, "%s", a.body)
		plain := a.json()["data"].(map[string]any)
		require.Equal(t, "爱丽丝", plain["nickName"])
		for _, id := range []string{"openId", "unionId", "openid", "userid"} {
			require.NotContains(t, plain, id, "%s: the ids of a person do not leave the service by a user's request", app)
		}
		theirs := pair(k.enter(app, k.codeOf(app, "bob")))
		expect(t, k.do("POST", "/api/v1/wechat/decrypt", theirs.access, map[string]any{"encryptedData": data.Data, "iv": data.IV}), 400, "decrypt_failed")
	}
}

func TestWhatQQWeComAndBaiduRefuseHasItsCode(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	k := w.keyed()
	for app, want := range map[string]struct {
		status int
		code   string
	}{
		qqApp: {400, "invalid_code"}, wecomApp: {400, "invalid_code"},
		baiduApp: {503, "provider_unavailable"}, // its number for a bad code is not known
	} {
		code := k.codeOf(app, "alice")
		require.Equal(t, 200, k.enter(app, code).status)
		expect(t, k.enter(app, code), want.status, want.code)
		expect(t, k.enter(app, "dev:alice"), 400, "invalid_code")
	}
	k.qq.SetFault(standin.Fault{Status: 200, Body: `{"errcode":45011}`, Count: 1})
	expect(t, k.enter(qqApp, k.codeOf(qqApp, "alice")), 429, "provider_rate_limited")
	for range 3 {
		k.wecom.SetFault(standin.Fault{Path: "/cgi-bin/miniprogram/jscode2session", Status: 200, Body: `{"errcode":60020,"errmsg":"ip"}`, Count: 1})
		expect(t, k.enter(wecomApp, k.codeOf(wecomApp, "alice")), 502, "provider_rejected_app")
	}
	k.baidu.SetFault(standin.Fault{Count: 1})
	expect(t, k.enter(baiduApp, k.codeOf(baiduApp, "alice")), 503, "provider_unavailable")
	for _, app := range []string{qqApp, wecomApp, baiduApp} {
		require.Equal(t, 200, k.enter(app, k.codeOf(app, "alice")).status)
	}
	require.Contains(t, w.log.String(), fmt.Sprintf("code %d", fakebaidu.BadCode), "the operator learns Baidu's number")
	require.Contains(t, k.scrape(), `wugan_provider_calls_total{api="jscode2session",errcode="60020",outcome="rejected_app",provider="wecom"} 3`)
}
