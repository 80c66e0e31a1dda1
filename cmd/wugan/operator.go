package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// operator is somebody at the command line, with the database in hand.
type operator struct {
	*auth.Administration
	out    io.Writer
	asJSON bool
}

// operate runs a command directly on the database: it works while no pod does,
// and running pods notice what it ends by themselves.
func operate(cmd *cobra.Command, do func(ctx context.Context, o operator) error) (err error) {
	c, err := loadConfig()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	db, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	vault := optionalBox{}
	if c.DataKey != "" {
		if vault.Box, err = c.box(); err != nil {
			return err
		}
	}
	asJSON, err := cmd.Flags().GetBool("json")
	if err != nil {
		return usageError{err}
	}
	return do(ctx, operator{auth.NewAdministration(db, vault, time.Now, nil), cmd.OutOrStdout(), asJSON})
}

// openExisting opens the database of a service that is set up already. It makes
// no file and takes no migration: a mistyped path must not look like a service
// without users.
func (c *config) openExisting(ctx context.Context) (database, error) {
	var db database
	var err error
	if c.databaseKind() == "postgres" {
		db, err = postgres.Open(ctx, string(c.DatabaseURL), c.lifetimes())
	} else {
		path := strings.TrimPrefix(string(c.DatabaseURL), "sqlite:")
		if _, err := os.Stat(path); err != nil {
			return nil, wrong("DATABASE_URL", "expected a database that is there: %s", cause(err))
		}
		db, err = sqlite.Open(ctx, path, c.lifetimes())
	}
	if err != nil {
		return nil, c.unusable(err)
	}
	if err := db.SchemaCurrent(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// optionalBox is the data key, where the operator has it. Without it everything
// works but what needs phone numbers.
type optionalBox struct{ *seal.Box }

// Open shows a number that cannot be opened as one that is all masked.
func (b optionalBox) Open(sealed []byte, place string) ([]byte, error) {
	if b.Box == nil {
		return []byte("?"), nil
	}
	return b.Box.Open(sealed, place)
}

// Hashes finds nothing without the key.
func (b optionalBox) Hashes(value string) [][]byte {
	if b.Box == nil {
		return nil
	}
	return b.Box.Hashes(value)
}

// json prints a value as the admin API would.
func (o operator) json(value any) error {
	encoder := json.NewEncoder(o.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// changeFlags are those of every command that changes something.
func changeFlags(c *cobra.Command) {
	c.Flags().String("reason", "", "why, for the event that records the change (needed)")
	c.Flags().String("actor", osUser(), "who, for the same event")
}

func changeOf(cmd *cobra.Command, id uuid.UUID) (users.Change, error) {
	why, err1 := cmd.Flags().GetString("reason")
	who, err2 := cmd.Flags().GetString("actor")
	if err := errors.Join(err1, err2); err != nil {
		return users.Change{}, usageError{err}
	}
	change := users.Change{UserID: id, Actor: who, Reason: why}
	var input *users.InputError
	if err := change.Check(); errors.As(err, &input) {
		return users.Change{}, usageError{fmt.Errorf("--%s %s", input.Field, input.Problem)}
	}
	return change, nil
}

// osUser is who sits at the machine, as far as it can be told.
func osUser() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "operator"
	}
	return u.Username
}

func argID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, usageError{errors.New("an id is a UUID such as 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f")}
	}
	return id, nil
}

// clip makes a text of users fit for a table on a terminal: no control
// characters, which could move the cursor, and not too long.
func clip(text string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, text))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }
