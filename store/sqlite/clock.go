package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// Now implements auth.Store. It returns the machine's time when the file was opened,
// advanced by the monotonic clock.
func (s *Store) Now(context.Context) (time.Time, error) { return s.now(), nil }

func (s *Store) now() time.Time {
	return s.opened.Round(0).Add(time.Since(s.opened)).UTC() // Round takes the monotonic reading away
}

// recentSessions is how many of the sessions opened last Step looks at.
const recentSessions = 10_000

// Step returns the current time minus the newest time stored in the file, or 0 for an
// empty file. A wrong clock cannot be distinguished from a long downtime of the service;
// an operator must decide.
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
