package main

import (
	"context"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// maxLoginRate is far beyond what an address can fail by itself; more would be a
// slip of the pen.
const maxLoginRate = 1_000_000

// listenAddress tells whether a text can be an address to listen on. An empty
// one could, on any free port, which nobody means.
func listenAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil || port == "" {
		return false
	}
	_, err = (&net.Resolver{}).LookupPort(context.Background(), "tcp", port)
	return err == nil
}

// databaseAddress tells whether the database's address can be understood.
func (c *config) databaseAddress() bool {
	switch c.databaseKind() {
	case "postgres":
		_, err := pgxpool.ParseConfig(string(c.DatabaseURL))
		return err == nil // its text may repeat the password
	case "sqlite":
		// A database in memory would be another one for each connection.
		return !strings.HasPrefix(string(c.DatabaseURL), "sqlite::memory:")
	}
	return false
}
