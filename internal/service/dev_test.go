package service

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/kelseyhightower/envconfig"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

// dev is a running `wugan dev`.
type dev struct {
	t       *testing.T
	base    string
	welcome string
	stop    func()
}

var opened = regexp.MustCompile(`Open (http://\S+)/ in a browser`)

func devSettings(t *testing.T) config.Config {
	t.Helper()
	var c config.Config
	require.NoError(t, envconfig.Process("wugan_no_such_prefix", &c))
	c.Addr, c.LogLevel = "127.0.0.1:0", "error"
	return c
}

func startDev(t *testing.T, folder string) *dev {
	t.Helper()
	c := devSettings(t)
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { _ = writer.CloseWithError(Dev(ctx, c, "v0", folder, writer)) })
	stop := sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(stop)
	text := make([]byte, 8192)
	n, err := reader.Read(text)
	require.NoError(t, err)
	found := opened.FindSubmatch(text[:n])
	require.NotNil(t, found, "%s", text[:n])
	return &dev{t, string(found[1]), string(text[:n]), stop}
}

// call asks for JSON; the answer has status 200.
func (d *dev) call(method, path, token string, body any) map[string]any {
	d.t.Helper()
	status, out := d.try(method, path, token, body)
	require.Equal(d.t, http.StatusOK, status, "%s %v", path, out)
	return out
}

func (d *dev) try(method, path, token string, body any) (status int, out map[string]any) {
	d.t.Helper()
	data, err := json.Marshal(body)
	require.NoError(d.t, err)
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.base+path, bytes.NewReader(data))
	require.NoError(d.t, err)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err)
	defer res.Body.Close()
	require.NoError(d.t, json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, out
}

// login is alice's, by a code that only dev takes.
func (d *dev) login(app string) (pair tokens, id string) {
	d.t.Helper()
	a := d.call("POST", "/api/v1/auth/login", "", map[string]any{"code": "dev:alice", "appId": app})
	pair.access, _ = a["accessToken"].(string)
	pair.refresh, _ = a["refreshToken"].(string)
	user, _ := a["user"].(map[string]any)
	id, _ = user["id"].(string)
	require.NotEmpty(d.t, id)
	return pair, id
}

func (d *dev) phoneCode(app string) any {
	d.t.Helper()
	return d.call("POST", "/dev/phone-code", "", map[string]any{"appId": app, "user": "alice"})["code"]
}

// One person on four ends is four users until the phone number joins them. A page in
// WeChat's browser has no phone number; it has the unionid.
func TestInDevOnePersonComesFromEveryEnd(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := startDev(t, folder)
	ids := map[string]bool{}
	for _, app := range []string{devAppID, "alipay", "douyin"} {
		pair, id := d.login(app)
		require.False(t, ids[id], "they are not known to be one person yet")
		ids[id] = true
		require.NotEmpty(t, d.call("POST", "/api/v1/users/me/phone", pair.access, map[string]any{"code": d.phoneCode(app)})["phone"])
	}
	_, one := d.login(devAppID)
	for _, app := range []string{"alipay", "douyin", "wechat-oauth"} {
		_, id := d.login(app)
		require.Equal(t, one, id, app)
	}
	c := devSettings(t)
	require.NoError(t, useDevFolder(&c, folder))
	operator, db, err := Administer(t.Context(), c)
	require.NoError(t, err)
	defer db.Close()
	person, err := operator.Person(t.Context(), uuid.MustParse(one))
	require.NoError(t, err)
	require.Len(t, person.Identities, 4)

	// The platforms without phone numbers, and the page that WeChat opens.
	for _, app := range []string{"custom", "wecom", "qq", "baidu"} {
		d.login(app)
	}
	require.Eventually(t, func() bool {
		status, _ := d.try("POST", "/api/v1/auth/login", "", map[string]any{"appId": "wechat-component", "code": "dev:alice"})
		return status == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond, "the ticket was pushed")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.base+
		"/connect/oauth2/authorize?appid=wechat-oauth&redirect_uri=http%3A%2F%2Fh5.example.com%2F&response_type=code&scope=snsapi_base&state=s", http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer res.Body.Close()
	back, err := res.Location()
	require.NoError(t, err)
	require.Equal(t, "s", back.Query().Get("state"))
	h5 := d.call("POST", "/api/v1/auth/login", "", map[string]any{"code": back.Query().Get("code"), "appId": "wechat-oauth"})
	user5, _ := h5["user"].(map[string]any)
	require.Equal(t, one, user5["id"])

	// What the phone in WeChat gives, besides.
	code := d.call("POST", "/dev/login", "", map[string]any{"appId": devAppID, "user": "alice"})["code"]
	require.NotEmpty(t, d.call("POST", "/api/v1/auth/login", "", map[string]any{"code": code})["accessToken"])
	made := d.call("POST", "/dev/encrypt", "", map[string]any{"appId": devAppID, "user": "alice", "payload": map[string]any{"steps": 7}})
	require.NotEmpty(t, made["encryptedData"])
	for _, body := range []map[string]any{{"appId": "none", "user": "alice"}, {"appId": devAppID}} {
		status, out := d.try("POST", "/dev/login", "", body)
		require.Equal(t, http.StatusBadRequest, status)
		require.NotEmpty(t, out["error"])
	}
	status, _ := d.try("POST", "/dev/guest-code", "", map[string]any{"appId": devAppID, "user": "alice"})
	require.Equal(t, http.StatusBadRequest, status, "WeChat has no guests")
}

func TestDevKeepsWhatItMadeInItsFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "made", "here")
	d := startDev(t, folder)
	require.Contains(t, d.welcome, "NOT FOR PRODUCTION")
	require.Contains(t, d.welcome, "WUGAN_DATABASE_URL=sqlite:"+filepath.Join(folder, "wugan.db"))
	before, id := d.login(devAppID)
	keys := d.call("GET", "/.well-known/jwks.json", "", nil)
	d.stop()
	for _, name := range []string{"access.jwks", "refresh.jwks", "data.key", "wugan.db", appsFile, "platform.pem"} {
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}

	d = startDev(t, folder)
	require.Equal(t, keys, d.call("GET", "/.well-known/jwks.json", "", nil))
	require.Equal(t, id, d.call("GET", "/api/v1/users/me", before.access, nil)["id"])
	require.NotEmpty(t, d.call("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": before.refresh})["refreshToken"])
	_, again := d.login(devAppID)
	require.Equal(t, id, again)
}

func TestDevSaysWhatItCannotUse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	short, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.ErrorContains(t, Dev(short, devSettings(t), "v0", file, io.Discard), "make the data folder")

	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "data.key"), []byte("no key"), 0o600))
	require.ErrorContains(t, Dev(short, devSettings(t), "v0", folder, io.Discard), "WUGAN_DATA_KEY: expected")

	taken := startDev(t, t.TempDir())
	c := devSettings(t)
	c.Addr = strings.TrimPrefix(taken.base, "http://")
	c.Addr = "127.0.0.1:" + c.Addr[strings.LastIndex(c.Addr, ":")+1:]
	require.ErrorContains(t, Dev(short, c, "v0", t.TempDir(), io.Discard), "WUGAN_ADDR: expected")
	require.NoError(t, short.Err())
}
