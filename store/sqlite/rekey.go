package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

var _ users.RekeyStore = (*Store)(nil)

// SealedSessionKeys implements users.RekeyStore.
func (s *Store) SealedSessionKeys(ctx context.Context, after users.Identity, limit int) ([]users.Identity, error) {
	const query = `
SELECT app_id, openid, session_key
FROM identities
WHERE (app_id, openid) > (?, ?) AND session_key IS NOT NULL
ORDER BY app_id, openid
LIMIT ?`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, after.AppID, after.OpenID, limit)
	if err != nil {
		return nil, failed("read session keys", err)
	}
	out, err := collect(rows, func(rows *sql.Rows) (i users.Identity, err error) {
		err = rows.Scan(&i.AppID, &i.OpenID, &i.SealedSessionKey)
		return i, err
	})
	return out, failed("read session keys", err)
}

// ReplaceSessionKeys implements users.RekeyStore.
func (s *Store) ReplaceSessionKeys(ctx context.Context, old []users.Identity, fresh [][]byte) (int, error) {
	const query = `UPDATE identities SET session_key = ? WHERE app_id = ? AND openid = ? AND session_key = ?`
	return s.replace(ctx, "replace session keys", query, len(old), func(n int) []any {
		return []any{fresh[n], old[n].AppID, old[n].OpenID, old[n].SealedSessionKey}
	})
}

// SealedPhones implements users.RekeyStore.
func (s *Store) SealedPhones(ctx context.Context, after uuid.UUID, limit int) ([]users.User, error) {
	const query = `SELECT id, phone_sealed FROM users WHERE id > ? AND phone_sealed IS NOT NULL ORDER BY id LIMIT ?`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, after.String(), limit)
	if err != nil {
		return nil, failed("read phone numbers", err)
	}
	out, err := collect(rows, func(rows *sql.Rows) (u users.User, err error) {
		err = rows.Scan(&u.ID, &u.SealedPhone)
		return u, err
	})
	return out, failed("read phone numbers", err)
}

// ReplacePhones implements users.RekeyStore.
func (s *Store) ReplacePhones(ctx context.Context, old []users.User, fresh, hashes [][]byte) (int, error) {
	const query = `UPDATE users SET phone_sealed = ?, phone_hash = ? WHERE id = ? AND phone_sealed = ?`
	return s.replace(ctx, "replace phone numbers", query, len(old), func(n int) []any {
		return []any{fresh[n], hashes[n], old[n].ID.String(), old[n].SealedPhone}
	})
}

func (s *Store) replace(ctx context.Context, op, query string, n int, args func(n int) []any) (int, error) {
	total := 0
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		total = 0
		for i := range n {
			done, err := tx.ExecContext(ctx, query, args(i)...)
			if err != nil {
				return err
			}
			changed, err := done.RowsAffected()
			if err != nil {
				return err
			}
			total += int(changed)
		}
		return nil
	})
	return total, failed(op, err)
}
