package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/internal/test/sqlitetest"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

const secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is a back end that takes webhooks. The function says how a message is
// answered.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	status func(m message) int
	taken  []message
}

type message struct {
	ID        string
	Type      string         `json:"type"`
	Timestamp time.Time      `json:"timestamp"`
	Data      events.Message `json:"data"`
}

func newReceiver(t *testing.T, status func(m message) int) *receiver {
	t.Helper()
	r := &receiver{t: t, status: status}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender has left
	}
	m := message{ID: req.Header.Get("webhook-id")}
	if err := errors.Join(verifySignature(req.Header, body), json.Unmarshal(body, &m)); err != nil {
		r.t.Errorf("a message cannot be used: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	status := r.status(m)
	if status/100 == 2 {
		r.taken = append(r.taken, m)
	}
	w.WriteHeader(status)
}

// verifySignature checks a message as a receiver does.
func verifySignature(h http.Header, body []byte) error {
	secret, err1 := standardwebhooks.ParseSecret(secretText)
	seconds, err2 := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if secret.Sign(h.Get("webhook-id"), time.Unix(seconds, 0), body) != h.Get("webhook-signature") {
		return errors.New("the signature does not fit")
	}
	return nil
}

// of returns the kinds that a user's messages had, in the order in which they
// were taken.
func (r *receiver) of(userID uuid.UUID) (kinds []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.taken {
		if m.Data.UserID == userID.String() {
			kinds = append(kinds, m.Type)
		}
	}
	return kinds
}

func (r *receiver) change(status func(m message) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func openStore(t *testing.T) *sqlite.Store {
	t.Helper()
	s := sqlitetest.Open(t, auth.Lifetimes{AccessTTL: time.Hour, RefreshTTL: 24 * time.Hour, Grace: 10 * time.Second})
	return s
}

// person logs in for the first time, which is an event, and out, which is another.
func person(t *testing.T, s *sqlite.Store) (userID uuid.UUID, leave func()) {
	t.Helper()
	login := auth.Login{Provider: "wechat", Account: "default", AppID: "wx1", OpenID: uuid.NewString(), NewUserID: uuid.New(), SessionID: uuid.New(), Now: time.Now()}
	in, err := s.Login(t.Context(), login)
	require.NoError(t, err)
	return in.User.ID, func() {
		ended, err := s.EndSession(t.Context(), auth.Ending{UserID: in.User.ID, SessionID: login.SessionID, Reason: "a test", Actor: users.ActorUser, Now: time.Now()})
		require.NoError(t, err)
		require.True(t, ended)
	}
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// dispatch runs a dispatcher until the returned function is called.
func dispatch(t *testing.T, s *sqlite.Store, address string, kinds ...users.EventKind) (log *logged, stop func()) {
	t.Helper()
	to, err := url.Parse(address)
	require.NoError(t, err)
	secret, err := standardwebhooks.ParseSecret(secretText)
	require.NoError(t, err)
	log = &logged{}
	d, err := events.NewDispatcher(events.DispatcherConfig{
		Store: s, URL: to, Secret: secret, Kinds: kinds, Log: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(stop)
	require.Eventually(t, func() bool { // it has begun behind what was there
		_, err := s.ClaimWebhooks(t.Context(), uuid.New(), -time.Second)
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)
	return log, stop
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 20*time.Second, 20*time.Millisecond, what)
}

func accept(message) int { return http.StatusNoContent }

func TestEachEventIsDeliveredInTheOrderOfItsUser(t *testing.T) {
	s, r := openStore(t), newReceiver(t, accept)
	before, _ := person(t, s)
	dispatch(t, s, r.URL)
	var ids []uuid.UUID
	for range 20 {
		id, leave := person(t, s)
		leave()
		ids = append(ids, id)
	}
	for _, id := range ids {
		eventually(t, "both events of a person", func() bool {
			return slices.Equal(r.of(id), []string{"user_created", "session_revoked"})
		})
	}
	require.Empty(t, r.of(before), "what happened before webhooks were set")
}

func TestAFailureHoldsBackItsUserAlone(t *testing.T) {
	s := openStore(t)
	var stuck uuid.UUID
	var mu sync.Mutex
	r := newReceiver(t, func(m message) int {
		mu.Lock()
		defer mu.Unlock()
		if m.Data.UserID == stuck.String() {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	mu.Lock()
	log, _ := dispatch(t, s, r.URL)
	first, leave := person(t, s)
	stuck = first
	mu.Unlock()
	leave()
	second, leaveToo := person(t, s)
	leaveToo()
	eventually(t, "another person's events", func() bool { return len(r.of(second)) == 2 })
	eventually(t, "both wait", func() bool { n, _, err := s.WebhookBacklog(t.Context()); return err == nil && n == 2 })
	require.Empty(t, r.of(first))
	require.Contains(t, log.String(), "a webhook was not delivered")

	r.change(accept)
	eventually(t, "the first pause is five seconds", func() bool {
		return slices.Equal(r.of(first), []string{"user_created", "session_revoked"})
	})
	eventually(t, "nothing waits", func() bool { n, _, err := s.WebhookBacklog(t.Context()); return err == nil && n == 0 })
}

func TestARestartLosesNothing(t *testing.T) {
	s := openStore(t)
	hold := make(chan struct{})
	r := newReceiver(t, func(message) int {
		<-hold
		return http.StatusServiceUnavailable
	})
	_, stop := dispatch(t, s, r.URL)
	id, leave := person(t, s)
	time.Sleep(100 * time.Millisecond) // the attempt is on its way
	go func() { time.Sleep(50 * time.Millisecond); close(hold) }()
	stop()
	leave() // while nothing delivers
	r.change(accept)
	dispatch(t, s, r.URL)
	eventually(t, "both events, by the next process", func() bool {
		kinds := r.of(id)
		return len(kinds) >= 2 && kinds[len(kinds)-1] == "session_revoked" && kinds[0] == "user_created"
	})
}

// A stop comes while eight messages are on their way and others wait.
func TestAStopSendsNothingTwice(t *testing.T) {
	s := openStore(t)
	var mu sync.Mutex
	asked := map[string]int{}
	hold := make(chan struct{})
	var held atomic.Int32
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		asked[req.Header.Get("webhook-id")]++
		mu.Unlock()
		held.Add(1)
		<-hold
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	_, stop := dispatch(t, s, r.URL)
	stop() // its place is before what follows
	const people = 12
	for range people {
		_, leave := person(t, s)
		leave()
	}
	_, stop = dispatch(t, s, r.URL)
	eventually(t, "some are on their way", func() bool { return held.Load() > 1 })
	go func() {
		time.Sleep(200 * time.Millisecond) // the stop has begun
		close(hold)
	}()
	stop()
	_, stop = dispatch(t, s, r.URL)
	eventually(t, "each is sent", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(asked) == 2*people
	})
	stop()
	for id, times := range asked {
		require.Equal(t, 1, times, id)
	}
}

func TestOnlyTheKindsThatAreAskedForAreSent(t *testing.T) {
	s, r := openStore(t), newReceiver(t, accept)
	dispatch(t, s, r.URL, users.EventSessionRevoked)
	id, leave := person(t, s)
	leave()
	eventually(t, "the one event", func() bool { return len(r.of(id)) == 1 })
	require.Equal(t, []string{"session_revoked"}, r.of(id))
}

func TestAReceiverThatIsGoneGetsNothingTwiceWhenItIsResumed(t *testing.T) {
	s := openStore(t)
	_, stop := dispatch(t, s, "http://127.0.0.1:1/")
	stop() // its place is before what follows
	taken, _ := person(t, s)
	refused, _ := person(t, s)
	r := newReceiver(t, func(m message) int {
		if m.Data.UserID == refused.String() {
			return http.StatusGone
		}
		return http.StatusNoContent
	})
	log, stop := dispatch(t, s, r.URL)
	eventually(t, "it is asked no more", func() bool { return strings.Contains(log.String(), "webhooks are stopped") })
	stop()
	require.Len(t, r.of(taken), 1)
	r.change(accept)
	require.NoError(t, s.ResumeWebhooks(t.Context()))
	dispatch(t, s, r.URL)
	eventually(t, "the other one", func() bool { return len(r.of(refused)) == 1 })
	require.Len(t, r.of(taken), 1)
}

func TestAReceiverThatIsGoneIsAskedNoMoreUntilItIsResumed(t *testing.T) {
	s := openStore(t)
	r := newReceiver(t, func(message) int { return http.StatusGone })
	log, stop := dispatch(t, s, r.URL+"/?secret=of-the-receiver")
	id, _ := person(t, s)
	eventually(t, "an error line", func() bool { return strings.Contains(log.String(), "level=ERROR") })
	require.NotContains(t, log.String(), "of-the-receiver")
	stop()
	r.change(accept)
	log, stop = dispatch(t, s, r.URL+"/?secret=of-the-receiver")
	eventually(t, "the next process says so, too", func() bool { return strings.Contains(log.String(), "webhooks are stopped") })
	require.Empty(t, r.of(id))
	stop()
	require.NoError(t, s.ResumeWebhooks(t.Context()))
	dispatch(t, s, r.URL+"/?secret=of-the-receiver")
	eventually(t, "what waited", func() bool { return len(r.of(id)) == 1 })
}
