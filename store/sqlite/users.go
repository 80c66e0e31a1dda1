package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// userColumns are the columns that scanUser reads, of a table named u.
const userColumns = `u.id, u.nickname, u.avatar_url, u.phone_sealed, u.roles, u.metadata, u.created_at, u.last_login_at, u.disabled_at, u.disabled_reason, u.deleted_at`

func scanUser(row interface{ Scan(dest ...any) error }, deletedAt *sql.NullInt64) (users.User, error) {
	var (
		u               users.User
		roles, metadata string
		created, login  int64
		disabled        sql.NullInt64
	)
	if err := row.Scan(&u.ID, &u.Nickname, &u.AvatarURL, &u.SealedPhone, &roles, &metadata, &created, &login,
		&disabled, &u.DisabledReason, deletedAt); err != nil {
		return users.User{}, err
	}
	u.CreatedAt, u.LastLoginAt, u.DisabledAt = moment(created), moment(login), optionalMoment(disabled)
	u.Metadata = json.RawMessage(metadata)
	return u, json.Unmarshal([]byte(roles), &u.Roles)
}

// queryer is the reader or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readUser(ctx context.Context, db queryer, id uuid.UUID) (users.User, error) {
	const query = `SELECT ` + userColumns + ` FROM users u WHERE u.id = ? AND u.deleted_at IS NULL`
	var deletedAt sql.NullInt64
	u, err := scanUser(db.QueryRowContext(ctx, query, id.String()), &deletedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return users.User{}, users.ErrNotFound
	}
	return u, err
}

// User implements users.Store.
func (s *Store) User(ctx context.Context, id uuid.UUID) (users.User, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	u, err := readUser(ctx, s.reader, id)
	return u, failed("read a user", err)
}

// UpdateProfile implements users.Store.
func (s *Store) UpdateProfile(ctx context.Context, id uuid.UUID, p users.ProfilePatch) (users.User, error) {
	const query = `
UPDATE users SET nickname = COALESCE(?2, nickname), avatar_url = COALESCE(?3, avatar_url)
WHERE id = ?1 AND deleted_at IS NULL`
	var u users.User
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if _, err := tx.ExecContext(ctx, query, id.String(), clean(p.Nickname), clean(p.AvatarURL)); err != nil {
			return err
		}
		u, err = readUser(ctx, tx, id)
		return err
	})
	return u, failed("update a profile", err)
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
	const query = `
SELECT user_id, provider, account, app_id, openid, COALESCE(unionid, ''), session_key, created_at
FROM identities
WHERE user_id = ? AND app_id = ?
ORDER BY session_key_at DESC NULLS LAST
LIMIT 1`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var (
		i       users.Identity
		created int64
	)
	err := s.reader.QueryRowContext(ctx, query, id.String(), appID).
		Scan(&i.UserID, &i.Provider, &i.Account, &i.AppID, &i.OpenID, &i.UnionID, &i.SealedSessionKey, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return users.Identity{}, users.ErrNotFound
	}
	i.CreatedAt = moment(created)
	return i, failed("read an identity", err)
}

// Owner implements users.Store.
func (s *Store) Owner(ctx context.Context, appID, openID string) (id uuid.UUID, err error) {
	const query = `
SELECT u.id
FROM identities i
JOIN users u ON u.id = i.user_id
WHERE i.app_id = ? AND i.openid = ? AND u.deleted_at IS NULL`
	if appID == "" || openID == "" || sanitize.Check(appID, openID) != nil {
		return uuid.Nil, users.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.reader.QueryRowContext(ctx, query, appID, openID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, users.ErrNotFound
	}
	return id, failed("find the owner of an identity", err)
}

// BindPhone implements users.Store.
func (s *Store) BindPhone(ctx context.Context, p users.PhoneBinding) (users.User, error) {
	const bindSQL = `UPDATE users SET phone_sealed = ?, phone_hash = ? WHERE id = ? AND deleted_at IS NULL`
	if len(p.Hashes) == 0 {
		return users.User{}, errors.New("sqlite: a phone number without a hash could not be found again")
	}
	var u users.User
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if _, err := readUser(ctx, tx, p.UserID); err != nil {
			return err
		}
		query := `SELECT EXISTS (SELECT 1 FROM users WHERE id <> ? AND phone_hash IN (?` + strings.Repeat(`, ?`, len(p.Hashes)-1) + `))`
		args := []any{p.UserID.String()}
		for _, h := range p.Hashes {
			args = append(args, h)
		}
		var taken bool
		if err := tx.QueryRowContext(ctx, query, args...).Scan(&taken); err != nil {
			return err
		}
		if taken {
			return users.ErrPhoneTaken
		}
		if _, err := tx.ExecContext(ctx, bindSQL, p.Sealed, p.Hashes[0], p.UserID.String()); err != nil {
			return err
		}
		if err := note(ctx, tx, users.Event{At: p.Now, Kind: users.EventPhoneBound, UserID: p.UserID, Actor: users.ActorUser}); err != nil {
			return err
		}
		u, err = readUser(ctx, tx, p.UserID)
		return err
	})
	return u, failed("bind a phone number", err)
}
