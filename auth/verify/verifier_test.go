package verify_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

func TestAGoodTokenIsAcceptedWithEveryAlgorithm(t *testing.T) {
	for _, algorithm := range algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			v := verifier()
			token := signers()[algorithm].good()
			for range 2 { // afresh, then from the cache
				got, err := v.Verify(t.Context(), token)
				require.NoError(t, err)
				require.Equal(t, &verify.Claims{
					Issuer: issuer, Subject: "user-1", Audience: []string{audience},
					ClientID: "wx0123456789abcdef", ID: "jti-1", SessionID: "session-1",
					IssuedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour),
					Roles: []string{"editor"},
				}, got)
			}
		})
	}
}
