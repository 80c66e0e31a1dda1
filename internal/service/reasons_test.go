package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/config"
)

// Access and refresh token, OAuth, the feed, the event and the row all name the
// same reason, on the pod that ended the session and on another one.
func TestEveryoneIsToldWhyASessionEnded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		here, there := w.pod(withOperatorKeys), w.pod(withOperatorKeys)
		phone := func(p *pod, person, device string) tokens {
			return p.signIn(person, map[string]any{"deviceId": device})
		}
		for reason, end := range map[string]func(mine tokens) (id string){
			"logged_out": func(mine tokens) string {
				require.Equal(t, 204, here.do("POST", "/api/v1/auth/logout", mine.access, nil).status)
				return ""
			},
			"signed_out": func(mine tokens) string {
				other := phone(here, "signed_out", "tablet")
				require.Equal(t, 204, here.do("DELETE", "/api/v1/sessions/"+here.sessionOf(mine.access), other.access, nil).status)
				return ""
			},
			"operator": func(mine tokens) string {
				require.Equal(t, 204, here.admin("DELETE", "/sessions/"+here.sessionOf(mine.access)+"?reason=stolen+phone", nil).status)
				return ""
			},
			"replaced": func(tokens) string { phone(here, "replaced", "phone"); return "" },
			"account_closed": func(mine tokens) string {
				here.deletePerson(here.userOf(mine.access), "asked for it")
				return ""
			},
		} {
			mine := phone(here, reason, "phone")
			session, user := here.sessionOf(mine.access), here.userOf(mine.access)
			end(mine)
			for _, p := range []*pod{here, there} {
				require.Eventually(t, func() bool { return p.do("GET", "/api/v1/auth/verify", mine.access, nil).status == 401 }, 5*time.Second, 10*time.Millisecond, reason)
				for _, a := range []answer{p.me(mine.access), p.do("GET", "/api/v1/auth/verify", mine.access, nil), p.refresh(mine.refresh)} {
					expect(t, a, 401, "session_revoked")
					require.Equal(t, reason, a.text("reason"))
				}
				refused := p.form("/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", mine.refresh, "client_id", appID)
				require.Contains(t, refused.text("error_description"), reason)
				told := map[any]any{}
				for _, x := range p.feed("").json()["sessions"].([]any) {
					x := x.(map[string]any)
					told[x["id"]] = x["reason"]
				}
				require.Equal(t, reason, told[session])
			}
			if reason == "account_closed" {
				continue // of a person who was erased the events say nothing more
			}
			list := here.admin("GET", "/users/"+user+"/sessions", nil).json()["sessions"].([]any)
			found := false
			for _, x := range list {
				if x := x.(map[string]any); x["id"] == session {
					require.Equal(t, reason, x["revokedReason"])
					found = true
				}
			}
			require.True(t, found)
		}
	})
}

func TestASessionBeyondTheLimitIsEvictedAndACopyHasACodeOfItsOwn(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys, func(c *config.Config) { c.MaxSessionsPerUser = 1 })
		first := p.signIn("alice")
		second := p.signIn("alice")
		require.Equal(t, "evicted", p.me(first.access).text("reason"))

		third := pair(p.refresh(second.refresh))
		w.clock.move(time.Minute)
		fourth := pair(p.refresh(third.refresh))
		w.clock.move(time.Minute)
		pair(p.refresh(fourth.refresh))
		w.clock.move(time.Minute)
		expect(t, p.refresh(second.refresh), 401, "refresh_reused")
		a := p.me(fourth.access)
		expect(t, a, 401, "session_revoked")
		require.Empty(t, a.text("reason"), "the owner may log in silently")
	})
}

// A business service that checks tokens by itself says the same.
func TestAFeedReaderKnowsTheReason(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	mine := p.signIn("alice")
	session := p.sessionOf(mine.access)
	feed := verify.Feed(p.server.URL, gatewayKey)
	t.Cleanup(feed.Close)
	require.NoError(t, feed.Ready(t.Context()))
	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout-all", mine.access, nil).status)
	require.Eventually(t, func() bool { return feed.Revoked(session) }, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, "signed_out", feed.RevocationReason(session))
	require.Empty(t, feed.RevocationReason("another"))
}
