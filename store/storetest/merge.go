package storetest

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// mergeOf is an operator's merge. A sealed number names its user, so it is
// sealed again: here that is told by a text.
func mergeOf(into, from uuid.UUID, now time.Time) users.Merge {
	return users.Merge{
		Into: into, From: from, Actor: "admin", Reason: "one person", Now: now,
		Reseal: func(_, into uuid.UUID, sealed []byte) ([]byte, error) {
			if string(sealed) == "unreadable" {
				return nil, errors.New("no key opens it")
			}
			return append([]byte("for "+into.String()+" "), sealed...), nil
		},
	}
}

func linking(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	alice, bob := newcomer(t, s, start), newcomer(t, s, start)
	l := signIn(t, app2, someone(), start)
	l.UnionID = "u" + l.OpenID
	require.NoError(t, s.LinkIdentity(t.Context(), alice.userID, l))
	require.NoError(t, s.LinkIdentity(t.Context(), alice.userID, l), "one's own again")
	require.ErrorIs(t, s.LinkIdentity(t.Context(), bob.userID, l), users.ErrIdentityTaken)
	require.ErrorIs(t, s.LinkIdentity(t.Context(), newID(t), signIn(t, app2, someone(), start)), users.ErrNotFound)
	sibling := signIn(t, app3, someone(), start)
	sibling.UnionID = l.UnionID
	require.ErrorIs(t, s.LinkIdentity(t.Context(), bob.userID, sibling), users.ErrIdentityTaken, "its unionid is another user's")
	in, _ := login(t, s, signIn(t, app2, l.OpenID, start))
	require.Equal(t, alice.userID, in.User.ID)
	list, err := s.Identities(t.Context(), alice.userID)
	noError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []users.EventKind{users.EventUserCreated, users.EventIdentityLinked}, db.kinds(t, alice.userID))
	require.Equal(t, []users.EventKind{users.EventUserCreated}, db.kinds(t, bob.userID))

	_, there := login(t, s, signIn(t, app2, l.OpenID, start))
	ended, err := s.UnlinkIdentity(t.Context(), alice.userID, app2, start.Add(time.Minute))
	noError(t, err)
	require.Contains(t, ended, there.id)
	require.NotContains(t, ended, alice.id)
	require.Equal(t, auth.ReasonSignedOut, rotate(t, s, &there, start.Add(time.Minute)).Reason)
	_, err = s.UnlinkIdentity(t.Context(), alice.userID, app2, start)
	require.ErrorIs(t, err, users.ErrNotFound)
	_, err = s.UnlinkIdentity(t.Context(), alice.userID, app1, start)
	require.ErrorIs(t, err, users.ErrLastIdentity)
	fresh, _ := login(t, s, signIn(t, app2, l.OpenID, start))
	require.True(t, fresh.NewUser)
}

func racingLinks(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for range 8 {
		all := []seat{newcomer(t, stores[0], start), newcomer(t, stores[0], start), newcomer(t, stores[0], start), newcomer(t, stores[0], start)}
		l := signIn(t, app2, someone(), start)
		errs := make([]error, len(all))
		var wg sync.WaitGroup
		for i, one := range all {
			wg.Go(func() { errs[i] = stores[i%2].LinkIdentity(testContext(t), one.userID, l) })
		}
		wg.Go(func() { _, _ = stores[0].Login(testContext(t), signIn(t, app2, l.OpenID, start)) })
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			require.ErrorIs(t, err, users.ErrIdentityTaken)
		}
		require.LessOrEqual(t, won, 1)
		require.Equal(t, 1, db.count(t, "identities WHERE openid = $1", l.OpenID))
	}
}

func racingUnlinks(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for range 8 {
		alice := newcomer(t, stores[0], start)
		noError(t, stores[0].LinkIdentity(t.Context(), alice.userID, signIn(t, app2, someone(), start)))
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, app := range []string{app1, app2} {
			wg.Go(func() { _, errs[i] = stores[i].UnlinkIdentity(testContext(t), alice.userID, app, start) })
		}
		wg.Wait()
		require.NotEqual(t, errs[0] == nil, errs[1] == nil, "%v", errs)
		require.ErrorIs(t, errors.Join(errs...), users.ErrLastIdentity)
		require.Equal(t, 1, db.count(t, "identities WHERE user_id = $1", alice.userID))
	}
}

func merging(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	person := someone()
	_, into := login(t, s, signIn(t, app1, person, start))
	_, from := login(t, s, signIn(t, app2, person+"2", start.Add(time.Hour)))
	nickname := "of the other"
	_, err := s.UpdateProfile(t.Context(), from.userID, users.ProfilePatch{Nickname: &nickname})
	noError(t, err)
	_, err = s.BindPhone(t.Context(), users.PhoneBinding{UserID: from.userID, Sealed: []byte("number"), Hashes: [][]byte{[]byte("hash of " + person)}, Now: start})
	noError(t, err)
	db.setRoles(t, into.userID, []string{"editor"}, `{"level":1}`)
	db.setRoles(t, from.userID, []string{"editor", "vip"}, `{"level":2,"city":"x"}`)

	now := start.Add(2 * time.Hour)
	id, ended, err := s.Merge(t.Context(), mergeOf(into.userID, from.userID, now))
	noError(t, err)
	require.Equal(t, into.userID, id)
	require.Equal(t, []uuid.UUID{from.id}, ended)
	u, err := s.User(t.Context(), into.userID)
	noError(t, err)
	require.Equal(t, nickname, u.Nickname)
	require.Equal(t, "for "+into.userID.String()+" number", string(u.SealedPhone))
	require.Equal(t, []string{"editor", "vip"}, u.Roles)
	require.JSONEq(t, `{"level":1,"city":"x"}`, string(u.Metadata))
	require.Equal(t, start.Add(time.Hour), u.LastLoginAt)
	_, err = s.User(t.Context(), from.userID)
	require.ErrorIs(t, err, users.ErrNotFound)
	_, err = s.BindPhone(t.Context(), users.PhoneBinding{UserID: newcomer(t, s, now).userID, Sealed: []byte("n"), Hashes: [][]byte{[]byte("hash of " + person)}, Now: now})
	require.ErrorIs(t, err, users.ErrPhoneTaken, "the number is found with the user who remains")

	e := rotate(t, s, &from, now)
	require.Equal(t, auth.OutcomeRevoked, e.Outcome)
	require.Equal(t, auth.ReasonMerged, e.Reason)
	require.Equal(t, auth.OutcomeRotated, rotate(t, s, &into, now).Outcome)
	joined, _ := login(t, s, signIn(t, app2, person+"2", now))
	require.Equal(t, into.userID, joined.User.ID)
	require.False(t, joined.NewUser)
	for _, one := range []seat{into, from} {
		kinds := db.kinds(t, one.userID)
		require.Equal(t, users.EventUserMerged, kinds[len(kinds)-1])
		events := db.events(t, one.userID)
		var detail map[string]any
		noError(t, json.Unmarshal(events[len(events)-1].Detail, &detail))
		require.Equal(t, "one person", detail["reason"])
		if one == into {
			require.Equal(t, []any{"vip"}, detail["rolesAdded"])
		}
	}

	for _, m := range []users.Merge{mergeOf(into.userID, from.userID, now), mergeOf(from.userID, into.userID, now), mergeOf(into.userID, into.userID, now), mergeOf(newID(t), into.userID, now)} {
		_, _, err = s.Merge(t.Context(), m)
		require.ErrorIs(t, err, users.ErrNotFound)
	}
}

func mergingWhileBothRefresh(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for range 6 {
		into, from := newcomer(t, stores[0], start), newcomer(t, stores[0], start)
		_, second := login(t, stores[0], signIn(t, app2, someone(), start))
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for i, one := range []seat{into, from} {
			wg.Go(func() {
				for now := start.Add(time.Minute); ; now = now.Add(time.Minute) {
					select {
					case <-stop:
						return
					default:
					}
					e, err := stores[i].Rotate(testContext(t), one.present(now))
					if err != nil {
						t.Error(err)
						return
					}
					if e.Outcome != auth.OutcomeRotated {
						if i == 0 || e.Reason != auth.ReasonMerged {
							t.Errorf("%d: %s %s", i, e.Outcome, e.Reason)
						}
						return
					}
					one.prev, one.seq = e.Used, e.Last
				}
			})
		}
		wg.Go(func() { _, _ = stores[1].Login(testContext(t), signIn(t, app1, someone(), start)) })
		// Crosswise and a third: exactly one order comes about, and no deadlock.
		outcomes := make([]error, 2)
		var merges sync.WaitGroup
		merges.Go(func() { _, _, outcomes[0] = stores[0].Merge(testContext(t), mergeOf(into.userID, from.userID, start)) })
		merges.Go(func() {
			_, _, outcomes[1] = stores[1].Merge(testContext(t), mergeOf(into.userID, second.userID, start))
		})
		merges.Wait()
		require.NoError(t, errors.Join(outcomes...))
		close(stop)
		wg.Wait()
		require.Equal(t, 0, db.count(t, "identities WHERE user_id = $1", from.userID))
		require.Equal(t, 0, db.count(t, "identities WHERE user_id = $1", second.userID))
		require.Equal(t, 3, db.count(t, "identities WHERE user_id = $1", into.userID))
		require.Equal(t, 0, db.count(t, "sessions WHERE user_id = $1 AND revoked_at IS NULL", from.userID))
	}
}

func racingMerges(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for range 8 {
		person := someone()
		l := signIn(t, app1, person, start)
		l.UnionID = "u" + person
		_, a := login(t, stores[0], l)
		b := newcomer(t, stores[0], start)
		errs := make([]error, 2)
		var late auth.LoggedIn
		var wg sync.WaitGroup
		wg.Go(func() { _, _, errs[0] = stores[0].Merge(testContext(t), mergeOf(a.userID, b.userID, start)) })
		wg.Go(func() { _, _, errs[1] = stores[1].Merge(testContext(t), mergeOf(b.userID, a.userID, start)) })
		wg.Go(func() {
			l := signIn(t, app2, person+"2", start)
			l.UnionID = "u" + person
			var err error
			if late, err = stores[1].Login(testContext(t), l); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		require.NotEqual(t, errs[0] == nil, errs[1] == nil, "one of the two remains: %v", errs)
		require.ErrorIs(t, errors.Join(errs...), users.ErrNotFound)
		remains := a.userID
		if errs[0] != nil {
			remains = b.userID
		}
		require.Equal(t, 3, db.count(t, "identities WHERE user_id = $1", remains), "nothing is lost, and none is tied to who is gone")
		require.Contains(t, []uuid.UUID{a.userID, b.userID}, late.User.ID)
		again, _ := login(t, stores[0], signIn(t, app2, person+"2", start))
		require.Equal(t, remains, again.User.ID)
	}
}

func joiningByPhone(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	hash := func(name string) [][]byte { return [][]byte{[]byte(name + t.Name())} }
	bind := func(id uuid.UUID, name string) {
		_, err := s.BindPhone(t.Context(), users.PhoneBinding{UserID: id, Sealed: []byte("number"), Hashes: hash(name), Now: start})
		noError(t, err)
	}
	join := func(from uuid.UUID, name string) (uuid.UUID, error) {
		m := mergeOf(uuid.Nil, from, start)
		m.Hashes = hash(name)
		into, _, err := s.Merge(t.Context(), m)
		return into, err
	}
	holder := newcomer(t, s, start)
	bind(holder.userID, "a")
	inOther := func() uuid.UUID { in, _ := login(t, s, signIn(t, app2, someone(), start)); return in.User.ID }

	_, err := join(inOther(), "nobody's")
	require.ErrorIs(t, err, users.ErrNotFound)
	_, err = join(newcomer(t, s, start).userID, "a")
	require.ErrorIs(t, err, users.ErrPhoneTaken, "both are of one app")
	withNumber := inOther()
	bind(withNumber, "b")
	_, err = join(withNumber, "a")
	require.ErrorIs(t, err, users.ErrPhoneTaken, "the newcomer has a number")
	barred := inOther()
	db.disable(t, barred, start, "spam")
	_, err = join(barred, "a")
	require.ErrorIs(t, err, users.ErrPhoneTaken, "who is disabled does not slip into another account")

	// Neither gets a role by the number.
	db.setRoles(t, holder.userID, []string{"editor"}, `{}`)
	newcomer := inOther()
	db.setRoles(t, newcomer, []string{"admin", "editor"}, `{"legacyId":"7"}`)
	into, err := join(newcomer, "a")
	noError(t, err)
	require.Equal(t, holder.userID, into)
	u, err := s.User(t.Context(), holder.userID)
	noError(t, err)
	require.Equal(t, []string{"editor"}, u.Roles)
	require.JSONEq(t, `{"legacyId":"7"}`, string(u.Metadata))
	events := db.events(t, holder.userID)
	var detail map[string]any
	noError(t, json.Unmarshal(events[len(events)-1].Detail, &detail))
	require.Equal(t, []any{"admin"}, detail["rolesNotAdded"])
	require.NotContains(t, detail, "rolesAdded")
	_, err = join(inOther(), "a")
	require.ErrorIs(t, err, users.ErrPhoneTaken, "now both have an identity of the second app")
}

// Users of another app bind the holder's number at the same moment, through two
// processes, while the holder refreshes: one becomes the holder, the others stay who
// they are, and only the session of the one who joins is lost.
func racingJoins(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	holder := newcomer(t, stores[0], start)
	hashes := [][]byte{[]byte("number" + t.Name())}
	_, err := stores[0].BindPhone(t.Context(), users.PhoneBinding{UserID: holder.userID, Sealed: []byte("number"), Hashes: hashes, Now: start})
	noError(t, err)
	others := make([]auth.LoggedIn, 8)
	for i := range others {
		others[i], _ = login(t, stores[0], signIn(t, app2, someone(), start))
	}
	errs := make([]error, len(others))
	var wg sync.WaitGroup
	for i, other := range others {
		wg.Go(func() {
			m := mergeOf(uuid.Nil, other.User.ID, start.Add(time.Minute))
			m.Hashes = hashes
			var into uuid.UUID
			if into, _, errs[i] = stores[i%2].Merge(testContext(t), m); errs[i] == nil && into != holder.userID {
				t.Errorf("joined %s", into)
			}
		})
	}
	wg.Go(func() {
		if _, err := stores[1].Rotate(testContext(t), holder.present(start.Add(time.Minute))); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	joined := 0
	for i, other := range others {
		_, err := stores[0].User(t.Context(), other.User.ID)
		if errs[i] == nil {
			joined++
			require.ErrorIs(t, err, users.ErrNotFound)
			continue
		}
		require.ErrorIs(t, errs[i], users.ErrPhoneTaken)
		noError(t, err)
		live, err := stores[1].Sessions(t.Context(), other.User.ID, start.Add(time.Minute))
		noError(t, err)
		require.Len(t, live, 1)
	}
	require.Equal(t, 1, joined)
	_, err = stores[0].User(t.Context(), holder.userID)
	noError(t, err)
}
