// Package duckdb reads DuckDB files below the configured folder, and writes those whose connection says so. The engine runs
// inside our process, so each statement gets an instance of its own, locked before the statement runs and thrown away after
// (P6): no file but its own, no network, no extension, no setting to turn. Statements do not meet in anything but the file.
//
// A file that may be written is written by one statement at a time, alone; read-only statements share it, and keep other
// programs from writing it only while one runs. Cells are in the text of DuckDB's own cast to VARCHAR; the time zone is UTC.
package duckdb

import (
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/dialect"
)

var levels = []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable}

// Connectors lists the one product of this package.
func Connectors() []*connectors.Connector {
	return []*connectors.Connector{{
		Type:     "duckdb",
		Name:     "DuckDB file",
		Summary:  "A DuckDB file in the folder for database files",
		Tier:     3,
		TLS:      connectors.TLSNone,
		Levels:   levels,
		Dialect:  dialect.DuckDB,
		Fields:   fields,
		Open:     open,
		Classify: classify,
	}}
}

var fields = []connectors.Field{
	{
		Key:         "file",
		Label:       "File",
		Kind:        connectors.Text,
		Section:     connectors.SectionServer,
		Required:    true,
		Redirects:   true,
		Placeholder: "sales.duckdb",
		Help:        "The name of a file in the folder for database files",
		Check:       connectors.CheckFileName,
	},
	{
		Key:     "read_only",
		Label:   "Read only",
		Kind:    connectors.Bool,
		Section: connectors.SectionServer,
		Stays:   true,
		Default: "true",
		Help:    "While this is off, statements that write may change the file, one at a time",
	},
}
