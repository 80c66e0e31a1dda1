package main

import (
	"encoding/base64"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// production is what a good production environment has.
func (p program) production(t *testing.T, database string) map[string]string {
	t.Helper()
	folder := t.TempDir()
	p.ok(t, nil, "keys", "new", filepath.Join(folder, "access.jwks"))
	p.ok(t, nil, "keys", "new", "--alg", "HS256", filepath.Join(folder, "refresh.jwks"))
	return map[string]string{
		"WUGAN_ADDR": freeAddress(t), "WUGAN_METRICS_ADDR": "", "WUGAN_DATABASE_URL": database,
		"WUGAN_WECHAT_APPS": appID + ":" + appSecret, "WUGAN_WECHAT_API_URL": "http://127.0.0.1:1",
		"WUGAN_ACCESS_KEYS": filepath.Join(folder, "access.jwks"), "WUGAN_REFRESH_KEYS": filepath.Join(folder, "refresh.jwks"),
		"WUGAN_ISSUER":   "https://auth.example.com",
		"WUGAN_DATA_KEY": base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef")),
	}
}

func environment(settings map[string]string) []string {
	var env []string
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	return env
}

func (p program) needs(t *testing.T) {
	settings := p.production(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	for _, name := range []string{"WUGAN_WECHAT_APPS", "WUGAN_ACCESS_KEYS", "WUGAN_REFRESH_KEYS", "WUGAN_DATA_KEY", "WUGAN_ISSUER"} {
		value := settings[name]
		delete(settings, name)
		_, errs, status := p.run(t, environment(settings), "serve")
		require.Equal(t, exitFailed, status)
		require.Regexp(t, `^wugan: `+name+`\b.*\n$`, errs)
		require.NotContains(t, errs, appSecret)
		settings[name] = value
	}
	_, errs, status := p.run(t, nil, "serve")
	require.Equal(t, exitFailed, status)
	require.Equal(t, 1, strings.Count(errs, "\n"), errs)
	for _, name := range []string{"WUGAN_WECHAT_APPS", "WUGAN_ACCESS_KEYS", "WUGAN_REFRESH_KEYS", "WUGAN_DATA_KEY", "WUGAN_ISSUER"} {
		require.Contains(t, errs, name)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	settings["WUGAN_ADDR"] = taken.Addr().String()
	_, errs, status = p.run(t, environment(settings), "serve")
	require.Equal(t, exitFailed, status)
	require.Regexp(t, `(?m)^wugan: WUGAN_ADDR: expected an address that can be listened on: .*address already in use$`, errs)
}

func (p program) serves(t *testing.T) {
	settings := p.production(t, pgtest.Migrated(t))
	wechat := p.wechat(t)
	settings["WUGAN_WECHAT_API_URL"] = "http://" + wechat.address
	base := "http://" + settings["WUGAN_ADDR"]
	service := p.start(t, p.command(t, environment(settings), "serve"))
	service.ready(t, base+"/readyz")
	require.Empty(t, p.ok(t, environment(settings), "healthcheck"))
	p.ok(t, nil, "healthcheck", "--url", base+"/healthz")

	// The stand-in would take it; the service does not even ask.
	require.Equal(t, http.StatusBadRequest, post(base+"/api/v1/auth/login", `{"code":"dev:alice"}`))
	require.Equal(t, http.StatusOK, post(base+"/api/v1/auth/login", `{"code":"`+wechat.code(t, "alice")+`"}`))

	service.stop(t)
	_, errs, status := p.run(t, environment(settings), "healthcheck")
	require.Equal(t, exitFailed, status, errs)
	require.NotContains(t, service.errors.String(), appSecret)
}
