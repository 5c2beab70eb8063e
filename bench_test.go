package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/all"
	"patchbay/e2e/servers"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// bareCatalog is the joined query of the whole catalog, as a straightforward tool asks it: the measure R of SPEC section 12.
const bareCatalog = `select n.nspname, c.relname, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
	a.attgenerated, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid), d.description
	from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
	left join pg_catalog.pg_description d on d.classoid = 'pg_catalog.pg_class'::regclass and d.objoid = a.attrelid and d.objsubid = a.attnum
	where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
	and n.nspname !~ '^pg_(toast|temp)' order by 1, 2, 3`

// BenchmarkPostgresRefresh is a whole refresh of 10,000 tables of 10 columns, or BENCH_TABLES of them, from asking for it to
// searchable: the first, one that finds nothing changed, and one that finds 1 % changed. Each is told as a ratio to R, the
// bare catalog query read to its end by the same driver (pgx) in the same run.
func BenchmarkPostgresRefresh(b *testing.B) {
	tables := 10_000
	if n, err := strconv.Atoi(os.Getenv("BENCH_TABLES")); err == nil {
		tables = n
	}
	server := servers.Postgres(b, servers.Options{Name: "refresh bench"})
	server.Exec(b, "postgres", "create database big owner "+server.User)
	for from := 1; from <= tables; from += 1000 {
		server.Exec(b, "big", fmt.Sprintf(`do $$ begin for i in %d..%d loop execute format('create table orders_%%s (id bigint primary key,
			customer_id bigint not null, number varchar(32), total numeric(12,2) default 0, status text, created_at timestamptz not null default now(),
			updated_at timestamp, active boolean, payload jsonb, note text)', i); execute format('comment on table orders_%%s is ''part %%s''', i, i); end loop; end $$`,
			from, min(from+999, tables)))
	}
	server.Exec(b, "big", fmt.Sprintf("do $$ begin for i in 1..%d loop execute format('grant select on orders_%%s to %s', i); end loop; end $$", tables, server.User), "vacuum analyze")
	for b.Loop() {
		bare := readBare(b, server.DB(b, "big"))
		r := newRefreshBench(b, server, strconv.Itoa(server.Port))
		ratio := func(name string, took time.Duration) {
			b.ReportMetric(took.Seconds()/bare.Seconds(), name+"-xR")
		}
		ratio("first", r.run(b))
		if hits := catalog.Search([]*catalog.Shard{r.shard(b)}, catalog.Query{Text: fmt.Sprintf("orders_%d", tables)}); len(hits) == 0 {
			b.Fatal("the last table cannot be found")
		}
		ratio("unchanged", r.run(b))
		server.Exec(b, "big", fmt.Sprintf("do $$ begin for i in 1..%d loop execute format('alter table orders_%%s add extra int', i); end loop; end $$", tables/100))
		ratio("1%-changed", r.run(b))
		b.ReportMetric(bare.Seconds(), "R-s")
	}
}

// readBare is the shortest of three readings of the bare catalog query.
func readBare(b *testing.B, db *sql.DB) time.Duration {
	b.Helper()
	shortest := time.Hour
	for range 3 {
		began := time.Now()
		rows, err := db.QueryContext(b.Context(), bareCatalog)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
		}
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
		shortest = min(shortest, time.Since(began))
	}
	return shortest
}

// A refreshBench is a server without its HTTP door, with one connection.
type refreshBench struct {
	store  *store.Store
	runner *refresh.Runner
	id     string
}

// newRefreshBench connects to a server by one of its ports, or by that of what stands before it.
func newRefreshBench(b testing.TB, server *servers.Server, port string) *refreshBench {
	b.Helper()
	keys := secret.NewRing()
	st, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Now: time.Now, AuditKey: keys.Derive("audit-mac")})
	if err != nil {
		b.Fatal(err)
	}
	registry, err := connectors.NewRegistry(all.Connectors(), nil)
	if err != nil {
		b.Fatal(err)
	}
	opener := &workspace.Opener{Store: st, Registry: registry, Keys: keys}
	runner := refresh.NewRunner(refresh.Options{Store: st, Open: opener.Open, Levels: levelsOf(registry), Now: time.Now, Holder: "bench", Log: slog.New(slog.DiscardHandler)})
	b.Cleanup(func() {
		runner.Stop(context.Background())
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	r := &refreshBench{store: st, runner: runner, id: "big"}
	values := connectors.Values{"host": server.Host, "port": port, "database": "big", "user": server.User, "tls_mode": "verify-full", "tls_ca": server.CA}
	connector, _ := registry.Get("postgres")
	c := store.Connection{ID: r.id, Name: "big", Type: "postgres", Config: values, Destination: connector.Destination(values), Schedule: schedule.Spec{Kind: schedule.Off},
		Filter: catalog.Filter{Databases: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{"big"}}}}}
	box, err := keys.Seal([]byte(server.Password), "connection", c.ID, "password", c.Destination)
	if err != nil {
		b.Fatal(err)
	}
	if err := st.Maintain(b.Context(), func(tx *store.Tx) error { return tx.CreateConnection(c, map[string][]byte{"password": box}) }); err != nil {
		b.Fatal(err)
	}
	return r
}

// run is how long one refresh takes, from asking for it until it is searchable.
func (r *refreshBench) run(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	started, err := r.runner.Start(b.Context(), r.id, "manual", "")
	if err != nil {
		b.Fatal(err)
	}
	if err := r.runner.Wait(b.Context(), started.ID); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	ended, err := r.store.Run(b.Context(), started.ID)
	if err != nil || ended.State != "succeeded" {
		b.Fatalf("the refresh ended %s: %s %s, error %v", ended.State, ended.Cause, ended.Error, err)
	}
	return took
}

func (r *refreshBench) shard(b *testing.B) *catalog.Shard {
	b.Helper()
	s, ok := r.runner.Shard(r.id)
	if !ok {
		b.Fatal("there is no shard")
	}
	return s
}
