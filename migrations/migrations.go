// Package migrations contains the schemas of both databases as numbered goose SQL
// files. They are embedded, so that the binary and the goose command run the same
// statements. The package contains no queries.
//
// Migrations only go forward in production. The previous release must work with the
// schema after each migration, so that pods can be replaced one by one. The Down
// parts are for development.
package migrations

import "embed"

// Postgres holds the steps for PostgreSQL in its root directory.
//
//go:embed *.sql
var Postgres embed.FS

// SQLite holds the steps for SQLite in the directory SQLiteDir.
//
//go:embed sqlite/*.sql
var SQLite embed.FS

// SQLiteDir is the directory inside [SQLite] that holds its steps.
const SQLiteDir = "sqlite"

// PostgresDir is the directory inside [Postgres] that holds its steps.
const PostgresDir = "."
