package service

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

func TestRefreshRotatesBothTokensAndTheOldAccessTokenLivesOn(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		first := p.signIn("alice")
		a := p.refresh(first.refresh)
		require.Equal(t, 200, a.status, "%s", a.body)
		require.InDelta(t, 14400, a.json()["expiresIn"], 0)
		require.InDelta(t, 604800, a.json()["refreshExpiresIn"], 0)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		second := pair(a)
		require.NotEqual(t, first, second)
		require.Equal(t, 200, p.me(first.access).status)
		require.Equal(t, 200, p.me(second.access).status)
	})
}

func TestTheSameRefreshTokenWithinTheGraceGetsTheSameSuccessor(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		first := p.signIn("alice")
		a, b := p.refresh(first.refresh), p.refresh(first.refresh)
		require.Equal(t, pair(a).refresh, pair(b).refresh)
	})
}

func TestALostAnswerLogsNobodyOutHoursLater(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		for range 3 {
			require.Equal(t, 200, p.refresh(mine.refresh).status) // never arrives
			w.clock.move(5 * time.Hour)
		}
		next := p.refresh(mine.refresh)
		require.Equal(t, 200, next.status, "%s", next.body)
		require.Equal(t, 200, p.refresh(pair(next).refresh).status)
	})
}

func TestACopiedRefreshTokenIsNoticedAndEndsTheSession(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		owner := p.signIn("alice")
		stolen := owner.refresh
		owner = pair(p.refresh(owner.refresh))
		w.clock.move(time.Minute)
		owner = pair(p.refresh(owner.refresh))
		w.clock.move(time.Minute)

		expect(t, p.refresh(stolen), 401, "refresh_reused")
		expect(t, p.refresh(owner.refresh), 401, "session_revoked")
		expect(t, p.refresh(stolen), 401, "session_revoked")
		expect(t, p.me(owner.access), 401, "session_revoked")
	})
}

func TestAThiefWhoIsFasterIsNoticedWhenTheOwnerComes(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		owner := p.signIn("alice")
		thief := pair(p.refresh(owner.refresh))
		w.clock.move(time.Hour)
		sibling := p.refresh(owner.refresh) // looks like a lost answer
		require.Equal(t, 200, sibling.status)
		require.Equal(t, 200, p.refresh(pair(sibling).refresh).status)
		w.clock.move(time.Hour)
		expect(t, p.refresh(thief.refresh), 401, "refresh_reused")
	})
}

func TestSixtyFourRefreshesOfOneTokenOnTwoPodsHaveOneSuccessor(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		pods := []*pod{w.pod(), w.pod()}
		mine := pods[0].signIn("alice")
		for range 5 {
			var (
				wg         sync.WaitGroup
				mu         sync.Mutex
				successors = map[string]int{}
			)
			for i := range 64 {
				wg.Go(func() {
					a, err := pods[i%2].try("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": mine.refresh})
					mu.Lock()
					defer mu.Unlock()
					if err != nil || a.status != 200 {
						t.Errorf("refresh: %v %s", err, a.body)
						return
					}
					successors[pair(a).refresh]++
				})
			}
			wg.Wait()
			require.Len(t, successors, 1)
			for next := range successors {
				mine.refresh = next
			}
		}
	})
}

func TestASessionEndsWhenItIsNotRefreshedInTime(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		w.clock.move(4*time.Hour + time.Second)
		expired := p.me(mine.access)
		expect(t, expired, 401, "token_expired")
		require.Contains(t, expired.header.Get("WWW-Authenticate"), `error="invalid_token"`)
		w.clock.move(7*24*time.Hour - 5*time.Hour)
		next := p.refresh(mine.refresh)
		require.Equal(t, 200, next.status)
		w.clock.move(7*24*time.Hour + time.Second)
		expect(t, p.refresh(pair(next).refresh), 401, "refresh_expired")
	})
}

func TestASessionEndsAtItsGreatestAgeHoweverOftenItIsRefreshed(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(func(c *config.Config) { c.SessionMaxAge = 10 * 24 * time.Hour })
		mine := p.signIn("alice")
		for range 3 {
			w.clock.move(3 * 24 * time.Hour)
			a := p.refresh(mine.refresh)
			require.Equal(t, 200, a.status, "%s", a.body)
			mine = pair(a)
		}
		w.clock.move(23 * time.Hour)
		a := p.refresh(mine.refresh)
		require.Equal(t, 200, a.status)
		require.Less(t, a.json()["expiresIn"].(float64), 3700.0)
		mine = pair(a)
		w.clock.move(2 * time.Hour)
		expect(t, p.refresh(mine.refresh), 401, "refresh_expired")
		expect(t, p.me(mine.access), 401, "token_expired")
	})
}

func TestLogoutEndsOneSessionAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		one, two, three := p.signIn("alice"), p.signIn("alice"), p.signIn("alice")
		out := func(body any, token string) int {
			return p.do("POST", "/api/v1/auth/logout", token, body).status
		}
		for range 2 {
			require.Equal(t, 204, out(map[string]any{"refreshToken": one.refresh}, ""))
			require.Equal(t, 204, out(nil, two.access))
		}
		expect(t, p.refresh(one.refresh), 401, "session_revoked")
		expect(t, p.me(two.access), 401, "session_revoked")
		require.Equal(t, 200, p.me(three.access).status)

		expect(t, p.do("POST", "/api/v1/auth/logout", "", nil), 401, "token_missing")
		expect(t, p.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": three.access}), 401, "refresh_invalid")
		require.Equal(t, 200, p.refresh(three.refresh).status)
	})
}

// A failover or a restore has lost the row; its access token lives.
func TestASessionWhoseRowIsLostCanBeEnded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p, other := w.pod(), w.pod()
		for name, end := range map[string]func(s tokens) answer{
			"access token": func(s tokens) answer { return p.do("POST", "/api/v1/auth/logout", s.access, nil) },
			"refresh token": func(s tokens) answer {
				return p.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": s.refresh})
			},
			"everywhere": func(s tokens) answer { return p.do("POST", "/api/v1/auth/logout-all", s.access, nil) },
			"revocation": func(s tokens) answer { return p.form("/oauth2/revoke", "", "token", s.access) },
		} {
			mine := p.signIn("alice")
			w.forget(`sessions`)
			require.Equal(t, 200, p.me(mine.access).status)
			a := end(mine)
			require.Less(t, a.status, 300, "%s: %s", name, a.body)
			expect(t, p.me(mine.access), 401, "session_revoked")
			require.Eventually(t, func() bool { return other.me(mine.access).code() == "session_revoked" }, 10*time.Second, 5*time.Millisecond, name)
			require.Less(t, end(mine).status, 500, "%s: again", name)
		}
	})
}

func TestLogoutEverywhereIsNoticedByEveryPodWithinASecond(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		here, there := w.pod(), w.pod()
		one, two := here.signIn("alice"), here.signIn("alice")
		bob := here.signIn("bob")
		for _, token := range []string{one.access, two.access, bob.access} {
			require.Equal(t, 200, there.me(token).status)
		}
		require.Equal(t, 204, here.do("POST", "/api/v1/auth/logout-all", one.access, nil).status)
		ended := time.Now()
		expect(t, here.me(two.access), 401, "session_revoked")
		require.Eventually(t, func() bool {
			return there.me(one.access).status == 401 && there.me(two.access).status == 401
		}, 10*time.Second, 5*time.Millisecond) // a second on a machine that does nothing else
		t.Logf("the other pod noticed after %s", time.Since(ended))
		require.Equal(t, 200, there.me(bob.access).status)
		expect(t, there.refresh(two.refresh), 401, "session_revoked")
	})
}

func TestUsersSeeAndEndTheirOwnSessionsOnly(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		phone, tablet := p.signIn("alice", map[string]any{"deviceId": "a"}), p.signIn("alice", map[string]any{"deviceId": "b"})
		bob := p.signIn("bob")
		list := p.do("GET", "/api/v1/sessions", phone.access, nil).json()["sessions"].([]any)
		require.Len(t, list, 2)
		first := list[0].(map[string]any)
		require.Equal(t, "b", first["deviceId"])
		require.Equal(t, false, first["current"])
		id := first["id"].(string)

		// When another device was used is told to the hour, in every field.
		w.clock.move(90 * time.Minute)
		mine := pair(p.refresh(phone.refresh))
		tablet = pair(p.refresh(tablet.refresh))
		for _, x := range p.do("GET", "/api/v1/sessions", mine.access, nil).json()["sessions"].([]any) {
			x := x.(map[string]any)
			for _, field := range []string{"lastUsedAt", "expiresAt"} {
				at, err := time.Parse(time.RFC3339, x[field].(string))
				require.NoError(t, err)
				if x["current"] == false {
					require.True(t, at.Equal(at.Truncate(time.Hour)), field)
				} else if field == "lastUsedAt" {
					require.False(t, at.Equal(at.Truncate(time.Hour)), field)
				}
			}
		}

		expect(t, p.do("DELETE", "/api/v1/sessions/"+id, bob.access, nil), 404, "not_found")
		expect(t, p.do("DELETE", "/api/v1/sessions/nonsense", phone.access, nil), 404, "not_found")
		require.Equal(t, 204, p.do("DELETE", "/api/v1/sessions/"+id, phone.access, nil).status)
		expect(t, p.do("DELETE", "/api/v1/sessions/"+id, phone.access, nil), 404, "not_found")
		expect(t, p.me(tablet.access), 401, "session_revoked")
	})
}

func TestNeitherTokenPassesInTheOthersPlace(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		expect(t, p.me(mine.refresh), 401, "token_invalid")
		expect(t, p.refresh(mine.access), 401, "refresh_invalid")
		expect(t, p.refresh("nonsense"), 401, "refresh_invalid")
		missing := p.me("")
		expect(t, missing, 401, "token_missing")
		require.Equal(t, "Bearer", missing.header.Get("WWW-Authenticate"))
	})
}

func TestTokensOfAnotherIssuerAudienceOrAppAreRefused(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		mine := w.pod().signIn("alice")
		for name, change := range map[string]func(*config.Config){
			"issuer":   func(c *config.Config) { c.Issuer = "https://other.example.com" },
			"audience": func(c *config.Config) { c.Audience = "https://other.example.com" },
			"app":      func(c *config.Config) { c.WechatApps = secret.New(otherApp + ":" + otherAppSecret) },
			"keys": func(c *config.Config) {
				c.AccessKeys = w.keyFile("access2.jwks", keySet(t, "ES256"))
				c.RefreshKeys = w.keyFile("refresh2.jwks", keySet(t, "HS256"))
			},
		} {
			p := w.pod(change)
			expect(t, p.me(mine.access), 401, "token_invalid")
			if name != "audience" {
				expect(t, p.refresh(mine.refresh), 401, "refresh_invalid")
			}
		}
	})
}

func TestAGatewayIsToldWhoseTokenItIs(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		login := p.login("alice")
		mine := pair(login)
		for _, method := range []string{"GET", "HEAD"} {
			a := p.do(method, "/api/v1/auth/verify", mine.access, nil)
			require.Equal(t, 204, a.status)
			require.Equal(t, login.json()["user"].(map[string]any)["id"], a.header.Get("X-User-Id"))
			require.Equal(t, appID, a.header.Get("X-App-Id"))
			require.NotEmpty(t, a.header.Get("X-Session-Id"))
			require.Empty(t, a.header.Values("X-Roles"))
			require.Equal(t, 401, p.do(method, "/api/v1/auth/verify", mine.refresh, nil).status)
		}
	})
}

func TestAProfileIsChangedFieldByField(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		a := p.do("PATCH", "/api/v1/users/me", mine.access, `{"nickname":"小明 🐼"}`)
		require.Equal(t, 200, a.status, "%s", a.body)
		a = p.do("PATCH", "/api/v1/users/me", mine.access, `{"avatarUrl":"https://thirdwx.qlogo.cn/a/132"}`)
		require.Equal(t, "小明 🐼", a.text("nickname"))
		require.Equal(t, "https://thirdwx.qlogo.cn/a/132", p.me(mine.access).text("avatarUrl"))
		for _, bad := range []string{`{"nickname":7}`, `{"avatarUrl":"javascript:alert(1)"}`, `{"nickname":"a\u0000"}`} {
			expect(t, p.do("PATCH", "/api/v1/users/me", mine.access, bad), 400, "invalid_request")
		}
		// wx.request knows no PATCH.
		a = p.do("POST", "/api/v1/users/me", mine.access, `{"nickname":""}`)
		require.Empty(t, a.text("nickname"))
	})
}
