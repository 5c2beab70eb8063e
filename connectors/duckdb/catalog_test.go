package duckdb

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
)

// sink keeps what a reading reports.
type sink struct {
	tables  []catalog.Table
	done    []string
	skipped []string
}

func (s *sink) Table(t catalog.Table) error { s.tables = append(s.tables, t); return nil }
func (s *sink) Done(scope catalog.Path) error {
	s.done = append(s.done, scope.String())
	return nil
}
func (s *sink) Skipped(scope catalog.Path, _ error) error {
	s.skipped = append(s.skipped, scope.String())
	return nil
}

// TestReadCatalog has what the shared suite does not: keys of several columns, a view whose table is gone, names of our own
// making, and a count of rows.
func TestReadCatalog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newFile(t, filepath.Join(dir, "a.duckdb"),
		`create schema "odd ""schema"`, `create table "odd ""schema".parent (b int, a int, primary key (a, b))`,
		`create table "odd ""schema".child (x int, y int, foreign key (x, y) references "odd ""schema".parent (a, b))`,
		"create table gone (n int)", "create view broken as select n from gone", "drop table gone", "create table rows as from range(42)")
	to := &sink{}
	if err := openTarget(t, target(dir, "a.duckdb")).ReadCatalog(t.Context(), catalog.Filter{}, to); err != nil {
		t.Fatal(err)
	}
	tables := map[string]catalog.Table{}
	for _, table := range to.tables {
		tables[table.Path.Name()] = table
	}
	if len(to.tables) != 4 || strings.Join(to.done, " ") != "a/main a/odd%20%22schema a " || len(to.skipped) != 0 {
		t.Fatalf("tables %v, done %q, skipped %q", to.tables, to.done, to.skipped)
	}
	parent, child := tables["parent"], tables["child"]
	if parent.Path.String() != (catalog.Path{"a", `odd "schema`, "parent"}).String() || parent.Columns[0].PrimaryKey != 2 || parent.Columns[1].PrimaryKey != 1 {
		t.Errorf("parent is %+v", parent)
	}
	for i, want := range []string{"a", "b"} {
		if ref := child.Columns[i].References; ref == nil || ref.Column != want || ref.Table.String() != parent.Path.String() {
			t.Errorf("column %d of child refers to %+v", i, ref)
		}
	}
	if tables["rows"].Rows != 42 || tables["broken"].Kind != catalog.KindView || tables["broken"].Rows != catalog.RowsUnknown {
		t.Errorf("rows is %+v, broken is %+v", tables["rows"], tables["broken"])
	}
}

// TestReadCatalogAsksForWhatIsKept counts statements and rows: no more are fetched than the filter keeps, and names alone cost no
// columns.
func TestReadCatalogAsksForWhatIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	statements := []string{"create schema few", "create schema many", "create table few.one (a int primary key, b int)", "create view few.seen as select b, a from few.one"}
	for i := range 30 {
		statements = append(statements, fmt.Sprintf("create table many.t%02d (a int primary key, b int, c int)", i))
	}
	newFile(t, filepath.Join(dir, "a.duckdb"), statements...)
	src := openTarget(t, target(dir, "a.duckdb")).(*source)
	only := func(names ...string) catalog.Rule {
		return catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: names}}
	}
	for name, c := range map[string]struct {
		filter           catalog.Filter
		tables           int
		statements, rows int
	}{
		"everything":       {catalog.Filter{}, 32, 4, 3 + 32 + 31 + 94},
		"a schema":         {catalog.Filter{Schemas: only("few")}, 2, 4, 3 + 2 + 1 + 4},
		"a table":          {catalog.Filter{Tables: only("t07")}, 1, 4, 3 + 32 + 1 + 3},
		"a view":           {catalog.Filter{Schemas: only("few"), Tables: only("seen")}, 1, 4, 3 + 2 + 0 + 2},
		"no table":         {catalog.Filter{Tables: only("none")}, 0, 2, 3 + 32},
		"no schema":        {catalog.Filter{Schemas: only("none")}, 0, 1, 3},
		"names":            {catalog.Filter{NamesOnly: true}, 32, 2, 3 + 32},
		"names of a table": {catalog.Filter{NamesOnly: true, Schemas: only("few"), Tables: only("one")}, 1, 2, 3 + 2},
	} {
		match, err := catalog.NewMatcher(c.filter, levels)
		if err != nil {
			t.Fatal(err)
		}
		in, err := src.instance(t.Context(), false, catalogBudget)
		if err != nil {
			t.Fatal(err)
		}
		to, statements, rows := &sink{}, 0, 0
		r := &reading{match: match, namesOnly: c.filter.NamesOnly, to: to, ask: func(st connectors.Statement, row func([]string) error) error {
			statements++
			return each(t.Context(), in, st, func(cells []string) error { rows++; return row(cells) })
		}}
		err = r.read()
		in.close()
		if err != nil || len(to.tables) != c.tables || statements != c.statements || rows != c.rows {
			t.Errorf("%s: %d tables, %d statements, %d rows, error %v; want %d, %d, %d", name, len(to.tables), statements, rows, err, c.tables, c.statements, c.rows)
		}
		for _, table := range to.tables {
			if want := map[string]int{"one": 2, "seen": 2}[table.Path.Name()]; !c.filter.NamesOnly && want > 0 && len(table.Columns) != want {
				t.Errorf("%s: %+v", name, table)
			}
		}
	}
}
