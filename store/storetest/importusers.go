package storetest

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

func imported(t *testing.T, openID, unionID, phone string) users.Imported {
	t.Helper()
	u := users.Imported{
		UserID: newID(t), Provider: "wechat", Account: users.DefaultAccount, AppID: adminApp, OpenID: openID, UnionID: unionID,
		Nickname: "name of " + openID, AvatarURL: "https://example.com/" + openID, Roles: []string{"vip"},
		Metadata: json.RawMessage(`{"oldId":"` + openID + `"}`), CreatedAt: adminStart.Add(-time.Hour),
	}
	if phone != "" {
		u.SealedPhone, u.PhoneHashes = []byte("sealed "+phone), [][]byte{[]byte("hash " + phone), []byte("earlier hash " + phone)}
	}
	return u
}

func importing(t *testing.T, w *adminWorld) {
	there := w.login(t, "there", "union-of-there").User.ID
	batch := []users.Imported{
		imported(t, "new", "", "1"), imported(t, "there", "", ""), imported(t, "joins", "union-of-there", "2"),
		imported(t, "first", "union-of-two", ""), imported(t, "second", "union-of-two", ""),
	}
	want := users.ImportResult{Created: 2, Linked: 2, Known: 1}
	got, err := w.ImportUsers(t.Context(), batch, false)
	require.NoError(t, err)
	require.Empty(t, got.PhoneTaken)
	got.PhoneTaken = nil
	require.Equal(t, want, got, "a dry run")
	require.Empty(t, w.find(t, users.Query{AppID: adminApp, OpenID: "new"}))

	got, err = w.ImportUsers(t.Context(), batch, true)
	require.NoError(t, err)
	got.PhoneTaken = nil
	require.Equal(t, want, got)
	p := w.person(t, batch[0].UserID)
	require.Equal(t, "name of new", p.Nickname)
	require.Equal(t, "https://example.com/new", p.AvatarURL)
	require.Equal(t, []byte("sealed 1"), p.SealedPhone)
	require.Equal(t, []string{"vip"}, p.Roles)
	require.JSONEq(t, `{"oldId":"new"}`, string(p.Metadata))
	require.Equal(t, adminStart.Add(-time.Hour), p.CreatedAt)
	require.Len(t, p.Identities, 1)
	require.Equal(t, p.CreatedAt, p.Identities[0].CreatedAt)
	joined := w.person(t, there)
	require.Len(t, joined.Identities, 2)
	require.Empty(t, joined.Nickname, "nothing of who is there is changed")
	require.Len(t, w.person(t, batch[3].UserID).Identities, 2)
	require.Empty(t, w.kinds(t, batch[0].UserID))

	// Again, and then the people log in.
	got, err = w.ImportUsers(t.Context(), batch, true)
	require.NoError(t, err)
	require.Equal(t, 5, got.Known)
	require.Zero(t, got.Created+got.Linked)
	in := w.login(t, "new", "union-that-comes-late")
	require.False(t, in.NewUser)
	require.Equal(t, batch[0].UserID, in.User.ID)
	require.JSONEq(t, `{"oldId":"new"}`, string(in.User.Metadata))
	require.Equal(t, there, w.login(t, "joins", "union-of-there").User.ID)
}

func importingATakenPhone(t *testing.T, w *adminWorld) {
	holder := w.login(t, "holder", "").User.ID
	_, err := w.BindPhone(t.Context(), users.PhoneBinding{UserID: holder, Sealed: []byte("x"), Hashes: [][]byte{[]byte("earlier hash 1")}, Now: w.now})
	require.NoError(t, err)
	batch := []users.Imported{imported(t, "a", "", ""), imported(t, "b", "", "1"), imported(t, "c", "", "2"), imported(t, "d", "", "2")}
	got, err := w.ImportUsers(t.Context(), batch, true)
	require.NoError(t, err)
	require.Equal(t, []int{1, 3}, got.PhoneTaken, "of a user, under an earlier key, and of another line")
	for _, u := range batch {
		require.Empty(t, w.find(t, users.Query{AppID: adminApp, OpenID: u.OpenID}), "all or nothing")
	}
	got, err = w.ImportUsers(t.Context(), []users.Imported{batch[0], batch[2]}, true)
	require.NoError(t, err)
	require.Equal(t, 2, got.Created)
}

// People log in while they are imported: each has one user in the end.
func importingWhileTheyLogIn(t *testing.T, w *adminWorld) {
	const n = 40
	batch := make([]users.Imported, 0, n)
	for range n {
		batch = append(batch, imported(t, someone(), "union "+someone(), ""))
	}
	outs, errs := make([]auth.LoggedIn, n), make([]error, n+1)
	var wg sync.WaitGroup
	for i := range n {
		l := signIn(t, adminApp, batch[i].OpenID, w.now)
		l.UnionID = batch[i].UnionID
		wg.Go(func() { outs[i], errs[i] = w.Login(t.Context(), l) })
		if i == n/4 {
			wg.Go(func() { _, errs[n] = w.ImportUsers(t.Context(), batch, true) })
		}
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	for i := range n {
		p := w.find(t, users.Query{UnionID: batch[i].UnionID})
		require.Len(t, p, 1)
		require.Equal(t, outs[i].User.ID, p[0].ID)
		require.Len(t, p[0].Identities, 1)
	}
}
