package events_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/users"
)

func TestTheFeedMissesNothingAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	feed := events.NewFeed(s)
	read := func(cursor string, wait time.Duration, kinds ...users.EventKind) (found []events.Placed, next string) {
		t.Helper()
		found, next, err := feed.Read(t.Context(), cursor, kinds, 2, wait, nil)
		require.NoError(t, err)
		return found, next
	}
	found, cursor := read("", 0)
	require.Empty(t, found)
	var leave []func()
	for range 3 {
		_, out := person(t, s)
		leave = append(leave, out)
	}
	seen := map[string]bool{}
	for {
		if found, cursor = read(cursor, 0); len(found) == 0 {
			break
		}
		require.LessOrEqual(t, len(found), 2)
		for i := range found {
			m := found[i].Message()
			require.False(t, seen[m.ID], "it came before")
			seen[m.ID] = true
			require.Equal(t, users.EventUserCreated, m.Kind)
			require.True(t, events.Known(m.Kind))
		}
	}
	require.Len(t, seen, 3)

	// Behind events of other kinds it goes on.
	leave[0]()
	_, last := person(t, s)
	found, after := read(cursor, 0, users.EventUserCreated)
	require.Len(t, found, 1)
	again, _ := read(after, 0, users.EventUserCreated)
	require.Empty(t, again)

	// A reader that waits has what comes, not before and hardly later.
	time.AfterFunc(100*time.Millisecond, last)
	found, _ = read(after, 10*time.Second, users.EventSessionRevoked)
	require.Len(t, found, 1)
	require.NotEmpty(t, found[0].Message().SessionID)
	require.False(t, events.Known("a kind of tomorrow"))
}

func TestAReaderThatWaitsGoesWhenTheServiceDoesOrItselfGoes(t *testing.T) {
	t.Parallel()
	feed := events.NewFeed(openStore(t))
	started := time.Now()
	stop := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { close(stop) })
	found, next, err := feed.Read(t.Context(), "0", nil, 1, time.Minute, stop)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Equal(t, "0", next)

	found, _, err = feed.Read(t.Context(), "", nil, 1, 50*time.Millisecond, nil)
	require.NoError(t, err)
	require.Empty(t, found)

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, _, err = feed.Read(ctx, "", nil, 1, time.Minute, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(started), 30*time.Second)

	for _, cursor := range []string{"-1", "+1", "01", "x", "9223372036854775808"} {
		_, _, err = feed.Read(t.Context(), cursor, nil, 1, 0, nil)
		require.ErrorIs(t, err, events.ErrCursor, cursor)
	}
}
