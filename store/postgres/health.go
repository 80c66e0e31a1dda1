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

// Writable checks that the database accepts changes. It commits a message in the log
// (WAL) that nothing reads. A standby and a read-only primary refuse it. If a commit
// waits for an unreachable standby, it fails at the deadline of ctx or after patience.
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

// SchemaCurrent returns migrations.ErrOutdated if the schema lacks migrations that this
// release needs. A newer schema is current.
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
