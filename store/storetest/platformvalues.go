package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

func platformValues(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	other := db.open(t, lifetimes()) // another process
	none, err := s.PlatformValue(t.Context(), "ticket")
	require.NoError(t, err)
	require.Empty(t, none.Sealed)

	at := time.Date(2026, 11, 26, 8, 0, 0, 123000, time.UTC)
	keep := func(s Store, value string, at time.Time) {
		t.Helper()
		require.NoError(t, s.KeepPlatformValue(t.Context(), users.PlatformValue{Name: "ticket", Sealed: []byte(value), At: at}))
	}
	is := func(value string, at time.Time) {
		t.Helper()
		v, err := other.PlatformValue(t.Context(), "ticket")
		require.NoError(t, err)
		require.Equal(t, users.PlatformValue{Name: "ticket", Sealed: []byte(value), At: at}, v)
	}
	keep(s, "first", at)
	is("first", at)
	keep(s, "second", at.Add(time.Microsecond))
	keep(s, "first", at) // it was repeated
	is("second", at.Add(time.Microsecond))

	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			of := s
			if i%2 == 0 {
				of = other
			}
			v := users.PlatformValue{Name: "ticket", Sealed: []byte{byte(i)}, At: at.Add(time.Duration(i) * time.Second)}
			if err := of.KeepPlatformValue(t.Context(), v); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	is("\x0f", at.Add(15*time.Second))
	another, err := s.PlatformValue(t.Context(), "another")
	require.NoError(t, err)
	require.Empty(t, another.Sealed)
}
