package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/wugan/wugan/users"
)

var _ users.DirectoryStore = (*Store)(nil)

// PatchUser implements users.DirectoryStore.
func (s *Store) PatchUser(ctx context.Context, c users.Change, p users.Patch) error {
	var input *users.InputError
	err := s.change(ctx, "patch a user", c, func(ctx context.Context, tx *sql.Tx, before users.User) error {
		if p.Roles != nil {
			if err := replaceRoles(ctx, tx, c, before, *p.Roles); err != nil {
				return err
			}
		}
		if p.Metadata == nil {
			return nil
		}
		err := replaceMetadata(ctx, tx, c, before, p.Metadata)
		errors.As(err, &input)
		return err
	})
	if input != nil {
		return input
	}
	return err
}

// NoteOnce implements users.DirectoryStore.
func (s *Store) NoteOnce(ctx context.Context, e users.Event, since time.Time) error {
	const query = `SELECT EXISTS (SELECT 1 FROM events WHERE user_id = ? AND kind = ? AND actor = ? AND at > ?)`
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var there bool
		err := tx.QueryRowContext(ctx, query, e.UserID.String(), string(e.Kind), e.Actor, micros(since)).Scan(&there)
		if err != nil || there {
			return err
		}
		return note(ctx, tx, e)
	})
	return failed("record an event", err)
}

func replaceRoles(ctx context.Context, tx *sql.Tx, c users.Change, u users.User, roles []string) error {
	const query = `UPDATE users SET roles = ? WHERE id = ?`
	if roles == nil {
		roles = []string{}
	}
	list, err := json.Marshal(roles)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, query, string(list), c.UserID.String()); err != nil {
		return err
	}
	return noteChange(ctx, tx, c, users.EventRolesChanged, map[string]any{"before": u.Roles, "roles": roles})
}

// replaceMetadata puts what the function returns of the metadata in its place.
func replaceMetadata(ctx context.Context, tx *sql.Tx, c users.Change, u users.User, to func(before json.RawMessage) (json.RawMessage, error)) error {
	const query = `UPDATE users SET metadata = ? WHERE id = ?`
	after, err := to(u.Metadata)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, query, string(after), c.UserID.String()); err != nil {
		return err
	}
	return noteChange(ctx, tx, c, users.EventMetadataChanged, map[string]any{"before": u.Metadata})
}
