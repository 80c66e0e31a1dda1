package service

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
)

// faked is a running `wugan fake`.
type faked struct {
	t       *testing.T
	control string
	apps    string
}

var told = regexp.MustCompile(`control side at (\S+), apps .* in (\S+)\n$`)

func startFake(t *testing.T, o FakeOptions) *faked {
	t.Helper()
	o.Listen, o.Control = "127.0.0.1:0", "127.0.0.1:0"
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := Fake(ctx, o, writer); err != nil {
			_ = writer.CloseWithError(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	line := make([]byte, 4096)
	n, err := reader.Read(line)
	require.NoError(t, err)
	found := told.FindSubmatch(line[:n])
	require.NotNil(t, found, "%s", line[:n])
	return &faked{t, string(found[1]), string(found[2])}
}

// call asks the control side; status is what it must answer.
func (f *faked) call(method, path string, status int, body any) map[string]any {
	f.t.Helper()
	data, err := json.Marshal(body)
	require.NoError(f.t, err)
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.control+path, bytes.NewReader(data))
	require.NoError(f.t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(f.t, err)
	defer res.Body.Close()
	var out map[string]any
	require.NoError(f.t, json.NewDecoder(res.Body).Decode(&out))
	require.Equal(f.t, status, res.StatusCode, "%s %v", path, out)
	return out
}

func (f *faked) code(path, app, user string) string {
	f.t.Helper()
	code, _ := f.call("POST", path, 200, map[string]any{"appId": app, "user": user})["code"].(string)
	require.NotEmpty(f.t, code)
	return code
}

func TestEveryPlatformHasAStandInThatOthersCanTestAgainst(t *testing.T) {
	t.Parallel()
	for _, one := range platforms {
		if one.Name == wechat.Name {
			continue // wugan fakewechat
		}
		t.Run(one.Name, func(t *testing.T) {
			t.Parallel()
			require.NotNil(t, one.standIn)
			w := newSQLiteWorld(t)
			folder := filepath.Join(t.TempDir(), "fake")
			f := startFake(t, FakeOptions{Provider: one.Name, Data: folder, Apps: []string{"app-a", "app-b"}, NoDevCodes: true})
			p := w.pod(func(c *config.Config) { c.WechatApps, c.AppsFile = secret.String{}, f.apps })
			login := func(app, code string) int {
				w.log.secrets(code)
				return p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": app, "code": code}).status
			}
			if one.Name == wechat.ComponentName {
				f.call("POST", "/push", 200, map[string]any{"url": p.server.URL})
			}
			code := f.code("/login", "app-a", "alice")
			require.NotEqual(t, 200, login("app-a", "dev:alice"))
			require.Equal(t, 200, login("app-a", code))
			require.NotEqual(t, 200, login("app-a", code), "a code works once")
			if one.Name != "custom" { // whose back end answers for all apps alike
				require.NotEqual(t, 200, login("app-b", f.code("/login", "app-a", "alice")), "for its app")
			}
			late := f.code("/login", "app-a", "alice")
			f.call("POST", "/clock", 200, map[string]any{"move": "11m"})
			require.NotEqual(t, 200, login("app-a", late), "and for its time")

			f.call("POST", "/faults", 200, map[string]any{"status": 502, "body": "<html>", "count": 1})
			require.Equal(t, 503, login("app-b", f.code("/login", "app-b", "alice")))
			require.NotEmpty(t, f.call("GET", "/calls", 200, nil)["calls"])
			f.call("POST", "/login", 400, map[string]any{"appId": "app-c", "user": "alice"})
			f.call("POST", "/login", 400, map[string]any{"appId": "app-a", "user": ""})
			f.call("POST", "/login", 400, map[string]any{"appId": "app-a", "user": "alice", "usr": "x"})
			f.call("POST", "/faults", 400, map[string]any{"status": 42})
		})
	}
}

func TestAFakeTakesTheAppsOfItsFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := startFake(t, FakeOptions{Provider: "douyin", Data: folder})
	before, err := (&config.Config{AppsFile: first.apps}).Apps()
	require.NoError(t, err)
	again := startFake(t, FakeOptions{Provider: "douyin", Data: folder, Apps: []string{"another"}})
	after, err := (&config.Config{AppsFile: again.apps}).Apps()
	require.NoError(t, err)
	require.Len(t, after, 2)
	require.Equal(t, before[0].Secret.Reveal(), after[0].Secret.Reveal())
	require.NotEqual(t, before[0].APIURL, after[0].APIURL, "the address is the new one's")
	require.NotEmpty(t, again.code("/phone-code", "douyin", "alice"))
	require.NotEmpty(t, again.code("/guest-code", "another", "device"))

	err = Fake(t.Context(), FakeOptions{Provider: "qq", Data: folder, Listen: "127.0.0.1:0", Control: "127.0.0.1:0"}, io.Discard)
	require.ErrorContains(t, err, "expected apps of provider qq alone")
	err = Fake(t.Context(), FakeOptions{Provider: "nobody", Data: folder}, io.Discard)
	require.ErrorIs(t, err, ErrNoFake)
	require.ErrorContains(t, err, strings.Join(FakeNames(), ", "))
}

func TestAFakeOfAlipayRefusesAFileOfAnotherOne(t *testing.T) {
	t.Parallel()
	one, other := t.TempDir(), t.TempDir()
	startFake(t, FakeOptions{Provider: "alipay", Data: one})
	startFake(t, FakeOptions{Provider: "alipay", Data: other})
	apps, err := (&config.Config{AppsFile: filepath.Join(one, appsFile)}).Apps()
	require.NoError(t, err)
	_, err = writeApps(other, []providers.App{apps[0].App})
	require.NoError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = Fake(short, FakeOptions{Provider: "alipay", Data: other, Listen: "127.0.0.1:0", Control: "127.0.0.1:0"}, io.Discard)
	require.ErrorContains(t, err, "alipayPublicKeyFile")
}
