package storetest

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// start is when the tests begin; no test looks at the wall clock. The fraction
// catches a database that keeps less than microseconds.
var start = time.Date(2026, 3, 1, 12, 30, 15, 123456000, time.UTC)

const (
	app1 = "wx0000000000000001"
	app2 = "wx0000000000000002"
	app3 = "wx0000000000000003"
)

func lifetimes() auth.Lifetimes {
	return auth.Lifetimes{
		AccessTTL: 4 * time.Hour, RefreshTTL: 7 * 24 * time.Hour, Grace: 10 * time.Second,
		MaxAge: 90 * 24 * time.Hour, MaxSessions: 20,
	}
}

func noError(t require.TestingT, err error) { require.NoError(t, err) }

func newID(t require.TestingT) uuid.UUID {
	id, err := uuid.NewV7()
	require.NoError(t, err)
	return id
}

// someone is an openid that was not used before.
func someone() string { return "o" + rand.Text() }

// signIn is a login of an identity at a time.
func signIn(t require.TestingT, app, openID string, now time.Time) auth.Login {
	return auth.Login{
		Provider: "wechat", Account: users.DefaultAccount, AppID: app, OpenID: openID, SealedSessionKey: []byte("key at " + now.String()),
		NewUserID: newID(t), SessionID: newID(t), Now: now,
		Device: auth.Device{Name: "a phone", UserAgent: "MicroMessenger", IP: "203.0.113.7"},
	}
}

// seat is a session and the newest token that was issued for it, as a client
// knows them.
type seat struct {
	userID, id uuid.UUID
	appID      string
	seq, prev  int64
}

// login logs a person in; it must succeed.
func login(t require.TestingT, s Store, l auth.Login) (auth.LoggedIn, seat) {
	in, err := s.Login(testContext(t), l)
	require.NoError(t, err)
	require.False(t, in.User.Disabled())
	return in, seat{userID: in.User.ID, id: l.SessionID, appID: l.AppID, seq: 1, prev: 0}
}

// newcomer logs in a new person.
func newcomer(t require.TestingT, s Store, now time.Time) seat {
	_, seat := login(t, s, signIn(t, app1, someone(), now))
	return seat
}

func (p seat) present(now time.Time) auth.Presented {
	return auth.Presented{
		UserID: p.userID, SessionID: p.id, AppID: p.appID, Seq: p.seq, Prev: p.prev,
		IP: "198.51.100.2", UserAgent: "refresher", Now: now,
	}
}

func (p seat) end(now time.Time, reason auth.Reason) auth.Ending {
	return auth.Ending{UserID: p.userID, SessionID: p.id, Reason: reason, Actor: users.ActorUser, Now: now}
}

// rotate presents a seat's token and takes the new one where one is issued.
func rotate(t require.TestingT, s Store, p *seat, now time.Time) auth.Rotated {
	e, err := s.Rotate(testContext(t), p.present(now))
	require.NoError(t, err)
	if issued(e.Outcome) {
		p.seq, p.prev = e.Last, e.Used
	}
	return e
}

func issued(o auth.Outcome) bool {
	switch o {
	case auth.OutcomeRotated, auth.OutcomeSameChild, auth.OutcomeSibling, auth.OutcomeRestored:
		return true
	default:
		return false
	}
}

// sessionIDs are the ids of the live sessions of a user.
func sessionIDs(t require.TestingT, s Store, userID uuid.UUID, now time.Time) []uuid.UUID {
	list, err := s.Sessions(testContext(t), userID, now)
	require.NoError(t, err)
	out := []uuid.UUID{}
	for _, x := range list {
		out = append(out, x.ID)
	}
	return out
}

// together runs n functions that start at the same moment, and waits for all.
func together(n int, do func(i int)) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	gate := make(chan struct{})
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-gate
			do(i)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
}

// pair is two stores on one database, as two pods are.
func pair(t *testing.T, db *Database, p auth.Lifetimes) [2]Store {
	t.Helper()
	return [2]Store{db.open(t, p), db.open(t, p)}
}
