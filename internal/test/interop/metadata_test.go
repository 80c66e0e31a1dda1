package interop_test

import (
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/test/devserver"
)

// TestAnOpenIDConnectLibraryFindsEverythingFromTheIssuer: keys and algorithms,
// though there are no ID tokens and no authorization endpoint.
func TestAnOpenIDConnectLibraryFindsEverythingFromTheIssuer(t *testing.T) {
	for _, algorithm := range []string{verify.ES256, verify.RS256} {
		t.Run(algorithm, func(t *testing.T) {
			server := devserver.Start(t, "WUGAN_ACCESS_KEYS="+devserver.Keys(t, algorithm))
			tokens := server.Login(t, "alice")
			provider, err := oidc.NewProvider(t.Context(), server.URL)
			require.NoError(t, err)
			require.Equal(t, server.URL+"/oauth2/token", provider.Endpoint().TokenURL)
			verifier := provider.Verifier(&oidc.Config{ClientID: server.URL}) // checks aud
			token, err := verifier.Verify(t.Context(), tokens.AccessToken)
			require.NoError(t, err)
			require.Equal(t, tokens.User.ID, token.Subject)
			_, err = verifier.Verify(t.Context(), tokens.RefreshToken)
			require.Error(t, err)
		})
	}
}
