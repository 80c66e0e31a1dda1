package verifytest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/auth/verify/verifytest"
)

func TestATokenIsAcceptedByItsIssuersVerifierAlone(t *testing.T) {
	issuer, other := verifytest.New(), verifytest.New()
	claims, err := issuer.Verifier().Verify(t.Context(), issuer.Token(
		verifytest.Subject("alice"), verifytest.Session("s1"), verifytest.ClientID("wx1"), verifytest.Roles("editor")))
	require.NoError(t, err)
	require.Equal(t, "alice", claims.Subject)
	require.Equal(t, "s1", claims.SessionID)
	require.Equal(t, "wx1", claims.ClientID)
	require.True(t, claims.HasRole("editor"))
	require.Equal(t, time.Hour, claims.ExpiresAt.Sub(claims.IssuedAt))

	_, err = other.Verifier().Verify(t.Context(), issuer.Token())
	require.ErrorIs(t, err, verify.ErrInvalid)
}

func TestWrongClaimsAreRefusedAsTheServiceRefusesThem(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	issuer := verifytest.New(verifytest.WithClock(func() time.Time { return now }), verifytest.WithIssuer("https://a.example.com"), verifytest.WithAudience("shop"))
	for name, c := range map[string]struct {
		claim verifytest.Claim
		want  error
	}{
		"expired":          {verifytest.ExpiresAt(now), verify.ErrExpired},
		"no subject":       {verifytest.Set("sub", nil), verify.ErrInvalid},
		"another audience": {verifytest.Set("aud", "billing"), verify.ErrInvalid},
		"another issuer":   {verifytest.Set("iss", "https://b.example.com"), verify.ErrInvalid},
	} {
		_, err := issuer.Verifier().Verify(t.Context(), issuer.Token(c.claim))
		require.ErrorIs(t, err, c.want, name)
	}
	_, err := issuer.Verifier().Verify(t.Context(), issuer.Token())
	require.NoError(t, err)
}

func TestARevokedSessionIsRefusedHereAndByFeedReaders(t *testing.T) {
	issuer := verifytest.New()
	server := httptest.NewServer(issuer.Handler())
	t.Cleanup(server.Close)
	keys := verify.JWKS(server.URL + "/.well-known/jwks.json")
	t.Cleanup(keys.Close)
	feed := verify.Feed(server.URL, verifytest.GatewayKey)
	t.Cleanup(feed.Close)
	require.NoError(t, keys.Ready(t.Context()))
	require.NoError(t, feed.Ready(t.Context()))

	remote := verify.New(issuer.Issuer(), issuer.Audience(), keys, verify.WithRevocations(feed))
	token := issuer.Token(verifytest.Session("s1"))
	_, err := remote.Verify(t.Context(), token)
	require.NoError(t, err)

	issuer.Revoke("s1")
	_, err = issuer.Verifier().Verify(t.Context(), token)
	require.ErrorIs(t, err, verify.ErrRevoked)
	require.Eventually(t, func() bool {
		_, err := remote.Verify(t.Context(), token)
		return verify.Code(err) == "session_revoked"
	}, 10*time.Second, 10*time.Millisecond)
	_, err = remote.Verify(t.Context(), issuer.Token(verifytest.Session("s2")))
	require.NoError(t, err)
}

func TestTheFeedWantsItsKey(t *testing.T) {
	recorder := httptest.NewRecorder()
	verifytest.New().Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/revocations", http.NoBody))
	require.Equal(t, http.StatusUnauthorized, recorder.Code)
}

// The unit test of a service that trusts wugan's tokens.
func Example() {
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, "orders of %s", claims.Subject)
	})
	issuer := verifytest.New()
	api := issuer.Verifier().Middleware(orders)

	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/orders", http.NoBody)
	request.Header.Set("Authorization", "Bearer "+issuer.Token(verifytest.Subject("alice")))
	response := httptest.NewRecorder()
	api.ServeHTTP(response, request)
	fmt.Println(response.Code, response.Body)

	request.Header.Set("Authorization", "Bearer "+issuer.Token(verifytest.ExpiresAt(time.Now().Add(-time.Minute))))
	response = httptest.NewRecorder()
	api.ServeHTTP(response, request)
	fmt.Println(response.Code, response.Header().Get("WWW-Authenticate"))
	// Output:
	// 200 orders of alice
	// 401 Bearer error="invalid_token", error_description="Access token expired"
}
