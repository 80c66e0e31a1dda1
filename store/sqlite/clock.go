package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// Now implements auth.Store. The time of a file is that of the machine when it
// was opened, counted on by the monotonic clock.
func (s *Store) Now(context.Context) (time.Time, error) { return s.now(), nil }

func (s *Store) now() time.Time {
	return s.opened.Round(0).Add(time.Since(s.opened)).UTC() // Round takes the monotonic reading away
}

// recentSessions is how many of the sessions opened last Step looks at.
const recentSessions = 10_000

// Step returns how far the time of the file is ahead of the newest time that it
// holds; negative where it is behind, 0 for an empty file. Nothing tells a clock
// that was set from a service that was down for so long: an operator has to.
func (s *Store) Step(ctx context.Context) (time.Duration, error) {
	const query = `
SELECT max(at) FROM (
    SELECT at FROM (SELECT at FROM events ORDER BY id DESC LIMIT 1)
    UNION ALL
    SELECT max(revoked_at) FROM sessions WHERE revoked_at IS NOT NULL
    UNION ALL
    SELECT max(rotated_at) FROM (SELECT rotated_at FROM sessions ORDER BY id DESC LIMIT ?)
)`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var newest sql.NullInt64
	if err := s.reader.QueryRowContext(ctx, query, recentSessions).Scan(&newest); err != nil {
		return 0, failed("read the newest time", err)
	}
	if !newest.Valid {
		return 0, nil
	}
	return s.now().Sub(moment(newest.Int64)), nil
}
