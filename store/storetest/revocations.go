package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// restoreRevocations writes back what a failover has lost: the end of a session,
// or its row.
func restoreRevocations(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	alive, ended, bystander := newcomer(t, stores[0], start), newcomer(t, stores[0], start), newcomer(t, stores[0], start)
	at, now := start.Add(time.Minute), start.Add(time.Hour)
	_, err := stores[0].EndSession(t.Context(), ended.end(at, auth.ReasonLoggedOut))
	noError(t, err)
	before := db.session(t, ended.userID, ended.id)
	gone := newID(t)
	list := []auth.Revocation{
		{SessionID: alive.id, RevokedAt: at.Add(time.Microsecond), Reason: auth.ReasonSignedOut},
		{SessionID: ended.id, RevokedAt: at.Add(time.Hour)},
		{SessionID: gone, RevokedAt: at.Add(2 * time.Microsecond)},
	}
	n, err := stores[0].RestoreRevocations(t.Context(), list, now)
	noError(t, err)
	require.Equal(t, 2, n, "what the database knows is not counted")
	n, err = stores[1].RestoreRevocations(t.Context(), list, now)
	noError(t, err)
	require.Zero(t, n, "another pod comes with the same")
	require.Equal(t, before, db.session(t, ended.userID, ended.id), "the database's word counts")

	r := db.session(t, alive.userID, alive.id)
	require.Equal(t, list[0].RevokedAt, *r.RevokedAt)
	require.Equal(t, auth.ReasonSignedOut, r.Reason)
	require.Equal(t, auth.OutcomeRevoked, rotate(t, stores[1], &alive, now).Outcome)
	events := db.events(t, alive.userID)
	require.Equal(t, users.EventSessionRevoked, events[len(events)-1].Kind)
	require.Equal(t, now, events[len(events)-1].At)
	require.Len(t, sessionIDs(t, stores[0], bystander.userID, now), 1)

	// The lost ones are read as the others are, page by page, and purged as they are.
	want := []auth.Revocation{{SessionID: ended.id, RevokedAt: at, Reason: auth.ReasonLoggedOut}, list[0], list[2]}
	since, after := start, uuid.Nil
	for _, w := range want {
		page, err := stores[1].RevokedSince(t.Context(), since, after, 1)
		noError(t, err)
		require.Equal(t, []auth.Revocation{w}, page)
		since, after = w.RevokedAt, w.SessionID
	}
	_, err = stores[0].Purge(t.Context(), start, at.Add(2*time.Microsecond))
	noError(t, err)
	left, err := stores[0].RevokedSince(t.Context(), start, uuid.Nil, 10)
	noError(t, err)
	require.Equal(t, want[2:], left)
	_, err = stores[0].Purge(t.Context(), start, now)
	noError(t, err)
	require.Zero(t, db.count(t, "lost_sessions"))
}
