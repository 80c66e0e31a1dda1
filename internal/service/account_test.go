package service

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestOnePressLogsInAndBindsThePhoneNumber(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		w.wechat.SetUser(fakewechat.User{Name: "alice", Phone: "13812340000"})
		p := w.pod(withOperatorKeys)
		for _, fresh := range []bool{true, false} {
			a := p.login("alice", map[string]any{"phoneCode": w.phoneCode("alice")})
			require.Equal(t, 200, a.status, "%s", a.body)
			require.Equal(t, fresh, a.json()["newUser"])
			require.Equal(t, "138****0000", a.json()["user"].(map[string]any)["phone"])
			require.Equal(t, "138****0000", p.me(pair(a).access).text("phone"))
		}
		require.Equal(t, "138****0000", p.login("alice").json()["user"].(map[string]any)["phone"], "and a login without stays one")
		require.Equal(t, 200, p.login("alice", map[string]any{"phoneCode": ""}).status)
		require.NotContains(t, w.log.String(), "13812340000")
	})
}

func TestABadPhoneCodeLogsNobodyIn(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		known := p.signIn("bob")
		others, err := w.wechat.PhoneCode(otherApp, "alice")
		require.NoError(t, err)
		w.log.secrets(others)
		for name, code := range map[string]string{"made up": "0123456789abcdef", "of another app": others, "of another person": w.phoneCode("bob"), "of wx.login": w.code(appID, "alice")} {
			a := p.login("alice", map[string]any{"phoneCode": code})
			expect(t, a, 400, "invalid_phone_code")
			require.Empty(t, a.text("accessToken"), name)
		}
		for _, code := range []any{"a b", "ü", 7} {
			expect(t, p.login("alice", map[string]any{"phoneCode": code}), 400, "invalid_request")
		}
		found, _ := p.admin("GET", "/users?appId="+appID+"&openid="+fakewechat.OpenID(appID, "alice"), nil).json()["users"].([]any)
		require.Empty(t, found, "nor is a user made")

		// An outage is an outage, and a number that another user holds is told.
		id := w.wechat.SetFault(fakewechat.Fault{Path: "/wxa/business/getuserphonenumber", Status: 502})
		expect(t, p.login("alice", map[string]any{"phoneCode": w.phoneCode("alice")}), 503, "wechat_unavailable")
		w.wechat.ClearFault(id)
		for _, name := range []string{"alice", "bob"} {
			w.wechat.SetUser(fakewechat.User{Name: name, Phone: "13812340000"})
		}
		require.Equal(t, 200, p.bindPhone(known.access, w.phoneCode("bob")).status)
		expect(t, p.login("alice", map[string]any{"phoneCode": w.phoneCode("alice")}), 409, "phone_taken")
		mine := p.signIn("alice")
		list, _ := p.do("GET", "/api/v1/sessions", mine.access, nil).json()["sessions"].([]any)
		require.Len(t, list, 1, "the login that failed left no session")
	})
}

func TestPhoneCodesOfLoginsCountTowardTheDailyLimit(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(func(c *config.Config) { c.PhoneDailyLimit = 1 })
		p.signIn("alice")
		expect(t, p.login("alice", map[string]any{"phoneCode": "0123456789abcdef"}), 400, "invalid_phone_code")
		require.Equal(t, 200, p.login("alice", map[string]any{"phoneCode": w.phoneCode("alice")}).status)
		expect(t, p.login("alice", map[string]any{"phoneCode": w.phoneCode("alice")}), 429, "rate_limited")
		require.Equal(t, 200, p.login("alice").status)
	})
}

func (p *pod) closeAccount(token, code string) answer {
	p.w.t.Helper()
	return p.do(http.MethodDelete, "/api/v1/users/me", token, map[string]any{"code": code})
}

func TestAPersonClosesTheAccountWithAFreshCode(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		mine, id := p.furnished("alice", "13812340000")
		second := p.signIn("alice")
		bob, _ := p.furnished("bob", "13812340001")

		expect(t, p.closeAccount(mine.access, w.code(appID, "bob")), 403, "another_person")
		expect(t, p.closeAccount(mine.access, w.code(appID, "carol")), 403, "another_person") // whom no one knows
		expect(t, p.closeAccount(mine.access, w.code(otherApp, "alice")), 400, "invalid_code")
		expect(t, p.closeAccount(mine.access, "0123456789abcdef"), 400, "invalid_code")
		used := w.code(appID, "alice")
		require.Equal(t, 200, p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": appID, "code": used}).status)
		expect(t, p.closeAccount(mine.access, used), 400, "code_used")
		expect(t, p.closeAccount(mine.access, ""), 400, "invalid_request")
		expect(t, p.do(http.MethodDelete, "/api/v1/users/me", mine.access, nil), 400, "invalid_request")
		expect(t, p.closeAccount("", w.code(appID, "alice")), 401, "token_missing")
		fault := w.wechat.SetFault(fakewechat.Fault{Path: "/sns/jscode2session", Status: 502})
		expect(t, p.closeAccount(mine.access, w.code(appID, "alice")), 503, "wechat_unavailable")
		w.wechat.ClearFault(fault)
		require.Equal(t, "小明", p.me(mine.access).text("nickname"))

		require.Equal(t, 204, p.closeAccount(mine.access, w.code(appID, "alice")).status)
		for _, of := range []tokens{mine, second} {
			expect(t, p.me(of.access), 401, "session_revoked")
			expect(t, p.refresh(of.refresh), 401, "session_revoked")
		}
		require.Equal(t, 404, p.admin("GET", "/users/"+id, nil).status)
		_, event := p.eventsOf(id)
		require.Equal(t, "user_deleted", event["kind"])
		require.Equal(t, "user", event["actor"])
		require.Equal(t, 200, p.me(bob.access).status)
		fresh := p.login("alice")
		require.Equal(t, true, fresh.json()["newUser"])
		require.Empty(t, fresh.json()["user"].(map[string]any)["phone"])
	})
}
