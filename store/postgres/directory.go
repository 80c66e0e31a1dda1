package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/users"
)

var _ users.DirectoryStore = (*Store)(nil)

// PatchUser implements users.DirectoryStore.
func (s *Store) PatchUser(ctx context.Context, c users.Change, p users.Patch) error {
	var input *users.InputError
	err := s.change(ctx, "patch a user", c, func(ctx context.Context, tx pgx.Tx) error {
		if p.Roles != nil {
			if err := replaceRoles(ctx, tx, c, *p.Roles); err != nil {
				return err
			}
		}
		if p.Metadata == nil {
			return nil
		}
		err := replaceMetadata(ctx, tx, c, p.Metadata)
		errors.As(err, &input)
		return err
	})
	if input != nil {
		return input
	}
	return err
}

func replaceRoles(ctx context.Context, tx pgx.Tx, c users.Change, roles []string) error {
	const (
		beforeSQL = `SELECT roles FROM users WHERE id = $1`
		sql       = `UPDATE users SET roles = $2 WHERE id = $1`
	)
	if roles == nil {
		roles = []string{}
	}
	var before []string
	if err := tx.QueryRow(ctx, beforeSQL, c.UserID).Scan(&before); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sql, c.UserID, roles); err != nil {
		return err
	}
	return note(ctx, tx, c, users.EventRolesChanged, map[string]any{"before": before, "roles": roles})
}

// replaceMetadata puts what the function returns of the metadata in its place.
func replaceMetadata(ctx context.Context, tx pgx.Tx, c users.Change, to func(before json.RawMessage) (json.RawMessage, error)) error {
	const (
		beforeSQL = `SELECT metadata FROM users WHERE id = $1`
		sql       = `UPDATE users SET metadata = $2::text::jsonb WHERE id = $1`
	)
	var before json.RawMessage
	if err := tx.QueryRow(ctx, beforeSQL, c.UserID).Scan(&before); err != nil {
		return err
	}
	after, err := to(before)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sql, c.UserID, string(after)); err != nil {
		return err
	}
	return note(ctx, tx, c, users.EventMetadataChanged, map[string]any{"before": before})
}

// NoteOnce implements users.DirectoryStore. Two readings at the same moment may
// both be recorded: that tells too much rather than too little.
func (s *Store) NoteOnce(ctx context.Context, e users.Event, since time.Time) error {
	const sql = `
INSERT INTO events (at, kind, user_id, actor, detail)
SELECT $1, $2, $3, $4, $5::text::jsonb
WHERE NOT EXISTS (SELECT FROM events WHERE user_id = $3 AND kind = $2 AND actor = $4 AND at > $6)`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	detail := string(e.Detail)
	if detail == "" {
		detail = "{}"
	}
	_, err := s.pool.Exec(ctx, sql, e.At, string(e.Kind), e.UserID, e.Actor, detail, since)
	return failed("record an event", err)
}
