// Package migrations owns the schema of both databases: goose SQL files, one
// numbered step each, embedded so that the binary and the goose command run
// the same text. It owns no queries.
//
// Steps only go forward in production, and every step leaves a schema that the
// previous release can still work with, so that pods can be replaced one by
// one. The Down parts exist for development.
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
