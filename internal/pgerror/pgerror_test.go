package pgerror_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/pgerror"
)

// A password with an unescaped @ ends up in the user or the database of an address,
// which pgx puts into its messages.
func TestAnErrorOfAConnectionNamesTheHostAlone(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig("postgres://hunter2-user:hunter2@127.0.0.1:1/hunter2-database")
	require.NoError(t, err)
	config.ConnectTimeout = 5 * time.Second
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.Error(t, err)
	require.Contains(t, err.Error(), "hunter2", "or there would be nothing to hide")
	readable := pgerror.Readable(fmt.Errorf("open: %w", err))
	require.NotContains(t, readable.Error(), "hunter2")
	require.Contains(t, readable.Error(), "127.0.0.1")
	require.False(t, strings.ContainsAny(readable.Error(), "\r\n"), "one line for the log")
	require.Error(t, errors.Unwrap(readable), "its cause can be asked for")
}

func TestAPoolerInTransactionModeIsTheCauseThatIsNamed(t *testing.T) {
	t.Parallel()
	for code, named := range map[string]bool{"42P05": true, "26000": true, "23505": false} {
		cause := fmt.Errorf("log in: %w", &pgconn.PgError{Code: code, Message: "prepared statement"})
		err := pgerror.Readable(cause)
		require.Equal(t, named, strings.Contains(err.Error(), "default_query_exec_mode=exec"), code)
		require.ErrorIs(t, err, cause)
	}
	plain := errors.New("anything else")
	require.Equal(t, plain, pgerror.Readable(plain))
	require.NoError(t, pgerror.Readable(nil))
}
