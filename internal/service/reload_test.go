package service

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/keyfile"
)

// kidOf reads which key signed a token; "" for what is no token.
func kidOf(token string) string {
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		return ""
	}
	kid, _ := parsed.Header["kid"].(string)
	return kid
}

// rotated adds a key that signs from now on.
func rotated(t *testing.T, set *auth.KeySet) *auth.KeySet {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	key, err := auth.GenerateKey(set.Signer(now).Algorithm, now)
	require.NoError(t, err)
	out, _, err := set.Rotate(key, now, time.Hour)
	require.NoError(t, err)
	return out
}

func TestChangedKeyFilesAreTakenUpAndBrokenOnesAreNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	p := w.pod()
	before := p.signIn("alice")
	accessFile, refreshFile := filepath.Join(w.folder, "access.jwks"), filepath.Join(w.folder, "refresh.jwks")

	fresh := rotated(t, w.access)
	require.NoError(t, replaceKeys(accessFile, fresh))
	require.NoError(t, replaceKeys(refreshFile, rotated(t, w.refresh)))
	// Another user signs in again and again, for there is a limit to a user's sessions.
	takenUp := func(set *auth.KeySet) func() bool {
		return func() bool { return kidOf(p.signIn("bob").access) == set.Signer(time.Now()).ID }
	}
	require.Eventually(t, takenUp(fresh), 10*time.Second, 50*time.Millisecond, "noticed by itself")
	require.Equal(t, 200, p.me(before.access).status, "what the earlier key signed lives on")
	after := p.refresh(before.refresh)
	require.Equal(t, 200, after.status, "%s", after.body)
	require.NotEqual(t, kidOf(before.refresh), kidOf(pair(after).refresh))
	require.Contains(t, string(p.do("GET", "/.well-known/jwks.json", "", nil).body), fresh.Signer(time.Now()).ID)

	// Half a file, no file, and a file with the other kind's keys.
	whole, err := os.ReadFile(accessFile)
	require.NoError(t, err)
	other, err := os.ReadFile(refreshFile)
	require.NoError(t, err)
	for i, broken := range [][]byte{whole[:len(whole)/2], nil, other} {
		if broken == nil {
			require.NoError(t, os.Remove(accessFile))
		} else {
			require.NoError(t, os.WriteFile(accessFile, broken, 0o600))
		}
		require.Eventually(t, func() bool {
			return strings.Count(w.log.String(), "the earlier ones stay in use") == i+1
		}, 10*time.Second, 20*time.Millisecond, "the operator is told")
		require.True(t, takenUp(fresh)(), "the earlier keys stay in use")
		require.Equal(t, 200, p.me(pair(after).access).status)
	}
	for _, hidden := range strings.Split(string(whole), `"`) {
		if len(hidden) == 43 { // a coordinate or the private number of a P-256 key
			require.NotContains(t, w.log.String(), hidden)
		}
	}

	// A file that is whole again is taken up again, also by way of a link, as
	// mounted secrets are exchanged.
	newest := rotated(t, fresh)
	require.NoError(t, os.Remove(accessFile))
	require.NoError(t, keyfile.Create(filepath.Join(w.folder, "elsewhere.jwks"), newest))
	require.NoError(t, os.Symlink("elsewhere.jwks", accessFile))
	require.Eventually(t, takenUp(newest), 10*time.Second, 50*time.Millisecond)
}

func TestAKeyThatIsReplacedTakesItsTokensWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	p := w.pod()
	mine := p.signIn("alice")
	require.Equal(t, 200, p.me(mine.access).status)
	require.NoError(t, replaceKeys(filepath.Join(w.folder, "access.jwks"), keySet(t, "EdDSA")))
	require.Eventually(t, func() bool { return p.me(mine.access).code() == "token_invalid" }, 10*time.Second, 50*time.Millisecond,
		"a cached token must not outlive its key")
	next := p.refresh(mine.refresh)
	require.Equal(t, 200, next.status, "one refresh later the client is in again")
	require.Equal(t, 200, p.me(pair(next).access).status)
}

// TestSIGHUPReadsKeysAtOnce sends the signal to this very process: every pod of
// every test that runs reads its files again, which changes nothing for them.
func TestSIGHUPReadsKeysAtOnce(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	p := w.pod()
	mine := make(chan os.Signal, 1)
	signal.Notify(mine, syscall.SIGHUP) // without a listener the signal would end the process
	defer signal.Stop(mine)
	// The file has not changed, so only the signal can be why it is read.
	require.Eventually(t, func() bool {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
		return strings.Contains(w.log.String(), "keys read again")
	}, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, 200, p.login("alice").status)
}

// A rotation as an operator makes it: the new key is published before it signs,
// and no user is refused on the way, on either pod.
func TestNoTokenIsRefusedWhileKeysAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	pods := []*pod{w.pod(), w.pod()}
	stop := make(chan struct{})
	failed := make(chan string, 4)
	done := make(chan map[string]bool, 4)
	for client := range 4 {
		person := fmt.Sprintf("person-%d", client)
		mine := pods[0].signIn(person)
		go func() {
			kids := map[string]bool{}
			defer func() { done <- kids }()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				kids[kidOf(mine.access)] = true
				a, err := pods[i%2].try(http.MethodGet, "/api/v1/users/me", mine.access, nil)
				if err == nil && a.status == 200 {
					a, err = pods[(i+1)%2].try(http.MethodPost, "/api/v1/auth/refresh", "", map[string]any{"refreshToken": mine.refresh})
				}
				if err != nil || a.status != 200 {
					failed <- fmt.Sprintf("%v %d %s", err, a.status, a.body)
					return
				}
				mine = pair(a)
			}
		}()
	}
	for file, set := range map[string]*auth.KeySet{"access.jwks": w.access, "refresh.jwks": w.refresh} {
		now := time.Now().UTC()
		key, err := auth.GenerateKey(set.Signer(now).Algorithm, now.Add(watchEvery+2*time.Second))
		require.NoError(t, err)
		next, dropped, err := set.Rotate(key, now, time.Hour)
		require.NoError(t, err)
		require.Zero(t, dropped)
		require.NoError(t, replaceKeys(filepath.Join(w.folder, file), next))
	}
	time.Sleep(watchEvery + 4*time.Second)
	close(stop)
	for range 4 {
		require.Len(t, <-done, 2, "each client has had tokens of both keys")
	}
	close(failed)
	for what := range failed {
		t.Error(what)
	}
}

func TestADataKeyIsMadeOfRandomBytes(t *testing.T) {
	t.Parallel()
	a, err := newDataKey(rand.Read)
	require.NoError(t, err)
	b, err := newDataKey(rand.Read)
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	_, err = newDataKey(func([]byte) (int, error) { return 0, os.ErrClosed })
	require.ErrorIs(t, err, os.ErrClosed)
}
