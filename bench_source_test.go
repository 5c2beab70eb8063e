package main

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // makes the file, with an engine that is not locked

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
	"patchbay/connectors"
	"patchbay/e2e/servers"
)

// A benchSource is a made-up warehouse in a real server, or in a file, and how its benchmark speaks with it.
type benchSource struct {
	tables     int
	product    catalogtest.Product
	connection benchConnection
	bare       string // R: what a straightforward tool asks to read the whole catalog
	schemas    bool   // the product has schemas; where it has none, databases take their place
	exec       func(b testing.TB, statements ...string)
	// queries is how many statements the connection's user has sent so far; -1 where nobody counts.
	queries func(b testing.TB) int64
	// beside tells of other tools that read the same source, given how long the first refresh took, and answers with how long psql
	// takes for R; 0 where there is no psql.
	beside func(b *testing.B, first time.Duration) (psql time.Duration)
}

// change adds a column to 1 % of the tables; n is another one each time.
func (s *benchSource) change(n int) (statements []string) {
	i := 0
	for t := range catalogtest.Warehouse(s.tables, 10) {
		if i++; i%100 == 0 {
			statements = append(statements, fmt.Sprintf("alter table %s add column extra%d integer", s.product.Named(t), n))
		}
	}
	return statements
}

// keeping is the filter that keeps a share of the schemas, in percent, and with it that share of the tables.
func (s *benchSource) keeping(share int) catalog.Filter {
	f := s.connection.filter
	kept := &catalog.Match{Match: catalog.MatchExact}
	for i := range catalogtest.Groups * share / 100 {
		kept.Values = append(kept.Values, catalogtest.Group(i))
	}
	if s.schemas {
		f.Schemas.Include = kept
	} else {
		f.Databases.Include = kept
	}
	return f
}

// benchComments is how many bytes the comment of every table and column has: BENCH_COMMENTS of them, or 0 where few have one, and a
// short one, as in warehouses that people keep.
func benchComments(b testing.TB) int {
	b.Helper()
	text := os.Getenv("BENCH_COMMENTS")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 1000 { // MariaDB takes 1,024
		b.Fatalf("BENCH_COMMENTS is %q: a number of bytes from 100 to 1000", text)
	}
	return n
}

// lengthen gives a table and its columns comments of so many bytes, each another one.
func lengthen(t *catalog.Table, bytes int) {
	if bytes == 0 {
		return
	}
	comment := func(of ...string) string {
		return strings.Repeat("What "+strings.Join(of, " ")+" is. ", 1+bytes/10)[:bytes]
	}
	t.Comment = comment(t.Path...)
	for i := range t.Columns {
		t.Columns[i].Comment = comment(append(t.Path[1:], t.Columns[i].Name)...)
	}
}

// perCommit is how many tables one transaction makes: PostgreSQL holds some locks for each until its end.
const perCommit = 200

// fill makes the warehouse, some hundred tables at a time.
func (s *benchSource) fill(b testing.TB) {
	b.Helper()
	var statements []string
	for i := range catalogtest.Groups {
		statements = append(statements, "create schema "+catalogtest.Group(i)) // MariaDB calls a database so too
	}
	s.exec(b, statements...)
	var batches []string
	var batch strings.Builder
	n := 0
	comments := benchComments(b)
	for t := range catalogtest.Warehouse(s.tables, 10) {
		lengthen(&t, comments)
		batch.WriteString(strings.Join(s.product.Create(t), ";\n") + ";\n")
		if n++; n%perCommit == 0 || n == s.tables {
			batches = append(batches, batch.String())
			batch.Reset()
		}
	}
	s.exec(b, batches...)
}

const barePostgres = `select n.nspname, c.relname, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
	a.attgenerated, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid), d.description
	from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
	left join pg_catalog.pg_description d on d.classoid = 'pg_catalog.pg_class'::regclass and d.objoid = a.attrelid and d.objsubid = a.attnum
	where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
	and n.nspname !~ '^pg_(toast|temp)' order by 1, 2, 3`

const bareMariaDB = `select table_schema, table_name, ordinal_position, column_name, column_type, is_nullable, column_default, extra, column_comment
	from information_schema.columns where table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys') order by 1, 2, 3`

const bareDuckDB = `select schema_name, table_name, column_index, column_name, data_type, is_nullable, column_default, comment
	from duckdb_columns() where not internal order by 1, 2, 3`

// manyTables is a PostgreSQL server where pg_dump may lock 100,000 tables at once, and which counts statements.
func manyTables(b testing.TB) *servers.Server {
	b.Helper()
	return servers.Postgres(b, servers.Options{Name: "refresh bench", Settings: "max_locks_per_transaction = 2048\nshared_preload_libraries = 'pg_stat_statements'\nautovacuum = off"})
}

func postgresSource(b testing.TB, tables int) *benchSource {
	b.Helper()
	server := manyTables(b)
	fillPostgres(b, server, "big", tables)
	s := &benchSource{tables: tables, product: catalogtest.PostgreSQL, connection: bigPostgres(server, strconv.Itoa(server.Port)), bare: barePostgres, schemas: true,
		exec: func(b testing.TB, statements ...string) { server.Exec(b, "big", statements...) }}
	server.Exec(b, "postgres", "create extension pg_stat_statements") // apart from the warehouse, whose statements it counts as well
	s.queries = func(b testing.TB) int64 {
		return count(b, server.DB(b, "postgres"), "select coalesce(sum(calls), 0)::bigint from pg_stat_statements where userid = '"+server.User+"'::regrole")
	}
	s.beside = func(b *testing.B, first time.Duration) time.Duration { return besidePostgres(b, server, first) }
	return s
}

// fillPostgres makes a database with a warehouse that the connection's user may read, unless another benchmark has made it.
func fillPostgres(b testing.TB, server *servers.Server, database string, tables int) {
	b.Helper()
	if count(b, server.DB(b, "postgres"), "select count(*) from pg_database where datname = '"+database+"'") > 0 {
		return
	}
	server.Exec(b, "postgres", "create database "+database+" owner "+server.User)
	s := &benchSource{tables: tables, product: catalogtest.PostgreSQL,
		exec: func(b testing.TB, statements ...string) { server.Exec(b, database, statements...) }}
	s.fill(b)
	for i := range catalogtest.Groups {
		s.exec(b, fmt.Sprintf("grant usage on schema %[1]s to %[2]s; grant select on all tables in schema %[1]s to %[2]s", catalogtest.Group(i), server.User))
	}
	s.exec(b, "vacuum analyze", "checkpoint")
	syscall.Sync() // the server leaves that to the kernel, and a commit of Patchbay's would wait for all of it
}

func mariadbSource(b testing.TB, tables int) *benchSource {
	b.Helper()
	server := servers.MariaDB(b, servers.Options{Name: "refresh bench"})
	s := &benchSource{tables: tables, product: catalogtest.MariaDB, bare: bareMariaDB,
		connection: benchConnection{kind: "mariadb", password: server.Password,
			values: connectors.Values{"host": server.Host, "port": strconv.Itoa(server.Port), "user": server.User, "tls_mode": "verify-full", "tls_ca": server.CA}},
		exec:   func(b testing.TB, statements ...string) { server.Exec(b, server.Database, statements...) },
		beside: func(*testing.B, time.Duration) time.Duration { return 0 }}
	asked := int64(0) // by ourselves
	s.queries = func(b testing.TB) int64 {
		asked++
		return count(b, server.DB(b, server.Database), "select variable_value from information_schema.global_status where variable_name = 'COM_SELECT'") - asked
	}
	s.fill(b)
	return s
}

// duckdbSource has no server that counts: a refresh is four statements of one instance (connectors/duckdb).
func duckdbSource(b testing.TB, tables int) *benchSource {
	b.Helper()
	dir := b.TempDir()
	s := &benchSource{tables: tables, product: catalogtest.DuckDB, bare: bareDuckDB, schemas: true,
		connection: benchConnection{kind: "duckdb", files: dir, values: connectors.Values{"file": "big.duckdb", "read_only": "true"}},
		queries:    func(testing.TB) int64 { return -1 },
		beside:     func(*testing.B, time.Duration) time.Duration { return 0 }}
	s.exec = func(b testing.TB, statements ...string) {
		b.Helper()
		db, err := sql.Open("duckdb", filepath.Join(dir, "big.duckdb"))
		if err != nil {
			b.Fatal(err)
		}
		for _, statement := range statements {
			if _, err := db.ExecContext(b.Context(), "begin; "+statement+"; commit"); err != nil {
				b.Fatalf("run %.200s: %v", statement, err)
			}
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
	s.fill(b)
	return s
}

// count is the one number that a query answers with.
func count(b testing.TB, db *sql.DB, query string) (n int64) {
	b.Helper()
	if err := db.QueryRowContext(b.Context(), query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// besidePostgres tells how many times longer other tools take for the same database: psql for R itself, pg_dump for the whole schema.
func besidePostgres(b *testing.B, server *servers.Server, first time.Duration) (psql time.Duration) {
	b.Helper()
	flags := []string{"-h", server.Host, "-p", strconv.Itoa(server.Port), "-U", server.User}
	query := strings.Join(strings.Fields(barePostgres), " ") // a backslash command is one line
	psql = timed(b, server, "psql", append(flags, "-X", "-q", "-d", "big", "-c", `\copy (`+query+`) to '/dev/null'`)...)
	report(b, psql.Seconds(), "R-by-psql-s")
	dump := timed(b, server, "pg_dump", append(flags, "-s", "-f", "/dev/null", "big")...)
	report(b, dump.Seconds()/first.Seconds(), "pg_dump-x-first")
	return psql
}

// timed runs a program of PostgreSQL's to its end.
func timed(b testing.TB, server *servers.Server, program string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "/usr/lib/postgresql/15/bin/"+program, args...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+server.Password, "PGSSLMODE=require")
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %.2000s", program, err, out)
	}
	return time.Since(began)
}

// What the benchmarks read is made in each product as it should be, and read whole, and their filters keep what they say.
func TestMadeUpWarehouses(t *testing.T) {
	for name, made := range map[string]func(testing.TB, int) *benchSource{"postgres": postgresSource, "mariadb": mariadbSource, "duckdb": duckdbSource} {
		t.Run(name, func(t *testing.T) {
			const tables = 3 * catalogtest.Groups
			s := made(t, tables)
			r := openRefreshBench(t, s.connection)
			if run := r.refresh(t); run.State != "succeeded" || run.Added != tables {
				t.Fatalf("%+v", run)
			}
			r.complete(t, tables)
			if columns := r.shard(t).Columns(); columns != 10*tables {
				t.Errorf("%d columns", columns)
			}
			s.exec(t, s.change(0)...)
			if run := r.refresh(t); run.State != "succeeded" || run.Changed != tables/100 {
				t.Errorf("1 %% changed: %+v", run)
			}
			r.filter(t, s.keeping(25))
			if run := r.refresh(t); run.State != "succeeded" || r.shard(t).Tables() != tables/4 {
				t.Errorf("a quarter: %+v, %d tables", run, r.shard(t).Tables())
			}
		})
	}
}
