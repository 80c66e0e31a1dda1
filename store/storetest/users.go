package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

func ptr[T any](v T) *T { return &v }

func profile(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	p := newcomer(t, s, start)
	u, err := s.UpdateProfile(t.Context(), p.userID, users.ProfilePatch{Nickname: ptr("小明 😀"), AvatarURL: ptr("https://example.com/a.png")})
	noError(t, err)
	require.Equal(t, "小明 😀", u.Nickname)
	require.Equal(t, "https://example.com/a.png", u.AvatarURL)
	u, err = s.UpdateProfile(t.Context(), p.userID, users.ProfilePatch{Nickname: ptr("")})
	noError(t, err)
	require.Empty(t, u.Nickname, "an empty name is a name that was taken away")
	require.Equal(t, "https://example.com/a.png", u.AvatarURL)
	same, err := s.UpdateProfile(t.Context(), p.userID, users.ProfilePatch{})
	noError(t, err)
	require.Equal(t, u, same)
	got, err := s.User(t.Context(), p.userID)
	noError(t, err)
	require.Equal(t, u, got)
}

func notFound(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	gone := newcomer(t, s, start)
	db.delete(t, gone.userID, start)
	db.exec(t, `DELETE FROM identities WHERE user_id = ?`, gone.userID)
	unknown := seat{userID: newID(t)}
	for _, p := range []seat{gone, unknown} {
		_, err := s.User(t.Context(), p.userID)
		require.ErrorIs(t, err, users.ErrNotFound)
		_, err = s.UpdateProfile(t.Context(), p.userID, users.ProfilePatch{Nickname: ptr("x")})
		require.ErrorIs(t, err, users.ErrNotFound)
		_, err = s.Identity(t.Context(), p.userID, app1)
		require.ErrorIs(t, err, users.ErrNotFound)
		_, err = s.BindPhone(t.Context(), users.PhoneBinding{UserID: p.userID, Sealed: []byte("s"), Hashes: [][]byte{[]byte("h")}, Now: start})
		require.ErrorIs(t, err, users.ErrNotFound)
		require.NotErrorIs(t, err, users.ErrUnavailable)
	}
	// Disabled ones are there.
	p := newcomer(t, s, start)
	db.disable(t, p.userID, start, "why")
	u, err := s.User(t.Context(), p.userID)
	noError(t, err)
	require.True(t, u.Disabled())
	require.Equal(t, "why", u.DisabledReason)
}

func identity(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	l := signIn(t, app1, someone(), start)
	l.UnionID = "u" + l.OpenID
	l.SealedSessionKey = []byte{0, 1, 2, 0xff, 0}
	in, _ := login(t, s, l)
	i, err := s.Identity(t.Context(), in.User.ID, app1)
	noError(t, err)
	require.Equal(t, users.Identity{
		UserID: in.User.ID, Provider: "wechat", Account: users.DefaultAccount, AppID: app1, OpenID: l.OpenID, UnionID: l.UnionID,
		SealedSessionKey: []byte{0, 1, 2, 0xff, 0}, CreatedAt: start,
	}, i)
	_, err = s.Identity(t.Context(), in.User.ID, app2)
	require.ErrorIs(t, err, users.ErrNotFound)

	owner, err := s.Owner(t.Context(), app1, l.OpenID)
	noError(t, err)
	require.Equal(t, in.User.ID, owner)
	for _, half := range [][2]string{{app1, ""}, {"", l.OpenID}, {"", ""}, {app2, l.OpenID}, {app1, l.OpenID + "\x00"}, {app1, l.OpenID[:8]}} {
		_, err := s.Owner(t.Context(), half[0], half[1])
		require.ErrorIs(t, err, users.ErrNotFound, "%q", half)
	}

	// Known to one app under two openids: the newest login counts.
	l2 := signIn(t, app1, l.OpenID+"2", start.Add(time.Hour))
	l2.UnionID = l.UnionID
	login(t, s, l2)
	i, err = s.Identity(t.Context(), in.User.ID, app1)
	noError(t, err)
	require.Equal(t, l2.OpenID, i.OpenID)
	l.SessionID, l.Now = newID(t), start.Add(2*time.Hour)
	login(t, s, l)
	i, err = s.Identity(t.Context(), in.User.ID, app1)
	noError(t, err)
	require.Equal(t, l.OpenID, i.OpenID)
}

func binding(p seat, sealed string, hashes ...string) users.PhoneBinding {
	b := users.PhoneBinding{UserID: p.userID, Sealed: []byte(sealed), Now: start.Add(time.Hour)}
	for _, h := range hashes {
		b.Hashes = append(b.Hashes, []byte(h))
	}
	return b
}

func phone(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	a, b := newcomer(t, s, start), newcomer(t, s, start)
	u, err := s.BindPhone(t.Context(), binding(a, "sealed\x00a", "hash 1"))
	noError(t, err)
	require.Equal(t, []byte("sealed\x00a"), u.SealedPhone)
	require.Equal(t, []users.EventKind{users.EventUserCreated, users.EventPhoneBound}, db.kinds(t, a.userID))

	_, err = s.BindPhone(t.Context(), binding(b, "sealed b", "hash 1"))
	require.ErrorIs(t, err, users.ErrPhoneTaken)
	require.NotErrorIs(t, err, users.ErrUnavailable)
	_, err = s.BindPhone(t.Context(), binding(b, "a number that could not be found"))
	require.Error(t, err)
	u, err = s.User(t.Context(), b.userID)
	noError(t, err)
	require.Empty(t, u.SealedPhone)
	require.Len(t, db.events(t, b.userID), 1, "what did not happen is no event")

	// The holder may bind it once more, and change it, which sets it free.
	_, err = s.BindPhone(t.Context(), binding(a, "sealed again", "hash 1"))
	noError(t, err)
	_, err = s.BindPhone(t.Context(), binding(a, "sealed new", "hash 2"))
	noError(t, err)
	_, err = s.BindPhone(t.Context(), binding(b, "sealed b", "hash 1"))
	noError(t, err)
}

func phoneEarlierKey(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	a, b := newcomer(t, s, start), newcomer(t, s, start)
	_, err := s.BindPhone(t.Context(), binding(a, "x", "by the old key"))
	noError(t, err)
	_, err = s.BindPhone(t.Context(), binding(b, "y", "by the new key", "by the old key"))
	require.ErrorIs(t, err, users.ErrPhoneTaken)
	_, err = s.BindPhone(t.Context(), binding(a, "z", "by the new key", "by the old key"))
	noError(t, err)
	_, err = s.BindPhone(t.Context(), binding(b, "y", "by the old key"))
	noError(t, err)
}

func racingPhone(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for range 10 {
		number := someone()
		const n = 8
		seats, errs := make([]seat, n), make([]error, n)
		for i := range seats {
			seats[i] = newcomer(t, stores[0], start)
		}
		together(n, func(i int) {
			_, errs[i] = stores[i%2].BindPhone(t.Context(), binding(seats[i], "sealed", number))
		})
		bound := 0
		for _, err := range errs {
			if err == nil {
				bound++
			} else if !errors.Is(err, users.ErrPhoneTaken) {
				t.Fatalf("expected ErrPhoneTaken: %v", err)
			}
		}
		require.Equal(t, 1, bound)
	}
}

func phoneCalls(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	a, b := newcomer(t, s, start), newcomer(t, s, start)
	const limit, day = 2, 24 * time.Hour
	var last int64
	take := func(p seat, now time.Time) bool {
		call, err := s.TakePhoneCall(t.Context(), p.userID, limit, now.Add(-day), now)
		noError(t, err)
		last = call
		return call != 0
	}
	require.True(t, take(a, start))
	require.True(t, take(a, start.Add(time.Hour)))
	require.False(t, take(a, start.Add(2*time.Hour)))
	require.True(t, take(b, start.Add(2*time.Hour)), "another user has a limit of their own")
	require.False(t, take(a, start.Add(day-time.Microsecond)), "what was refused has not been counted, and the first still counts")
	require.True(t, take(a, start.Add(day)), "a day later to the microsecond it does not")
	require.False(t, take(a, start.Add(day)))
	require.Equal(t, []users.EventKind{
		users.EventUserCreated, users.EventPhoneAsked, users.EventPhoneAsked, users.EventPhoneAsked,
	}, db.kinds(t, a.userID))

	// What cost nothing is given back, by its user and once.
	require.True(t, take(a, start.Add(day+time.Hour)))
	mine := last
	noError(t, s.ReturnPhoneCall(t.Context(), b.userID, mine))
	require.False(t, take(a, start.Add(day+time.Hour)), "another user gives nothing back")
	for range 2 {
		noError(t, s.ReturnPhoneCall(t.Context(), a.userID, mine))
	}
	noError(t, s.ReturnPhoneCall(t.Context(), a.userID, 0))
	noError(t, s.ReturnPhoneCall(t.Context(), a.userID, -1))
	require.True(t, take(a, start.Add(day+time.Hour)))
	require.False(t, take(a, start.Add(day+time.Hour)))
	require.Equal(t, []users.EventKind{
		users.EventUserCreated, users.EventPhoneAsked, users.EventPhoneAsked, users.EventPhoneAsked, users.EventPhoneRefused, users.EventPhoneAsked,
	}, db.kinds(t, a.userID), "no event loses its place, which others follow")

	gone := newcomer(t, s, start)
	db.delete(t, gone.userID, start)
	for _, id := range []uuid.UUID{gone.userID, newID(t)} {
		granted, err := s.TakePhoneCall(t.Context(), id, limit, start.Add(-day), start)
		require.ErrorIs(t, err, users.ErrNotFound)
		require.NotErrorIs(t, err, users.ErrUnavailable)
		require.Zero(t, granted, "nothing is paid for nobody")
	}
}

func racingPhoneCalls(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	for range 5 {
		p := newcomer(t, stores[0], start)
		const n, limit = 16, 3
		calls, errs := make([]int64, n), make([]error, n)
		together(n, func(i int) {
			calls[i], errs[i] = stores[i%2].TakePhoneCall(t.Context(), p.userID, limit, start.Add(-time.Hour), start)
		})
		count := 0
		for i := range n {
			noError(t, errs[i])
			if calls[i] != 0 {
				count++
			}
		}
		require.Equal(t, limit, count)
		require.Equal(t, limit, db.count(t, `events WHERE kind = 'phone_asked' AND user_id = ?`, p.userID))
	}
}
