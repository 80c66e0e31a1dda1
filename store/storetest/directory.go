package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// setRoles and setMetadata are changes of one half of what a patch can change.
func (w *adminWorld) setRoles(t *testing.T, c users.Change, roles []string) error {
	t.Helper()
	return w.PatchUser(t.Context(), c, users.Patch{Roles: &roles})
}

func (w *adminWorld) setMetadata(t *testing.T, c users.Change, metadata string) error {
	t.Helper()
	return w.PatchUser(t.Context(), c, users.Patch{Metadata: users.Replace(json.RawMessage(metadata))})
}

func directoryByUnionID(t *testing.T, w *adminWorld) {
	joined := w.login(t, "alice-app", "union-of-alice").User.ID
	other := w.login(t, "bob-app", "union-of-bob").User.ID
	find := func(unionID string) (ids []uuid.UUID) {
		for _, p := range w.find(t, users.Query{UnionID: unionID}) {
			ids = append(ids, p.ID)
			require.Equal(t, unionID, p.Identities[0].UnionID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{joined}, find("union-of-alice"))
	require.Equal(t, []uuid.UUID{other}, find("union-of-bob"))
	require.Empty(t, find("union-of-"))
	require.Empty(t, find("union\x00of"))
}

func directoryPatch(t *testing.T, w *adminWorld) {
	id := w.login(t, "carol", "").User.ID
	c := w.change(id, "by a business service")
	require.NoError(t, w.setMetadata(t, c, `{"kept":1,"gone":2}`))
	require.NoError(t, w.PatchUser(t.Context(), c, users.Patch{
		Roles: &[]string{"vip"},
		Metadata: func(before json.RawMessage) (json.RawMessage, error) {
			return users.MergePatch(before, json.RawMessage(`{"gone":null,"new":3}`))
		},
	}))
	read := func() users.Person { return w.person(t, id) }
	require.Equal(t, []string{"vip"}, read().Roles)
	require.JSONEq(t, `{"kept":1,"new":3}`, string(read().Metadata))

	// One part that fails leaves the other as it was, and no event.
	events := len(w.kinds(t, id))
	refused := &users.InputError{Field: "metadata", Problem: "is refused"}
	err := w.PatchUser(t.Context(), c, users.Patch{
		Roles:    &[]string{"admin"},
		Metadata: func(json.RawMessage) (json.RawMessage, error) { return nil, refused },
	})
	var input *users.InputError
	require.ErrorAs(t, err, &input)
	require.Equal(t, []string{"vip"}, read().Roles)
	require.Len(t, w.kinds(t, id), events)

	c.UserID = newID(t)
	require.ErrorIs(t, w.PatchUser(t.Context(), c, users.Patch{Roles: &[]string{}}), users.ErrNotFound)
}

func directoryNoteOnce(t *testing.T, w *adminWorld) {
	id, other := w.login(t, "dave", "").User.ID, w.login(t, "erin", "").User.ID
	before := len(w.kinds(t, id))
	read := func(by string, of uuid.UUID, at time.Time) {
		e := users.Event{At: at, Kind: users.EventPhoneRead, UserID: of, Actor: by}
		require.NoError(t, w.NoteOnce(t.Context(), e, at.Add(-24*time.Hour)))
	}
	for _, after := range []time.Duration{0, time.Hour, 23 * time.Hour} {
		read("shop", id, adminStart.Add(after))
	}
	require.Len(t, w.kinds(t, id), before+1, "once a day")
	read("shop", id, adminStart.Add(25*time.Hour))
	read("crm", id, adminStart.Add(25*time.Hour))
	read("shop", other, adminStart.Add(25*time.Hour))
	require.Len(t, w.kinds(t, id), before+3, "the next day, and another reader")
}

// What an access token may say of the identity comes with the login, with the
// ticket and, where it is asked for, with the exchange.
func identityOfSession(t *testing.T, w *adminWorld) {
	const otherApp = "wx00000000000000b2"
	a, session := w.loginAs(t, "openid-a", "")
	require.Equal(t, []string{"openid-a", ""}, []string{a.OpenID, a.UnionID})
	rotate := func(session uuid.UUID, app string, seq int64, asked bool) []string {
		e, err := w.Rotate(t.Context(), auth.Presented{
			UserID: a.User.ID, SessionID: session, AppID: app, Seq: seq, Prev: seq - 1, WithIdentity: asked, Now: w.now,
		})
		require.NoError(t, err)
		require.Equal(t, auth.OutcomeRotated, e.Outcome)
		return []string{e.OpenID, e.UnionID}
	}
	require.Equal(t, []string{"openid-a", ""}, rotate(session, adminApp, 1, true))
	require.Equal(t, []string{"", ""}, rotate(session, adminApp, 2, false))

	// The unionid comes later, and stays when a login does not bring it.
	in := w.login(t, "openid-a", "union-of-a")
	require.Equal(t, []string{"openid-a", "union-of-a"}, []string{in.OpenID, in.UnionID})
	in = w.login(t, "openid-a", "")
	require.Equal(t, []string{"openid-a", "union-of-a"}, []string{in.OpenID, in.UnionID})
	require.Equal(t, []string{"openid-a", "union-of-a"}, rotate(session, adminApp, 3, true))

	// A ticket into an app where the person has no identity, and where there is one.
	w.ticket(t, "elsewhere", a.User.ID, session)
	l := w.ticketLogin("elsewhere")
	l.AppID = otherApp
	in, _, err := w.LoginByTicket(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, []string{"", ""}, []string{in.OpenID, in.UnionID})
	require.Equal(t, []string{"", ""}, rotate(l.SessionID, otherApp, 1, true))
	w.ticket(t, "here", a.User.ID, session)
	in, _, err = w.LoginByTicket(t.Context(), w.ticketLogin("here"))
	require.NoError(t, err)
	require.Equal(t, []string{"openid-a", "union-of-a"}, []string{in.OpenID, in.UnionID})
}
