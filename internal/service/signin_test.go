package service

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestAPersonIsCreatedOnceAndKnownAfterwards(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		first := p.login("alice")
		require.Equal(t, 200, first.status, "%s", first.body)
		require.Equal(t, true, first.json()["newUser"])
		require.InDelta(t, 14400, first.json()["expiresIn"], 0)
		require.InDelta(t, 604800, first.json()["refreshExpiresIn"], 0)
		require.NotContains(t, string(first.body), fakewechat.OpenID(appID, "alice"))

		second := p.login("alice")
		require.Equal(t, false, second.json()["newUser"])
		require.Equal(t, first.json()["user"].(map[string]any)["id"], second.json()["user"].(map[string]any)["id"])

		other := p.login("bob")
		require.NotEqual(t, first.json()["user"].(map[string]any)["id"], other.json()["user"].(map[string]any)["id"])
	})
}

func TestOnePersonInTwoAppsOfOnePlatformIsOneUser(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		a := p.login("alice")
		b := p.login("alice", map[string]any{"appId": otherApp})
		require.Equal(t, false, b.json()["newUser"])
		ua, ub := a.json()["user"].(map[string]any), b.json()["user"].(map[string]any)
		require.Equal(t, ua["id"], ub["id"])
		require.Equal(t, appID, ua["appId"])
		require.Equal(t, otherApp, ub["appId"])
	})
}

func TestManyFirstLoginsOfOnePersonAtOnceMakeOneUser(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		pods := []*pod{w.pod(), w.pod()}
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			ids   = map[any]int{}
			fresh int
		)
		for i := range 24 {
			app := []string{appID, otherApp}[i%3%2]
			code := w.code(app, "alice")
			wg.Go(func() {
				a, err := pods[i%2].try("POST", "/api/v1/auth/login", "", map[string]any{"code": code, "appId": app})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || a.status != 200 {
					t.Errorf("login: %v %s", err, a.body)
					return
				}
				ids[a.json()["user"].(map[string]any)["id"]]++
				if a.json()["newUser"] == true {
					fresh++
				}
			})
		}
		wg.Wait()
		require.Len(t, ids, 1)
		require.Equal(t, 1, fresh)
	})
}

func TestWeChatsRefusalsAreToldApart(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(func(c *config.Config) { c.LoginRate = 0 })
		login := func(code string) answer {
			return p.do("POST", "/api/v1/auth/login", "", map[string]any{"code": code, "appId": appID})
		}
		used := w.code(appID, "alice")
		require.Equal(t, 200, login(used).status)
		expect(t, login(used), 400, "code_used")
		expect(t, login("0badC0de0badC0de0badC0de0badC0de"), 400, "invalid_code")
		expect(t, login("dev:alice"), 400, "invalid_code")
		expect(t, p.do("POST", "/api/v1/auth/login", "", `{"code":"x","appId":"wxffffffffffffffff"}`), 400, "unknown_app")
		expect(t, p.do("POST", "/api/v1/auth/login", "", `{"code":"x"}`), 400, "unknown_app")

		w.wechat.SetUser(fakewechat.User{Name: "mallory", Blocked: true})
		expect(t, p.login("mallory"), 403, "user_blocked")

		for _, c := range []struct {
			errcode int
			status  int
			code    string
		}{
			{45011, 429, "wechat_rate_limited"},
			{40013, 502, "wechat_rejected_app"},
			{40125, 502, "wechat_rejected_app"},
			{40164, 502, "wechat_rejected_app"},
			{-1, 503, "wechat_unavailable"},
		} {
			id := w.wechat.SetFault(fakewechat.Fault{Errcode: c.errcode})
			a := p.login("alice")
			expect(t, a, c.status, c.code)
			if c.status == 429 || c.status == 503 {
				require.NotEmpty(t, a.header.Get("Retry-After"))
			}
			w.wechat.ClearFault(id)
		}
	})
}

// expect checks a problem.
func expect(t *testing.T, a answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.Equal(t, code, a.code(), "%s", a.body)
}

func TestADeviceThatLogsInAgainTakesOverItsSession(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		phone := map[string]any{"deviceId": "phone-1", "deviceName": "Alice 的 iPhone"}
		first := p.signIn("alice", phone)
		tablet := p.signIn("alice", map[string]any{"deviceId": "tablet-1"})
		second := p.signIn("alice", phone)

		expect(t, p.refresh(first.refresh), 401, "session_revoked")
		expect(t, p.me(first.access), 401, "session_revoked")
		require.Equal(t, 200, p.me(tablet.access).status)
		require.Equal(t, 200, p.me(second.access).status)

		list := p.do("GET", "/api/v1/sessions", second.access, nil).json()["sessions"].([]any)
		require.Len(t, list, 2)
		newest := list[0].(map[string]any)
		require.Equal(t, true, newest["current"])
		require.Equal(t, "Alice 的 iPhone", newest["deviceName"])
	})
}

func TestTheSessionLongestUnusedEndsWhenThereAreTooMany(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(func(c *config.Config) { c.MaxSessionsPerUser = 3 })
		var all []tokens
		for range 3 {
			all = append(all, p.signIn("alice"))
			w.clock.move(time.Minute)
		}
		// The first is used, so that the second is the one longest unused.
		all[0] = pair(p.refresh(all[0].refresh))
		w.clock.move(time.Minute)
		all = append(all, p.signIn("alice"))
		expect(t, p.refresh(all[1].refresh), 401, "session_revoked")
		for _, i := range []int{0, 2, 3} {
			require.Equal(t, 200, p.refresh(all[i].refresh).status)
		}
	})
}

func TestFailedLoginsOfOneAddressAreSlowedDownAndGoodOnesNeverCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+t.TempDir()+"/wugan.db")
	p := w.pod(func(c *config.Config) { c.LoginRate = 1; c.TrustedProxies = []string{"127.0.0.0/8", "::1/128"} })
	w.clock.stand()
	from := func(ip, code string) answer {
		return p.do("POST", "/api/v1/auth/login", "", map[string]any{"code": code, "appId": appID}, "X-Forwarded-For", ip)
	}
	for range 30 {
		require.Equal(t, 200, from("203.0.113.7", w.code(appID, "alice")).status)
	}
	for range 4 {
		expect(t, from("203.0.113.7", "guess"), 400, "invalid_code")
	}
	limited := from("203.0.113.7", "guess")
	expect(t, limited, 429, "rate_limited")
	require.Equal(t, "1", limited.header.Get("Retry-After"))
	expect(t, from("203.0.113.8", "guess"), 400, "invalid_code")
	// A forged entry in front of what the proxy added does not help.
	expect(t, from("198.51.100.1, 203.0.113.7", "guess"), 429, "rate_limited")
	w.clock.move(2 * time.Second)
	require.Equal(t, 200, from("203.0.113.7", w.code(appID, "alice")).status)
}

func TestEveryAnswerCarriesARequestIDAndTokensAreNeverStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+t.TempDir()+"/wugan.db")
	p := w.pod()
	a := p.login("alice")
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.NotEmpty(t, a.header.Get("X-Request-Id"))

	mine := p.do("GET", "/healthz", "", nil, "X-Request-Id", "my-id.42")
	require.Equal(t, "my-id.42", mine.header.Get("X-Request-Id"))
	for _, bad := range []string{strings.Repeat("a", 129), "has space", "ünicode"} {
		a := p.do("GET", "/nowhere", "", nil, "X-Request-Id", bad)
		require.NotEqual(t, bad, a.header.Get("X-Request-Id"))
		require.Equal(t, a.header.Get("X-Request-Id"), a.text("requestId"))
	}
}

func TestBadRequestsGetAClearAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+t.TempDir()+"/wugan.db")
	p := w.pod()
	post := func(body string, header ...string) answer {
		return p.do("POST", "/api/v1/auth/login", "", body, header...)
	}
	for body, says := range map[string]string{
		``:                        "empty",
		`{`:                       "not valid JSON",
		`[]`:                      "not a JSON object",
		`"x"`:                     "not a JSON object",
		`{}`:                      "code is missing",
		`{"code":""}`:             "code is missing",
		`{"code":7}`:              "string is expected",
		`{"code":null}`:           "code is missing",
		`{"code":"a b"}`:          "not printable",
		`{"code":"\u0000"}`:       "not printable",
		`{"code":"x"} trailing`:   "not valid JSON",
		`{"code":"x","appId":[]}`: "appId",
		`{"code":"` + strings.Repeat("x", 257) + `"}`:                  "too long",
		`{"code":"x","deviceId":"` + strings.Repeat("d", 129) + `"}`:   "deviceId",
		`{"code":"x","deviceName":"` + strings.Repeat("名", 129) + `"}`: "deviceName",
		`{"code":"x","deviceName":"a\u0000b"}`:                         "control",
		"{\"code\":\"\xff\"}":                                          "UTF-8",
	} {
		a := post(body)
		expect(t, a, 400, "invalid_request")
		require.Contains(t, a.text("detail"), says, "%.40s", body)
	}
	expect(t, post(`{"code":"x"}`, "Content-Type", "text/plain"), 415, "unsupported_media_type")
	expect(t, post(`{"code":"x"}`, "Content-Type", "application/json; charset=gbk"), 415, "unsupported_media_type")
	expect(t, post(`{"code":"`+strings.Repeat("x", 70<<10)+`"}`), 413, "body_too_large")
	expect(t, p.do("GET", "/api/v1/auth/login", "", nil), 405, "method_not_allowed")
	expect(t, p.do("GET", "/nowhere", "", nil), 404, "not_found")

	// Unknown fields are for newer services to understand.
	a := post(`{"code":"` + w.code(appID, "alice") + `","appId":"` + appID + `","future":{"a":1}}`)
	require.Equal(t, 200, a.status, "%s", a.body)
}

func TestH5ClientsOfConfiguredOriginsAreLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+t.TempDir()+"/wugan.db")
	p := w.pod(func(c *config.Config) { c.CORSOrigins = []string{"https://h5.example.com"} })
	preflight := func(origin string) http.Header {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, p.server.URL+"/api/v1/auth/refresh", nil)
		require.NoError(t, err)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		res, err := p.server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.Header
	}
	good := preflight("https://h5.example.com")
	require.Equal(t, "https://h5.example.com", good.Get("Access-Control-Allow-Origin"))
	require.Contains(t, good.Get("Access-Control-Allow-Headers"), "Authorization")
	require.Empty(t, good.Get("Access-Control-Allow-Credentials"))
	require.Empty(t, preflight("https://evil.example.com").Get("Access-Control-Allow-Origin"))

	// A 401 must be readable, or a browser could not tell it from an outage.
	a := p.do("GET", "/api/v1/users/me", "", nil, "Origin", "https://h5.example.com")
	require.Equal(t, "https://h5.example.com", a.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "Retry-After")
}
