package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

var _ users.ImportStore = (*Store)(nil)

// errUndone ends a transaction that is to leave nothing behind.
var errUndone = errors.New("nothing is to be kept")

// ImportUsers implements users.ImportStore. A batch holds the writer's turn, so it
// should be small enough not to be noticed.
func (s *Store) ImportUsers(ctx context.Context, batch []users.Imported, commit bool) (out users.ImportResult, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		i, err := newImporter(ctx, tx)
		if err != nil {
			return err
		}
		for n := range batch {
			if err := i.add(ctx, n, &batch[n]); err != nil {
				return err
			}
		}
		out = i.result
		if !commit || len(out.PhoneTaken) > 0 {
			return errUndone
		}
		return nil
	})
	if errors.Is(err, errUndone) {
		err = nil
	}
	return out, failed("import users", err)
}

// importer holds the statements of one batch.
type importer struct {
	known, holder, phone, user, identity *sql.Stmt
	result                               users.ImportResult
}

func newImporter(ctx context.Context, tx *sql.Tx) (*importer, error) {
	i := &importer{}
	// Most of the time went to reading pages of indexes again that did not fit into
	// the 2 MB that a connection has. Only the command that imports pays for it.
	if _, err := tx.ExecContext(ctx, `PRAGMA cache_size = -131072`); err != nil { // KiB
		return nil, err
	}
	for _, one := range []struct {
		into **sql.Stmt
		text string
	}{
		{&i.known, `SELECT EXISTS (SELECT 1 FROM identities WHERE app_id = ? AND openid = ?)`},
		{&i.holder, `SELECT user_id FROM identities WHERE unionid = ? AND account = ? ORDER BY unionid_at, created_at, app_id LIMIT 1`},
		{&i.phone, `SELECT EXISTS (SELECT 1 FROM users WHERE phone_hash = ?)`},
		{&i.user, `
INSERT INTO users (id, nickname, avatar_url, phone_sealed, phone_hash, roles, metadata, created_at, last_login_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)`},
		{&i.identity, `
INSERT INTO identities (app_id, openid, user_id, unionid, unionid_at, created_at, provider, account)
VALUES (?1, ?2, ?3, NULLIF(?4, ''), CASE WHEN ?4 <> '' THEN ?5 END, ?5, ?6, ?7)`},
	} {
		var err error
		if *one.into, err = tx.PrepareContext(ctx, one.text); err != nil { //nolint:sqlclosecheck // the end of the transaction closes them
			return nil, err
		}
	}
	return i, nil
}

func (i *importer) add(ctx context.Context, n int, u *users.Imported) error {
	var known bool
	if err := i.known.QueryRowContext(ctx, u.AppID, u.OpenID).Scan(&known); err != nil {
		return err
	}
	if known {
		i.result.Known++
		return nil
	}
	var owner uuid.UUID
	if u.UnionID != "" {
		if err := i.holder.QueryRowContext(ctx, u.UnionID, u.Account).Scan(&owner); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if owner == uuid.Nil {
		owner = u.UserID
		free, err := i.create(ctx, u)
		if err != nil {
			return err
		}
		if !free {
			i.result.PhoneTaken = append(i.result.PhoneTaken, n)
			return nil
		}
		i.result.Created++
	} else {
		i.result.Linked++
	}
	_, err := i.identity.ExecContext(ctx, u.AppID, u.OpenID, owner.String(), u.UnionID, micros(u.CreatedAt), u.Provider, u.Account)
	return err
}

// create adds a user and reports whether the phone number was free.
func (i *importer) create(ctx context.Context, u *users.Imported) (bool, error) {
	for _, hash := range u.PhoneHashes {
		var taken bool
		if err := i.phone.QueryRowContext(ctx, hash).Scan(&taken); err != nil || taken {
			return false, err
		}
	}
	roles, err := json.Marshal(append([]string{}, u.Roles...))
	if err != nil {
		return false, err
	}
	metadata := bytes.TrimSpace(u.Metadata)
	if len(metadata) == 0 {
		metadata = []byte("{}")
	}
	var hash []byte
	if len(u.PhoneHashes) > 0 {
		hash = u.PhoneHashes[0]
	}
	_, err = i.user.ExecContext(ctx, u.UserID.String(), u.Nickname, u.AvatarURL, u.SealedPhone, hash, string(roles), string(metadata), micros(u.CreatedAt))
	return true, err
}
