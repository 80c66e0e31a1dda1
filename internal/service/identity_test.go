package service

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// These are the claims of docs/en/identity.md.

// foreignApp is of no Open Platform account until a test gives it one.
const (
	foreignApp       = "wx00000000000000c3"
	foreignAppSecret = "00112233445566778899aabbccddeeff"
)

// identityPod serves three apps: two of one Open Platform account, and one of
// none.
func (w *world) identityPod() *pod {
	w.wechat.AddApp(foreignApp, foreignAppSecret, "")
	return w.pod(withOperatorKeys, func(c *config.Config) {
		c.WechatApps = secret.New(c.WechatApps.Reveal() + "," + foreignApp + ":" + foreignAppSecret)
		c.WechatPush = secret.New(appID + ":" + pushToken + ":" + pushKey)
	})
}

// in signs Alice in by an app and returns the user's id and whether it is new.
func (p *pod) in(app string) (id string, fresh bool) {
	p.w.t.Helper()
	a := p.login("alice", map[string]any{"appId": app})
	require.Equal(p.w.t, 200, a.status, "%s", a.body)
	user, _ := a.json()["user"].(map[string]any)
	id, _ = user["id"].(string)
	return id, a.json()["newUser"] == true
}

// eventsOf lists the kinds of a user's events, newest first, and the newest in
// full.
func (p *pod) eventsOf(id string) (kinds []any, newest map[string]any) {
	p.w.t.Helper()
	list, _ := p.admin("GET", "/users/"+id+"/events", nil).json()["events"].([]any)
	require.NotEmpty(p.w.t, list)
	for _, e := range list {
		kinds = append(kinds, e.(map[string]any)["kind"])
	}
	return kinds, list[0].(map[string]any)
}

func (p *pod) deletePerson(id, reason string) {
	p.w.t.Helper()
	a := p.admin("DELETE", "/users/"+id+"?reason="+url.QueryEscape(reason), nil)
	require.Equal(p.w.t, 204, a.status, "%s", a.body)
}

func TestAnAppOfNoPlatformOrAnotherHasUsersOfItsOwn(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.identityPod()
		first, _ := p.in(appID)
		same, fresh := p.in(otherApp)
		require.Equal(t, first, same)
		require.False(t, fresh)
		unbound, fresh := p.in(foreignApp)
		require.True(t, fresh)
		require.NotEqual(t, first, unbound)

		// The same person in an app of another account has another unionid.
		w.wechat.AddApp(foreignApp, foreignAppSecret, "another platform")
		again, fresh := p.in(foreignApp)
		require.False(t, fresh)
		require.Equal(t, unbound, again)
		still, _ := p.in(appID)
		require.Equal(t, first, still)
	})
}

func TestAUnionIDThatComesLateLinksTheAppsThatFollow(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.identityPod()
		early, _ := p.in(foreignApp)
		w.wechat.AddApp(foreignApp, foreignAppSecret, "platform") // bound in WeChat's console
		same, fresh := p.in(foreignApp)
		require.Equal(t, early, same)
		require.False(t, fresh)
		kinds, _ := p.eventsOf(early)
		require.Equal(t, []any{"identity_linked", "user_created"}, kinds)

		joined, fresh := p.in(appID)
		require.Equal(t, early, joined, "an app that sees the person for the first time joins")
		require.False(t, fresh)
		identities, _ := p.admin("GET", "/users/"+early, nil).json()["identities"].([]any)
		require.Len(t, identities, 2)
	})
}

func TestTwoUsersWhoTurnOutToBeOnePersonStayTwoUntilAnOperatorDecides(t *testing.T) {
	t.Parallel()
	for name, keepEarlier := range map[string]bool{"the earlier one is kept": true, "the later one is kept": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyStore(t, func(t *testing.T, w *world) {
				p := w.identityPod()
				earlier, _ := p.in(foreignApp)
				later, fresh := p.in(appID)
				require.True(t, fresh)
				w.wechat.AddApp(foreignApp, foreignAppSecret, "platform")

				// No user is moved, and each app goes on with the user it knew.
				for range 2 {
					id, _ := p.in(foreignApp)
					require.Equal(t, earlier, id)
					id, _ = p.in(appID)
					require.Equal(t, later, id)
				}
				kinds, event := p.eventsOf(earlier)
				require.Equal(t, []any{"identity_conflict", "user_created"}, kinds, "told once")
				require.Equal(t, "wechat", event["actor"])
				require.Equal(t, map[string]any{"appId": foreignApp, "otherUserId": later}, event["detail"])

				// The operator has moved the business data and deletes the account
				// that is to go. Its app joins the one that stays.
				kept, gone, app := earlier, later, appID
				if !keepEarlier {
					kept, gone, app = later, earlier, foreignApp
				}
				p.deletePerson(gone, "one person with "+kept)
				id, fresh := p.in(app)
				require.False(t, fresh)
				require.Equal(t, kept, id)
				require.Equal(t, 404, p.admin("GET", "/users/"+gone, nil).status)
			})
		})
	}
}

func TestAnOperatorDecidesWhoseATakenNumberIs(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		const number = "13812340000"
		for _, name := range []string{"alice", "bob"} {
			w.wechat.SetUser(fakewechat.User{Name: name, Phone: number})
		}
		p := w.identityPod()
		alice, bob := p.signIn("alice"), p.signIn("bob")
		require.Equal(t, 200, p.bindPhone(alice.access, w.phoneCode("alice")).status)
		expect(t, p.bindPhone(bob.access, w.phoneCode("bob")), 409, "phone_taken")

		// Who holds it is found by the number, however it is typed.
		for _, typed := range []string{number, "+86 138 1234 0000"} {
			found, _ := p.admin("GET", "/users?phone="+url.QueryEscape(typed), nil).json()["users"].([]any)
			require.Len(t, found, 1)
			require.Equal(t, p.userOf(alice.access), found[0].(map[string]any)["id"])
		}

		// The holder binds another number, which sets this one free.
		w.wechat.SetUser(fakewechat.User{Name: "alice", Phone: "13900000001"})
		require.Equal(t, 200, p.bindPhone(alice.access, w.phoneCode("alice")).status)
		require.Equal(t, 200, p.bindPhone(bob.access, w.phoneCode("bob")).status)

		// Or the account that holds it is deleted.
		w.wechat.SetUser(fakewechat.User{Name: "alice", Phone: number})
		expect(t, p.bindPhone(alice.access, w.phoneCode("alice")), 409, "phone_taken")
		p.deletePerson(p.userOf(bob.access), "the carrier gave the number to somebody else")
		require.Equal(t, 200, p.bindPhone(alice.access, w.phoneCode("alice")).status)
		require.NotContains(t, w.log.String(), number)
	})
}
