package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"

	"github.com/wugan/wugan/migrations"
)

// Server is a running PostgreSQL in which databases can be made.
type Server struct {
	admin *url.URL      // the maintenance database, as the user who makes databases
	owner *url.Userinfo // whom the databases belong to, and their addresses name
}

// URL gives the address of a database as its owner, who is no superuser in a
// private cluster: what needs more than a service may do shows in the tests.
func (s *Server) URL(database string) string {
	u := *s.admin
	u.User = s.owner
	u.Path = "/" + database
	return u.String()
}

// Superuser gives the address of the same database for the user who made it,
// a superuser in a private cluster. An empty name stands for the maintenance
// database.
func (s *Server) Superuser(database string) string {
	u := *s.admin
	if database != "" {
		u.Path = "/" + database
	}
	return u.String()
}

// Exec runs statements in the maintenance database as the superuser, each in a
// transaction of its own, as CREATE DATABASE and ALTER SYSTEM demand.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Create makes a fresh, empty database and returns its name.
func (s *Server) Create(ctx context.Context) (string, error) {
	return s.create(ctx, "template1")
}

// CreateMigrated makes a fresh database with the schema of the migrations and
// returns its name. The migrations run once a server; the databases are copies.
func (s *Server) CreateMigrated(ctx context.Context) (string, error) {
	template, err := s.template(ctx)
	if err != nil {
		return "", err
	}
	return s.create(ctx, template)
}

// Drop removes a database, connections to it included.
func (s *Server) Drop(ctx context.Context, database string) error {
	return s.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(database)+" WITH (FORCE)")
}

func (s *Server) create(ctx context.Context, template string) (string, error) {
	name := "wugan_test_" + strings.ToLower(rand.Text()[:16])
	err := s.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER %s TEMPLATE %s",
		quote(name), quote(s.owner.Username()), quote(template)))
	return name, err
}

// template gives the name of a migrated database without connections. It is
// named after the migrations' contents and stays, so that several test
// binaries, and the next run, share it on a server that outlives them.
func (s *Server) template(ctx context.Context) (string, error) {
	hash, err := hashFiles(migrations.Postgres)
	if err != nil {
		return "", err
	}
	name := "wugan_template_" + hash

	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	// Held until the connection closes: one of all test binaries builds it.
	key := fnv.New32a()
	_, _ = key.Write([]byte(name)) // a hash never fails
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(key.Sum32())); err != nil {
		return "", err
	}
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		return "", err
	}
	if exists {
		return name, nil
	}
	// It gets its name when it is complete, so that one whose maker was killed
	// is never taken for it.
	building, err := s.Create(ctx)
	if err != nil {
		return "", err
	}
	if err := s.migrate(ctx, building); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", quote(building), quote(name)))
	return name, err
}

func (s *Server) migrate(ctx context.Context, database string) error {
	db, err := sql.Open("pgx", s.URL(database))
	if err != nil {
		return err
	}
	defer db.Close()
	steps, err := fs.Sub(migrations.Postgres, migrations.PostgresDir)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, steps)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the template database: %w", err)
	}
	return nil
}

// hashFiles depends on the names and contents of all files.
func hashFiles(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(text))
		sum.Write(text)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)[:8]), err
}

func quote(identifier string) string { return pgx.Identifier{identifier}.Sanitize() }
