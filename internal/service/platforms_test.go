package service

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/providers/alipay/fakealipay"
	"github.com/wugan/wugan/providers/custom/fakecustom"
	"github.com/wugan/wugan/providers/douyin/fakedouyin"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	alipayApp = "2021000000000001"
	douyinApp = "tt0123456789abcdef"
	customApp = "h5-shop"
)

var (
	alipayAppKey, _ = rsa.GenerateKey(rand.Reader, 2048)
	alipayKey, _    = rsa.GenerateKey(rand.Reader, 2048)
)

// ends are the stand-ins of other platforms, and a pod that knows them all.
type ends struct {
	*pod
	alipay *fakealipay.Server
	douyin *fakedouyin.Server
	custom *fakecustom.Server
}

func (w *world) ends(change ...func(*config.Config)) *ends {
	w.t.Helper()
	e := &ends{}
	serve := func(h interface{ Handler() http.Handler }) string {
		server := httptest.NewServer(h.Handler())
		w.t.Cleanup(server.Close)
		return server.URL
	}
	opts := standin.Options{Now: w.clock.Now}
	aes := []byte("0123456789abcdef")
	e.alipay = fakealipay.New(opts, alipayKey)
	e.alipay.SetApp(fakealipay.App{ID: alipayApp, Public: &alipayAppKey.PublicKey, AESKey: aes})
	e.douyin = fakedouyin.New(opts)
	e.douyin.SetApp(fakedouyin.App{ID: douyinApp, Secret: appSecret})
	whsec := "whsec_" + base64.StdEncoding.EncodeToString([]byte(rand.Text()+rand.Text()))
	shared, err := standardwebhooks.ParseSecret(whsec)
	require.NoError(w.t, err)
	e.custom = fakecustom.New(opts, shared)

	folder := w.t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	private := write("app.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(alipayAppKey)})))
	der, err := x509.MarshalPKIXPublicKey(&alipayKey.PublicKey)
	require.NoError(w.t, err)
	public := write("alipay.pub", base64.StdEncoding.EncodeToString(der))
	apps := write("apps.yaml", fmt.Sprintf(`apps:
  - {id: %s, provider: wechat, secret: %q, apiURL: %s}
  - {id: %q, provider: alipay, privateKeyFile: %s, alipayPublicKeyFile: %s, aesKey: %q, apiURL: %s, account: alipay}
  - {id: %s, provider: douyin, secret: %q, apiURL: %s, account: douyin}
  - {id: %s, provider: custom, secret: %q, url: %q, account: own}
`, appID, appSecret, w.address, alipayApp, private, public, base64.StdEncoding.EncodeToString(aes), serve(e.alipay),
		douyinApp, appSecret, serve(e.douyin), customApp, whsec, serve(e.custom)+"/login"))
	w.log.secrets(whsec, base64.StdEncoding.EncodeToString(aes))
	e.pod = w.pod(append(change, withOperatorKeys, func(c *config.Config) {
		c.WechatApps, c.AppsFile = secret.String{}, apps
	})...)
	return e
}

// codeOf is a fresh code of a person in an app.
func (e *ends) codeOf(app, person string) string {
	switch app {
	case alipayApp:
		return e.alipay.Login(app, person)
	case douyinApp:
		return e.douyin.Login(app, person)
	case customApp:
		return e.custom.Login(app, person)
	}
	return e.w.code(app, person)
}

// enter logs a person in from an end, and returns tokens and the user's id.
func (e *ends) enter(app, person string) (tokens, string) {
	e.w.t.Helper()
	a := e.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": app, "code": e.codeOf(app, person)})
	require.Equal(e.w.t, 200, a.status, "%s", a.body)
	user, _ := a.json()["user"].(map[string]any)
	id, _ := user["id"].(string)
	return pair(a), id
}

var allEnds = []string{appID, alipayApp, douyinApp, customApp}

func TestPeopleLogInFromEveryPlatform(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		e := w.ends()
		for i, app := range allEnds {
			first, id := e.enter(app, "alice")
			_, again := e.enter(app, "alice")
			require.Equal(t, id, again)
			require.Equal(t, 200, e.me(first.access).status)
			require.Equal(t, 200, e.refresh(first.refresh).status)
			person := e.admin("GET", "/users/"+id, nil).json()
			identity := person["identities"].([]any)[0].(map[string]any)
			require.Equal(t, []string{"wechat", "alipay", "douyin", "custom"}[i], identity["provider"])
			in := e.form("/oauth2/token", "", "grant_type", "urn:wugan:grant:code", "code", e.codeOf(app, "alice"), "client_id", app)
			require.Equal(t, 200, in.status, "%s", in.body)
			expect(t, e.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": app, "code": "madeup"}), 400, "invalid_code")
		}
		require.Contains(t, e.scrape(), `wugan_provider_calls_total{api="alipay.system.oauth.token",errcode="isv.code-invalid",outcome="invalid_code",provider="alipay"} 1`)
	})
}

func TestAGuestIsNoUser(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	e := w.ends()
	expect(t, e.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": douyinApp, "code": e.douyin.Guest(douyinApp, "device")}), 400, "no_identity")
	require.Empty(t, e.admin("GET", "/users", nil).json()["users"])
}

func TestOutagesAndRefusalsOfOtherPlatformsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	e := w.ends()
	login := func(app string) answer {
		return e.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": app, "code": e.codeOf(app, "alice")})
	}
	e.alipay.SetFault(standin.Fault{Status: 502, Body: "<html>", Count: 1})
	a := login(alipayApp)
	expect(t, a, 503, "provider_unavailable")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	e.alipay.SetFault(standin.Fault{Status: 200, Body: `{"error_response":{"code":"40005"}}`, Count: 1})
	expect(t, login(alipayApp), 429, "provider_rate_limited")
	e.douyin.SetApp(fakedouyin.App{ID: douyinApp, Secret: "reset"})
	expect(t, login(douyinApp), 502, "provider_rejected_app")
	e.custom.SetFault(standin.Fault{Status: 500, Body: `{"code":"oops"}`, Count: 1})
	expect(t, login(customApp), 503, "provider_unavailable")
	id := w.wechat.SetFault(fakewechat.Fault{Status: 502})
	expect(t, login(appID), 503, "wechat_unavailable")
	w.wechat.ClearFault(id)
	require.Equal(t, 200, login(alipayApp).status)
}

func TestWhatAPlatformDoesNotOfferIsSaid(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	e := w.ends()
	mine, _ := e.enter(alipayApp, "alice")
	for _, a := range []answer{
		e.do("POST", "/api/v1/wechat/decrypt", mine.access, map[string]any{"encryptedData": "AAAA", "iv": "AAAA"}),
		e.do("POST", "/api/v1/wechat/check-session", mine.access, nil),
	} {
		require.Contains(t, []string{"decrypt_failed", ""}, a.code(), "%s", a.body)
	}
	text := e.alipay.PhoneText(alipayApp, "alice")
	w.log.secrets(text)
	require.Equal(t, 200, e.bindPhone(mine.access, text).status)
	require.Equal(t, standin.Phone("alice")[:3]+"****"+standin.Phone("alice")[7:], e.me(mine.access).text("phone"))
	theirs, _ := e.enter(customApp, "bob")
	expect(t, e.bindPhone(theirs.access, "0123"), 400, "invalid_request")
}

// What a new platform needs beside its folder and its line: a row in both languages'
// pages, a section or its mention on the page of platforms, and its row in the HTTP
// document.
func TestEveryPlatformIsDocumented(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", path))
		require.NoError(t, err)
		return string(text)
	}
	for _, one := range platforms {
		for _, language := range []string{"en", "zh"} {
			require.Contains(t, read("docs/"+language+"/apps.md"), "\n| `"+one.Name+"` |", language)
			if one.standIn == nil {
				continue
			}
			fake, err := one.standIn(standin.Options{PlatformKey: func() (*rsa.PrivateKey, error) { return alipayKey, nil }})
			require.NoError(t, err)
			folder, _, _ := strings.Cut(strings.TrimPrefix(reflect.TypeOf(fake).String(), "*"), ".")
			require.Contains(t, read("docs/"+language+"/platforms.md"), "/"+folder+"`", language)
		}
		require.Contains(t, read("httpapi/openapi.yaml"), "\n        - `"+one.Name+"`: ")
	}
}
