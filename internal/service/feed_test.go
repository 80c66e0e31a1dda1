package service

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// newSQLiteWorld is for promises that do not depend on the database.
func newSQLiteWorld(t *testing.T) *world {
	t.Helper()
	return newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
}

func (p *pod) feed(query string, header ...string) answer {
	p.w.t.Helper()
	return p.do("GET", "/api/v1/revocations"+query, gatewayKey, nil, header...)
}

// revokedIDs are the sessions that an answer of the feed names.
func revokedIDs(a answer) []string {
	var ids []string
	list, _ := a.json()["sessions"].([]any)
	for _, entry := range list {
		ids = append(ids, entry.(map[string]any)["id"].(string))
	}
	return ids
}

// sessionOf asks a pod which session a token belongs to.
func (p *pod) sessionOf(token string) string {
	p.w.t.Helper()
	a := p.do("GET", "/api/v1/auth/verify", token, nil)
	require.Equal(p.w.t, 204, a.status)
	return a.header.Get("X-Session-Id")
}

func TestTheFeedNamesSessionsWhoseTokensMayStillLive(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		empty := p.feed("")
		require.Equal(t, 200, empty.status, "%s", empty.body)
		require.Equal(t, []any{}, empty.json()["sessions"])

		alice := p.signIn("alice")
		id := p.sessionOf(alice.access)
		before := w.clock.Now()
		require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", alice.access, nil).status)

		news := p.feed("?since=" + empty.text("cursor"))
		require.Equal(t, []string{id}, revokedIDs(news))
		entry := news.json()["sessions"].([]any)[0].(map[string]any)
		end, err := time.Parse(time.RFC3339Nano, entry["expiresAt"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, before.Add(4*time.Hour), end, time.Second, "one access-token life")

		require.Empty(t, revokedIDs(p.feed("?since="+news.text("cursor"))), "a reader who is up to date gets nothing again")
		require.Equal(t, []string{id}, revokedIDs(p.feed("")))

		w.clock.move(5 * time.Hour)
		require.Empty(t, revokedIDs(p.feed("")), "no living token can name it any more")
	})
}

func TestTheFeedIsForGatewaysAlone(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	require.Equal(t, "token_missing", p.do("GET", "/api/v1/revocations", "", nil).code())
	require.Equal(t, "key_invalid", p.do("GET", "/api/v1/revocations", "another-key-0123456789abcdef01234567", nil).code())
	require.Equal(t, "key_invalid", p.do("GET", "/api/v1/revocations", p.signIn("alice").access, nil).code())
	require.Equal(t, "forbidden", p.do("GET", "/api/v1/revocations", adminKey, nil).code())
	require.Equal(t, 404, w.pod().do("GET", "/api/v1/revocations", gatewayKey, nil).status)
	for _, query := range []string{"?since=nonsense", "?wait=26s", "?wait=-1s", "?wait=soon", "?since=1-2-3"} {
		require.Equal(t, "invalid_request", p.feed(query).code(), query)
	}
}

func TestTheFeedIsAnsweredFromMemory(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	alice := p.signIn("alice")
	id := p.sessionOf(alice.access)
	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", alice.access, nil).status)
	require.NoError(t, p.service.db.Close())
	require.Equal(t, []string{id}, revokedIDs(p.feed("")), "gateways notice nothing of an outage of the database")
}

func TestAnEntityTagSavesWhatIsKnown(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	first := p.feed("")
	tag := first.header.Get("ETag")
	require.NotEmpty(t, tag)
	require.Equal(t, 304, p.feed("", "If-None-Match", tag).status)
	require.Equal(t, 304, p.feed("?wait=100ms", "If-None-Match", tag).status)
	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", p.signIn("alice").access, nil).status)
	changed := p.feed("", "If-None-Match", tag)
	require.Equal(t, 200, changed.status)
	require.NotEqual(t, tag, changed.header.Get("ETag"))
}

func TestALongPollIsAnsweredOnceAnotherPodEndsASession(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		a, b := w.pod(withOperatorKeys), w.pod(withOperatorKeys)
		alice := a.signIn("alice")
		id := a.sessionOf(alice.access)
		cursor := b.feed("").text("cursor")

		type result struct {
			answer answer
			err    error
			at     time.Time
		}
		polled := make(chan result, 1)
		go func() {
			answer, err := b.try("GET", "/api/v1/revocations?wait=15s&since="+cursor, gatewayKey, nil)
			polled <- result{answer, err, time.Now()}
		}()
		select {
		case r := <-polled:
			t.Fatalf("answered %d with nothing to say", r.answer.status)
		case <-time.After(300 * time.Millisecond):
		}
		ended := time.Now()
		require.Equal(t, 204, a.do("POST", "/api/v1/auth/logout", alice.access, nil).status)
		r := <-polled
		require.NoError(t, r.err)
		require.Equal(t, []string{id}, revokedIDs(r.answer))
		require.Less(t, r.at.Sub(ended), 3*time.Second)
	})
}

func TestALongPollOutlivesTheDeadlineForBodies(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	cursor := p.feed("").text("cursor")
	started := time.Now()
	a := p.feed("?wait=17s&since=" + cursor)
	require.Equal(t, 200, a.status)
	require.Equal(t, cursor, a.text("cursor"))
	require.GreaterOrEqual(t, time.Since(started), 17*time.Second,
		"the deadline of 15 s for reading a request must not end a wait")
}

func TestAStopWaitsForNoReaderOfTheFeed(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	c := w.settings()
	c.Addr, c.MetricsAddr = "127.0.0.1:0", ""
	withOperatorKeys(&c)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- Run(ctx, c, Options{Listening: func(a net.Addr) { address <- a }})
	}()
	base := "http://" + (<-address).String()
	require.Eventually(t, func() bool { return status(base+"/readyz") == 200 }, 5*time.Second, 10*time.Millisecond)

	get := func(query string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/v1/revocations"+query, http.NoBody)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+gatewayKey)
		return http.DefaultClient.Do(r)
	}
	polled := make(chan error, 1)
	go func() {
		res, err := get("?since=0-0&wait=25s")
		if err == nil {
			err = res.Body.Close()
		}
		polled <- err
	}()
	time.Sleep(300 * time.Millisecond) // the poll is under way
	stopped := time.Now()
	stop()
	require.NoError(t, <-done)
	require.Less(t, time.Since(stopped), 5*time.Second)
	require.NoError(t, <-polled, "the reader got an answer, not a broken connection")
}

func TestAReaderThatGoesAwayEndsItsPoll(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(withOperatorKeys)
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p.service.Handler().ServeHTTP(rw, r)
		close(ended)
	}))
	defer server.Close()
	ctx, leave := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/revocations?since=0-0&wait=25s", http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+gatewayKey)
	_, err = http.DefaultClient.Do(r) //nolint:bodyclose // there is no answer
	require.Error(t, err)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the handler goes on waiting for a reader that has gone")
	}
}

func TestAServiceThatReadsTheFeedRefusesWithinASecond(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		feed := verify.Feed(p.server.URL, gatewayKey)
		defer feed.Close()
		keys := verify.JWKS(p.server.URL + "/.well-known/jwks.json")
		defer keys.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.NoError(t, feed.Ready(ctx))
		require.NoError(t, keys.Ready(ctx))
		verifier := verify.New("https://auth.example.com", "https://api.example.com", keys,
			verify.WithRevocations(feed), verify.WithClock(w.clock.Now))

		alice := p.signIn("alice")
		_, err := verifier.Verify(ctx, alice.access)
		require.NoError(t, err)
		require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", alice.access, nil).status)
		require.Eventually(t, func() bool {
			_, err := verifier.Verify(ctx, alice.access)
			return verify.Code(err) == "session_revoked"
		}, 2*time.Second, 10*time.Millisecond)
	})
}
