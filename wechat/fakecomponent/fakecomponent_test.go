package fakecomponent_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat/fakecomponent"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// receiver is a service that takes the pushes of one component.
type receiver struct {
	t    *testing.T
	app  providers.App
	base string

	mu     sync.Mutex
	ticket string
	says   string
}

func receive(t *testing.T, app providers.App) *receiver {
	t.Helper()
	r := &receiver{t: t, app: app, says: "success"}
	r.base = standintest.Serve(t, r)
	return r
}

// ServeHTTP checks and opens a push as WeChat's documentation says.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	member := func(name string) string { return r.app.Member(name).Reveal() }
	var outer struct {
		AppID   string `xml:"AppId"`
		Encrypt string
	}
	q := req.URL.Query()
	sign := func(more ...string) string {
		return fakewechat.SignPush(append(more, member("token"), q.Get("timestamp"), q.Get("nonce"))...)
	}
	key := member("encodingAESKey") + "="
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || xml.NewDecoder(req.Body).Decode(&outer) != nil || outer.AppID != member("componentAppId") ||
		q.Get("signature") != sign() || q.Get("msg_signature") != sign(outer.Encrypt) {
		r.t.Errorf("a push that is not one: %v", q)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	plain := standintest.Open(r.t, key, standin.Encrypted{Data: outer.Encrypt, IV: base64.StdEncoding.EncodeToString(raw[:16])}, 32)
	text := plain[20 : 20+binary.BigEndian.Uint32(plain[16:])]
	var inner struct{ InfoType, ComponentVerifyTicket string }
	if err := xml.Unmarshal(text, &inner); err != nil || inner.InfoType != "component_verify_ticket" || !bytes.HasSuffix(plain, []byte(outer.AppID)) {
		r.t.Errorf("a push with %s: %v", text, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticket = inner.ComponentVerifyTicket
	_, _ = io.WriteString(w, r.says)
}

// pushed lets the mock server push, and returns the ticket.
func (r *receiver) pushed(s standin.Server) string {
	r.t.Helper()
	pusher, ok := s.(standin.Pusher)
	require.True(r.t, ok)
	require.NoError(r.t, pusher.PushTo(r.t.Context(), r.base))
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ticket
}

// token exchanges a ticket, with fields in the place of the right ones.
func token(t *testing.T, app providers.App, ticket string, change ...string) map[string]any {
	t.Helper()
	call := map[string]string{
		"component_appid": app.Member("componentAppId").Reveal(), "component_appsecret": app.Member("componentSecret").Reveal(),
		"component_verify_ticket": ticket,
	}
	for i := 0; i+1 < len(change); i += 2 {
		call[change[i]] = change[i+1]
	}
	body, err := json.Marshal(call)
	require.NoError(t, err)
	status, out := standintest.Post(t, app.APIURL+"/cgi-bin/component/api_component_token", "application/json", string(body))
	require.Equal(t, http.StatusOK, status, "errors, too")
	return out
}

func good(t *testing.T, app providers.App, ticket string) string {
	t.Helper()
	text, _ := token(t, app, ticket)["component_access_token"].(string)
	return text
}

func session(t *testing.T, app providers.App, token, code string, change ...string) map[string]any {
	t.Helper()
	q := url.Values{
		"appid": {app.ID}, "js_code": {code}, "grant_type": {"authorization_code"},
		"component_appid": {app.Member("componentAppId").Reveal()}, "component_access_token": {token},
	}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	status, out := standintest.Get(t, app.APIURL+"/sns/component/jscode2session?"+q.Encode())
	require.Equal(t, http.StatusOK, status, "errors, too")
	return out
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	var servers []*fakecomponent.Server
	standintest.Run(t, standintest.Platform{
		New: func(o standin.Options) (standin.Server, error) {
			servers = append(servers, fakecomponent.New(o))
			return servers[len(servers)-1], nil
		},
		Life: 5 * time.Minute,
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			r := receive(t, app)
			id := app.Member("componentAppId").Reveal()
			require.NoError(t, servers[len(servers)-1].PushTicket(t.Context(), id, r.base))
			open, _ := session(t, app, good(t, app, r.ticket), code)["openid"].(string)
			return open
		},
	})
}

func TestItRefusesAsWeChatDoes(t *testing.T) {
	made, err := fakecomponent.StandIn(standin.Options{})
	require.NoError(t, err)
	s, ok := made.(*fakecomponent.Server)
	require.True(t, ok)
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	component := app.Member("componentAppId").Reveal()
	r := receive(t, app)
	ticket := r.pushed(s)
	for _, c := range []struct {
		errcode        int
		field, instead string
	}{
		{41018, "component_appid", ""},
		{40013, "component_appid", "another"},
		{40125, "component_appsecret", "another"},
		{61006, "component_verify_ticket", "another"},
	} {
		require.EqualValues(t, c.errcode, token(t, app, ticket, c.field, c.instead)["errcode"], c.field)
	}
	status, out := standintest.Post(t, app.APIURL+"/cgi-bin/component/api_component_token", "application/json", "{")
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 47001, out["errcode"])

	text := good(t, app, ticket)
	once := s.Login("app", "alice")
	out = session(t, app, text, once)
	require.Equal(t, fakewechat.OpenID("app", "alice"), out["openid"])
	require.Equal(t, fakewechat.UnionID(app.Account, "alice"), out["unionid"])
	require.Equal(t, fakecomponent.SessionKey("app", "alice"), out["session_key"])
	require.EqualValues(t, 40163, session(t, app, text, once)["errcode"])
	require.Equal(t, "40029", session(t, app, text, "made-up")["errcode"], "as text, as WeChat's page has it")
	require.EqualValues(t, 41018, session(t, app, text, "x", "component_appid", "")["errcode"])
	require.EqualValues(t, 40001, session(t, app, "another", "x")["errcode"])
	require.EqualValues(t, 61024, session(t, app, s.AuthorizerToken(component), "x")["errcode"])
	require.EqualValues(t, 61024, session(t, app, text, "x", "component_appid", "another")["errcode"])
	require.EqualValues(t, 61003, session(t, app, text, "x", "appid", "another")["errcode"])
	s.SetApp(fakecomponent.App{ID: "app", Component: component, FromOutside: true})
	require.EqualValues(t, 61004, session(t, app, text, s.Login("app", "alice"))["errcode"])
	s.SetApp(fakecomponent.App{ID: "app", Component: component})
	require.NotContains(t, session(t, app, text, s.Login("app", "alice")), "unionid")
}

func TestTokensAndTicketsEnd(t *testing.T) {
	s := fakecomponent.New(standin.Options{})
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	r := receive(t, app)
	ticket := r.pushed(s)
	first, second := good(t, app, ticket), good(t, app, ticket)
	require.NotContains(t, session(t, app, first, s.Login("app", "alice")), "errcode", "a second token ends no first one")
	s.Exclusive()
	third := good(t, app, ticket)
	require.EqualValues(t, 40001, session(t, app, second, s.Login("app", "alice"))["errcode"], "unless it is to")
	s.MoveClock(2 * time.Hour)
	require.EqualValues(t, 42001, session(t, app, third, s.Login("app", "alice"))["errcode"])
	fourth := good(t, app, ticket)
	s.EndTokens()
	require.EqualValues(t, 40001, session(t, app, fourth, s.Login("app", "alice"))["errcode"])
	s.MoveClock(10 * time.Hour)
	require.EqualValues(t, 61005, token(t, app, ticket)["errcode"])
	require.NotEmpty(t, good(t, app, r.pushed(s)))

	r.mu.Lock()
	r.says = "busy"
	r.mu.Unlock()
	require.ErrorContains(t, s.PushTo(t.Context(), r.base), "status 200")
	require.ErrorContains(t, s.PushTicket(t.Context(), "another", r.base), "no component")
	require.Error(t, s.PushTicket(t.Context(), app.Member("componentAppId").Reveal(), "http://127.0.0.1:1/"))
	require.Error(t, s.PushTicket(t.Context(), app.Member("componentAppId").Reveal(), "http://a b/"))
}

func TestWhatItEncryptsOpensUnderTheSessionKey(t *testing.T) {
	s := fakecomponent.New(standin.Options{})
	var plain struct{ NickName string }
	made := s.Encrypt("app", "alice", map[string]any{"nickName": "小明"})
	require.NoError(t, json.Unmarshal(standintest.Open(t, fakecomponent.SessionKey("app", "alice"), made, 16), &plain))
	require.Equal(t, "小明", plain.NickName)
}
