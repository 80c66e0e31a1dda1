package admin_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/test/sqlitetest"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

const app = "wx4f4bc4dec97d474b"

// office is a Service on a SQLite file.
type office struct {
	*admin.Service
	t           *testing.T
	store       *sqlite.Store
	box         *seal.Box
	revocations *auth.Revocations
}

func newOffice(t *testing.T) *office {
	t.Helper()
	store := sqlitetest.Open(t, auth.Lifetimes{AccessTTL: time.Hour, RefreshTTL: 24 * time.Hour})
	key, err := seal.ParseKey("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=")
	require.NoError(t, err)
	box := seal.NewBox(key)
	revocations := auth.NewRevocations(time.Hour, auth.TrustedClock(time.Now), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { revocations.Run(ctx, store) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	<-revocations.Known()
	return &office{admin.New(store, box, time.Now, revocations), t, store, box, revocations}
}

// login opens a session of a name.
func (o *office) login(name string) (user, session uuid.UUID) {
	o.t.Helper()
	l := auth.Login{
		Provider: "wechat", Account: "default", AppID: app, OpenID: name,
		NewUserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), Now: time.Now().UTC().Truncate(time.Microsecond),
	}
	in, err := o.store.Login(o.t.Context(), l)
	require.NoError(o.t, err)
	return in.User.ID, l.SessionID
}

// phone gives a user a phone number.
func (o *office) phone(id uuid.UUID, number string) {
	o.t.Helper()
	sealed, err := o.box.Seal([]byte(number), users.PhoneAssociatedData(id))
	require.NoError(o.t, err)
	_, err = o.store.BindPhone(o.t.Context(), users.PhoneBinding{UserID: id, Sealed: sealed, Hashes: o.box.Hashes(number), Now: time.Now().UTC().Truncate(time.Microsecond)})
	require.NoError(o.t, err)
}

// revoked returns why this process refuses a session's tokens, or "".
func (o *office) revoked(session uuid.UUID) string {
	o.t.Helper()
	feed, err := o.revocations.Since("")
	require.NoError(o.t, err)
	for e := range feed.Entries {
		if e.SessionID == session {
			return string(e.Reason)
		}
	}
	return ""
}

func by(id uuid.UUID) users.Change {
	return users.Change{UserID: id, Actor: "anna", OnBehalfOf: "li", Reason: "ticket 4711"}
}

func TestAChangeIsRecordedWithWhoMadeItAndWhy(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id, session := o.login("alice")
	require.NoError(t, o.SetRoles(t.Context(), by(id), []string{"editor"}))
	require.NoError(t, o.SetMetadata(t.Context(), by(id), json.RawMessage(`{"tier" : "gold"}`)))
	require.NoError(t, o.Disable(t.Context(), by(id)))
	require.Equal(t, "operator", o.revoked(session), "refused by this process at once")
	p, err := o.Person(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []string{"editor"}, p.Roles)
	require.JSONEq(t, `{"tier":"gold"}`, string(p.Metadata))
	require.True(t, p.Disabled())
	require.NoError(t, o.Enable(t.Context(), by(id)))

	list, err := o.Events(t.Context(), id, 0, 10)
	require.NoError(t, err)
	require.Len(t, list, 6)
	require.Equal(t, users.EventUserEnabled, list[0].Kind)
	for _, e := range list[:5] {
		require.Equal(t, "anna", e.Actor)
		require.Contains(t, string(e.Detail), "ticket 4711")
		require.Contains(t, string(e.Detail), "li")
	}
	n, err := o.CountEvents(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 6, n)

	var input *users.InputError
	nameless := by(id)
	nameless.Actor = ""
	unexplained := by(id)
	unexplained.Reason = ""
	for name, err := range map[string]error{
		"no actor":        o.Enable(t.Context(), nameless),
		"no reason":       o.Disable(t.Context(), unexplained),
		"a role":          o.SetRoles(t.Context(), by(id), []string{"a b"}),
		"no JSON object":  o.SetMetadata(t.Context(), by(id), json.RawMessage(`[]`)),
		"itself":          o.Merge(t.Context(), by(id), id),
		"no one to merge": o.Merge(t.Context(), by(id), uuid.Nil),
	} {
		require.ErrorAs(t, err, &input, name)
	}
	for _, unknown := range []uuid.UUID{uuid.Nil, uuid.New()} {
		require.ErrorIs(t, o.Disable(t.Context(), by(unknown)), users.ErrNotFound)
		require.ErrorIs(t, o.SignOut(t.Context(), by(unknown)), users.ErrNotFound)
		_, err = o.Events(t.Context(), unknown, 0, 10)
		require.ErrorIs(t, err, users.ErrNotFound)
		_, err = o.Sessions(t.Context(), unknown)
		require.ErrorIs(t, err, users.ErrNotFound)
	}
}

func TestOperatorsEndSessions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id, first := o.login("alice")
	_, second := o.login("alice")
	require.NoError(t, o.EndSession(t.Context(), by(uuid.Nil), first))
	require.NoError(t, o.EndSession(t.Context(), by(uuid.Nil), first), "it has ended already")
	require.Equal(t, "operator", o.revoked(first))
	require.Empty(t, o.revoked(second))
	s, err := o.Session(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, "ended", s.State(o.Now()))
	owner, err := o.OwnerOf(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, id, owner)

	require.NoError(t, o.SignOut(t.Context(), by(id)))
	require.Equal(t, "operator", o.revoked(second))
	list, err := o.Sessions(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, list, 2, "the ended ones, too")

	lost := uuid.New()
	require.ErrorIs(t, o.EndSession(t.Context(), by(uuid.Nil), lost), auth.ErrNoSession)
	_, err = o.Session(t.Context(), lost)
	require.ErrorIs(t, err, auth.ErrNoSession)
	_, err = o.OwnerOf(t.Context(), lost)
	require.ErrorIs(t, err, auth.ErrNoSession)
	require.NoError(t, o.EndLostSession(t.Context(), by(uuid.Nil), lost))
	require.Equal(t, "operator", o.revoked(lost), "its access tokens may still be valid")
	_, third := o.login("alice")
	require.NoError(t, o.EndLostSession(t.Context(), by(uuid.Nil), third), "one that is not lost")
}

func TestOperatorsFindPeoplePageByPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var ids []uuid.UUID
	for _, name := range []string{"alice", "bob", "carol"} {
		id, _ := o.login(name)
		nickname := name + " of the tests"
		_, err := o.store.UpdateProfile(t.Context(), id, users.ProfilePatch{Nickname: &nickname})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	o.phone(ids[0], "13800001111")
	for _, number := range []string{"13800001111", "+8613800001111", "+86 138 0000 1111"} {
		people, err := o.Find(t.Context(), users.Query{Limit: 10}, number)
		require.NoError(t, err)
		require.Len(t, people, 1, number)
		require.Equal(t, users.Phone("13800001111"), people[0].Phone, "in clear text")
	}
	for _, part := range []string{"", "of the"} {
		var found []uuid.UUID
		q := users.Query{NicknamePart: part}
		for pages := 0; ; pages++ {
			require.Less(t, pages, 5)
			people, next, err := o.Page(t.Context(), q, "", 2)
			require.NoError(t, err)
			for _, p := range people {
				found = append(found, p.ID)
			}
			if next == uuid.Nil {
				break
			}
			q.Before = next
		}
		require.Equal(t, []uuid.UUID{ids[2], ids[1], ids[0]}, found, "newest first, each once")
	}
	n, err := o.Count(t.Context(), users.Query{Before: ids[0]}, "")
	require.NoError(t, err)
	require.Equal(t, 3, n, "all, wherever the page begins")
	n, err = o.Count(t.Context(), users.Query{}, "13800002222")
	require.NoError(t, err)
	require.Zero(t, n)

	number, err := o.ReadPhone(t.Context(), ids[0], "anna", "li")
	require.NoError(t, err)
	require.Equal(t, "+8613800001111", number)
	number, err = o.ReadPhone(t.Context(), ids[1], "anna", "")
	require.NoError(t, err)
	require.Empty(t, number, "there is none")
	_, err = o.ReadPhone(t.Context(), uuid.New(), "anna", "")
	require.ErrorIs(t, err, users.ErrNotFound)
	list, err := o.Events(t.Context(), ids[0], 0, 1)
	require.NoError(t, err)
	require.Equal(t, users.EventPhoneRead, list[0].Kind)
	require.JSONEq(t, `{"onBehalfOf":"li"}`, string(list[0].Detail))
}

func TestTwoUsersBecomeOne(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id, _ := o.login("alice")
	from, session := o.login("alice-again")
	o.phone(from, "13800001111")
	unexplained := by(id)
	unexplained.Reason = ""
	require.NoError(t, o.Merge(t.Context(), unexplained, from), "that they are one person is the reason")
	require.Equal(t, "merged", o.revoked(session))
	p, err := o.Person(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, p.Identities, 2)
	require.Equal(t, users.Phone("13800001111"), p.Phone, "what it lacked")
	_, err = o.Person(t.Context(), from)
	require.ErrorIs(t, err, users.ErrNotFound)
}

func TestAPersonIsErasedByEitherSide(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	told := func(name string) admin.Told {
		return admin.Told{AppID: app, OpenID: name, At: time.Now().Add(time.Second), Reason: "privacy push"}
	}
	id, session := o.login("alice")
	o.phone(id, "13800001111")
	user, err := o.Withdrawn(t.Context(), told("alice"), true, true)
	require.NoError(t, err)
	require.Equal(t, id, user)
	p, err := o.Person(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, p.Phone)
	require.Empty(t, o.revoked(session), "the account stays, and its sessions do")
	user, err = o.AccountClosed(t.Context(), told("alice"))
	require.NoError(t, err)
	require.Equal(t, id, user)
	require.Equal(t, "account_closed", o.revoked(session))
	_, err = o.Withdrawn(t.Context(), told("alice"), true, false)
	require.ErrorIs(t, err, users.ErrNotFound)
	_, err = o.AccountClosed(t.Context(), told("alice"))
	require.ErrorIs(t, err, users.ErrNotFound)

	id, session = o.login("bob")
	require.NoError(t, o.CloseAccount(t.Context(), id))
	require.Equal(t, "account_closed", o.revoked(session))
	again, _ := o.login("bob")
	require.NotEqual(t, id, again, "who comes back is a new user")
	require.NoError(t, o.Delete(t.Context(), by(again)))
	require.ErrorIs(t, o.Delete(t.Context(), by(again)), users.ErrNotFound)
}
