package service

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ticket asks for a ticket, which must be given.
func (p *pod) ticket(token string, body any) string {
	p.w.t.Helper()
	a := p.do("POST", "/api/v1/auth/ticket", token, body)
	require.Equal(p.w.t, 200, a.status, "%s", a.body)
	require.Equal(p.w.t, "no-store", a.header.Get("Cache-Control"))
	require.EqualValues(p.w.t, 60, a.json()["expiresIn"])
	p.w.log.secrets(a.text("ticket"))
	return a.text("ticket")
}

func (p *pod) useTicket(body map[string]any) answer {
	p.w.t.Helper()
	return p.do("POST", "/api/v1/auth/login", "", body)
}

func TestATicketHandsAPersonOverOnceOnWhicheverPod(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p, other := w.pod(), w.pod()
		mine := p.signIn("alice")
		id := p.userOf(mine.access)
		a := other.useTicket(map[string]any{"ticket": p.ticket(mine.access, nil), "deviceId": "web-view", "deviceName": "page"})
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, false, a.json()["newUser"])
		user := a.json()["user"].(map[string]any)
		require.Equal(t, id, user["id"])
		require.Equal(t, appID, user["appId"])
		page := pair(a)
		require.Equal(t, 200, p.me(page.access).status)
		require.Equal(t, 200, p.refresh(page.refresh).status)
		require.Equal(t, 200, p.me(mine.access).status, "the session that asked lives on")
		require.Equal(t, 204, other.do("POST", "/api/v1/auth/logout", page.access, nil).status)
		require.Equal(t, 200, p.me(mine.access).status, "and is another than the page's")

		ticket := p.ticket(mine.access, map[string]any{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := map[string]int{}
		for n := range 8 {
			pod := []*pod{p, other}[n%2]
			wg.Go(func() {
				a, err := pod.try("POST", "/api/v1/auth/login", "", map[string]any{"ticket": ticket})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				seen[a.code()]++
			})
		}
		wg.Wait()
		require.Equal(t, map[string]int{"": 1, "invalid_ticket": 7}, seen)
	})
}

func TestATicketEndsWithItsMinuteItsSessionAndItsAudience(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		mine := p.signIn("alice")
		const page = "https://h5.example.com"

		late := p.ticket(mine.access, nil)
		w.clock.move(time.Minute)
		expect(t, p.useTicket(map[string]any{"ticket": late}), 400, "invalid_ticket")

		for _, who := range []map[string]any{{"audience": page}, {"audience": page, "appId": appID}} {
			who["ticket"] = p.ticket(mine.access, map[string]any{"audience": page})
			require.Equal(t, 200, p.useTicket(who).status)
		}
		for _, who := range []map[string]any{{}, {"audience": "https://evil.example"}, {"audience": ""}, {"appId": otherApp}} {
			who["ticket"] = p.ticket(mine.access, map[string]any{"audience": page})
			expect(t, p.useTicket(who), 400, "invalid_ticket")
			who["audience"] = page
			expect(t, p.useTicket(who), 400, "invalid_ticket") // it was used up
		}
		a := p.useTicket(map[string]any{"ticket": p.ticket(mine.access, map[string]any{"audience": otherApp}), "appId": otherApp})
		require.Equal(t, otherApp, a.json()["user"].(map[string]any)["appId"])

		for _, bad := range []map[string]any{
			{"ticket": "x", "code": "y"}, {"ticket": "x", "phoneCode": "y"}, {"ticket": "a b"}, {"ticket": 7}, {"ticket": ""}, {"audience": page},
		} {
			expect(t, p.useTicket(bad), 400, "invalid_request")
		}
		expect(t, p.useTicket(map[string]any{"ticket": "madeup"}), 400, "invalid_ticket")
		expect(t, p.useTicket(map[string]any{"ticket": p.ticket(mine.access, nil), "appId": "wx0000000000000009"}), 400, "unknown_app")
		expect(t, p.do("POST", "/api/v1/auth/ticket", "", nil), 401, "token_missing")
		expect(t, p.do("POST", "/api/v1/auth/ticket", mine.access, map[string]any{"audience": "a\x00"}), 400, "invalid_request")
		expect(t, p.do("POST", "/api/v1/auth/ticket", mine.refresh, nil), 401, "token_invalid")

		disabled := p.signIn("bob")
		ticket := p.ticket(disabled.access, nil)
		require.Equal(t, 200, p.admin("POST", "/users/"+p.userOf(disabled.access)+"/disable", map[string]any{"reason": "spam"}).status)
		expect(t, p.useTicket(map[string]any{"ticket": ticket}), 403, "user_disabled")

		last := p.ticket(mine.access, nil)
		require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", mine.access, nil).status)
		expect(t, p.useTicket(map[string]any{"ticket": last}), 400, "invalid_ticket")
		expect(t, p.do("POST", "/api/v1/auth/ticket", mine.access, nil), 401, "session_revoked")
	})
}
