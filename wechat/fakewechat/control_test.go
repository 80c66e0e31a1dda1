package fakewechat_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

// control posts to the control side as curl --json does.
func control(t *testing.T, address, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(body))
	require.NoError(t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, out
}

func TestTheControlSideDoesWhatTheMethodsDo(t *testing.T) {
	w := start(t, fakewechat.Options{})
	srv := httptest.NewServer(w.ControlHandler())
	t.Cleanup(srv.Close)
	ok := func(method, path, body string) map[string]any {
		t.Helper()
		status, out := control(t, srv.URL, method, path, body)
		require.Equal(t, 200, status, "%v", out)
		return out
	}
	who := `"appId":"` + appID + `","user":"alice"`

	ok("POST", "/apps", `{"id":"wxnew","secret":"s","platform":"p"}`)
	require.Len(t, ok("GET", "/apps", "")["apps"], 3)
	require.Equal(t, "13800001111", ok("POST", "/users", `{"name":"alice","phone":"13800001111"}`)["phone"])

	login := ok("POST", "/login", `{`+who+`}`)
	require.Equal(t, fakewechat.OpenID(appID, "alice"), login["openid"])
	require.Equal(t, fakewechat.UnionID("platform", "alice"), login["unionid"])
	require.Equal(t, login["openid"], w.exchange(login["code"].(string)).body["openid"])

	phone := ok("POST", "/phone-code", `{`+who+`}`)["code"].(string)
	token := w.token("").body["access_token"].(string)
	require.Zero(t, w.phone(token, phone).errcode())

	require.Contains(t, ok("POST", "/encrypt", `{`+who+`,"payload":{"openGId":"g"}}`), "encryptedData")
	require.Len(t, ok("POST", "/sign", `{`+who+`,"rawData":"{}"}`)["signature"], 40)
	before, err := w.SessionKey(appID, "alice")
	require.NoError(t, err)
	mac := hmac.New(sha256.New, []byte(before))
	mac.Write([]byte("{}"))
	require.Equal(t, true, ok("POST", "/virtual-payment", `{`+who+`,"signData":"{}","signature":"`+hex.EncodeToString(mac.Sum(nil))+`"}`)["valid"])
	require.Equal(t, false, ok("POST", "/virtual-payment", `{`+who+`,"signData":"{ }","signature":"`+hex.EncodeToString(mac.Sum(nil))+`"}`)["valid"])
	require.NoError(t, err)
	ok("POST", "/session-key/renew", `{`+who+`}`)
	after, err := w.SessionKey(appID, "alice")
	require.NoError(t, err)
	require.NotEqual(t, before, after)

	ok("POST", "/token/supersede", `{"appId":"`+appID+`"}`)
	require.Equal(t, 40001, w.phone(token, "x").errcode())

	require.Regexp(t, "^2030-01-02T03:04:0[0-9]", ok("POST", "/clock", `{"set":"2030-01-02T03:04:00Z"}`)["now"])
	require.Regexp(t, "^2030-01-02T04:04:0[0-9]", ok("POST", "/clock", `{"move":"1h"}`)["now"])
	require.Regexp(t, "^2030-01-02T04:04:0[0-9]", ok("GET", "/clock", "")["now"])

	calls := ok("GET", "/calls?path="+pathLogin+"&appId="+appID, "")["calls"].([]any)
	require.Len(t, calls, 1)
	require.Equal(t, "alice", calls[0].(map[string]any)["user"])
	require.Empty(t, ok("GET", "/calls?appId=wxnone", "")["calls"])
	raw, err := json.Marshal(ok("GET", "/calls", ""))
	require.NoError(t, err)
	require.NotContains(t, string(raw), secret)
	require.NotContains(t, string(raw), token)
	ok("DELETE", "/calls", "")
	require.Empty(t, ok("GET", "/calls", "")["calls"])
	require.Empty(t, ok("GET", "/misuses", "")["misuses"])

	fault := `{"path":"/sns/jscode2session","appId":"` + appID + `","count":2,"probability":0.5,"after":true,"delay":"150ms","errcode":-1,"connection":"reset","status":502,` +
		`"body":"html","contentType":"x/y","stringErrcode":true,"unknownFields":true,"omit":["openid"],"supersede":true}`
	id := ok("POST", "/faults", fault)["id"]
	listed := ok("GET", "/faults", "")["faults"].([]any)[0].(map[string]any)
	require.Equal(t, id, listed["id"])
	delete(listed, "id")
	raw, err = json.Marshal(listed)
	require.NoError(t, err)
	require.JSONEq(t, fault, string(raw), "every field arrives and is shown again")
	require.Equal(t, 150*time.Millisecond, w.Faults()[0].Delay)
	ok("DELETE", fmt.Sprintf("/faults/%v", id), "")
	require.Empty(t, w.Faults())
	ok("POST", "/faults", `{"errcode":-1}`)
	ok("DELETE", "/faults", "")
	require.Empty(t, w.Faults())

	ok("POST", "/refuse", `{"refuse":true}`)
	_, err = w.try("x")
	require.Error(t, err)
	ok("POST", "/refuse", `{"refuse":false}`)
	_, err = w.try("x")
	require.NoError(t, err)
}

func TestTheControlSideSendsPushes(t *testing.T) {
	w := start(t, fakewechat.Options{})
	srv := httptest.NewServer(w.ControlHandler())
	t.Cleanup(srv.Close)
	var got, typ string
	backend := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if echo := r.URL.Query().Get("echostr"); echo != "" {
			_, _ = io.WriteString(rw, echo)
			return
		}
		b, _ := io.ReadAll(r.Body)
		got, typ = string(b), r.Header.Get("Content-Type")
		_, _ = io.WriteString(rw, "success")
	}))
	t.Cleanup(backend.Close)
	push := `"url":"` + backend.URL + `","token":"t","appId":"` + appID + `","user":"alice"`
	status, out := control(t, srv.URL, "POST", "/push", `{`+push+`,"revokeInfo":"8"}`)
	require.Equal(t, 200, status)
	require.Equal(t, map[string]any{"status": 200.0, "body": "success", "accepted": true}, out)
	require.Equal(t, "application/json", typ)
	require.Contains(t, got, `"Event":"user_authorization_revoke"`)
	require.Contains(t, got, `"OpenID":"`+fakewechat.OpenID(appID, "alice")+`"`)
	_, out = control(t, srv.URL, "POST", "/push", `{`+push+`,"format":"xml","event":"user_info_modified"}`)
	require.Equal(t, true, out["accepted"])
	require.Equal(t, "text/xml", typ)
	require.Contains(t, got, "<Event><![CDATA[user_info_modified]]></Event>")
	require.Regexp(t, "<CreateTime>[0-9]{10}</CreateTime>", got)
	_, out = control(t, srv.URL, "POST", "/push/verify-url", `{"url":"`+backend.URL+`","token":"t"}`)
	require.Equal(t, true, out["accepted"])
	for _, bad := range []string{
		`{"url":"nowhere","token":"t","appId":"` + appID + `","user":"alice"}`, `{` + push + `,"format":"yaml"}`, `{` + push + `,"encodingAESKey":"short"}`,
		`{"url":"` + backend.URL + `","token":"t","appId":"wxnone","user":"alice"}`, `{"url":"http://127.0.0.1:1/","token":"t","appId":"` + appID + `","user":"alice"}`,
	} {
		status, out = control(t, srv.URL, "POST", "/push", bad)
		require.Equal(t, 400, status, "%s", bad)
		require.NotEmpty(t, out["error"])
	}
	status, _ = control(t, srv.URL, "POST", "/push/verify-url", `{"url":"http://127.0.0.1:1/","token":"t"}`)
	require.Equal(t, 400, status)
	status, _ = control(t, srv.URL, "POST", "/push/verify-url", `{"url":"http://[","token":"t"}`)
	require.Equal(t, 400, status)
}

func TestTheControlSideRefusesWhatItDoesNotUnderstand(t *testing.T) {
	w := start(t, fakewechat.Options{})
	srv := httptest.NewServer(w.ControlHandler())
	t.Cleanup(srv.Close)
	for _, c := range [][2]string{
		{"/apps", `{}`},
		{"/apps", `{"id":"x"}`},
		{"/users", `{}`},
		{"/login", `{"appId":"wxnone","user":"a"}`},
		{"/login", `{"appid":"x"}`},
		{"/phone-code", `{}`},
		{"/encrypt", `{"appId":"` + appID + `","user":"a","payload":7}`},
		{"/sign", `{}`},
		{"/virtual-payment", `{"appId":"` + appID + `","user":"alice","signData":1}`},
		{"/session-key/renew", `{}`},
		{"/token/supersede", `{}`},
		{"/clock", `{}`},
		{"/clock", `{"move":"soon"}`},
		{"/clock", `{"set":"tomorrow"}`},
		{"/clock", `{"move":"1h","set":"2030-01-02T03:04:00Z"}`},
		{"/faults", `{"delay":"soon"}`},
		{"/faults", `{"errorcode":-1}`},
		{"/faults", `{"path":"/none"}`},
		{"/faults", `not JSON`},
		{"/refuse", `[]`},
	} {
		status, out := control(t, srv.URL, "POST", c[0], c[1])
		require.Equal(t, 400, status, "%s %s", c[0], c[1])
		require.NotEmpty(t, out["error"])
	}
	require.Empty(t, w.Faults())
	status, _ := control(t, srv.URL, "DELETE", "/faults/7", "")
	require.Equal(t, 400, status)
	status, _ = control(t, srv.URL, "DELETE", "/faults/x", "")
	require.Equal(t, 400, status)

	// What a page in a browser can send without asking.
	for _, typ := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/faults", strings.NewReader(`{"errcode":-1}`))
		require.NoError(t, err)
		if typ != "" {
			req.Header.Set("Content-Type", typ)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusUnsupportedMediaType, res.StatusCode)
	}
	require.Empty(t, w.Faults())
}

// output is a writer that a test may read while the command writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestTheCommandServesBothSidesUntilItIsEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var out output
	done := make(chan error, 1)
	go func() {
		done <- fakewechat.Command{
			Listen: "127.0.0.1:0", Control: "127.0.0.1:0", Out: &out,
			Apps: []fakewechat.App{{ID: appID, Secret: secret, Platform: "platform"}},
		}.Run(ctx)
	}()
	addresses := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`)
	require.Eventually(t, func() bool { return len(addresses.FindAllString(out.String(), -1)) == 2 }, 5*time.Second, time.Millisecond)
	found := addresses.FindAllString(out.String(), -1)
	require.NotContains(t, out.String(), secret)
	w := world{t: t, url: found[0]}
	require.Equal(t, fakewechat.OpenID(appID, "alice"), w.exchange("dev:alice").body["openid"])
	_, login := control(t, found[1], "POST", "/login", `{"appId":"`+appID+`","user":"bob"}`)
	require.Equal(t, fakewechat.UnionID("platform", "bob"), w.exchange(login["code"].(string)).body["unionid"])
	res, err := http.Get(found[0] + pathLogin + "?a=1&a=2")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, out.String(), "misuse")
	cancel()
	require.NoError(t, <-done)
}

func TestTheCommandSaysWhatIsWrongWithItsArguments(t *testing.T) {
	for _, c := range []fakewechat.Command{
		{Listen: "127.0.0.1:-1", Control: "127.0.0.1:0"},
		{Listen: "127.0.0.1:0", Control: "127.0.0.1:-1"},
	} {
		require.Error(t, c.Run(context.Background()))
	}
	for _, text := range []string{"", "wx", "wx:", ":s", "a:b:c:d"} {
		_, err := fakewechat.ParseApp(text)
		require.Error(t, err, text)
	}
	for text, app := range map[string]fakewechat.App{
		"wx:s":   {ID: "wx", Secret: "s"},
		"wx:s:p": {ID: "wx", Secret: "s", Platform: "p"},
	} {
		a, err := fakewechat.ParseApp(text)
		require.NoError(t, err)
		require.Equal(t, app, a)
	}
}
