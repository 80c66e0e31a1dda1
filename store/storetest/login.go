package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// testContext is the context of a test, or of a property's round.
func testContext(t require.TestingT) context.Context {
	if t, ok := t.(interface{ Context() context.Context }); ok {
		return t.Context()
	}
	return context.Background()
}

func firstLogin(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	l := signIn(t, app1, someone(), start)
	l.UnionID = "u" + l.OpenID
	in, _ := login(t, s, l)

	require.True(t, in.NewUser)
	require.Empty(t, in.Ended)
	require.Equal(t, lifetimes().SessionEnd(start, start), in.ExpiresAt)
	u := in.User
	require.Equal(t, l.NewUserID, u.ID)
	require.Equal(t, start, u.CreatedAt)
	require.Equal(t, start, u.LastLoginAt)
	require.Empty(t, u.Roles)
	require.JSONEq(t, `{}`, string(u.Metadata))
	require.Empty(t, u.Nickname)
	require.Empty(t, u.SealedPhone)

	got, err := s.User(t.Context(), u.ID)
	noError(t, err)
	require.Equal(t, u, got)

	list, err := s.Sessions(t.Context(), u.ID, start)
	noError(t, err)
	require.Equal(t, []auth.Session{{
		ID: l.SessionID, UserID: u.ID, AppID: app1, Device: l.Device,
		CreatedAt: start, LastUsedAt: start, ExpiresAt: in.ExpiresAt,
	}}, list)
	require.Equal(t, auth.Counters{Used: 0, Last: 1, RotatedAt: start}, db.session(t, u.ID, l.SessionID).Counters)

	events := db.events(t, u.ID)
	require.Len(t, events, 1)
	require.Equal(t, users.EventUserCreated, events[0].Kind)
	require.Equal(t, start, events[0].At)
	require.Equal(t, "wechat", events[0].Actor)
	require.JSONEq(t, `{"appId": "`+app1+`", "otherUserId": null}`, string(events[0].Detail))
}

func knownLogin(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	openID := someone()
	first, _ := login(t, s, signIn(t, app1, openID, start))
	later := start.Add(time.Hour)
	l := signIn(t, app1, openID, later)
	second, _ := login(t, s, l)

	require.False(t, second.NewUser)
	require.Equal(t, first.User.ID, second.User.ID)
	require.Equal(t, start, second.User.CreatedAt)
	require.Equal(t, later, second.User.LastLoginAt)
	got, err := s.User(t.Context(), first.User.ID)
	noError(t, err)
	require.Equal(t, second.User, got)

	i, err := s.Identity(t.Context(), first.User.ID, app1)
	noError(t, err)
	require.Equal(t, l.SealedSessionKey, i.SealedSessionKey, "the newest session key is the one that is valid")
	require.Len(t, sessionIDs(t, s, first.User.ID, later), 2)
	require.Equal(t, []users.EventKind{users.EventUserCreated}, db.kinds(t, first.User.ID), "a login is no security event")

	// The same openid in another app is another person, as far as one can tell.
	other, _ := login(t, s, signIn(t, app2, openID, later))
	require.NotEqual(t, first.User.ID, other.User.ID)
}

func disabledLogin(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	openID := someone()
	first, _ := login(t, s, signIn(t, app1, openID, start))
	at := start.Add(time.Minute)
	db.disable(t, first.User.ID, at, "spam")
	before := db.count(t, "sessions")

	in, err := s.Login(t.Context(), signIn(t, app1, openID, start.Add(time.Hour)))
	noError(t, err)
	require.True(t, in.User.Disabled())
	require.Equal(t, at, *in.User.DisabledAt)
	require.Equal(t, "spam", in.User.DisabledReason)
	require.Empty(t, in.Ended)
	require.Equal(t, start, in.User.LastLoginAt, "who was refused did not log in")
	require.Equal(t, before, db.count(t, "sessions"))
	i, err := s.Identity(t.Context(), first.User.ID, app1)
	noError(t, err)
	require.Contains(t, string(i.SealedSessionKey), start.String())
}

func deletedLogin(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	openID := someone()
	first, _ := login(t, s, signIn(t, app1, openID, start))
	db.delete(t, first.User.ID, start)

	in, err := s.Login(t.Context(), signIn(t, app1, openID, start.Add(time.Hour)))
	noError(t, err)
	require.True(t, in.User.Disabled())
	require.Equal(t, 1, db.count(t, "sessions"))

	// Once the identity is erased, the person is a newcomer.
	db.exec(t, `DELETE FROM identities WHERE user_id = ?`, first.User.ID)
	again, _ := login(t, s, signIn(t, app1, openID, start.Add(time.Hour)))
	require.True(t, again.NewUser)
	require.NotEqual(t, first.User.ID, again.User.ID)
}

// burst runs n logins at once on two stores.
func burst(t *testing.T, stores [2]Store, n int, one func(i int) auth.Login) []auth.LoggedIn {
	t.Helper()
	logins := repeat(n, one)
	out, errs := repeat(n, func(int) auth.LoggedIn { return auth.LoggedIn{} }), repeat(n, func(int) error { return nil })
	together(n, func(i int) { out[i], errs[i] = stores[i%2].Login(t.Context(), logins[i]) })
	for _, err := range errs {
		noError(t, err)
	}
	return out
}

func repeat[T any](n int, one func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = one(i)
	}
	return out
}

// oneUser is the user whom all logins found, and whom one of them created.
func oneUser(t *testing.T, all []auth.LoggedIn) uuid.UUID {
	t.Helper()
	created := 0
	for _, in := range all {
		require.Equal(t, all[0].User.ID, in.User.ID)
		if in.NewUser {
			created++
		}
	}
	require.Equal(t, 1, created)
	return all[0].User.ID
}

func racingFirstLogins(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for round := range 5 {
		openID := someone()
		all := burst(t, stores, 16, func(int) auth.Login { return signIn(t, app1, openID, start) })
		id := oneUser(t, all)
		require.Equal(t, round+1, db.count(t, "users"))
		require.Equal(t, round+1, db.count(t, "identities"))
		require.Len(t, sessionIDs(t, stores[0], id, start), 16)
		require.Equal(t, []users.EventKind{users.EventUserCreated}, db.kinds(t, id))
	}
}

func racingUnion(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for round := range 5 {
		person := someone()
		all := burst(t, stores, 16, func(i int) auth.Login {
			app := []string{app1, app2}[(i/2)%2]
			l := signIn(t, app, person+app, start)
			l.UnionID = "u" + person
			return l
		})
		id := oneUser(t, all)
		require.Equal(t, round+1, db.count(t, "users"))
		require.Equal(t, 2*(round+1), db.count(t, "identities"))
		require.ElementsMatch(t, []users.EventKind{users.EventUserCreated, users.EventIdentityLinked}, db.kinds(t, id))
	}
}

func lateUnion(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	person := someone()
	first, _ := login(t, s, signIn(t, app1, person, start))

	l := signIn(t, app1, person, start.Add(time.Minute))
	l.UnionID = "u" + person
	linked, _ := login(t, s, l)
	require.Equal(t, first.User.ID, linked.User.ID)
	require.False(t, linked.NewUser)
	i, err := s.Identity(t.Context(), first.User.ID, app1)
	noError(t, err)
	require.Equal(t, l.UnionID, i.UnionID)
	require.Equal(t, []users.EventKind{users.EventUserCreated, users.EventIdentityLinked}, db.kinds(t, first.User.ID))

	// The same again is no news, and a login without it does not take it away.
	l.SessionID = newID(t)
	login(t, s, l)
	login(t, s, signIn(t, app1, person, start.Add(time.Hour)))
	i, err = s.Identity(t.Context(), first.User.ID, app1)
	noError(t, err)
	require.Equal(t, l.UnionID, i.UnionID)
	require.Len(t, db.events(t, first.User.ID), 2)

	// An identity with it in another app is the same person.
	other := signIn(t, app2, person+"2", start.Add(2*time.Hour))
	other.UnionID = l.UnionID
	joined, _ := login(t, s, other)
	require.Equal(t, first.User.ID, joined.User.ID)
	require.False(t, joined.NewUser)
}

func unionConflict(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	person := someone()
	l := signIn(t, app1, person, start)
	l.UnionID = "u" + person
	holder, _ := login(t, s, l)
	stranger, _ := login(t, s, signIn(t, app2, person+"2", start))

	l = signIn(t, app2, person+"2", start.Add(time.Minute))
	l.UnionID = "u" + person
	still, _ := login(t, s, l)
	require.Equal(t, stranger.User.ID, still.User.ID)
	require.False(t, still.NewUser)
	events := db.events(t, stranger.User.ID)
	require.Len(t, events, 2)
	require.Equal(t, users.EventIdentityConflict, events[1].Kind)
	require.JSONEq(t, `{"appId": "`+app2+`", "otherUserId": "`+holder.User.ID.String()+`"}`, string(events[1].Detail))
	require.Len(t, db.events(t, holder.User.ID), 1)

	// Newcomers join the user who had the unionid first.
	l = signIn(t, app3, person+"3", start.Add(time.Hour))
	l.UnionID = "u" + person
	third, _ := login(t, s, l)
	require.Equal(t, holder.User.ID, third.User.ID)
}

func deviceTakeover(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	person := someone()
	on := func(app, device string, at time.Duration) auth.Login {
		l := signIn(t, app, person+app, start.Add(at))
		l.UnionID, l.Device.ID = "u"+person, device
		return l
	}
	first, old := login(t, s, on(app1, "phone", 0))
	_, tablet := login(t, s, on(app1, "tablet", 1))
	_, otherApp := login(t, s, on(app2, "phone", 2))
	_, nameless := login(t, s, on(app1, "", 3))

	now := start.Add(time.Hour)
	again, renewed := login(t, s, on(app1, "phone", time.Hour))
	require.Equal(t, []auth.Ended{{SessionID: old.id, Reason: auth.ReasonReplaced}}, again.Ended)
	require.NotEqual(t, old.id, renewed.id)
	require.Equal(t, []uuid.UUID{renewed.id, nameless.id, otherApp.id, tablet.id}, sessionIDs(t, s, first.User.ID, now))
	was := db.session(t, old.userID, old.id)
	require.Equal(t, auth.ReasonReplaced, was.Reason)
	require.Equal(t, now, *was.RevokedAt)
	require.Equal(t, auth.OutcomeRevoked, rotate(t, s, &old, now).Outcome)
	last := db.events(t, first.User.ID)
	ended := last[len(last)-1]
	require.Equal(t, users.EventSessionRevoked, ended.Kind)
	require.Equal(t, old.id, ended.SessionID)
	require.JSONEq(t, `{"reason": "replaced"}`, string(ended.Detail))

	// No device id is no device: nothing is taken over.
	more, _ := login(t, s, on(app1, "", 2*time.Hour))
	require.Empty(t, more.Ended)
	require.Equal(t, auth.OutcomeRotated, rotate(t, s, &nameless, now).Outcome)

	// Nor is another person's phone, though it has the same name.
	l := signIn(t, app1, someone(), now)
	l.Device.ID = "phone"
	stranger, _ := login(t, s, l)
	require.Empty(t, stranger.Ended)
	require.Equal(t, auth.OutcomeRotated, rotate(t, s, &renewed, now).Outcome)
}

func racingDevice(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	openID := someone()
	all := burst(t, stores, 20, func(int) auth.Login {
		l := signIn(t, app1, openID, start)
		l.Device.ID = "phone"
		return l
	})
	id := oneUser(t, all)
	require.Len(t, sessionIDs(t, stores[0], id, start), 1)
	require.Len(t, endedBy(t, all), 19)
}

// endedBy are the sessions that logins ended, each of which one login reports.
func endedBy(t *testing.T, all []auth.LoggedIn) map[uuid.UUID]bool {
	t.Helper()
	ended := map[uuid.UUID]bool{}
	for _, in := range all {
		for _, x := range in.Ended {
			require.False(t, ended[x.SessionID], "a session ends once")
			ended[x.SessionID] = true
		}
	}
	return ended
}

func surplus(t *testing.T, db *Database) {
	p := lifetimes()
	p.MaxSessions = 3
	s := db.open(t, p)
	openID := someone()
	var seats []seat
	for i := range 3 {
		_, x := login(t, s, signIn(t, app1, openID, start.Add(time.Duration(i)*time.Minute)))
		seats = append(seats, x)
	}
	// The oldest one is used: it is no longer the one longest unused.
	now := start.Add(time.Hour)
	rotate(t, s, &seats[0], now)
	in, newest := login(t, s, signIn(t, app1, openID, now.Add(time.Minute)))
	require.Equal(t, []auth.Ended{{SessionID: seats[1].id, Reason: auth.ReasonEvicted}}, in.Ended)
	require.Equal(t, auth.ReasonEvicted, db.session(t, in.User.ID, seats[1].id).Reason)
	require.Equal(t, []uuid.UUID{newest.id, seats[0].id, seats[2].id}, sessionIDs(t, s, in.User.ID, now.Add(time.Minute)))

	// A limit that was lowered meanwhile ends as many as it takes.
	p.MaxSessions = 1
	strict := db.open(t, p)
	in, newest = login(t, strict, signIn(t, app1, openID, now.Add(time.Hour)))
	require.Len(t, in.Ended, 3)
	require.Equal(t, []uuid.UUID{newest.id}, sessionIDs(t, s, in.User.ID, now.Add(time.Hour)))

	// Sessions that ran out take no place and are not ended once more.
	in, _ = login(t, strict, signIn(t, app1, openID, now.Add(30*24*time.Hour)))
	require.Empty(t, in.Ended)
}

func racingSurplus(t *testing.T, db *Database) {
	p := lifetimes()
	p.MaxSessions = 5
	stores := pair(t, db, p)
	for range 3 {
		openID := someone()
		first, _ := login(t, stores[0], signIn(t, app1, openID, start))
		all := burst(t, stores, 30, func(i int) auth.Login {
			return signIn(t, app1, openID, start.Add(time.Duration(i)*time.Millisecond))
		})
		alive := sessionIDs(t, stores[0], first.User.ID, start.Add(time.Second))
		require.Len(t, alive, 5)
		require.Len(t, endedBy(t, all), 26)
	}
}

func racingSurplusOfTwoApps(t *testing.T, db *Database) {
	p := lifetimes()
	p.MaxSessions = 1
	stores := pair(t, db, p)
	for range 3 {
		person := someone()
		of := func(i int) auth.Login {
			app := []string{app1, app2}[i%2]
			l := signIn(t, app, person+app, start)
			l.UnionID = "u" + person
			return l
		}
		first, _ := login(t, stores[0], of(0))
		login(t, stores[0], of(1))
		// Both apps on the same store, so that they meet in one group.
		together(20, func(i int) {
			if _, err := stores[0].Login(t.Context(), of(i)); err != nil {
				t.Error(err)
			}
		})
		require.Len(t, sessionIDs(t, stores[0], first.User.ID, start), 1)
	}
}

func noLimit(t *testing.T, db *Database) {
	p := lifetimes()
	p.MaxSessions, p.MaxAge = 0, 0
	s := db.open(t, p)
	openID := someone()
	var in auth.LoggedIn
	for range 40 {
		in, _ = login(t, s, signIn(t, app1, openID, start))
		require.Empty(t, in.Ended)
	}
	require.Len(t, sessionIDs(t, s, in.User.ID, start), 40)
}
