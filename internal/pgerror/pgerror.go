// Package pgerror makes errors of pgx safe to log. It changes only their messages;
// the store decides what they mean for a request.
package pgerror

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// unreachable is an error of a connection without the user and the database, which
// pgx puts in front: what stands in their place in an address may be a password.
// The hosts that were tried are names of hosts; the settings are checked for that.
type unreachable struct{ error }

func (u unreachable) Error() string {
	return "connect: " + strings.Join(strings.Fields(u.error.Error()), " ")
}

func (u unreachable) Unwrap() error { return u.error }

// Readable returns an error of pgx that is safe to log: one line, with no part of the
// address except its host. For errors caused by a pooler in transaction mode it adds
// what to do.
func Readable(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		err = unreachable{connect.Unwrap()}
	}
	var server *pgconn.PgError
	if errors.As(err, &server) && (server.Code == "42P05" || server.Code == "26000") {
		// A prepared statement exists that was not prepared here, or does not exist.
		return fmt.Errorf("%w: behind PgBouncer in transaction mode WUGAN_DATABASE_URL needs default_query_exec_mode=exec", err)
	}
	return err
}
