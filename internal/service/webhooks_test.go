package service

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
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
