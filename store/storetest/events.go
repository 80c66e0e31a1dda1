package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/users"
)

// readAll follows the feed from a position to its end, a page of three at a time.
func readAll(t require.TestingT, s Store, position int64, kinds ...users.EventKind) (all []events.Placed, end int64) {
	for {
		page, err := s.EventsAfter(testContext(t), position, kinds, 3)
		require.NoError(t, err)
		require.GreaterOrEqual(t, page.Position, position)
		all = append(all, page.Events...)
		position = page.Position
		if !page.More {
			return all, position
		}
	}
}

func eventsInOrder(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	none, err := stores[0].EventsAfter(t.Context(), 0, nil, 10)
	require.NoError(t, err)
	require.Equal(t, events.Page{}, none)

	var seats []seat
	for i := range 4 {
		seats = append(seats, newcomer(t, stores[i%2], start.Add(time.Duration(i)*time.Minute)))
	}
	ended, err := stores[1].EndSession(t.Context(), seats[2].end(start.Add(time.Hour), "a test"))
	require.NoError(t, err)
	require.True(t, ended)

	all, end := readAll(t, stores[0], 0)
	require.Len(t, all, 5)
	for i, p := range all[:4] {
		require.Equal(t, users.EventUserCreated, p.Kind)
		require.Equal(t, seats[i].userID, p.UserID)
		require.Equal(t, start.Add(time.Duration(i)*time.Minute), p.At)
		require.NotZero(t, p.ID)
	}
	last := all[4]
	require.Equal(t, users.EventSessionRevoked, last.Kind)
	require.Equal(t, seats[2].id, last.SessionID)
	require.Equal(t, users.ActorUser, last.Actor)
	require.JSONEq(t, `{"reason": "a test"}`, string(last.Detail))
	require.Equal(t, last.Position, end)

	// Another store says the same, and nothing comes behind the end.
	again, _ := readAll(t, stores[1], 0)
	require.Equal(t, all, again)
	behind, position := readAll(t, stores[1], end)
	require.Empty(t, behind)
	require.Equal(t, end, position)
}

func eventsByKind(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	var p seat
	for range 7 {
		p = newcomer(t, s, start)
	}
	_, err := s.EndSession(t.Context(), p.end(start, "a test"))
	require.NoError(t, err)
	newcomer(t, s, start)

	found, end := readAll(t, s, 0, users.EventSessionRevoked)
	require.Len(t, found, 1)
	require.Greater(t, end, found[0].Position, "the place moves on behind events of other kinds")
	none, same := readAll(t, s, end, users.EventSessionRevoked, users.EventRefreshReused)
	require.Empty(t, none)
	require.Equal(t, end, same)
}

// Two readers follow while two stores write: each reader gets each event once,
// in the same order.
func eventsWhileWriting(t *testing.T, db *Database) {
	const writers, each = 8, 12
	stores := pair(t, db, lifetimes())
	done := make(chan struct{})
	read := make([][]events.Placed, 2)
	failed := make([]error, 2)
	var readers sync.WaitGroup
	for i := range read {
		readers.Go(func() {
			var position int64
			for last := false; ; {
				page, err := stores[i].EventsAfter(testContext(t), position, nil, 5)
				if failed[i] = err; err != nil {
					return
				}
				read[i] = append(read[i], page.Events...)
				position = page.Position
				if last && !page.More {
					return
				}
				select {
				case <-done:
					last = true
				default:
				}
			}
		})
	}
	users := make([]uuid.UUID, writers*each)
	together(writers, func(w int) {
		for i := range each {
			users[w*each+i] = newcomer(t, stores[w%2], start).userID
		}
	})
	close(done)
	readers.Wait()
	for i := range read {
		require.NoError(t, failed[i])
		got := make([]uuid.UUID, len(read[i]))
		for n, p := range read[i] {
			got[n] = p.UserID
		}
		require.ElementsMatch(t, users, got, "reader %d", i)
	}
	require.Equal(t, read[0], read[1])
}

// Where no one reads the feed, events have no place in it, and go all the same.
func eventsPurgeUnread(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	for i := range 5 {
		newcomer(t, s, start.Add(time.Duration(i)*time.Hour))
	}
	gone, err := s.PurgeEvents(t.Context(), start.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, gone)
	gone, err = s.PurgeEvents(t.Context(), start.Add(1000*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, gone, "the newest stays")
	left, _ := readAll(t, s, 0)
	require.Len(t, left, 1)
	require.Equal(t, start.Add(4*time.Hour), left[0].At)
}

func eventsPurge(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	for i := range 5 {
		newcomer(t, s, start.Add(time.Duration(i)*time.Hour))
	}
	all, end := readAll(t, s, 0)
	gone, err := s.PurgeEvents(t.Context(), start.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, gone)
	left, _ := readAll(t, s, 0)
	require.Equal(t, all[2:], left)

	// The newest stays, so that no later event takes a place that was read.
	gone, err = s.PurgeEvents(t.Context(), start.Add(1000*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, gone)
	newcomer(t, s, start.Add(2000*time.Hour))
	fresh, _ := readAll(t, s, end)
	require.Len(t, fresh, 1)
	require.Greater(t, fresh[0].Position, end)
}
