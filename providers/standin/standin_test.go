package standin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers/standin"
)

func TestACodeWorksOnceForItsAppAndKindAndTime(t *testing.T) {
	now := time.Now()
	d := standin.NewDesk(standin.Options{Now: func() time.Time { return now }})
	code := d.Issue("app", "login", "alice", time.Minute)
	for _, c := range [][2]string{{"other", "login"}, {"app", "phone"}} {
		_, state := d.Take(c[0], c[1], code)
		require.Equal(t, standin.Unknown, state)
	}
	user, state := d.Take("app", "login", code)
	require.Equal(t, standin.Good, state)
	require.Equal(t, "alice", user)
	_, state = d.Take("app", "login", code)
	require.Equal(t, standin.Used, state)
	late := d.Issue("app", "login", "alice", time.Minute)
	now = now.Add(time.Minute)
	_, state = d.Take("app", "login", late)
	require.Equal(t, standin.Unknown, state)
	_, state = d.Take("app", "login", "dev:alice")
	require.Equal(t, standin.Unknown, state, "only where they are let through")
}
