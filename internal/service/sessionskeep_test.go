package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

func TestEndedSessionsStayReadableForSupport(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		ended, expired := p.signIn("alice"), p.signIn("alice")
		id := p.userOf(ended.access)
		require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", ended.access, nil).status)
		left := func(keep, after time.Duration) int {
			_, err := purgeOnce(t.Context(), p.service.db, keeping{accessTTL: 4 * time.Hour, sessions: keep}, nil, w.clock.Now().Add(after))
			require.NoError(t, err)
			return len(p.admin("GET", "/users/"+id+"/sessions?all=true", nil).json()["sessions"].([]any))
		}
		const day = 24 * time.Hour
		require.NotEmpty(t, expired)
		require.Equal(t, 2, left(30*day, 29*day), "one ended, one expired after a week")
		require.Equal(t, 1, left(30*day, 31*day))
		require.Equal(t, 1, left(30*day, 36*day))
		require.Zero(t, left(30*day, 38*day))
	})
}

func TestClientsThatCameTogetherDoNotRenewTogether(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(func(c *config.Config) { c.TTLJitter = 0.2 })
	lives := map[float64]bool{}
	for range 12 {
		a := p.login("alice")
		require.Equal(t, 200, a.status)
		life, _ := a.json()["expiresIn"].(float64)
		require.GreaterOrEqual(t, life, 0.8*4*3600)
		require.LessOrEqual(t, life, 4.0*3600)
		claims := claimsOf(t, a.text("accessToken"))
		require.InDelta(t, life, claims["exp"].(float64)-claims["iat"].(float64), 0, "the client and the token say the same")
		lives[life] = true
	}
	require.Greater(t, len(lives), 6)
}

func TestAPurgeOfALargeTableRestsLonger(t *testing.T) {
	t.Parallel()
	require.Equal(t, purgeEvery, restAfterPurge(time.Second))
	require.Equal(t, 18*time.Minute, restAfterPurge(2*time.Minute))
}
