package wechat_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// The worked example of developers.weixin.qq.com, mini program, "message push".
const (
	pushApp   = "wxba5fad812f8e6fb9"
	pushToken = "AAAAA"
	pushKey   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	pushBody  = `{"ToUserName":"gh_97417a04a28d","Encrypt":"` + pushText + `"}`
	pushText  = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
	pushAt    = 1714112445
	pushQuery = "signature=6c5c811b55cc85e0e1b54100749188c20beb3f5d&timestamp=1714112445&nonce=415670741&openid=o9AgO5Kd5ggOC-bXrbNODIiE3bGY&encrypt_type=aes&msg_signature=046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
)

func newPush(t *testing.T, at int64, key string) *wechat.Push {
	t.Helper()
	cfg := wechat.PushConfig{AppID: pushApp, Token: wechat.NewSecret(pushToken), Now: func() time.Time { return time.Unix(at, 0) }}
	if key != "" {
		cfg.EncodingAESKey = wechat.NewSecret(key)
	}
	p, err := wechat.NewPush(cfg)
	require.NoError(t, err)
	return p
}

func query(t *testing.T, text string) url.Values {
	t.Helper()
	q, err := url.ParseQuery(text)
	require.NoError(t, err)
	return q
}

func TestThePublishedVerificationOfTheAddressIsAnswered(t *testing.T) {
	const good = "signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249&timestamp=1714036504&nonce=1514711492"
	for _, key := range []string{"", pushKey} { // the mode makes no difference to it
		p := newPush(t, 1714036504, key)
		echo, err := p.VerifyURL(query(t, good))
		require.NoError(t, err)
		require.Equal(t, "4375120948345356249", echo)
		for _, bad := range []string{
			strings.Replace(good, "f464", "f465", 1), strings.Replace(good, "nonce=1", "nonce=2", 1), strings.Replace(good, "&echostr=4375120948345356249", "", 1),
			good + "&nonce=1514711492", good + "&signature=x", "",
		} {
			_, err := p.VerifyURL(query(t, bad))
			require.Equal(t, wechat.ErrPush, err, bad)
		}
	}
}

func TestThePublishedPlainPushIsRead(t *testing.T) {
	const (
		q    = "signature=899cf89e464efb63f54ddac96b0a0a235f53aa78&timestamp=1714037059&nonce=486452656"
		body = `{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714037059,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}`
	)
	e, err := newPush(t, 1714037059, "").Parse(query(t, q), []byte(body))
	require.NoError(t, err)
	require.Equal(t, wechat.Event{MsgType: "event", Event: "debug_demo", AppID: pushApp, CreateTime: time.Unix(1714037059, 0).UTC()}, e)
	_, err = newPush(t, 1714037059, "").Parse(query(t, strings.Replace(q, "899c", "899d", 1)), []byte(body))
	require.Equal(t, wechat.ErrPush, err)
	_, err = newPush(t, 1714037059, pushKey).Parse(query(t, q), []byte(body))
	require.Equal(t, wechat.ErrPush, err, "with a key, a plain body is not taken: its signature does not cover it")
}

func TestThePublishedEncryptedPushIsRead(t *testing.T) {
	e, err := newPush(t, pushAt, pushKey).Parse(query(t, pushQuery), []byte(pushBody))
	require.NoError(t, err)
	require.Equal(t, wechat.Event{MsgType: "event", Event: "debug_demo", AppID: pushApp, CreateTime: time.Unix(pushAt, 0).UTC()}, e)
}

func TestThePublishedEncryptionIsMade(t *testing.T) {
	// For the stand-in: the example's own answer to a push.
	var random [16]byte
	copy(random[:], "707722b803182950")
	encrypted, err := fakewechat.EncryptPush(pushKey, pushApp, random, []byte(`{"demo_resp":"good luck"}`))
	require.NoError(t, err)
	require.Equal(t, "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==", encrypted)
	require.Equal(t, "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1", fakewechat.SignPush(pushToken, "1713424427", "415670741", encrypted))
}

func TestATamperedPushIsRefused(t *testing.T) {
	p := newPush(t, pushAt, pushKey)
	for name, c := range map[string]struct{ query, body string }{
		"another signature":           {strings.Replace(pushQuery, "046e", "046f", 1), pushBody},
		"the plain signature instead": {"msg_signature=6c5c811b55cc85e0e1b54100749188c20beb3f5d&timestamp=1714112445&nonce=415670741", pushBody},
		"no msg_signature":            {strings.Replace(pushQuery, "msg_signature", "other", 1), pushBody},
		"another timestamp":           {strings.Replace(pushQuery, "1714112445", "1714112446", 1), pushBody},
		"another nonce":               {strings.Replace(pushQuery, "415670741", "415670742", 1), pushBody},
		"two nonces":                  {pushQuery + "&nonce=415670741", pushBody},
		"another text":                {pushQuery, strings.Replace(pushBody, "+qdx", "+qdy", 1)},
		"no text":                     {pushQuery, `{"ToUserName":"gh"}`},
		"a text that is none":         {pushQuery, `{"Encrypt":{}}`},
		"no body":                     {pushQuery, ``},
		"no object":                   {pushQuery, `[]`},
		"null":                        {pushQuery, `null`},
		"XML that ends too early":     {pushQuery, `<xml><Encrypt>x`},
		"the parts moved between nonce and stamp": {"timestamp=17141124454&nonce=15670741&msg_signature=046e02f8204d34f8ba5fa3b1db94908f3df2e9b3", pushBody},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Parse(query(t, c.query), []byte(c.body))
			require.Same(t, wechat.ErrPush, err)
		})
	}
	other, err := wechat.NewPush(wechat.PushConfig{AppID: appID, Token: wechat.NewSecret(pushToken), EncodingAESKey: wechat.NewSecret(pushKey), MaxAge: -1})
	require.NoError(t, err)
	_, err = other.Parse(query(t, pushQuery), []byte(pushBody))
	require.Equal(t, wechat.ErrPush, err, "another app's")
}

func TestAnOldPushIsRefused(t *testing.T) {
	for _, c := range []struct {
		offset int64
		ok     bool
	}{{0, true}, {600, true}, {-600, true}, {601, false}, {-601, false}, {86400, false}} {
		_, err := newPush(t, pushAt+c.offset, pushKey).Parse(query(t, pushQuery), []byte(pushBody))
		require.Equal(t, c.ok, err == nil, "%d", c.offset)
	}
	p, err := wechat.NewPush(wechat.PushConfig{AppID: pushApp, Token: wechat.NewSecret(pushToken), EncodingAESKey: wechat.NewSecret(pushKey), MaxAge: -1})
	require.NoError(t, err)
	_, err = p.Parse(query(t, pushQuery), []byte(pushBody))
	require.NoError(t, err, "unless there is no limit")
}

func TestTheDocumentedWithdrawalIsReadInXMLAndJSON(t *testing.T) {
	p, err := wechat.NewPush(wechat.PushConfig{AppID: "wx13974bf780d3dc89", Token: wechat.NewSecret(pushToken), MaxAge: -1})
	require.NoError(t, err)
	q := query(t, "timestamp=1&nonce=2&signature="+fakewechat.SignPush(pushToken, "1", "2"))
	e, err := p.Parse(q, []byte(`<xml>
<ToUserName><![CDATA[gh_870882ca4b1]]></ToUserName>
<FromUserName><![CDATA[owAqB1v0ahK_Xlc7GshIDdf2yf7E]]></FromUserName>
<CreateTime>1626857200</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[user_authorization_revoke]]></Event>
<OpenID><![CDATA[owAqB1nqaOYYWl0Ng484G2z5NIwU]]></OpenID>
<AppID><![CDATA[wx13974bf780d3dc89]]></AppID>
<RevokeInfo><![CDATA[1]]></RevokeInfo>
</xml>`))
	require.NoError(t, err)
	require.Equal(t, wechat.Event{
		MsgType: "event", Event: wechat.EventUserAuthorizationRevoke, OpenID: "owAqB1nqaOYYWl0Ng484G2z5NIwU",
		AppID: "wx13974bf780d3dc89", RevokeInfo: "1", CreateTime: time.Unix(1626857200, 0).UTC(),
	}, e, "whom it is about, not who sent it")
	e, err = p.Parse(q, []byte(`{"ToUserName":"gh_870882ca4b1","FromUserName":"oaKk346BaWE-eIn4oSRWbaM9vR7s","CreateTime":"1627359464","MsgType":"event",
		"Event":"user_authorization_revoke","OpenID":"oaKk343WOktAaT2ygsX138BGblrg","UnionID":"u","AppID":"wx13974bf780d3dc89","RevokeInfo":301}`))
	require.NoError(t, err)
	require.Equal(t, wechat.Event{
		MsgType: "event", Event: wechat.EventUserAuthorizationRevoke, OpenID: "oaKk343WOktAaT2ygsX138BGblrg", UnionID: "u",
		AppID: "wx13974bf780d3dc89", RevokeInfo: "301", CreateTime: time.Unix(1627359464, 0).UTC(),
	}, e, "numbers as text and text as numbers")
	for _, bad := range []string{
		`{"MsgType":"event","AppID":"wxanother"}`, `{"Event":"user_authorization_revoke"}`, `{"MsgType":"event","CreateTime":"soon"}`,
		`<xml><MsgType>event</MsgType><AppID>wx13974bf780d3dc89</AppID><AppID>wx13974bf780d3dc89</AppID></xml>`,
		`<xml><MsgType>event</MsgType></xml><xml/>`, `<html><MsgType>event</MsgType></html>`,
		`<!DOCTYPE xml [<!ENTITY e "event">]><xml><MsgType>&e;</MsgType></xml>`,
	} {
		_, err := p.Parse(q, []byte(bad))
		require.Equal(t, wechat.ErrPush, err, bad)
	}
}

func TestThePaddingOfAPushGoesUpTo32AndIsCheckedByteForByte(t *testing.T) {
	p := newPush(t, pushAt, pushKey)
	parse := func(encrypted string) error {
		q := url.Values{"timestamp": {strconv.Itoa(pushAt)}, "nonce": {"n"}, "msg_signature": {fakewechat.SignPush(pushToken, strconv.Itoa(pushAt), "n", encrypted)}}
		body, err := json.Marshal(map[string]string{"Encrypt": encrypted})
		require.NoError(t, err)
		_, err = p.Parse(q, body)
		return err
	}
	for n := range 32 { // every length of padding
		encrypted, err := fakewechat.EncryptPush(pushKey, pushApp, [16]byte{}, []byte(`{"MsgType":"event","x":"`+strings.Repeat("x", n)+`"}`))
		require.NoError(t, err)
		require.NoError(t, parse(encrypted), "%d", n)
	}

	// Now with padding of our own making: 32 bytes of it, and then spoilt ones.
	message := []byte(`{"MsgType":"event"}`)
	for (20+len(message)+len(pushApp))%32 != 0 {
		message = append(message, ' ')
	}
	full := binary.BigEndian.AppendUint32(make([]byte, 16), uint32(len(message)))
	full = append(append(full, message...), pushApp...)
	padded := func(padding []byte) string {
		block, err := aes.NewCipher(make([]byte, 32)) // what 43 times A stands for
		require.NoError(t, err)
		out := append(slices.Clone(full), padding...)
		cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(out, out)
		return base64.StdEncoding.EncodeToString(out)
	}
	whole := slices.Repeat([]byte{32}, 32)
	require.NoError(t, parse(padded(whole)))
	for i := range whole {
		spoilt := slices.Clone(whole)
		spoilt[i] ^= 1
		require.Equal(t, wechat.ErrPush, parse(padded(spoilt)), "byte %d", i)
	}
	require.Equal(t, wechat.ErrPush, parse(padded(slices.Repeat([]byte{0}, 32))))
	require.Equal(t, wechat.ErrPush, parse(padded(slices.Repeat([]byte{48}, 48))), "more than 32")
	require.Equal(t, wechat.ErrPush, parse(padded(nil)), "none")
	require.Equal(t, wechat.ErrPush, parse(padded(whole)[:20]), "no whole block")
	require.Equal(t, wechat.ErrPush, parse(""))
}

func TestAPushWhoseLengthOrAppLiesIsRefused(t *testing.T) {
	p := newPush(t, pushAt, pushKey)
	parse := func(app, message string) error {
		encrypted, err := fakewechat.EncryptPush(pushKey, app, [16]byte{}, []byte(message))
		require.NoError(t, err)
		q := url.Values{"timestamp": {strconv.Itoa(pushAt)}, "nonce": {"n"}, "msg_signature": {fakewechat.SignPush(pushToken, strconv.Itoa(pushAt), "n", encrypted)}}
		_, err = p.Parse(q, []byte(`<xml><Encrypt><![CDATA[`+encrypted+`]]></Encrypt></xml>`))
		return err
	}
	const event = `{"MsgType":"event"}`
	require.NoError(t, parse(pushApp, event))
	require.Equal(t, wechat.ErrPush, parse("", event))
	require.Equal(t, wechat.ErrPush, parse(appID, event))
	require.Equal(t, wechat.ErrPush, parse(pushApp+"x", event))
	require.Equal(t, wechat.ErrPush, parse("x"+pushApp, event))
	require.Equal(t, wechat.ErrPush, parse(pushApp, ""))
}

func TestAPushConfigurationThatCannotWorkIsRefused(t *testing.T) {
	token := wechat.NewSecret("token")
	for _, cfg := range []wechat.PushConfig{
		{},
		{AppID: appID},
		{Token: token},
		{AppID: appID, Token: token, EncodingAESKey: wechat.NewSecret("short")},
		{AppID: appID, Token: token, EncodingAESKey: wechat.NewSecret(strings.Repeat("A", 44))},
		{AppID: appID, Token: token, EncodingAESKey: wechat.NewSecret(strings.Repeat("!", 43))},
		{AppID: appID, Token: token, EncodingAESKey: wechat.NewSecret(strings.Repeat("A", 42) + "\n")},
	} {
		_, err := wechat.NewPush(cfg)
		require.Error(t, err)
	}
	_, err := wechat.NewPush(wechat.PushConfig{AppID: appID, Token: token, EncodingAESKey: wechat.NewSecret(strings.Repeat("z", 43))})
	require.NoError(t, err, "the two bits over are not always zero")
}

// The whole way: the stand-in pushes over HTTP, in each mode and format.
func TestThePushesOfTheStandInAreUnderstood(t *testing.T) {
	fake := newFake(t)
	key := strings.Repeat("k", 43)
	for _, c := range []struct {
		name string
		push fakewechat.Push
	}{
		{"plain JSON", fakewechat.Push{}},
		{"plain XML", fakewechat.Push{Format: "xml"}},
		{"safe JSON", fakewechat.Push{EncodingAESKey: key}},
		{"safe XML", fakewechat.Push{EncodingAESKey: key, Format: "xml"}},
		{"compatible JSON", fakewechat.Push{EncodingAESKey: key, Compatible: true}},
		{"compatible XML", fakewechat.Push{EncodingAESKey: key, Format: "xml", Compatible: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := wechat.PushConfig{AppID: appID, Token: wechat.NewSecret(pushToken)}
			if c.push.EncodingAESKey != "" {
				cfg.EncodingAESKey = wechat.NewSecret(c.push.EncodingAESKey)
			}
			p, err := wechat.NewPush(cfg)
			require.NoError(t, err)
			var got wechat.Event
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				if r.Method == http.MethodGet {
					echo, err := p.VerifyURL(r.URL.Query())
					if err != nil {
						w.WriteHeader(http.StatusForbidden)
						return
					}
					_, _ = io.WriteString(w, echo)
					return
				}
				if got, err = p.Parse(r.URL.Query(), body); err != nil {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				_, _ = io.WriteString(w, "success")
			}))
			t.Cleanup(srv.Close)
			res, err := fake.VerifyPushURL(context.Background(), srv.URL, pushToken)
			require.NoError(t, err)
			require.True(t, res.Accepted)

			c.push.URL, c.push.Token, c.push.AppID, c.push.User = srv.URL+"?own=1", pushToken, appID, "alice"
			c.push.Event, c.push.RevokeInfo = "user_authorization_cancellation", "8"
			res, err = fake.SendPush(context.Background(), c.push)
			require.NoError(t, err)
			require.True(t, res.Accepted, "%+v", res)
			require.Equal(t, wechat.EventUserAuthorizationCancellation, got.Event)
			require.Equal(t, fakewechat.OpenID(appID, "alice"), got.OpenID)
			require.Equal(t, fakewechat.UnionID(platform, "alice"), got.UnionID)
			require.Equal(t, "8", got.RevokeInfo)
			require.Equal(t, appID, got.AppID)
			require.WithinDuration(t, time.Now(), got.CreateTime, 5*time.Second)

			c.push.Token = "another token"
			res, err = fake.SendPush(context.Background(), c.push)
			require.NoError(t, err)
			require.Equal(t, http.StatusForbidden, res.Status)
			require.False(t, res.Accepted)
		})
	}
}

func FuzzPush(f *testing.F) {
	f.Add(pushQuery, []byte(pushBody), true)
	f.Add("timestamp=1&nonce=2&signature="+fakewechat.SignPush(pushToken, "1", "2"), []byte(`<xml><MsgType>event</MsgType></xml>`), false)
	f.Add("", []byte(`<`), false)
	f.Fuzz(func(t *testing.T, q string, body []byte, safe bool) {
		cfg := wechat.PushConfig{AppID: pushApp, Token: wechat.NewSecret(pushToken), MaxAge: -1}
		if safe {
			cfg.EncodingAESKey = wechat.NewSecret(pushKey)
		}
		p, err := wechat.NewPush(cfg)
		require.NoError(t, err)
		values, _ := url.ParseQuery(q)
		// Signed, so that the body is read and not only the signature refused.
		if !safe {
			values = url.Values{"timestamp": {"1"}, "nonce": {"2"}, "signature": {fakewechat.SignPush(pushToken, "1", "2")}}
		}
		e, err := p.Parse(values, body)
		if err != nil {
			require.Same(t, wechat.ErrPush, err)
			require.Zero(t, e)
			return
		}
		require.Equal(t, pushApp, e.AppID)
		require.NotEmpty(t, e.MsgType)
	})
}

func TestBlanksInNamesAreNoPartOfThem(t *testing.T) {
	p := newPush(t, 1, "")
	q := query(t, "timestamp=1&nonce=2&signature="+fakewechat.SignPush(pushToken, "1", "2"))
	for _, body := range []string{
		`{"MsgType":"event","Event":"user_authorization_cancellation"," OpenID":"oABC"," AppID":"` + pushApp + `"," RevokeInfo":"8","CreateTime":1}`,
		`{" MsgType ":"event","Event":"user_authorization_cancellation","\tOpenID\n":" oABC ","RevokeInfo":8,"AppID ":"` + pushApp + ` "}`,
		`{"MsgType":"event","Event":"user_authorization_cancellation","OpenID":"oABC"," OpenID":"oABC","RevokeInfo":"8"}`,
	} {
		e, err := p.Parse(q, []byte(body))
		require.NoError(t, err, body)
		require.Equal(t, wechat.Event{
			MsgType: "event", Event: "user_authorization_cancellation", OpenID: "oABC", AppID: pushApp, RevokeInfo: "8", CreateTime: time.Unix(1, 0).UTC(),
		}, e, "without a CreateTime, the query says when it was made")
	}
	for name, body := range map[string]string{
		"two people":                `{"MsgType":"event","Event":"x","OpenID":"oABC"," OpenID":"oDEF"}`,
		"two people, spelled alike": `{"MsgType":"event","Event":"x","OpenID":"oABC","OpenID":"oDEF"}`,
		"nobody and someone":        `{"MsgType":"event","Event":"x","OpenID":"","OpenID ":"oDEF"}`,
		"another app":               `{"MsgType":"event","Event":"x","OpenID":"oABC"," AppID":"wx0000000000000001"}`,
		"no time":                   `{"MsgType":"event","Event":"x","CreateTime":"soon"}`,
		"before all time":           `{"MsgType":"event","Event":"x","CreateTime":-1}`,
	} {
		_, err := p.Parse(q, []byte(body))
		require.Equal(t, wechat.ErrPush, err, name)
	}
	for _, nobody := range []string{`null`, `""`, `" "`, `{}`, `["oABC"]`, `true`} {
		e, err := p.Parse(q, []byte(`{"MsgType":"event","Event":"user_authorization_cancellation","OpenID":`+nobody+`}`))
		require.NoError(t, err)
		require.Empty(t, e.OpenID, nobody)
	}
}

func TestOnlyWhatAMiniProgramKeepsIsWithdrawnOfIt(t *testing.T) {
	for _, c := range []struct {
		info           string
		plugin         bool
		profile, phone bool
		what           string
	}{
		{"", false, false, false, ""},
		{"1", false, false, false, "1"},
		{"18", false, false, false, "18"},
		{"68", false, false, false, "68"},
		{"6", false, true, false, "6"},
		{"19", false, true, false, "19"},
		{"20", false, true, false, "20"},
		{"8", false, false, true, "8"},
		{"6,8", false, true, true, "6,8"},
		{" 08 ; 20", false, true, true, "8,20"},
		{"nonsense\n", false, false, false, ""},
		{"8", true, false, false, "8"},
		{"301", false, false, false, "301"},
	} {
		e := wechat.Event{RevokeInfo: c.info}
		if c.plugin {
			e.PluginID = "wx0000000000000001"
		}
		profile, phone := e.Withdrew()
		require.Equal(t, []bool{c.profile, c.phone}, []bool{profile, phone}, c.info)
		require.Equal(t, c.what, e.What())
	}
	require.True(t, wechat.Event{OpenPID: "o"}.InPlugin())
}
