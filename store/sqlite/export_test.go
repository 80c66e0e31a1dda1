package sqlite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// LimitPages lets the file grow hardly any more, as a full disk would.
func LimitPages(t *testing.T, s *Store) {
	t.Helper()
	var n int
	require.NoError(t, s.writer.QueryRowContext(t.Context(), `PRAGMA max_page_count = 1`).Scan(&n)) // it is set to what there is
}

// Pragmas reads the settings of the writer's connection.
func Pragmas(t *testing.T, s *Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only"} {
		var value string
		require.NoError(t, s.writer.QueryRowContext(t.Context(), `PRAGMA `+name).Scan(&value))
		out[name] = value
	}
	return out
}

// ForgetProbe makes the next question for readiness write to the disk.
func ForgetProbe(s *Store) {
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	s.probe.last = time.Time{}
}
