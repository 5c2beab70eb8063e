package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"patchbay/catalog/catalogtest"
	"patchbay/e2e/servers"
)

// How much others ask for while a refresh runs (SPEC section 12).
const (
	pagesPerSecond  = 500
	writesPerSecond = 20
)

// BenchmarkPagesDuringRefresh asks a server, which is a process of its own, for 500 pages and 20 writes a second while it reads
// 10,000 tables, or BENCH_TABLES of them, from PostgreSQL for the first time. Requests leave when their time has come, however many are
// unanswered, and how long one takes counts from the moment that it should have left: a generator that is late itself makes the
// figures worse, never better, and how late it was is told beside them. idle is the same load with no refresh under way.
func BenchmarkPagesDuringRefresh(b *testing.B) {
	tables := benchTables(b)
	big, small := manyTables(b), servers.Postgres(b, servers.Options{Name: "load bench"})
	fillPostgres(b, big, "big", tables)
	fillPostgres(b, small, "small", 2000)
	for b.Loop() {
		report(b, float64(tables), "tables")
		l := newLoad(b, small)
		idle, stop := l.begin(b)
		time.Sleep(3 * time.Second)
		stop()
		l.report(b, "idle", *idle, func(time.Time) bool { return true })

		before := memoryOf(b, l.pid, "VmRSS")
		samples, stop := l.begin(b)
		var whole, applying spans
		for n := range max(1, 50_000/tables) { // long enough for a p99
			l.firstRefresh(b, big, n, &whole, &applying)
		}
		stop()
		l.report(b, "refresh", *samples, whole.hold)
		l.report(b, "applying", *samples, applying.hold)
		report(b, whole.length().Seconds(), "refresh-s")
		report(b, applying.length().Seconds(), "applying-s")
		report(b, float64(memoryOf(b, l.pid, "VmHWM")-before)/1e6, "server-RSS-growth-MB")
	}
}

// spans are stretches of time.
type spans [][2]time.Time

func (s spans) hold(at time.Time) bool {
	return slices.ContainsFunc(s, func(one [2]time.Time) bool { return !at.Before(one[0]) && at.Before(one[1]) })
}

func (s spans) length() (sum time.Duration) {
	for _, one := range s {
		sum += one[1].Sub(one[0])
	}
	return sum
}

// A load is a server process with one project over a small warehouse, and what people do with it.
type load struct {
	url, project, connection string
	cells                    []string
	pid                      int
	client                   *http.Client
	nodes                    []string // the schemas' paths
	words                    []string // typed into the search
	tables                   []string // paths
}

// A sample is one request: when it should have left, how late it left, how long it took from when it should have left.
type sample struct {
	due        time.Time
	late, took time.Duration
	write      bool
	err        error
}

// newLoad starts the binary and makes what is asked for later.
func newLoad(b *testing.B, small *servers.Server) *load {
	b.Helper()
	l := &load{}
	l.start(b)
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	l.client = &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if err := l.form("/sign-in", url.Values{"email": {"admin@example.com"}, "password": {benchPassword}}); err != nil {
		b.Fatal(err)
	}
	l.connection = l.connect(b, small, "Small", "small")
	l.awaitRefresh(b, l.connection, nil)
	l.project = l.make(b, "POST", "/api/v1/projects", map[string]any{"name": "Load"})
	if _, err := l.call("PUT", "/api/v1/projects/"+l.project+"/connections/"+l.connection, nil); err != nil {
		b.Fatal(err)
	}
	for i := range 20 {
		l.cells = append(l.cells, l.make(b, "POST", "/api/v1/projects/"+l.project+"/cells",
			map[string]any{"kind": "sql", "connection_id": l.connection, "source": fmt.Sprintf("select %d", i)}))
	}
	for i := range catalogtest.Groups {
		l.nodes = append(l.nodes, l.connection+"/small/"+catalogtest.Group(i))
	}
	for t := range catalogtest.Warehouse(2000, 10) {
		name := t.Path.Name()
		l.words, l.tables = append(l.words, name[:min(len(name), 2+len(l.words)%7)]), append(l.tables, "small/"+t.Path[1]+"/"+name)
	}
	for n := range 2 { // a branch and a search
		if body, err := l.call("GET", l.pagePath(n), nil); err != nil || !bytes.Contains(body, []byte(`"path":"`+l.connection)) {
			b.Fatalf("page %d shows nothing: %.300s, %v", n, body, err)
		}
	}
	return l
}

const benchPassword = "correct-horse-battery"

var printedAddress = regexp.MustCompile(`ready at (http://\S+)`)

// start builds the binary and runs it until the benchmark ends.
func (l *load) start(b *testing.B) {
	b.Helper()
	dir := b.TempDir()
	binary := filepath.Join(dir, "patchbay")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "serve")
	cmd.Env = append(os.Environ(), "PATCHBAY_ADDR=127.0.0.1:0", "PATCHBAY_DATA_DIR="+filepath.Join(dir, "data"), "PATCHBAY_LOG_LEVEL=warn",
		"PATCHBAY_ADMIN_EMAIL=admin@example.com", "PATCHBAY_ADMIN_PASSWORD="+benchPassword)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			b.Errorf("the server ended: %v", err)
		}
	})
	l.pid = cmd.Process.Pid
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := printedAddress.FindStringSubmatch(lines.Text()); found != nil {
			l.url = found[1]
			return
		}
	}
	b.Fatal("the server ended before it was ready")
}

// connect makes a connection, whose first refresh begins with that.
func (l *load) connect(b *testing.B, server *servers.Server, name, database string) (id string) {
	b.Helper()
	return l.make(b, "POST", "/api/v1/connections", map[string]any{"name": name, "type": "postgres", "secrets": map[string]string{"password": server.Password},
		"config": map[string]string{"host": server.Host, "port": strconv.Itoa(server.Port), "database": database, "user": server.User, "tls_mode": "verify-full", "tls_ca": server.CA}})
}

// firstRefresh makes a connection to the big source, waits until it is searchable, and notes when that was.
func (l *load) firstRefresh(b *testing.B, big *servers.Server, n int, whole, applying *spans) {
	b.Helper()
	id := l.connect(b, big, fmt.Sprintf("Big %d", n), "big")
	began := time.Now()
	var from time.Time
	l.awaitRefresh(b, id, func(phase string) {
		if from.IsZero() && (phase == "applying" || phase == "indexing") {
			from = time.Now()
		}
	})
	ended := time.Now()
	*whole = append(*whole, [2]time.Time{began, ended})
	if !from.IsZero() {
		*applying = append(*applying, [2]time.Time{from, ended})
	}
}

// awaitRefresh waits until a connection's refresh has succeeded.
func (l *load) awaitRefresh(b *testing.B, id string, saw func(phase string)) {
	b.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		body, err := l.call("GET", "/api/v1/connections/"+id+"/refreshes", nil)
		if err != nil {
			b.Fatal(err)
		}
		var list struct {
			Items []struct{ State, Phase string } `json:"items"`
		}
		if err := json.Unmarshal(body, &list); err != nil || len(list.Items) == 0 {
			b.Fatalf("the refreshes are %s, %v", body, err)
		}
		switch run := list.Items[0]; {
		case run.State == "succeeded":
			return
		case run.State != "running" && run.State != "queued":
			b.Fatalf("the refresh ended: %s", body)
		case saw != nil:
			saw(run.Phase)
		}
	}
	b.Fatal("the refresh takes more than five minutes")
}

// begin lets people work until stop is called; after that the samples are whole.
func (l *load) begin(b *testing.B) (samples *[]sample, stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	samples = &[]sample{}
	var mu sync.Mutex
	keep := func(s sample) {
		mu.Lock()
		defer mu.Unlock()
		*samples = append(*samples, s)
	}
	var work sync.WaitGroup
	work.Go(func() { openLoop(ctx, pagesPerSecond, false, l.page, keep) })
	work.Go(func() { openLoop(ctx, writesPerSecond, true, l.write, keep) })
	return samples, func() {
		cancel()
		work.Wait()
	}
}

// openLoop calls ask so many times a second, each at its time, whether or not those before have ended.
func openLoop(ctx context.Context, rate int, write bool, ask func(n int) error, keep func(sample)) {
	var work sync.WaitGroup
	defer work.Wait()
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			return
		}
		work.Go(func() {
			late := time.Since(due)
			err := ask(n)
			keep(sample{due: due, late: late, took: time.Since(due), write: write, err: err})
		})
	}
}

// page is one page of somebody.
func (l *load) page(n int) error {
	_, err := l.call("GET", l.pagePath(n), nil)
	return err
}

// pagePath is a branch of the tree, a search, or the project.
func (l *load) pagePath(n int) string {
	path := "/projects/" + l.project
	switch n % 3 {
	case 0:
		path += "/browser/children?limit=100&path=" + url.QueryEscape(l.nodes[n/3%len(l.nodes)])
	case 1:
		path += "/browser/search?q=" + url.QueryEscape(l.words[n/3%len(l.words)])
	}
	return path
}

// write is one act of somebody: a pin, words about a table, a cell. A cell's turn comes every three seconds, so that nobody writes over
// another's.
func (l *load) write(n int) error {
	table := l.tables[n%len(l.tables)]
	var err error
	switch n % 3 {
	case 0:
		return l.form("/projects/"+l.project+"/browser/pin", url.Values{"path": {l.connection + "/" + table}, "pinned": {strconv.FormatBool(n%2 == 0)}})
	case 1:
		_, err = l.call("PUT", "/api/v1/connections/"+l.connection+"/annotations?path="+url.QueryEscape(table), map[string]any{"description": fmt.Sprint("Noted ", n)})
	default:
		_, err = l.call("PATCH", "/api/v1/projects/"+l.project+"/cells/"+l.cells[n/3%len(l.cells)], map[string]any{"source": fmt.Sprint("select ", n)})
	}
	return err
}

// report tells the p50, p99 and worst of the requests that were due in a stretch of time, and how many failed.
func (l *load) report(b *testing.B, name string, samples []sample, within func(time.Time) bool) {
	b.Helper()
	for _, kind := range []string{"pages", "writes"} {
		var took, late []time.Duration
		failed := 0
		for _, s := range samples {
			if s.write != (kind == "writes") || !within(s.due) {
				continue
			}
			took, late = append(took, s.took), append(late, s.late)
			if s.err != nil {
				if failed++; failed < 5 {
					b.Logf("%s, %s: %v", name, kind, s.err)
				}
			}
		}
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		slices.Sort(late)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		report(b, ms(took[len(took)/2]), name+"-"+kind+"-p50-ms")
		report(b, ms(took[len(took)*99/100]), name+"-"+kind+"-p99-ms")
		report(b, ms(took[len(took)-1]), name+"-"+kind+"-max-ms")
		report(b, ms(late[len(late)*99/100]), name+"-"+kind+"-left-late-p99-ms")
		report(b, float64(len(took)), name+"-"+kind)
		report(b, float64(failed), name+"-"+kind+"-failed")
	}
}

// make sends an object to the API and returns the id of what it made.
func (l *load) make(b *testing.B, method, path string, object any) string {
	b.Helper()
	body, err := l.call(method, path, object)
	if err != nil {
		b.Fatal(err)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(body, &made); err != nil || made.ID == "" {
		b.Fatalf("%s %s answers %s, %v", method, path, body, err)
	}
	return made.ID
}

// call sends a request, with an object as JSON where there is one. An answer that is no success is an error.
func (l *load) call(method, path string, object any) ([]byte, error) {
	body, kind := []byte(nil), ""
	if object != nil {
		var err error
		if body, err = json.Marshal(object); err != nil {
			return nil, err
		}
		kind = "application/json"
	}
	return l.send(method, path, body, kind)
}

func (l *load) form(path string, values url.Values) error {
	_, err := l.send("POST", path, []byte(values.Encode()), "application/x-www-form-urlencoded")
	return err
}

func (l *load) send(method, path string, body []byte, kind string) ([]byte, error) {
	r, err := http.NewRequest(method, l.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := l.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	signIn := answer.StatusCode == http.StatusSeeOther && strings.HasPrefix(answer.Header.Get("Location"), "/sign-in")
	if answer.StatusCode >= 400 || signIn {
		return nil, fmt.Errorf("%s %s answers %d: %.300s", method, path, answer.StatusCode, text)
	}
	return text, nil
}
