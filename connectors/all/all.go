// Package all is the list of connectors. There is no registration by side effect: what is in this list is what there is.
package all

import (
	"slices"

	"patchbay/connectors"
	"patchbay/connectors/duckdb"
	"patchbay/connectors/mysql"
	"patchbay/connectors/postgres"
	"patchbay/connectors/sqlite"
)

// Connectors are all connectors, family by family.
func Connectors() []*connectors.Connector {
	return slices.Concat(postgres.Connectors(), mysql.Connectors(), sqlite.Connectors(), duckdb.Connectors())
}
