package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/events"
)

const leased = time.Minute

func webhooksOneHolder(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	newcomer(t, stores[0], start)
	_, end := readAll(t, stores[0], 0)
	mine, theirs := newID(t), newID(t)

	place, err := stores[0].ClaimWebhooks(t.Context(), mine, leased)
	require.NoError(t, err)
	require.Equal(t, events.Place{Position: end}, place, "what happened before is not delivered")
	_, err = stores[1].ClaimWebhooks(t.Context(), theirs, leased)
	require.ErrorIs(t, err, events.ErrNotHolder)
	_, err = stores[0].ClaimWebhooks(t.Context(), mine, leased)
	require.NoError(t, err, "renewed")

	require.ErrorIs(t, stores[1].SaveDeliveries(t.Context(), theirs, events.Results{Position: end + 1, Failed: []events.Failure{{Position: end, UserID: newID(t), Attempts: 1}}}), events.ErrNotHolder)
	due, err := stores[0].DueDeliveries(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, due, "nothing of it was kept")

	require.NoError(t, stores[0].SaveDeliveries(t.Context(), mine, events.Results{Position: end + 7}))
	require.NoError(t, stores[0].ReleaseWebhooks(t.Context(), mine))
	place, err = stores[1].ClaimWebhooks(t.Context(), theirs, -time.Second)
	require.NoError(t, err)
	require.Equal(t, end+7, place.Position, "the next holder goes on where the last one stopped")

	// A claim that has run out is free.
	_, err = stores[0].ClaimWebhooks(t.Context(), mine, leased)
	require.NoError(t, err)
	require.ErrorIs(t, stores[1].SaveDeliveries(t.Context(), theirs, events.Results{}), events.ErrNotHolder)
}

func webhooksInOrder(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	alice, bob := newcomer(t, s, start), newcomer(t, s, start.Add(time.Second))
	ended := func(p seat) {
		_, err := s.EndSession(t.Context(), p.end(start, "a test"))
		require.NoError(t, err)
	}
	ended(alice)
	ended(bob)
	all, end := readAll(t, s, 0)
	require.Len(t, all, 4) // alice, bob, alice's end, bob's end
	holder := newID(t)
	_, err := s.ClaimWebhooks(t.Context(), holder, leased)
	require.NoError(t, err)
	due := func() (positions []int64) {
		list, err := s.DueDeliveries(t.Context(), 10)
		require.NoError(t, err)
		for _, d := range list {
			positions = append(positions, d.Position)
		}
		return positions
	}
	save := func(r events.Results) { require.NoError(t, s.SaveDeliveries(t.Context(), holder, r)) }
	failure := func(i, attempts int, pause time.Duration) events.Failure {
		return events.Failure{Position: all[i].Position, UserID: all[i].UserID, Attempts: attempts, Pause: pause}
	}

	save(events.Results{Position: end, Failed: []events.Failure{
		failure(0, 1, -time.Second), failure(1, 1, time.Hour), failure(2, 0, 0), failure(3, 0, 0),
	}})
	require.Equal(t, []int64{all[0].Position}, due(), "bob's first is not due, and the others wait behind")
	waiting, err := s.WaitingUsers(t.Context(), []uuid.UUID{alice.userID, newID(t), bob.userID})
	require.NoError(t, err)
	require.ElementsMatch(t, []uuid.UUID{alice.userID, bob.userID}, waiting)
	n, oldest, err := s.WebhookBacklog(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, start, oldest)

	list, err := s.DueDeliveries(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []events.Due{{Placed: all[0], Attempts: 1}}, list)

	save(events.Results{Failed: []events.Failure{failure(0, 2, -time.Second)}})
	require.Equal(t, []int64{all[0].Position}, due(), "tried again, and its next one still waits")
	save(events.Results{Delivered: []int64{all[0].Position}})
	require.Equal(t, []int64{all[2].Position}, due(), "the next one of alice follows")
	save(events.Results{Delivered: []int64{all[2].Position}})
	require.Empty(t, due())
	waiting, err = s.WaitingUsers(t.Context(), []uuid.UUID{alice.userID, bob.userID})
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{bob.userID}, waiting)

	save(events.Results{Delivered: []int64{all[1].Position, all[3].Position}})
	n, oldest, err = s.WebhookBacklog(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.True(t, oldest.IsZero())
	newcomer(t, s, start.Add(time.Hour))
	readAll(t, s, 0)
	_, oldest, err = s.WebhookBacklog(t.Context())
	require.NoError(t, err)
	require.Equal(t, start.Add(time.Hour), oldest, "an event that nobody has looked at yet")
}

func webhooksStop(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	holder := newID(t)
	require.ErrorIs(t, s.StopWebhooks(t.Context(), holder, "f"), events.ErrNotHolder)
	_, err := s.ClaimWebhooks(t.Context(), holder, leased)
	require.NoError(t, err)
	require.NoError(t, s.StopWebhooks(t.Context(), holder, "f"))
	place, err := s.ClaimWebhooks(t.Context(), holder, leased)
	require.NoError(t, err)
	require.Equal(t, "f", place.StoppedFor)
	require.NoError(t, s.ResumeWebhooks(t.Context()))
	place, err = s.ClaimWebhooks(t.Context(), holder, leased)
	require.NoError(t, err)
	require.Empty(t, place.StoppedFor)
}
