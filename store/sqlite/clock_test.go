package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

func TestAFileTellsHowFarTheClockIsFromTheNewestTimeInIt(t *testing.T) {
	path := migrated(t)
	s := open(t, path, lifetimes)
	step := func() time.Duration {
		t.Helper()
		d, err := s.Step(t.Context())
		require.NoError(t, err)
		return d
	}
	require.Zero(t, step(), "an empty file")
	now := time.Now()
	l := signIn("o1")
	l.Now = now.Add(-3 * time.Hour)
	in, err := s.Login(t.Context(), l)
	require.NoError(t, err)
	require.InDelta(t, 3*time.Hour.Seconds(), step().Seconds(), 5)

	p := auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: now.Add(-2 * time.Hour)}
	_, err = s.Rotate(t.Context(), p)
	require.NoError(t, err)
	require.InDelta(t, 2*time.Hour.Seconds(), step().Seconds(), 5, "a refresh is a time, too")

	// A clock that was set back: what is in the file lies ahead.
	ended, err := s.EndSession(t.Context(), auth.Ending{UserID: in.User.ID, SessionID: l.SessionID, Reason: auth.ReasonLoggedOut, Now: now.Add(8 * time.Hour)})
	require.NoError(t, err)
	require.True(t, ended)
	require.InDelta(t, -8*time.Hour.Seconds(), step().Seconds(), 5)
}
