package service

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func joinByPhone(c *config.Config) { c.JoinByPhone = true }

// providersOf lists the providers of the caller's identities.
func (p *pod) providersOf(token string) (out []string) {
	p.w.t.Helper()
	a := p.do("GET", "/api/v1/users/me/identities", token, nil)
	require.Equal(p.w.t, 200, a.status, "%s", a.body)
	list, _ := a.json()["identities"].([]any)
	for _, i := range list {
		out = append(out, i.(map[string]any)["provider"].(string))
	}
	return out
}

func (e *ends) link(token, app, person string) answer {
	return e.do("POST", "/api/v1/users/me/identities", token, map[string]any{"appId": app, "code": e.codeOf(app, person)})
}

func TestOnePersonLinksAndUnlinksIdentities(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		e := w.ends()
		mine, id := e.enter(appID, "alice")
		require.Equal(t, []string{"wechat"}, e.providersOf(mine.access))
		for _, app := range allEnds[1:] {
			require.Equal(t, 200, e.link(mine.access, app, "alice").status)
			require.Equal(t, 200, e.link(mine.access, app, "alice").status, "again is no error")
			_, same := e.enter(app, "alice")
			require.Equal(t, id, same)
		}
		require.Equal(t, []string{"wechat", "alipay", "douyin", "custom"}, e.providersOf(mine.access))

		theirs, other := e.enter(alipayApp, "bob")
		expect(t, e.link(theirs.access, douyinApp, "alice"), 409, "identity_taken")
		expect(t, e.link(mine.access, alipayApp, "bob"), 409, "identity_taken")
		expect(t, e.do("POST", "/api/v1/users/me/identities", mine.access, map[string]any{"appId": douyinApp, "code": "madeup"}), 400, "invalid_code")
		expect(t, e.do("DELETE", "/api/v1/users/me/identities/"+alipayApp, theirs.access, nil), 409, "last_identity")
		expect(t, e.do("DELETE", "/api/v1/users/me/identities/"+douyinApp, theirs.access, nil), 404, "not_found")

		there, _ := e.enter(douyinApp, "alice")
		require.Equal(t, 204, e.do("DELETE", "/api/v1/users/me/identities/"+douyinApp, mine.access, nil).status)
		require.Equal(t, 401, e.me(there.access).status, "who was logged in by it is out")
		require.Equal(t, "signed_out", e.refresh(there.refresh).text("reason"))
		require.Equal(t, 200, e.me(mine.access).status)
		_, fresh := e.enter(douyinApp, "alice")
		require.NotContains(t, []string{id, other}, fresh)
		kinds, _ := e.eventsOf(id)
		require.Contains(t, kinds, "identity_linked")
		require.Contains(t, kinds, "identity_unlinked")
	})
}

func TestAnOperatorMakesOneUserOfTwo(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		e := w.ends()
		there := w.pod(withOperatorKeys)
		stays, into := e.enter(appID, "alice")
		goes, from := e.enter(alipayApp, "alice")
		text := e.alipay.PhoneText(alipayApp, "alice")
		w.log.secrets(text)
		require.Equal(t, 200, e.bindPhone(goes.access, text).status)
		merge := func(from string) answer {
			return e.admin("POST", "/users/"+into+"/merge", map[string]any{"from": from, "reason": "ticket 1"})
		}
		expect(t, merge(into), 400, "invalid_request")
		expect(t, merge("nobody"), 400, "invalid_request")
		a := merge(from)
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Len(t, a.json()["identities"], 2)
		expect(t, merge(from), 404, "not_found")
		require.Equal(t, 404, e.admin("GET", "/users/"+from, nil).status)
		require.Equal(t, "merged", e.refresh(goes.refresh).text("reason"))
		require.Equal(t, 401, e.me(goes.access).status)
		require.Eventually(t, func() bool { return there.me(goes.access).status == 401 }, time.Second, 10*time.Millisecond)
		require.Equal(t, 200, e.me(stays.access).status)
		require.NotEmpty(t, e.me(stays.access).text("phone"), "what it lacked has moved")
		_, same := e.enter(alipayApp, "alice")
		require.Equal(t, into, same)
		kinds, _ := e.eventsOf(into)
		require.Contains(t, kinds, "user_merged")
	})
}

func TestAVerifiedPhoneNumberJoinsFourEndsOfOnePerson(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		number := standin.Phone("alice")
		w.wechat.SetUser(fakewechat.User{Name: "alice", Phone: number})
		w.log.secrets(number + "-in-the-log")
		e := w.ends(joinByPhone)
		first, id := e.enter(appID, "alice")
		require.Equal(t, 200, e.bindPhone(first.access, w.phoneCode("alice")).status)

		second, other := e.enter(alipayApp, "alice")
		require.NotEqual(t, id, other)
		text := e.alipay.PhoneText(alipayApp, "alice")
		w.log.secrets(text)
		a := e.bindPhone(second.access, text)
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, id, a.text("id"))
		joined := pair(a)
		require.Equal(t, 200, e.me(joined.access).status)
		require.Equal(t, 200, e.refresh(joined.refresh).status)
		require.Equal(t, "merged", e.refresh(second.refresh).text("reason"))

		// The own back end says a verified number by itself: one login is enough.
		third, same := e.enter(customApp, "alice")
		require.Equal(t, id, same)
		require.Equal(t, []string{"wechat", "alipay", "custom"}, e.providersOf(third.access))
		require.Equal(t, 200, e.link(third.access, douyinApp, "alice").status)
		require.Len(t, e.providersOf(third.access), 4)

		// Another person of the same app with the same number is not joined.
		w.wechat.SetUser(fakewechat.User{Name: "mallory", Phone: number})
		mallory, _ := e.enter(appID, "mallory")
		expect(t, e.bindPhone(mallory.access, w.phoneCode("mallory")), 409, "phone_taken")
	})
}

func TestWithoutTheSettingAPhoneNumberJoinsNobody(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	w.wechat.SetUser(fakewechat.User{Name: "alice", Phone: standin.Phone("alice")})
	e := w.ends()
	first, id := e.enter(appID, "alice")
	require.Equal(t, 200, e.bindPhone(first.access, w.phoneCode("alice")).status)
	second, _ := e.enter(alipayApp, "alice")
	text := e.alipay.PhoneText(alipayApp, "alice")
	w.log.secrets(text)
	expect(t, e.bindPhone(second.access, text), 409, "phone_taken")
	// A login whose back end says the number unasked succeeds without it.
	third, other := e.enter(customApp, "alice")
	require.NotEqual(t, id, other)
	require.Empty(t, e.me(third.access).text("phone"))
}

func TestEndsThatBindOneNumberAtTheSameMomentBecomeOnePerson(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		number := standin.Phone("alice")
		w.wechat.SetUser(fakewechat.User{Name: "alice", Phone: number})
		e := w.ends(joinByPhone)
		one, _ := e.enter(appID, "alice")
		two, _ := e.enter(alipayApp, "alice")
		text := e.alipay.PhoneText(alipayApp, "alice")
		w.log.secrets(text)
		codes := map[string]string{one.access: w.phoneCode("alice"), two.access: text}
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			remains = map[string]bool{}
		)
		for token, code := range codes {
			wg.Go(func() {
				a, err := e.try("POST", "/api/v1/users/me/phone", token, map[string]any{"code": code})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || a.status != 200 {
					t.Errorf("%v %d %s", err, a.status, a.body)
				}
				remains[a.text("id")] = true
			})
		}
		wg.Go(func() { e.try("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": one.refresh}) }) //nolint:errcheck // whatever comes of it
		wg.Go(func() { e.try("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": two.refresh}) }) //nolint:errcheck // whatever comes of it
		wg.Wait()
		require.Len(t, remains, 1, "both were answered the same person")
		_, a := e.enter(appID, "alice")
		_, b := e.enter(alipayApp, "alice")
		require.Equal(t, a, b)
		require.True(t, remains[a])
	})
}
