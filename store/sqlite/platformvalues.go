package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/wugan/wugan/users"
)

var _ users.PlatformStore = (*Store)(nil)

// KeepPlatformValue implements users.PlatformStore.
func (s *Store) KeepPlatformValue(ctx context.Context, v users.PlatformValue) error {
	const keepSQL = `
INSERT INTO platform_values (name, sealed, at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, at = excluded.at
WHERE platform_values.at <= excluded.at`
	return failed("keep a value of a platform", s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, keepSQL, v.Name, v.Sealed, micros(v.At))
		return err
	}))
}

// PlatformValue implements users.PlatformStore.
func (s *Store) PlatformValue(ctx context.Context, name string) (users.PlatformValue, error) {
	const readSQL = `SELECT sealed, at FROM platform_values WHERE name = ?`
	v := users.PlatformValue{Name: name}
	var at int64
	err := s.reader.QueryRowContext(ctx, readSQL, name).Scan(&v.Sealed, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return v, nil
	}
	v.At = moment(at)
	return v, failed("read a value of a platform", err)
}
