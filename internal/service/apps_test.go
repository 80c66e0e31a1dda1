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

// The tokens say so, and so does what the response counts in.
func TestAnAppHasItsOwnLifetimesAndTheyAreReadAgain(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		lives := func(a answer) [2]float64 {
			require.Equal(t, 200, a.status, "%s", a.body)
			body, access := a.json(), claimsOf(t, a.text("accessToken"))
			require.InDelta(t, body["expiresIn"], access["exp"].(float64)-access["iat"].(float64), 0)
			return [2]float64{body["expiresIn"].(float64), body["refreshExpiresIn"].(float64)}
		}
		own := func(life string) string {
			return "apps:\n" + appLine(appID, appSecret) +
				"  - {id: " + otherApp + ", provider: wechat, secret: \"" + otherAppSecret + "\", " + life + "}\n"
		}
		p, write := appsPod(t, w, own("accessTTL: 15m, refreshTTL: 720h"))
		app := map[string]any{"appId": otherApp}
		require.Equal(t, [2]float64{4 * 3600, 168 * 3600}, lives(p.login("alice")))
		in := p.login("alice", app)
		require.Equal(t, [2]float64{15 * 60, 720 * 3600}, lives(in))
		bob := p.login("bob", app)
		refreshed := p.refresh(in.text("refreshToken"))
		require.Equal(t, [2]float64{15 * 60, 720 * 3600}, lives(refreshed))

		write(own("accessTTL: 12h"))
		require.Eventually(t, func() bool { return lives(p.login("carol", app)) == [2]float64{12 * 3600, 168 * 3600} }, noticed, 50*time.Millisecond)
		refreshed = p.refresh(refreshed.text("refreshToken"))
		require.Equal(t, [2]float64{12 * 3600, 168 * 3600}, lives(refreshed), "a session that was there before")
		// What lives longer now is remembered longer when it ends.
		require.Equal(t, 12*time.Hour, p.service.revocations.TTL())
		require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": refreshed.text("refreshToken")}).status)
		w.clock.move(11 * time.Hour)
		expect(t, p.me(refreshed.text("accessToken")), 401, "session_revoked")

		write(own("accessTTL: 1m"))
		require.Eventually(t, func() bool { return lives(p.login("carol", app)) == [2]float64{60, 168 * 3600} }, noticed, 50*time.Millisecond)
		expect(t, p.me(refreshed.text("accessToken")), 401, "session_revoked")
		require.Equal(t, [2]float64{60, 168 * 3600}, lives(p.refresh(bob.text("refreshToken"))))

		const warning = "the lifetimes of the tokens log users out"
		require.NotContains(t, w.log.String(), warning)
		write(own("refreshTTL: 4h")) // as long as access tokens live
		require.Eventually(t, func() bool { return strings.Contains(w.log.String(), warning) }, noticed, 50*time.Millisecond)
		require.Contains(t, w.log.String(), otherApp)
		require.Equal(t, [2]float64{4 * 3600, 4 * 3600}, lives(p.login("carol", app)), "they are taken all the same")
	})
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
