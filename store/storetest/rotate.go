package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// everyRotation puts the row into each state of a grid, presents each token of
// a grid, and compares what the store does with the rule as a function.
func everyRotation(t *testing.T, db *Database) {
	p := lifetimes()
	s := db.open(t, p)
	now := start.Add(time.Hour)
	type try struct {
		seat
		before auth.Counters
	}
	var tries []try
	for used := range int64(3) {
		for last := used + 1; last <= used+2; last++ {
			for seq := range int64(6) {
				for prev := range int64(4) {
					for _, age := range []time.Duration{
						-time.Second, // another pod's clock is ahead
						0, p.Grace - time.Microsecond, p.Grace, p.Grace + time.Microsecond, time.Hour,
					} {
						tries = append(tries, try{
							seat:   seat{appID: app1, seq: seq, prev: prev},
							before: auth.Counters{Used: used, Last: last, RotatedAt: now.Add(-age)},
						})
					}
				}
			}
		}
	}
	var people []seat
	for range 50 {
		people = append(people, newcomer(t, s, start))
	}
	// Many sessions of each user, at a state of the grid each.
	var rows [][]any
	for i := range tries {
		tries[i].userID, tries[i].id = people[i%len(people)].userID, newID(t)
		x := tries[i]
		rows = append(rows, []any{x.userID, x.id, app1, x.before.Used, x.before.Last, start, x.before.RotatedAt, start.Add(p.RefreshTTL)})
	}
	db.execAll(t, `
INSERT INTO sessions (user_id, id, app_id, used, last, created_at, rotated_at, expires_at, ip, user_agent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'old', 'old')`, rows)
	got, errs := make([]auth.Rotated, len(tries)), make([]error, len(tries))
	// Many at once: groups must keep the requests apart. Not all, or a slow disk makes
	// the last ones wait too long.
	const atOnce = 100 // more than one group holds
	for from := 0; from < len(tries); from += atOnce {
		together(min(atOnce, len(tries)-from), func(i int) {
			got[from+i], errs[from+i] = s.Rotate(t.Context(), tries[from+i].present(now))
		})
	}

	seen := map[auth.Outcome]int{}
	for i, x := range tries {
		noError(t, errs[i])
		what := fmt.Sprintf("row %+v, token (%d, %d)", x.before, x.seq, x.prev)
		after, outcome := x.before.Rotate(x.seq, x.prev, now, p.Grace)
		seen[outcome]++
		require.Equal(t, outcome, got[i].Outcome, what)
		require.Equal(t, after, got[i].Counters, what)
		require.Equal(t, start, got[i].CreatedAt, what)

		is := db.session(t, x.userID, x.id)
		require.Equal(t, after, is.Counters, what)
		require.Equal(t, got[i].ExpiresAt, is.ExpiresAt, what)
		switch outcome {
		case auth.OutcomeSameChild, auth.OutcomeReused:
			require.Equal(t, start.Add(p.RefreshTTL), is.ExpiresAt, "what issues nothing new prolongs nothing: "+what)
			require.Equal(t, "old", is.IP, what)
		default:
			require.Equal(t, p.SessionEnd(start, now), is.ExpiresAt, what)
			require.Equal(t, "198.51.100.2 refresher", is.IP+" "+is.UserAgent, what)
		}
		if outcome == auth.OutcomeReused {
			require.Equal(t, now, *is.RevokedAt, what)
			require.Equal(t, auth.ReasonReused, is.Reason, what)
		} else {
			require.Nil(t, is.RevokedAt, what)
		}
		require.Equal(t, map[auth.Outcome]int{auth.OutcomeReused: 1, auth.OutcomeRestored: 1}[outcome],
			db.count(t, "events WHERE session_id = ? AND kind <> 'refresh_repeated'", x.id), what)
		_, counts, _ := auth.Repeats{}.After(outcome, true, now)
		require.Equal(t, counts, got[i].Repeated, what)
		require.Equal(t, map[bool]int{true: 1}[counts],
			db.count(t, "events WHERE session_id = ? AND kind = 'refresh_repeated'", x.id), what)
	}
	require.Len(t, seen, 5, "the grid must hold every case of the rule: %v", seen)

	// What an event tells is enough to see what happened.
	for i, x := range tries {
		if got[i].Outcome != auth.OutcomeReused {
			continue
		}
		for _, e := range db.events(t, x.userID) {
			if e.SessionID != x.id {
				continue
			}
			require.Equal(t, users.EventRefreshReused, e.Kind)
			require.Equal(t, now, e.At)
			require.Equal(t, users.ActorSystem, e.Actor)
			require.JSONEq(t, fmt.Sprintf(
				`{"seq": %d, "prev": %d, "used": %d, "last": %d, "ip": "198.51.100.2", "userAgent": "refresher"}`,
				x.seq, x.prev, x.before.Used, x.before.Last), string(e.Detail))
		}
		break
	}
}

// A copy of the earlier token is presented again and again while its owner
// sleeps. It gets access tokens, for a client whose responses are lost looks the
// same, but it leaves a trace.
func repeated(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	p := newcomer(t, s, start)
	rotate(t, s, &p, start.Add(time.Minute)) // by its owner, from 198.51.100.2
	copied := p
	copied.seq, copied.prev = 1, 0
	present := func(now time.Time, ip, agent string) auth.Rotated {
		try := copied.present(now)
		try.IP, try.UserAgent = ip, agent
		e, err := s.Rotate(t.Context(), try)
		noError(t, err)
		require.True(t, issued(e.Outcome), "nobody is turned away: %s", e.Outcome)
		return e
	}
	details := func() (out []string) {
		for _, e := range db.events(t, p.userID) {
			if e.Kind == users.EventRefreshRepeated {
				require.Equal(t, p.id, e.SessionID)
				require.Equal(t, users.ActorSystem, e.Actor)
				out = append(out, string(e.Detail))
			}
		}
		return out
	}
	now := start.Add(2 * time.Hour)

	// The owner's own repetitions, from the same address and device, are none.
	require.False(t, present(now, "198.51.100.2", "refresher").Repeated)
	require.False(t, present(now, "198.51.100.2", "refresher").Repeated, "two tabs")
	require.Empty(t, details())

	for i := range 40 {
		now = now.Add(11 * time.Second)
		e := present(now, "203.0.113.66", "refresher")
		require.Equal(t, auth.OutcomeSibling, e.Outcome)
		require.True(t, e.Repeated, "repetition %d", i)
	}
	require.True(t, present(now, "203.0.113.66", "another phone").Repeated, "within the grace, too")
	got := details()
	require.Len(t, got, 1, "once an hour")
	require.JSONEq(t, `{"outcome": "sibling", "count": 1, "ip": "203.0.113.66", "userAgent": "refresher",
		"ipBefore": "198.51.100.2", "userAgentBefore": "refresher"}`, got[0])

	now = now.Add(auth.RepeatEvery)
	require.True(t, present(now, "203.0.113.66", "refresher").Repeated)
	got = details()
	require.Len(t, got, 2)
	require.JSONEq(t, `{"outcome": "sibling", "count": 42, "ip": "203.0.113.66", "userAgent": "refresher",
		"ipBefore": "203.0.113.66", "userAgentBefore": "refresher"}`, got[1])

	// A first use from elsewhere is every day's: people move.
	e := present(now.Add(time.Second), "203.0.113.66", "refresher")
	p.seq, p.prev = e.Last, e.Used
	rotate(t, s, &p, now.Add(time.Minute))
	require.Len(t, details(), 2)
	copied = p
	require.False(t, present(now.Add(2*time.Minute), "198.51.100.2", "refresher").Repeated, "and ends the count")
}

// burstRotate presents one token 64 times at once, on two stores, and counts
// the outcomes. All successors must be the same.
func burstRotate(t *testing.T, stores [2]Store, p seat, now time.Time) (map[auth.Outcome]int, auth.Rotated) {
	t.Helper()
	const n = 64
	got, errs := make([]auth.Rotated, n), make([]error, n)
	together(n, func(i int) { got[i], errs[i] = stores[i%2].Rotate(t.Context(), p.present(now)) })
	seen := map[auth.Outcome]int{}
	for i := range got {
		noError(t, errs[i])
		seen[got[i].Outcome]++
		require.Equal(t, got[0].Counters, got[i].Counters)
		require.Equal(t, got[0].ExpiresAt, got[i].ExpiresAt)
	}
	return seen, got[0]
}

func racingRotate(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for range 3 {
		p := newcomer(t, stores[0], start)
		for i := range int64(3) {
			now := start.Add(time.Duration(i+1) * time.Hour)
			seen, e := burstRotate(t, stores, p, now)
			require.Equal(t, map[auth.Outcome]int{auth.OutcomeRotated: 1, auth.OutcomeSameChild: 63}, seen)
			require.Equal(t, auth.Counters{Used: i + 1, Last: i + 2, RotatedAt: now}, e.Counters)
			p.seq, p.prev = e.Last, e.Used
		}
	}
}

func racingSibling(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	p := newcomer(t, stores[0], start)
	lost := p
	rotate(t, stores[0], &lost, start.Add(time.Minute))
	seen, e := burstRotate(t, stores, p, start.Add(time.Hour))
	require.Equal(t, map[auth.Outcome]int{auth.OutcomeSibling: 1, auth.OutcomeSameChild: 63}, seen)
	require.Equal(t, auth.Counters{Used: 1, Last: 3, RotatedAt: start.Add(time.Hour)}, e.Counters)
}

func racingReuse(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	p := newcomer(t, stores[0], start)
	copied := p
	rotate(t, stores[0], &p, start.Add(time.Hour))
	rotate(t, stores[0], &p, start.Add(2*time.Hour))
	before := db.session(t, p.userID, p.id).Counters
	seen, _ := burstRotate(t, stores, copied, start.Add(3*time.Hour))
	require.Equal(t, map[auth.Outcome]int{auth.OutcomeReused: 1, auth.OutcomeRevoked: 63}, seen)
	require.Equal(t, before, db.session(t, p.userID, p.id).Counters)
	require.Equal(t, 1, db.count(t, "events WHERE kind = 'refresh_reused'"))
	require.Equal(t, auth.OutcomeRevoked, rotate(t, stores[1], &p, start.Add(3*time.Hour)).Outcome, "the owner has to log in again, too")
}

func manySessions(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	const n = 100
	seats, errs := make([]seat, n), make([]error, n)
	for i := range seats {
		seats[i] = newcomer(t, stores[0], start)
	}
	for round := range int64(5) {
		now := start.Add(time.Duration(round+1) * time.Minute)
		got := make([]auth.Rotated, n)
		together(n, func(i int) { got[i], errs[i] = stores[(i+int(round))%2].Rotate(t.Context(), seats[i].present(now)) })
		for i := range got {
			noError(t, errs[i])
			require.Equal(t, auth.OutcomeRotated, got[i].Outcome)
			require.Equal(t, auth.Counters{Used: round + 1, Last: round + 2, RotatedAt: now}, got[i].Counters)
			seats[i].seq, seats[i].prev = got[i].Last, got[i].Used
		}
	}
}

func expiryBoundary(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	in, p := login(t, s, signIn(t, app1, someone(), start))
	end := in.ExpiresAt
	require.Equal(t, start.Add(lifetimes().RefreshTTL).Truncate(time.Second), end)

	dead := p
	require.Equal(t, auth.OutcomeExpired, rotate(t, s, &dead, end).Outcome)
	require.Empty(t, sessionIDs(t, s, p.userID, end))
	require.Nil(t, db.session(t, p.userID, p.id).RevokedAt, "running out is no revocation")
	require.Equal(t, []uuid.UUID{p.id}, sessionIDs(t, s, p.userID, end.Add(-time.Microsecond)))
	e := rotate(t, s, &p, end.Add(-time.Microsecond))
	require.Equal(t, auth.OutcomeRotated, e.Outcome)
	require.Equal(t, end.Add(-time.Microsecond).Add(lifetimes().RefreshTTL).Truncate(time.Second), e.ExpiresAt)
}

func greatestAge(t *testing.T, db *Database) {
	p := lifetimes()
	p.MaxAge = 10 * 24 * time.Hour
	s := db.open(t, p)
	x := newcomer(t, s, start)
	limit := start.Add(p.MaxAge).Truncate(time.Second)
	for now := start.Add(24 * time.Hour); now.Before(limit); now = now.Add(24 * time.Hour) {
		e := rotate(t, s, &x, now)
		require.Equal(t, auth.OutcomeRotated, e.Outcome)
		require.False(t, e.ExpiresAt.After(limit))
	}
	require.Equal(t, limit, db.session(t, x.userID, x.id).ExpiresAt)
	require.Equal(t, auth.OutcomeExpired, rotate(t, s, &x, limit).Outcome)

	// A greatest age that was lowered holds for sessions that are older.
	y := newcomer(t, s, start)
	p.MaxAge = time.Hour
	strict := db.open(t, p)
	late := y
	require.Equal(t, auth.OutcomeExpired, rotate(t, strict, &late, start.Add(time.Hour)).Outcome)
	require.Equal(t, auth.OutcomeRotated, rotate(t, strict, &y, start.Add(time.Hour-time.Microsecond)).Outcome)

	p.MaxAge = 0
	endless := db.open(t, p)
	z := newcomer(t, endless, start)
	for now := start.Add(5 * 24 * time.Hour); now.Before(start.Add(400 * 24 * time.Hour)); now = now.Add(5 * 24 * time.Hour) {
		require.Equal(t, auth.OutcomeRotated, rotate(t, endless, &z, now).Outcome)
	}
}

// The app's own lifetimes hold from the next exchange on, also for sessions that
// were opened before, and for no other app.
func lifetimesOfApps(t *testing.T, db *Database) {
	own := map[string]auth.AppLifetimes{app1: {RefreshTTL: time.Hour}, app2: {AccessTTL: time.Minute}}
	p := lifetimes()
	p.OfApp = func(appID string) auth.AppLifetimes { return own[appID] }
	s := db.open(t, p)
	end := func(x seat) time.Time { return db.session(t, x.userID, x.id).ExpiresAt }
	whole := start.Truncate(time.Second)

	in, short := login(t, s, signIn(t, app1, someone(), start))
	require.Equal(t, whole.Add(time.Hour), in.ExpiresAt)
	require.Equal(t, whole.Add(time.Hour), end(short))
	in, usual := login(t, s, signIn(t, app2, someone(), start))
	require.Equal(t, whole.Add(p.RefreshTTL), in.ExpiresAt, "this app states the other lifetime alone")
	_, none := login(t, s, signIn(t, app3, someone(), start))
	require.Equal(t, whole.Add(p.RefreshTTL), end(none))
	ticket := auth.Ticket{
		Hash: []byte("of another app"), UserID: usual.userID, SessionID: usual.id, AppID: app2, Now: start, ExpiresAt: start.Add(time.Minute),
	}
	require.NoError(t, s.(auth.TicketStore).SaveTicket(t.Context(), ticket))
	in, _, err := s.(auth.TicketStore).LoginByTicket(t.Context(), auth.TicketLogin{
		Hash: ticket.Hash, AppID: app1, SessionID: newID(t), Now: start,
	})
	require.NoError(t, err)
	require.Equal(t, whole.Add(time.Hour), in.ExpiresAt, "the app that it opens a session of")

	// Together, so that they may stand in one statement.
	now := start.Add(30 * time.Minute)
	seats, got := []*seat{&short, &usual, &none}, make([]auth.Rotated, 3)
	together(len(seats), func(i int) { got[i], _ = s.Rotate(t.Context(), seats[i].present(now)) })
	for i, life := range []time.Duration{time.Hour, p.RefreshTTL, p.RefreshTTL} {
		require.Equal(t, auth.OutcomeRotated, got[i].Outcome)
		require.Equal(t, now.Add(life).Truncate(time.Second), got[i].ExpiresAt)
		require.Equal(t, got[i].ExpiresAt, end(*seats[i]))
		seats[i].seq, seats[i].prev = got[i].Last, got[i].Used
	}

	own = map[string]auth.AppLifetimes{app1: {RefreshTTL: 30 * 24 * time.Hour}, app2: {RefreshTTL: 2 * time.Hour}}
	now = now.Add(30 * time.Minute)
	require.Equal(t, now.Add(30*24*time.Hour).Truncate(time.Second), rotate(t, s, &short, now).ExpiresAt)
	require.Equal(t, now.Add(2*time.Hour).Truncate(time.Second), rotate(t, s, &usual, now).ExpiresAt)
	now = now.Add(2 * time.Hour)
	require.Equal(t, auth.OutcomeExpired, rotate(t, s, &usual, now).Outcome)
	require.Equal(t, auth.OutcomeRotated, rotate(t, s, &short, now).Outcome)
}

func wrongAddress(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	p, other := newcomer(t, s, start), newcomer(t, s, start)
	before := db.session(t, p.userID, p.id)
	for name, wrong := range map[string]seat{
		"user":    {userID: other.userID, id: p.id, appID: p.appID, seq: 1},
		"app":     {userID: p.userID, id: p.id, appID: app2, seq: 1},
		"session": {userID: p.userID, id: newID(t), appID: p.appID, seq: 1},
		"nothing": {},
		"garbage": {userID: p.userID, id: p.id, appID: "\x00\xff", seq: 1},
	} {
		e := rotate(t, s, &wrong, start.Add(time.Minute))
		require.Equal(t, auth.Rotated{Outcome: auth.OutcomeUnknown}, e, name)
	}
	require.Equal(t, before, db.session(t, p.userID, p.id))
}

func barredRotate(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	for _, c := range []struct {
		outcome auth.Outcome
		bar     func(p seat)
	}{
		{auth.OutcomeDisabled, func(p seat) { db.disable(t, p.userID, start, "") }},
		// A deleted person may log in again, so the client is to log in again.
		{auth.OutcomeRevoked, func(p seat) { db.delete(t, p.userID, start) }},
	} {
		p := newcomer(t, s, start)
		before := db.session(t, p.userID, p.id)
		c.bar(p)
		require.Equal(t, c.outcome, rotate(t, s, &p, start.Add(time.Minute)).Outcome)
		require.Equal(t, before, db.session(t, p.userID, p.id), c.outcome)
		// It is the first thing to be said, also of a session that is over.
		require.Equal(t, c.outcome, rotate(t, s, &p, start.Add(1000*time.Hour)).Outcome)
	}
	// Revoked comes before expired: the reason why is worth more than the time.
	p := newcomer(t, s, start)
	_, err := s.EndSession(t.Context(), p.end(start, auth.ReasonLoggedOut))
	noError(t, err)
	require.Equal(t, auth.OutcomeRevoked, rotate(t, s, &p, start.Add(1000*time.Hour)).Outcome)
}

func oneRow(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	p := newcomer(t, s, start)
	now := start
	for range 1000 {
		now = now.Add(time.Minute)
		require.Equal(t, auth.OutcomeRotated, rotate(t, s, &p, now).Outcome)
	}
	require.Equal(t, 1, db.count(t, "sessions"))
	require.Equal(t, 1, db.count(t, "events"), "user_created, and nothing since")
	require.Equal(t, auth.Counters{Used: 1000, Last: 1001, RotatedAt: now}, db.session(t, p.userID, p.id).Counters)
}

func rolesInRotate(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	openID := someone()
	_, p := login(t, s, signIn(t, app1, openID, start))
	roles := []string{"admin", "a,b", `"quoted"`, "店长", ""}
	metadata := `{"tenant": 7, "deep": {"list": [1, 2.5, null, "😀"]}, "empty": ""}`
	db.setRoles(t, p.userID, roles, metadata)

	e := rotate(t, s, &p, start.Add(time.Hour))
	require.Equal(t, roles, e.Roles)
	require.JSONEq(t, metadata, string(e.Metadata))
	in, _ := login(t, s, signIn(t, app1, openID, start.Add(time.Hour)))
	require.Equal(t, roles, in.User.Roles)
	require.JSONEq(t, metadata, string(in.User.Metadata))
	u, err := s.User(t.Context(), p.userID)
	noError(t, err)
	require.Equal(t, roles, u.Roles)
	require.JSONEq(t, metadata, string(u.Metadata))

	// A number too large for a float survives: it is kept as it was written.
	db.setRoles(t, p.userID, []string{}, `{"id": 9007199254740993}`)
	e = rotate(t, s, &p, start.Add(2*time.Hour))
	require.Empty(t, e.Roles)
	var got struct{ ID json.Number }
	noError(t, json.Unmarshal(e.Metadata, &got))
	require.Equal(t, "9007199254740993", got.ID.String())
}
