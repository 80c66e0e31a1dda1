package service

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestAShopHasAVirtualPaymentSignedUnderTheSessionKey(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withShop)
		alice := p.signIn("alice")
		id := p.userOf(alice.access)
		sign := func(data, app string) answer {
			return p.do("POST", "/api/v1/service/wechat/sign", shopKey, map[string]any{"userId": id, "appId": app, "data": data})
		}
		pays := func(data, signature string) bool {
			fits, err := w.wechat.VirtualPayment(appID, "alice", data, signature)
			require.NoError(t, err)
			return fits
		}
		sessionKey, err := w.wechat.SessionKey(appID, "alice")
		require.NoError(t, err)
		w.log.secrets(sessionKey)
		for _, data := range []string{`{"offerId":"123","outTradeNo":"o-1"}`, "x", "订单\u0000 \t\r\n<&>\u2028", "e\u0301"} {
			a := sign(data, appID)
			require.Equal(t, 200, a.status, "%s", a.body)
			require.Equal(t, "no-store", a.header.Get("Cache-Control"))
			require.Len(t, a.json(), 1, "nothing but the signature")
			require.True(t, pays(data, a.text("signature")))
			require.False(t, pays(data+" ", a.text("signature")))
		}
		kinds, newest := p.eventsOf(id)
		require.Equal(t, 1, count(kinds, "data_signed"), "once a day for a key")
		require.Equal(t, "shop", newest["actor"])

		// After the client has renewed the key, the next login brings the new one.
		before := sign("x", appID).text("signature")
		require.NoError(t, w.wechat.RenewKey(appID, "alice"))
		require.False(t, pays("x", before))
		p.signIn("alice")
		require.True(t, pays("x", sign("x", appID).text("signature")))

		expect(t, sign("x", otherApp), 409, "session_key_missing")
		expect(t, sign("x", "wx0000000000000000"), 400, "unknown_app")
		expect(t, sign("", appID), 400, "invalid_request")
		path := "/api/v1/service/wechat/sign"
		for name, body := range map[string]any{
			"no person": map[string]any{"appId": appID, "data": "x"}, "no app": map[string]any{"userId": id, "data": "x"},
			"an id in another form":  map[string]any{"userId": "urn:uuid:" + id, "appId": appID, "data": "x"},
			"data that is an object": `{"userId":"` + id + `","appId":"` + appID + `","data":{}}`,
			"too much":               map[string]any{"userId": id, "appId": appID, "data": strings.Repeat("订", 11000)},
		} {
			a := p.do("POST", path, shopKey, body)
			require.Equal(t, 400, a.status, "%s: %s", name, a.body)
		}
		expect(t, p.do("POST", path, alice.access, nil), 401, "key_invalid")

		// A person who has left has nothing signed.
		require.Equal(t, 204, p.do("DELETE", "/api/v1/admin/users/"+id+"?reason=gone", adminKey, nil).status)
		expect(t, sign("x", appID), 404, "not_found")
	})
}

func TestAShopTakesTheAccessTokenFromHere(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withShop)
	path := "/api/v1/service/wechat/access-token"
	first := p.do("GET", path+"?appId="+appID, shopKey, nil)
	require.Equal(t, 200, first.status, "%s", first.body)
	require.Equal(t, "no-store", first.header.Get("Cache-Control"))
	require.Len(t, first.json(), 2)
	expires, err := time.Parse(time.RFC3339, first.text("expiresAt"))
	require.NoError(t, err)
	require.WithinDuration(t, w.clock.Now().Add(2*time.Hour), expires, 5*time.Second)

	// It is the one that the service uses itself, and comes back as it is.
	require.Equal(t, first.text("accessToken"), w.pod(withShop).do("GET", path+"?appId="+appID, shopKey, nil).text("accessToken"))
	require.NotEqual(t, first.text("accessToken"), p.do("GET", path+"?appId="+otherApp, shopKey, nil).text("accessToken"))

	expect(t, p.do("GET", path, shopKey, nil), 400, "invalid_request")
	expect(t, p.do("GET", path+"?appId=wx0000000000000000", shopKey, nil), 400, "unknown_app")
	expect(t, p.do("GET", path+"?appId="+appID, gatewayKey, nil), 403, "forbidden")
	expect(t, p.do("GET", path+"?appId="+appID, "", nil), 401, "token_missing")
}

func TestAnAppThatWeChatRefusesHasNoAccessToken(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withShop)
	path := "/api/v1/service/wechat/access-token?appId=" + appID
	w.wechat.SetFault(fakewechat.Fault{Path: "/cgi-bin/stable_token", Errcode: 40164, Count: 1})
	expect(t, p.do("GET", path, shopKey, nil), 502, "wechat_rejected_app")
	w.wechat.SetFault(fakewechat.Fault{Path: "/cgi-bin/stable_token", Errcode: 45011})
	expect(t, p.do("GET", path, shopKey, nil), 429, "wechat_rate_limited")
}
