package sqlite

import (
	"testing"

	"patchbay/connectors"
)

func BenchmarkMillionRows(b *testing.B) {
	src := openFile(b, "create table t as with recursive r(i) as (select 1 union all select i+1 from r where i < 1000000) select i, 'name '||i as name, i/7.0 as x, i*i as y from r")
	for b.Loop() {
		rows, err := src.Query(b.Context(), connectors.Statement{SQL: "select * from t"})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if rows.Close(); n != 1000000 || rows.Err() != nil {
			b.Fatal(n, rows.Err())
		}
	}
}
