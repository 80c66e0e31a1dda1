package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/users"
)

var _ users.RekeyStore = (*Store)(nil)

// SealedSessionKeys implements users.RekeyStore.
func (s *Store) SealedSessionKeys(ctx context.Context, after users.Identity, limit int) ([]users.Identity, error) {
	const sql = `
SELECT app_id, openid, session_key
FROM identities
WHERE (app_id, openid) > ($1, $2) AND session_key IS NOT NULL
ORDER BY app_id, openid
LIMIT $3`
	out, err := list(ctx, s, sql, []any{after.AppID, after.OpenID, limit}, func(row pgx.CollectableRow) (i users.Identity, err error) {
		err = row.Scan(&i.AppID, &i.OpenID, &i.SealedSessionKey)
		return i, err
	})
	return out, failed("read session keys", err)
}

// ReplaceSessionKeys implements users.RekeyStore. The rows are locked in the
// order in which they are asked for everywhere; a group of logins locks their
// users, not them, and a deadlock with one is tried again.
func (s *Store) ReplaceSessionKeys(ctx context.Context, old []users.Identity, fresh [][]byte) (int, error) {
	const sql = `
UPDATE identities i
SET session_key = a.fresh
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) AS a (app_id, openid, old, fresh)
WHERE i.app_id = a.app_id AND i.openid = a.openid AND i.session_key = a.old`
	apps, openIDs, before := make([]string, len(old)), make([]string, len(old)), make([][]byte, len(old))
	for n, i := range old {
		apps[n], openIDs[n], before[n] = i.AppID, i.OpenID, i.SealedSessionKey
	}
	return s.replace(ctx, "replace session keys", sql, apps, openIDs, before, fresh)
}

// SealedPhones implements users.RekeyStore.
func (s *Store) SealedPhones(ctx context.Context, after uuid.UUID, limit int) ([]users.User, error) {
	const sql = `
SELECT id, phone_sealed
FROM users
WHERE id > $1 AND phone_sealed IS NOT NULL
ORDER BY id
LIMIT $2`
	out, err := list(ctx, s, sql, []any{after, limit}, func(row pgx.CollectableRow) (u users.User, err error) {
		err = row.Scan(&u.ID, &u.SealedPhone)
		return u, err
	})
	return out, failed("read phone numbers", err)
}

// ReplacePhones implements users.RekeyStore.
func (s *Store) ReplacePhones(ctx context.Context, old []users.User, fresh, hashes [][]byte) (int, error) {
	const sql = `
UPDATE users u
SET phone_sealed = a.fresh, phone_hash = a.hash
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) AS a (id, old, fresh, hash)
WHERE u.id = a.id AND u.phone_sealed = a.old`
	ids, before := make([]uuid.UUID, len(old)), make([][]byte, len(old))
	for n, u := range old {
		ids[n], before[n] = u.ID, u.SealedPhone
	}
	return s.replace(ctx, "replace phone numbers", sql, ids, before, fresh, hashes)
}

func (s *Store) replace(ctx context.Context, op, sql string, args ...any) (int, error) {
	done, err := s.exec(ctx, sql, args...)
	return int(done.RowsAffected()), failed(op, err)
}
