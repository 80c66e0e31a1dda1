package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// userColumns are the columns that scanUser reads, of a table named u.
const userColumns = `u.id, u.nickname, u.avatar_url, u.phone_sealed, u.roles, u.metadata, u.created_at, u.last_login_at, u.disabled_at, u.disabled_reason`

func scanUser(row pgx.CollectableRow) (users.User, error) {
	var u users.User
	err := row.Scan(&u.ID, &u.Nickname, &u.AvatarURL, &u.SealedPhone, &u.Roles, &u.Metadata, &u.CreatedAt, &u.LastLoginAt, &u.DisabledAt, &u.DisabledReason)
	return u, err
}

// one runs a statement that returns one user, or none.
func (s *Store) one(ctx context.Context, op, sql string, args ...any) (u users.User, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		u, err = pgx.CollectExactlyOneRow(rows, scanUser)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return users.User{}, users.ErrNotFound
	}
	return u, failed(op, err)
}

// User implements users.Store.
func (s *Store) User(ctx context.Context, id uuid.UUID) (users.User, error) {
	const sql = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL`
	return s.one(ctx, "read a user", sql, id)
}

// UpdateProfile implements users.Store.
func (s *Store) UpdateProfile(ctx context.Context, id uuid.UUID, p users.ProfilePatch) (users.User, error) {
	const sql = `
UPDATE users u
SET nickname = COALESCE($2, u.nickname), avatar_url = COALESCE($3, u.avatar_url)
WHERE u.id = $1 AND u.deleted_at IS NULL
RETURNING ` + userColumns
	return s.one(ctx, "update a profile", sql, id, clean(p.Nickname), clean(p.AvatarURL))
}

func clean(s *string) *string {
	if s == nil {
		return nil
	}
	fit := sanitize.Clean(*s)
	return &fit
}

// Identity implements users.Store.
func (s *Store) Identity(ctx context.Context, id uuid.UUID, appID string) (users.Identity, error) {
	// A person who was known to one app twice is taken as they logged in last.
	const sql = `
SELECT user_id, provider, account, app_id, openid, COALESCE(unionid, ''), session_key, created_at
FROM identities
WHERE user_id = $1 AND app_id = $2
ORDER BY session_key_at DESC NULLS LAST
LIMIT 1`
	var i users.Identity
	err := s.call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, sql, id, appID).
			Scan(&i.UserID, &i.Provider, &i.Account, &i.AppID, &i.OpenID, &i.UnionID, &i.SealedSessionKey, &i.CreatedAt)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return users.Identity{}, users.ErrNotFound
	}
	return i, failed("read an identity", err)
}

// Owner implements users.Store.
func (s *Store) Owner(ctx context.Context, appID, openID string) (id uuid.UUID, err error) {
	const sql = `
SELECT u.id
FROM identities i
JOIN users u ON u.id = i.user_id
WHERE i.app_id = $1 AND i.openid = $2 AND u.deleted_at IS NULL`
	if appID == "" || openID == "" || sanitize.Check(appID, openID) != nil {
		return uuid.Nil, users.ErrNotFound
	}
	err = s.call(ctx, func(ctx context.Context) error { return s.pool.QueryRow(ctx, sql, appID, openID).Scan(&id) })
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, users.ErrNotFound
	}
	return id, failed("find the owner of an identity", err)
}

// BindPhone implements users.Store. The unique index decides a race for one
// number; the look for another holder covers hashes under earlier data keys.
func (s *Store) BindPhone(ctx context.Context, p users.PhoneBinding) (users.User, error) {
	const sql = `
WITH bound AS (
    UPDATE users u
    SET phone_sealed = $2, phone_hash = $3
    WHERE u.id = $1 AND u.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM users o WHERE o.phone_hash = ANY ($4) AND o.id <> $1)
    RETURNING ` + userColumns + `
), noted AS (
    INSERT INTO events (at, kind, user_id, actor) SELECT $5, 'phone_bound', id, 'user' FROM bound
)
SELECT ` + userColumns + ` FROM bound u`
	if len(p.Hashes) == 0 {
		return users.User{}, errors.New("postgres: a phone number without a hash could not be found again")
	}
	u, err := s.one(ctx, "bind a phone number", sql, p.UserID, p.Sealed, p.Hashes[0], p.Hashes, p.Now)
	var server *pgconn.PgError
	switch {
	case errors.As(err, &server) && server.Code == "23505":
		return users.User{}, users.ErrPhoneTaken
	case errors.Is(err, users.ErrNotFound):
		if _, err := s.User(ctx, p.UserID); err != nil {
			return users.User{}, err
		}
		return users.User{}, users.ErrPhoneTaken
	}
	return u, err
}
