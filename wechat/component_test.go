package wechat_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakecomponent"
	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	componentApp  = "wx1111111111111111"
	componentApp2 = "wx2222222222222222"
	componentID   = "wxcccccccccccccccc"
	componentKey  = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)

// shared is the memory of several processes.
type shared struct {
	mu     sync.Mutex
	values map[string]string
	at     map[string]time.Time
	down   error
}

func newShared() *shared { return &shared{values: map[string]string{}, at: map[string]time.Time{}} }

func (s *shared) Keep(_ context.Context, name string, value secret.String, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil && !s.at[name].After(at) {
		s.values[name], s.at[name] = value.Reveal(), at
	}
	return s.down
}

func (s *shared) Recall(_ context.Context, name string) (secret.String, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return secret.New(s.values[name]), s.at[name], s.down
}

type componentWorld struct {
	fake    *fakecomponent.Server
	clock   *standin.Clock
	memory  *shared
	address string
}

func newComponentWorld(t *testing.T) *componentWorld {
	t.Helper()
	w := &componentWorld{clock: &standin.Clock{}, memory: newShared()}
	w.fake = fakecomponent.New(standin.Options{Now: w.clock.Now})
	w.fake.SetComponent(fakecomponent.Component{ID: componentID, Secret: "component-secret", Token: "pushtoken", EncodingAESKey: componentKey})
	w.fake.SetApp(fakecomponent.App{ID: componentApp, Component: componentID, Platform: "p"})
	w.fake.SetApp(fakecomponent.App{ID: componentApp2, Component: componentID})
	server := httptest.NewServer(w.fake.Handler())
	t.Cleanup(server.Close)
	w.address = server.URL
	return w
}

// process is a provider of its own, as another pod or another app has.
func (w *componentWorld) process(t *testing.T, appID string, change map[string]string) providers.Provider {
	t.Helper()
	members := map[string]secret.String{
		"componentAppId": secret.New(componentID), "componentSecret": secret.New("component-secret"),
		"token": secret.New("pushtoken"), "encodingAESKey": secret.New(componentKey),
	}
	for name, value := range change {
		members[name] = secret.New(value)
	}
	p, err := providers.Registry{wechat.ComponentRegistration}.New(providers.App{
		ID: appID, Provider: wechat.ComponentName, APIURL: w.address, Members: members,
	}, providers.Config{Memory: w.memory, Now: w.clock.Now, BusyPause: time.Millisecond})
	require.NoError(t, err)
	return p
}

// receiver answers pushes as the service does.
func receiver(t *testing.T, p providers.Provider) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = p.(providers.PushReader).ReadPush(r.Context(), r.URL.Query(), body)
		}
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("success"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAMiniProgramOfAThirdPartyPlatformLogsInOnceTheTicketHasCome(t *testing.T) {
	t.Parallel()
	w := newComponentWorld(t)
	p := w.process(t, componentApp, nil)
	code := w.fake.Login(componentApp, "alice")
	_, err := p.Exchange(t.Context(), code)
	require.ErrorIs(t, err, providers.ErrUnavailable)
	require.ErrorContains(t, err, "component_verify_ticket")
	require.Empty(t, w.fake.Calls(), "the code was not used up")

	require.NoError(t, w.fake.PushTicket(t.Context(), componentID, receiver(t, p)))
	i, err := p.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, fakewechat.OpenID(componentApp, "alice"), i.Subject)
	require.Equal(t, fakewechat.UnionID("p", "alice"), i.UnionID)
	require.Equal(t, fakecomponent.SessionKey(componentApp, "alice"), i.SessionKey.Reveal())
	_, err = p.Exchange(t.Context(), code)
	require.ErrorIs(t, err, providers.ErrCodeUsed)
	_, err = p.Exchange(t.Context(), "madeup")
	require.ErrorIs(t, err, providers.ErrInvalidCode, `"40029" comes as text`)

	sealed := w.fake.Encrypt(componentApp, "alice", map[string]any{"nickName": "Alice"})
	plain, err := p.(providers.Decrypter).Decrypt(i.SessionKey, sealed.Data, sealed.IV)
	require.NoError(t, err)
	require.Contains(t, string(plain), "Alice")
	for _, lacking := range []bool{is[providers.PhoneNumberer](p), is[providers.SessionKeyChecker](p)} {
		require.False(t, lacking, "they need the mini program's own token")
	}
}

func is[T any](p providers.Provider) bool { _, ok := p.(T); return ok }

func TestAllProcessesAndAppsOfAThirdPartyPlatformShareOneToken(t *testing.T) {
	t.Parallel()
	w := newComponentWorld(t)
	w.fake.Exclusive()
	one, two, other := w.process(t, componentApp, nil), w.process(t, componentApp, nil), w.process(t, componentApp2, nil)
	require.NoError(t, w.fake.PushTicket(t.Context(), componentID, receiver(t, one)))
	login := func(p providers.Provider, app string) {
		t.Helper()
		_, err := p.Exchange(t.Context(), w.fake.Login(app, "alice"))
		require.NoError(t, err)
	}
	fetched := func() (n int) {
		for _, path := range w.fake.Calls() {
			if path == "/cgi-bin/component/api_component_token" {
				n++
			}
		}
		return n
	}
	login(one, componentApp)
	login(two, componentApp)
	login(other, componentApp2)
	require.Equal(t, 1, fetched())

	w.fake.EndTokens() // another service fetched one
	login(two, componentApp)
	require.Equal(t, 2, fetched())
	login(one, componentApp)
	login(other, componentApp2)
	require.Equal(t, 2, fetched(), "the others take the new one")

	w.clock.Move(2 * time.Hour)
	login(other, componentApp2)
	login(one, componentApp)
	login(two, componentApp)
	require.Equal(t, 3, fetched())
}

func TestWhatWeChatSaysOfAThirdPartyPlatform(t *testing.T) {
	t.Parallel()
	w := newComponentWorld(t)
	p := w.process(t, componentApp, nil)
	require.NoError(t, w.fake.PushTicket(t.Context(), componentID, receiver(t, p)))
	exchange := func(p providers.Provider, app string) *providers.Error {
		t.Helper()
		_, err := p.Exchange(t.Context(), w.fake.Login(app, "alice"))
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		return e
	}
	w.fake.SetApp(fakecomponent.App{ID: componentApp2})
	e := exchange(w.process(t, componentApp2, nil), componentApp2)
	require.ErrorIs(t, e, providers.ErrRejectedApp)
	require.Equal(t, "61003", e.Code)
	w.fake.SetApp(fakecomponent.App{ID: componentApp2, Component: componentID, FromOutside: true})
	e = exchange(w.process(t, componentApp2, nil), componentApp2)
	require.ErrorIs(t, e, providers.ErrRejectedApp)
	require.Equal(t, "61004", e.Code)

	w.memory = newShared()
	require.NoError(t, w.memory.Keep(t.Context(), "component_access_token "+componentID, secret.New(w.fake.AuthorizerToken(componentID)), w.clock.Now().Add(time.Hour)))
	e = exchange(w.process(t, componentApp, nil), componentApp)
	require.ErrorIs(t, e, providers.ErrUnavailable, "a fault of ours does not blame the user")
	require.Equal(t, "61024", e.Code)

	w.memory = newShared()
	require.NoError(t, w.memory.Keep(t.Context(), "component_verify_ticket "+componentID, secret.New("ticket@@@made-up"), w.clock.Now()))
	e = exchange(w.process(t, componentApp, nil), componentApp)
	require.ErrorIs(t, e, providers.ErrUnavailable)
	require.Equal(t, "61006", e.Code)
	e = exchange(w.process(t, componentApp, map[string]string{"componentSecret": "reset"}), componentApp)
	require.ErrorIs(t, e, providers.ErrRejectedApp)
	require.Equal(t, "40125", e.Code)

	w.memory = newShared()
	late := w.process(t, componentApp, nil)
	require.NoError(t, w.fake.PushTicket(t.Context(), componentID, receiver(t, late)))
	w.clock.Move(12 * time.Hour)
	require.Contains(t, exchange(late, componentApp).Error(), "for twelve hours")
	w.memory.down = context.DeadlineExceeded
	require.ErrorIs(t, exchange(late, componentApp), providers.ErrUnavailable)
	require.Error(t, w.fake.PushTicket(t.Context(), componentID, receiver(t, late)), "it has to come again")
}

func TestOnlyWeChatsTicketsAreKept(t *testing.T) {
	t.Parallel()
	w := newComponentWorld(t)
	p := w.process(t, componentApp, nil)
	address := receiver(t, p)
	good := fakecomponent.Component{ID: componentID, Secret: "component-secret", Token: "pushtoken", EncodingAESKey: componentKey}
	message := func(id, kind, ticket string) string {
		return "<xml><AppId>" + id + "</AppId><CreateTime>1413192605</CreateTime><InfoType>" + kind + "</InfoType><ComponentVerifyTicket>" + ticket + "</ComponentVerifyTicket></xml>"
	}
	forged := good
	forged.Token = "another"
	require.Error(t, w.fake.Push(t.Context(), forged, address, message(componentID, "component_verify_ticket", "x")))
	forged = good
	forged.EncodingAESKey = "0" + componentKey[1:]
	require.Error(t, w.fake.Push(t.Context(), forged, address, message(componentID, "component_verify_ticket", "x")))
	forged = good
	forged.ID = "wxanother"
	require.Error(t, w.fake.Push(t.Context(), forged, address, message("wxanother", "component_verify_ticket", "x")))
	require.Error(t, w.fake.Push(t.Context(), good, address, message("wxanother", "component_verify_ticket", "x")))
	require.Error(t, w.fake.Push(t.Context(), good, address, message(componentID, "component_verify_ticket", "")))
	require.Error(t, w.fake.Push(t.Context(), good, address, "<xml>"))
	_, err := p.(providers.PushReader).ReadPush(t.Context(), url.Values{}, []byte(message(componentID, "component_verify_ticket", "x")))
	require.ErrorIs(t, err, providers.ErrPush, "plain ones are nobody's")
	require.Empty(t, w.memory.values)

	require.NoError(t, w.fake.Push(t.Context(), good, address, message(componentID, "unauthorized", "")))
	require.Empty(t, w.memory.values)
	require.NoError(t, w.fake.PushTicket(t.Context(), componentID, address))
	kept := maps.Clone(w.memory.values)
	require.Len(t, kept, 1)
	require.NoError(t, w.fake.Push(t.Context(), good, address, message(componentID, "component_verify_ticket", "older")))
	require.Equal(t, kept, w.memory.values, "a push that is repeated late replaces nothing")
}

func TestAThirdPartyPlatformIsConfiguredWhole(t *testing.T) {
	t.Parallel()
	w := newComponentWorld(t)
	for _, missing := range []string{"componentAppId", "componentSecret", "token", "encodingAESKey"} {
		members := map[string]secret.String{
			"componentAppId": secret.New(componentID), "componentSecret": secret.New("s"), "token": secret.New("t"), "encodingAESKey": secret.New(componentKey),
		}
		delete(members, missing)
		_, err := providers.Registry{wechat.ComponentRegistration}.New(providers.App{ID: componentApp, Provider: wechat.ComponentName, Members: members}, providers.Config{Memory: w.memory})
		require.ErrorContains(t, err, missing)
	}
}
