package storetest

import (
	"bytes"
	"flag"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/wugan/wugan/auth"
)

// model is what the store is to do, on Go's maps and auth.Counters.Rotate.
type model struct {
	lifetimes auth.Lifetimes
	now       time.Time
	people    map[string]uuid.UUID // by app and openid
	session   []*modelSession
}

type modelSession struct {
	seat
	auth.Counters
	device, ip       string
	repeats          auth.Repeats
	created, expires time.Time
	revoked          bool
	tokens           [][2]int64 // all that were issued
}

func (m *model) alive(userID uuid.UUID) []*modelSession {
	var out []*modelSession
	for _, x := range m.session {
		if x.userID == userID && !x.revoked && x.expires.After(m.now) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *modelSession) int { // newest use first
		if c := b.RotatedAt.Compare(a.RotatedAt); c != 0 {
			return c
		}
		return bytes.Compare(b.id[:], a.id[:])
	})
	return out
}

// login returns the sessions that end.
func (m *model) login(l auth.Login, userID uuid.UUID) []auth.Ended {
	ended := []auth.Ended{}
	alive := m.alive(userID)
	live := make([]auth.Session, len(alive))
	for i, x := range alive {
		live[i] = auth.Session{ID: x.id, AppID: x.appID, Device: auth.Device{ID: x.device}}
	}
	for _, e := range m.lifetimes.EndedBy(l, live) {
		alive[slices.IndexFunc(alive, func(x *modelSession) bool { return x.id == e.SessionID })].revoked = true
		ended = append(ended, e)
	}
	m.session = append(m.session, &modelSession{
		seat:     seat{userID: userID, id: l.SessionID, appID: l.AppID},
		Counters: auth.Counters{Last: 1, RotatedAt: m.now},
		device:   l.Device.ID, ip: l.Device.IP, created: m.now, expires: m.lifetimes.Of(l.AppID).SessionEnd(m.now, m.now), tokens: [][2]int64{{1, 0}},
	})
	return ended
}

func (m *model) rotate(x *modelSession, p auth.Presented) (_ auth.Outcome, repeated bool) {
	switch {
	case x.revoked:
		return auth.OutcomeRevoked, false
	case !x.expires.After(m.now):
		return auth.OutcomeExpired, false
	}
	var outcome auth.Outcome
	x.Counters, outcome = x.Rotate(p.Seq, p.Prev, m.now, m.lifetimes.Grace)
	x.repeats, repeated, _ = x.repeats.After(outcome, x.ip != p.IP, m.now)
	switch outcome {
	case auth.OutcomeReused:
		x.revoked = true
	case auth.OutcomeRotated, auth.OutcomeSibling, auth.OutcomeRestored:
		x.expires, x.ip = m.lifetimes.Of(x.appID).SessionEnd(x.created, m.now), p.IP
		fallthrough
	default:
		x.tokens = append(x.tokens, [2]int64{x.Last, x.Used})
	}
	return outcome, repeated
}

// atLeast raises one of rapid's settings, which are flags and nothing else.
func atLeast(t *testing.T, name string, n int) {
	t.Helper()
	set := flag.Lookup(name)
	require.NotNil(t, set)
	if had, err := strconv.Atoi(set.Value.String()); err != nil || had < n {
		require.NoError(t, set.Value.Set(strconv.Itoa(n)))
	}
}

// property plays random sequences on the store and on the model.
func property(t *testing.T, db *Database) {
	p := auth.Lifetimes{
		AccessTTL: 4 * time.Hour, RefreshTTL: 7 * 24 * time.Hour, Grace: 10 * time.Second,
		MaxAge: 20 * 24 * time.Hour, MaxSessions: 3,
		OfApp: func(appID string) auth.AppLifetimes {
			return map[string]auth.AppLifetimes{app2: {AccessTTL: time.Hour, RefreshTTL: 3 * 24 * time.Hour}}[appID]
		},
	}
	stores := pair(t, db, p)
	seen := map[auth.Outcome]int{}
	atLeast(t, "rapid.checks", 100)
	atLeast(t, "rapid.steps", 60)
	rapid.Check(t, func(t *rapid.T) {
		m := &model{lifetimes: p, now: start, people: map[string]uuid.UUID{}}
		names := []string{someone(), someone()}
		store := func() Store { return stores[rapid.IntRange(0, 1).Draw(t, "store")] }
		anySession := func() *modelSession {
			if len(m.session) == 0 {
				t.Skip("nobody has logged in yet")
			}
			if rapid.IntRange(0, 9).Draw(t, "any") > 0 { // mostly one that is alive
				for _, name := range names { // in one order: rapid has to be able to repeat it
					id, known := m.people[name]
					if !known {
						continue
					}
					if alive := m.alive(id); len(alive) > 0 {
						return rapid.SampledFrom(alive).Draw(t, "live session")
					}
				}
			}
			return rapid.SampledFrom(m.session).Draw(t, "session")
		}
		present := func(t *rapid.T, try seat) auth.Presented {
			p := try.present(m.now)
			p.UserAgent = "MicroMessenger" // as at the login
			p.IP = rapid.SampledFrom([]string{"198.51.100.2", "203.0.113.7"}).Draw(t, "address")
			return p
		}
		rarely := func(t *rapid.T) {
			if rapid.IntRange(0, 4).Draw(t, "after all") > 0 {
				t.Skip("endings would leave nothing to watch")
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"login": func(t *rapid.T) {
				app := rapid.SampledFrom([]string{app1, app2}).Draw(t, "app")
				name := rapid.SampledFrom(names).Draw(t, "person")
				l := signIn(t, app, name+app, m.now)
				l.UnionID = "u" + name
				l.Device.ID = rapid.SampledFrom([]string{"", "phone", "tablet"}).Draw(t, "device")
				in, _ := login(t, store(), l)
				known, ok := m.people[name]
				require.Equal(t, !ok, in.NewUser)
				if !ok {
					m.people[name], known = in.User.ID, in.User.ID
				}
				require.Equal(t, known, in.User.ID)
				require.ElementsMatch(t, m.login(l, known), in.Ended)
				require.Equal(t, m.session[len(m.session)-1].expires, in.ExpiresAt)
			},
			"rotate": func(t *rapid.T) {
				x := anySession()
				token := rapid.SampledFrom(x.tokens).Draw(t, "token")
				if rapid.IntRange(0, 9).Draw(t, "from a lost future") == 0 {
					token = [2]int64{x.Last + 3, x.Last + 1}
				}
				try := x.seat
				try.seq, try.prev = token[0], token[1]
				p := present(t, try)
				e, err := store().Rotate(testContext(t), p)
				require.NoError(t, err)
				outcome, repeated := m.rotate(x, p)
				seen[outcome]++
				require.Equal(t, outcome, e.Outcome)
				require.Equal(t, repeated, e.Repeated)
				require.Equal(t, x.Counters, e.Counters)
				require.Equal(t, x.expires, e.ExpiresAt)
			},
			"newest token": func(t *rapid.T) { // what an honest client does
				x := anySession()
				try := x.seat
				try.seq, try.prev = x.Last, x.Used
				// Its response may be lost, and lost again.
				for range 1 + rapid.IntRange(0, 2).Draw(t, "lost answers") {
					m.now = m.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, p.Grace, time.Hour}).Draw(t, "later"))
					p := present(t, try)
					e, err := store().Rotate(testContext(t), p)
					require.NoError(t, err)
					outcome, repeated := m.rotate(x, p)
					seen[outcome]++
					require.Equal(t, outcome, e.Outcome)
					require.Equal(t, repeated, e.Repeated)
					require.NotEqual(t, auth.OutcomeReused, outcome)
				}
			},
			"end": func(t *rapid.T) {
				rarely(t)
				x := anySession()
				ended, err := store().EndSession(testContext(t), x.end(m.now, auth.ReasonLoggedOut))
				require.NoError(t, err)
				require.Equal(t, !x.revoked && x.expires.After(m.now), ended)
				x.revoked = x.revoked || ended
			},
			"end all": func(t *rapid.T) {
				rarely(t)
				x := anySession()
				got, err := store().EndSessions(testContext(t), x.end(m.now, auth.ReasonSignedOut))
				require.NoError(t, err)
				want := []uuid.UUID{}
				for _, y := range m.alive(x.userID) {
					y.revoked = true
					want = append(want, y.id)
				}
				require.ElementsMatch(t, want, got)
			},
			"time": func(t *rapid.T) {
				m.now = m.now.Add(rapid.SampledFrom([]time.Duration{
					0, time.Microsecond, p.Grace - time.Microsecond, p.Grace, time.Hour, 2 * 24 * time.Hour, p.RefreshTTL - time.Second,
				}).Draw(t, "passes"))
			},
			"": func(t *rapid.T) { // after each step
				for _, id := range m.people {
					want := []uuid.UUID{}
					for _, x := range m.alive(id) {
						want = append(want, x.id)
					}
					require.Equal(t, want, sessionIDs(t, stores[0], id, m.now))
				}
			},
		})
	})
	for _, o := range []auth.Outcome{
		auth.OutcomeRotated, auth.OutcomeSameChild, auth.OutcomeSibling, auth.OutcomeRestored, auth.OutcomeReused,
		auth.OutcomeRevoked, auth.OutcomeExpired,
	} {
		require.NotZero(t, seen[o], "the sequences never met %s: %v", o, seen)
	}
	t.Logf("outcomes met: %v", seen)
}
