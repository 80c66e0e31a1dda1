package auth_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

func TestPodsWithTheSameRevocationsGiveTheSameCursorWhateverTheOrder(t *testing.T) {
	h := &hands{noon.Add(time.Minute)}
	type entry struct {
		n  byte
		at time.Time
	}
	entries := []entry{{1, noon}, {2, noon.Add(time.Second)}, {3, noon.Add(time.Second)}, {4, noon.Add(20 * time.Second)}, {5, noon.Add(25 * time.Second)}}
	cursors := map[string]bool{}
	for range slices.Clone(entries) { // each of them comes first once
		entries = append(entries[1:], entries[0])
		for _, order := range [][]entry{entries, reversed(entries)} {
			r := memory(h)
			for _, e := range order {
				r.Add(e.at, auth.ReasonLoggedOut, session(e.n))
				r.Add(e.at, auth.ReasonLoggedOut, session(e.n)) // told twice, by memory and by the database
			}
			cursors[since(t, r, "").Cursor] = true
			require.Equal(t, []byte{1}, ids(since(t, r, ""))[:1], "oldest first")
			require.Len(t, given(since(t, r, "")), 5)
		}
	}
	require.Len(t, cursors, 1)
	less := memory(h)
	for _, e := range entries[1:] {
		less.Add(e.at, auth.ReasonLoggedOut, session(e.n))
	}
	require.NotContains(t, cursors, since(t, less, "").Cursor)
}

func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func TestACommitThatComesLateWithAnEarlierTimeIsStillRead(t *testing.T) {
	h := &hands{noon.Add(time.Minute)}
	r := memory(h)
	r.Add(noon.Add(20*time.Second), auth.ReasonLoggedOut, session(2))
	before := since(t, r, "")
	require.Equal(t, []byte{2}, ids(before))
	require.False(t, isClosed(before.Changed))

	r.Add(noon, auth.ReasonLoggedOut, session(1)) // revoked earlier, committed later
	require.True(t, isClosed(before.Changed), "who waits is woken")
	after := since(t, r, before.Cursor)
	require.NotEqual(t, before.Cursor, after.Cursor)
	require.Contains(t, ids(after), byte(1))
	again := since(t, r, after.Cursor)
	require.Empty(t, given(again))
	require.Equal(t, after.Cursor, again.Cursor)
}

func TestAReaderIsGivenWhatItMayLackAndNoMore(t *testing.T) {
	h := &hands{noon}
	r := memory(h)
	empty := since(t, r, "")
	require.Empty(t, given(empty))
	require.Equal(t, empty.Cursor, since(t, r, empty.Cursor).Cursor)
	for n := range byte(10) {
		h.now = noon.Add(time.Duration(n) * time.Minute)
		r.Add(h.now, auth.ReasonLoggedOut, session(n))
	}
	all := since(t, r, "")
	require.Len(t, given(all), 10)
	require.Len(t, given(since(t, r, empty.Cursor)), 10)
	r.Add(h.now, auth.ReasonLoggedOut, session(9))
	require.Equal(t, all.Cursor, since(t, r, "").Cursor, "what is known already is no news")
	require.False(t, isClosed(all.Changed))

	h.now = h.now.Add(time.Minute)
	r.Add(h.now, auth.ReasonLoggedOut, session(10))
	require.Equal(t, []byte{10}, ids(since(t, r, all.Cursor)), "what was learnt since")

	// A reader may ask a pod that is behind the one it read before: it gets all
	// there is, because the pod cannot know what it lacks.
	behind := memory(h)
	behind.Add(noon, auth.ReasonLoggedOut, session(0))
	require.Equal(t, []byte{0}, ids(since(t, behind, all.Cursor)))
	require.NotEqual(t, all.Cursor, since(t, behind, all.Cursor).Cursor)

	// What was given out stays as it was.
	require.Len(t, given(all), 10)
	require.Len(t, given(since(t, r, "")), 11)
	require.Equal(t, byte(0), ids(since(t, r, ""))[0])
}

// What a clock that is wrong, by however much, has dated is learnt like all else.
func TestAReaderGetsWhatComesWithAWrongDate(t *testing.T) {
	for _, wrong := range []time.Duration{-3 * time.Hour, -2 * time.Minute, 2 * time.Minute, 24 * time.Hour} {
		h := &hands{noon}
		r := memory(h)
		r.Add(noon, auth.ReasonLoggedOut, session(1))
		r.Add(noon.Add(wrong), auth.ReasonLoggedOut, session(2))
		both := since(t, r, "")
		require.Len(t, given(both), 2)
		r.Add(noon.Add(time.Second), auth.ReasonLoggedOut, session(3))
		require.Equal(t, []byte{3}, ids(since(t, r, both.Cursor)), wrong)
		require.NotEqual(t, both.Cursor, since(t, r, both.Cursor).Cursor)
	}
}

func TestAReaderFromAnotherDatabaseGetsEverything(t *testing.T) {
	h := &hands{noon}
	here, elsewhere := memory(h), memory(h)
	for n := range byte(20) {
		here.Add(noon.Add(-time.Hour), auth.ReasonLoggedOut, session(n))
	}
	elsewhere.Add(noon, auth.ReasonLoggedOut, session(100))
	here.Add(noon.Add(time.Second), auth.ReasonLoggedOut, session(20))
	require.Len(t, given(since(t, here, since(t, elsewhere, "").Cursor)), 21)
}

// Pods forget at moments of their own; a reader who goes from one to the other
// must not be given everything for that.
func TestPodsAgreeOnTheCursorWhateverTheyHaveForgotten(t *testing.T) {
	h := &hands{noon}
	early, late := memory(h), memory(h)
	for n := range byte(100) {
		h.now = noon.Add(time.Duration(n) * 4 * time.Minute)
		early.Add(h.now, auth.ReasonLoggedOut, session(n))
		if n > 0 {
			late.Add(h.now.Add(-4*time.Minute), auth.ReasonLoggedOut, session(n-1))
		}
		late.Add(h.now, auth.ReasonLoggedOut, session(n))
	}
	fresh := memory(h) // started now: it never knew what is forgotten
	for n := byte(100); n > 0; n-- {
		fresh.Add(noon.Add(time.Duration(n-1)*4*time.Minute), auth.ReasonLoggedOut, session(n-1))
	}
	require.Equal(t, since(t, early, "").Cursor, since(t, late, "").Cursor)
	require.Equal(t, since(t, early, "").Cursor, since(t, fresh, "").Cursor)
	require.Less(t, early.Size(), 70)

	h.now = h.now.Add(10 * time.Hour)
	early.Add(h.now, auth.ReasonLoggedOut, session(200))
	require.Equal(t, []byte{200}, ids(since(t, early, since(t, late, "").Cursor)))
}

func TestACursorThatIsNotOursIsRefused(t *testing.T) {
	r := memory(&hands{noon})
	r.Add(noon, auth.ReasonLoggedOut, session(1))
	for _, cursor := range []string{"nonsense", "-", "0", "0-", "-0", "-5-0", "1-2-3", "zz zz-1", strings.Repeat("z", 99) + "-1", "\x00-0"} {
		_, err := r.Since(cursor)
		require.ErrorIs(t, err, auth.ErrCursor, "%q", cursor)
	}
	for _, cursor := range []string{"0-0", "zzzzzzzzz-1"} {
		_, err := r.Since(cursor)
		require.NoError(t, err, cursor)
	}
}
