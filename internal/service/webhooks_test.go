package service

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/pgtest"
)

// A shop that keeps data of its own hears of each event once it is there, from
// one pod of two, and does not lose those that happened while it was down.
func TestABackEndHearsOfEventsByWebhook(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		var mu sync.Mutex
		var kinds []string
		down := false
		shop := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			var message struct{ Type string }
			mu.Lock()
			defer mu.Unlock()
			if down || json.Unmarshal(body, &message) != nil {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			kinds = append(kinds, message.Type)
		}))
		t.Cleanup(shop.Close)
		heard := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(kinds)
		}
		hooked := func(c *config.Config) {
			c.WebhookURL = secret.New(shop.URL + "/hooks")
			c.WebhookSecret = secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
			c.WebhookKinds = []string{"user_created", "session_revoked"}
		}
		a, b := w.pod(hooked), w.pod(hooked)
		alice := a.signIn("alice")
		require.Eventually(t, func() bool { return len(heard()) > 0 }, 30*time.Second, 20*time.Millisecond)
		require.Equal(t, []string{"user_created"}, heard())

		mu.Lock()
		down = true
		mu.Unlock()
		require.Equal(t, 204, b.do("POST", "/api/v1/auth/logout", alice.access, nil).status)
		require.Eventually(t, func() bool {
			n, _, err := a.service.db.WebhookBacklog(t.Context())
			return err == nil && n == 1
		}, 30*time.Second, 20*time.Millisecond)
		mu.Lock()
		down = false
		mu.Unlock()
		require.Eventually(t, func() bool { return len(heard()) > 1 }, 30*time.Second, 20*time.Millisecond)
		require.Equal(t, []string{"user_created", "session_revoked"}, heard())
	})
}

// What a shop had not heard of before the move to PostgreSQL it hears of after it,
// and nothing twice.
func TestEventsThatWaitForAWebhookMoveToPostgreSQL(t *testing.T) {
	t.Parallel()
	type heard struct{ kind, user string }
	shop := func(status int) (hooked func(*config.Config), events func() []heard) {
		var mu sync.Mutex
		var all []heard
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			var message struct {
				Type string
				Data struct{ UserID string }
			}
			if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
				rw.WriteHeader(http.StatusBadRequest)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, heard{message.Type, message.Data.UserID})
			rw.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		hooked = func(c *config.Config) {
			c.WebhookURL = secret.New(server.URL)
			c.WebhookSecret = secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
			c.WebhookKinds = []string{"user_created", "session_revoked"}
		}
		events = func() []heard {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
		return hooked, events
	}
	path := filepath.Join(t.TempDir(), "wugan.db")
	small := newWorld(t, "sqlite:"+path)
	open, told := shop(http.StatusNoContent)
	p := small.pod(open)
	alice := p.signIn("alice")
	aliceID := p.userOf(alice.access)
	require.Eventually(t, func() bool { return len(told()) == 1 }, 30*time.Second, 20*time.Millisecond)
	p.stop()

	closed, refused := shop(http.StatusServiceUnavailable)
	p = small.pod(closed)
	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", alice.access, nil).status)
	require.Eventually(t, func() bool { return len(refused()) > 0 }, 30*time.Second, 20*time.Millisecond)
	p.stop()
	p = small.pod() // it delivers nothing
	bob := p.signIn("bob")
	p.stop()

	big := *small
	big.database = pgtest.Migrated(t)
	early, toldEarly := shop(http.StatusNoContent)
	big.pod(early).stop() // it was there before the rows
	require.NoError(t, Copy(t.Context(), big.settings(), path, io.Discard))
	again, after := shop(http.StatusNoContent)
	q := big.pod(again)
	carol := q.signIn("carol")
	require.Eventually(t, func() bool { return len(after()) >= 3 }, 30*time.Second, 20*time.Millisecond)
	require.ElementsMatch(t, []heard{
		{"session_revoked", aliceID}, {"user_created", q.userOf(bob.access)}, {"user_created", q.userOf(carol.access)},
	}, after())
	require.Empty(t, toldEarly())
}
