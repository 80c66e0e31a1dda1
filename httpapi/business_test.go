package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func uuidOf(t *testing.T, text string) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(text)
	require.NoError(t, err)
	return id
}

func TestABusinessServiceReadsAndPatchesAUser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("alice")
	id, _ := s.idOf(access)
	require.Equal(t, http.StatusOK, s.do(http.MethodPost, "/api/v1/users/me/phone", `{"code":"phone-13800001111"}`, bearer(access)...).status)
	ask := func(method, path, body string) said {
		return s.do(method, "/api/v1/service"+path, body, bearer(testService)...)
	}

	got := ask(http.MethodGet, "/users/"+id, "")
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Equal(t, "+8613800001111", got.text("phone"))
	require.Equal(t, "alice", got.json(t)["identities"].([]any)[0].(map[string]any)["openid"])
	require.Equal(t, map[string]any{}, got.json(t)["metadata"])
	for _, query := range []string{"appId=" + testApp + "&openid=alice", "phone=13800001111"} {
		require.Equal(t, []any{got.json(t)}, ask(http.MethodGet, "/users?"+query, "").json(t)["users"], query)
	}
	require.Equal(t, []any{}, ask(http.MethodGet, "/users?unionid=u", "").json(t)["users"])
	for _, query := range []string{"", "appId=x", "openid=x", "phone=1&unionid=x", "phone=1&phone=2", "unionid=", "unionid=%00"} {
		refuses(t, ask(http.MethodGet, "/users?"+query, ""), 400, "invalid_request")
	}

	got = ask(http.MethodPatch, "/users/"+id, `{"metadata":{"tier":"gold","points":1},"roles":["vip"]}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	got = ask(http.MethodPatch, "/users/"+id, `{"metadata":{"points":null}}`)
	require.Equal(t, map[string]any{"tier": "gold"}, got.json(t)["metadata"])
	require.Equal(t, []any{"vip"}, got.json(t)["roles"], "what a patch does not name stays")
	refuses(t, ask(http.MethodPatch, "/users/"+id, `{}`), 400, "invalid_request")
	refused := ask(http.MethodPatch, "/users/"+id, `{"roles":["a b"]}`)
	refuses(t, refused, 400, "invalid_request")
	require.Contains(t, refused.text("detail"), "The field roles")
	for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: `{"roles":[]}`} {
		refuses(t, ask(method, "/users/7", body), 404, "not_found")
		refuses(t, ask(method, "/users/018f0000-0000-7000-8000-000000000001", body), 404, "not_found")
	}
}

func TestABusinessServiceFollowsTheEventsOfAllUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.login("alice")
	feed := func(query string) said {
		return s.do(http.MethodGet, "/api/v1/service/events?"+query, "", bearer(testService)...)
	}
	first := feed("limit=1").json(t)
	require.Len(t, first["events"], 1)
	require.Equal(t, "user_created", first["events"].([]any)[0].(map[string]any)["kind"])
	cursor := first["cursor"].(string)
	require.Empty(t, feed("after=" + cursor).json(t)["events"])
	for _, query := range []string{"after=yesterday", "limit=1001", "wait=26s", "wait=soon", "kind=nothing"} {
		refuses(t, feed(query), 400, "invalid_request")
	}

	// A request that waits has its response as soon as there is an event.
	waited := make(chan said, 1)
	started := time.Now()
	go func() { waited <- feed("after=" + cursor + "&wait=20s&kind=user_created&kind=phone_bound") }()
	time.Sleep(50 * time.Millisecond) // or it would find the event at once
	bob, _ := s.login("bob")
	id, _ := s.idOf(bob)
	got := <-waited
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Equal(t, id, got.json(t)["events"].([]any)[0].(map[string]any)["userId"])
	require.Less(t, time.Since(started), 15*time.Second)

	// And when the service stops.
	go func() { waited <- feed("wait=20s&kind=user_disabled") }()
	time.Sleep(50 * time.Millisecond)
	s.stop()
	require.Empty(t, (<-waited).json(t)["events"])
}

func TestABusinessServiceUsesThePlatformWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("alice")
	id, _ := s.idOf(access)
	sign := func(body string) said {
		return s.do(http.MethodPost, "/api/v1/service/wechat/sign", body, bearer(testService)...)
	}
	got := sign(`{"userId":"` + id + `","appId":"` + testApp + `","data":"\u0000<&>"}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Equal(t, signature(sessionKey, "\x00<&>"), got.text("signature"), "the bytes as they are, under the key of the last login")
	refuses(t, sign(`{"userId":"`+id+`","appId":"wx0","data":"x"}`), 400, "unknown_app")
	refuses(t, sign(`{"userId":"`+id+`","appId":"`+testApp+`","data":"`+strings.Repeat("x", maxSigned+1)+`"}`), 400, "invalid_request")
	refuses(t, sign(`{"userId":"018f0000-0000-7000-8000-000000000001","appId":"`+testApp+`","data":"x"}`), 404, "not_found")

	token := func(query string) said {
		return s.do(http.MethodGet, "/api/v1/service/wechat/access-token"+query, "", bearer(testService)...)
	}
	require.Equal(t, "token-of-"+testApp, token("?appId="+testApp).text("accessToken"))
	refuses(t, token(""), 400, "invalid_request")
	refuses(t, token("?appId="), 400, "invalid_request")
	refuses(t, token("?appId=wx0"), 400, "unknown_app")
}
