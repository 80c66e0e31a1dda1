package standin_test

import (
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

func TestOfManyAtOnceOneUsesACode(t *testing.T) {
	d := standin.NewDesk(standin.Options{})
	code := d.Issue("app", "login", "alice", time.Minute)
	require.NotEqual(t, code, d.Issue("app", "login", "alice", time.Minute))
	var good, used atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			switch _, state := d.Take("app", "login", code); state {
			case standin.Good:
				good.Add(1)
			case standin.Used:
				used.Add(1)
			case standin.Unknown:
			}
		})
	}
	wg.Wait()
	require.Equal(t, []int32{1, 49}, []int32{good.Load(), used.Load()})
}

func TestADevCodeNamesItsUserWhereDevCodesAreAllowed(t *testing.T) {
	d := standin.NewDesk(standin.Options{DevCodes: true})
	for range 2 {
		user, state := d.Take("app", "login", "dev:alice")
		require.Equal(t, standin.Good, state)
		require.Equal(t, "alice", user)
	}
	for _, text := range []string{"dev:", "alice", "DEV:alice", ""} {
		_, state := d.Take("app", "login", text)
		require.Equal(t, standin.Unknown, state, text)
	}
}

func TestTheClockMovesBothWays(t *testing.T) {
	var clock standin.Clock
	require.WithinDuration(t, time.Now(), clock.Now(), time.Minute)
	clock.Move(2 * time.Hour)
	clock.Move(-time.Hour)
	require.WithinDuration(t, time.Now().Add(time.Hour), clock.Now(), time.Minute)

	d := standin.NewDesk(standin.Options{Now: clock.Now})
	code := d.Issue("app", "login", "alice", time.Minute)
	d.MoveClock(time.Hour)
	require.WithinDuration(t, time.Now().Add(2*time.Hour), d.Now(), time.Minute)
	_, state := d.Take("app", "login", code)
	require.Equal(t, standin.Unknown, state, "expired")
	d.MoveClock(-time.Hour)
	_, state = d.Take("app", "login", code)
	require.Equal(t, standin.Good, state, "what expired had not been used")
}

// ask makes a request and returns the status, 0 for a connection that broke off, and
// the body.
func ask(t *testing.T, address string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	req.Close = true // on a kept connection that breaks off net/http would ask again
	res, err := http.DefaultTransport.RoundTrip(req)
	if errors.Is(err, io.EOF) {
		return 0, ""
	}
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func TestAFaultStrikesWhereAndAsOftenAsItSays(t *testing.T) {
	d := standin.NewDesk(standin.Options{})
	server := httptest.NewServer(d.Around(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "own") })))
	defer server.Close()
	expect := func(path string, status int, body string) {
		t.Helper()
		gotStatus, gotBody := ask(t, server.URL+path)
		require.Equal(t, status, gotStatus)
		require.Equal(t, body, gotBody)
	}
	expect("/a", 200, "own")
	d.SetFault(standin.Fault{Path: "/a", Status: 503, Body: "twice", Count: 2})
	d.SetFault(standin.Fault{Path: "/b", Count: 1}) // breaks the connection off
	expect("/c", 200, "own")
	expect("/a", 503, "twice")
	expect("/b", 0, "")
	expect("/b", 200, "own")
	expect("/a", 503, "twice")
	expect("/a", 200, "own")

	d.SetFault(standin.Fault{Status: 200, Body: "always"})
	d.SetFault(standin.Fault{Path: "/a", Status: 500, Body: "behind the first"})
	for range 3 {
		expect("/a", 200, "always")
		expect("/c", 200, "always")
	}
	d.ClearFaults()
	expect("/a", 200, "own")
	calls := d.Calls()
	require.Equal(t, []string{"/a", "/c", "/a", "/b", "/b", "/a", "/a"}, calls[:7], "a call that met a fault is one")
	require.Len(t, calls, 14)
	calls[0] = "changed"
	require.Equal(t, "/a", d.Calls()[0], "the caller got a copy")
}

func TestAUserIsTheSameEveryTime(t *testing.T) {
	require.Equal(t, "81898543954dc32f9d4803db7a6c7651", standin.ID("openid", "app", "alice"), "in the next version too")
	seen := map[string]bool{}
	for _, parts := range [][3]string{{"openid", "app", "alice"}, {"openid", "app", "bob"}, {"openid", "app2", "alice"}, {"unionid", "app", "alice"}, {"openid", "ap", "palice"}} {
		id := standin.ID(parts[0], parts[1], parts[2])
		require.True(t, providers.PlausibleID(id))
		require.False(t, seen[id], parts)
		seen[id] = true
	}
	require.Regexp(t, `^138\d{8}$`, standin.Phone("alice"))
	require.Equal(t, "13805010931", standin.Phone("alice"))
	require.NotEqual(t, standin.Phone("alice"), standin.Phone("bob"))
	require.NotEqual(t, standin.SessionKey("qq", "app", "alice", 16), standin.SessionKey("wecom", "app", "alice", 16))
}

func TestEncryptionLeavesThePayloadAsItWas(t *testing.T) {
	payload := map[string]any{"a": 1}
	key := standin.SessionKey("qq", "app", "alice", 16)
	first := standin.EncryptMarked("app", key, time.Now(), payload)
	require.Equal(t, map[string]any{"a": 1}, payload)
	require.NotEqual(t, first.IV, standin.EncryptMarked("app", key, time.Now(), payload).IV)
}

func TestNewAppsGetKeysOfTheirOwn(t *testing.T) {
	d := standin.NewDesk(standin.Options{})
	first, err := d.NewKey()
	require.NoError(t, err)
	require.Equal(t, 2048, first.N.BitLen())
	second, err := d.NewKey()
	require.NoError(t, err)
	require.False(t, first.Equal(second))
	got, err := providers.RSAPrivateKey(standin.PrivatePEM(first))
	require.NoError(t, err)
	require.True(t, first.Equal(got))

	d = standin.NewDesk(standin.Options{NewKey: func() (*rsa.PrivateKey, error) { return second, nil }})
	got, err = d.NewKey()
	require.NoError(t, err)
	require.True(t, second.Equal(got))
}

func TestAQueryThatNoCorrectClientSendsFailsLoudly(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if query, ok := standin.Query(w, r); ok {
			standin.WriteJSON(w, map[string]any{"a": query.Get("a")})
		}
	}))
	defer server.Close()
	status, body := ask(t, server.URL+"/?a="+url.QueryEscape("b&c"))
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"a":"b&c"}`, body)
	for _, query := range []string{"a=1&a=2", "a=%zz", "a=1;b=2"} {
		status, body = ask(t, server.URL+"/?"+query)
		require.Equal(t, 500, status, query)
		require.Contains(t, body, "standin: ")
	}
}

func TestAStandInIsServedUntilItIsStopped(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	address, stop, err := standin.Serve(t.Context(), "127.0.0.1:0", h)
	require.NoError(t, err)
	_, body := ask(t, address)
	require.Equal(t, "here", body)
	_, _, err = standin.Serve(t.Context(), address[len("http://"):], h)
	require.Error(t, err, "the address is taken")
	stop()
	again, stopAgain, err := standin.Serve(t.Context(), address[len("http://"):], h)
	require.NoError(t, err, "it is free again")
	defer stopAgain()
	require.Equal(t, address, again)
}
