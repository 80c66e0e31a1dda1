package storetest

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// AdminStore is what the cases for operators need.
type AdminStore interface {
	auth.Store
	admin.Store
	auth.TicketStore
	users.ImportStore
	users.Store
}

const adminApp = "wx4f4bc4dec97d474b"

var adminStart = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// adminWorld is one empty database with an operator in front of it.
type adminWorld struct {
	AdminStore
	now time.Time
}

// Admin runs the cases for operators against a store. The function open makes
// one on an empty, migrated database of its own.
func Admin(t *testing.T, open func(t *testing.T, p auth.Lifetimes) AdminStore) {
	t.Helper()
	for name, run := range map[string]func(t *testing.T, w *adminWorld){
		"people are found by each thing that names them":                        operatorsFoundBy,
		"people are listed newest first, page by page":                          operatorsPages,
		"a nickname is found by its beginning, whatever characters it has":      operatorsNicknames,
		"disabling ends the sessions and bars login and refresh":                operatorsDisabling,
		"a login that races with disabling leaves no session alive":             operatorsDisablingRace,
		"enabling lets a user in again, and twice changes nothing":              operatorsEnabling,
		"roles and metadata are replaced and come with the next exchange":       operatorsRolesAndMetadata,
		"deleting erases the person and keeps the counts":                       operatorsDeleting,
		"an erasure that names nobody is an error, or changes nobody":           erasureOfNobody,
		"a query of half a pair is an error":                                    queryOfHalfAPair,
		"what was withdrawn is what is erased, and sessions live on":            erasureOfWhatWasShared,
		"a person is erased by one identity, and nobody else is":                erasureOfThePerson,
		"an erasure older than the account does not concern it":                 erasureOlderThanTheAccount,
		"a ticket opens one session of its user":                                ticketOnce,
		"64 logins with one ticket at once open one session":                    racingTicket,
		"a ticket that does not fit opens nothing and is used up":               ticketsThatDoNotFit,
		"who was deleted comes back as somebody new":                            operatorsAfterDeleting,
		"a newcomer who races with deleting is never tied to who is gone":       operatorsDeletingRace,
		"sessions are listed with their ends, and belong to somebody":           operatorsSessionsOf,
		"events are listed newest first, page by page, with who did it and why": operatorsEventsOf,
		"people are found by their unionid":                                     directoryByUnionID,
		"people are found by a part of the nickname, and no further than asked": searchByPart,
		"people and events are counted up to a bound":                           searchCounts,
		"a patch changes roles and metadata together or not at all":             directoryPatch,
		"a reading is recorded once a day for each reader":                      directoryNoteOnce,
		"people are imported once, and log in under their ids":                  importing,
		"a phone number that is taken holds back its batch alone":               importingATakenPhone,
		"people who log in while they are imported have one user":               importingWhileTheyLogIn,
		"openid and unionid come with logins, tickets and exchanges":            identityOfSession,
		"changes to nobody change nothing":                                      operatorsNobodyThere,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, &adminWorld{AdminStore: open(t, auth.Lifetimes{
				AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour, Grace: 10 * time.Second, MaxAge: 2160 * time.Hour, MaxSessions: 20,
			}), now: adminStart})
		})
	}
}

func (w *adminWorld) login(t *testing.T, openID, unionID string) auth.LoggedIn {
	t.Helper()
	in, _ := w.loginAs(t, openID, unionID)
	return in
}

func (w *adminWorld) loginAs(t *testing.T, openID, unionID string) (auth.LoggedIn, uuid.UUID) {
	t.Helper()
	session := uuid.Must(uuid.NewV7())
	in, err := w.Login(t.Context(), auth.Login{
		Provider: "wechat", Account: users.DefaultAccount, AppID: adminApp, OpenID: openID, UnionID: unionID, SealedSessionKey: []byte("sealed"),
		NewUserID: uuid.Must(uuid.NewV7()), SessionID: session,
		Device: auth.Device{ID: "d" + session.String()[30:], Name: "phone of " + openID, UserAgent: "agent", IP: "192.0.2.7"}, Now: w.now,
	})
	require.NoError(t, err)
	return in, session
}

func (w *adminWorld) change(id uuid.UUID, reason string) users.Change {
	return users.Change{UserID: id, Actor: "li.wei", Reason: reason, Now: w.now}
}

func (w *adminWorld) find(t *testing.T, q users.Query) []users.Person {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	people, err := w.FindUsers(t.Context(), q)
	require.NoError(t, err)
	return people
}

func (w *adminWorld) person(t *testing.T, id uuid.UUID) users.Person {
	t.Helper()
	people := w.find(t, users.Query{ID: id})
	require.Len(t, people, 1)
	return people[0]
}

func (w *adminWorld) kinds(t *testing.T, id uuid.UUID) []users.EventKind {
	t.Helper()
	events, err := w.Events(t.Context(), id, 0, 100)
	require.NoError(t, err)
	kinds := make([]users.EventKind, len(events))
	for i, e := range events {
		kinds[i] = e.Kind
	}
	return kinds
}

func (w *adminWorld) nickname(t *testing.T, id uuid.UUID, name string) {
	t.Helper()
	_, err := w.UpdateProfile(t.Context(), id, users.ProfilePatch{Nickname: &name})
	require.NoError(t, err)
}

func operatorsFoundBy(t *testing.T, w *adminWorld) {
	a, b := w.login(t, "openid-a", "union-a"), w.login(t, "openid-b", "")
	w.nickname(t, a.User.ID, "Alice")
	hash := []byte("hash of a number, 32 bytes long.")
	_, err := w.BindPhone(t.Context(), users.PhoneBinding{UserID: a.User.ID, Sealed: []byte("sealed number"), Hashes: [][]byte{hash}, Now: w.now})
	require.NoError(t, err)

	for name, q := range map[string]users.Query{
		"id": {ID: a.User.ID}, "nickname": {Nickname: "Ali"}, "openid": {AppID: adminApp, OpenID: "openid-a"},
		"phone": {PhoneHashes: [][]byte{[]byte("another"), hash}}, "all of it": {ID: a.User.ID, Nickname: "Alice", AppID: adminApp, OpenID: "openid-a"},
	} {
		people := w.find(t, q)
		require.Len(t, people, 1, name)
		p := people[0]
		require.Equal(t, a.User.ID, p.ID, name)
		require.Equal(t, "Alice", p.Nickname)
		require.Equal(t, []byte("sealed number"), p.SealedPhone)
		require.Equal(t, []users.Identity{{UserID: a.User.ID, Provider: "wechat", Account: users.DefaultAccount, AppID: adminApp, OpenID: "openid-a", UnionID: "union-a", CreatedAt: w.now}}, p.Identities)
		require.JSONEq(t, `{}`, string(p.Metadata))
		require.Equal(t, w.now, p.LastLoginAt)
	}
	require.Empty(t, w.person(t, b.User.ID).Identities[0].UnionID)
	for name, q := range map[string]users.Query{
		"unknown id": {ID: uuid.New()}, "another's": {ID: b.User.ID, Nickname: "Alice"}, "letter case": {Nickname: "ali"},
		"other app": {AppID: "wx00000000000000b2", OpenID: "openid-a"}, "wrong hash": {PhoneHashes: [][]byte{[]byte("x")}},
		"what no column can hold": {Nickname: "a\x00b"},
	} {
		require.Empty(t, w.find(t, q), name)
	}
}

func operatorsPages(t *testing.T, w *adminWorld) {
	var all []uuid.UUID
	for i := range 7 {
		all = append([]uuid.UUID{w.login(t, "openid"+strconv.Itoa(i), "").User.ID}, all...)
	}
	var seen []uuid.UUID
	q := users.Query{Limit: 3}
	for range 4 {
		page := w.find(t, q)
		for _, p := range page {
			seen = append(seen, p.ID)
			q.Before = p.ID
		}
	}
	require.Equal(t, all, seen)
}

func operatorsNicknames(t *testing.T, w *adminWorld) {
	names := []string{"100% sure", "100x sure", "a_b", "axb", `back\slash`, "小明", "小红", "\U0010FFFF\U0010FFFF"}
	for i, name := range names {
		w.nickname(t, w.login(t, "openid"+strconv.Itoa(i), "").User.ID, name)
	}
	w.login(t, "nameless", "")
	for prefix, want := range map[string]int{"100%": 1, "100": 2, "a_": 1, "a": 2, `back\`: 1, "小": 2, "小明": 1, "\U0010FFFF": 1, "小明明": 0} {
		require.Len(t, w.find(t, users.Query{Nickname: prefix}), want, prefix)
	}
}

func operatorsDisabling(t *testing.T, w *adminWorld) {
	in, first := w.loginAs(t, "openid-a", "")
	_, second := w.loginAs(t, "openid-a", "")
	_, other := w.loginAs(t, "openid-b", "")
	w.now = w.now.Add(time.Hour)
	ended, err := w.DisableUser(t.Context(), w.change(in.User.ID, "spam"))
	require.NoError(t, err)
	require.ElementsMatch(t, []uuid.UUID{first, second}, ended)

	revoked, err := w.RevokedSince(t.Context(), w.now, uuid.Nil, 100)
	require.NoError(t, err)
	require.Len(t, revoked, 2)
	require.NotContains(t, []uuid.UUID{revoked[0].SessionID, revoked[1].SessionID}, other)
	p := w.person(t, in.User.ID)
	require.Equal(t, w.now, *p.DisabledAt)
	require.Equal(t, "spam", p.DisabledReason)
	e, err := w.Rotate(t.Context(), auth.Presented{UserID: in.User.ID, SessionID: first, AppID: adminApp, Seq: 1, Now: w.now})
	require.NoError(t, err)
	require.Equal(t, auth.OutcomeDisabled, e.Outcome)
	again := w.login(t, "openid-a", "")
	require.True(t, again.User.Disabled())

	// Again: the reason alone.
	w.now = w.now.Add(time.Hour)
	ended, err = w.DisableUser(t.Context(), w.change(in.User.ID, "spam, and threats"))
	require.NoError(t, err)
	require.Empty(t, ended)
	p2 := w.person(t, in.User.ID)
	require.Equal(t, p.DisabledAt, p2.DisabledAt)
	require.Equal(t, "spam, and threats", p2.DisabledReason)

	events, err := w.Events(t.Context(), in.User.ID, 0, 100)
	require.NoError(t, err)
	require.Equal(t, []users.EventKind{"user_disabled", "user_disabled", "session_revoked", "session_revoked", "user_created"}, w.kinds(t, in.User.ID))
	require.Equal(t, "li.wei", events[1].Actor)
	require.JSONEq(t, `{"reason": "spam"}`, string(events[1].Detail))
	require.JSONEq(t, `{"reason": "operator", "comment": "spam"}`, string(events[2].Detail))
	require.Equal(t, "li.wei", events[2].Actor)
}

func operatorsDisablingRace(t *testing.T, w *adminWorld) {
	in := w.login(t, "openid-a", "")
	for range 10 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				_, err := w.Login(context.WithoutCancel(t.Context()), auth.Login{
					Provider: "wechat", Account: users.DefaultAccount, AppID: adminApp, OpenID: "openid-a", SealedSessionKey: []byte("sealed"),
					NewUserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), Now: w.now,
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		_, err := w.DisableUser(t.Context(), w.change(in.User.ID, "race"))
		require.NoError(t, err)
		wg.Wait()
		live, err := w.Sessions(t.Context(), in.User.ID, w.now)
		require.NoError(t, err)
		require.Empty(t, live)
		require.NoError(t, w.EnableUser(t.Context(), w.change(in.User.ID, "next")))
	}
}

func operatorsEnabling(t *testing.T, w *adminWorld) {
	in := w.login(t, "openid-a", "")
	_, err := w.DisableUser(t.Context(), w.change(in.User.ID, "spam"))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, w.EnableUser(t.Context(), w.change(in.User.ID, "it was another")))
	}
	p := w.person(t, in.User.ID)
	require.False(t, p.Disabled())
	require.Empty(t, p.DisabledReason)
	again := w.login(t, "openid-a", "")
	require.False(t, again.User.Disabled())
	require.Equal(t, []users.EventKind{"user_enabled", "user_disabled", "session_revoked", "user_created"}, w.kinds(t, in.User.ID))
}

func operatorsRolesAndMetadata(t *testing.T, w *adminWorld) {
	in, session := w.loginAs(t, "openid-a", "")
	id := in.User.ID
	require.NoError(t, w.setRoles(t, w.change(id, "hired"), []string{"editor", "shop:refund"}))
	require.NoError(t, w.setMetadata(t, w.change(id, "paid"), `{"tier":"gold","n":[1,{"名":"值"}]}`))
	e, err := w.Rotate(t.Context(), auth.Presented{UserID: id, SessionID: session, AppID: adminApp, Seq: 1, Now: w.now})
	require.NoError(t, err)
	require.Equal(t, auth.OutcomeRotated, e.Outcome)
	require.Equal(t, []string{"editor", "shop:refund"}, e.Roles)
	require.JSONEq(t, `{"tier":"gold","n":[1,{"名":"值"}]}`, string(e.Metadata))
	again := w.login(t, "openid-a", "")
	require.Equal(t, e.Roles, again.User.Roles)

	require.NoError(t, w.setRoles(t, w.change(id, "left"), nil))
	require.NoError(t, w.setMetadata(t, w.change(id, "ended"), `{}`))
	p := w.person(t, id)
	require.Empty(t, p.Roles)
	require.JSONEq(t, `{}`, string(p.Metadata))
	events, err := w.Events(t.Context(), id, 0, 3)
	require.NoError(t, err)
	require.JSONEq(t, `{"reason":"ended","before":{"tier":"gold","n":[1,{"名":"值"}]}}`, string(events[0].Detail))
	require.JSONEq(t, `{"reason":"left","before":["editor","shop:refund"],"roles":[]}`, string(events[1].Detail))
	require.Equal(t, users.EventMetadataChanged, events[2].Kind)
}

func operatorsDeleting(t *testing.T, w *adminWorld) {
	in, session := w.loginAs(t, "openid-a", "union-a")
	other := w.login(t, "openid-b", "")
	id := in.User.ID
	w.nickname(t, id, "Alice")
	hash := []byte("hash of a number, 32 bytes long.")
	_, err := w.BindPhone(t.Context(), users.PhoneBinding{UserID: id, Sealed: []byte("sealed number"), Hashes: [][]byte{hash}, Now: w.now})
	require.NoError(t, err)
	require.NoError(t, w.setMetadata(t, w.change(id, "Ms. Li paid"), `{"tier":"gold"}`))
	require.NoError(t, w.setRoles(t, w.change(id, "hired"), []string{"editor"}))
	// A reuse, whose event names an address and a device.
	for seq := range int64(3) {
		_, err := w.Rotate(t.Context(), auth.Presented{
			UserID: id, SessionID: session, AppID: adminApp, Seq: seq%2 + 1, Prev: seq % 2, IP: "192.0.2.7", UserAgent: "agent", Now: w.now.Add(time.Duration(seq) * time.Minute),
		})
		require.NoError(t, err)
	}
	_, live := w.loginAs(t, "openid-a", "union-a")
	before := w.kinds(t, id)
	require.Contains(t, before, users.EventRefreshReused)

	ended, err := w.DeleteUser(t.Context(), w.change(id, "asked for it"))
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{live}, ended)

	require.Empty(t, w.find(t, users.Query{ID: id}))
	require.Empty(t, w.find(t, users.Query{AppID: adminApp, OpenID: "openid-a"}))
	_, err = w.User(t.Context(), id)
	require.ErrorIs(t, err, users.ErrNotFound)
	_, err = w.Identity(t.Context(), id, adminApp)
	require.ErrorIs(t, err, users.ErrNotFound)
	sessions, err := w.AllSessions(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, sessions, 2, "their ends are still told to who may hold a token")
	for _, s := range sessions {
		require.Equal(t, auth.Device{}, s.Device)
		require.NotNil(t, s.RevokedAt)
		require.Equal(t, auth.ReasonAccountClosed, s.RevokedReason)
	}
	events, err := w.Events(t.Context(), id, 0, 100)
	require.NoError(t, err)
	require.Equal(t, append([]users.EventKind{"user_deleted", "session_revoked"}, before...), w.kinds(t, id))
	require.JSONEq(t, `{"reason":"asked for it","identities":1,"sessions":1}`, string(events[0].Detail))
	for _, e := range events[1:] {
		require.JSONEq(t, `{}`, string(e.Detail))
	}
	// The number is free for another.
	_, err = w.BindPhone(t.Context(), users.PhoneBinding{UserID: other.User.ID, Sealed: []byte("sealed number"), Hashes: [][]byte{hash}, Now: w.now})
	require.NoError(t, err)
	_, err = w.DeleteUser(t.Context(), w.change(id, "twice"))
	require.ErrorIs(t, err, users.ErrNotFound)
}

func operatorsAfterDeleting(t *testing.T, w *adminWorld) {
	in := w.login(t, "openid-a", "union-a")
	_, err := w.DeleteUser(t.Context(), w.change(in.User.ID, "asked for it"))
	require.NoError(t, err)
	again := w.login(t, "openid-a", "union-a")
	require.True(t, again.NewUser)
	require.NotEqual(t, in.User.ID, again.User.ID)
	require.False(t, again.User.Disabled())
}

func operatorsDeletingRace(t *testing.T, w *adminWorld) {
	for i := range 10 {
		union := "union" + strconv.Itoa(i)
		in := w.login(t, "first"+union, union)
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() {
				in, err := w.Login(context.WithoutCancel(t.Context()), auth.Login{
					Provider: "wechat", Account: users.DefaultAccount, AppID: adminApp, OpenID: "second" + strconv.Itoa(n) + union, UnionID: union, SealedSessionKey: []byte("sealed"),
					NewUserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), Now: w.now,
				})
				if err != nil || in.User.Disabled() {
					t.Errorf("a newcomer was turned away: %v", err)
				}
			})
		}
		_, err := w.DeleteUser(t.Context(), w.change(in.User.ID, "race"))
		require.NoError(t, err)
		wg.Wait()
		for n := range 3 {
			again := w.login(t, "second"+strconv.Itoa(n)+union, union)
			require.False(t, again.User.Disabled(), "tied to who is gone")
			require.NotEqual(t, in.User.ID, again.User.ID)
		}
	}
}

func operatorsSessionsOf(t *testing.T, w *adminWorld) {
	in, first := w.loginAs(t, "openid-a", "")
	w.now = w.now.Add(time.Minute)
	_, second := w.loginAs(t, "openid-a", "")
	ended, err := w.EndSession(t.Context(), auth.Ending{UserID: in.User.ID, SessionID: first, Reason: auth.ReasonOperator, Comment: "stolen phone", Actor: "li.wei", Now: w.now})
	require.NoError(t, err)
	require.True(t, ended)
	list, err := w.AllSessions(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []uuid.UUID{second, first}, []uuid.UUID{list[0].ID, list[1].ID})
	require.Nil(t, list[0].RevokedAt)
	require.Equal(t, w.now, *list[1].RevokedAt)
	require.Equal(t, auth.ReasonOperator, list[1].RevokedReason)
	require.Equal(t, "phone of openid-a", list[1].Device.Name)
	owner, err := w.SessionOwner(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, in.User.ID, owner)
	_, err = w.SessionOwner(t.Context(), uuid.New())
	require.ErrorIs(t, err, auth.ErrNoSession)
}

func operatorsEventsOf(t *testing.T, w *adminWorld) {
	in := w.login(t, "openid-a", "")
	for i := range 5 {
		w.now = w.now.Add(time.Minute)
		require.NoError(t, w.setRoles(t, w.change(in.User.ID, "change "+strconv.Itoa(i)), nil))
	}
	var seen []string
	before := int64(0)
	for range 4 {
		page, err := w.Events(t.Context(), in.User.ID, before, 2)
		require.NoError(t, err)
		for _, e := range page {
			var d struct{ Reason string }
			require.NoError(t, json.Unmarshal(e.Detail, &d))
			seen = append(seen, d.Reason)
			before = e.ID
		}
	}
	require.Equal(t, []string{"change 4", "change 3", "change 2", "change 1", "change 0", ""}, seen)
	none, err := w.Events(t.Context(), uuid.New(), 0, 10)
	require.NoError(t, err)
	require.Empty(t, none)
}

func operatorsNobodyThere(t *testing.T, w *adminWorld) {
	c := w.change(uuid.New(), "nobody")
	_, err := w.DisableUser(t.Context(), c)
	require.ErrorIs(t, err, users.ErrNotFound)
	_, err = w.DeleteUser(t.Context(), c)
	require.ErrorIs(t, err, users.ErrNotFound)
	require.ErrorIs(t, w.EnableUser(t.Context(), c), users.ErrNotFound)
	require.ErrorIs(t, w.setRoles(t, c, []string{"editor"}), users.ErrNotFound)
	require.ErrorIs(t, w.setMetadata(t, c, `{}`), users.ErrNotFound)
	require.Empty(t, w.kinds(t, c.UserID))
	ended, err := w.EndSessions(t.Context(), auth.Ending{UserID: c.UserID, Reason: "nobody", Actor: "li.wei", Now: w.now})
	require.NoError(t, err)
	require.Empty(t, ended)
}
