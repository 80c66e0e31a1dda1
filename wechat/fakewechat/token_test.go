package fakewechat_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestStableTokenGivesTheSameTokenUntilItsLastFiveMinutes(t *testing.T) {
	w := start(t, fakewechat.Options{})
	w.SetClock(time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC))
	first := w.token("")
	require.Equal(t, "application/json; encoding=utf-8", first.typ)
	require.NotContains(t, first.body, "errcode")
	require.Len(t, first.body["access_token"], 512)
	require.InDelta(t, 7200, first.body["expires_in"], 1)
	w.MoveClock(6890 * time.Second)
	again := w.token("")
	require.Equal(t, first.body["access_token"], again.body["access_token"])
	require.InDelta(t, 310, again.body["expires_in"], 1)
	w.MoveClock(20 * time.Second)
	next := w.token("")
	require.NotEqual(t, first.body["access_token"], next.body["access_token"])
	for _, r := range []reply{first, next} {
		require.Equal(t, 40029, w.phone(r.body["access_token"].(string), "x").errcode(), "old and new both work")
	}
	w.MoveClock(300 * time.Second)
	require.Equal(t, 42001, w.phone(first.body["access_token"].(string), "x").errcode())
	require.Equal(t, 40029, w.phone(next.body["access_token"].(string), "x").errcode())
	require.Equal(t, 40014, w.phone("nonsense", "x").errcode())
	require.Equal(t, 41001, w.phone("", "x").errcode())
}

func TestForceRefreshSupersedesThirtySecondsApartTwentyTimesADay(t *testing.T) {
	w := start(t, fakewechat.Options{})
	w.SetClock(time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC))
	text := func(r reply) string { return r.body["access_token"].(string) }
	first := text(w.token(""))
	second := text(w.token(`,"force_refresh":true`))
	require.NotEqual(t, first, second)
	require.Equal(t, 40001, w.phone(first, "x").errcode())
	require.Equal(t, second, text(w.token(`,"force_refresh":true`)), "sooner than after 30 s nothing is refreshed")
	require.Equal(t, second, text(w.token("")))
	for range 19 {
		w.MoveClock(31 * time.Second)
		third := text(w.token(`,"force_refresh":true`))
		require.NotEqual(t, second, third)
		second = third
	}
	w.MoveClock(31 * time.Second)
	require.Equal(t, 45009, w.token(`,"force_refresh":true`).errcode())
	require.Equal(t, second, text(w.token("")), "the ordinary call still works")
	w.MoveClock(24 * time.Hour)
	require.Zero(t, w.token(`,"force_refresh":true`).errcode())

	require.NoError(t, w.SupersedeToken(appID))
	require.Error(t, w.SupersedeToken("wxnone"))
}

func TestStableTokenMayBeAskedTenThousandTimesAMinute(t *testing.T) {
	w := start(t, fakewechat.Options{})
	w.SetClock(time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC))
	h := w.Handler()
	ask := func() int {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, pathToken, strings.NewReader(`{"grant_type":"client_credential","appid":"`+appID+`","secret":"`+secret+`"}`)))
		var body struct{ Errcode int }
		require.NoError(t, json.NewDecoder(rec.Body).Decode(&body))
		return body.Errcode
	}
	for range 10_000 {
		require.Zero(t, ask())
	}
	require.Equal(t, 45011, ask())
	w.MoveClock(time.Minute)
	require.Zero(t, ask())
	require.LessOrEqual(t, len(w.Calls()), 10_000, "the log is bounded")
}

func TestStableTokenChecksItsBody(t *testing.T) {
	w := start(t, fakewechat.Options{})
	require.Equal(t, 44002, w.post(pathToken, "").errcode())
	require.Equal(t, 47001, w.post(pathToken, "appid="+appID).errcode())
	require.Equal(t, 41002, w.post(pathToken, "{}").errcode())
	require.Equal(t, 41004, w.post(pathToken, `{"appid":"`+appID+`"}`).errcode())
	require.Equal(t, 40013, w.post(pathToken, `{"appid":"wxnone","secret":"x"}`).errcode())
	require.Equal(t, 40125, w.post(pathToken, `{"appid":"`+appID+`","secret":"x"}`).errcode())
	require.Equal(t, 40002, w.post(pathToken, `{"appid":"`+appID+`","secret":"`+secret+`"}`).errcode())
	require.Equal(t, 43002, w.get(pathToken).errcode())
	require.Equal(t, 43001, w.post(pathLogin, "{}").errcode())
}

func TestAChunkedBodyGetsAnEmpty412(t *testing.T) {
	w := start(t, fakewechat.Options{})
	token := w.token("").body["access_token"].(string)
	for _, path := range []string{pathToken, pathPhone + "?access_token=" + token} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, io.MultiReader(strings.NewReader(`{"code":"x"}`)))
		require.NoError(t, err)
		require.Zero(t, req.ContentLength, "unknown, so it goes in chunks")
		r, err := w.do(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusPreconditionFailed, r.status)
		require.Empty(t, r.raw)
	}
}

func TestAFormToStableTokenLacksTheAppID(t *testing.T) {
	w := start(t, fakewechat.Options{})
	for kind, want := range map[string]int{"application/x-www-form-urlencoded": 41002, "application/x-www-form-urlencoded; charset=utf-8": 41002, "application/json": 47001, "text/plain": 47001} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+pathToken,
			strings.NewReader("grant_type=client_credential&appid="+appID+"&secret="+secret))
		require.NoError(t, err)
		r.Header.Set("Content-Type", kind)
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		var body struct{ Errcode int }
		require.NoError(t, json.NewDecoder(res.Body).Decode(&body))
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, body.Errcode, kind)
	}
}

func TestChangingAnAppKeepsItsToken(t *testing.T) {
	w := start(t, fakewechat.Options{})
	token := w.token("").body["access_token"].(string)
	w.AddApp(appID, "another", "")
	require.Equal(t, 40125, w.token("").errcode())
	require.Equal(t, 40029, w.phone(token, "x").errcode())
}
