package postgres

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/e2e/servers"
	"patchbay/secret"
)

var shop = []string{
	`create type mood as enum ('sad', 'glad')`,
	`create domain positive as numeric(12,2) not null check (value > 0)`,
	`create table customers (id bigint generated always as identity primary key, name varchar(80) not null default 'nobody', mood mood, note text)`,
	`comment on table customers is 'Who buys'`,
	`comment on column customers.name is 'As on the invoice'`,
	`create schema "Sales 2026"`,
	`create table "Sales 2026".orders (region text, no int, customer bigint references customers (id), total positive, tax numeric generated always as (no * 0.2) stored,
		dropped int, at timestamptz(3) default now(), tags text[], home customers, primary key (no, region))`,
	`alter table "Sales 2026".orders drop column dropped`,
	`create view "Sales 2026".latest as select no, at from "Sales 2026".orders`,
	`create materialized view totals as select count(*) as n from "Sales 2026".orders`,
	`create table events (at date not null, what jsonb) partition by range (at)`,
	`create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01')`,
	`insert into customers (name) select 'c' || g from generate_series(1, 100) g`,
	`analyze customers`,
}

func TestReadCatalog(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "18"} {
		t.Run("PostgreSQL "+version, func(t *testing.T) {
			src, db := database(t, servers.Postgres(t, servers.Options{Version: version}), shop...)
			n := read(t, src, catalog.Filter{Databases: exact(db)})
			if len(n.skipped) > 0 || !slices.Equal(n.done, []string{db + "/Sales%202026", db + "/public", db, ""}) {
				t.Errorf("done %q, skipped %v", n.done, n.skipped)
			}
			want := wantedShop(db)
			for path, w := range want {
				if got := n.tables[path]; !reflect.DeepEqual(got, w) {
					t.Errorf("%s:\n got %+v\nwant %+v", path, got, w)
				}
			}
			if len(n.tables) != len(want) {
				t.Errorf("%d tables, want %d", len(n.tables), len(want))
			}
		})
	}
}

func wantedShop(db string) map[string]catalog.Table {
	customers := catalog.Path{db, "public", "customers"}
	tables := []catalog.Table{
		{Path: customers, Kind: catalog.KindTable, Comment: "Who buys", Rows: 100, Columns: []catalog.Column{
			{Name: "id", Type: "bigint", Family: catalog.FamilyInteger, PrimaryKey: 1, Default: "generated always as identity"},
			{Name: "name", Type: "character varying(80)", Family: catalog.FamilyText, Default: "'nobody'::character varying", Comment: "As on the invoice"},
			{Name: "mood", Type: "mood", Family: catalog.FamilyText, Nullable: true},
			{Name: "note", Type: "text", Family: catalog.FamilyText, Nullable: true},
		}},
		{Path: catalog.Path{db, "Sales 2026", "orders"}, Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "region", Type: "text", Family: catalog.FamilyText, PrimaryKey: 2},
			{Name: "no", Type: "integer", Family: catalog.FamilyInteger, PrimaryKey: 1},
			{Name: "customer", Type: "bigint", Family: catalog.FamilyInteger, Nullable: true, References: &catalog.Ref{Table: customers, Column: "id"}},
			{Name: "total", Type: "positive", Family: catalog.FamilyDecimal},
			{Name: "tax", Type: "numeric", Family: catalog.FamilyDecimal, Nullable: true, Default: "generated always as (((no)::numeric * 0.2)) stored"},
			{Name: "at", Type: "timestamp(3) with time zone", Family: catalog.FamilyDateTime, Nullable: true, Default: "now()"},
			{Name: "tags", Type: "text[]", Family: catalog.FamilyArray, Nullable: true},
			{Name: "home", Type: "customers", Family: catalog.FamilyStruct, Nullable: true},
		}},
		{Path: catalog.Path{db, "Sales 2026", "latest"}, Kind: catalog.KindView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "no", Type: "integer", Family: catalog.FamilyInteger, Nullable: true},
			{Name: "at", Type: "timestamp(3) with time zone", Family: catalog.FamilyDateTime, Nullable: true},
		}},
		{Path: catalog.Path{db, "public", "totals"}, Kind: catalog.KindMaterializedView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "n", Type: "bigint", Family: catalog.FamilyInteger, Nullable: true},
		}},
		{Path: catalog.Path{db, "public", "events"}, Kind: catalog.KindPartitioned, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "at", Type: "date", Family: catalog.FamilyDate},
			{Name: "what", Type: "jsonb", Family: catalog.FamilyJSON, Nullable: true},
		}},
	}
	want := map[string]catalog.Table{}
	for _, table := range tables {
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
	src, db := database(t, servers.Postgres(t, servers.Options{}), shop...)
	all := read(t, src, catalog.Filter{Databases: exact(db)})
	match := func(kind catalog.MatchKind, values ...string) *catalog.Match {
		return &catalog.Match{Match: kind, Values: values}
	}
	for name, f := range map[string]catalog.Filter{
		"schema":           {Schemas: exact("Sales 2026")},
		"no schema":        {Schemas: exact("none")},
		"table":            {Tables: exact("customers")},
		"qualified":        {Tables: catalog.Rule{Include: match(catalog.MatchGlob, "Sales 2026.*")}},
		"all but some":     {Tables: catalog.Rule{Exclude: match(catalog.MatchRegexp, `(?i)C.*|events`)}},
		"no table":         {Tables: catalog.Rule{Exclude: match(catalog.MatchGlob, "*")}},
		"schema and table": {Schemas: catalog.Rule{Exclude: match(catalog.MatchPrefix, "Sales")}, Tables: catalog.Rule{Include: match(catalog.MatchSuffix, "s")}},
	} {
		f.Databases = exact(db)
		m, err := catalog.NewMatcher(f, levels)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]catalog.Table{}
		for path, table := range all.tables {
			if m.Keeps(table.Path) {
				want[path] = table
			}
		}
		if got := read(t, src, f); !reflect.DeepEqual(got.tables, want) {
			t.Errorf("%s: %d tables, want %d", name, len(got.tables), len(want))
		}
	}
	if got := read(t, src, catalog.Filter{Databases: exact("none")}); len(got.tables) > 0 || !slices.Equal(got.done, []string{""}) {
		t.Errorf("no database: %d tables, done %q", len(got.tables), got.done)
	}
}

// A user sees what it may look into, and is told what it cannot read. A database that does not let it in is skipped, and the
// others are read all the same.
func TestReadCatalogWithFewRights(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{Name: "few rights"})
	_, db := database(t, server, "create table open (a int, b int)", "create table part (a int, b int)", "create table shut (a int)", "create schema hidden", "create table hidden.t (a int)",
		"create function f() returns int language sql as 'select 1'")
	_, full := database(t, server, "create table t (a int)")
	_, private := database(t, server)
	server.Exec(t, db, "create role few login password 'few'; grant select on open to few; grant select (b) on part to few; grant usage on schema public to few")
	server.Exec(t, "postgres", "revoke connect on database "+private+" from public", "alter database "+full+" connection limit 0")
	where := target(t, server)
	where.Values["database"], where.Values["user"], where.Secrets["password"] = db, "few", secret.New("few")
	n := read(t, opened(t, where), catalog.Filter{})
	for name, unreadable := range map[string]bool{"open": false, "part": false, "shut": true} {
		if got, ok := n.tables[db+"/public/"+name]; !ok || got.Unreadable != unreadable || len(got.Columns) == 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, ok := n.tables[db+"/hidden/t"]; ok {
		t.Error("a table of a schema without the right to look into it was read")
	}
	why := n.skipped[full]
	hidden := n.skipped[db+"/hidden"]
	if connectors.CauseOf(why) != connectors.CauseLimit || connectors.CauseOf(hidden) != connectors.CauseDenied ||
		connectors.CauseOf(n.skipped[private]) != connectors.CauseDenied || len(n.skipped) != 3 {
		t.Errorf("skipped %v", n.skipped)
	}
	if slices.Contains(n.done, private) || slices.Contains(n.done, full) || !slices.Contains(n.done, "patchbay") || n.done[len(n.done)-1] != "" {
		t.Errorf("done %q", n.done)
	}
}

// A meddler is a sink that does something when it hears of the first table: the rest is still to be read then.
type meddler struct {
	*notebook
	once   sync.Once
	meddle func()
}

func (m *meddler) Table(t catalog.Table) error {
	m.once.Do(m.meddle)
	return m.notebook.Table(t)
}

// Of what a right was to that is taken away while the catalog is read, either everything is read, or it is not done (P70).
func TestRightTakenAwayWhileReading(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{Name: "rights taken away"})
	many := `do $$ begin for i in 1..9000 loop execute format('create table two.t%s (a int)', i); end loop; end $$` // more than a batch
	_, db := database(t, server, "create table first (a int)", "create schema two", many)
	_, shut := database(t, server, "create table t (a int)")
	server.Exec(t, db, "create role few login password 'few'; grant usage on schema two to few; grant select on all tables in schema two to few")
	server.Exec(t, shut, "grant usage on schema public to few")
	where := target(t, server)
	where.Values["database"], where.Values["user"], where.Secrets["password"] = db, "few", secret.New("few")
	m := &meddler{notebook: &notebook{tables: map[string]catalog.Table{}, skipped: map[string]error{}}, meddle: func() {
		server.Exec(t, db, "revoke all on all tables in schema two from few; revoke usage on schema two from few")
		server.Exec(t, "postgres", "revoke connect on database "+shut+" from public")
	}}
	if err := opened(t, where).ReadCatalog(t.Context(), catalog.Filter{Databases: exact(db, shut)}, m); err != nil {
		t.Fatal(err)
	}
	if len(m.tables) != 9001 || !slices.Contains(m.done, db+"/two") {
		t.Errorf("%d tables, done %q", len(m.tables), m.done)
	}
	if connectors.CauseOf(m.skipped[shut]) != connectors.CauseDenied || slices.Contains(m.done, shut) {
		t.Errorf("done %q, skipped %v", m.done, m.skipped)
	}
}

// Tables of every size come whole, however the batches of the answers fall.
func TestReadCatalogOfManyTables(t *testing.T) {
	t.Parallel()
	src, db := database(t, servers.Postgres(t, servers.Options{}),
		"create table none ()", "create table wide (id int primary key, "+columnList("c", 1500)+")", `comment on column wide.c1500 is 'last'`,
		`do $$ begin for i in 1..1500 loop
			execute format('create table t%s (a int primary key, b text default ''x'', c int references t%s)', i, case when i > 1 then i - 1 else 1 end);
			execute format('comment on table t%s is ''number %s''', i, i);
			execute format('comment on column t%s.b is ''b of %s''', i, i);
			if i % 3 = 0 then execute format('alter table t%s drop column b', i); end if;
		end loop; end $$`)
	if one(t, src, sizeSQL) != "t" {
		t.Error("too few for a second connection")
	}
	n := read(t, src, catalog.Filter{Databases: exact(db)})
	if len(n.tables) != 1502 || len(n.tables[db+"/public/none"].Columns) != 0 {
		t.Errorf("%d tables", len(n.tables))
	}
	wide := n.tables[db+"/public/wide"].Columns
	if len(wide) != 1501 || wide[1500].Comment != "last" || wide[0].PrimaryKey != 1 {
		t.Errorf("%d columns of wide", len(wide))
	}
	for i := 1; i <= 1500; i++ {
		got := n.tables[fmt.Sprintf("%s/public/t%d", db, i)]
		want := []catalog.Column{{Name: "a", Type: "integer", Family: catalog.FamilyInteger, PrimaryKey: 1},
			{Name: "b", Type: "text", Family: catalog.FamilyText, Nullable: true, Default: "'x'::text", Comment: fmt.Sprint("b of ", i)},
			{Name: "c", Type: "integer", Family: catalog.FamilyInteger, Nullable: true, References: &catalog.Ref{Table: catalog.Path{db, "public", fmt.Sprint("t", max(i-1, 1))}, Column: "a"}}}
		if i%3 == 0 {
			want = slices.Delete(want, 1, 2)
		}
		if got.Comment != fmt.Sprint("number ", i) || !reflect.DeepEqual(got.Columns, want) {
			t.Fatalf("t%d: %+v", i, got)
		}
	}
}

// One name that is no text does not hide the rest of its database.
func TestReadCatalogWithoutEncoding(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	const db = "no_encoding"
	server.Exec(t, "postgres", "create database "+db+" template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'")
	server.Exec(t, db, `set client_encoding = sql_ascii; do $$ begin execute 'create table "caf' || E'\xe9' || '" (a int)'; end $$; create table other (a int)`)
	where := target(t, server)
	where.Values["database"] = db
	n := read(t, opened(t, where), catalog.Filter{Databases: exact(db)})
	for _, name := range []string{"caf\xe9", "other"} {
		if got := n.tables[catalog.Path{db, "public", name}.String()]; len(got.Columns) != 1 {
			t.Errorf("%q: %+v", name, got)
		}
	}
	if len(n.skipped) > 0 {
		t.Errorf("skipped %v", n.skipped)
	}
}

// A server that refuses what a second connection takes is read over one.
func TestReadCatalogWithoutSecondConnection(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	wide := `do $$ begin for i in 1..30 loop execute format('create table t%s (` + columnList("c", 1500) + `)', i); end loop; end $$`
	src, db := database(t, server, "create schema hidden authorization current_user", "revoke all on schema hidden from current_user", wide)
	if one(t, src, sizeSQL) != "t" {
		t.Fatal("too few for a second connection")
	}
	for _, function := range []string{"pg_export_snapshot()", "pg_relation_size(regclass)"} {
		server.Exec(t, db, "revoke execute on function pg_catalog."+function+" from public")
		n := read(t, src, catalog.Filter{Databases: exact(db)})
		if len(n.tables) != 30 || len(n.tables[db+"/public/t30"].Columns) != 1500 || len(n.skipped) != 1 || n.skipped[db+"/hidden"] == nil {
			t.Errorf("without %s: %d tables, skipped %v", function, len(n.tables), n.skipped)
		}
		if !slices.Equal(n.done, []string{db + "/public", db, ""}) {
			t.Errorf("without %s: done %q", function, n.done)
		}
	}
}

func columnList(prefix string, n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%s%d int", prefix, i+1))
	}
	return strings.Join(list, ", ")
}

// A reading that ends early leaves a connection that is not used again, and the sink's own error comes back.
func TestReadCatalogEndsEarly(t *testing.T) {
	t.Parallel()
	src, db := database(t, servers.Postgres(t, servers.Options{}), shop...)
	if err := src.ReadCatalog(t.Context(), catalog.Filter{Databases: exact(db)}, full{}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := src.ReadCatalog(ctx, catalog.Filter{}, full{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := read(t, src, catalog.Filter{Databases: exact(db)}); len(n.tables) != 5 {
		t.Errorf("%d tables after that", len(n.tables))
	}
}

var errFull = errors.New("the disk is full")

// full is a sink that takes nothing.
type full struct{}

func (full) Table(catalog.Table) error         { return errFull }
func (full) Done(catalog.Path) error           { return nil }
func (full) Skipped(catalog.Path, error) error { return nil }
