package mysql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/transport"
	"patchbay/e2e/servers"
	"patchbay/secret"
)

var shop = []string{
	"create table customers (id bigint unsigned not null auto_increment primary key comment 'Counts up', name varchar(80) not null default 'nobody' comment 'As on the invoice', active boolean default true, note text) comment 'Who buys'",
	"create table `Orders 2026` (no int not null, region varchar(10) not null, Customer bigint unsigned, net decimal(12,2) not null, gross decimal(12,2) generated always as (net * 2) stored, half decimal(12,2) as (net / 2) virtual, " +
		"at timestamp(3) null default current_timestamp(3), primary key (region, no), constraint z foreign key (CUSTOMER) references customers (id), constraint a foreign key (customer) references customers (id))",
	"create table order_lines (region varchar(10) not null, no int not null, line int, foreign key (region, no) references `Orders 2026` (region, no))",
	"create view latest as select no, at from `Orders 2026`",
	"create table events (at date not null, what json) partition by range (year(at)) (partition p1 values less than (2027), partition p2 values less than maxvalue)",
	"create table Twin (a int, b int, c int)", "create table twin (d int, e int, f int)",
	"insert into customers (name) values ('a'), ('b'), ('c')", "analyze table customers",
}

func TestReadCatalog(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		src, db := database(t, server, shop...)
		n := read(t, src, catalog.Filter{Databases: exact(db)})
		if len(n.skipped) > 0 || !slices.Equal(n.done, []string{db, ""}) {
			t.Errorf("%s: done %q, skipped %v", name, n.done, n.skipped)
		}
		want := wantedShop(db, name == "MariaDB")
		for path, w := range want {
			got := n.tables[path]
			if w.Rows == catalog.RowsUnknown && w.Kind != catalog.KindView {
				got.Rows = w.Rows // the engine guesses
			}
			for i := range got.Columns { // each product writes expressions in its own way
				got.Columns[i].Default = strings.NewReplacer("`", "", " ", "", "'", "").Replace(strings.ToLower(got.Columns[i].Default))
			}
			for i := range w.Columns {
				w.Columns[i].Default = strings.ReplaceAll(w.Columns[i].Default, " ", "")
			}
			if !reflect.DeepEqual(got, w) {
				t.Errorf("%s: %s:\n got %+v\nwant %+v", name, path, got, w)
			}
		}
		if len(n.tables) != len(want) {
			t.Errorf("%s: %d tables, want %d", name, len(n.tables), len(want))
		}
	}
}

// wantedShop is what each product says of the shop. MariaDB keeps JSON as text.
func wantedShop(db string, mariadb bool) map[string]catalog.Table {
	path := func(name string) catalog.Path { return catalog.Path{db, name} }
	ref := func(table, column string) *catalog.Ref { return &catalog.Ref{Table: path(table), Column: column} }
	json, jsonFamily, net := "json", catalog.FamilyJSON, "(net / 2)"
	if mariadb {
		json, jsonFamily, net = "longtext", catalog.FamilyText, "net / 2"
	}
	integer := func(names ...string) (columns []catalog.Column) {
		for _, name := range names {
			columns = append(columns, catalog.Column{Name: name, Type: "int(11)", Family: catalog.FamilyInteger, Nullable: true})
		}
		return columns
	}
	want := map[string]catalog.Table{}
	for _, table := range []catalog.Table{
		{Path: path("customers"), Kind: catalog.KindTable, Comment: "Who buys", Rows: 3, Columns: []catalog.Column{
			{Name: "id", Type: "bigint(20) unsigned", Family: catalog.FamilyInteger, PrimaryKey: 1, Default: "auto_increment", Comment: "Counts up"},
			{Name: "name", Type: "varchar(80)", Family: catalog.FamilyText, Default: "nobody", Comment: "As on the invoice"},
			{Name: "active", Type: "tinyint(1)", Family: catalog.FamilyBool, Nullable: true, Default: "1"},
			{Name: "note", Type: "text", Family: catalog.FamilyText, Nullable: true}}},
		{Path: path("Orders 2026"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "no", Type: "int(11)", Family: catalog.FamilyInteger, PrimaryKey: 2},
			{Name: "region", Type: "varchar(10)", Family: catalog.FamilyText, PrimaryKey: 1},
			{Name: "Customer", Type: "bigint(20) unsigned", Family: catalog.FamilyInteger, Nullable: true, References: ref("customers", "id")},
			{Name: "net", Type: "decimal(12,2)", Family: catalog.FamilyDecimal},
			{Name: "gross", Type: "decimal(12,2)", Family: catalog.FamilyDecimal, Nullable: true, Default: "generated always as (" + strings.ReplaceAll(net, "/", "*") + ") stored"},
			{Name: "half", Type: "decimal(12,2)", Family: catalog.FamilyDecimal, Nullable: true, Default: "generated always as (" + net + ") virtual"},
			{Name: "at", Type: "timestamp(3)", Family: catalog.FamilyDateTime, Nullable: true, Default: "current_timestamp(3)"}}},
		{Path: path("order_lines"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "region", Type: "varchar(10)", Family: catalog.FamilyText, References: ref("Orders 2026", "region")},
			{Name: "no", Type: "int(11)", Family: catalog.FamilyInteger, References: ref("Orders 2026", "no")},
			{Name: "line", Type: "int(11)", Family: catalog.FamilyInteger, Nullable: true}}},
		{Path: path("latest"), Kind: catalog.KindView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "no", Type: "int(11)", Family: catalog.FamilyInteger},
			{Name: "at", Type: "timestamp(3)", Family: catalog.FamilyDateTime, Nullable: true, Default: "current_timestamp(3)"}}},
		{Path: path("events"), Kind: catalog.KindPartitioned, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "at", Type: "date", Family: catalog.FamilyDate},
			{Name: "what", Type: json, Family: jsonFamily, Nullable: true}}},
		{Path: path("Twin"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: integer("a", "b", "c")},
		{Path: path("twin"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: integer("d", "e", "f")},
	} {
		want[table.Path.String()] = table
	}
	return want
}

func exact(names ...string) catalog.Rule {
	return catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: names}}
}

// Whatever the filter says, what is read is what it keeps of everything.
func TestReadCatalogFilters(t *testing.T) {
	t.Parallel()
	match := func(kind catalog.MatchKind, values ...string) *catalog.Match {
		return &catalog.Match{Match: kind, Values: values}
	}
	for product, server := range both(t) {
		src, db := database(t, server, shop...)
		all := read(t, src, catalog.Filter{Databases: exact(db)})
		for name, f := range map[string]catalog.Filter{
			"table":        {Tables: exact("customers")},
			"twin":         {Tables: exact("twin")},
			"qualified":    {Tables: catalog.Rule{Include: match(catalog.MatchGlob, db+".*s*")}},
			"all but some": {Tables: catalog.Rule{Exclude: match(catalog.MatchRegexp, `(?i)C.*|events`)}},
			"no table":     {Tables: catalog.Rule{Exclude: match(catalog.MatchGlob, "*")}},
			"suffix":       {Tables: catalog.Rule{Include: match(catalog.MatchSuffix, "s", "6")}},
		} {
			f.Databases = exact(db)
			m, err := catalog.NewMatcher(f, levels)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for path, table := range all.tables {
				if m.Keeps(table.Path) {
					want[path] = true
				}
			}
			got := read(t, src, f)
			for path, table := range got.tables {
				if !want[path] || !reflect.DeepEqual(table.Columns, all.tables[path].Columns) {
					t.Errorf("%s, %s: %s is %+v", product, name, path, table)
				}
			}
			if len(got.tables) != len(want) {
				t.Errorf("%s, %s: %d tables, want %d", product, name, len(got.tables), len(want))
			}
		}
		if got := read(t, src, catalog.Filter{Databases: exact("none")}); len(got.tables) > 0 || !slices.Equal(got.done, []string{""}) {
			t.Errorf("%s, no database: %d tables, done %q", product, len(got.tables), got.done)
		}
	}
}

// A user sees what it has any right on, and is told what it cannot read. A right to one column is a right to read.
func TestReadCatalogWithFewRights(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		_, db := database(t, server, "create table open (a int, b int)", "create table part (a int, b int)", "create table shut (a int)", "create table hidden (a int)",
			"create view seen as select a from open")
		few := "few_" + db
		admin(t, server, "create user "+few+" identified by 'few'", "grant select on "+db+".open to "+few, "grant select (b) on "+db+".part to "+few,
			"grant insert on "+db+".shut to "+few, "grant show view on "+db+".seen to "+few)
		where := target(t, server)
		where.Values["database"], where.Values["user"], where.Secrets["password"] = db, few, secret.New("few")
		n := read(t, opened(t, where), catalog.Filter{})
		want := map[string]bool{"open": false, "part": false, "shut": true, "seen": true}
		for table, unreadable := range want {
			if got, ok := n.tables[db+"/"+table]; !ok || got.Unreadable != unreadable || len(got.Columns) == 0 && table != "seen" {
				t.Errorf("%s: %s: found %v, %+v", name, table, ok, got)
			}
		}
		if len(n.tables) != len(want) || len(n.skipped) > 0 || slices.Contains(n.done, db) || slices.Contains(n.done, "") {
			t.Errorf("%s: %d tables, done %q, skipped %v", name, len(n.tables), n.done, n.skipped)
		}
		// A table that was dropped is gone, since the right to it is still there; one whose right was taken away is not.
		admin(t, server, "drop table "+db+".open", "revoke select (b) on "+db+".part from "+few)
		n = read(t, opened(t, where), catalog.Filter{})
		if !slices.Contains(n.done, db+"/open") || slices.Contains(n.done, db+"/part") || slices.Contains(n.done, db) || slices.Contains(n.done, "") {
			t.Errorf("%s: done %q after a drop and a revoke", name, n.done)
		}
	}
}

// A counted is a connection that counts what the server sends.
type counted struct {
	net.Conn
	received *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

func (c counted) Established() { transport.Established(c.Conn) }

// What MariaDB lists among its tables and is none is no table of ours, and does not keep a filter from being pushed down.
func TestSequences(t *testing.T) {
	t.Parallel()
	server := both(t)["MariaDB"]
	var tables []string
	for i := range 50 {
		tables = append(tables, fmt.Sprintf("create table t%d (a int comment 'is a part of what would be read', b int, c int)", i))
	}
	_, db := database(t, server, append(tables, "create sequence s", "create view v as select a from t1")...)
	where := target(t, server)
	dial, received := where.Dial, new(atomic.Int64)
	where.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return counted{c, received}, nil
	}
	src := opened(t, where)
	bytes := func(f catalog.Filter, want ...string) int64 {
		f.Databases = exact(db)
		before := received.Load()
		n := read(t, src, f)
		for _, name := range want {
			if _, ok := n.tables[db+"/"+name]; !ok || len(n.tables) != len(want) {
				t.Errorf("%+v: read %d tables, want %q", f, len(n.tables), want)
			}
		}
		if _, ok := n.tables[db+"/s"]; ok {
			t.Errorf("%+v: the sequence is a table", f)
		}
		return received.Load() - before
	}
	whole := bytes(catalog.Filter{})
	if part := bytes(catalog.Filter{Tables: exact("t1", "v", "s")}, "t1", "v"); part > whole/2 {
		t.Errorf("%d bytes for two tables and a sequence, %d for everything: the filter is not pushed down", part, whole)
	}
	bytes(catalog.Filter{Tables: exact("t1", "v", "s"), NamesOnly: true}, "t1", "v")
}

// A meddler is a sink that does something when it hears of the first table: the other databases are still to be read then.
type meddler struct {
	*notebook
	once   sync.Once
	meddle func()
}

func (m *meddler) Table(t catalog.Table) error {
	m.once.Do(m.meddle)
	return m.notebook.Table(t)
}

// Of what a right was to that is taken away while the catalog is read, nothing is said to be done: it is not listed any more, and was
// not dropped (P70).
func TestRightTakenAwayWhileReading(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		_, db := database(t, server, "create table a (a int)")
		whole, part, dropped := db+"_b", db+"_c", db+"_d"
		few := "few_" + db
		admin(t, server, "create user "+few+" identified by 'few'", "create database "+whole, "create table "+whole+".a (a int)",
			"create database "+part, "create table "+part+".a (a int)", "create table "+part+".b (a int)",
			"grant select on "+db+".* to "+few, "grant select on "+whole+".* to "+few, "grant select on "+dropped+".* to "+few,
			"grant select on "+part+".a to "+few, "grant select on "+part+".b to "+few)
		where := target(t, server)
		where.Values["database"], where.Values["user"], where.Secrets["password"] = db, few, secret.New("few")
		src := opened(t, where)
		n := read(t, src, catalog.Filter{})
		for _, scope := range []string{db, whole, dropped, part + "/a", part + "/b"} {
			if !slices.Contains(n.done, scope) {
				t.Errorf("%s: done %q, want %s among them", name, n.done, scope)
			}
		}
		m := &meddler{notebook: &notebook{tables: map[string]catalog.Table{}, skipped: map[string]error{}}, meddle: func() {
			admin(t, server, "revoke select on "+whole+".* from "+few, "revoke select on "+dropped+".* from "+few, "revoke select on "+part+".a from "+few)
		}}
		if err := src.ReadCatalog(t.Context(), catalog.Filter{}, m); err != nil {
			t.Fatal(err)
		}
		if m.tables[db+"/a"].Path == nil || m.tables[part+"/b"].Path == nil || len(m.tables) != 2 {
			t.Errorf("%s: read %v after the rights were taken away", name, m.tables)
		}
		for _, scope := range m.done {
			if scope != db && scope != part+"/b" {
				t.Errorf("%s: %q is done though a right to it was taken away", name, scope)
			}
		}
		if !slices.Contains(m.done, db) {
			t.Errorf("%s: done %q, want what was read with its right", name, m.done)
		}
	}
}

// A view of something that is gone is listed, and hides nothing else.
func TestReadCatalogWithBrokenView(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		src, db := database(t, server, "create table base (a int)", "create table other (a int)", "create view broken as select a from base", "drop table base",
			"create definer = 'nobody'@'nowhere' view orphan as select a from other")
		n := read(t, src, catalog.Filter{Databases: exact(db)})
		for _, table := range []string{"broken", "orphan", "other"} {
			if _, ok := n.tables[db+"/"+table]; !ok {
				t.Errorf("%s: %s is missing", name, table)
			}
		}
		if len(n.tables) != 3 || len(n.skipped) > 0 {
			t.Errorf("%s: %d tables, skipped %v", name, len(n.tables), n.skipped)
		}
	}
}

// A reading that ends early leaves a source that works, and the sink's own error comes back.
func TestReadCatalogEndsEarly(t *testing.T) {
	t.Parallel()
	src, db := database(t, servers.MariaDB(t, servers.Options{}), shop...)
	if err := src.ReadCatalog(t.Context(), catalog.Filter{Databases: exact(db)}, full{}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := src.ReadCatalog(ctx, catalog.Filter{}, full{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := read(t, src, catalog.Filter{Databases: exact(db)}); len(n.tables) != 7 {
		t.Errorf("%d tables after that", len(n.tables))
	}
}

var errFull = errors.New("the disk is full")

// full is a sink that takes nothing.
type full struct{}

func (full) Table(catalog.Table) error         { return errFull }
func (full) Done(catalog.Path) error           { return nil }
func (full) Skipped(catalog.Path, error) error { return nil }

// A table of as many columns as there can be comes whole, and so does a result of them.
func TestWideTable(t *testing.T) {
	t.Parallel()
	const width = 1017 // the most that InnoDB takes
	var columns []string
	for i := range width {
		columns = append(columns, fmt.Sprintf("c%d int comment 'number %d'", i, i))
	}
	for name, server := range both(t) {
		src, db := database(t, server, "create table wide ("+strings.Join(columns, ", ")+")", "insert into wide (c1016) values (7)")
		got := read(t, src, catalog.Filter{Databases: exact(db)}).tables[db+"/wide"].Columns
		if len(got) != width || got[width-1].Comment != "number 1016" {
			t.Errorf("%s: %d columns", name, len(got))
		}
		wide, rows, err := run(t.Context(), src, connectors.Statement{SQL: "select a.*, b.* from wide a, wide b where 1 = ?", Args: []any{true}})
		if err != nil || len(wide) != 2*width || rows[0][0] != "NULL" || rows[0][2*width-1] != "7" {
			t.Errorf("%s: %d columns, %v", name, len(wide), err)
		}
	}
}
