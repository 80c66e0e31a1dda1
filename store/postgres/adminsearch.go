package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// conditions is what a query asks of a row of users u. Each condition stands in
// the statement only where it is asked for, so that the planner sees which index
// fits.
func conditions(q users.Query) (where string, args []any) {
	where = "u.deleted_at IS NULL"
	and := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprint("$", len(args)), 1)
		}
		where += " AND " + condition
	}
	if q.ID != uuid.Nil {
		and("u.id = ?", q.ID)
	}
	if q.PhoneHashes != nil {
		and("u.phone_hash = ANY (?)", q.PhoneHashes)
	}
	if q.Nickname != "" {
		// The index on nickname serves LIKE; it leaves out empty ones.
		and("u.nickname <> '' AND u.nickname LIKE ?", likePrefix(q.Nickname))
	}
	if q.NicknamePart != "" {
		// In the collation C lower() changes A to Z alone, as SQLite's does.
		and(`strpos(lower(u.nickname COLLATE "C"), lower(?::text COLLATE "C")) > 0`, q.NicknamePart)
	}
	if q.AppID != "" {
		and("EXISTS (SELECT FROM identities i WHERE i.user_id = u.id AND i.app_id = ? AND i.openid = ?)", q.AppID, q.OpenID)
	}
	if q.UnionID != "" {
		and("EXISTS (SELECT FROM identities i WHERE i.user_id = u.id AND i.unionid = ?)", q.UnionID)
	}
	if q.Before != uuid.Nil {
		and("u.id < ?", q.Before)
	}
	if q.From != uuid.Nil {
		and("u.id >= ?", q.From)
	}
	return where, args
}

// CountUsers implements admin.Store.
func (s *Store) CountUsers(ctx context.Context, q users.Query) (n int, err error) {
	if err := q.Check(); err != nil {
		return 0, err
	}
	if sanitize.Check(q.Nickname, q.NicknamePart, q.AppID, q.OpenID, q.UnionID) != nil {
		return 0, nil //nolint:nilerr // no column holds such a string
	}
	where, args := conditions(q)
	args = append(args, q.Limit)
	sql := `SELECT count(*) FROM (SELECT FROM users u WHERE ` + where + ` LIMIT ` + fmt.Sprint("$", len(args)) + `) found`
	err = s.call(ctx, func(ctx context.Context) error { return s.pool.QueryRow(ctx, sql, args...).Scan(&n) })
	return n, failed("count users", err)
}

// NthUser implements admin.Store.
func (s *Store) NthUser(ctx context.Context, before uuid.UUID, n int) (id uuid.UUID, err error) {
	const sql = `SELECT id FROM users WHERE id < $1 ORDER BY id DESC OFFSET $2 LIMIT 1`
	if before == uuid.Nil {
		before = uuid.Max
	}
	err = s.call(ctx, func(ctx context.Context) error { return s.pool.QueryRow(ctx, sql, before, n-1).Scan(&id) })
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return id, failed("find the last user of a search", err)
}

// CountEvents implements admin.Store.
func (s *Store) CountEvents(ctx context.Context, userID uuid.UUID, most int) (n int, err error) {
	const sql = `SELECT count(*) FROM (SELECT FROM events WHERE user_id = $1 LIMIT $2) found`
	err = s.call(ctx, func(ctx context.Context) error { return s.pool.QueryRow(ctx, sql, userID, most).Scan(&n) })
	return n, failed("count events", err)
}
