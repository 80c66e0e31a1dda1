package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func databaseTime(t *testing.T, db *Database) {
	stores := pair(t, db, lifetimes())
	before := time.Now()
	for range 3 {
		for _, s := range stores {
			at, err := s.Now(t.Context())
			noError(t, err)
			require.Equal(t, time.UTC, at.Location())
			require.WithinDuration(t, time.Now(), at, time.Second, "the server's machine is this one")
			require.False(t, at.Before(before.Add(-time.Millisecond)))
			before = at
		}
		time.Sleep(5 * time.Millisecond)
	}
}
