package postgres

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/e2e/servers"
)

const benchTables = 10_000

// joined is what a straightforward tool asks: every column of the database with all that is known of it, joined by the server.
const joined = `select n.nspname, c.relname, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
	a.attnotnull, a.attidentity, a.attgenerated, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid), d.description
	from pg_catalog.pg_attribute a
	join pg_catalog.pg_class c on c.oid = a.attrelid
	join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
	left join pg_catalog.pg_description d on d.classoid = 'pg_catalog.pg_class'::regclass and d.objoid = a.attrelid and d.objsubid = a.attnum
	where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
	and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
	order by 1, 2, 3`

// counts is a sink that counts.
type counts struct{ tables, columns int }

func (c *counts) Table(t catalog.Table) error {
	c.tables++
	c.columns += len(t.Columns)
	return nil
}
func (c *counts) Done(catalog.Path) error                 { return nil }
func (c *counts) Skipped(_ catalog.Path, why error) error { return why }

// BenchmarkReadCatalog reads 10,000 tables of 10 columns, or BENCH_TABLES of them; R is the joined query read to its end by the
// same driver.
func BenchmarkReadCatalog(b *testing.B) {
	tables := benchTables
	if n, err := strconv.Atoi(os.Getenv("BENCH_TABLES")); err == nil {
		tables = n
	}
	server := servers.Postgres(b, servers.Options{Name: "catalog bench"})
	made := []string{"create type mood as enum ('sad', 'glad')"}
	for from := 1; from <= tables; from += 1000 {
		made = append(made, fmt.Sprintf(`do $$ begin for i in %d..%d loop
			execute format('create table customer_orders_%%s (id bigint primary key, customer_id bigint not null, order_number varchar(32), total_amount numeric(12,2) default 0,
				status text, created_at timestamptz not null default now(), updated_at timestamp, is_active boolean, payload jsonb, feeling mood)', i);
			execute format('comment on table customer_orders_%%s is ''orders of part %%s''', i, i);
		end loop; end $$`, from, min(from+999, tables)))
	}
	src, db := database(b, server, made...)
	server.Exec(b, db, "vacuum analyze")
	R := best(b, func() { readJoined(b, src) })
	for b.Loop() {
		ours := best(b, func() {
			c := &counts{}
			if err := src.ReadCatalog(b.Context(), catalog.Filter{Databases: exact(db)}, c); err != nil {
				b.Fatal(err)
			}
			if c.tables != tables || c.columns != 10*tables {
				b.Fatal(*c)
			}
		})
		b.ReportMetric(float64(ours)/float64(R), "xR")
		b.ReportMetric(ours.Seconds(), "s/catalog")
	}
}

// best is the shortest of a few runs: the machine has other things to do.
func best(b *testing.B, run func()) time.Duration {
	b.Helper()
	shortest := time.Hour
	for range 5 {
		began := time.Now()
		run()
		shortest = min(shortest, time.Since(began))
	}
	return shortest
}

func readJoined(b *testing.B, src connectors.Source) {
	b.Helper()
	se, err := src.(*source).acquire(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer src.(*source).release(se)
	answer := se.conn.ExecParams(b.Context(), joined, nil, nil, nil, nil)
	for answer.NextRow() {
	}
	if _, err := answer.Close(); err != nil {
		b.Fatal(err)
	}
}

const millionRows = `select i, i::bigint * 7919 as customer, 'order ' || i as name, i / 3.0 as amount, i % 2 = 0 as paid, timestamp '2026-01-01' + i * interval '1 second' as at,
	md5(i::text) as digest, case when i % 10 = 0 then null else i % 100 end as maybe, 'a, "quoted" text' as remark, date '2026-01-01' + i % 365 as day
	from generate_series(1, 1000000) i`

// BenchmarkMillionRows writes 1,000,000 rows of 10 columns as CSV; the measure is psql's \copy of the same.
func BenchmarkMillionRows(b *testing.B) {
	server := servers.Postgres(b, servers.Options{})
	src, db := database(b, server, "create table million as "+millionRows)
	server.Exec(b, db, "vacuum analyze")
	psql := best(b, func() { copyByPSQL(b, server, db) })
	for b.Loop() {
		ours := best(b, func() { writeCSV(b, src) })
		b.ReportMetric(float64(ours)/float64(psql), "x-psql-copy")
		b.ReportMetric(ours.Seconds(), "s/million")
	}
}

func copyByPSQL(b *testing.B, server *servers.Server, db string) {
	b.Helper()
	cmd := exec.Command("/usr/lib/postgresql/15/bin/psql", "-X", "-q", "-h", server.Host, "-p", strconv.Itoa(server.Port), "-U", server.User, "-d", db,
		"-c", `\copy (select * from million) to '/dev/null' with (format csv)`)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+server.Password, "PGSSLMODE=require")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

func writeCSV(b *testing.B, src connectors.Source) {
	b.Helper()
	rows, err := src.Query(context.WithoutCancel(b.Context()), connectors.Statement{SQL: "select * from million", ReadOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriterSize(io.Discard, 64<<10)
	n := 0
	for rows.Next() {
		n++
		for i, cell := range rows.Row() {
			if i > 0 {
				_ = out.WriteByte(',')
			}
			if bytes.ContainsAny(cell, ",\"\n\r") {
				_, _ = out.WriteString(strconv.Quote(string(cell)))
			} else {
				_, _ = out.Write(cell)
			}
		}
		_ = out.WriteByte('\n')
	}
	if err := rows.Close(); err != nil || rows.Err() != nil || n != 1_000_000 {
		b.Fatal(n, err, rows.Err())
	}
}
