package fakewechat_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	appID  = "wx0123456789abcdef"
	solo   = "wxfedcba9876543210"
	secret = "0123456789abcdef0123456789abcdef"

	pathLogin = "/sns/jscode2session"
	pathToken = "/cgi-bin/stable_token"
	pathPhone = "/wxa/business/getuserphonenumber"
	pathCheck = "/wxa/checksession"
	pathReset = "/wxa/resetusersessionkey"
)

type world struct {
	*fakewechat.Server
	t   *testing.T
	url string
}

func start(t *testing.T, opts fakewechat.Options) world {
	t.Helper()
	s := fakewechat.New(opts)
	s.AddApp(appID, secret, "platform")
	s.AddApp(solo, secret, "")
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return world{s, t, srv.URL}
}

type reply struct {
	status int
	typ    string
	raw    string
	body   map[string]any
}

func (r reply) errcode() int {
	n, _ := r.body["errcode"].(float64)
	return int(n)
}

func (w world) do(req *http.Request) (reply, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	r := reply{status: res.StatusCode, typ: res.Header.Get("Content-Type"), raw: string(b)}
	_ = json.Unmarshal(b, &r.body)
	return r, err
}

func (w world) get(path string, query ...string) reply {
	w.t.Helper()
	q := url.Values{}
	for pair := range slices.Chunk(query, 2) {
		q.Set(pair[0], pair[1])
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path+"?"+q.Encode(), nil)
	require.NoError(w.t, err)
	r, err := w.do(req)
	require.NoError(w.t, err)
	return r
}

func (w world) post(path, body string) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	r, err := w.do(req)
	require.NoError(w.t, err)
	return r
}

func (w world) exchange(code string) reply {
	w.t.Helper()
	return w.get(pathLogin, "appid", appID, "secret", secret, "js_code", code, "grant_type", "authorization_code")
}

func (w world) login(user string) string {
	w.t.Helper()
	code, err := w.Login(appID, user)
	require.NoError(w.t, err)
	return code
}

func (w world) token(extra string) reply {
	w.t.Helper()
	return w.post(pathToken, `{"grant_type":"client_credential","appid":"`+appID+`","secret":"`+secret+`"`+extra+`}`)
}

func (w world) phone(token, code string) reply {
	w.t.Helper()
	return w.post(pathPhone+"?access_token="+token, `{"code":"`+code+`"}`)
}

func signature(key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestALoginAnswersTextPlainWithJSONAndNoErrcode(t *testing.T) {
	w := start(t, fakewechat.Options{})
	code := w.login("alice")
	require.Regexp(t, `^[0-9A-Za-z]{32}$`, code)
	r := w.exchange(code)
	require.Equal(t, 200, r.status)
	require.Equal(t, "text/plain", r.typ)
	require.NotContains(t, r.body, "errcode")
	require.Regexp(t, `^[A-Za-z0-9_-]{28}$`, r.body["openid"])
	require.Regexp(t, `^[A-Za-z0-9_-]{28}$`, r.body["unionid"])
	require.Regexp(t, `^[A-Za-z0-9+/]{22}==$`, r.body["session_key"])
	require.Contains(t, r.body["session_key"], "+")
	require.Contains(t, r.body["session_key"], "/")
}

func TestAnErrorIsA200WithAnErrcodeAndAVaryingTail(t *testing.T) {
	w := start(t, fakewechat.Options{})
	tails := map[string]bool{}
	form := regexp.MustCompile(`^invalid code(, rid: | rid: | hint: \[[0-9A-Za-z]{12}\] rid: )([0-9a-f]{8})-[0-9a-f]{8}-[0-9a-f]{8}$`)
	for range 3 {
		r := w.exchange("nonsense")
		require.Equal(t, 200, r.status)
		require.Equal(t, "text/plain", r.typ)
		require.Equal(t, 40029, r.errcode())
		m := form.FindStringSubmatch(r.body["errmsg"].(string))
		require.NotNil(t, m, r.body["errmsg"])
		tails[strings.Split(m[1], "[")[0]] = true
		var at int64
		_, err := fmt.Sscanf(m[2], "%x", &at)
		require.NoError(t, err)
		require.InDelta(t, time.Now().Unix(), at, 5, "the first group is the time")
	}
	require.Len(t, tails, 3)
}

func TestChecksComeInTheOrderOfTheRealService(t *testing.T) {
	w := start(t, fakewechat.Options{UserRate: 1})
	w.SetApp(fakewechat.App{ID: "wxfrozen", Secret: secret, Frozen: true})
	q := func(appID, secret, code string) int {
		return w.get(pathLogin, "appid", appID, "secret", secret, "js_code", code, "grant_type", "authorization_code").errcode()
	}
	require.Equal(t, 41002, q("", "", ""))
	require.Equal(t, 41004, q(appID, "", ""))
	require.Equal(t, 40013, q("wxnone", "x", ""))
	require.Equal(t, 40125, q(appID, "x", ""))
	require.Equal(t, 40243, q("wxfrozen", secret, ""))
	require.Equal(t, 41008, q(appID, secret, ""))
	require.Equal(t, 40029, q(appID, secret, "x"))
	require.Equal(t, 40002, w.get(pathLogin, "appid", appID, "secret", secret, "js_code", "x").errcode())

	// A blocked user with a used code, beyond the rate: used, blocked, rate.
	code := w.login("mallory")
	require.Zero(t, q(appID, secret, code))
	w.SetUser(fakewechat.User{Name: "mallory", Blocked: true})
	require.Equal(t, 40163, q(appID, secret, code))
	fresh := w.login("mallory")
	require.Equal(t, 40226, q(appID, secret, fresh))
	w.SetUser(fakewechat.User{Name: "mallory"})
	require.Equal(t, 45011, q(appID, secret, fresh))
	w.MoveClock(time.Minute)
	require.Zero(t, q(appID, secret, fresh), "neither the block nor the rate has used the code")
	require.Equal(t, 40029, q(solo, secret, w.login("bob")), "a code is bound to its app")
	late := w.login("carol")
	w.MoveClock(5*time.Minute + time.Second)
	require.Equal(t, 40029, q(appID, secret, late))
}

func TestAUserMayLogInAHundredTimesAMinute(t *testing.T) {
	w := start(t, fakewechat.Options{})
	w.SetClock(time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC))
	for range 100 {
		require.Zero(t, w.exchange(w.login("alice")).errcode())
	}
	require.Equal(t, 45011, w.exchange(w.login("alice")).errcode())
	require.Zero(t, w.exchange(w.login("bob")).errcode())
	w.MoveClock(time.Minute)
	require.Zero(t, w.exchange(w.login("alice")).errcode())
}

func TestOfManyAtOnceExactlyOneUsesACode(t *testing.T) {
	w := start(t, fakewechat.Options{})
	code := w.login("alice")
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			res, err := http.Get(w.url + pathLogin + "?" + url.Values{"appid": {appID}, "secret": {secret}, "js_code": {code}, "grant_type": {"authorization_code"}}.Encode())
			if err != nil {
				return
			}
			defer func() { _ = res.Body.Close() }()
			var body struct{ Errcode int }
			_ = json.NewDecoder(res.Body).Decode(&body)
			mu.Lock()
			got[body.Errcode]++
			mu.Unlock()
		})
	}
	wg.Wait()
	require.Equal(t, map[int]int{0: 1, 40163: 31}, got)
}

func TestOpenIDAndUnionIDAreFunctionsOfWhoAndWhere(t *testing.T) {
	require.Equal(t, "omFkm2GokybdNwisdwpyqCiT4G5A", fakewechat.OpenID(appID, "alice"), "in every run and release: people keep databases")
	require.NotEqual(t, fakewechat.OpenID(appID, "alice"), fakewechat.OpenID(solo, "alice"))
	require.NotEqual(t, fakewechat.OpenID(appID, "alice"), fakewechat.OpenID(appID, "bob"))
	require.Equal(t, "oQ4zazuP3Xy6e01npcYGW2uWYG1B", fakewechat.UnionID("platform", "alice"))
	require.NotEqual(t, fakewechat.UnionID("platform", "alice"), fakewechat.UnionID("other", "alice"))
	require.Empty(t, fakewechat.UnionID("", "alice"))
	w := start(t, fakewechat.Options{})
	code, err := w.Login(solo, "alice")
	require.NoError(t, err)
	r := w.get(pathLogin, "appid", solo, "secret", secret, "js_code", code, "grant_type", "authorization_code")
	require.Equal(t, fakewechat.OpenID(solo, "alice"), r.body["openid"])
	require.NotContains(t, r.body, "unionid", "absent, not empty")
}

func TestTheSameSeedGivesTheSameCodes(t *testing.T) {
	a, b := start(t, fakewechat.Options{Seed: 7}), start(t, fakewechat.Options{Seed: 7})
	require.Equal(t, a.login("alice"), b.login("alice"))
	c, d := start(t, fakewechat.Options{}), start(t, fakewechat.Options{})
	require.NotEqual(t, c.login("alice"), d.login("alice"))
}

func TestSomeLoginsRenewTheSessionKeyAndOnlyTheNewestIsValid(t *testing.T) {
	w := start(t, fakewechat.Options{})
	var keys []string
	for range 4 {
		keys = append(keys, w.exchange(w.login("alice")).body["session_key"].(string))
	}
	require.Equal(t, keys[0], keys[1])
	require.NotEqual(t, keys[1], keys[2])
	require.Equal(t, keys[2], keys[3])
	token := w.token("").body["access_token"].(string)
	check := func(path, openID, key, method string) reply {
		return w.get(path, "access_token", token, "openid", openID, "signature", signature(key), "sig_method", method)
	}
	alice := fakewechat.OpenID(appID, "alice")
	r := check(pathCheck, alice, keys[3], "hmac_sha256")
	require.Equal(t, reply{200, "application/json; encoding=utf-8", `{"errcode":0,"errmsg":"ok"}`, map[string]any{"errcode": 0.0, "errmsg": "ok"}}, r)
	require.Equal(t, 87009, check(pathCheck, alice, keys[0], "hmac_sha256").errcode())
	require.Equal(t, 87008, check(pathCheck, alice, keys[3], "hmac_md5").errcode())
	require.Equal(t, 40003, check(pathCheck, fakewechat.OpenID(appID, "nobody"), keys[3], "hmac_sha256").errcode())
	require.Equal(t, 87009, check(pathReset, alice, keys[0], "hmac_sha256").errcode())
	r = check(pathReset, alice, keys[3], "hmac_sha256")
	require.Equal(t, alice, r.body["openid"])
	fresh := r.body["session_key"].(string)
	require.NotContains(t, keys, fresh)
	require.Zero(t, check(pathCheck, alice, fresh, "hmac_sha256").errcode())

	// A code is bound to the key of its own wx.login.
	before, err := w.SessionKey(appID, "alice")
	require.NoError(t, err)
	code := w.login("alice") // the fifth renews it
	bound, err := w.SessionKey(appID, "alice")
	require.NoError(t, err)
	require.NotEqual(t, before, bound)
	require.NoError(t, w.RenewKey(appID, "alice"))
	require.Equal(t, bound, w.exchange(code).body["session_key"])
	require.Equal(t, 87009, check(pathCheck, alice, bound, "hmac_sha256").errcode())
}

func TestAPhoneNumberIsHandedOverOnce(t *testing.T) {
	w := start(t, fakewechat.Options{})
	token := w.token("").body["access_token"].(string)
	w.SetUser(fakewechat.User{Name: "alice", Phone: "13800001111"})
	code, err := w.PhoneCode(appID, "alice")
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{64}$`, code)
	require.Equal(t, 40029, w.exchange(code).errcode(), "it is no login code")
	r := w.phone(token, code)
	require.Equal(t, "application/json; encoding=utf-8", r.typ)
	require.Contains(t, r.raw, `"errcode":0,"errmsg":"ok"`)
	info := r.body["phone_info"].(map[string]any)
	require.Equal(t, "13800001111", info["phoneNumber"])
	require.Equal(t, "13800001111", info["purePhoneNumber"])
	require.Equal(t, "86", info["countryCode"], "a string, whatever the documentation says")
	mark := info["watermark"].(map[string]any)
	require.Equal(t, appID, mark["appid"])
	require.InDelta(t, time.Now().Unix(), mark["timestamp"], 5)
	require.Equal(t, 40029, w.phone(token, code).errcode(), "used")
	late, err := w.PhoneCode(appID, "alice")
	require.NoError(t, err)
	w.MoveClock(5*time.Minute + time.Second)
	require.Equal(t, 40029, w.phone(token, late).errcode())
	require.Equal(t, 44002, w.post(pathPhone+"?access_token="+token, "").errcode())
	require.Equal(t, 47001, w.post(pathPhone+"?access_token="+token, "code=x").errcode())
}

func TestAPhoneCodeIsOfOneAppAndOnePerson(t *testing.T) {
	w := start(t, fakewechat.Options{})
	w.AddApp("wx00000000000000b2", secret, "")
	token := w.token("").body["access_token"].(string)
	others, err := w.PhoneCode("wx00000000000000b2", "alice")
	require.NoError(t, err)
	require.Equal(t, 40013, w.phone(token, others).errcode(), "made in another app")
	code, err := w.PhoneCode(appID, "alice")
	require.NoError(t, err)
	with := func(openID string) reply {
		return w.post(pathPhone+"?access_token="+token, `{"code":"`+code+`","openid":"`+openID+`"}`)
	}
	require.Equal(t, 40003, with(fakewechat.OpenID(appID, "bob")).errcode(), "another person's")
	require.Equal(t, 40003, with("").errcode())
	require.Zero(t, with(fakewechat.OpenID(appID, "alice")).errcode())
}

func TestDevCodesLogInAsOftenAsTheyAreUsedWhereTheyAreAllowed(t *testing.T) {
	w := start(t, fakewechat.Options{DevCodes: true})
	for range 3 {
		require.Equal(t, fakewechat.OpenID(appID, "alice"), w.exchange("dev:alice").body["openid"])
	}
	require.Equal(t, fakewechat.OpenID(appID, "小明"), w.exchange("dev:小明").body["openid"])
	require.Equal(t, 40029, w.exchange("dev:").errcode())
	token := w.token("").body["access_token"].(string)
	require.Zero(t, w.phone(token, "dev:alice").errcode())
	require.Zero(t, w.phone(token, "dev:alice").errcode())
	strict := start(t, fakewechat.Options{})
	require.Equal(t, 40029, strict.exchange("dev:alice").errcode())
}

func TestADuplicateQueryParameterFailsLoudly(t *testing.T) {
	var told []string
	w := start(t, fakewechat.Options{OnMisuse: func(what string) { told = append(told, what) }})
	for _, raw := range []string{"appid=a&appid=b", "js_code=x&secret=1&secret=1", "a=%zz", "a=1;b=2"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+pathLogin+"?"+raw, nil)
		require.NoError(t, err)
		r, err := w.do(req)
		require.NoError(t, err)
		require.Equal(t, 500, r.status, raw)
		require.Contains(t, r.raw, "fakewechat: ")
	}
	require.Len(t, told, 4)
	require.Equal(t, told, w.Misuses())
	require.Contains(t, told[0], `"appid" comes 2 times`)
}

func TestAnUnknownPathIsAGatewaysHTML(t *testing.T) {
	r := start(t, fakewechat.Options{}).get("/cgi-bin/none")
	require.Equal(t, 404, r.status)
	require.Equal(t, "text/html", r.typ)
	require.Contains(t, r.raw, "<html>")
}

func TestWhoIsUnknownCannotBeActedFor(t *testing.T) {
	w := start(t, fakewechat.Options{})
	for _, c := range [][2]string{{"wxnone", "alice"}, {appID, ""}} {
		_, err := w.Login(c[0], c[1])
		require.Error(t, err)
		_, err = w.PhoneCode(c[0], c[1])
		require.Error(t, err)
		_, err = w.SessionKey(c[0], c[1])
		require.Error(t, err)
		require.Error(t, w.RenewKey(c[0], c[1]))
		_, err = w.Encrypt(c[0], c[1], map[string]any{})
		require.Error(t, err)
		_, err = w.Sign(c[0], c[1], "")
		require.Error(t, err)
	}
	for _, payload := range []any{nil, 7, []int{}, "x", func() {}} {
		_, err := w.Encrypt(appID, "alice", payload)
		require.Error(t, err)
	}
	e, err := w.Encrypt(appID, "alice", map[string]any{"openGId": "g"})
	require.NoError(t, err)
	iv, err := base64.StdEncoding.DecodeString(e.IV)
	require.NoError(t, err)
	require.Len(t, iv, 16)
}
