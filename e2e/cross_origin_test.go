package e2e

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// A target is one route as a hostile page calls it.
type target struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Body   string `json:"body"`
}

// noPage are the addresses within a project that answer with no page.
var noPage = regexp.MustCompile(`/(access|events|csv|rows|output|complete|people)$`)

var anyRoute = regexp.MustCompile(`\{"([A-Z]+) (/[^"]*)"`)

// targets are all routes, about objects that exist.
func targets(t *testing.T, base string, names *strings.Replacer) []target {
	t.Helper()
	source, err := os.ReadFile("../handlers/routes.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []target
	for _, m := range anyRoute.FindAllStringSubmatch(string(source), -1) {
		out = append(out, target{m[1], base + names.Replace(m[2]),
			"name=Taken&email=mallory@example.com&role=admin&kind=text&disabled=true&to=web&access=view&password=correct-horse-battery&theme=dark&type=sqlite&file=x.db"})
	}
	if len(out) < 150 {
		t.Fatalf("found %d routes: has the table's shape changed?", len(out))
	}
	return out
}

// attack calls every target as pages can call other sites, by fetch, form, image and frame, a few targets at a time: hundreds of frames
// at once are more than a browser bears that other tests use too.
const attack = `<!doctype html><title>a prize</title><body><script>
const targets = TARGETS;
let wait = [];
const frame = (name) => {
  const f = document.createElement("iframe");
  if (name) f.name = name;
  document.body.append(f);
  wait.push(new Promise((loaded) => { f.onload = f.onerror = loaded; }));
  return f;
};
const send = (url, options) => wait.push(fetch(url, { credentials: "include", signal: AbortSignal.timeout(3000), ...options }).catch(() => 0));
const strike = ({ method, url, body }, i) => {
  const json = JSON.stringify(Object.fromEntries(new URLSearchParams(body)));
  if (method === "GET") {
    send(url, { mode: "no-cors" });
    if (/\/(access|events)$/.test(url)) return; // do not end
    new Image().src = url;
    frame().src = url;
    return;
  }
  send(url, { method, headers: { "Content-Type": "application/json" }, body: json });
  if (method !== "POST") return;
  send(url, { method, mode: "no-cors", body: new URLSearchParams(body) });
  send(url, { method, mode: "no-cors", headers: { "Content-Type": "text/plain" }, body: json });
  frame("sink" + i);
  const form = Object.assign(document.createElement("form"), { method, action: url, target: "sink" + i });
  for (const [name, value] of new URLSearchParams(body)) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  document.body.append(form);
  form.submit();
};
(async () => {
  for (let from = 0; from < targets.length; from += 12) {
    wait = [];
    targets.slice(from, from + 12).forEach((target, i) => strike(target, from + i));
    await Promise.race([Promise.all(wait), new Promise((r) => setTimeout(r, 4000))]);
    document.querySelectorAll("iframe, form").forEach((e) => e.remove());
  }
  window.done = true;
})();
</script>`

// A page of another origin, be it of another site or of a neighbour whom the browser gives the cookies of this one, can make a
// browser that is signed in here change nothing (P47).
func TestOtherOriginsChangeNothing(t *testing.T) { // not beside others: it keeps the browser busy
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	tab.Expect("") // refusals are what this is about
	token := p.token()
	connection, project := p.first(token, "/api/v1/connections"), p.first(token, "/api/v1/projects")
	tab.Go(p.url + "/projects/" + project)
	tab.Want("document.querySelector('#browser-foot [hx-trigger]') === null", true) // the sample is read
	p.must(token, "POST", "/api/v1/users", `{"email":"ana@example.com","name":"Ana","role":"editor","password":"`+password+`"}`)
	p.must(token, "POST", "/api/v1/groups", `{"name":"Finance"}`)
	all := targets(t, p.url, strings.NewReplacer("{project}", project, "{id}", connection, "{connection}", connection, "{user}", p.first(token, "/api/v1/users"),
		"{group}", p.first(token, "/api/v1/groups"), "{cell}", p.first(token, "/api/v1/projects/"+project+"/cells"), "{run}", p.first(token, "/api/v1/connections/"+connection+"/refreshes"),
		"{type}", "sqlite", "{$}", ""))
	list, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if to := r.URL.Query().Get("to"); to != "" {
			_, _ = fmt.Fprintf(w, "<!doctype html><script>location.href = %q;</script>", to)
			return
		}
		_, _ = w.Write([]byte(strings.Replace(attack, "TARGETS", string(list), 1)))
	}))
	t.Cleanup(hostile.Close)

	var before string
	otherSite := strings.Replace(hostile.URL, "127.0.0.1", "localhost", 1)
	for _, origin := range []string{hostile.URL, otherSite} {
		tab = p.signIn("admin@example.com") // a tab ends after a while, however busy the machine is
		tab.Expect("")
		before = p.kept() // with that sign-in
		tab.Go(origin)
		for tab.Eval("window.done ?? false") != "true" { // until the tab's own end
			time.Sleep(100 * time.Millisecond)
		}
		p.same(before, origin)
	}
	// A navigation takes cookies along from another site too. The frames above asked for the rest with cookies, from the neighbour.
	for _, to := range all {
		if to.Method == http.MethodGet && strings.HasPrefix(to.URL, p.url+"/projects/"+project) && !strings.Contains(to.URL, "/browser/") && !noPage.MatchString(to.URL) {
			tab.Go(otherSite + "?to=" + to.URL)
			tab.Want("location.host", strings.TrimPrefix(p.url, "http://"))
		}
	}
	p.same(before, "navigating from "+otherSite)
	tab.Go(p.url + "/projects")
	tab.Want("document.querySelector('h1') !== null && location.pathname", "/projects") // still signed in
	tab.Await("fetch('/projects', { method: 'POST', body: new URLSearchParams('name=Ours') }).then((r) => r.status)")
	if p.kept() == before {
		t.Error("what a page of our own makes is not seen in the store either")
	}
}

// same wants the store to hold what it held.
func (p *product) same(before, after string) {
	p.t.Helper()
	if now := p.kept(); now != before {
		p.t.Fatalf("the store is another one after %s:\n%s\nbefore:\n%s", after, now, before)
	}
}

// kept is what the store holds, a hash for each table: without the time that sessions and tokens were last used, and of the audit
// log what was done, not what was refused.
func (p *product) kept() string {
	p.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(p.dir, "patchbay.db")+"?mode=ro")
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	selects := map[string]string{"lease": "", "session": "select id, user_id, auth_ms, ends_ms from session", "api_token": "select id, user_id, scope, expires_ms from api_token",
		"audit": "select seq, action, object_id from audit where outcome = 'ok'"}
	var out strings.Builder
	for _, table := range p.rows(db, "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name") {
		query, special := selects[table]
		if !special {
			query = `select * from "` + table + `"`
		}
		if query != "" {
			rows := p.rows(db, query)
			fmt.Fprintf(&out, "%s %d %x\n", table, len(rows), sha256.Sum256([]byte(strings.Join(rows, "\n"))))
		}
	}
	return out.String()
}

// rows are the rows of a query as text.
func (p *product) rows(db *sql.DB, query string) (out []string) {
	p.t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		p.t.Fatal(err)
	}
	values := make([]any, len(columns))
	for rows.Next() {
		into := make([]any, len(columns))
		for i := range into {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			p.t.Fatal(err)
		}
		text := strings.TrimSuffix(fmt.Sprintln(values...), "\n")
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	return out
}
