package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// erasure is of all that Alice shared.
func (w *adminWorld) erasure() users.Erasure {
	return users.Erasure{
		AppID: adminApp, OpenID: "openid-a", AsOf: w.now, Profile: true, Phone: true,
		Actor: users.ActorWeChat, Reason: "withdrawn", Now: w.now,
	}
}

// furnish gives a person nickname, avatar and phone number.
func (w *adminWorld) furnish(t *testing.T, id uuid.UUID, hash string) {
	t.Helper()
	name, avatar := "Alice", "https://example.com/a.png"
	_, err := w.UpdateProfile(t.Context(), id, users.ProfilePatch{Nickname: &name, AvatarURL: &avatar})
	require.NoError(t, err)
	_, err = w.BindPhone(t.Context(), users.PhoneBinding{UserID: id, Sealed: []byte("sealed number"), Hashes: [][]byte{[]byte(hash)}, Now: w.now})
	require.NoError(t, err)
}

// halfNames are erasures that do not name one person of one app.
func (w *adminWorld) halfNames() map[string]users.Erasure {
	out := map[string]users.Erasure{}
	for name, blot := range map[string]func(*users.Erasure){
		"no openid": func(e *users.Erasure) { e.OpenID = "" },
		"no app":    func(e *users.Erasure) { e.AppID = "" },
		"neither":   func(e *users.Erasure) { e.AppID, e.OpenID = "", "" },
		"no time":   func(e *users.Erasure) { e.AsOf = time.Time{} },
		"no reason": func(e *users.Erasure) { e.Reason = "" },
		"no actor":  func(e *users.Erasure) { e.Actor = "" },
	} {
		e := w.erasure()
		blot(&e)
		out[name] = e
	}
	return out
}

// untouched holds that a person has everything still, and every session.
func (w *adminWorld) untouched(t *testing.T, id uuid.UUID, what string) {
	t.Helper()
	p := w.person(t, id)
	require.Equal(t, "Alice", p.Nickname, what)
	require.NotEmpty(t, p.AvatarURL, what)
	require.NotEmpty(t, p.SealedPhone, what)
	live, err := w.Sessions(t.Context(), id, w.now)
	require.NoError(t, err)
	require.Len(t, live, 1, what)
}

func erasureOfNobody(t *testing.T, w *adminWorld) {
	a, b := w.login(t, "openid-a", ""), w.login(t, "openid-b", "")
	w.furnish(t, a.User.ID, "hash of a number, 32 bytes long.")
	w.furnish(t, b.User.ID, "hash of another, 32 bytes long..")
	var input *users.InputError
	for name, e := range w.halfNames() {
		_, err := w.EraseShared(t.Context(), e)
		require.ErrorAs(t, err, &input, name)
		_, _, err = w.DeletePerson(t.Context(), e)
		require.ErrorAs(t, err, &input, name)
	}
	for name, e := range map[string]users.Erasure{
		"another app": {AppID: "wx00000000000000b2"}, "an unknown person": {OpenID: "openid-c"},
		"what no column holds": {OpenID: "openid\x00a"}, "a beginning": {OpenID: "openid"}, "a pattern": {OpenID: "openid-_"}, "blanks": {OpenID: " openid-a"},
	} {
		full := w.erasure()
		if e.AppID != "" {
			full.AppID = e.AppID
		}
		if e.OpenID != "" {
			full.OpenID = e.OpenID
		}
		_, err := w.EraseShared(t.Context(), full)
		require.ErrorIs(t, err, users.ErrNotFound, name)
		_, _, err = w.DeletePerson(t.Context(), full)
		require.ErrorIs(t, err, users.ErrNotFound, name)
	}
	for _, id := range []uuid.UUID{a.User.ID, b.User.ID} {
		w.untouched(t, id, "an erasure that names no one")
	}
}

func queryOfHalfAPair(t *testing.T, w *adminWorld) {
	w.login(t, "openid-a", "")
	var input *users.InputError
	for name, q := range map[string]users.Query{
		"an app without an openid": {AppID: adminApp, Limit: 1}, "an openid without an app": {OpenID: "openid-a", Limit: 1},
		"no limit": {}, "less than none": {Limit: -1},
	} {
		_, err := w.FindUsers(t.Context(), q)
		require.ErrorAs(t, err, &input, name)
	}
	people, err := w.FindUsers(t.Context(), users.Query{PhoneHashes: [][]byte{}, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, people, "no hash is no one's, and not everybody's")
}

func erasureOfWhatWasShared(t *testing.T, w *adminWorld) {
	a, session := w.loginAs(t, "openid-a", "union-a")
	b := w.login(t, "openid-b", "")
	w.furnish(t, a.User.ID, "hash of a number, 32 bytes long.")
	w.furnish(t, b.User.ID, "hash of another, 32 bytes long..")
	require.NoError(t, w.setRoles(t, w.change(a.User.ID, "hired"), []string{"editor"}))
	for _, c := range []struct {
		profile, phone bool
		kind           users.EventKind
		detail         string
	}{
		{false, false, users.EventAuthorizationWithdrawn, `{"reason":"withdrawn","erased":[]}`},
		{true, false, users.EventProfileErased, `{"reason":"withdrawn","erased":["nickname","avatarUrl"]}`},
		{false, true, users.EventProfileErased, `{"reason":"withdrawn","erased":["phone"]}`},
		{true, true, users.EventProfileErased, `{"reason":"withdrawn","erased":["nickname","avatarUrl","phone"]}`},
	} {
		w.furnish(t, a.User.ID, "hash of a number, 32 bytes long.")
		w.now = w.now.Add(time.Hour)
		e := w.erasure()
		e.Profile, e.Phone = c.profile, c.phone
		for range 2 { // providers repeat themselves
			id, err := w.EraseShared(t.Context(), e)
			require.NoError(t, err)
			require.Equal(t, a.User.ID, id)
			p := w.person(t, a.User.ID)
			require.Equal(t, c.profile, p.Nickname == "" && p.AvatarURL == "")
			require.Equal(t, c.phone, p.SealedPhone == nil)
			require.Equal(t, []string{"editor"}, p.Roles, "what operators say of them stays")
			require.Len(t, p.Identities, 1)
		}
		require.Equal(t, c.phone, len(w.find(t, users.Query{PhoneHashes: [][]byte{[]byte("hash of a number, 32 bytes long.")}})) == 0)
		events, err := w.Events(t.Context(), a.User.ID, 0, 1)
		require.NoError(t, err)
		require.Equal(t, c.kind, events[0].Kind)
		require.Equal(t, users.ActorWeChat, events[0].Actor)
		require.JSONEq(t, c.detail, string(events[0].Detail))
		live, err := w.Sessions(t.Context(), a.User.ID, w.now)
		require.NoError(t, err)
		require.Len(t, live, 1, "sessions live on")
		require.Equal(t, session, live[0].ID)
		w.untouched(t, b.User.ID, "another person")
	}
}

func erasureOfThePerson(t *testing.T, w *adminWorld) {
	a, session := w.loginAs(t, "openid-a", "union-a")
	b := w.login(t, "openid-b", "")
	w.furnish(t, b.User.ID, "hash of another, 32 bytes long..")
	w.now = w.now.Add(time.Hour)
	e := w.erasure()
	id, ended, err := w.DeletePerson(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, a.User.ID, id)
	require.Equal(t, []uuid.UUID{session}, ended)
	require.Empty(t, w.find(t, users.Query{ID: id}))
	sessions, err := w.AllSessions(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, auth.ReasonAccountClosed, sessions[0].RevokedReason)
	events, err := w.Events(t.Context(), id, 0, 100)
	require.NoError(t, err)
	require.JSONEq(t, `{"reason":"withdrawn","identities":1,"sessions":1}`, string(events[0].Detail))
	for _, e := range events {
		require.Zero(t, e.SessionID, "what is left of a person leads to no session")
	}
	_, _, err = w.DeletePerson(t.Context(), e)
	require.ErrorIs(t, err, users.ErrNotFound)
	w.untouched(t, b.User.ID, "another person")
}

func erasureOlderThanTheAccount(t *testing.T, w *adminWorld) {
	first := w.login(t, "openid-a", "")
	w.now = w.now.Add(time.Minute)
	e := w.erasure()
	_, _, err := w.DeletePerson(t.Context(), e)
	require.NoError(t, err)
	w.now = w.now.Add(3 * time.Second)
	again := w.login(t, "openid-a", "")
	require.NotEqual(t, first.User.ID, again.User.ID)
	w.furnish(t, again.User.ID, "hash of a number, 32 bytes long.")

	e.Now = w.now.Add(time.Second)
	_, _, err = w.DeletePerson(t.Context(), e)
	require.ErrorIs(t, err, users.ErrNotFound, "a repetition of what the first account was closed by")
	_, err = w.EraseShared(t.Context(), e)
	require.ErrorIs(t, err, users.ErrNotFound)
	w.untouched(t, again.User.ID, "an account made later")

	// Messages carry whole seconds: one of the second of the account concerns it.
	e.AsOf = again.User.CreatedAt.Truncate(time.Second)
	_, err = w.EraseShared(t.Context(), e)
	require.NoError(t, err)
	require.Empty(t, w.person(t, again.User.ID).Nickname)
	_, _, err = w.DeletePerson(t.Context(), e)
	require.NoError(t, err)
	require.Empty(t, w.find(t, users.Query{ID: again.User.ID}))
}
