package all

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the administrator's own way in

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/conformance"
)

func sqliteSubjects(t *testing.T, c *connectors.Connector) []*conformance.Subject {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: filepath.Join(dir, "suite.db"), RawQuery: "_busy_timeout=5000"}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	admin := by(db)
	if err := admin(t.Context(), "create table first (n int)"); err != nil { // a file is there once it holds something
		t.Fatal(err)
	}
	return []*conformance.Subject{{
		Name: "SQLite", Connector: c, Product: "SQLite", Version: "3.", Values: connectors.Values{"file": "suite.db"}, FilesDir: dir,
		Admin: admin, Types: sqliteTypes, Catalog: sqliteCatalog, Names: conformance.Names{Longest: 255, Refused: map[string]string{"twin": "names that differ in case are one name"},
			More: map[string]string{"no text": "no\xff\xfeUTF-8", "nothing": ""}},
		DropScope: []string{"pragma writable_schema = on; delete from sqlite_schema; pragma writable_schema = reset; vacuum"},
		SQL: conformance.SQL{
			Repeat: "replace(hex(zeroblob(%d)), '00', 'x')",
			Series: "with recursive c(n) as (select 1 union all select n + 1 from c limit %d) select n, substr('" + hundred + "', 1) from c",
			Sleep:  "with recursive c(n) as (select %d union all select n + 1 from c) select count(*) from c", Mistake: "select 1 fromm x y",
			Params: "select ?, ?, ?, ?, ?", ParamsWant: []string{"", "9007199254740993", "2.5", "1"},
			Hostile: []string{"with x as (select 2 as n) insert into {t} select n from x", "replace into {t} values (2)", "vacuum", "vacuum into '/tmp/patchbay-conformance'",
				"attach ':memory:' as m", "pragma writable_schema = on", "reindex", "create temp table tmp (n int)", "alter table {t} add m int", "insert into {t} values (2) returning n"},
			Unlock: []string{"pragma query_only = off", "pragma writable_schema = on", "begin immediate", "savepoint s"},
		},
	}}
}

// hundred is a text of a hundred characters.
const hundred = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

var sqliteCatalog = conformance.Catalog{
	Make: []string{
		"create table region (code varchar(2) primary key not null, name text not null)",
		"create table sale (id integer primary key, region varchar(2) not null references region, amount decimal(12, 2) default 0.5, at datetime, anything)",
		"create view big as select id, amount from sale where amount > 100",
	},
	Want: []catalog.Table{
		{Path: catalog.Path{"region"}, Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "code", Type: "varchar(2)", Family: catalog.FamilyText, PrimaryKey: 1},
			{Name: "name", Type: "TEXT", Family: catalog.FamilyText}}},
		{Path: catalog.Path{"sale"}, Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "id", Type: "INTEGER", Family: catalog.FamilyInteger, Nullable: true, PrimaryKey: 1},
			{Name: "region", Type: "varchar(2)", Family: catalog.FamilyText, References: &catalog.Ref{Table: catalog.Path{"region"}, Column: "code"}},
			{Name: "amount", Type: "decimal(12, 2)", Family: catalog.FamilyDecimal, Nullable: true, Default: "0.5"},
			{Name: "at", Type: "datetime", Family: catalog.FamilyDateTime, Nullable: true},
			{Name: "anything", Nullable: true, Family: catalog.FamilyOther}}},
		{Path: catalog.Path{"big"}, Kind: catalog.KindView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "id", Type: "INTEGER", Family: catalog.FamilyInteger, Nullable: true},
			{Name: "amount", Type: "decimal(12, 2)", Family: catalog.FamilyDecimal, Nullable: true}}},
	},
}

var sqliteTypes = []conformance.TypeCase{
	{SQL: "9223372036854775807", Want: "9223372036854775807", Family: catalog.FamilyInteger},
	{SQL: "-9223372036854775808", Want: "-9223372036854775808", Family: catalog.FamilyInteger},
	{SQL: "0.1", Want: "0.1", Family: catalog.FamilyFloat},
	{SQL: "1e300", Want: "1.0e+300", Family: catalog.FamilyFloat},
	{SQL: "-1e999", Want: "-Inf", Family: catalog.FamilyFloat},
	{SQL: "5.0", Want: "5.0", Family: catalog.FamilyFloat},
	{SQL: "'naïve 🦆'", Want: "naïve 🦆", Family: catalog.FamilyText},
	{SQL: "x'00ff41'", Want: "X'00FF41'", Family: catalog.FamilyBinary},
	{SQL: "null", Null: true},
	{SQL: "select amount from sale union all select '12345678901234567890.1' limit 1", Want: "12345678901234567890.1"},
	{SQL: "select at from (select at from sale union all select '2026-11-23 17:29')", Want: "2026-11-23 17:29"},
}
