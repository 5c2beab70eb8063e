package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
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
// searchable: the first, one that finds nothing changed, one that finds 1 % changed, and one of a tenth of the tables. Each is told as a ratio to R, the
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
		peak, writes := watchHeap(), r.watchWrites(b)
		ratio("first", r.run(b))
		b.ReportMetric(float64(peak())/1e6, "first-peak-MB")
		b.ReportMetric(float64(writes().Microseconds())/1000, "others'-writes-p99-ms")
		b.ReportMetric(r.stored(b)/float64(r.shard(b).Columns()), "stored-B/column")
		if hits := catalog.Search([]*catalog.Shard{r.shard(b)}, catalog.Query{Text: fmt.Sprintf("orders_%d", tables)}); len(hits) == 0 {
			b.Fatal("the last table cannot be found")
		}
		ratio("unchanged", r.run(b))
		server.Exec(b, "big", fmt.Sprintf("do $$ begin for i in 1..%d loop execute format('alter table orders_%%s add extra int', i); end loop; end $$", tables/100))
		ratio("1%-changed", r.run(b))
		r.filter(b, catalog.Filter{Tables: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchGlob, Values: []string{"orders_*7"}}}})
		r.run(b) // takes out what the filter excludes
		ratio("a-tenth-by-filter", r.run(b))
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

// watchWrites makes a small write every few milliseconds, as people's acts are, until the function that it returns is called.
func (r *refreshBench) watchWrites(b *testing.B) (p99 func() time.Duration) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	var took []time.Duration
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				began := time.Now()
				if err := r.store.Audit(b.Context(), store.AuditEntry{Action: "bench.write"}); err != nil {
					b.Error(err)
				}
				took = append(took, time.Since(began))
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		<-stopped
		slices.Sort(took)
		return took[len(took)*99/100]
	}
}

// watchHeap samples how much more of the heap is in use than now, until the function that it returns is called.
func watchHeap() (peak func() uint64) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	base, most := heap(), uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				most = max(most, heap())
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return most - min(base, most)
	}
}

// stored is what a catalog's rows take, keys and hashes included, without what is unused of their pages.
func (r *refreshBench) stored(b *testing.B) float64 {
	b.Helper()
	size := 0.0
	err := r.store.TablesEach(b.Context(), r.id, func(path string, body []byte) error {
		size += float64(len(catalog.PackPath(path)) + len(catalog.Hash{}) + len(body) + 10) // 10: the row's own header and its place in the page
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

func (r *refreshBench) filter(b *testing.B, f catalog.Filter) {
	b.Helper()
	f.Databases = catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{"big"}}}
	if err := r.store.Maintain(b.Context(), func(tx *store.Tx) error { return tx.SetFilter(r.id, f) }); err != nil {
		b.Fatal(err)
	}
}

func (r *refreshBench) shard(b *testing.B) *catalog.Shard {
	b.Helper()
	s, ok := r.runner.Shard(r.id)
	if !ok {
		b.Fatal("there is no shard")
	}
	return s
}
