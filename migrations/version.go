package migrations

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// ErrOutdated says that the schema of the database lacks steps that this release
// needs.
var ErrOutdated = errors.New("the schema of the database is outdated: run wugan migrate up")

// VersionTable is where goose records the steps that a database has taken.
const VersionTable = goose.DefaultTablename

// LatestPostgres is the number of the newest step for PostgreSQL.
func LatestPostgres() int64 { return latest(Postgres, PostgresDir) }

// LatestSQLite is the number of the newest step for SQLite.
func LatestSQLite() int64 { return latest(SQLite, SQLiteDir) }

// Current compares the step that a database has reached with the one that this
// release needs. A database that is ahead is current: the next release may have
// migrated it already, and its steps leave a schema that this one works with.
// The error for one that is behind is [ErrOutdated].
func Current(reached, needed int64) error {
	if reached < needed {
		return fmt.Errorf("%w (it is at step %d, this release needs %d)", ErrOutdated, reached, needed)
	}
	return nil
}

// latest reads the numbers from the names of the embedded files. Files that are
// wrong are a mistake of the build, and every test would show it.
func latest(files fs.FS, dir string) int64 {
	names, err := fs.Glob(files, dir+"/*.sql")
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("migrations: no steps in %s: %v", dir, err))
	}
	var newest int64
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			panic(fmt.Sprintf("migrations: %s: %v", name, err))
		}
		newest = max(newest, version)
	}
	return newest
}
