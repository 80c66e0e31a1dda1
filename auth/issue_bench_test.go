package auth

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// BenchmarkIssue makes the pair of tokens of a session: what a login and a
// refresh cost beyond the database.
func BenchmarkIssue(b *testing.B) {
	for _, algorithm := range []string{verify.ES256, verify.EdDSA, verify.RS256, verify.HS256} {
		b.Run(algorithm, func(b *testing.B) {
			ring := func(algorithm string) *Keyring {
				key, err := GenerateKey(algorithm, time.Time{})
				require.NoError(b, err)
				set, err := NewKeySet(key)
				require.NoError(b, err)
				return NewKeyring(set)
			}
			i := issuer{
				name: "https://auth.example.com", audience: "https://api.example.com", access: ring(algorithm), refresh: ring(verify.HS256),
				lifetimes: Lifetimes{AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour},
			}
			now := time.Now()
			g := grant{
				userID: uuid.New(), sessionID: uuid.New(), appID: "wx4f4bc4dec97d474b", counters: Counters{Used: 1, Last: 2, RotatedAt: now},
				createdAt: now, expiresAt: now.Add(168 * time.Hour), metadata: json.RawMessage(`{}`), now: now,
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := i.issue(g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
