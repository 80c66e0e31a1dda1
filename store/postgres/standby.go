package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

var _ auth.StandbySource = (*Store)(nil)

// standbyConnect bounds the attempt to connect to one host while a standby is
// looked for: the primary, which cannot be reached, is one of them.
const standbyConnect = time.Second

var errOneServer = errors.New("the address names no further server")

// openStandby makes a pool for any server of an address with several, whether it
// takes writes or not; nil where the address names one. It has no connection until
// it is used, and soon after none again.
func openStandby(ctx context.Context, url string, opts []Option) (*pgxpool.Pool, error) {
	config, _, err := configure(url)
	if err != nil {
		return nil, err
	}
	c := config.ConnConfig
	several := false
	for _, f := range c.Fallbacks { // a host stands there twice where it is tried without TLS, too
		several = several || f.Host != c.Host || f.Port != c.Port
	}
	if !several {
		return nil, nil //nolint:nilnil // none, and no mistake
	}
	for _, opt := range opts {
		opt(config)
	}
	c.ValidateConnect = nil
	c.ConnectTimeout = standbyConnect
	config.MinConns, config.MinIdleConns, config.MaxConns = 0, 0, 1
	config.MaxConnIdleTime = time.Minute
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: %w", err)
	}
	return pool, nil
}

// StandbyRevokedSince implements auth.StandbySource. A standby has everything up
// to the commit that it replayed last.
func (s *Store) StandbyRevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) (out []auth.Revocation, asOf time.Time, err error) {
	const asOfSQL = `
SELECT CASE WHEN pg_is_in_recovery() THEN COALESCE(pg_last_xact_replay_timestamp(), to_timestamp(0)) ELSE clock_timestamp() END`
	if s.standby == nil {
		return nil, time.Time{}, fmt.Errorf("postgres: read revocations from a standby: %w: %w", users.ErrUnavailable, errOneServer)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.standby.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if err := conn.QueryRow(ctx, asOfSQL).Scan(&asOf); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, revokedSinceSQL, since, after, limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[auth.Revocation])
		return err
	})
	if err != nil {
		s.standby.Reset() // another server may answer
	}
	return out, asOf, failed("read revocations from a standby", err)
}
