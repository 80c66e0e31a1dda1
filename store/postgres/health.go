package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/users"
)

// Ping asks the database for a response.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return failed("ping", s.pool.Ping(ctx))
}

// Writable asks whether the database accepts changes, and commits one: a message
// in the log (WAL) that nothing reads. A standby that was not promoted and a
// primary that was set read-only refuse it; where a commit waits for a standby
// that is cut off, it runs into the deadline of ctx, or into patience.
func (s *Store) Writable(ctx context.Context) error {
	const sql = `
SELECT read_only, CASE WHEN NOT read_only THEN pg_logical_emit_message(true, 'wugan', '') END IS NOT NULL
FROM (SELECT current_setting('transaction_read_only') = 'on' AS read_only) AS s`
	var readOnly bool
	err := s.call(ctx, func(ctx context.Context) error { return s.pool.QueryRow(ctx, sql).Scan(&readOnly, nil) })
	if err != nil {
		return failed("ask whether the database is writable", err)
	}
	if readOnly {
		return fmt.Errorf("postgres: %w: it is read-only", users.ErrUnavailable)
	}
	return nil
}

// SchemaCurrent compares the schema with what this release needs. The error
// for one that lacks steps is migrations.ErrOutdated; a newer one is current.
func (s *Store) SchemaCurrent(ctx context.Context) error {
	const sql = `SELECT COALESCE(max(version_id), 0) FROM ` + migrations.VersionTable + ` WHERE is_applied`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var reached int64
	err := s.pool.QueryRow(ctx, sql).Scan(&reached)
	var server *pgconn.PgError
	if err != nil && !(errors.As(err, &server) && server.Code == "42P01") { // no such table: no step was taken yet
		return failed("read the schema's version", err)
	}
	return migrations.Current(reached, migrations.LatestPostgres())
}
