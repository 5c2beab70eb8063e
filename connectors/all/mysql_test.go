package all

import (
	"context"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/conformance"
	"patchbay/e2e/servers"
	"patchbay/secret"
)

// mysqlSubjects is MySQL 8.0.15, which is met without TLS: it knows no cipher with forward secrecy. MariaDB stands for TLS.
func mysqlSubjects(t *testing.T, c *connectors.Connector) []*conformance.Subject {
	s := mysqlSubject(t, c, servers.MySQL(t, servers.Options{}))
	s.Name, s.Product = "MySQL "+s.Version, "MySQL"
	s.Values["tls_mode"], s.TLS = "disable", nil
	delete(s.Values, "tls_ca")
	return []*conformance.Subject{s}
}

func mariadbSubjects(t *testing.T, c *connectors.Connector) []*conformance.Subject {
	server := servers.MariaDB(t, servers.Options{})
	s := mysqlSubject(t, c, server)
	s.Name, s.Product = "MariaDB "+s.Version, "MariaDB"
	s.SQL.Series = "select seq, repeat('x', 100) from seq_1_to_%d"
	s.TLS = differing(t, servers.MariaDB)
	s.TLS.CA, s.TLS.ClientCert, s.TLS.ClientKey = server.CA, server.ClientCert, server.ClientKey
	s.TLS.ClientValue = connectors.Values{"user": server.CertUser, "database": "", "auth": "certificate"}
	return []*conformance.Subject{s}
}

// mysqlSubject is what the two have in common.
func mysqlSubject(t *testing.T, c *connectors.Connector, server *servers.Server) *conformance.Subject {
	db := server.DB(t, server.Database)
	server.Exec(t, server.Database, "create user limited identified by '"+server.Password+"'", "grant select on patchbay.* to limited")
	return &conformance.Subject{
		Connector: c, Version: server.Version,
		Values: connectors.Values{"host": server.Host, "port": port(server), "database": server.Database, "user": server.User,
			"tls_mode": "verify-full", "tls_ca": server.CA},
		Secrets: connectors.Secrets{"password": secret.New(server.Password)},
		Scope:   catalog.Path{"suite"}, Types: mysqlTypes, Catalog: mysqlCatalog(c.Type),
		MakeScope: []string{"create database suite character set utf8mb4",
			"create procedure suite.unlocks() begin commit; set session transaction read write; insert into suite.guarded values (2); commit; end",
			"create procedure suite.begins() begin commit; start transaction read write; insert into suite.guarded values (2); commit; end",
			"create function suite.writes() returns int deterministic begin insert into suite.guarded values (2); return 1; end"},
		DropScope: []string{"drop database if exists suite"},
		Admin:     by(db),
		Names: conformance.Names{Longest: 64, More: map[string]string{"nothing": ""}, Refused: map[string]string{
			"nothing": "a name has a character at least", "emoji": "names have no characters beyond the basic plane", "trailing space": "names do not end with spaces"}},
		SQL: conformance.SQL{
			Repeat: "repeat('x', %d)", Series: "select @n := @n + 1, repeat('x', 100) from (select @n := 0) z, " + long + " limit %d",
			Sleep: "select count(*), %d from " + long,
			Running: func(ctx context.Context, mark string) (n int, err error) {
				err = db.QueryRowContext(ctx, "select count(*) from information_schema.processlist where id <> connection_id() and locate(?, info) > 0", mark).Scan(&n)
				return n, err
			},
			Mistake: "select 1 as 'é🦆',\n fromm x y", MistakeAt: 28,
			Params: "select ?, ?, ?, ?, ?", ParamsWant: []string{"", "9007199254740993", "2.5", "1"}, Writes: true, Uncounted: true,
			Hostile: []string{"with x as (select 1) delete from {t}", "select suite.writes()", "replace into {t} values (2)", "truncate {t}", "set transaction read write",
				"set @x = suite.writes()", "do suite.writes()", "load data local infile '/etc/passwd' into table {t}", "load data infile '/etc/passwd' into table {t}",
				"select 2 into outfile '/tmp/patchbay-conformance'", "alter table {t} add m int", "rename table {t} to suite.gone", "call suite.nothing()", "call suite.unlocks()", "call suite.begins()",
				"begin not atomic commit; set session transaction read write; insert into {t} values (2); commit; end", "xa commit 'x'",
				"set statement tx_read_only = 0 for insert into {t} values (2)", "execute immediate 'insert into {t} values (2)'",
				"lock tables {t} write", "prepare p from 'insert into suite.guarded values (2)'", "/*! insert into {t} values (2) */", "create temporary table suite.tmp (n int)"},
			Unlock: []string{"set session transaction read write", "set transaction read write", "start transaction read write", "commit and chain",
				"set autocommit = 0", "set autocommit = 1", "create table suite.other (n int)"},
		},
		Strong:  &conformance.User{Values: connectors.Values{"user": server.Admin}, Secrets: connectors.Secrets{"password": secret.New(server.AdminPassword)}},
		Limited: &conformance.Limited{User: conformance.User{Values: connectors.Values{"user": "limited"}}, Setup: []string{"grant insert on {t} to limited"}},
	}
}

// long is more rows than any check waits for.
const long = "information_schema.collations a, information_schema.collations b, information_schema.collations c, information_schema.collations d"

// mysqlCatalog is as each product tells it: MariaDB writes defaults as expressions, and both give a view's columns the defaults and
// comments of its tables'.
func mysqlCatalog(product string) conformance.Catalog {
	b := "b"
	if product == "mariadb" {
		b = "'b'"
	}
	return conformance.Catalog{
		Make: []string{
			"create table suite.region (code varchar(2) not null, name text not null, primary key (code))",
			"create table suite.sale (id bigint not null auto_increment comment 'Counts up', region varchar(2) not null, amount decimal(12, 2) default 0.5, " +
				"at datetime(3), kind enum('a', 'b') default 'b', primary key (id), foreign key (region) references suite.region (code)) comment 'What was sold'",
			"create view suite.big as select id, amount from suite.sale where amount > 100",
		},
		Want: []catalog.Table{
			{Path: catalog.Path{"suite", "region"}, Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "code", Type: "varchar(2)", Family: catalog.FamilyText, PrimaryKey: 1},
				{Name: "name", Type: "text", Family: catalog.FamilyText}}},
			{Path: catalog.Path{"suite", "sale"}, Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Comment: "What was sold", Columns: []catalog.Column{
				{Name: "id", Type: "bigint(20)", Family: catalog.FamilyInteger, PrimaryKey: 1, Default: "auto_increment", Comment: "Counts up"},
				{Name: "region", Type: "varchar(2)", Family: catalog.FamilyText, References: &catalog.Ref{Table: catalog.Path{"suite", "region"}, Column: "code"}},
				{Name: "amount", Type: "decimal(12,2)", Family: catalog.FamilyDecimal, Nullable: true, Default: "0.50"},
				{Name: "at", Type: "datetime(3)", Family: catalog.FamilyDateTime, Nullable: true},
				{Name: "kind", Type: "enum('a','b')", Family: catalog.FamilyText, Nullable: true, Default: b}}},
			{Path: catalog.Path{"suite", "big"}, Kind: catalog.KindView, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
				{Name: "id", Type: "bigint(20)", Family: catalog.FamilyInteger, Default: "0", Comment: "Counts up"},
				{Name: "amount", Type: "decimal(12,2)", Family: catalog.FamilyDecimal, Nullable: true, Default: "0.50"}}},
		},
	}
}

var mysqlTypes = []conformance.TypeCase{
	{SQL: "9223372036854775807", Want: "9223372036854775807", Family: catalog.FamilyInteger},
	{SQL: "cast(18446744073709551615 as unsigned)", Want: "18446744073709551615", Family: catalog.FamilyInteger},
	{SQL: "cast('1234567890123456789012345.123456789012345678901234567890' as decimal(65, 30))", Want: "1234567890123456789012345.123456789012345678901234567890", Family: catalog.FamilyDecimal},
	{SQL: "1e-300", Want: "1e-300", Family: catalog.FamilyFloat},
	{SQL: "0.1e0", Want: "0.1", Family: catalog.FamilyFloat},
	{SQL: "'naïve 🦆'", Want: "naïve 🦆", Family: catalog.FamilyText},
	{SQL: "x'00ff41'", Want: "0x00ff41", Family: catalog.FamilyBinary},
	{SQL: "date '2026-02-28'", Want: "2026-02-28", Family: catalog.FamilyDate},
	{SQL: "cast('838:59:59' as time)", Want: "838:59:59", Family: catalog.FamilyTime},
	{SQL: "timestamp '2026-11-23 17:29:00.000001'", Want: "2026-11-23 17:29:00.000001", Family: catalog.FamilyDateTime},
	{SQL: "st_geomfromtext('point(1 2)')", Want: "0x000000000101000000000000000000f03f0000000000000040", Family: catalog.FamilyGeo},
	{SQL: "cast(null as signed)", Null: true, Family: catalog.FamilyInteger},
	{SQL: "select kind from suite.sale union all select 'b' limit 1", Want: "b", Family: catalog.FamilyText},
}
