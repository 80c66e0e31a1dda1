package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	pushToken = "pushtoken123"
	pushKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)

// pushPod serves apps with a message push.
func (w *world) pushPod() *pod {
	return w.pod(withOperatorKeys, func(c *config.Config) {
		c.WechatPush = secret.New(appID + ":" + pushToken + ":" + pushKey)
		c.PhoneDailyLimit = 0
	})
}

// push sends a privacy push about Alice, changed by the functions, and returns
// what was answered.
func (p *pod) push(event string, change ...func(*fakewechat.Push)) fakewechat.PushResult {
	p.w.t.Helper()
	message := fakewechat.Push{
		URL: p.server.URL + "/api/v1/wechat/push/" + appID, Token: pushToken, EncodingAESKey: pushKey,
		AppID: appID, User: "alice", Event: event,
	}
	for _, f := range change {
		f(&message)
	}
	result, err := p.w.wechat.SendPush(p.w.t.Context(), message)
	require.NoError(p.w.t, err)
	return result
}

// withdrew makes it a withdrawal of what WeChat's numbers name.
func withdrew(numbers string) func(*fakewechat.Push) {
	return func(m *fakewechat.Push) { m.RevokeInfo = numbers }
}

// furnished signs a person in who has shared nickname, avatar and phone number.
func (p *pod) furnished(person, number string) (mine tokens, id string) {
	p.w.t.Helper()
	p.w.wechat.SetUser(fakewechat.User{Name: person, Phone: number})
	mine = p.signIn(person, map[string]any{"deviceName": person + "'s phone"})
	require.Equal(p.w.t, 200, p.bindPhone(mine.access, p.w.phoneCode(person)).status)
	require.Equal(p.w.t, 200, p.do("PATCH", "/api/v1/users/me", mine.access, `{"nickname":"小明","avatarUrl":"https://example.com/a.png"}`).status)
	return mine, p.userOf(mine.access)
}

func TestAPrivacyPushThatNamesNobodyChangesNobody(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pushPod()
		mine, _ := p.furnished("alice", "13812340000")
		newest, _ := p.furnished("bob", "13812340001")
		for name, change := range map[string]func(*fakewechat.Push){
			"without an openid": func(m *fakewechat.Push) { m.WithoutOpenID = true },
			"in XML":            func(m *fakewechat.Push) { m.WithoutOpenID, m.Format = true, "xml" },
			"of a stranger":     func(m *fakewechat.Push) { m.User = "carol" },
		} {
			for _, event := range []string{"user_authorization_cancellation", "user_authorization_revoke", "user_info_modified"} {
				result := p.push(event, withdrew("6,8"), change)
				require.Equal(t, 200, result.Status, name)
				require.Equal(t, "success", result.Body, name)
			}
		}
		for _, of := range []tokens{mine, newest} {
			me := p.me(of.access)
			require.Equal(t, 200, me.status)
			require.Equal(t, "小明", me.text("nickname"))
			require.NotEmpty(t, me.text("phone"))
			require.Equal(t, 200, p.refresh(of.refresh).status)
		}
		require.Contains(t, w.log.String(), "concerns no account of this app")
		require.NotContains(t, w.log.String(), fakewechat.OpenID(appID, "carol"))
	})
}

func TestWhatWasWithdrawnIsWhatIsErasedAndSessionsLiveOn(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pushPod()
		mine, id := p.furnished("alice", "13812340000")
		require.Equal(t, 200, p.admin("PUT", "/users/"+id+"/roles", map[string]any{"roles": []string{"editor"}, "reason": "hired"}).status)
		plugin := func(m *fakewechat.Push) { m.PluginID = "wx00000000000000d4" }
		none := func(*fakewechat.Push) {}
		for _, c := range []struct {
			name, event, numbers string
			change               func(*fakewechat.Push)
			profile, phone       bool // erased
			kind, reason         string
		}{
			{"the location", "user_authorization_revoke", "13", none, false, false, "authorization_withdrawn", "authorization withdrawn in WeChat: 13"},
			{"of which WeChat says nothing", "user_authorization_revoke", "", none, false, false, "authorization_withdrawn", "authorization withdrawn in WeChat: "},
			{"18, which is not 8", "user_authorization_revoke", "18,1", none, false, false, "authorization_withdrawn", "authorization withdrawn in WeChat: 18,1"},
			{"in a plugin", "user_authorization_revoke", "8", plugin, false, false, "authorization_withdrawn", "authorization withdrawn in WeChat: 8, in a plugin"},
			{"an account in a plugin", "user_authorization_cancellation", "", plugin, false, false, "authorization_withdrawn", "account closed in WeChat, in a plugin"},
			{"the phone number", "user_authorization_revoke", "8", none, false, true, "profile_erased", "authorization withdrawn in WeChat: 8"},
			{"nickname and avatar", "user_authorization_revoke", "6", none, true, false, "profile_erased", "authorization withdrawn in WeChat: 6"},
			{"the nickname", "user_authorization_revoke", "19", none, true, false, "profile_erased", "authorization withdrawn in WeChat: 19"},
			{"the avatar", "user_authorization_revoke", "20", none, true, false, "profile_erased", "authorization withdrawn in WeChat: 20"},
			{"all of it, with blanks in the names", "user_authorization_revoke", "6,8", func(m *fakewechat.Push) { m.BlankNames = true }, true, true, "profile_erased", "authorization withdrawn in WeChat: 6,8"},
			{"modified by WeChat", "user_info_modified", "", none, true, false, "profile_erased", "WeChat removed a nickname or an avatar"},
		} {
			p.furnished("alice", "13812340000")
			require.Equal(t, "success", p.push(c.event, withdrew(c.numbers), c.change).Body, c.name)
			user := p.admin("GET", "/users/"+id, nil).json()
			require.Equal(t, c.profile, user["nickname"] == "" && user["avatarUrl"] == "", c.name)
			require.Equal(t, c.phone, user["phone"] == "", c.name)
			require.Equal(t, []any{"editor"}, user["roles"], c.name)
			_, event := p.eventsOf(id)
			require.Equal(t, c.kind, event["kind"], c.name)
			require.Equal(t, "wechat", event["actor"], c.name)
			require.Equal(t, c.reason, event["reason"], c.name)
			require.Equal(t, 200, p.me(mine.access).status, c.name)
		}
		require.Equal(t, 200, p.refresh(mine.refresh).status)
	})
}

func TestAClosedAccountIsErasedWithItsSessionsAndRecorded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pushPod()
		confirmed, err := w.wechat.VerifyPushURL(t.Context(), p.server.URL+"/api/v1/wechat/push/"+appID, pushToken)
		require.NoError(t, err)
		require.Equal(t, 200, confirmed.Status)
		mine, id := p.furnished("alice", "13812340000")
		bystander, _ := p.furnished("bob", "13812340001")

		// What is not WeChat's changes nothing.
		require.Equal(t, 403, p.push("user_authorization_cancellation", func(m *fakewechat.Push) { m.Token = "another1" }).Status)
		require.Equal(t, 404, p.do("POST", "/api/v1/wechat/push/"+otherApp+"?signature=a&timestamp=1&nonce=b", "", `{}`).status)
		require.Equal(t, 200, p.me(mine.access).status)

		require.Equal(t, "success", p.push("user_authorization_cancellation", func(m *fakewechat.Push) { m.BlankNames = true }).Body)
		expect(t, p.refresh(mine.refresh), 401, "session_revoked")
		expect(t, p.me(mine.access), 401, "session_revoked")
		require.Equal(t, 404, p.admin("GET", "/users/"+id, nil).status)
		list, _ := p.admin("GET", "/users/"+id+"/events", nil).json()["events"].([]any)
		require.NotEmpty(t, list)
		for _, e := range list {
			require.Empty(t, e.(map[string]any)["sessionId"], "what is left of a person leads to no session")
		}
		newest := list[0].(map[string]any)
		require.Equal(t, "user_deleted", newest["kind"])
		require.Equal(t, "wechat", newest["actor"])
		found, _ := p.admin("GET", "/users?appId="+appID+"&openid="+fakewechat.OpenID(appID, "alice"), nil).json()["users"].([]any)
		require.Empty(t, found)
		require.Equal(t, 200, p.me(bystander.access).status)
		fresh := p.login("alice")
		require.Equal(t, true, fresh.json()["newUser"])
		require.NotEqual(t, id, fresh.json()["user"].(map[string]any)["id"])
	})
}

func TestARepeatedPushLeavesAnAccountThatWasMadeSinceAlone(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pushPod()
		_, id := p.furnished("alice", "13812340000")
		made := func(m *fakewechat.Push) { m.CreateTime = w.clock.Now().Unix() }
		var first fakewechat.Push
		keep := func(m *fakewechat.Push) { made(m); first = *m }
		require.Equal(t, "success", p.push("user_authorization_cancellation", keep).Body)
		w.clock.move(3 * time.Second)
		mine, again := p.furnished("alice", "13812340000")
		require.NotEqual(t, id, again)
		for _, event := range []string{"user_authorization_cancellation", "user_authorization_revoke", "user_info_modified"} {
			w.clock.move(2 * time.Minute)
			result := p.push(event, withdrew("6,8"), func(m *fakewechat.Push) { m.CreateTime = first.CreateTime })
			require.Equal(t, "success", result.Body)
		}
		me := p.me(mine.access)
		require.Equal(t, 200, me.status)
		require.Equal(t, "小明", me.text("nickname"))
		require.NotEmpty(t, me.text("phone"))
		// A later one does concern it.
		require.Equal(t, "success", p.push("user_authorization_cancellation").Body)
		expect(t, p.me(mine.access), 401, "session_revoked")
	})
}
