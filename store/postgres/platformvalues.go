package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/users"
)

var _ users.PlatformStore = (*Store)(nil)

// KeepPlatformValue implements users.PlatformStore.
func (s *Store) KeepPlatformValue(ctx context.Context, v users.PlatformValue) error {
	const sql = `
INSERT INTO platform_values (name, sealed, at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, at = excluded.at
WHERE platform_values.at <= excluded.at`
	err := s.call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, sql, v.Name, v.Sealed, v.At)
		return err
	})
	return failed("keep a value of a platform", err)
}

// PlatformValue implements users.PlatformStore.
func (s *Store) PlatformValue(ctx context.Context, name string) (users.PlatformValue, error) {
	const sql = `SELECT sealed, at FROM platform_values WHERE name = $1`
	v := users.PlatformValue{Name: name}
	err := s.call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, sql, name).Scan(&v.Sealed, &v.At)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return v, nil
	}
	v.At = v.At.In(time.UTC)
	return v, failed("read a value of a platform", err)
}
