package standin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

// plain is the stand-in of a platform that only has logins.
type plain struct{ *standin.Desk }

func (p plain) Handler() http.Handler {
	return p.Around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, state := p.Take("app", string(standin.Login), r.URL.Query().Get("code"))
		standin.WriteJSON(w, map[string]any{"user": user, "state": state})
	}))
}

func (p plain) NewApp(id, base string) (providers.App, error) {
	return providers.App{ID: id, APIURL: base}, nil
}

func (p plain) AddApp(app providers.App, base string) (providers.App, error) {
	app.APIURL = base
	return app, nil
}

func (p plain) Code(kind standin.Kind, appID, user string) (string, error) {
	if kind != standin.Login {
		return "", standin.ErrNotOffered
	}
	return p.Issue(appID, string(kind), user, time.Minute), nil
}

// rich is the stand-in of a platform that has all the rest.
type rich struct {
	plain
	visitor, pushedTo string
}

func (r *rich) Encrypt(appID, user string, payload map[string]any) standin.Encrypted {
	return standin.EncryptMarked(appID, standin.SessionKey("rich", appID, user, 16), r.Now(), payload)
}

func (r *rich) SetUser(name string) { r.visitor = name }

func (r *rich) PushTo(_ context.Context, base string) error {
	if base == "" {
		return errors.New("url is needed")
	}
	r.pushedTo = base
	return nil
}

// control is the control side of a stand-in behind a real server.
func control(t *testing.T, s standin.Server) func(method, path, body string) (int, map[string]any) {
	t.Helper()
	server := httptest.NewServer(standin.Control(s, func(appID string) bool { return appID == "app" }))
	t.Cleanup(server.Close)
	return func(method, path, body string) (int, map[string]any) {
		t.Helper()
		return send(t, method, server.URL+path, "application/json; charset=utf-8", body)
	}
}

func send(t *testing.T, method, address, contentType, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(raw, &out), "%s", raw)
	return res.StatusCode, out
}

func TestTheControlSidePlaysTheClient(t *testing.T) {
	s := plain{standin.NewDesk(standin.Options{})}
	do := control(t, s)
	status, out := do("POST", "/login", `{"appId":"app","user":"alice"}`)
	require.Equal(t, 200, status)
	user, state := s.Take("app", string(standin.Login), out["code"].(string))
	require.Equal(t, standin.Good, state)
	require.Equal(t, "alice", user)

	for _, path := range []string{"/phone-code", "/guest-code", "/visitor", "/encrypt"} {
		status, out = do("POST", path, `{"appId":"app","user":"alice"}`)
		require.Equal(t, 400, status)
		require.Equal(t, map[string]any{"error": standin.ErrNotOffered.Error()}, out, path)
	}
	status, out = do("POST", "/push", `{"url":"http://127.0.0.1:1"}`)
	require.Equal(t, 400, status)
	require.Equal(t, standin.ErrNotOffered.Error(), out["error"])

	for body, want := range map[string]string{
		`{"appId":"other","user":"alice"}`:  `no app "other"`,
		`{"appId":"app"}`:                   "user is needed",
		`{"appId":"app","usr":"alice"}`:     "unknown field",
		`{"appId":"app","user":"alice"} {}`: "behind the object",
		`{"appId":`:                         "unexpected EOF",
		`[]`:                                "cannot unmarshal",
		``:                                  "EOF",
		`{"appId":"` + strings.Repeat("x", 1<<20) + `"}`: "unexpected EOF",
	} {
		for _, path := range []string{"/login", "/visitor", "/encrypt"} {
			status, out = do("POST", path, body)
			require.Equal(t, 400, status)
			require.Contains(t, out["error"], want, path)
		}
	}
}

func TestTheControlSideOffersWhatThePlatformHas(t *testing.T) {
	s := &rich{plain: plain{standin.NewDesk(standin.Options{})}}
	do := control(t, s)
	status, out := do("POST", "/encrypt", `{"appId":"app","user":"alice","payload":{"a":1}}`)
	require.Equal(t, 200, status)
	got, err := providers.DecryptMarked("app", secret.New(standin.SessionKey("rich", "app", "alice", 16)), out["encryptedData"].(string), out["iv"].(string))
	require.NoError(t, err)
	require.Contains(t, string(got), `"a":1`)
	status, out = do("POST", "/encrypt", `{"appId":"app","user":"alice"}`)
	require.Equal(t, 400, status)
	require.Equal(t, "payload is needed, an object", out["error"])

	status, _ = do("POST", "/visitor", `{"appId":"app","user":"bob"}`)
	require.Equal(t, 200, status)
	require.Equal(t, "bob", s.visitor)

	status, _ = do("POST", "/push", `{"url":"http://127.0.0.1:1"}`)
	require.Equal(t, 200, status)
	require.Equal(t, "http://127.0.0.1:1", s.pushedTo)
	status, out = do("POST", "/push", `{}`)
	require.Equal(t, 400, status)
	require.Equal(t, "url is needed", out["error"])
}

func TestTheControlSideSetsFaultsAndTellsCalls(t *testing.T) {
	s := plain{standin.NewDesk(standin.Options{})}
	do := control(t, s)
	api := httptest.NewServer(s.Handler())
	defer api.Close()
	_, out := do("GET", "/calls", "")
	require.Equal(t, map[string]any{"calls": []any{}}, out)

	status, _ := do("POST", "/faults", `{"path":"/x","status":503,"body":"down","count":1}`)
	require.Equal(t, 200, status)
	gotStatus, body := ask(t, api.URL+"/x?code=c")
	require.Equal(t, 503, gotStatus)
	require.Equal(t, "down", body)
	gotStatus, _ = ask(t, api.URL+"/x")
	require.Equal(t, 200, gotStatus)

	status, _ = do("POST", "/faults", `{}`)
	require.Equal(t, 200, status)
	gotStatus, _ = ask(t, api.URL+"/x")
	require.Zero(t, gotStatus, "the connection is broken off")
	status, _ = do("DELETE", "/faults", "")
	require.Equal(t, 200, status)
	gotStatus, _ = ask(t, api.URL+"/x")
	require.Equal(t, 200, gotStatus)

	_, out = do("GET", "/calls", "")
	require.Equal(t, []any{"/x", "/x", "/x", "/x"}, out["calls"], "without queries, which hold codes")
	for _, bad := range []string{`{"status":199}`, `{"status":600}`, `{"status":-1}`, `{"count":-1}`} {
		status, out = do("POST", "/faults", bad)
		require.Equal(t, 400, status, bad)
		require.Contains(t, out["error"], "200 to 599")
	}
}

func TestTheControlSideMovesTheClock(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	do := control(t, plain{standin.NewDesk(standin.Options{Now: func() time.Time { return at }})})
	_, out := do("GET", "/clock", "")
	require.Equal(t, "2026-01-02T03:04:05Z", out["now"])
	_, out = do("POST", "/clock", `{"move":"1h"}`)
	require.Equal(t, "2026-01-02T04:04:05Z", out["now"])
	_, out = do("POST", "/clock", `{"move":"-90m"}`)
	require.Equal(t, "2026-01-02T02:34:05Z", out["now"])
	for _, bad := range []string{`{"move":"soon"}`, `{}`} {
		status, out := do("POST", "/clock", bad)
		require.Equal(t, 400, status)
		require.Contains(t, out["error"], "is no duration such as 5m or -1h")
	}
}

// A form or a text is what a page in a browser may send to any address.
func TestAPageInABrowserCannotSteerAStandIn(t *testing.T) {
	s := plain{standin.NewDesk(standin.Options{})}
	server := httptest.NewServer(standin.Control(s, func(string) bool { return true }))
	defer server.Close()
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json, text/plain"} {
		status, out := send(t, "POST", server.URL+"/clock", contentType, `{"move":"1h"}`)
		require.Equal(t, 415, status, contentType)
		require.Contains(t, out["error"], "application/json")
	}
	require.WithinDuration(t, time.Now(), s.Now(), time.Minute)
}
