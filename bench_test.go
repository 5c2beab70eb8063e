package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
	"patchbay/connectors"
	"patchbay/connectors/all"
	"patchbay/e2e/servers"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// BenchmarkPostgresRefresh, BenchmarkMariaDBRefresh and BenchmarkDuckDBRefresh are whole refreshes of 10,000 tables of 10 columns,
// or BENCH_TABLES of them, from asking for one to searchable; with BENCH_COMMENTS=1000, each table and column has a comment of so many
// bytes. Each refresh is told as a ratio to R, the bare catalog query of the product
// (bench_source_test.go) read to its end by the product's own client in the same run.
func BenchmarkPostgresRefresh(b *testing.B) { benchmarkRefresh(b, postgresSource(b, benchTables(b))) }

func BenchmarkMariaDBRefresh(b *testing.B) { benchmarkRefresh(b, mariadbSource(b, benchTables(b))) }

func BenchmarkDuckDBRefresh(b *testing.B) { benchmarkRefresh(b, duckdbSource(b, benchTables(b))) }

// goals are those of SPEC section 12 by unit, for sources of 100,000 tables. Each stands beside its figure, as "-goal"; figures are to
// be at most so large, or, of those in atLeast, at least.
var (
	goals = map[string]float64{"first-xR-by-psql": 1.3, "unchanged-xR-by-psql": 1.2, "unchanged-rows-written": 0, "1%-changed-xR-by-psql": 1.25,
		"first-RSS-growth-MB": 200, "stored-B/column": 15, "refresh-pages-p99-ms": 20, "refresh-writes-p99-ms": 25, "refresh-pages-failed": 0, "refresh-writes-failed": 0}
	atLeast = map[string]float64{"pg_dump-x-first": 10}
)

// report tells a figure, with its goal where it has one.
func report(b *testing.B, n float64, unit string) {
	b.ReportMetric(n, unit)
	if goal, ok := goals[unit]; ok {
		b.ReportMetric(goal, unit+"-goal")
	}
	if goal, ok := atLeast[unit]; ok {
		b.ReportMetric(goal, unit+"-goal-at-least")
	}
}

// benchTables is how many tables a source has.
func benchTables(b *testing.B) int {
	b.Helper()
	text := os.Getenv("BENCH_TABLES")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 {
		b.Fatalf("BENCH_TABLES is %q: a number of tables, 100 or more", text)
	}
	return n
}

// benchmarkRefresh tells of the first refresh, one that finds nothing changed, one that finds 1 % changed, and those that a filter
// narrows: the time of each, what it asked of the source, and what it wrote.
func benchmarkRefresh(b *testing.B, s *benchSource) {
	for n := 0; b.Loop(); n++ {
		report(b, float64(s.tables), "tables")
		r := openRefreshBench(b, s.connection)
		bare := r.readBare(b, s.bare)
		report(b, bare.Seconds(), "R-s")
		ratio := func(name string) time.Duration {
			took := r.run(b)
			report(b, took.Seconds()/bare.Seconds(), name+"-xR")
			return took
		}
		counted := func(name string) time.Duration {
			generation, sent := r.generation(b), s.queries(b)
			took := ratio(name)
			if sent >= 0 {
				report(b, float64(s.queries(b)-sent), name+"-queries")
			}
			report(b, float64(r.raw(b, fmt.Sprintf("select count(*) from catalog_table where gen_from > %d", generation))), name+"-rows-written")
			return took
		}
		rss, heap := watchRSS(b), watchHeap()
		first := counted("first")
		report(b, float64(heap())/1e6, "first-peak-heap-MB")
		report(b, float64(rss())/1e6, "first-RSS-growth-MB")
		report(b, r.stored(b)/float64(r.shard(b).Columns()), "stored-B/column")
		r.complete(b, s.tables)
		psql := s.beside(b, first)
		benchmarkOthersWrites(b, s, bare)
		unchanged := counted("unchanged")
		s.exec(b, s.change(n)...)
		changed := counted("1%-changed")
		if psql > 0 {
			report(b, first.Seconds()/psql.Seconds(), "first-xR-by-psql")
			report(b, unchanged.Seconds()/psql.Seconds(), "unchanged-xR-by-psql")
			report(b, changed.Seconds()/psql.Seconds(), "1%-changed-xR-by-psql")
		}
		benchmarkFilters(b, s, r, ratio)
	}
}

// benchmarkOthersWrites is a first refresh once more, into another store, to which others write meanwhile.
func benchmarkOthersWrites(b *testing.B, s *benchSource, bare time.Duration) {
	r := openRefreshBench(b, s.connection)
	writes := r.watchWrites(b)
	report(b, r.run(b).Seconds()/bare.Seconds(), "first-with-writes-xR")
	report(b, float64(writes().Microseconds())/1000, "others'-writes-p99-ms")
}

// benchmarkFilters times refreshes that keep less and less: by whole schemas (databases where there are none), and by the names of
// tables. What a filter excludes is taken out before, which is not timed.
func benchmarkFilters(b *testing.B, s *benchSource, r *refreshBench, ratio func(string) time.Duration) {
	for _, share := range []int{100, 75, 50, 25, 10} {
		r.filter(b, s.keeping(share))
		r.run(b)
		ratio(fmt.Sprintf("keep-%d%%", share))
		if kept := r.shard(b).Tables() * 100 / s.tables; kept < share-1 || kept > share+1 {
			b.Fatalf("the filter keeps %d %%, want %d %%", kept, share)
		}
	}
	every := s.keeping(100)
	every.Tables.Include = &catalog.Match{Match: catalog.MatchGlob, Values: []string{"*_daily*", "*_snapshot*", "*_summary*"}}
	r.filter(b, every)
	r.run(b)
	ratio("table-rule")
	report(b, float64(r.shard(b).Tables())*100/float64(s.tables), "table-rule-keeps-%")
}

// A refreshBench is a server without its HTTP door, with one connection.
type refreshBench struct {
	store  *store.Store
	opener *workspace.Opener
	runner *refresh.Runner
	dir    string
	id     string
}

// A benchConnection is what is typed to connect, and where the files of embedded products lie.
type benchConnection struct {
	kind     string
	values   connectors.Values
	password string
	filter   catalog.Filter
	files    string
}

// bigPostgres is a PostgreSQL server's database big by one of its ports, or by that of what stands before it.
func bigPostgres(server *servers.Server, port string) benchConnection {
	return benchConnection{kind: "postgres", password: server.Password, filter: keepOnly("big"),
		values: connectors.Values{"host": server.Host, "port": port, "database": "big", "user": server.User, "tls_mode": "verify-full", "tls_ca": server.CA}}
}

// keepOnly is the filter that keeps one database.
func keepOnly(database string) catalog.Filter {
	return catalog.Filter{Databases: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{database}}}}
}

func openRefreshBench(b testing.TB, to benchConnection) *refreshBench {
	b.Helper()
	keys := secret.NewRing()
	r := &refreshBench{dir: b.TempDir(), id: "big"}
	var err error
	if r.store, err = store.Open(b.Context(), store.Options{Dir: r.dir, Now: time.Now, AuditKey: keys.Derive("audit-mac")}); err != nil {
		b.Fatal(err)
	}
	registry, err := connectors.NewRegistry(all.Connectors(), nil)
	if err != nil {
		b.Fatal(err)
	}
	r.opener = &workspace.Opener{Store: r.store, Registry: registry, Keys: keys, FilesDir: to.files}
	r.runner = refresh.NewRunner(refresh.Options{Store: r.store, Open: r.opener.Open, Levels: levelsOf(registry), Now: time.Now, Holder: "bench", Log: slog.New(slog.DiscardHandler)})
	b.Cleanup(func() {
		r.runner.Stop(context.Background())
		if err := r.store.Close(); err != nil {
			b.Error(err)
		}
	})
	connector, _ := registry.Get(to.kind)
	c := store.Connection{ID: r.id, Name: "big", Type: to.kind, Config: to.values, Destination: connector.Destination(to.values),
		Schedule: schedule.Spec{Kind: schedule.Off}, Filter: to.filter}
	boxes := map[string][]byte{}
	if to.password != "" {
		if boxes["password"], err = keys.Seal([]byte(to.password), "connection", c.ID, "password", c.Destination); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.store.Maintain(b.Context(), func(tx *store.Tx) error { return tx.CreateConnection(c, boxes) }); err != nil {
		b.Fatal(err)
	}
	return r
}

// readBare is the shortest of three readings of the bare catalog query by the product's own client.
func (r *refreshBench) readBare(b *testing.B, query string) time.Duration {
	b.Helper()
	c, err := r.store.Connection(b.Context(), r.id)
	if err != nil {
		b.Fatal(err)
	}
	src, err := r.opener.Open(b.Context(), &c)
	if err != nil {
		b.Fatal(err)
	}
	shortest := time.Hour
	for range 3 {
		began := time.Now()
		rows, err := src.Query(b.Context(), connectors.Statement{SQL: query, ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			b.Fatal(err)
		}
		shortest = min(shortest, time.Since(began))
	}
	if err := src.Close(); err != nil {
		b.Fatal(err)
	}
	return shortest
}

// complete fails where the last table of the source cannot be found, or a table is missing.
func (r *refreshBench) complete(b testing.TB, tables int) {
	b.Helper()
	shard := r.shard(b)
	if shard.Tables() != tables {
		b.Fatalf("%d tables, want %d", shard.Tables(), tables)
	}
	var last catalog.Table
	for t := range catalogtest.Warehouse(tables, 10) {
		last = t
	}
	hits := catalog.Search([]*catalog.Shard{shard}, catalog.Query{Text: last.Path.Name(), Limit: 50})
	if !slices.ContainsFunc(hits, func(h catalog.Hit) bool { return h.Name() == last.Path.Name() }) {
		b.Fatalf("%s cannot be found", last.Path)
	}
}

// raw asks the store's own file, beside the store.
func (r *refreshBench) raw(b *testing.B, query string) (n int64) {
	b.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(r.dir, "patchbay.db")+"?mode=ro")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(b.Context(), query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// generation is the one that everyone sees.
func (r *refreshBench) generation(b *testing.B) int64 {
	b.Helper()
	state, err := r.store.CatalogState(b.Context(), r.id)
	if err != nil {
		b.Fatal(err)
	}
	return state.Generation
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

// watchRSS tells how much more memory than now this process had at its worst, in bytes, until the function that it returns is called
// (proc(5): clear_refs resets VmHWM).
func watchRSS(b *testing.B) (growth func() int64) {
	b.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	base := memoryOf(b, os.Getpid(), "VmRSS")
	return func() int64 { return memoryOf(b, os.Getpid(), "VmHWM") - base }
}

// memoryOf is one line of a process's status, in bytes.
func memoryOf(b *testing.B, pid int, line string) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), line+":")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes * 1024
}

// stored is what a catalog's rows take, keys, hashes and the shared words included, without what is unused of their pages.
func (r *refreshBench) stored(b *testing.B) float64 {
	b.Helper()
	size := float64(r.raw(b, "select coalesce(sum(length(word) + 6), 0) from catalog_word")) // 6: the row's key and header
	err := r.store.TablesEach(b.Context(), r.id, func(path string, body []byte) error {
		size += float64(len(catalog.PackPath(path)) + len(catalog.Hash{}) + len(body) + 10) // 10: the row's own header and its place in the page
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

func (r *refreshBench) filter(b testing.TB, f catalog.Filter) {
	b.Helper()
	if err := r.store.Maintain(b.Context(), func(tx *store.Tx) error { return tx.SetFilter(r.id, f) }); err != nil {
		b.Fatal(err)
	}
}

func (r *refreshBench) shard(b testing.TB) *catalog.Shard {
	b.Helper()
	s, ok := r.runner.Shard(r.id)
	if !ok {
		b.Fatal("there is no shard")
	}
	return s
}
