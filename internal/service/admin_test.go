package service

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// admin sends an operator's request.
func (p *pod) admin(method, path string, body any, header ...string) answer {
	p.w.t.Helper()
	return p.do(method, "/api/v1/admin"+path, adminKey, body, header...)
}

// userOf asks a pod whose token it is.
func (p *pod) userOf(token string) string {
	p.w.t.Helper()
	a := p.me(token)
	require.Equal(p.w.t, 200, a.status, "%s", a.body)
	return a.text("id")
}

// claimsOf reads a token as its holder could, unchecked.
func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	require.NoError(t, err)
	return claims
}

var because = map[string]any{"reason": "ticket 4711"}

func TestADisabledUserIsOutEverywhereWithinASecond(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		pods := []*pod{w.pod(withOperatorKeys)}
		if strings.HasPrefix(w.database, "postgres") {
			pods = append(pods, w.pod(withOperatorKeys))
		}
		here, there := pods[0], pods[len(pods)-1]
		alice, bob := there.signIn("alice"), there.signIn("bob")
		id := there.userOf(alice.access)

		a := here.admin("POST", "/users/"+id+"/disable", because, "X-Actor", "%E6%9D%8E%E4%BC%9F")
		require.Equal(t, 200, a.status, "%s", a.body)
		require.NotNil(t, a.json()["disabledAt"])
		require.Equal(t, "ticket 4711", a.text("disabledReason"))
		require.Equal(t, "session_revoked", here.me(alice.access).code(), "at once where it was done")
		require.Eventually(t, func() bool { return there.me(alice.access).code() == "session_revoked" }, time.Second, 20*time.Millisecond)
		require.Equal(t, "user_disabled", there.refresh(alice.refresh).code())
		require.Equal(t, "user_disabled", there.login("alice").code())
		require.Equal(t, 200, there.me(bob.access).status, "nobody else is touched")

		require.Equal(t, 200, here.admin("POST", "/users/"+id+"/enable", because).status)
		require.Equal(t, "session_revoked", there.refresh(alice.refresh).code(), "what ended stays ended")
		there.signIn("alice")

		events := here.admin("GET", "/users/"+id+"/events", nil).json()["events"].([]any)
		last := events[0].(map[string]any)
		require.Equal(t, "user_enabled", last["kind"])
		require.Equal(t, "admin", last["actor"])
		require.Equal(t, "ticket 4711", last["reason"])
		before := events[1].(map[string]any)
		require.Equal(t, "user_disabled", before["kind"])
		require.Equal(t, "admin", before["actor"])
		require.Equal(t, map[string]any{"onBehalfOf": "李伟"}, before["detail"])
	})
}

func TestRolesAndChosenMetadataComeWithTheNextAccessToken(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys, func(c *config.Config) { c.MetadataClaims = []string{"tier", "limits"} })
		alice := p.signIn("alice")
		id := p.userOf(alice.access)
		a := p.admin("PUT", "/users/"+id+"/roles", map[string]any{"roles": []string{"editor", "shop:refund"}, "reason": "hired"})
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, []any{"editor", "shop:refund"}, a.json()["roles"])
		a = p.admin("PUT", "/users/"+id+"/metadata", map[string]any{
			"metadata": map[string]any{"tier": "gold", "limits": map[string]any{"day": 5}, "note": "for us alone"}, "reason": "paid",
		})
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, "for us alone", a.json()["metadata"].(map[string]any)["note"])
		require.NotContains(t, claimsOf(t, alice.access), "roles")

		next := p.refresh(alice.refresh)
		require.Equal(t, 200, next.status)
		claims := claimsOf(t, next.text("accessToken"))
		require.Equal(t, []any{"editor", "shop:refund"}, claims["roles"])
		require.Equal(t, "gold", claims["tier"])
		require.Equal(t, map[string]any{"day": 5.0}, claims["limits"])
		require.NotContains(t, claims, "note")
		check := p.do("GET", "/api/v1/auth/verify", next.text("accessToken"), nil)
		require.Equal(t, 204, check.status)
		require.Equal(t, "editor,shop:refund", check.header.Get("X-Roles"))
	})
}

func TestAccessTokensNameTheIdentityWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys, func(c *config.Config) { c.IdentityClaims = []string{"openid", "unionid"} })
		openID, unionID := fakewechat.OpenID(appID, "alice"), fakewechat.UnionID("platform", "alice")
		alice := p.signIn("alice")
		renewed := pair(p.refresh(alice.refresh))
		for _, token := range []string{alice.access, renewed.access} {
			claims := claimsOf(t, token)
			require.Equal(t, openID, claims["openid"])
			require.Equal(t, unionID, claims["unionid"])
			require.Equal(t, 204, p.do("GET", "/api/v1/auth/verify", token, nil).status)
		}
		require.NotContains(t, claimsOf(t, renewed.refresh), "openid")
		require.Equal(t, fakewechat.OpenID(otherApp, "alice"), claimsOf(t, p.signIn("alice", map[string]any{"appId": otherApp}).access)["openid"])

		one := w.pod(func(c *config.Config) { c.IdentityClaims = []string{"unionid"} })
		claims := claimsOf(t, one.refresh(renewed.refresh).text("accessToken"))
		require.NotContains(t, claims, "openid")
		require.Equal(t, unionID, claims["unionid"])
		require.NotContains(t, claimsOf(t, w.pod().signIn("alice").access), "unionid", "unless it is wanted")
	})
}

func TestADeletedPersonIsForgottenAndMayComeBackAsSomebodyNew(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		alice := p.signIn("alice")
		id := p.userOf(alice.access)
		openid := p.admin("GET", "/users/"+id, nil).json()["identities"].([]any)[0].(map[string]any)["openid"].(string)
		require.Equal(t, "invalid_request", p.admin("DELETE", "/users/"+id, nil).code(), "not without a reason")

		require.Equal(t, 204, p.admin("DELETE", "/users/"+id+"?reason=asked+for+it", nil).status)
		require.Equal(t, "session_revoked", p.me(alice.access).code())
		require.Equal(t, 404, p.admin("GET", "/users/"+id, nil).status)
		require.Equal(t, 404, p.admin("DELETE", "/users/"+id+"?reason=again", nil).status)
		found := p.admin("GET", "/users?appId="+appID+"&openid="+url.QueryEscape(openid), nil)
		require.Equal(t, []any{}, found.json()["users"])
		events := p.admin("GET", "/users/"+id+"/events", nil)
		require.Equal(t, "asked for it", events.json()["events"].([]any)[0].(map[string]any)["reason"])
		require.NotContains(t, string(events.body), openid)

		again := p.login("alice")
		require.Equal(t, true, again.json()["newUser"])
		require.NotEqual(t, id, p.userOf(again.text("accessToken")))
	})
}

func TestOperatorsFindPeopleAndPageThroughThem(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		var ids []string
		for _, name := range []string{"alice", "bob", "carol"} {
			s := p.signIn(name)
			ids = append([]string{p.userOf(s.access)}, ids...)
			require.Equal(t, 200, p.do("PATCH", "/api/v1/users/me", s.access, map[string]any{"nickname": "N " + name}).status)
		}
		var seen []string
		cursor := ""
		for range 3 {
			path := "/users?limit=1"
			if cursor != "" {
				path += "&cursor=" + cursor
			}
			page := p.admin("GET", path, nil)
			require.Equal(t, 200, page.status, "%s", page.body)
			seen = append(seen, page.json()["users"].([]any)[0].(map[string]any)["id"].(string))
			cursor = page.text("nextCursor")
		}
		require.Equal(t, ids, seen)
		require.Empty(t, cursor)

		find := func(query string) int { return len(p.admin("GET", "/users?"+query, nil).json()["users"].([]any)) }
		require.Equal(t, 1, find("id="+ids[0]))
		require.Equal(t, 3, find("nickname=N+"))
		require.Equal(t, 1, find("nickname=N+bob"))
		require.Equal(t, 0, find("nickname=n"))
		require.Equal(t, 0, find("id=nobody"))
		require.Equal(t, 0, find("phone=%2B8613800000000"))
		for _, wrong := range []string{
			"limit=0", "limit=101", "limit=x", "cursor=x", "nickname=", "appId=" + appID, "openid=x", "id=a&id=b", "nickname=a%00", "phone=" + strings.Repeat("1", 33),
		} {
			require.Equal(t, "invalid_request", p.admin("GET", "/users?"+wrong, nil).code(), wrong)
		}
	})
}

func TestOperatorsEndSessionsAndSeeThatTheyEnded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		first, second := p.signIn("alice"), p.signIn("alice")
		id, session := p.userOf(first.access), p.sessionOf(first.access)
		for range 2 {
			require.Equal(t, 204, p.admin("DELETE", "/sessions/"+session+"?reason=stolen+phone", nil, "X-Actor", "li.wei").status)
		}
		require.Equal(t, "session_revoked", p.me(first.access).code())
		require.Equal(t, 200, p.me(second.access).status)
		list := p.admin("GET", "/users/"+id+"/sessions", nil).json()["sessions"].([]any)
		require.Len(t, list, 2)
		ended := map[string]any{}
		for _, s := range list {
			if s := s.(map[string]any); s["id"] == session {
				ended = s
			}
		}
		require.Equal(t, "operator", ended["revokedReason"])
		require.NotNil(t, ended["revokedAt"])

		require.Equal(t, 204, p.admin("POST", "/users/"+id+"/logout-all", because).status)
		require.Equal(t, "session_revoked", p.me(second.access).code())
		unknown := "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f"
		require.Equal(t, 404, p.admin("DELETE", "/sessions/"+unknown+"?reason=x", nil).status)
		require.Equal(t, 404, p.admin("POST", "/users/"+unknown+"/logout-all", because).status)
	})
}

func TestOnlyTheAdminKeyOpensOperatorsPaths(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	alice := p.signIn("alice")
	require.Equal(t, "forbidden", p.do("GET", "/api/v1/admin/users", gatewayKey, nil).code())
	require.Equal(t, "token_missing", p.do("GET", "/api/v1/admin/users", "", nil).code())
	for _, token := range []string{alice.access, alice.refresh, adminKey + "x", adminKey[:len(adminKey)-1]} {
		require.Equal(t, "key_invalid", p.do("GET", "/api/v1/admin/users", token, nil).code())
	}
	require.Equal(t, 404, w.pod().do("GET", "/api/v1/admin/users", adminKey, nil).status, "no key, no paths")
}

func TestWhatOperatorsSendIsChecked(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	path := "/users/" + p.userOf(p.signIn("alice").access)
	for name, r := range map[string]struct {
		method, path string
		body         any
		actor        string
	}{
		"no body":               {"POST", path + "/disable", nil, ""},
		"no reason":             {"POST", path + "/disable", map[string]any{}, ""},
		"a blank reason":        {"POST", path + "/enable", map[string]any{"reason": " "}, ""},
		"a reason too long":     {"POST", path + "/logout-all", map[string]any{"reason": strings.Repeat("字", 501)}, ""},
		"an actor too long":     {"POST", path + "/disable", because, strings.Repeat("a", 129)},
		"an actor of bad UTF-8": {"POST", path + "/disable", because, "%ff"},
		"an actor of controls":  {"POST", path + "/disable", because, "a%0ab"},
		"an actor cut short":    {"POST", path + "/disable", because, "%e6%9"},
		"no roles":              {"PUT", path + "/roles", because, ""},
		"roles of null":         {"PUT", path + "/roles", map[string]any{"roles": nil, "reason": "x"}, ""},
		"a role with a comma":   {"PUT", path + "/roles", map[string]any{"roles": []string{"a,b"}, "reason": "x"}, ""},
		"no metadata":           {"PUT", path + "/metadata", because, ""},
		"metadata of null":      {"PUT", path + "/metadata", map[string]any{"metadata": nil, "reason": "x"}, ""},
		"a list as metadata":    {"PUT", path + "/metadata", map[string]any{"metadata": []int{1}, "reason": "x"}, ""},
		"metadata too long":     {"PUT", path + "/metadata", map[string]any{"metadata": map[string]any{"a": strings.Repeat("x", 2048)}, "reason": "x"}, ""},
		"two spellings":         {"PUT", path + "/metadata", `{"metadata":{"a":1,"A":2},"reason":"x"}`, ""},
		"a cursor of others":    {"GET", path + "/events?cursor=x", nil, ""},
	} {
		var header []string
		if r.actor != "" {
			header = []string{"X-Actor", r.actor}
		}
		a := p.admin(r.method, r.path, r.body, header...)
		require.Equal(t, 400, a.status, name)
		require.Equal(t, "invalid_request", a.code(), name)
	}
	events := p.admin("GET", path+"/events", nil).json()["events"].([]any)
	require.Len(t, events, 1, "the login alone: what was refused changed nothing")
}

func TestReservedClaimsAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"sub"}, {"ROLES"}, {"tier", "scope"}, {"tier", "Tier"}, {""}, {"a b"}, {" tier"}} {
		c := newSQLiteWorld(t).settings()
		c.MetadataClaims = names
		require.ErrorContains(t, c.Check(), "WUGAN_METADATA_CLAIMS: expected", names)
	}
	c := newSQLiteWorld(t).settings()
	c.MetadataClaims = []string{"tier", "https://example.com/plan"}
	require.NoError(t, c.Check())
}

func TestEventsComePageByPage(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	path := "/users/" + p.userOf(p.signIn("alice").access)
	for range 4 {
		require.Equal(t, 200, p.admin("PUT", path+"/roles", map[string]any{"roles": []string{}, "reason": "again"}).status)
	}
	var seen int
	cursor := ""
	for range 3 {
		page := p.admin("GET", path+"/events?limit=2"+cursor, nil)
		require.Equal(t, 200, page.status, "%s", page.body)
		seen += len(page.json()["events"].([]any))
		cursor = "&cursor=" + page.text("nextCursor")
	}
	require.Equal(t, 5, seen)
	require.Equal(t, "&cursor=", cursor)
}
