package service

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
)

// A service that keeps the keys for five minutes, as Cache-Control lets it, does
// not know the new key when the first token of it comes.
func TestAVerifierThatReadsTheKeysByAddressRefusesNoTokenDuringARotation(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	pods := []*pod{w.pod(), w.pod()}
	keys := verify.JWKS(pods[0].server.URL + "/.well-known/jwks.json")
	defer keys.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, keys.Ready(ctx))
	verifier := verify.New("https://auth.example.com", "https://api.example.com", keys, verify.WithClock(w.clock.Now))

	now := time.Now().UTC()
	key, err := auth.GenerateKey(verify.ES256, now.Add(watchEvery+time.Second))
	require.NoError(t, err)
	next, _, err := w.access.Rotate(key, now, time.Hour)
	require.NoError(t, err)
	mine := pods[0].signIn("alice")
	require.NoError(t, replaceKeys(filepath.Join(w.folder, "access.jwks"), next))

	kids := map[string]bool{}
	for i := 0; time.Since(now) < watchEvery+4*time.Second; i++ {
		a := pods[i%2].refresh(mine.refresh)
		require.Equal(t, 200, a.status, "%s", a.body)
		mine = pair(a)
		kids[kidOf(mine.access)] = true
		_, err := verifier.Verify(ctx, mine.access)
		require.NoError(t, err, "token %d, signed by %s", i, kidOf(mine.access))
		time.Sleep(5 * time.Millisecond)
	}
	require.Len(t, kids, 2)
}
