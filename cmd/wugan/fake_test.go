package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// playsAlipay is the way of a team that tests against a platform without an account:
// wugan fake makes the apps' file, wugan serve reads it.
func (p program) playsAlipay(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "fake")
	s := standIn{freeAddress(t), freeAddress(t)}
	start := func() *process {
		run := p.start(t, p.command(t, nil, "fake", "alipay", "--listen", s.address, "--control", s.control, "--data", folder))
		require.Eventually(t, func() bool { return strings.Contains(run.errors.String(), folder) }, 20*time.Second, 20*time.Millisecond)
		return run
	}
	fake := start()
	apps := filepath.Join(folder, "apps.yaml")
	before, err := os.ReadFile(apps)
	require.NoError(t, err)
	info, err := os.Stat(apps)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	settings := p.production(t, pgtest.Migrated(t))
	delete(settings, "WUGAN_WECHAT_APPS")
	settings["WUGAN_APPS_FILE"] = apps
	base := "http://" + settings["WUGAN_ADDR"]
	p.start(t, p.command(t, environment(settings), "serve")).ready(t, base+"/readyz")
	login := func(code string) int { return post(base+"/api/v1/auth/login", `{"appId":"alipay","code":"`+code+`"}`) }
	code := s.codeOf(t, "alipay", "alice")
	require.Equal(t, http.StatusOK, login(code))
	require.Equal(t, http.StatusBadRequest, login(code), "a code works once")

	fake.stop(t)
	require.Equal(t, http.StatusServiceUnavailable, login(code))
	start()
	after, err := os.ReadFile(apps)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "the secrets are kept")
	require.Eventually(t, func() bool { return login(s.codeOf(t, "alipay", "alice")) == http.StatusOK }, 20*time.Second, 500*time.Millisecond)
}
