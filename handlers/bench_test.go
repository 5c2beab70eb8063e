package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
	"patchbay/connectors"
	"patchbay/connectors/postgres"
	"patchbay/notebook"
	"patchbay/query"
	"patchbay/refresh"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// A benchSite is the server with connections whose catalogs are made up, and an Admin who is signed in. The catalogs went the way
// that a refresh goes.
type benchSite struct {
	server      *Server
	http        *httptest.Server
	client      *http.Client
	project     string
	connections []string
}

// A madeUp source reports tables as fast as they can be made, and answers nothing else.
type madeUp struct{ tables []catalog.Table }

func (madeUp) Server(context.Context) (connectors.Server, error) {
	return connectors.Server{Product: "made up"}, nil
}

func (m madeUp) ReadCatalog(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
	for _, t := range m.tables {
		if err := to.Table(t); err != nil {
			return err
		}
	}
	return to.Done(nil)
}

func (madeUp) Query(context.Context, connectors.Statement) (connectors.Rows, error) {
	return nil, errors.New("a made-up source answers no statement")
}

func (madeUp) Close() error { return nil }

// newBenchSite has so many connections; tables are those of the i-th.
func newBenchSite(b *testing.B, connections int, tables func(i int) []catalog.Table) *benchSite {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx, log, keys := b.Context(), slog.New(slog.DiscardHandler), secret.NewRing()
	dir := b.TempDir()
	st, err := store.Open(ctx, store.Options{Dir: dir, Now: time.Now, AuditKey: keys.Derive("audit-mac")})
	check(err)
	registry, err := connectors.NewRegistry(postgres.Connectors(), nil)
	check(err)
	s := &benchSite{client: client()}
	open := func(_ context.Context, c *store.Connection) (connectors.Source, error) {
		return madeUp{tables(slices.Index(s.connections, c.ID))}, nil
	}
	levels := func(string) []catalog.Level {
		return []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable}
	}
	refreshes := refresh.NewRunner(refresh.Options{Store: st, Open: open, Levels: levels, Now: time.Now, Holder: "bench", Log: log})
	queries, err := query.NewRunner(query.Options{Store: st, Open: open, Dir: dir + "/results", Now: time.Now, Log: log})
	check(err)
	w := &workspace.Workspace{Store: st, Registry: registry, Refresh: refreshes, Query: queries, Now: time.Now}
	s.server = &Server{Store: st, Auth: auth.New(auth.Options{Store: st, Keys: keys, Now: time.Now}), Workspace: w, Registry: registry,
		Refresh: refreshes, Query: queries, Notebook: notebook.New(st, queries, registry, time.Now), Log: log, Now: time.Now, Ready: st.Ping, Metrics: http.NotFoundHandler()}
	s.http = httptest.NewServer(s.server.Handler())
	b.Cleanup(func() {
		s.server.Drain()
		s.http.Close()
		queries.Close()
		refreshes.Stop(context.Background())
		check(st.Close())
	})
	check(s.server.Auth.CreateFirstAdmin(ctx, "Admin", "admin@example.com", password))
	u, err := st.UserByEmail(ctx, "admin@example.com")
	check(err)
	who := workspace.ActorOf(u)
	p, err := w.CreateProject(ctx, who, "Bench")
	check(err)
	s.project = p.ID
	for i := range connections {
		c := store.Connection{ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", i), Name: fmt.Sprintf("Connection %d", i), Type: "postgres"}
		s.connections = append(s.connections, c.ID)
		check(st.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateConnection(c, nil) }))
		check(s.read(ctx, who, c.ID))
	}
	answer, err := s.client.PostForm(s.http.URL+"/sign-in", url.Values{"email": {u.Email}, "password": {password}})
	check(err)
	check(answer.Body.Close())
	if answer.StatusCode != http.StatusSeeOther {
		b.Fatalf("signing in answers %d", answer.StatusCode)
	}
	return s
}

// read puts a connection into the project and waits until its catalog is searchable.
func (s *benchSite) read(ctx context.Context, who access.Actor, id string) error {
	if err := s.server.Workspace.Import(ctx, who, s.project, id); err != nil {
		return err
	}
	run, err := s.server.Refresh.Start(ctx, id, "manual", "")
	if err != nil {
		return err
	}
	if err := s.server.Refresh.Wait(ctx, run.ID); err != nil {
		return err
	}
	if _, ok := s.server.Refresh.Shard(id); !ok {
		return errors.New("the refresh made no shard")
	}
	return nil
}

// get asks for a page, to its end.
func get(c *http.Client, address string) ([]byte, error) {
	answer, err := c.Get(address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %.300s", address, answer.StatusCode, body)
	}
	return body, err
}

// How a rate is taken: several clients at once, each asking again as soon as it is answered.
const (
	rateClients = 4
	rateFor     = time.Second
)

// rate is how many answers a second an address gives.
func rate(b *testing.B, c *http.Client, address func(n int64) string) float64 {
	b.Helper()
	var asked atomic.Int64
	var work sync.WaitGroup
	began := time.Now()
	for range rateClients {
		work.Go(func() {
			for time.Since(began) < rateFor {
				if _, err := get(c, address(asked.Add(1))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	return float64(asked.Load()) / time.Since(began).Seconds()
}

// BenchmarkTreePage is a page of 100 nodes of a schema of 5,000 tables, as someone signed in opens it: its rate over HTTP as a ratio to
// that of the same bytes from memory behind the same request ids, headers and log, with nobody asked who they are. The client is
// the same and its work is in both rates; handler-µs is a page without HTTP and without a client.
func BenchmarkTreePage(b *testing.B) {
	s := newBenchSite(b, 1, func(int) []catalog.Table {
		var tables []catalog.Table
		for i := range 5000 {
			t := catalogtest.Table(i, 10)
			t.Path[1] = "public"
			tables = append(tables, t)
		}
		return tables
	})
	page := "/projects/" + s.project + "/browser/children?limit=100&path=" + url.QueryEscape(s.connections[0]+"/warehouse/public") + "&offset="
	tree := func(n int64) string { return fmt.Sprint(s.http.URL, page, n%49*100) }
	body, err := get(s.client, tree(0))
	if nodes := strings.Count(string(body), `"path":`); err != nil || nodes != 100 {
		b.Fatalf("a page of %d nodes, %v", nodes, err)
	}
	static := httptest.NewServer(s.server.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})))
	defer static.Close()
	s.client.Transport = &http.Transport{MaxIdleConnsPerHost: rateClients}
	for b.Loop() {
		var ours, bare float64 // the best of three, in turn: the machine has other things to do
		for range 3 {
			ours = max(ours, rate(b, s.client, tree))
			bare = max(bare, rate(b, s.client, func(int64) string { return static.URL + page }))
		}
		b.ReportMetric(ours/bare, "x-static")
		b.ReportMetric(0.25, "x-static-goal-at-least") // SPEC section 12, as those below
		b.ReportMetric(ours, "pages/s")
		b.ReportMetric(bare, "static/s")
		b.ReportMetric(s.handlerTime(b, page).Seconds()*1e6, "handler-µs")
	}
}

// BenchmarkNotebookPage is the page of a notebook with 20 SQL cells, without HTTP and without a client.
func BenchmarkNotebookPage(b *testing.B) {
	s := newBenchSite(b, 1, func(int) []catalog.Table { return []catalog.Table{catalogtest.Table(0, 10)} })
	u, err := s.server.Store.UserByEmail(b.Context(), "admin@example.com")
	if err != nil {
		b.Fatal(err)
	}
	for n := range 20 {
		if _, err := s.server.Notebook.CreateCell(b.Context(), workspace.ActorOf(u), s.project, notebook.NewCell{Kind: "sql", ConnectionID: s.connections[0], Source: fmt.Sprint("select ", n)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(s.handlerTime(b, "/projects/"+s.project+"?n=").Seconds()*1e6, "handler-µs")
	}
}

// handlerTime is the mean time of a page's handler.
func (s *benchSite) handlerTime(b *testing.B, page string) time.Duration {
	b.Helper()
	const times = 1000
	began := time.Now()
	for n := range times {
		r := httptest.NewRequestWithContext(b.Context(), "GET", fmt.Sprint(page, n%49*100), nil)
		for _, c := range s.client.Jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		if s.http.Config.Handler.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatalf("%s answers %d", page, w.Code)
		}
	}
	return time.Since(began) / times
}

// BenchmarkSearchOverHTTP searches 20 connections of 5,000 tables with 10 columns, 1,000,000 columns in all, as the data browser does:
// 2 to 8 characters, 50 hits. One request after another, from asking to the answer's last byte; in-process is the same search without
// HTTP, sign-in and permissions.
func BenchmarkSearchOverHTTP(b *testing.B) {
	const tables, columns = 5000, 10
	s := newBenchSite(b, 20, func(i int) []catalog.Table {
		var all []catalog.Table
		for n := range tables {
			all = append(all, catalogtest.Table(i*tables+n, columns))
		}
		return all
	})
	var shards []*catalog.Shard
	total := 0
	for _, id := range s.connections {
		shard, _ := s.server.Refresh.Shard(id)
		shards = append(shards, shard)
		total += shard.Columns()
	}
	if total != 20*tables*columns {
		b.Fatalf("%d columns", total)
	}
	typed := catalogtest.Typed(4000, 20*tables, columns)
	runtime.GC() // of what the refreshes left
	for b.Loop() {
		var over, within []time.Duration
		for _, text := range typed {
			began := time.Now()
			if _, err := get(s.client, s.http.URL+"/projects/"+s.project+"/browser/search?q="+url.QueryEscape(text)); err != nil {
				b.Fatal(err)
			}
			over = append(over, time.Since(began))
		}
		for _, text := range typed {
			began := time.Now()
			catalog.Search(shards, catalog.Query{Text: text, Limit: 50})
			within = append(within, time.Since(began))
		}
		b.ReportMetric(5, "http-p99-ms-goal")
		b.ReportMetric(1, "in-process-p99-ms-goal")
		for name, took := range map[string][]time.Duration{"http": over, "in-process": within} {
			slices.Sort(took)
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(took[len(took)/2]), name+"-p50-ms")
			b.ReportMetric(ms(took[len(took)*99/100]), name+"-p99-ms")
			b.ReportMetric(ms(took[len(took)-1]), name+"-max-ms")
		}
	}
}
