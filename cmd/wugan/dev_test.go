package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var pasted = regexp.MustCompile(`(?m)^curl .*$`)

// paste runs a line in a shell, as a newcomer would.
func paste(t *testing.T, folder, line string) map[string]any {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = folder
	out, err := cmd.Output()
	require.NoError(t, err, line)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(out, &answer), "%s\n%s", line, out)
	return answer
}

func (p program) dev(t *testing.T) {
	_, err := exec.LookPath("curl")
	require.NoError(t, err, "the lines are for curl")
	address := freeAddress(t)
	cmd := p.command(t, []string{"WUGAN_ADDR=" + address}, "dev")
	folder := cmd.Dir
	first := p.start(t, cmd)
	first.ready(t, "http://"+address+"/readyz")
	require.Eventually(t, func() bool { return len(pasted.FindAllString(first.out.String(), -1)) == 7 }, 5*time.Second, 10*time.Millisecond)
	welcome := first.out.String()
	require.Contains(t, welcome, "NOT FOR PRODUCTION")
	lines := pasted.FindAllString(welcome, -1)

	login := paste(t, folder, lines[0])
	require.Equal(t, true, login["newUser"])
	id := login["user"].(map[string]any)["id"]
	require.NotEmpty(t, id)
	require.Equal(t, id, paste(t, folder, lines[1])["id"])
	require.NotEmpty(t, paste(t, folder, lines[2])["refreshToken"])
	for _, line := range lines[3:] {
		require.Equal(t, id, paste(t, folder, line)["user"].(map[string]any)["id"], line)
	}
	shown := regexp.MustCompile(`(?m)^WUGAN_.* users show .*$`).FindString(welcome)
	require.NotEmpty(t, shown)
	show := exec.CommandContext(t.Context(), "sh", "-c", shown)
	show.Dir = folder
	out, err := show.Output()
	require.NoError(t, err, shown)
	require.Len(t, regexp.MustCompile(`(?m)^identity `).FindAll(out, -1), 4, "%s", out)
	jwks := get(t, "http://"+address+"/.well-known/jwks.json")

	first.stop(t)
	again := p.command(t, []string{"WUGAN_ADDR=" + address}, "dev")
	again.Dir = folder
	second := p.start(t, again)
	second.ready(t, "http://"+address+"/readyz")
	require.Equal(t, jwks, get(t, "http://"+address+"/.well-known/jwks.json"), "the keys are kept")
	require.Equal(t, id, paste(t, folder, lines[1])["id"], "and the session")
	require.NotEmpty(t, paste(t, folder, lines[2])["refreshToken"])
	require.Equal(t, false, paste(t, folder, lines[0])["newUser"])

	for _, name := range []string{"access.jwks", "refresh.jwks", "data.key", "wugan.db"} {
		info, err := os.Stat(filepath.Join(folder, ".wugan", name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

// devAlone looks at what wugan dev does with settings that are there already.
func (p program) devAlone(t *testing.T) {
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	run := p.start(t, p.command(t, []string{"WUGAN_WECHAT_APPS=" + appID + ":" + appSecret}, "dev", "--addr", address))
	run.ready(t, "http://"+address+"/readyz")
	require.Eventually(t, func() bool { return strings.Contains(run.out.String(), "WUGAN_WECHAT_APPS is ignored") }, 5*time.Second, 10*time.Millisecond)
	require.NotContains(t, run.out.String()+run.errors.String(), appSecret)
	require.Contains(t, get(t, "http://"+address+"/.well-known/openid-configuration"), `"http://localhost:`+port+`"`)
}

func TestDevListensOnThisMachineAloneUnlessItIsToldOtherwise(t *testing.T) {
	listens := func(args ...string) (addr string) {
		t.Helper()
		root := rootCommand()
		dev, rest, err := root.Find(append([]string{"dev"}, args...))
		require.NoError(t, err)
		require.NoError(t, dev.ParseFlags(rest))
		c, err := devSettings(dev)
		require.NoError(t, err)
		return c.Addr
	}
	t.Setenv("WUGAN_ADDR", "") // brings back what was there
	require.NoError(t, os.Unsetenv("WUGAN_ADDR"))
	require.Equal(t, "127.0.0.1:8080", listens())
	require.Equal(t, ":9000", listens("--addr", ":9000"))
	t.Setenv("WUGAN_ADDR", "0.0.0.0:9000")
	require.Equal(t, "0.0.0.0:9000", listens())
	require.Equal(t, "127.0.0.1:1", listens("--addr", "127.0.0.1:1"))
}

func (p program) devLifetimes(t *testing.T) {
	address := freeAddress(t)
	cmd := p.command(t, nil, "dev", "--addr", address, "--access-ttl", "2s", "--refresh-ttl", "1h", "--refresh-grace", "0s", "--session-max-age", "30m", "--data", "here")
	folder := cmd.Dir
	p.start(t, cmd).ready(t, "http://"+address+"/readyz")
	login := paste(t, folder, `curl -s http://`+address+`/api/v1/auth/login -H 'Content-Type: application/json' -d '{"code":"dev:alice"}'`)
	require.EqualValues(t, 2, login["expiresIn"])
	require.EqualValues(t, 1800, login["refreshExpiresIn"], "the greatest age comes first")
	me := func() any {
		token := login["accessToken"].(string)
		return paste(t, folder, `curl -s http://`+address+`/api/v1/users/me -H 'Authorization: Bearer `+token+`'`)["code"]
	}
	require.Nil(t, me())
	require.Eventually(t, func() bool { return me() == "token_expired" }, 5*time.Second, 100*time.Millisecond)
	require.FileExists(t, filepath.Join(folder, "here", "wugan.db"))
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
