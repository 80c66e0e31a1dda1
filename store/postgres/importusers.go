package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/users"
)

var _ users.ImportStore = (*Store)(nil)

// importLock is the advisory lock that first logins share and an import holds
// alone.
const importLock = `hashtextextended('wugan import', 2)`

// importTries is how often a batch is tried while others hold what it needs.
const importTries = 20

var (
	errUndone   = errors.New("nothing is to be kept")
	errOvertook = errors.New("a phone number or an identity of the batch was added in the meantime")
)

// ImportUsers implements users.ImportStore: by COPY into a temporary table, and
// from there by one statement a table. While the rows move, which takes
// milliseconds, no first login adds an identity (importLock): two users for one
// unionid would be the result. Other logins go on.
func (s *Store) ImportUsers(ctx context.Context, batch []users.Imported, commit bool) (out users.ImportResult, err error) {
	for range importTries {
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			if out, err = importBatch(ctx, tx, batch); err != nil {
				return err
			}
			if !commit || len(out.PhoneTaken) > 0 {
				return errUndone
			}
			return nil
		})
		if !errors.Is(err, errOvertook) && !errors.Is(lockedOut(err), errLocked) {
			break
		}
	}
	if errors.Is(err, errUndone) {
		err = nil
	}
	return out, failed("import users", err)
}

func importBatch(ctx context.Context, tx pgx.Tx, batch []users.Imported) (out users.ImportResult, err error) {
	const (
		// Without statistics of a table that has just been filled the planner takes a
		// phone number for one of 200 and reads the whole table to find it: a batch
		// took longer the more people were there.
		settingsSQL = `
SELECT set_config('lock_timeout', '1s', true), set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)`
		tableSQL = `
CREATE TEMPORARY TABLE importing (
    n int, user_id uuid, provider text, account text, app_id text, openid text, unionid text, nickname text, avatar_url text,
    phone_sealed bytea, phone_hashes bytea[], roles text[], metadata jsonb, created_at timestamptz, owner uuid
) ON COMMIT DROP`
		lockSQL = `SELECT pg_advisory_xact_lock(` + importLock + `)`
		// The owner of a known identity stays NULL.
		ownersSQL = `
UPDATE importing r
SET owner = COALESCE(
    (SELECT i.user_id FROM identities i WHERE i.unionid = r.unionid AND i.account = r.account ORDER BY i.unionid_at, i.created_at, i.app_id LIMIT 1),
    f.user_id, r.user_id)
FROM importing x
LEFT JOIN (
    SELECT DISTINCT ON (account, unionid) account, unionid, user_id
    FROM importing o
    WHERE unionid IS NOT NULL AND NOT EXISTS (SELECT FROM identities i WHERE i.app_id = o.app_id AND i.openid = o.openid)
    ORDER BY account, unionid, n
) f ON f.account = x.account AND f.unionid = x.unionid
WHERE x.n = r.n AND NOT EXISTS (SELECT FROM identities i WHERE i.app_id = r.app_id AND i.openid = r.openid)`
		takenSQL = `
SELECT r.n
FROM (
    SELECT n, phone_hashes, row_number() OVER (PARTITION BY phone_hashes[1] ORDER BY n) AS turn
    FROM importing
    WHERE owner = user_id AND phone_hashes IS NOT NULL
) r
WHERE r.turn > 1 OR EXISTS (SELECT FROM users u WHERE u.phone_hash = ANY (r.phone_hashes))
ORDER BY r.n`
		usersSQL = `
INSERT INTO users (id, nickname, avatar_url, phone_sealed, phone_hash, roles, metadata, created_at, last_login_at)
SELECT user_id, nickname, avatar_url, phone_sealed, phone_hashes[1], roles, metadata, created_at, created_at
FROM importing
WHERE owner = user_id
ORDER BY n
ON CONFLICT (phone_hash) WHERE phone_hash IS NOT NULL DO NOTHING`
		countSQL      = `SELECT count(*) FILTER (WHERE owner = user_id), count(owner) FROM importing`
		identitiesSQL = `
INSERT INTO identities (app_id, openid, user_id, unionid, unionid_at, created_at, provider, account)
SELECT app_id, openid, owner, unionid, CASE WHEN unionid IS NOT NULL THEN created_at END, created_at, provider, account
FROM importing
WHERE owner IS NOT NULL
ORDER BY n
ON CONFLICT DO NOTHING`
	)
	if _, err := together(ctx, tx, settingsSQL, tableSQL); err != nil {
		return out, err
	}
	if err := copyImported(ctx, tx, batch); err != nil {
		return out, err
	}
	if _, err := together(ctx, tx, `ANALYZE importing`, lockSQL, ownersSQL); err != nil {
		return out, err
	}
	rows, err := tx.Query(ctx, takenSQL)
	if err != nil {
		return out, err
	}
	if out.PhoneTaken, err = pgx.CollectRows(rows, pgx.RowTo[int]); err != nil || len(out.PhoneTaken) > 0 {
		return out, err
	}
	added, err := together(ctx, tx, usersSQL, identitiesSQL)
	if err != nil {
		return out, err
	}
	var identities int
	if err := tx.QueryRow(ctx, countSQL).Scan(&out.Created, &identities); err != nil {
		return out, err
	}
	if added[0] != int64(out.Created) || added[1] != int64(identities) {
		return out, errOvertook
	}
	out.Linked, out.Known = identities-out.Created, len(batch)-identities
	return out, nil
}

// together runs statements in one round trip and returns how many rows each has
// changed. They name a table of this transaction, so nothing is prepared.
func together(ctx context.Context, tx pgx.Tx, statements ...string) ([]int64, error) {
	results, err := tx.Conn().PgConn().Exec(ctx, strings.Join(statements, ";")).ReadAll()
	if err != nil {
		return nil, err
	}
	rows := make([]int64, len(results))
	for i, r := range results {
		if r.Err != nil {
			return nil, r.Err
		}
		rows[i] = r.CommandTag.RowsAffected()
	}
	return rows, nil
}

func copyImported(ctx context.Context, tx pgx.Tx, batch []users.Imported) error {
	columns := []string{
		"n", "user_id", "provider", "account", "app_id", "openid", "unionid", "nickname", "avatar_url",
		"phone_sealed", "phone_hashes", "roles", "metadata", "created_at",
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"importing"}, columns, pgx.CopyFromSlice(len(batch), func(n int) ([]any, error) {
		u := batch[n]
		var unionID *string
		if u.UnionID != "" {
			unionID = &u.UnionID
		}
		roles, metadata := u.Roles, u.Metadata
		if roles == nil {
			roles = []string{}
		}
		if len(metadata) == 0 {
			metadata = []byte("{}")
		}
		return []any{
			n, u.UserID, u.Provider, u.Account, u.AppID, u.OpenID, unionID, u.Nickname, u.AvatarURL,
			u.SealedPhone, u.PhoneHashes, roles, metadata, u.CreatedAt,
		}, nil
	}))
	return err
}
