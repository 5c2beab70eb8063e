package sqlite

import (
	"fmt"
	"strings"
	"testing"

	"patchbay/catalog"
)

// sink keeps what a reading reports.
type sink struct {
	tables  map[string]catalog.Table
	done    []string
	skipped []string
}

func newSink() *sink { return &sink{tables: map[string]catalog.Table{}} }

func (s *sink) Table(t catalog.Table) error { s.tables[t.Path.String()] = t; return nil }
func (s *sink) Done(scope catalog.Path) error {
	s.done = append(s.done, scope.String())
	return nil
}
func (s *sink) Skipped(scope catalog.Path, why error) error {
	s.skipped = append(s.skipped, fmt.Sprintf("%s: %v", scope, why))
	return nil
}

func TestReadCatalog(t *testing.T) {
	t.Parallel()
	src := openFile(t,
		"create table Customers (id integer primary key, email text not null default 'a''b', born date, total as (id * 2))",
		"create table orders (id int, no int, customer int references customers, parent int, primary key (no, id), foreign key (parent) references orders(id)) without rowid",
		"create view big as select id, upper(email) as e from customers",
		"create virtual table notes using fts4(body)",
		"create table \"we\"\"ird; drop\" (\"a b\" varchar(20))",
		"insert into customers (id, email) values (1,'x'), (2,'y'), (3,'z')", "create index by_email on customers (email)", "analyze")
	to := newSink()
	if err := src.ReadCatalog(t.Context(), catalog.Filter{}, to); err != nil {
		t.Fatal(err)
	}
	if len(to.tables) != 5 || len(to.skipped) != 0 || strings.Join(to.done, ",") != "" || len(to.done) != 1 {
		t.Fatalf("tables %v, done %q, skipped %q", to.tables, to.done, to.skipped)
	}
	want := catalog.Table{Path: catalog.Path{"Customers"}, Kind: catalog.KindTable, Rows: 3, Columns: []catalog.Column{
		{Name: "id", Type: "INTEGER", Family: catalog.FamilyInteger, Nullable: true, PrimaryKey: 1},
		{Name: "email", Type: "TEXT", Family: catalog.FamilyText, Default: "'a''b'"},
		{Name: "born", Type: "date", Family: catalog.FamilyDate, Nullable: true},
		{Name: "total", Type: "", Family: catalog.FamilyOther, Nullable: true},
	}}
	if got := to.tables["Customers"]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	orders := to.tables["orders"].Columns
	if fmt.Sprint(*orders[2].References) != "{Customers id}" || fmt.Sprint(*orders[3].References) != "{orders id}" || orders[0].PrimaryKey != 2 || orders[1].PrimaryKey != 1 {
		t.Errorf("orders is %+v", orders)
	}
	if big := to.tables["big"]; big.Kind != catalog.KindView || len(big.Columns) != 2 || big.Rows != catalog.RowsUnknown {
		t.Errorf("big is %+v", big)
	}
	if notes := to.tables["notes"]; len(notes.Columns) != 1 {
		t.Errorf("notes is %+v", notes)
	}
}

// TestReadCatalogGoesAroundWhatIsBroken has a view without its table: the rest is read, the view is skipped.
func TestReadCatalogGoesAroundWhatIsBroken(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table gone (a int)", "create view broken as select a from gone", "create table t (a int, b int)",
		"create view fine as select a from t", "drop table gone")
	to := newSink()
	if err := src.ReadCatalog(t.Context(), catalog.Filter{}, to); err != nil {
		t.Fatal(err)
	}
	if len(to.tables) != 2 || len(to.tables["t"].Columns) != 2 || len(to.skipped) != 1 || !strings.Contains(to.skipped[0], "gone") || len(to.done) != 1 {
		t.Errorf("tables %v, done %q, skipped %q", to.tables, to.done, to.skipped)
	}
}

func TestReadCatalogFilters(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table a (x int)", "create table b (x int references a)")
	to := newSink()
	filter := catalog.Filter{Tables: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchExact, Values: []string{"a"}}}}
	if err := src.ReadCatalog(t.Context(), filter, to); err != nil {
		t.Fatal(err)
	}
	if _, there := to.tables["b"]; !there || len(to.tables) != 1 {
		t.Errorf("tables %v", to.tables)
	}
}

func TestReadCatalogOfNothing(t *testing.T) {
	t.Parallel()
	to := newSink()
	if err := openFile(t).ReadCatalog(t.Context(), catalog.Filter{}, to); err != nil || len(to.tables) != 0 || len(to.done) != 1 {
		t.Errorf("%v: %+v", err, to)
	}
}
