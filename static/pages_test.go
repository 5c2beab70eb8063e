package static_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/a-h/templ"

	"patchbay/connectors"
	"patchbay/static"
	"patchbay/views"
)

// hostile is a name that breaks out of whatever does not escape it.
const hostile = `we"ird</script><img src=x onerror=alert(1)>'; drop--`

// A site serves pages with the real frames and styles, and answers of the shapes that the elements read.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // every request's path and query
	ran   string   // SQL of the last run
	rows  int      // of the result
	calls int      // of the stream
	still int      // answers to come that say that rows are still arriving
	sizes map[string]int
	fresh int            // tables that a refresh has put before all others; -1: the first has gone
	empty bool           // the connection was never read
	slow  func(string)   // before a request for this path and query is answered
	fails bool           // pages of children after the first cannot be read
	said  map[string]any // more of the connection's row
	// broken is a node whose children cannot be read.
	broken  string
	columns []string // of each table
	// refused is the status with which a page is refused that shows what only some may see, and whether the server itself did.
	refused   int
	byTheHost bool
}

func newSite(t *testing.T) *site {
	s := &site{rows: 1_000_000, columns: []string{"id", hostile, "at"}, sizes: map[string]int{}, slow: func(string) {}}
	mux := http.NewServeMux()
	mux.Handle("/static/", static.Handler())
	mux.HandleFunc("GET /form", s.page(views.Layout, views.PageHead("New connection", ""), form))
	mux.HandleFunc("GET /notebook", s.page(func(p views.Page) templ.Component { return views.NotebookLayout(p, markup(tree)) }, markup(cell)))
	mux.HandleFunc("GET /cells", s.page(func(p views.Page) templ.Component { return views.NotebookLayout(p, nil) }, markup(cells)))
	mux.HandleFunc("POST /cells/1", func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) })
	mux.HandleFunc("POST /cells/2/run", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /theme", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/form", http.StatusSeeOther) })
	mux.HandleFunc("POST /run", func(_ http.ResponseWriter, r *http.Request) { s.ran = r.FormValue("source") })
	mux.HandleFunc("GET /browser/children", s.children)
	mux.HandleFunc("GET /browser/search", s.search)
	mux.HandleFunc("GET /browser/foot", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<div class="browser-foot" id="browser-foot" data-catalog="c1:%d"></div>`, s.fresh+1)
	})
	mux.HandleFunc("GET /find", s.find)
	mux.HandleFunc("GET /browser/details", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<h3>%s</h3><button type="button" data-tree-act="query">Query this table</button>`, templ.EscapeString(r.FormValue("path")))
	})
	mux.HandleFunc("POST /projects/p1/cells", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<section class="cell">select from %s</section>`, templ.EscapeString(r.FormValue("node")))
	})
	mux.HandleFunc("GET /rows", s.result)
	mux.HandleFunc("GET /stream", s.stream)
	mux.HandleFunc("GET /followed", s.followed)
	mux.HandleFunc("GET /followed/access", s.access)
	mux.HandleFunc("GET /complete", s.complete)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.slow(r.URL.RequestURI())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.URL.RequestURI())
		counted := &counter{ResponseWriter: w}
		mux.ServeHTTP(counted, r)
		s.sizes[r.URL.Path] = counted.n
	}))
	t.Cleanup(s.Close)
	return s
}

type counter struct {
	http.ResponseWriter
	n int
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += len(b)
	return c.ResponseWriter.Write(b)
}

// holds keeps back the answers to requests that begin so, until answer is called, at the latest when the test ends; asked says that
// one has come.
func (s *site) holds(t *testing.T, uri string) (asked chan bool, answer func()) {
	asked, released := make(chan bool, 10), make(chan bool)
	answer = sync.OnceFunc(func() { close(released) })
	t.Cleanup(answer)
	s.slow = func(come string) {
		if !strings.HasPrefix(come, uri) {
			return
		}
		select {
		case asked <- true:
		default:
		}
		<-released
	}
	return asked, answer
}

// now changes what the site answers from here on.
func (s *site) now(how func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how()
}

// page serves content in a frame, under the policy of every page (PROMISES section 4).
func (s *site) page(frame func(views.Page) templ.Component, content ...templ.Component) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		nonce := rand.Text()
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+"'; img-src 'self' data:; "+
			"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		p := views.Page{Title: "Test", User: views.User{Name: "Mira Doe", Role: "Admin", Admin: true}, Theme: r.FormValue("theme"), Nonce: nonce}
		ctx := templ.WithChildren(r.Context(), templ.Join(content...))
		if err := frame(p).Render(ctx, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

func markup(html string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, html)
		return err
	})
}

const tree = `<div class="browser-head"><h2>Data browser</h2></div><pb-tree data-project="p1" data-src="/browser"></pb-tree>
<div class="browser-foot" id="browser-foot" data-catalog="c1:1"></div>`

const cells = `<main id="main" tabindex="-1"><h1>Revenue</h1><div id="cells">
<form hx-post="/cells/1" hx-trigger="change" hx-swap="none"><label>Country <input name="value"></label></form>
<form><button type="button" data-run hx-post="/cells/2/run" hx-swap="none">Run</button></form></div></main>`

const cell = `<div class="topbar"></div><main id="main" class="cells" tabindex="-1"><h1>Revenue</h1><div id="cells"></div><section class="cell">
<form method="post" action="/run" target="sink"><pb-editor data-dialect="postgres" data-connection="c1" data-complete="/complete">
<label class="visually-hidden" for="sql">SQL of orders</label><textarea class="textarea is-code" id="sql" name="source">select 1</textarea></pb-editor>
<button class="btn" data-run>Run</button></form>
<pb-grid data-src="/rows" aria-label="Result of orders"><table class="table"><tr><td>first rows</td></tr></table></pb-grid>
</section></main>`

var form = templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
	field := func(f views.FormField) templ.Component { return views.FieldInput(f) }
	return templ.Join(
		markup(`<pb-form><form class="form form-card" method="post" action="/form">`),
		field(views.FormField{Field: connectors.Field{Key: "host", Label: "Host", Kind: connectors.Text, Required: true}, Value: "db"}),
		field(views.FormField{Field: connectors.Field{Key: "auth", Label: "Sign in with", Kind: connectors.Select, Required: true, Default: "password",
			Choices: []connectors.Choice{{Value: "password", Label: "Password"}, {Value: "cert", Label: "Certificate"}}}}),
		field(views.FormField{Field: connectors.Field{Key: "password", Label: "Password", Kind: connectors.Text, Secret: true, Required: true,
			ShowIf: &connectors.Cond{Key: "auth", In: []string{"password"}}}, Saved: true}),
		field(views.FormField{Field: connectors.Field{Key: "key", Label: "Private key", Kind: connectors.PEM, Secret: true,
			ShowIf: &connectors.Cond{Key: "auth", In: []string{"cert"}}}}),
		markup(`<details class="fold"><summary>Limits</summary><div class="fold-body">`),
		field(views.FormField{Field: connectors.Field{Key: "rows", Label: "Rows kept", Kind: connectors.Number, Help: "Of one result"}, Value: "x", Error: "Give a number"}),
		markup(`</div></details>`),
		views.Btn(views.Button{Label: "Save", Variant: "primary"}),
		markup(`</form></pb-form>`),
		views.Menu("more", "More"),
		views.CopyBtn("Copy report", "all well"),
		views.Btn(views.Button{Label: "Delete", Type: "button", Attrs: templ.Attributes{"command": "show-modal", "commandfor": "gone"}}),
		views.ConfirmRemoval(views.Removal{ID: "gone", Title: "Delete Billing", Name: "Billing", Action: "/form", Verb: "Delete connection"}),
		views.SearchBox("q", "", "Search by name", nil),
	).Render(ctx, w)
})

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// children is a source with one connection, one schema of 100,000 tables, and three columns each.
func (s *site) children(w http.ResponseWriter, r *http.Request) {
	path := r.FormValue("path")
	total, node := len(s.columns), func(i int) map[string]any {
		name := s.columns[i]
		return map[string]any{"name": name, "kind": "column", "type": "int8", "family": "integer", "path": fmt.Sprint(path, "/c", i)}
	}
	switch strings.Count(path, "/") + len(path[:min(len(path), 1)]) {
	case 0:
		total, node = 1, func(int) map[string]any {
			row := map[string]any{"name": "Warehouse", "kind": "connection", "type": "postgres", "path": "c1", "children": !s.empty}
			maps.Copy(row, s.said)
			return row
		}
	case 1:
		total, node = 1, func(int) map[string]any {
			return map[string]any{"name": "public", "kind": "schema", "path": "c1/public", "children": true}
		}
	case 2:
		total, node = 100_000+s.fresh, func(i int) map[string]any {
			name := fmt.Sprintf("t%05d", i-s.fresh)
			if i < s.fresh {
				name = fmt.Sprint("new", i)
			}
			return map[string]any{"name": name, "kind": "table", "path": "c1/public/" + name, "rows": i * 1000, "children": true}
		}
	}
	if s.fresh < 0 && path == "c1/public/t00000" {
		http.NotFound(w, r)
		return
	}
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	if at := r.FormValue("at"); strings.HasPrefix(at, "c1/public/t") {
		n, _ := strconv.Atoi(strings.TrimPrefix(at, "c1/public/t"))
		offset = (n + s.fresh) / 200 * 200
	}
	found := -1
	if prefix := r.FormValue("prefix"); prefix != "" {
		from, _ := strconv.Atoi(r.FormValue("from"))
		for i := from; i < total && found < 0; i++ {
			if strings.HasPrefix(node(i)["name"].(string), prefix) {
				found = i
			}
		}
		offset = max(found, 0) / 200 * 200
	}
	if s.fails && offset >= 200 || s.broken != "" && s.broken == path {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit > 200 {
		limit = 200
	}
	items := []map[string]any{}
	for i := offset; i < min(total, offset+limit); i++ {
		items = append(items, node(i))
	}
	answer(w, map[string]any{"items": items, "total": total, "offset": offset, "found": found})
}

func (s *site) search(w http.ResponseWriter, r *http.Request) {
	items := []map[string]any{}
	if r.FormValue("q") == "paid" {
		items = append(items, map[string]any{"kind": "column", "name": "at", "path": "c1/public/t00001/c2", "trail": []string{"Warehouse", "public", "t00001"}, "match": [][]int{},
			"comment": "😀 When it was paid <b>", "comment_match": [][]int{{15, 19}}, "description": "In local time"})
	}
	if r.FormValue("q") == "hostile" {
		items = append(items, map[string]any{"kind": "column", "name": "two\nlines", "path": "c1/public/t00001/c0", "match": [][]int{{3, 6}},
			"trail": []string{"Warehouse", "\u202ecilbup", "שולחן", "two\nlines"}})
	}
	if r.FormValue("q") == "t54321" {
		items = append(items, map[string]any{"kind": "table", "name": "t54321", "path": "c1/public/t54321", "connection": "Warehouse", "trail": []string{"Warehouse", "public"}, "match": [][]int{{0, 6}}})
	}
	if r.FormValue("q") == "t54" {
		items = append(items, map[string]any{"kind": "table", "name": "t54321", "path": "c1/public/t54321", "connection": "Warehouse", "trail": []string{"Warehouse", "public"}, "match": [][]int{{0, 3}}},
			map[string]any{"kind": "column", "name": hostile, "path": "c1/public/t00001/c1", "connection": "Warehouse", "trail": []string{"Warehouse", "public", "t00001"}, "match": [][]int{}})
	}
	answer(w, map[string]any{"items": items})
}

// find knows one notebook and one table.
func (s *site) find(w http.ResponseWriter, r *http.Request) {
	items := []map[string]any{}
	if r.FormValue("q") == "rev" {
		items = append(items, map[string]any{"kind": "project", "name": "Revenue " + hostile, "path": "/notebook?theme=dark", "trail": []string{"Notebook"}, "match": [][]int{{0, 3}}},
			map[string]any{"kind": "table", "name": "rev", "path": "/cells", "trail": []string{"Revenue", "Warehouse"}, "match": [][]int{{0, 3}}})
	}
	answer(w, map[string]any{"items": items})
}

func (s *site) result(w http.ResponseWriter, r *http.Request) {
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	if s.still > 0 {
		s.still--
		s.rows += 150
	}
	rows := [][]any{}
	for i := offset; i < min(s.rows, offset+200); i++ {
		row := []any{strconv.Itoa(i + 1), hostile, nil}
		for c := range 40 {
			row = append(row, fmt.Sprint(c))
		}
		rows = append(rows, row)
	}
	columns := []map[string]string{{"name": "n", "type": "int8", "family": "integer"}, {"name": "text", "type": "text", "family": "text"}, {"name": "none", "type": "text", "family": "text"}}
	for c := range 40 {
		columns = append(columns, map[string]string{"name": fmt.Sprint("more_", c), "type": "text", "family": "text"})
	}
	answer(w, map[string]any{"columns": columns, "rows": rows, "offset": offset, "total": s.rows, "complete": s.still == 0, "state": "succeeded"})
}

func (s *site) complete(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("context") != "public/orders" {
		answer(w, map[string]any{"items": []any{}})
		return
	}
	answer(w, map[string]any{"items": []map[string]string{{"label": "orders", "kind": "table", "detail": "public", "apply": "orders"}, {"label": "Order Items", "kind": "table", "detail": "public", "apply": `"Order Items"`}}})
}

// stream breaks off after its first message, fails the next two times, and is back then.
func (s *site) stream(w http.ResponseWriter, _ *http.Request) {
	s.calls++
	if s.calls == 2 || s.calls == 3 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "data: %s\n\n", map[bool]string{true: "first", false: "back"}[s.calls == 1])
}

// followed is a page that follows what its reader may see.
func (s *site) followed(w http.ResponseWriter, r *http.Request) {
	if s.byTheHost {
		w.Header().Set("X-Request-Id", "1")
	}
	if s.refused != 0 {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(s.refused)
		_, _ = io.WriteString(w, "<main>There is nothing here</main>")
		return
	}
	s.page(views.Layout, markup(`<div class="rows">42</div><div id="access" hidden hx-sse:connect="/followed/access" hx-swap="none"
		hx-config='{"sse":{"reconnectMaxDelay":100}}'></div>`))(w, r)
}

// access breaks off at once, and is refused from then on.
func (s *site) access(w http.ResponseWriter, _ *http.Request) {
	if s.calls++; s.calls > 1 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
}
