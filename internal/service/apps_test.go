package service

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

const (
	resetSecret = "9f86d081884c7d659a2feaa0c55ad015"
	noticed     = watchEvery + 5*time.Second
)

// appsPod is a pod whose apps stand in a file.
func appsPod(t *testing.T, w *world, text string) (p *pod, write func(text string)) {
	t.Helper()
	w.log.secrets(resetSecret)
	path := filepath.Join(t.TempDir(), "apps.yaml")
	write = func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(text)
	return w.pod(func(c *config.Config) {
		c.WechatApps, c.AppsFile = secret.String{}, path
	}), write
}

func appLine(id, appSecret string) string {
	return "  - {id: " + id + ", provider: wechat, secret: \"" + appSecret + "\"}\n"
}

func TestAResetAppSecretNeedsNoRestart(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p, write := appsPod(t, w, "apps:\n"+appLine(appID, appSecret))
	alice := p.signIn("alice")
	w.wechat.AddApp(appID, resetSecret, "platform")
	expect(t, p.login("alice"), 502, "wechat_rejected_app")

	// Half of a change, and one that is none.
	for _, broken := range []string{"apps:\n  - {id: " + appID, "apps: []", "apps:\n" + appLine(appID, resetSecret) + appLine(appID, resetSecret)} {
		lines := strings.Count(w.log.String(), "the apps were changed but cannot be used")
		write(broken)
		require.Eventually(t, func() bool {
			return strings.Count(w.log.String(), "the apps were changed but cannot be used") == lines+1
		}, noticed, 20*time.Millisecond)
		require.Equal(t, 200, p.me(alice.access).status)
		expect(t, p.login("alice"), 502, "wechat_rejected_app")
	}
	time.Sleep(2 * watchEvery)
	require.Equal(t, 3, strings.Count(w.log.String(), "the apps were changed but cannot be used"), "one line for each mistake")

	write("apps:\n" + appLine(appID, resetSecret))
	require.Eventually(t, func() bool { return p.login("alice").status == 200 }, noticed, 50*time.Millisecond)
	require.Equal(t, 200, p.me(alice.access).status)
	require.Equal(t, 200, p.refresh(alice.refresh).status)
	require.Contains(t, w.log.String(), "apps read again")
}

func TestAppsComeAndGoWithoutARestart(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p, write := appsPod(t, w, "apps:\n"+appLine(appID, appSecret))
	alice := p.signIn("alice")
	expect(t, p.login("bob", map[string]any{"appId": otherApp}), 400, "unknown_app")

	write("apps:\n" + appLine(appID, appSecret) + appLine(otherApp, otherAppSecret))
	var bob tokens
	require.Eventually(t, func() bool {
		a := p.login("bob", map[string]any{"appId": otherApp})
		bob = pair(a)
		return a.status == 200
	}, noticed, 50*time.Millisecond)
	require.Equal(t, 200, p.me(bob.access).status)
	require.Equal(t, 200, p.me(alice.access).status)

	write("apps:\n" + appLine(appID, appSecret))
	require.Eventually(t, func() bool { return p.me(bob.access).status == 401 }, noticed, 50*time.Millisecond)
	require.Equal(t, "refresh_invalid", p.refresh(bob.refresh).code())
	require.Equal(t, 200, p.me(alice.access).status)
	require.Equal(t, 200, p.refresh(alice.refresh).status)
}

// This process is asked, so the test stands alone.
func TestSIGHUPReadsAppsAtOnce(t *testing.T) {
	w := newSQLiteWorld(t)
	p, write := appsPod(t, w, "apps:\n"+appLine(appID, appSecret))
	time.Sleep(100 * time.Millisecond) // the watcher listens
	w.wechat.AddApp(appID, resetSecret, "platform")
	write("apps:\n" + appLine(appID, resetSecret))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { return p.login("alice").status == 200 }, watchEvery, 20*time.Millisecond)
}
