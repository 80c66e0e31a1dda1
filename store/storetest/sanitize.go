package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

func anyText(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	for name, in := range map[string]string{
		"Chinese":       "张三的手机",
		"emoji":         "👩‍👩‍👧‍👦 🏳️‍🌈 😀",
		"right to left": "مرحبا",
		"combining":     "e\u0301 \u200d \ufeff",
		"quotes":        `'; DROP TABLE users; -- " \ ` + "`",
		"placeholders":  "$1 ?1 :a @b %s {}",
		"control":       "tab\t newline\n bell\a escape\x1b",
		"long":          strings.Repeat("长", 10_000),
		"NUL":           "a\x00b",
		"only NUL":      "\x00",
		"Latin-1":       "caf\xe9",
		"surrogate":     "\xed\xa0\x80",
		"broken":        "\xff\xfe\xfd",
	} {
		want := sanitize.Clean(in)
		l := signIn(t, app1, someone(), start)
		l.Device = auth.Device{ID: in, Name: in, UserAgent: in, IP: in}
		l.SealedSessionKey = []byte(in)
		_, p := login(t, s, l)
		list, err := s.Sessions(t.Context(), p.userID, start)
		noError(t, err)
		require.Equal(t, auth.Device{ID: want, Name: want, UserAgent: want, IP: want}, list[0].Device, name)
		i, err := s.Identity(t.Context(), p.userID, app1)
		noError(t, err)
		require.Equal(t, []byte(in), i.SealedSessionKey, name)

		// The device is recognized by what was kept.
		l.SessionID = newID(t)
		again, p := login(t, s, l)
		require.Len(t, again.Ended, 1, name)

		shown := []rune(want)
		shown = shown[:min(len(shown), 64)] // as long as the contract allows
		u, err := s.UpdateProfile(t.Context(), p.userID, users.ProfilePatch{Nickname: ptr(string(shown)), AvatarURL: ptr(in)})
		noError(t, err)
		require.Equal(t, string(shown), u.Nickname, name)
		require.Equal(t, want, u.AvatarURL, name)
		_, err = s.UpdateProfile(t.Context(), p.userID, users.ProfilePatch{Nickname: ptr(in[:min(len(in), 64)])})
		noError(t, err)

		e, err := s.Rotate(t.Context(), auth.Presented{
			UserID: p.userID, SessionID: p.id, AppID: p.appID, Seq: 1, Prev: 0, IP: in, UserAgent: in, Now: start.Add(time.Hour),
		})
		noError(t, err)
		require.Equal(t, auth.OutcomeRotated, e.Outcome, name)
		require.Equal(t, want, db.session(t, p.userID, p.id).UserAgent, name)
		// A copy, too, though its event holds the text as JSON.
		e, err = s.Rotate(t.Context(), auth.Presented{
			UserID: p.userID, SessionID: p.id, AppID: p.appID, Seq: 9, Prev: 0, IP: in, UserAgent: in, Now: start.Add(time.Hour),
		})
		noError(t, err)
		require.Equal(t, auth.OutcomeRestored, e.Outcome, name)
		ended, err := s.EndSession(t.Context(), auth.Ending{UserID: p.userID, SessionID: p.id, Reason: auth.ReasonOperator, Comment: in, Actor: in, Now: start.Add(time.Hour)})
		noError(t, err)
		require.True(t, ended)
		require.Equal(t, auth.ReasonOperator, db.session(t, p.userID, p.id).Reason, name)
	}

	// Names of identities are kept as they are or not at all.
	long := strings.Repeat("x", 128)
	l := signIn(t, app1, long, start)
	l.UnionID = strings.Repeat("u", 128)
	_, p := login(t, s, l)
	i, err := s.Identity(t.Context(), p.userID, app1)
	noError(t, err)
	require.Equal(t, long, i.OpenID)
}

// unfitNeighbour: requests are grouped into one statement, so what PostgreSQL
// refuses in one of them must not reach it.
func unfitNeighbour(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	const n = 40
	seats := make([]seat, n)
	for i := range seats {
		seats[i] = newcomer(t, s, start)
	}
	errs := make([]error, 2*n)
	together(2*n, func(i int) {
		if i < n {
			x := seats[i].present(start.Add(time.Minute))
			if i%4 == 0 {
				x.UserAgent = "\xff\x00"
			}
			_, errs[i] = s.Rotate(t.Context(), x)
			return
		}
		l := signIn(t, app1, someone(), start)
		if i%4 == 0 {
			l.Device.Name = "\xff\x00"
		}
		if i%4 == 1 {
			l.OpenID = "nobody's\x00"
		}
		_, errs[i] = s.Login(t.Context(), l)
	})
	for i, err := range errs {
		if i >= n && i%4 == 1 {
			require.ErrorIs(t, err, sanitize.ErrUnfit)
			require.NotErrorIs(t, err, users.ErrUnavailable)
			continue
		}
		noError(t, err)
	}
}

func times(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	shanghai := time.FixedZone("", 8*3600)
	l := signIn(t, app1, someone(), start.In(shanghai)) // the zone of the caller does not matter
	in, p := login(t, s, l)
	db.disable(t, in.User.ID, start, "")
	db.exec(t, `UPDATE users SET disabled_at = NULL WHERE id = ?`, in.User.ID)
	u, err := s.User(t.Context(), in.User.ID)
	noError(t, err)
	e := rotate(t, s, &p, start.Add(1000001*time.Microsecond).In(shanghai))
	list, err := s.Sessions(t.Context(), p.userID, start)
	noError(t, err)
	_, err = s.EndSession(t.Context(), p.end(start.In(shanghai), ""))
	noError(t, err)
	revoked, err := s.RevokedSince(t.Context(), start.In(shanghai), [16]byte{}, 100)
	noError(t, err)
	for name, got := range map[string]struct{ got, want time.Time }{
		"user created":  {u.CreatedAt, start},
		"last login":    {in.User.LastLoginAt, start},
		"in created":    {in.User.CreatedAt, start},
		"in expires":    {in.ExpiresAt, lifetimes().SessionEnd(start, start)},
		"rotated":       {e.RotatedAt, start.Add(1000001 * time.Microsecond)},
		"created":       {e.CreatedAt, start},
		"expires":       {e.ExpiresAt, lifetimes().SessionEnd(start, start.Add(time.Second+time.Microsecond))},
		"last used":     {list[0].LastUsedAt, start.Add(1000001 * time.Microsecond)},
		"revoked":       {revoked[0].RevokedAt, start},
		"session began": {list[0].CreatedAt, start},
	} {
		require.Equal(t, got.want, got.got, name) // Equal holds the zone, too
	}
}
