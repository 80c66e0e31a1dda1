package wechat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// every prints a value in all the ways a log could.
func every(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x"} {
		_, _ = fmt.Fprintf(&b, verb+"\n", v)
	}
	j, _ := json.Marshal(v)
	b.Write(j)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
	if err, ok := v.(error); ok {
		for e := err; e != nil; e = errors.Unwrap(e) {
			_, _ = fmt.Fprintf(&b, "%v %+v %#v\n", e, e, e)
		}
	}
	return b.String()
}

func requireNone(t *testing.T, text string, needles ...string) {
	t.Helper()
	for _, needle := range append(needles, "js_code=", "access_token=", "secret=", "http://", "https://") {
		for _, form := range []string{needle, url.QueryEscape(needle), fmt.Sprintf("%x", needle), fmt.Sprintf("%X", needle), fmt.Sprintf("% x", needle)} {
			require.NotContains(t, text, form)
		}
	}
}

func TestNoSecretAppearsInAnyErrorOfAnyFault(t *testing.T) {
	const echo = 40000 // an errmsg of the fault's own cannot be had; see the echoing server below
	faults := []fakewechat.Fault{
		{Connection: "close"},
		{Connection: "reset"},
		{Connection: "reset", After: true},
		{Body: "html"},
		{Body: "empty"},
		{Body: "truncated"},
		{Body: "cut"},
		{Status: 412},
		{Omit: []string{"openid", "phone_info", "access_token"}},
		{Errcode: echo},
	}
	for _, code := range []int{-1, 40029, 40163, 40226, 45011, 40013, 40125, 40164, 40001, 42001, 87009, 99999} {
		faults = append(faults, fakewechat.Fault{Errcode: code})
	}
	for _, path := range []string{pathLogin, pathToken, pathPhone, pathCheck, pathReset} {
		for _, f := range faults {
			p := newPair(t)
			key := wechat.NewSessionKey("c2Vzc2lvbi1rZXk+Lz09==")
			code, phone := p.login(t, "alice"), p.phoneCode(t, "alice")
			token := wechat.Secret{}
			if path != pathToken {
				var err error
				token, err = p.client.AccessToken(background(), appID)
				require.NoError(t, err)
			}
			f.Path = path
			p.fake.SetFault(f)
			var log strings.Builder
			_, err := p.client.CodeToSession(background(), appID, code)
			log.WriteString(every(err))
			_, err = p.client.PhoneNumber(background(), appID, "", phone)
			log.WriteString(every(err))
			_, err = p.client.CheckSessionKey(background(), appID, "the-openid", key)
			log.WriteString(every(err))
			_, err = p.client.ResetSessionKey(background(), appID, "the-openid", key)
			log.WriteString(every(err))
			_, err = p.client.AccessToken(background(), appID)
			log.WriteString(every(err))
			needles := []string{appSecret, code, phone, key.Reveal(), "the-openid"}
			if !token.Empty() {
				needles = append(needles, token.Reveal())
			}
			requireNone(t, log.String(), needles...)
		}
	}
}

// A server, a proxy or the transport itself may say back what was sent.
func TestNoSecretAppearsWhenTheOtherSideEchoesTheRequest(t *testing.T) {
	const code, token = "the-code-of-the-user", "the-access-token"
	echoes := map[string]func(w http.ResponseWriter, r *http.Request){
		"in an errmsg": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"errcode":40164,"errmsg":%q}`, "invalid ip "+r.URL.String()+", rid: "+r.URL.RawQuery)
		},
		"in HTML": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, "<p>%s</p>", r.URL)
		},
		"in the fields": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"errcode":%q,"openid":%q}`, r.URL.String(), r.URL.String())
		},
		"in a header": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", r.URL.String())
			w.WriteHeader(http.StatusFound)
		},
	}
	for name, serve := range echoes {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, config(baseURL, direct{func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == pathToken {
					_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":7200}`, token)
					return
				}
				serve(w, r)
			}}))
			_, err := c.CodeToSession(background(), appID, code)
			require.Error(t, err)
			_, err2 := c.CheckSessionKey(background(), appID, "the-openid", wechat.NewSessionKey("the-session-key"))
			require.Error(t, err2)
			requireNone(t, every(err)+every(err2), appSecret, code, token, "the-openid", "the-session-key")
		})
	}
}

type failing struct{ err func(*http.Request) error }

func (f failing) RoundTrip(r *http.Request) (*http.Response, error) { return nil, f.err(r) }

func TestAnURLErrorIsNotWrapped(t *testing.T) {
	c := newClient(t, config(baseURL, failing{func(r *http.Request) error {
		return fmt.Errorf("outer %s: %w", r.URL, &url.Error{Op: "Get", URL: r.URL.String(), Err: errors.New("dial " + r.URL.RawQuery)})
	}}))
	_, err := c.CodeToSession(background(), appID, "the-code")
	require.ErrorIs(t, err, providers.ErrUnavailable)
	requireNone(t, every(err), appSecret, "the-code")
	var u *url.Error
	require.NotErrorAs(t, err, &u)
}

func TestSecretsPrintAsRedactedWhereverTheyAre(t *testing.T) {
	const text = "the-very-secret-text"
	secret, key := wechat.NewSecret(text), wechat.NewSessionKey(text)
	type hidden struct {
		secret wechat.Secret
		key    wechat.SessionKey
		app    *wechat.App
	}
	app := wechat.App{ID: appID, Secret: secret}
	client, err := wechat.New(wechat.Config{Apps: []wechat.App{app}})
	require.NoError(t, err)
	push, err := wechat.NewPush(wechat.PushConfig{AppID: appID, Token: secret, EncodingAESKey: wechat.NewSecret(strings.Repeat("k", 43))})
	require.NoError(t, err)
	for _, v := range []any{
		secret, &secret, key, &key, app, &app,
		[]wechat.App{app},
		map[string]wechat.Secret{"a": secret},
		wechat.Session{OpenID: "o", SessionKey: key},
		hidden{secret, key, &app},
		&hidden{secret, key, &app},
		client, *push, push,
		wechat.Config{Apps: []wechat.App{app}},
		wechat.PushConfig{Token: secret},
	} {
		requireNoText(t, every(v), text)
	}
	require.Equal(t, "[redacted]", secret.String())
	require.Equal(t, "[redacted]", fmt.Sprintf("%#v", key))
	require.Equal(t, text, secret.Reveal())
	require.Empty(t, wechat.Secret{}.Reveal())
	require.Equal(t, wechat.NewSecret(text), secret, "two of the same text are equal to reflect.DeepEqual")
	require.NotEqual(t, wechat.NewSecret("another"), secret)
}

func requireNoText(t *testing.T, printed, text string) {
	t.Helper()
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprintf("% x", text)} {
		require.NotContains(t, printed, form)
	}
}
