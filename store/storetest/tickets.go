package storetest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

// ticket keeps a ticket of a session, changed by the functions.
func (w *adminWorld) ticket(t *testing.T, hash string, userID, sessionID uuid.UUID, change ...func(*auth.Ticket)) {
	t.Helper()
	ticket := auth.Ticket{
		Hash: []byte(hash), UserID: userID, SessionID: sessionID, AppID: adminApp, Now: w.now, ExpiresAt: w.now.Add(auth.TicketTTL),
	}
	for _, f := range change {
		f(&ticket)
	}
	require.NoError(t, w.SaveTicket(t.Context(), ticket))
}

func (w *adminWorld) ticketLogin(hash string) auth.TicketLogin {
	return auth.TicketLogin{
		Hash: []byte(hash), SessionID: uuid.Must(uuid.NewV7()), Now: w.now,
		Device: auth.Device{ID: "web-view", Name: "page\x00", UserAgent: "agent", IP: "192.0.2.9"},
	}
}

func ticketOnce(t *testing.T, w *adminWorld) {
	a, from := w.loginAs(t, "openid-a", "")
	w.login(t, "openid-b", "")
	w.nickname(t, a.User.ID, "Alice")
	w.now = w.now.Add(time.Hour)
	w.ticket(t, "first", a.User.ID, from)
	w.now = w.now.Add(30 * time.Second)
	l := w.ticketLogin("first")
	in, app, err := w.LoginByTicket(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, adminApp, app)
	require.Equal(t, a.User.ID, in.User.ID)
	require.Equal(t, "Alice", in.User.Nickname)
	require.Equal(t, w.now, in.User.LastLoginAt)
	require.False(t, in.NewUser)
	require.Empty(t, in.Ended, "the session that asked lives on")
	live, err := w.Sessions(t.Context(), a.User.ID, w.now)
	require.NoError(t, err)
	require.Len(t, live, 2)
	require.Equal(t, l.SessionID, live[0].ID)
	require.Equal(t, auth.Device{ID: "web-view", Name: "page\uFFFD", UserAgent: "agent", IP: "192.0.2.9"}, live[0].Device)
	require.Equal(t, in.ExpiresAt, live[0].ExpiresAt)
	require.Equal(t, w.now, w.person(t, a.User.ID).LastLoginAt)
	e, err := w.Rotate(t.Context(), auth.Presented{UserID: a.User.ID, SessionID: l.SessionID, AppID: adminApp, Seq: 1, Now: w.now})
	require.NoError(t, err)
	require.Equal(t, auth.OutcomeRotated, e.Outcome)
	_, _, err = w.LoginByTicket(t.Context(), w.ticketLogin("first"))
	require.ErrorIs(t, err, auth.ErrTicketInvalid, "twice")

	// The same device again: its earlier session ends, as at any login.
	w.ticket(t, "second", a.User.ID, from)
	in, _, err = w.LoginByTicket(t.Context(), w.ticketLogin("second"))
	require.NoError(t, err)
	require.Equal(t, []auth.Ended{{SessionID: l.SessionID, Reason: auth.ReasonReplaced}}, in.Ended)
	all, err := w.AllSessions(t.Context(), a.User.ID)
	require.NoError(t, err)
	for _, x := range all {
		if x.ID == l.SessionID {
			require.Equal(t, auth.ReasonReplaced, x.RevokedReason)
		}
	}
	// In another app.
	w.ticket(t, "third", a.User.ID, from)
	l = w.ticketLogin("third")
	l.AppID = "wx00000000000000b2"
	in, app, err = w.LoginByTicket(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, l.AppID, app)
	require.Empty(t, in.Ended, "a device is one of an app")
	// No burst of them leaves more sessions than allowed.
	for i := range 25 {
		w.ticket(t, "burst"+strconv.Itoa(i), a.User.ID, from)
		l := w.ticketLogin("burst" + strconv.Itoa(i))
		l.Device.ID = ""
		w.now = w.now.Add(time.Second)
		l.Now = w.now
		_, err := w.Rotate(t.Context(), auth.Presented{UserID: a.User.ID, SessionID: from, AppID: adminApp, Seq: int64(i + 1), Prev: int64(i), Now: w.now})
		require.NoError(t, err, "the session that asks is in use")
		_, _, err = w.LoginByTicket(t.Context(), l)
		require.NoError(t, err)
	}
	live, err = w.Sessions(t.Context(), a.User.ID, w.now)
	require.NoError(t, err)
	require.Len(t, live, 20)
}

func racingTicket(t *testing.T, w *adminWorld) {
	a, from := w.loginAs(t, "openid-a", "")
	const n = 64
	for round := range 3 {
		hash := "race" + strconv.Itoa(round)
		w.ticket(t, hash, a.User.ID, from)
		errs := make([]error, n)
		logins := make([]auth.TicketLogin, n)
		for i := range logins {
			logins[i] = w.ticketLogin(hash)
			logins[i].Device.ID = ""
		}
		together(n, func(i int) { _, _, errs[i] = w.LoginByTicket(context.WithoutCancel(t.Context()), logins[i]) })
		opened := 0
		for _, err := range errs {
			if err == nil {
				opened++
			} else if !errors.Is(err, auth.ErrTicketInvalid) {
				t.Fatalf("expected ErrTicketInvalid: %v", err)
			}
		}
		require.Equal(t, 1, opened)
	}
	live, err := w.Sessions(t.Context(), a.User.ID, w.now)
	require.NoError(t, err)
	require.Len(t, live, 4)
}

func ticketsThatDoNotFit(t *testing.T, w *adminWorld) {
	a, from := w.loginAs(t, "openid-a", "")
	b, othersSession := w.loginAs(t, "openid-b", "")
	_, ended := w.loginAs(t, "openid-a", "")
	_, err := w.EndSession(t.Context(), auth.Ending{UserID: a.User.ID, SessionID: ended, Reason: auth.ReasonLoggedOut, Actor: "user", Now: w.now})
	require.NoError(t, err)
	gone, goneSession := w.loginAs(t, "openid-c", "")
	audience := func(of string) func(*auth.Ticket) { return func(x *auth.Ticket) { x.Audience = of } }
	nothing := func(*auth.TicketLogin) {}
	for name, c := range map[string]struct {
		user, session uuid.UUID
		ticket        func(*auth.Ticket)
		login         func(*auth.TicketLogin)
		good          bool
	}{
		"expired, to the microsecond": {a.User.ID, from, audience(""), func(l *auth.TicketLogin) { l.Now = w.now.Add(auth.TicketTTL) }, false},
		"for another audience":        {a.User.ID, from, audience("https://h5.example.com"), nothing, false},
		"for that audience":           {a.User.ID, from, audience("https://h5.example.com"), func(l *auth.TicketLogin) { l.Audience = "https://h5.example.com" }, true},
		"for that app":                {a.User.ID, from, audience("wx00000000000000b2"), func(l *auth.TicketLogin) { l.AppID = "wx00000000000000b2" }, true},
		"for another app":             {a.User.ID, from, audience("wx00000000000000b2"), func(l *auth.TicketLogin) { l.AppID = adminApp }, false},
		"of a session that ended":     {a.User.ID, ended, audience(""), nothing, false},
		"of another user's session":   {a.User.ID, othersSession, audience(""), nothing, false},
		"of a session that is not":    {a.User.ID, uuid.New(), audience(""), nothing, false},
		"of a user who is not":        {uuid.New(), from, audience(""), nothing, false},
		"another hash":                {a.User.ID, from, audience(""), func(l *auth.TicketLogin) { l.Hash = l.Hash[:2] }, false},
		"no hash":                     {a.User.ID, from, audience(""), func(l *auth.TicketLogin) { l.Hash = nil }, false},
	} {
		w.ticket(t, "hash of "+name, c.user, c.session, c.ticket)
		l := w.ticketLogin("hash of " + name)
		l.Device.ID = ""
		c.login(&l)
		_, _, err := w.LoginByTicket(t.Context(), l)
		if c.good {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, auth.ErrTicketInvalid, name)
		if string(l.Hash) == "hash of "+name {
			l.Now, l.Audience, l.AppID = w.now, "https://h5.example.com", "wx00000000000000b2"
			_, _, err = w.LoginByTicket(t.Context(), l)
			require.ErrorIs(t, err, auth.ErrTicketInvalid, "%s: it was used up", name)
		}
	}
	live, err := w.Sessions(t.Context(), b.User.ID, w.now)
	require.NoError(t, err)
	require.Len(t, live, 1)

	// Who was deleted or disabled since gets no session.
	w.ticket(t, "of the deleted", gone.User.ID, goneSession)
	_, err = w.DeleteUser(t.Context(), w.change(gone.User.ID, "asked for it"))
	require.NoError(t, err)
	_, _, err = w.LoginByTicket(t.Context(), w.ticketLogin("of the deleted"))
	require.ErrorIs(t, err, auth.ErrTicketInvalid)
	w.ticket(t, "of the disabled", b.User.ID, othersSession)
	_, err = w.DisableUser(t.Context(), w.change(b.User.ID, "spam"))
	require.NoError(t, err)
	in, _, err := w.LoginByTicket(t.Context(), w.ticketLogin("of the disabled"))
	require.NoError(t, err)
	require.True(t, in.User.Disabled())
	live, err = w.Sessions(t.Context(), b.User.ID, w.now)
	require.NoError(t, err)
	require.Empty(t, live)
}
