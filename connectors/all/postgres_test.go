package all

import (
	"context"
	"strconv"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/conformance"
	"patchbay/e2e/servers"
	"patchbay/secret"
)

func port(s *servers.Server) string { return strconv.Itoa(s.Port) }

func postgresSubjects(t *testing.T, c *connectors.Connector) []*conformance.Subject {
	return []*conformance.Subject{postgresSubject(t, c, ""), postgresSubject(t, c, "18")}
}

func postgresSubject(t *testing.T, c *connectors.Connector, version string) *conformance.Subject {
	server := servers.Postgres(t, servers.Options{Version: version})
	db := server.DB(t, server.Database)
	server.Exec(t, server.Database, "create role limited login password '"+server.Password+"'")
	tls := &conformance.TLS{}
	if version == "" { // certificates are judged here, whatever version shows them
		tls = differing(t, servers.Postgres)
	}
	tls.CA, tls.ClientCert, tls.ClientKey = server.CA, server.ClientCert, server.ClientKey
	tls.ClientValue = connectors.Values{"user": server.CertUser, "auth": "certificate"}
	scope := catalog.Path{server.Database, "suite"}
	return &conformance.Subject{
		Name: "PostgreSQL " + server.Version, Connector: c, Product: "PostgreSQL", Version: server.Version,
		Values: connectors.Values{"host": server.Host, "port": port(server), "database": server.Database, "user": server.User,
			"tls_mode": "verify-full", "tls_ca": server.CA},
		Secrets: connectors.Secrets{"password": secret.New(server.Password)},
		Scope:   scope, TLS: tls, Types: postgresTypes, Catalog: postgresCatalog(scope),
		MakeScope: []string{"create schema suite", "grant usage on schema suite to limited",
			`create function suite.writes() returns int language plpgsql as 'begin insert into suite.guarded values (2); return 1; end'`},
		DropScope: []string{"drop schema if exists suite cascade"},
		Admin:     by(db, "set role "+server.User),
		Names: conformance.Names{Longest: 63, More: map[string]string{"nothing": ""},
			Refused: map[string]string{"nothing": "a name has a character at least"}},
		SQL: conformance.SQL{
			Repeat: "repeat('x', %d)", Series: "select generate_series(1, %d), repeat('x', 100)", Sleep: "select pg_sleep(%d)",
			Running: func(ctx context.Context, mark string) (n int, err error) {
				err = db.QueryRowContext(ctx, `select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and strpos(query, $1) > 0`, mark).Scan(&n)
				return n, err
			},
			Mistake: "select 1 as \"é🦆\" fromm x", MistakeAt: 18,
			Params: "select $1::text, $2::int8, $3::float8, $4::boolean, $5::text", ParamsWant: []string{"", "9007199254740993", "2.5", "t"},
			List: "select count(*) from generate_series(1, 5) n where n::text = any($1)", Writes: true,
			Hostile: []string{"with x as (insert into {t} values (2) returning n) select * from x", "select suite.writes()", "explain analyze insert into {t} values (2)",
				"do $$ begin insert into {t} values (2); end $$", "do $$ begin commit; insert into {t} values (2); end $$", "set transaction read write",
				"select set_config('transaction_read_only', 'off', false), suite.writes()", "copy {t} from stdin", "copy (select 2) to program 'true'", "select 1 for update",
				"lock table {t}", "prepare p as insert into {t} values (2)"},
			Unlock: []string{"set session characteristics as transaction read write", "set default_transaction_read_only = off", "set transaction read write",
				"select set_config('transaction_read_only', 'off', false)", "set session authorization default", "prepare p as insert into {t} values (2)"},
		},
		Strong: &conformance.User{Values: connectors.Values{"user": server.Admin}, Secrets: connectors.Secrets{"password": secret.New(server.AdminPassword)}},
		Limited: &conformance.Limited{
			User:       conformance.User{Values: connectors.Values{"user": "limited"}},
			Unreadable: []string{"drop database if exists closed_database", "create database closed_database connection limit 0"},
			Skipped:    catalog.Path{"closed_database"},
		},
	}
}

func postgresCatalog(scope catalog.Path) conformance.Catalog {
	path := func(name string) catalog.Path { return append(scope[:len(scope):len(scope)], name) }
	return conformance.Catalog{
		Make: []string{
			"create table suite.region (code varchar(2), name text not null, primary key (code))",
			`create table suite.sale (id bigint generated always as identity primary key, region varchar(2) not null references suite.region, amount numeric(12, 2) default 0, at timestamptz default now(), tags text[])`,
			"comment on table suite.sale is 'What was sold'", "comment on column suite.sale.amount is 'In euros'",
			"create view suite.big as select id, amount from suite.sale where amount > 100",
			"create materialized view suite.total as select sum(amount) as total from suite.sale",
			"create table suite.log (day date not null, line jsonb) partition by range (day)",
			"create table suite.log_2026 partition of suite.log for values from ('2026-01-01') to ('2027-01-01')",
		},
		Want: []catalog.Table{
			{Path: path("region"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "code", Type: "character varying(2)", Family: catalog.FamilyText, PrimaryKey: 1},
				{Name: "name", Type: "text", Family: catalog.FamilyText}}},
			{Path: path("sale"), Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Comment: "What was sold", Columns: []catalog.Column{
				{Name: "id", Type: "bigint", Family: catalog.FamilyInteger, PrimaryKey: 1, Default: "generated always as identity"},
				{Name: "region", Type: "character varying(2)", Family: catalog.FamilyText, References: &catalog.Ref{Table: path("region"), Column: "code"}},
				{Name: "amount", Type: "numeric(12,2)", Family: catalog.FamilyDecimal, Nullable: true, Default: "0", Comment: "In euros"},
				{Name: "at", Type: "timestamp with time zone", Family: catalog.FamilyDateTime, Nullable: true, Default: "now()"},
				{Name: "tags", Type: "text[]", Family: catalog.FamilyArray, Nullable: true}}},
			{Path: path("big"), Kind: catalog.KindView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "id", Type: "bigint", Family: catalog.FamilyInteger, Nullable: true},
				{Name: "amount", Type: "numeric(12,2)", Family: catalog.FamilyDecimal, Nullable: true}}},
			{Path: path("total"), Kind: catalog.KindMaterializedView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "total", Type: "numeric", Family: catalog.FamilyDecimal, Nullable: true}}},
			{Path: path("log"), Kind: catalog.KindPartitioned, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "day", Type: "date", Family: catalog.FamilyDate},
				{Name: "line", Type: "jsonb", Family: catalog.FamilyJSON, Nullable: true}}},
		},
	}
}

var postgresTypes = []conformance.TypeCase{
	{SQL: "9223372036854775807::bigint", Want: "9223372036854775807", Type: "bigint", Family: catalog.FamilyInteger},
	{SQL: "(-32768)::smallint", Want: "-32768", Type: "smallint", Family: catalog.FamilyInteger},
	{SQL: "12345678901234567890.1234567890123456789::numeric(50, 20)", Want: "12345678901234567890.12345678901234567890", Type: "numeric(50,20)", Family: catalog.FamilyDecimal},
	{SQL: "'NaN'::numeric", Want: "NaN", Family: catalog.FamilyDecimal},
	{SQL: "0.1::float8", Want: "0.1", Type: "double precision", Family: catalog.FamilyFloat},
	{SQL: "'-Infinity'::real", Want: "-Infinity", Type: "real", Family: catalog.FamilyFloat},
	{SQL: "true", Want: "t", Type: "boolean", Family: catalog.FamilyBool},
	{SQL: "'naïve 🦆'::text", Want: "naïve 🦆", Type: "text", Family: catalog.FamilyText},
	{SQL: "'x '::char(3)", Want: "x  ", Type: "character(3)", Family: catalog.FamilyText},
	{SQL: "date '2026-02-28'", Want: "2026-02-28", Type: "date", Family: catalog.FamilyDate},
	{SQL: "date 'infinity'", Want: "infinity", Family: catalog.FamilyDate},
	{SQL: "date '0044-03-15 BC'", Want: "0044-03-15 BC", Family: catalog.FamilyDate},
	{SQL: "time '23:59:59.999999'", Want: "23:59:59.999999", Family: catalog.FamilyTime},
	{SQL: "timestamp '2026-11-23 17:29:00.000001'", Want: "2026-11-23 17:29:00.000001", Type: "timestamp without time zone", Family: catalog.FamilyDateTime},
	{SQL: "timestamptz '2026-11-23 17:29:00+02'", Want: "2026-11-23 15:29:00+00", Type: "timestamp with time zone", Family: catalog.FamilyDateTime},
	{SQL: "interval '1 year -2 days 3:04:05'", Want: "1 year -2 days +03:04:05", Type: "interval", Family: catalog.FamilyInterval},
	{SQL: `'\x00ff41'::bytea`, Want: `\x00ff41`, Type: "bytea", Family: catalog.FamilyBinary},
	{SQL: `'{"b": 1, "a": [1.50, null]}'::jsonb`, Want: `{"a": [1.50, null], "b": 1}`, Type: "jsonb", Family: catalog.FamilyJSON},
	{SQL: `'{"b":  1}'::json`, Want: `{"b":  1}`, Type: "json", Family: catalog.FamilyJSON},
	{SQL: "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", Want: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", Type: "uuid", Family: catalog.FamilyUUID},
	{SQL: `array['a', 'b,"c', null]`, Want: `{a,"b,\"c",NULL}`, Type: "text[]", Family: catalog.FamilyArray},
	{SQL: "row(1, 'x')", Want: "(1,x)", Type: "record"},
	{SQL: "point(1, 2)", Want: "(1,2)", Family: catalog.FamilyGeo},
	{SQL: "int4range(1, 5)", Want: "[1,5)", Type: "int4range"},
	{SQL: "inet '2001:db8::1/64'", Want: "2001:db8::1/64", Type: "inet"},
	{SQL: "b'101'", Want: "101"},
	{SQL: "null::bigint", Null: true, Type: "bigint", Family: catalog.FamilyInteger},
}
