package service

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

// found are the ids of the people of a search.
func (p *pod) found(t *testing.T, query string) (ids []string, a answer) {
	t.Helper()
	a = p.do("GET", "/api/v1/admin/users?"+query, supportKey, nil)
	require.Equal(t, 200, a.status, "%s", a.body)
	ids = []string{}
	for _, u := range a.json()["users"].([]any) {
		ids = append(ids, u.(map[string]any)["id"].(string))
	}
	return ids, a
}

func withSupportKey(c *config.Config) {
	c.AdminKey = secret.New(adminKey)
	c.APIKeys = secret.New("anna:support:" + supportKey)
}

func TestSupportFindsAPersonByWhateverThePersonCanTell(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withSupportKey)
		alice, bob := p.signIn("alice"), p.signIn("bob")
		idOfAlice, idOfBob := p.userOf(alice.access), p.userOf(bob.access)
		require.Equal(t, 200, p.do("PATCH", "/api/v1/users/me", alice.access, map[string]any{"nickname": "小明 100%_A"}).status)
		require.Equal(t, 200, p.do("PATCH", "/api/v1/users/me", bob.access, map[string]any{"nickname": "Bobby"}).status)

		is := func(want string, query string) {
			t.Helper()
			ids, _ := p.found(t, query)
			require.Equal(t, []string{want}, ids, query)
		}
		none := func(query string) {
			t.Helper()
			ids, _ := p.found(t, query)
			require.Empty(t, ids, query)
		}
		is(idOfAlice, "nicknamePart="+url.QueryEscape("明 1"))
		is(idOfAlice, "nicknamePart="+url.QueryEscape("%_a"))
		is(idOfBob, "nicknamePart=OBB")
		none("nicknamePart=alice")
		person := p.do("GET", "/api/v1/admin/users/"+idOfAlice, supportKey, nil).json()
		union := person["identities"].([]any)[0].(map[string]any)["unionid"].(string)
		require.NotEmpty(t, union)
		is(idOfAlice, "unionid="+union)
		session := p.sessionOf(alice.access)
		is(idOfAlice, "sessionId="+session)
		is(idOfAlice, "sessionId="+session+"&id="+idOfAlice)
		none("sessionId=" + session + "&id=" + idOfBob)
		none("sessionId=" + idOfAlice)
		none("sessionId=nothing")

		// A session that has ended is still its person's, and the refusal's
		// requestId leads to whose it was.
		require.Equal(t, 204, p.do("DELETE", "/api/v1/admin/sessions/"+session+"?reason=lost", supportKey, nil).status)
		is(idOfAlice, "sessionId="+session)
		refused := p.me(alice.access)
		require.Equal(t, 401, refused.status)
		is(idOfAlice, "requestId="+refused.text("requestId"))
		reused := p.refresh(alice.refresh)
		require.Equal(t, 401, reused.status)
		is(idOfAlice, "requestId="+reused.text("requestId"))
		none("requestId=never-sent")
		good := p.do("GET", "/api/v1/users/me", bob.access, nil)
		none("requestId=" + good.header.Get("X-Request-Id"))
		// One who chooses the id of another's request does not pass for them.
		require.Equal(t, 404, p.do("DELETE", "/api/v1/sessions/"+session, bob.access, nil, "X-Request-Id", refused.text("requestId")).status)
		is(idOfAlice, "requestId="+refused.text("requestId"))

		_, all := p.found(t, "count=true&limit=1")
		require.InDelta(t, 2, all.json()["total"], 0)
		_, some := p.found(t, "count=true&nickname=Bob")
		require.InDelta(t, 1, some.json()["total"], 0)
		_, part := p.found(t, "count=true&nicknamePart=b")
		require.Nil(t, part.json()["total"])
		_, nobody := p.found(t, "count=true&id=nobody")
		require.InDelta(t, 0, nobody.json()["total"], 0)
		for _, wrong := range []string{"count=yes", "nicknamePart=", "unionid=a&unionid=b"} {
			require.Equal(t, "invalid_request", p.do("GET", "/api/v1/admin/users?"+wrong, supportKey, nil).code(), wrong)
		}
		events := p.do("GET", "/api/v1/admin/users/"+idOfAlice+"/events?limit=1&count=true", supportKey, nil).json()
		require.Greater(t, events["total"], 1.0)
		require.Nil(t, p.do("GET", "/api/v1/admin/users/"+idOfAlice+"/events", supportKey, nil).json()["total"])
	})
}

func TestAPhoneNumberIsShownInClearOnRequestAndEachReadingIsRecorded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withSupportKey)
		alice := p.signIn("alice")
		path := "/api/v1/admin/users/" + p.userOf(alice.access)
		require.Empty(t, p.do("POST", path+"/phone", supportKey, nil).text("phone"))
		require.Equal(t, 200, p.bindPhone(alice.access, w.phoneCode("alice")).status)

		var numbers []string
		for _, who := range []string{"li.wei", "li.wei", "%E6%9D%8E%E4%BC%9F"} {
			a := p.do("POST", path+"/phone", supportKey, nil, "X-Actor", who)
			require.Equal(t, 200, a.status, "%s", a.body)
			require.Equal(t, "no-store", a.header.Get("Cache-Control"))
			numbers = append(numbers, a.text("phone"))
			w.clock.move(time.Second)
		}
		require.Regexp(t, `^\+86[0-9]{11}$`, numbers[0])
		require.NotContains(t, string(p.do("GET", path, supportKey, nil).body), numbers[0][3:])
		list := p.do("GET", path+"/events?limit=3", supportKey, nil)
		for i, who := range []string{"李伟", "li.wei", "li.wei"} {
			event := list.json()["events"].([]any)[i].(map[string]any)
			require.Equal(t, "phone_read", event["kind"])
			require.Equal(t, "anna", event["actor"])
			require.Equal(t, map[string]any{"onBehalfOf": who}, event["detail"])
		}
		require.NotContains(t, string(list.body), numbers[0][3:])
		require.Equal(t, "invalid_request", p.do("POST", path+"/phone", supportKey, nil, "X-Actor", "%zz").code())
		require.Equal(t, 404, p.do("POST", "/api/v1/admin/users/0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f/phone", supportKey, nil).status)
	})
}

func TestAKeyIsToldItsNameAndScope(t *testing.T) {
	t.Parallel()
	p := newSQLiteWorld(t).pod(withSupportKey)
	require.Equal(t, map[string]any{"name": "anna", "scope": "support"}, p.do("GET", "/api/v1/admin/key", supportKey, nil).json())
	require.Equal(t, map[string]any{"name": "admin", "scope": "admin"}, p.do("GET", "/api/v1/admin/key", adminKey, nil).json())
	require.Equal(t, "key_invalid", p.do("GET", "/api/v1/admin/key", supportKey+"x", nil).code())
}

func TestAPodTellsSupportOfItself(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withSupportKey, func(c *config.Config) {
			c.MetricsAddr, c.DashboardURL = "", "https://grafana.example.com/d/wugan"
		})
		require.Eventually(t, func() bool { return len(p.service.Stats().Minutes) > 0 }, 10*time.Second, 10*time.Millisecond)
		s := p.signIn("alice")
		require.Equal(t, 200, p.refresh(s.refresh).status)
		require.Equal(t, 401, p.refresh("nonsense").status)
		a := p.do("GET", "/api/v1/admin/stats", supportKey, nil)
		require.Equal(t, 200, a.status, "%s", a.body)
		stats := a.json()
		require.Equal(t, "ready", stats["status"])
		require.Equal(t, "https://grafana.example.com/d/wugan", stats["dashboardUrl"])
		require.NotEmpty(t, stats["pod"])
		require.Nil(t, stats["webhooks"])
		keys := stats["keys"].([]any)
		require.Len(t, keys, 2)
		require.Equal(t, "signs", keys[0].(map[string]any)["state"])
		minutes := stats["minutes"].([]any)
		last := minutes[len(minutes)-1].(map[string]any)
		require.Equal(t, map[string]any{"new_user": 1.0}, last["logins"])
		require.Equal(t, map[string]any{"rotated": 1.0, "unknown": 1.0}, last["refreshes"])
		require.Equal(t, map[string]any{"wechat": map[string]any{"ok": 1.0}}, last["calls"])
		require.InDelta(t, 3, last["timed"], 0)
		require.Greater(t, last["p95"], 0.0)
	})
}

func TestTheConsoleIsThereWhereAKeyOpensIt(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	paths := []string{"/console", "/console/", "/console/console.js", "/console/console.css", "/console/icon.svg"}
	there, off, keyless := w.pod(withSupportKey), w.pod(withSupportKey, func(c *config.Config) { c.Console = "off" }), w.pod()
	alone := w.pod(func(c *config.Config) { c.GatewayKey = secret.New(gatewayKey) })
	there.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD"} {
			a := there.do(method, path, "", nil)
			if path == "/console" {
				require.Equal(t, 308, a.status)
				require.Equal(t, "/console/", a.header.Get("Location"))
				continue
			}
			require.Equal(t, 200, a.status, path)
			policy := a.header.Get("Content-Security-Policy")
			require.Contains(t, policy, "default-src 'none'; script-src 'self'; style-src 'self'; ")
			require.Contains(t, policy, "frame-ancestors 'none'")
			require.NotRegexp(t, `unsafe|https?:|data:|\*`, policy)
			require.Empty(t, a.header.Get("Set-Cookie"))
			require.Equal(t, 304, there.do(method, path, "", nil, "If-None-Match", a.header.Get("ETag")).status)
		}
		for _, p := range []*pod{off, keyless, alone} {
			require.Equal(t, 404, p.do("GET", path, "", nil).status, path)
		}
	}
	require.Equal(t, 404, there.do("GET", "/console/other", "", nil).status)
	require.Equal(t, 200, off.do("GET", "/api/v1/admin/key", supportKey, nil).status, "the API stays")
}
