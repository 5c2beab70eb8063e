// Package migrations holds the store's schema as numbered SQL, one folder a dialect with the same numbers, embedded.
package migrations

import "embed"

// SQLite is the schema of the store that is offered.
//
//go:embed sqlite/*.sql
var SQLite embed.FS

// Postgres is the same schema for PostgreSQL, on which the store's tests run too.
//
//go:embed postgres/*.sql
var Postgres embed.FS
