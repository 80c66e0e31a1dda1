package service

import (
	"encoding/json"
	"strings"
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

// Support has a person, a request id or a time, and the log of the pods.
func TestTheLogAloneSaysWhyASessionEnded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys, func(c *config.Config) { c.MaxSessionsPerUser = 2 })
		line := func(requestID string) map[string]any {
			t.Helper()
			for text := range strings.Lines(w.log.String()) {
				var line map[string]any
				if json.Unmarshal([]byte(text), &line) == nil && line["requestId"] == requestID {
					return line
				}
			}
			t.Fatalf("no line of request %s", requestID)
			return nil
		}
		on := func(device string) map[string]any { return map[string]any{"deviceId": device} }
		// who presents a token that is refused, and returns the line about it.
		refused := func(id string, a answer) map[string]any {
			require.GreaterOrEqual(t, a.status, 400, "%s", a.body)
			return line(id)
		}
		me := func(id, access string) map[string]any {
			return refused(id, p.do("GET", "/api/v1/users/me", access, nil, "X-Request-Id", id))
		}
		refresh := func(id, token string) map[string]any {
			return refused(id, p.do("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": token}, "X-Request-Id", id))
		}

		first := p.signIn("alice", on("phone"))
		session, user := p.sessionOf(first.access), p.userOf(first.access)
		again := p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": appID, "code": w.code(appID, "alice"), "deviceId": "phone"}, "X-Request-Id", "replacing")
		require.Equal(t, []any{session + " replaced"}, line("replacing")["ended"])
		for i, x := range []map[string]any{me("r1", first.access), refresh("r2", first.refresh)} {
			require.Equal(t, "session_revoked", x["outcome"], i)
			require.Equal(t, "replaced", x["reason"], i)
			require.Equal(t, session, x["session"], i)
			require.Equal(t, user, x["user"], i)
		}
		evicted := p.sessionOf(again.text("accessToken"))
		p.signIn("alice", on("tablet"))
		w.clock.move(time.Second)
		p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": appID, "code": w.code(appID, "alice"), "deviceId": "desk"}, "X-Request-Id", "evicting")
		require.Equal(t, []any{evicted + " evicted"}, line("evicting")["ended"])
		require.Equal(t, "evicted", me("e1", again.text("accessToken"))["reason"])

		// A copy: the response does not say so with an access token, the log does.
		bob := p.signIn("bob")
		next := pair(p.refresh(bob.refresh))
		pair(p.refresh(next.refresh))
		w.clock.move(time.Minute)
		require.Equal(t, "refresh_reused", refresh("c1", bob.refresh)["outcome"])
		require.Equal(t, "refresh_reused", me("c2", next.access)["reason"])

		carol := p.signIn("carol")
		session = p.sessionOf(carol.access)
		ended := p.do("DELETE", "/api/v1/admin/sessions/"+session+"?reason=stolen", adminKey, nil, "X-Request-Id", "o1")
		require.Equal(t, 204, ended.status)
		require.Equal(t, "admin", line("o1")["key"])
		require.Equal(t, session, line("o1")["target"])
		require.Equal(t, "operator", me("o2", carol.access)["reason"])

		// Not used for a week.
		dave := p.signIn("dave")
		user, session = p.userOf(dave.access), p.sessionOf(dave.access)
		w.clock.move(8 * 24 * time.Hour)
		late := refresh("x1", dave.refresh)
		require.Equal(t, "refresh_expired", late["outcome"])
		require.Equal(t, user, late["user"])
		require.Equal(t, session, late["session"])
	})
}
