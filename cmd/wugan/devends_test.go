package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// devEveryEnd is one person on four ends, who is four users until the phone number
// joins them. A page in WeChat's browser has no phone number; it has the unionid.
func (p program) devEveryEnd(t *testing.T) {
	address := freeAddress(t)
	cmd := p.command(t, []string{"WUGAN_ADDR=" + address}, "dev")
	folder := cmd.Dir
	p.start(t, cmd).ready(t, "http://"+address+"/readyz")
	call := func(path, token string, body map[string]any) map[string]any {
		t.Helper()
		data, err := json.Marshal(body)
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, bytes.NewReader(data))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		var answer map[string]any
		require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
		require.Equal(t, http.StatusOK, res.StatusCode, "%s %v", path, answer)
		return answer
	}
	login := func(app string) (token, id string) {
		t.Helper()
		a := call("/api/v1/auth/login", "", map[string]any{"code": "dev:alice", "appId": app})
		return a["accessToken"].(string), a["user"].(map[string]any)["id"].(string)
	}
	const wechat = "wx00000000000000de"
	ids := map[string]bool{}
	for _, app := range []string{wechat, "alipay", "douyin"} {
		token, id := login(app)
		require.False(t, ids[id], "until then nobody knows that they are one person")
		ids[id] = true
		phone := call("/dev/phone-code", "", map[string]any{"appId": app, "user": "alice"})["code"]
		require.NotEmpty(t, call("/api/v1/users/me/phone", token, map[string]any{"code": phone})["phone"])
	}
	_, one := login(wechat)
	for _, app := range []string{"alipay", "douyin", "wechat-oauth"} {
		_, id := login(app)
		require.Equal(t, one, id, app)
	}
	show := p.command(t, []string{"WUGAN_DATABASE_URL=sqlite:" + filepath.Join(folder, ".wugan", "wugan.db")}, "users", "show", one)
	out, err := show.Output()
	require.NoError(t, err)
	var shown []string
	for _, line := range regexp.MustCompile(`(?m)^identity +(\S+)`).FindAllSubmatch(out, -1) {
		shown = append(shown, string(line[1]))
	}
	require.ElementsMatch(t, []string{"wechat", "alipay", "douyin", "wechat-oauth"}, shown, "%s", out)

	// The platforms without phone numbers, and the page that WeChat opens.
	for _, app := range []string{"custom", "wecom", "qq", "baidu"} {
		login(app)
	}
	require.Eventually(t, func() bool {
		return post("http://"+address+"/api/v1/auth/login", `{"appId":"wechat-component","code":"dev:alice"}`) == http.StatusOK
	}, 10*time.Second, 50*time.Millisecond, "the ticket was pushed")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+
		"/connect/oauth2/authorize?appid=wechat-oauth&redirect_uri=http%3A%2F%2Fh5.example.com%2F&response_type=code&scope=snsapi_base&state=s", http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer res.Body.Close()
	back, err := res.Location()
	require.NoError(t, err)
	require.Equal(t, "s", back.Query().Get("state"))
	h5 := call("/api/v1/auth/login", "", map[string]any{"code": back.Query().Get("code"), "appId": "wechat-oauth"})
	require.Equal(t, one, h5["user"].(map[string]any)["id"])
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	require.NoError(t, err)
	return body.String()
}
