package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

func endSession(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	p, other := newcomer(t, s, start), newcomer(t, s, start)
	rotate(t, s, &p, start.Add(time.Minute))
	before := db.session(t, p.userID, p.id)
	now := start.Add(time.Hour)

	// Another user's session, and none at all.
	for _, wrong := range []auth.Ending{
		{UserID: other.userID, SessionID: p.id, Reason: auth.ReasonLoggedOut, Now: now},
		{UserID: p.userID, SessionID: newID(t), Reason: auth.ReasonLoggedOut, Now: now},
		{UserID: p.userID, Reason: auth.ReasonLoggedOut, Now: now},
	} {
		ended, err := s.EndSession(t.Context(), wrong)
		noError(t, err)
		require.False(t, ended)
	}
	require.Equal(t, before, db.session(t, p.userID, p.id))

	ended, err := s.EndSession(t.Context(), p.end(now, auth.ReasonLoggedOut))
	noError(t, err)
	require.True(t, ended)
	after := db.session(t, p.userID, p.id)
	require.Equal(t, now, *after.RevokedAt)
	require.Equal(t, auth.ReasonLoggedOut, after.Reason)
	require.Equal(t, before.Counters, after.Counters)
	require.Equal(t, before.ExpiresAt, after.ExpiresAt)
	require.Empty(t, sessionIDs(t, s, p.userID, now))
	require.Equal(t, auth.OutcomeRevoked, rotate(t, s, &p, now).Outcome)

	ended, err = s.EndSession(t.Context(), p.end(now.Add(time.Hour), auth.ReasonOperator))
	noError(t, err)
	require.False(t, ended)
	require.Equal(t, after, db.session(t, p.userID, p.id), "the first reason stays")

	events := db.events(t, p.userID)
	require.Len(t, events, 2)
	require.Equal(t, users.EventSessionRevoked, events[1].Kind)
	require.Equal(t, p.id, events[1].SessionID)
	require.Equal(t, users.ActorUser, events[1].Actor)
	require.Equal(t, now, events[1].At)
	require.JSONEq(t, `{"reason": "logged_out"}`, string(events[1].Detail))

	// A session that ran out is not alive: there is nothing to end.
	ended, err = s.EndSession(t.Context(), other.end(db.session(t, other.userID, other.id).ExpiresAt, auth.ReasonLoggedOut))
	noError(t, err)
	require.False(t, ended)
}

func endSessions(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	openID := someone()
	var ids []uuid.UUID
	var p seat
	for i := range 4 {
		_, p = login(t, s, signIn(t, app1, openID, start.Add(time.Duration(i)*time.Hour)))
		ids = append(ids, p.id)
	}
	bystander := newcomer(t, s, start)
	now := start.Add(10 * time.Hour)
	_, err := s.EndSession(t.Context(), p.end(now, auth.ReasonLoggedOut))
	noError(t, err)

	all := auth.Ending{UserID: p.userID, Reason: auth.ReasonSignedOut, Actor: users.ActorUser, Now: now}
	ended, err := s.EndSessions(t.Context(), all)
	noError(t, err)
	require.ElementsMatch(t, ids[:3], ended)
	require.Empty(t, sessionIDs(t, s, p.userID, now))
	require.Equal(t, auth.ReasonSignedOut, db.session(t, p.userID, ids[0]).Reason)
	require.Equal(t, auth.ReasonLoggedOut, db.session(t, p.userID, ids[3]).Reason)
	require.Len(t, sessionIDs(t, s, bystander.userID, now), 1)
	require.Len(t, db.events(t, p.userID), 5)

	ended, err = s.EndSessions(t.Context(), all)
	noError(t, err)
	require.Empty(t, ended)
}

// A failover or a restore has lost the row of a session, and its client holds
// signed tokens.
func endLost(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	lose := func(p seat) { db.exec(t, `DELETE FROM sessions WHERE id = ?`, p.id) }
	revoked := func() (ids []uuid.UUID) {
		list, err := s.RevokedSince(t.Context(), start, uuid.Nil, 100)
		noError(t, err)
		for _, x := range list {
			ids = append(ids, x.SessionID)
		}
		return ids
	}
	now := start.Add(time.Hour)

	p := newcomer(t, s, start)
	lose(p)
	ended, err := s.EndSession(t.Context(), p.end(now, auth.ReasonLoggedOut))
	noError(t, err)
	require.False(t, ended, "an id alone proves nothing")
	require.Empty(t, revoked())
	proven := p.end(now, auth.ReasonLoggedOut)
	proven.Proven = p.id
	ended, err = s.EndSession(t.Context(), proven)
	noError(t, err)
	require.True(t, ended)
	require.Equal(t, []uuid.UUID{p.id}, revoked())
	events := db.events(t, p.userID)
	require.Equal(t, users.EventSessionRevoked, events[len(events)-1].Kind)
	require.Equal(t, p.id, events[len(events)-1].SessionID)
	require.JSONEq(t, `{"reason": "logged_out", "rowLost": true}`, string(events[len(events)-1].Detail))
	proven.Now = now.Add(time.Minute)
	ended, err = s.EndSession(t.Context(), proven)
	noError(t, err)
	require.False(t, ended, "again")
	require.Len(t, db.events(t, p.userID), len(events))
	list, err := s.RevokedSince(t.Context(), start, uuid.Nil, 100)
	noError(t, err)
	require.Equal(t, []auth.Revocation{{SessionID: p.id, RevokedAt: now}}, list, "the first time stays")
	require.Equal(t, auth.OutcomeUnknown, rotate(t, s, &p, now).Outcome)

	// Everywhere: the lost session, and those that are there.
	openID := someone()
	_, here := login(t, s, signIn(t, app1, openID, start))
	_, gone := login(t, s, signIn(t, app1, openID, start))
	lose(gone)
	all := auth.Ending{UserID: here.userID, Proven: gone.id, Reason: auth.ReasonSignedOut, Actor: users.ActorUser, Now: now}
	ids, err := s.EndSessions(t.Context(), all)
	noError(t, err)
	require.ElementsMatch(t, []uuid.UUID{here.id, gone.id}, ids)
	require.ElementsMatch(t, []uuid.UUID{p.id, here.id, gone.id}, revoked())
	ids, err = s.EndSessions(t.Context(), all)
	noError(t, err)
	require.Empty(t, ids)

	// The user is lost, too, or not known to the operator who ends it.
	for _, userID := range []uuid.UUID{newID(t), uuid.Nil} {
		id := newID(t)
		ids, err = s.EndSessions(t.Context(), auth.Ending{UserID: userID, Proven: id, Reason: auth.ReasonOperator, Comment: "stolen", Actor: "operator", Now: now})
		noError(t, err)
		require.Equal(t, []uuid.UUID{id}, ids)
		require.Contains(t, revoked(), id)
	}

	// A session that ran out, of which an access token is alive.
	q := newcomer(t, s, start)
	late := start.Add(lifetimes().RefreshTTL).Add(time.Hour)
	proven = q.end(late, auth.ReasonLoggedOut)
	proven.Proven = q.id
	ended, err = s.EndSession(t.Context(), proven)
	noError(t, err)
	require.True(t, ended)
	require.Equal(t, late, *db.session(t, q.userID, q.id).RevokedAt)
	require.Equal(t, 4, db.count(t, `lost_sessions`), "it has a row")
}

func sessionsOrder(t *testing.T, db *Database) {
	p := lifetimes()
	s := db.open(t, p)
	openID := someone()
	a, first := login(t, s, signIn(t, app1, openID, start))
	_, second := login(t, s, signIn(t, app1, openID, start.Add(time.Minute)))
	_, third := login(t, s, signIn(t, app1, openID, start.Add(2*time.Minute)))
	rotate(t, s, &first, start.Add(time.Hour))
	list, err := s.Sessions(t.Context(), a.User.ID, start.Add(time.Hour))
	noError(t, err)
	require.Equal(t, []uuid.UUID{first.id, third.id, second.id}, []uuid.UUID{list[0].ID, list[1].ID, list[2].ID})
	require.Equal(t, start.Add(time.Hour), list[0].LastUsedAt)
	require.Equal(t, start, list[0].CreatedAt)
	require.Equal(t, "198.51.100.2", list[0].Device.IP, "where it was used last")
	require.Equal(t, "a phone", list[0].Device.Name)

	none, err := s.Sessions(t.Context(), newID(t), start)
	noError(t, err)
	require.Empty(t, none)
}

func revokedSince(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	var seats []seat
	for i := range 3 {
		p := newcomer(t, s, start)
		seats = append(seats, p)
		_, err := s.EndSession(t.Context(), p.end(start.Add(time.Duration(i)*time.Microsecond), auth.ReasonLoggedOut))
		noError(t, err)
	}
	newcomer(t, s, start) // alive
	for since, want := range [][]seat{seats, seats[1:], seats[2:], nil} {
		list, err := s.RevokedSince(t.Context(), start.Add(time.Duration(since)*time.Microsecond), uuid.Nil, 100)
		noError(t, err)
		got := []auth.Revocation{}
		got = append(got, list...)
		require.Len(t, got, len(want))
		for i, w := range want {
			require.Equal(t, auth.Revocation{SessionID: w.id, RevokedAt: start.Add(time.Duration(since+i) * time.Microsecond), Reason: auth.ReasonLoggedOut}, got[i])
		}
	}
}

// Pages neither leave out nor repeat, also where many sessions end at one time.
func revokedByPages(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	want := map[uuid.UUID]bool{}
	for i := range 11 {
		p := newcomer(t, s, start)
		_, err := s.EndSession(t.Context(), p.end(start.Add(time.Duration(i/5)*time.Second), auth.ReasonLoggedOut))
		noError(t, err)
		want[p.id] = true
	}
	since, after, pages := start, uuid.Nil, 0
	var got []auth.Revocation
	for {
		page, err := s.RevokedSince(t.Context(), since, after, 3)
		noError(t, err)
		pages++
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
		since, after = page[2].RevokedAt, page[2].SessionID
	}
	require.Equal(t, 4, pages)
	require.Len(t, got, 11)
	for i, x := range got {
		require.True(t, want[x.SessionID])
		delete(want, x.SessionID)
		require.True(t, i == 0 || !x.RevokedAt.Before(got[i-1].RevokedAt), "oldest first")
	}
	require.Empty(t, want)
}

func watch(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	ctx, cancel := context.WithCancel(t.Context())
	woken, done := make(chan struct{}, 1000), make(chan error, 1)
	go func() {
		done <- stores[0].WatchRevocations(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()
	wakes := func(what string, do func()) {
		t.Helper()
		for len(woken) > 0 {
			<-woken
		}
		do()
		select {
		case <-woken:
		case <-time.After(time.Second):
			t.Fatalf("%s: not woken within a second", what)
		}
		time.Sleep(150 * time.Millisecond) // later wakes of the same cause
	}
	select {
	case <-woken: // what happened before it listened
	case <-time.After(5 * time.Second):
		t.Fatal("not woken at the beginning")
	}
	time.Sleep(150 * time.Millisecond)

	p, q, r := newcomer(t, stores[1], start), newcomer(t, stores[1], start), newcomer(t, stores[1], start)
	l := signIn(t, app1, someone(), start)
	l.Device.ID = "phone"
	login(t, stores[1], l)
	time.Sleep(150 * time.Millisecond)
	wakes("another store ends a session", func() {
		_, err := stores[1].EndSession(t.Context(), p.end(start, auth.ReasonLoggedOut))
		noError(t, err)
	})
	wakes("another store ends all", func() {
		_, err := stores[1].EndSessions(t.Context(), q.end(start, auth.ReasonSignedOut))
		noError(t, err)
	})
	wakes("this store ends a session", func() {
		copied := r
		rotate(t, stores[0], &r, start.Add(time.Hour))
		rotate(t, stores[0], &r, start.Add(2*time.Hour))
		require.Equal(t, auth.OutcomeReused, rotate(t, stores[0], &copied, start.Add(3*time.Hour)).Outcome)
	})
	wakes("a login on another store replaces a session", func() {
		l.SessionID = newID(t)
		in, _ := login(t, stores[1], l)
		require.Len(t, in.Ended, 1)
	})

	cancel()
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("the watcher outlived its context")
	}
}

// graveyard fills the database with dead sessions of several kinds among live
// ones, and tells how many are dead at that time.
func graveyard(t *testing.T, db *Database, s Store, n int, now time.Time) (dead, alive int) {
	t.Helper()
	p := newcomer(t, s, start)
	alive = 1
	var rows [][]any
	for i := range n {
		expires, revoked := now.Add(time.Hour), any(nil)
		switch i % 4 {
		case 0:
			expires = now.Add(-time.Hour - time.Microsecond)
			dead++
		case 1:
			revoked = now.Add(-time.Hour - time.Microsecond)
			dead++
		case 2:
			revoked = now.Add(-time.Hour) // revoked just not long enough ago
			alive++
		default:
			alive++
		}
		rows = append(rows, []any{p.userID, newID(t), app1, start, start, expires, revoked})
	}
	db.execAll(t, `
INSERT INTO sessions (user_id, id, app_id, created_at, rotated_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)`, rows)
	return dead, alive
}

func purge(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	now := start.Add(time.Hour)
	dead, alive := graveyard(t, db, s, 4500, now) // more than two batches of either store
	n, err := s.Purge(t.Context(), now.Add(-time.Hour), now.Add(-time.Hour))
	noError(t, err)
	require.Equal(t, dead, n)
	require.Equal(t, alive, db.count(t, "sessions"))
	n, err = s.Purge(t.Context(), now.Add(-time.Hour), now.Add(-time.Hour))
	noError(t, err)
	require.Zero(t, n)
}

func racingPurges(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	now := start.Add(time.Hour)
	dead, alive := graveyard(t, db, stores[0], 3000, now)
	p := newcomer(t, stores[0], start)

	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() { // the client refreshes all the while
		for at := start; ; at = at.Add(time.Minute) {
			select {
			case <-stop:
				return
			default:
			}
			e, err := stores[1].Rotate(t.Context(), p.present(at))
			if err != nil || !issued(e.Outcome) {
				t.Errorf("exchange beside a purge: %s, %v", e.Outcome, err)
				return
			}
			p.seq, p.prev = e.Last, e.Used
		}
	})
	counts, errs := make([]int, 4), make([]error, 4)
	together(4, func(i int) {
		counts[i], errs[i] = stores[i%2].Purge(t.Context(), now.Add(-time.Hour), now.Add(-time.Hour))
	})
	close(stop)
	busy.Wait()
	total := 0
	for i := range counts {
		noError(t, errs[i])
		total += counts[i]
	}
	// The process without the lock leaves the work to the other, which may have
	// passed some rows already; the next purge finds them.
	n, err := stores[0].Purge(t.Context(), now.Add(-time.Hour), now.Add(-time.Hour))
	noError(t, err)
	require.Equal(t, dead, total+n)
	require.Equal(t, alive+1, db.count(t, "sessions"))
}
