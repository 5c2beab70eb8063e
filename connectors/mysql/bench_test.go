package mysql

import (
	"testing"

	"patchbay/connectors"
	"patchbay/e2e/servers"
)

// Reading a million rows, in time per row.
func BenchmarkRows(b *testing.B) {
	src := opened(b, target(b, servers.MariaDB(b, servers.Options{})))
	for b.Loop() {
		rows, err := src.Query(b.Context(), connectors.Statement{SQL: "select seq, repeat('x', 100), seq / 7 from seq_1_to_1000000", ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Close(); err != nil || n != 1_000_000 {
			b.Fatal(n, err)
		}
	}
}
