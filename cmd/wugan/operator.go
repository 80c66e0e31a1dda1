package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
	"github.com/wugan/wugan/users"
)

// operator is a person at the command line who has access to the database.
type operator struct {
	*admin.Service
	out    io.Writer
	asJSON bool
}

// operate runs a command directly on the database: it works while no pod does,
// and running pods notice what it ends by themselves.
func operate(cmd *cobra.Command, do func(ctx context.Context, o operator) error) (err error) {
	c, err := config.Load()
	if err != nil {
		return err
	}
	asJSON, err := cmd.Flags().GetBool("json")
	if err != nil {
		return usageError{err}
	}
	admin, db, err := service.Administer(cmd.Context(), c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(cmd.Context(), operator{admin, cmd.OutOrStdout(), asJSON})
}

// json prints a value as the admin API would.
func (o operator) json(value any) error {
	encoder := json.NewEncoder(o.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// tell prints what a change has made of a user: as JSON whole, else in one line.
func (o operator) tell(ctx context.Context, id uuid.UUID, line func(users.Person) string) error {
	p, err := o.Person(ctx, id)
	if err != nil {
		return err
	}
	if o.asJSON {
		return o.json(httpapi.AdminUser(p))
	}
	_, err = fmt.Fprintln(o.out, line(p))
	return err
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

// osUser returns the name of the operating system's user, if known.
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
