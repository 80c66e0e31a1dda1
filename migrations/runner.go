package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/wugan/wugan/internal/pgerror"
)

// Runner takes a database through the steps. One Runner is for one goroutine;
// any number of processes may run their own on the same database at the same
// time: one of them does the work, the others find it done.
type Runner struct {
	provider *goose.Provider
	db       *sql.DB
	// turns makes runners take turns where the database itself does not.
	turns func(up func() error) error
}

// Step is one numbered change of the schema.
type Step struct {
	Version int64
	Name    string // the file's name
	Applied bool
	// AppliedAt is when the database took it, by the database's clock; zero
	// where it did not, or where the step was just run.
	AppliedAt time.Time
}

// Open makes a Runner for postgres://… (with pgx's and pgxpool's parameters) or
// sqlite:PATH. A SQLite file that does not exist is made, readable by its owner
// only. Errors never repeat the address: it may hold a password.
func Open(ctx context.Context, databaseURL string) (*Runner, error) {
	scheme, rest, _ := strings.Cut(databaseURL, ":")
	switch scheme {
	case "postgres", "postgresql":
		return openPostgres(ctx, databaseURL)
	case "sqlite":
		return openSQLite(ctx, rest)
	}
	return nil, errors.New("migrations: expected a database address of the form postgres://… or sqlite:PATH")
}

func openPostgres(ctx context.Context, databaseURL string) (*Runner, error) {
	// pgxpool's parser, because it knows the pool's parameters and takes them
	// out; database/sql would send them to the server, which refuses them.
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("migrations: the database address is not valid: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	r, err := newRunner(ctx, goose.DialectPostgres, db, Postgres, PostgresDir, goose.WithSessionLocker(&transactionLock{db: db}))
	if err != nil {
		return nil, err
	}
	r.turns = func(up func() error) error { return up() }
	return r, nil
}

func openSQLite(ctx context.Context, path string) (*Runner, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, errors.New("migrations: expected sqlite:PATH with the path of a file")
	}
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	dsn := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() +
		"?_txlock=immediate&_busy_timeout=10000&_synchronous=FULL&_journal_mode=WAL"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	db.SetMaxOpenConns(1)
	r, err := newRunner(ctx, goose.DialectSQLite3, db, SQLite, SQLiteDir)
	if err != nil {
		return nil, err
	}
	r.turns = r.again
	return r, nil
}

func newRunner(ctx context.Context, dialect goose.Dialect, db *sql.DB, files fs.FS, dir string, opts ...goose.ProviderOption) (*Runner, error) {
	steps, err := fs.Sub(files, dir)
	if err == nil {
		err = db.PingContext(ctx)
	}
	var provider *goose.Provider
	if err == nil {
		provider, err = goose.NewProvider(dialect, db, steps, opts...)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("migrations: open: %w", pgerror.Readable(err)), db.Close())
	}
	return &Runner{provider: provider, db: db}, nil
}

// Up takes every step that the database lacks and returns those it took: none
// where it was current, or where another process was faster.
func (r *Runner) Up(ctx context.Context) ([]Step, error) {
	// Asked first, because asking needs no lock: pods that start on a current
	// database do not queue.
	pending, err := r.provider.HasPending(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrations: up: %w", pgerror.Readable(err))
	}
	if !pending {
		return nil, nil
	}
	var taken []Step
	err = r.turns(func() error {
		results, err := r.provider.Up(ctx)
		taken = append(taken, ran(results, true)...)
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			taken = append(taken, ran(partial.Applied, true)...)
		}
		return err
	})
	if err != nil {
		return taken, fmt.Errorf("migrations: up: %w", pgerror.Readable(err))
	}
	return taken, nil
}

// again runs the steps where no lock keeps others away. A step and the record
// of it are one transaction, so of two processes that take the same step one
// fails and leaves nothing behind; while another process progresses, the loser goes
// on from there.
func (r *Runner) again(up func() error) error {
	reached := int64(-1)
	for {
		err := up()
		if err == nil {
			return nil
		}
		now, errVersion := r.provider.GetDBVersion(context.Background())
		if errVersion != nil || now <= reached {
			return err
		}
		reached = now
	}
}

// Down undoes the newest step, and returns it; the zero Step where there is
// none. It is for development: it drops what the step had made, data included.
func (r *Runner) Down(ctx context.Context) (Step, error) {
	result, err := r.provider.Down(ctx)
	switch {
	case errors.Is(err, goose.ErrNoNextVersion):
		return Step{}, nil
	case err != nil:
		return Step{}, fmt.Errorf("migrations: down: %w", pgerror.Readable(err))
	}
	return ran([]*goose.MigrationResult{result}, false)[0], nil
}

// HasRows reports whether the database holds a user: data that Down may drop.
func (r *Runner) HasRows(ctx context.Context) (some bool, err error) {
	status, err := r.Status(ctx)
	if err != nil || len(status) == 0 || !status[0].Applied {
		return false, err // the first step makes the table
	}
	if err := r.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&some); err != nil {
		return false, fmt.Errorf("migrations: look for rows: %w", err)
	}
	return some, nil
}

// Status lists all steps, oldest first.
func (r *Runner) Status(ctx context.Context) ([]Step, error) {
	list, err := r.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrations: status: %w", pgerror.Readable(err))
	}
	out := make([]Step, len(list))
	for i, s := range list {
		out[i] = Step{
			Version: s.Source.Version, Name: filepath.Base(s.Source.Path),
			Applied: s.State == goose.StateApplied, AppliedAt: s.AppliedAt.UTC(),
		}
		if !out[i].Applied {
			out[i].AppliedAt = time.Time{}
		}
	}
	return out, nil
}

// Close gives up the connection.
func (r *Runner) Close() error { return r.db.Close() }

func ran(results []*goose.MigrationResult, applied bool) []Step {
	out := make([]Step, len(results))
	for i, x := range results {
		out[i] = Step{Version: x.Source.Version, Name: filepath.Base(x.Source.Path), Applied: applied}
	}
	return out
}
