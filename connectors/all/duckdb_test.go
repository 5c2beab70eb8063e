package all

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2" // the administrator's own way in

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/conformance"
)

func duckdbSubjects(t *testing.T, c *connectors.Connector) []*conformance.Subject {
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.duckdb")
	admin := func(ctx context.Context, statements ...string) error { // the file is open only while they run
		db, err := sql.Open("duckdb", file)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		return by(db)(ctx, statements...)
	}
	if err := admin(t.Context()); err != nil {
		t.Fatal(err)
	}
	scope := catalog.Path{"shop", "suite"}
	return []*conformance.Subject{{
		Name: "DuckDB", Connector: c, Product: "DuckDB", Version: "v1.", Values: connectors.Values{"file": "shop.duckdb", "read_only": "false"}, FilesDir: dir,
		Scope: scope, MakeScope: []string{"create schema suite"}, DropScope: []string{"drop schema if exists suite cascade"},
		Admin: admin, Types: duckdbTypes, Catalog: duckdbCatalog(scope), Names: conformance.Names{Longest: 255, More: map[string]string{"nothing": ""},
			Refused: map[string]string{"twin": "names that differ in case are one name", "nothing": "a name has a character at least"}},
		SQL: conformance.SQL{
			Repeat: "repeat('x', %d)", Series: "select i, repeat('x', 100) from range(1, %d + 1) t(i)",
			Sleep: "select count(*), %d from range(1000000000000) t(i) where hash(i) = 42", Mistake: "select 1 fromm x y", MistakeAt: 16,
			Params: "select ?::varchar, ?::bigint, ?::double, ?::boolean, ?::varchar", ParamsWant: []string{"", "9007199254740993", "2.5", "true"}, Writes: true,
			Hostile: []string{"with x as (select 2) insert into {t} select * from x", "insert into {t} values (2) returning n", "copy (select 2) to '/tmp/patchbay-conformance.csv'",
				"copy {t} from '/etc/passwd'", "attach '/tmp/patchbay-conformance.db'", "export database '/tmp/patchbay-conformance'", "create temp table tmp (n int)",
				"insert or replace into {t} values (2)", "truncate {t}", "alter table {t} add column m int", "checkpoint", "create macro m() as 1", "load httpfs"},
			Unlock: []string{"set access_mode = 'read_write'", "begin transaction", "set enable_external_access = true", "set lock_configuration = false",
				"detach shop", "pragma enable_checkpoint_on_shutdown", "reset access_mode"},
			List: "select count(*) from range(1, 6) t(n) where n::varchar = any(?::varchar[])",
		},
	}}
}

func duckdbCatalog(scope catalog.Path) conformance.Catalog {
	path := func(name string) catalog.Path { return append(scope[:len(scope):len(scope)], name) }
	return conformance.Catalog{
		Make: []string{
			"create table suite.region (code varchar primary key, name varchar not null)",
			"create table suite.sale (id bigint primary key, region varchar not null references suite.region (code), amount decimal(12, 2) default 0, tags varchar[])",
			"comment on table suite.sale is 'What was sold'", "comment on column suite.sale.amount is 'In euros'",
			"create view suite.big as select id, amount from suite.sale where amount > 100",
		},
		Want: []catalog.Table{
			{Path: path("region"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "code", Type: "VARCHAR", Family: catalog.FamilyText, PrimaryKey: 1},
				{Name: "name", Type: "VARCHAR", Family: catalog.FamilyText}}},
			{Path: path("sale"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Comment: "What was sold", Columns: []catalog.Column{
				{Name: "id", Type: "BIGINT", Family: catalog.FamilyInteger, PrimaryKey: 1},
				{Name: "region", Type: "VARCHAR", Family: catalog.FamilyText, References: &catalog.Ref{Table: path("region"), Column: "code"}},
				{Name: "amount", Type: "DECIMAL(12,2)", Family: catalog.FamilyDecimal, Nullable: true, Default: "0", Comment: "In euros"},
				{Name: "tags", Type: "VARCHAR[]", Family: catalog.FamilyArray, Nullable: true}}},
			{Path: path("big"), Kind: catalog.KindView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "id", Type: "BIGINT", Family: catalog.FamilyInteger, Nullable: true},
				{Name: "amount", Type: "DECIMAL(12,2)", Family: catalog.FamilyDecimal, Nullable: true}}},
		},
	}
}

var duckdbTypes = []conformance.TypeCase{
	{SQL: "170141183460469231731687303715884105727::hugeint", Want: "170141183460469231731687303715884105727", Type: "HUGEINT", Family: catalog.FamilyInteger},
	{SQL: "18446744073709551615::ubigint", Want: "18446744073709551615", Type: "UBIGINT", Family: catalog.FamilyInteger},
	{SQL: "12345678901234567890.12345678::decimal(38, 8)", Want: "12345678901234567890.12345678", Type: "DECIMAL(38,8)", Family: catalog.FamilyDecimal},
	{SQL: "0.1::double", Want: "0.1", Type: "DOUBLE", Family: catalog.FamilyFloat},
	{SQL: "true", Want: "true", Type: "BOOLEAN", Family: catalog.FamilyBool},
	{SQL: "'naïve 🦆'", Want: "naïve 🦆", Type: "VARCHAR", Family: catalog.FamilyText},
	{SQL: "date '2026-02-28'", Want: "2026-02-28", Type: "DATE", Family: catalog.FamilyDate},
	{SQL: "timestamp '2026-11-23 17:29:00.000001'", Want: "2026-11-23 17:29:00.000001", Type: "TIMESTAMP", Family: catalog.FamilyDateTime},
	{SQL: "timestamptz '2026-11-23 17:29:00+02'", Want: "2026-11-23 15:29:00+00", Type: "TIMESTAMP WITH TIME ZONE", Family: catalog.FamilyDateTime},
	{SQL: "interval 14 months", Want: "1 year 2 months", Type: "INTERVAL", Family: catalog.FamilyInterval},
	{SQL: `'\x00\xFFA'::blob`, Want: `\x00\xFFA`, Type: "BLOB", Family: catalog.FamilyBinary},
	{SQL: "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", Want: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", Type: "UUID", Family: catalog.FamilyUUID},
	{SQL: "[1, null, 3]", Want: "[1, NULL, 3]", Type: "INTEGER[]", Family: catalog.FamilyArray},
	{SQL: "{'a': 1, 'b': 'x'}", Want: "{'a': 1, 'b': x}", Family: catalog.FamilyStruct},
	{SQL: "null::bigint", Null: true, Type: "BIGINT", Family: catalog.FamilyInteger},
}
