package postgres

import (
	"reflect"
	"testing"

	"patchbay/catalog"
	"patchbay/e2e/servers"
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
			n := read(t, src, catalog.Filter{Databases: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{db}}}})
			if len(n.skipped) > 0 || len(n.done) != 2 || n.done[0] != db || n.done[1] != "" {
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
