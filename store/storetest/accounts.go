package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// inAccount is a login with a unionid in an account of a platform.
func inAccount(t *testing.T, provider, account, app, openID, unionID string, now time.Time) auth.Login {
	t.Helper()
	l := signIn(t, app, openID, now)
	l.Provider, l.Account, l.UnionID = provider, account, unionID
	return l
}

func accounts(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	person := someone()
	union := "u" + person
	first, _ := login(t, s, inAccount(t, "wechat", users.DefaultAccount, app1, person, union, start))
	other, _ := login(t, s, inAccount(t, "alipay", "another", app2, person, union, start))
	require.NotEqual(t, first.User.ID, other.User.ID, "the same unionid of another account is another person")
	require.True(t, other.NewUser)
	joined, _ := login(t, s, inAccount(t, "alipay", "another", app3, person, union, start))
	require.Equal(t, other.User.ID, joined.User.ID)

	// A known one does not gain it over the border either.
	bare := person + "-bare"
	alone, _ := login(t, s, inAccount(t, "wechat", "third", app1, bare, "", start))
	still, _ := login(t, s, inAccount(t, "wechat", "third", app1, bare, union, start))
	require.Equal(t, alone.User.ID, still.User.ID)
	require.Equal(t, []users.EventKind{users.EventUserCreated, users.EventIdentityLinked}, db.kinds(t, alone.User.ID))

	i, err := s.Identity(t.Context(), other.User.ID, app2)
	noError(t, err)
	require.Equal(t, "alipay", i.Provider)
	require.Equal(t, "another", i.Account)
}

func racingAccounts(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	union := "u" + someone()
	apps, names := []string{app1, app2}, []string{"east", "west"}
	all := burst(t, stores, 16, func(i int) auth.Login {
		return inAccount(t, "wechat", names[i%2], apps[i/2%2], "o"+names[i%2]+apps[i/2%2]+union, union, start)
	})
	created := 0
	for i, in := range all {
		require.Equal(t, all[i%2].User.ID, in.User.ID, "one user for each account")
		if in.NewUser {
			created++
		}
	}
	require.NotEqual(t, all[0].User.ID, all[1].User.ID)
	require.Equal(t, 2, created)
}

func movedAccount(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	person := someone()
	first, _ := login(t, s, inAccount(t, "wechat", users.DefaultAccount, app1, person, "u1"+person, start))
	// The app stands in another account now; it has another unionid there, or none.
	moved, _ := login(t, s, inAccount(t, "wechat", "second", app1, person, "", start))
	require.Equal(t, first.User.ID, moved.User.ID)
	i, err := s.Identity(t.Context(), first.User.ID, app1)
	noError(t, err)
	require.Equal(t, "second", i.Account)
	require.Empty(t, i.UnionID, "that of the earlier account counts no more")
	login(t, s, inAccount(t, "wechat", "second", app1, person, "u2"+person, start))
	joined, _ := login(t, s, inAccount(t, "wechat", "second", app2, person, "u2"+person, start))
	require.Equal(t, first.User.ID, joined.User.ID)
	stranger, _ := login(t, s, inAccount(t, "wechat", users.DefaultAccount, app3, person, "u1"+person, start))
	require.NotEqual(t, first.User.ID, stranger.User.ID)
}

func withoutSessionKey(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	person := someone()
	for range 2 { // a new identity, and a known one
		l := signIn(t, app1, person, start)
		l.SealedSessionKey = nil
		in, _ := login(t, s, l)
		i, err := s.Identity(t.Context(), in.User.ID, app1)
		noError(t, err)
		require.Nil(t, i.SealedSessionKey)
		require.Equal(t, 1, db.count(t, "identities WHERE session_key IS NULL"))
	}
}
