package duckdb

import (
	"path/filepath"
	"testing"

	"patchbay/catalog"
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
	if len(to.tables) != 4 || len(to.done) != 1 || to.done[0] != "" || len(to.skipped) != 0 {
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
