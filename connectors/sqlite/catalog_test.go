package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
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

// dropper is a sink that drops a table of the file when it is told of the first one.
type dropper struct {
	*sink
	drop func()
}

func (d *dropper) Table(t catalog.Table) error {
	if len(d.tables) == 0 {
		d.drop()
	}
	return d.sink.Table(t)
}

// A table that is dropped between its listing and its description is no table, and no reason to stop.
func TestReadCatalogGoesAroundWhatIsDroppedMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var statements []string
	for i := range chunk + 2 {
		statements = append(statements, fmt.Sprintf("create table t%04d (a int)", i))
	}
	path := filepath.Join(dir, "a.db")
	newFile(t, path, append([]string{"begin"}, append(statements, "commit")...)...)
	to := &dropper{newSink(), func() { newFile(t, path, fmt.Sprintf("drop table t%04d", chunk)) }}
	if err := openTarget(t, target(dir, "a.db")).ReadCatalog(t.Context(), catalog.Filter{}, to); err != nil {
		t.Fatal(err)
	}
	if _, told := to.tables[fmt.Sprintf("t%04d", chunk)]; told || len(to.tables) != chunk+1 || len(to.skipped) != 0 || len(to.done) != 1 {
		t.Errorf("%d tables, the dropped one told of: %t, done %q, skipped %q", len(to.tables), told, to.done, to.skipped)
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

// counting counts the statements of a reading, and their rows.
type counting struct {
	querier
	statements, rows int
}

func (c *counting) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.statements++
	rows, err := c.querier.QueryContext(ctx, query, args)
	return countingRows{rows, c}, err
}

type countingRows struct {
	driver.Rows
	c *counting
}

func (r countingRows) Next(to []driver.Value) error {
	err := r.Rows.Next(to)
	if err == nil {
		r.c.rows++
	}
	return err
}

// counted reads a catalog and tells what that took.
func counted(t *testing.T, src connectors.Source, f catalog.Filter) (*sink, *counting) {
	t.Helper()
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := src.(*source).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, c := newSink(), &counting{querier: conn}
	r := &reading{conn: c, match: match, to: to, spelt: map[string]string{}, rows: map[string]int64{}}
	if err := r.read(t.Context(), f.NamesOnly); err != nil {
		t.Fatal(err)
	}
	return to, c
}

// TestReadCatalogAsksForWhatIsKept counts statements and rows: no more are fetched than the filter keeps, and names alone cost no
// columns.
func TestReadCatalogAsksForWhatIsKept(t *testing.T) {
	t.Parallel()
	statements := []string{"create table one (a int primary key, b int references one)", "create view seen as select b, a from one"}
	for i := range 30 {
		statements = append(statements, fmt.Sprintf("create table t%02d (a int primary key, b int references one, c int)", i))
	}
	src := openFile(t, statements...)
	only := func(names ...string) catalog.Rule {
		return catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: names}}
	}
	for name, c := range map[string]struct {
		filter                   catalog.Filter
		tables, statements, rows int
	}{
		"everything":       {catalog.Filter{}, 32, 4, 32 + 94 + 31},
		"a table":          {catalog.Filter{Tables: only("t07")}, 1, 4, 32 + 3 + 1},
		"a view":           {catalog.Filter{Tables: only("seen")}, 1, 4, 32 + 2},
		"nothing":          {catalog.Filter{Tables: only("none")}, 0, 1, 32},
		"names":            {catalog.Filter{NamesOnly: true}, 32, 1, 32},
		"names of a table": {catalog.Filter{NamesOnly: true, Tables: only("one")}, 1, 1, 32},
	} {
		to, took := counted(t, src, c.filter)
		if len(to.tables) != c.tables || took.statements != c.statements || took.rows != c.rows || len(to.done) != 1 {
			t.Errorf("%s: %d tables, %d statements, %d rows; want %+v", name, len(to.tables), took.statements, took.rows, c)
		}
	}
}

// TestReadCatalogOfThousands has a view without its table among 20,000 tables with keys: it costs a few statements, not one per
// table, and its neighbours nothing.
func TestReadCatalogOfThousands(t *testing.T) {
	t.Parallel()
	const tables = 20_000
	src := openFile(t, "create table gone (a int)", "create view m_broken as select a from gone", "drop table gone",
		"create table t00000 (id integer primary key, parent int references T00000)", // the others are written beside it: to make them takes SQLite minutes
		fmt.Sprintf(`pragma writable_schema = on; with recursive n(i) as (select 1 union all select i + 1 from n where i < %d)
			insert into sqlite_schema select 'table', printf('t%%05d', i), printf('t%%05d', i), (select rootpage from sqlite_schema where name = 't00000'),
			printf('create table t%%05d (id integer primary key, parent int references T%%05d)', i, i / 2) from n`, tables-1))
	to, took := counted(t, src, catalog.Filter{})
	if len(to.tables) != tables || len(to.skipped) != 1 || !strings.Contains(to.skipped[0], "m_broken") {
		t.Fatalf("%d tables, skipped %q", len(to.tables), to.skipped)
	}
	if most := 2 + 2*(tables/chunk+1) + 4*10; took.statements > most { // 10 halvings of 500
		t.Errorf("%d statements, want at most %d", took.statements, most)
	}
	for _, i := range []int{0, 1, 777, tables - 1} {
		table := to.tables[fmt.Sprintf("t%05d", i)]
		if want := fmt.Sprintf("{t%05d id}", i/2); len(table.Columns) != 2 || table.Columns[1].References == nil || fmt.Sprint(*table.Columns[1].References) != want {
			t.Errorf("%+v, want a key to %s", table, want)
		}
	}
}

// TestReadCatalogOfABrokenKey has a key that leads to what cannot be described: its table and the others are read.
func TestReadCatalogOfABrokenKey(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table gone (a int)", "create view broken as select a from gone", "create table t (a int primary key, b int references broken)",
		"create table u (c int references t, d int references nowhere, e int references nowhere(f))", "drop table gone")
	to := newSink()
	if err := src.ReadCatalog(t.Context(), catalog.Filter{}, to); err != nil {
		t.Fatal(err)
	}
	if len(to.tables) != 2 || len(to.skipped) != 1 || len(to.tables["t"].Columns) != 2 || len(to.tables["u"].Columns) != 3 {
		t.Fatalf("tables %v, skipped %q", to.tables, to.skipped)
	}
	for i, want := range []string{"{t a}", "{nowhere }", "{nowhere f}"} {
		if ref := to.tables["u"].Columns[i].References; ref == nil || fmt.Sprint(*ref) != want {
			t.Errorf("column %d refers to %v, want %s", i, ref, want)
		}
	}
}
