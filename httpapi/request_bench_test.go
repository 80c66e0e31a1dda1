package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRequest runs whole requests through the handler, without a network: a
// refresh, a login of a known user (many more of them than the rate allows one
// user), and a read with an access token.
func BenchmarkRequest(b *testing.B) {
	handler := newSite(b, func(c *Config, _ *http.Server) { c.LoginRate = 0 }).server.Handler
	send := func(method, path, body, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		return recorder
	}
	var tokens struct{ AccessToken, RefreshToken string }
	renew := func(b *testing.B, response *httptest.ResponseRecorder) {
		b.Helper()
		require.Equal(b, http.StatusOK, response.Code, "%s", response.Body)
		require.NoError(b, json.Unmarshal(response.Body.Bytes(), &tokens))
	}
	const loginBody = `{"code":"code-bench","deviceId":"7a1e6c1e-55d5-4b0f-8a0e-6a54c9b2f3aa"}`
	renew(b, send(http.MethodPost, "/api/v1/auth/login", loginBody, ""))

	b.Run("refresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			renew(b, send(http.MethodPost, "/api/v1/auth/refresh", fmt.Sprintf(`{"refreshToken":%q}`, tokens.RefreshToken), ""))
		}
	})
	b.Run("login", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			renew(b, send(http.MethodPost, "/api/v1/auth/login", loginBody, ""))
		}
	})
	b.Run("me", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.Equal(b, http.StatusOK, send(http.MethodGet, "/api/v1/users/me", "", tokens.AccessToken).Code)
		}
	})
}
