package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

// conditions is what a query asks of a row of users u.
func conditions(q users.Query) (where string, args []any) {
	where = "u.deleted_at IS NULL"
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if q.ID != uuid.Nil {
		and("u.id = ?", q.ID.String())
	}
	if q.PhoneHashes != nil {
		hashes := make([]any, len(q.PhoneHashes))
		for i, h := range q.PhoneHashes {
			hashes[i] = h
		}
		and("u.phone_hash IN ("+strings.TrimPrefix(strings.Repeat(", ?", len(hashes)), ", ")+")", hashes...)
	}
	if q.Nickname != "" {
		// The index leaves out empty ones. No UTF-8 has the byte 0xff, so all
		// that begins so lies between.
		and("u.nickname <> '' AND u.nickname >= ? AND u.nickname < ?", q.Nickname, q.Nickname+"\xff")
	}
	if q.NicknamePart != "" {
		and("instr(lower(u.nickname), lower(?)) > 0", q.NicknamePart)
	}
	if q.AppID != "" {
		and("EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id AND i.app_id = ? AND i.openid = ?)", q.AppID, q.OpenID)
	}
	if q.UnionID != "" {
		and("EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id AND i.unionid = ?)", q.UnionID)
	}
	if q.Before != uuid.Nil {
		and("u.id < ?", q.Before.String())
	}
	if q.From != uuid.Nil {
		and("u.id >= ?", q.From.String())
	}
	return where, args
}

// CountUsers implements admin.Store.
func (s *Store) CountUsers(ctx context.Context, q users.Query) (n int, err error) {
	if err := q.Check(); err != nil {
		return 0, err
	}
	if sanitize.Check(q.Nickname, q.NicknamePart, q.AppID, q.OpenID, q.UnionID) != nil {
		return 0, nil // no column holds such a string
	}
	where, args := conditions(q)
	query := `SELECT count(*) FROM (SELECT 1 FROM users u WHERE ` + where + ` LIMIT ?)`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.reader.QueryRowContext(ctx, query, append(args, q.Limit)...).Scan(&n)
	return n, failed("count users", err)
}

// NthUser implements admin.Store.
func (s *Store) NthUser(ctx context.Context, before uuid.UUID, n int) (id uuid.UUID, err error) {
	const query = `SELECT id FROM users WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?`
	if before == uuid.Nil {
		before = uuid.Max
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.reader.QueryRowContext(ctx, query, before.String(), n-1).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, nil
	}
	return id, failed("find the last user of a search", err)
}

// CountEvents implements admin.Store.
func (s *Store) CountEvents(ctx context.Context, userID uuid.UUID, most int) (n int, err error) {
	const query = `SELECT count(*) FROM (SELECT 1 FROM events WHERE user_id = ? LIMIT ?)`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.reader.QueryRowContext(ctx, query, userID.String(), most).Scan(&n)
	return n, failed("count events", err)
}
