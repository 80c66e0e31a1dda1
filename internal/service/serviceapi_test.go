package service

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

const (
	shopKey    = "shop-key-0123456789-abcdefghijklmnop"
	shopKeyNew = "shop-key-9876543210-ponmlkjihgfedcba"
	supportKey = "anna-key-0123456789-abcdefghijklmnop"
)

func withShop(c *config.Config) {
	withOperatorKeys(c)
	c.APIKeys = secret.New("shop:service:" + shopKey + ",shop:service:" + shopKeyNew + ",anna:support:" + supportKey)
}

func TestAShopLearnsOpenIDAndPhoneNumberOfAPerson(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withShop)
		alice := p.signIn("alice")
		id := p.userOf(alice.access)
		p.givePhone(id, "13800001111")

		a := p.do("GET", "/api/v1/service/users/"+id, shopKey, nil)
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		require.Equal(t, "+8613800001111", a.text("phone"))
		identity := a.json()["identities"].([]any)[0].(map[string]any)
		require.Equal(t, "wechat", identity["provider"])
		require.Equal(t, appID, identity["appId"])
		openID, unionID := identity["openid"].(string), identity["unionid"].(string)
		require.NotEmpty(t, openID)
		require.NotEmpty(t, unionID)

		for _, by := range []string{
			"appId=" + appID + "&openid=" + url.QueryEscape(openID), "unionid=" + url.QueryEscape(unionID),
			"phone=13800001111", "phone=" + url.QueryEscape("+8613800001111"),
		} {
			found := p.do("GET", "/api/v1/service/users?"+by, shopKeyNew, nil)
			require.Equal(t, 200, found.status, "%s", found.body)
			require.Equal(t, []any{a.json()}, found.json()["users"], by)
		}
		for _, by := range []string{"unionid=another", "phone=13800002222", "appId=" + otherApp + "&openid=" + openID} {
			require.Empty(t, p.do("GET", "/api/v1/service/users?"+by, shopKey, nil).json()["users"], by)
		}
		for _, by := range []string{"", "appId=" + appID, "openid=x", "phone=1&unionid=x", "unionid=", "nickname=alice"} {
			expect(t, p.do("GET", "/api/v1/service/users?"+by, shopKey, nil), 400, "invalid_request")
		}
		expect(t, p.do("GET", "/api/v1/service/users/0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f", shopKey, nil), 404, "not_found")

		kinds, newest := p.eventsOf(id)
		require.Equal(t, 1, count(kinds, "phone_read"), "once a day for a key")
		require.Equal(t, "shop", newest["actor"])
	})
}

func count(list []any, one any) (n int) {
	for _, x := range list {
		if x == one {
			n++
		}
	}
	return n
}

func TestAShopKeepsDataOfItsOwnByMergePatch(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withShop, func(c *config.Config) { c.MetadataClaims = []string{"tier"} })
		alice := p.signIn("alice")
		path := "/api/v1/service/users/" + p.userOf(alice.access)
		a := p.do("PATCH", path, shopKey, map[string]any{"metadata": map[string]any{"tier": "gold", "n": map[string]any{"a": 1}}, "roles": []string{"vip"}})
		require.Equal(t, 200, a.status, "%s", a.body)
		a = p.do("PATCH", path, shopKey, map[string]any{"metadata": map[string]any{"n": map[string]any{"a": nil, "b": 2}}})
		require.Equal(t, map[string]any{"tier": "gold", "n": map[string]any{"b": 2.0}}, a.json()["metadata"])
		require.Equal(t, []any{"vip"}, a.json()["roles"])

		renewed := pair(p.refresh(alice.refresh))
		verified := p.do("GET", "/api/v1/auth/verify", renewed.access, nil)
		require.Equal(t, "vip", verified.header.Get("X-Roles"))

		for name, body := range map[string]any{
			"nothing": map[string]any{}, "a list": map[string]any{"metadata": []int{1}}, "roles that are none": map[string]any{"roles": []string{"a,b"}},
			"both, one wrong": map[string]any{"metadata": map[string]any{"tier": "silver"}, "roles": []string{"a", "a"}},
		} {
			a := p.do("PATCH", path, shopKey, body)
			require.Equal(t, 400, a.status, name)
		}
		require.Equal(t, "gold", p.do("GET", path, shopKey, nil).json()["metadata"].(map[string]any)["tier"])
	})
}

func TestAKeyDoesWhatItsScopeSaysAndNoMore(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withShop)
	alice := p.signIn("alice")
	id := p.userOf(alice.access)
	for path, allowed := range map[string][]string{
		"GET /api/v1/revocations":                     {gatewayKey, shopKey},
		"GET /api/v1/service/users/" + id:             {shopKey},
		"GET /api/v1/service/events":                  {shopKey},
		"GET /api/v1/admin/users":                     {supportKey, adminKey},
		"GET /api/v1/admin/users/" + id + "/events":   {supportKey, adminKey},
		"PUT /api/v1/admin/users/" + id + "/roles":    {adminKey},
		"PUT /api/v1/admin/users/" + id + "/metadata": {adminKey},
		"DELETE /api/v1/admin/users/" + id:            {adminKey},
		"POST /api/v1/admin/users/" + id + "/enable":  {supportKey, adminKey},
		"POST /api/v1/admin/users/" + id + "/phone":   {supportKey, adminKey},
		"GET /api/v1/admin/key":                       {supportKey, adminKey},
		"GET /api/v1/admin/stats":                     {supportKey, adminKey},
		"POST /api/v1/admin/users/" + id + "/disable": {supportKey, adminKey},
	} {
		method, path, _ := cut(path)
		for _, key := range []string{gatewayKey, shopKey, supportKey, adminKey} {
			a := p.do(method, path, key, nil)
			if slices.Contains(allowed, key) {
				require.NotContains(t, []int{401, 403}, a.status, "%s %s", method, path)
				continue
			}
			expect(t, a, 403, "forbidden")
		}
		expect(t, p.do(method, path, "no-key-of-ours-0123456789-abcdefghij", nil), 401, "key_invalid")
		expect(t, p.do(method, path, "", nil), 401, "token_missing")
	}

	// Without a key of a fitting scope the paths are not there, by any method.
	bare := w.pod(func(c *config.Config) { c.APIKeys = secret.New("anna:support:" + supportKey) })
	for _, method := range []string{"GET", "PATCH"} {
		expect(t, bare.do(method, "/api/v1/service/users/"+id, supportKey, nil), 404, "not_found")
	}
	expect(t, bare.do("PUT", "/api/v1/admin/users/"+id+"/roles", supportKey, nil), 404, "not_found")
	require.Equal(t, 200, bare.do("GET", "/api/v1/admin/users", supportKey, nil).status)
	require.Equal(t, 204, bare.do("POST", "/api/v1/admin/users/"+id+"/logout-all", supportKey, because).status)
	_, newest := p.eventsOf(id)
	require.Equal(t, "anna", newest["actor"])
}

func cut(text string) (method, path string, ok bool) {
	for i := range text {
		if text[i] == ' ' {
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

// Two readers follow the feed of two pods while people come and go.
func TestTheFeedTellsEachEventOnce(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		a, b := w.pod(withShop), w.pod(withShop)
		first := a.do("GET", "/api/v1/service/events", shopKey, nil)
		require.Equal(t, 200, first.status, "%s", first.body)
		require.Empty(t, first.json()["events"])
		cursor := first.text("cursor")

		var told sync.WaitGroup
		seen := make([][]any, 2)
		for i, p := range []*pod{a, b} {
			told.Go(func() {
				at := cursor
				for deadline := time.Now().Add(30 * time.Second); len(seen[i]) < 12 && time.Now().Before(deadline); {
					page := p.do("GET", "/api/v1/service/events?wait=2s&kind=user_created&limit=5&after="+at, shopKey, nil)
					if page.status != 200 {
						return
					}
					for _, e := range page.json()["events"].([]any) {
						seen[i] = append(seen[i], e.(map[string]any)["userId"])
					}
					at = page.text("cursor")
				}
			})
		}
		var people []any
		for i := range 12 {
			p := []*pod{a, b}[i%2]
			people = append(people, p.userOf(p.signIn("person "+string(rune('a'+i))).access))
		}
		told.Wait()
		for i := range seen {
			require.ElementsMatch(t, people, seen[i])
		}
		require.Equal(t, seen[0], seen[1])

		for _, query := range []string{"after=x", "after=-1", "kind=hunter2", "limit=0", "limit=1001", "wait=26s", "after=1&after=2"} {
			expect(t, a.do("GET", "/api/v1/service/events?"+query, shopKey, nil), 400, "invalid_request")
		}
	})
}

// A key is replaced without a gap: the new one comes beside the old one under
// the same name, and then the old one goes.
func TestAKeyIsReplacedWhileTheServiceRuns(t *testing.T) {
	w := newSQLiteWorld(t)
	path := filepath.Join(t.TempDir(), "api-keys")
	write := func(lines ...string) {
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	}
	write("shop:service:" + shopKey)
	p := w.pod(func(c *config.Config) {
		for name, value := range map[string]string{
			"API_KEYS_FILE": path, "ISSUER": c.Issuer, "AUDIENCE": c.Audience, "WECHAT_API_URL": c.WechatAPI.URL,
			"DATABASE_URL": c.DatabaseURL.Reveal(), "WECHAT_APPS": c.WechatApps.Reveal(), "DATA_KEY": c.DataKey.Reveal(),
			"ACCESS_KEYS": c.AccessKeys, "REFRESH_KEYS": c.RefreshKeys, "LOG_LEVEL": "debug",
		} {
			t.Setenv("WUGAN_"+name, value)
		}
		loaded, err := config.Load()
		require.NoError(t, err)
		*c = loaded
	})
	status := func(key string) int { return p.do("GET", "/api/v1/service/events", key, nil).status }
	require.Equal(t, 200, status(shopKey))
	require.Equal(t, 401, status(shopKeyNew))

	write("shop:service:"+shopKey, "shop:service:"+shopKeyNew)
	require.Eventually(t, func() bool { return status(shopKeyNew) == 200 }, 10*time.Second, 200*time.Millisecond)
	require.Equal(t, 200, status(shopKey))
	write("shop:service:hunter2") // refused: the earlier ones stay in use
	time.Sleep(2 * watchEvery)
	require.Equal(t, 200, status(shopKeyNew))
	write("shop:service:" + shopKeyNew)
	require.Eventually(t, func() bool { return status(shopKey) == 401 }, 10*time.Second, 200*time.Millisecond)
	require.Equal(t, 200, status(shopKeyNew))
}
