// Package sqlite reads SQLite files below the configured folder. The engine runs inside our process, so a file is only ever
// opened locked: read-only, alone, with an authorizer that lets nothing through but reading (P6). Nothing a person writes can
// change the file, reach another one or unlock the engine; and there is no setting that says otherwise.
//
// Cells are in SQLite's own text; a REAL has the fewest digits that read back to it, and a BLOB is the literal X'0AFF'. A
// column's type is the declared one. SQLite lets any column hold any value, so a cell need not look like its column's type.
package sqlite

import (
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/dialect"
)

// levels are the tiers of a SQLite file: it has no databases or schemas to choose from.
var levels = []catalog.Level{catalog.LevelTable}

// Connectors lists the one product of this package.
func Connectors() []*connectors.Connector {
	return []*connectors.Connector{{
		Type:     "sqlite",
		Name:     "SQLite file",
		Summary:  "A SQLite file in the folder for database files, read only",
		Tier:     3,
		TLS:      connectors.TLSNone,
		Levels:   levels,
		Dialect:  dialect.SQLite,
		Fields:   []connectors.Field{fileField},
		Open:     open,
		Classify: classify,
	}}
}

var fileField = connectors.Field{
	Key:         "file",
	Label:       "File",
	Kind:        connectors.Text,
	Section:     connectors.SectionServer,
	Required:    true,
	Redirects:   true,
	Placeholder: "sales.db",
	Help:        "The name of a file in the folder for database files. It is opened read-only.",
	Check:       connectors.CheckFileName,
}
