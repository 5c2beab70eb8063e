package e2e

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"patchbay/e2e/browser"
	"patchbay/e2e/servers"
)

// inTree is the row of the tree that shows a name.
func inTree(name string) string {
	shown, err := json.Marshal(name)
	if err != nil {
		panic(err)
	}
	return "[...document.querySelectorAll('.tree-row')].find((r) => r.querySelector('.tree-name')?.textContent === " + string(shown) + ")"
}

// postgresTree is a project over a PostgreSQL that has been read, whose tree is open down to the tables of its schema public.
func postgresTree(t *testing.T, server *servers.Server) *browser.Tab {
	t.Helper()
	p, tab := withAdmin(t)
	token := p.token()
	var made struct{ ID string }
	_, body := p.api(token, "POST", "/api/v1/connections", asJSON(t, map[string]any{"name": "Warehouse", "type": "postgres",
		"secrets": map[string]string{"password": server.Password},
		"config": map[string]string{"host": server.Host, "port": strconv.Itoa(server.Port), "database": server.Database, "user": server.User,
			"tls_mode": "verify-full", "tls_ca": server.CA}}))
	if err := json.Unmarshal([]byte(body), &made); err != nil || made.ID == "" {
		t.Fatalf("creating the connection: %s", body)
	}
	if status, body := p.api(token, "POST", "/api/v1/projects", `{"name":"Names"}`); status != http.StatusCreated {
		t.Fatalf("making a project: %d %s", status, body)
	}
	project := p.first(token, "/api/v1/projects")
	p.must(token, "PUT", "/api/v1/projects/"+project+"/connections/"+made.ID, "")
	tab.Go(p.url + "/projects/" + project)
	tab.Want("document.querySelector('#browser-foot').innerText.includes('just now') && document.querySelector('#browser-foot [hx-trigger]') === null", true)
	for _, name := range []string{"Warehouse", server.Database, "public"} {
		tab.Want("Boolean("+inTree(name)+"?.ariaExpanded)", true)
		tab.Eval("((row) => { if (row.ariaExpanded === 'false') row.click(); return 1; })(" + inTree(name) + ")")
	}
	return tab
}

// Names that mean something in addresses, that break a line or turn the direction of writing are shown, opened, found and linked to,
// and so are those of columns.
func TestHostileNamesInTheTree(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{Name: "e2e tree names"})
	names := map[string]string{"a/b %c#d?e&f=g": "a/b %c#d?e&f=g", "..": "..", "two\nlines": "two↵lines", "\u202egnp.exe": "\u202egnp.exe", "שולחן": "שולחן"}
	for name := range names {
		server.Exec(t, server.Database, `create table "`+name+`" (id int, "`+name+` column" int)`)
	}
	tab := postgresTree(t, server)
	for name, shown := range names {
		tab.Want(inTree(shown)+"?.ariaExpanded", "false")
		tab.Eval("((row) => { row.focus(); return 1; })(" + inTree(shown) + ")")
		tab.Type(kb.ArrowRight + kb.Enter)
		tab.Want("document.querySelector('.tree-details h3')?.textContent", name)
		tab.Want(inTree(shown+" column")+"?.ariaLevel", "5")
		tab.Eval("(" + inTree(shown+" column") + ".click(), 1)")
		tab.Want("document.querySelector('.tree-details h3')?.textContent", name+" column")
		tab.Eval("((field) => { field.focus(); field.value = " + asJSON(t, name[strings.Index(name, "\n")+1:]+" c") + "; field.dispatchEvent(new Event('input', { bubbles: true })); return 1; })(document.querySelector('.tree-search input'))")
		tab.Want("document.querySelector('[role=option] .tree-name')?.textContent", shown+" column")
		tab.Want("[...document.querySelectorAll('[role=option] .sub bdi')].slice(0, 4).map((b) => b.textContent)", []string{"Warehouse", server.Database, "public", shown})
		tab.Type(kb.Escape)
		// The details are asked for again when the search ends, and their button comes after them.
		tab.Want("(document.querySelector('[data-tree-act=close]')?.click(), document.querySelector('.tree-details').childElementCount)", 0)
		tab.Eval("(" + inTree(shown) + ".focus(), 1)")
		tab.Type(kb.ArrowLeft)
	}
	tab.Want("[...document.querySelectorAll('.tree-row')].every((r) => r.scrollHeight <= r.clientHeight)", true)
	link := "document.querySelector('.tree-details pb-copy[data-link]')?.dataset.link"
	for name, shown := range names {
		tab.Eval("(" + inTree(shown) + ".click(), 1)")
		tab.Want("document.querySelector('.tree-details h3')?.textContent", name)
		var to string
		if err := json.Unmarshal([]byte(tab.Eval("new URL("+link+", location.href).href")), &to); err != nil {
			t.Fatal(err)
		}
		tab.Go(to)
		tab.Want("document.querySelector('.tree-details h3')?.textContent", name)
		tab.Want("document.querySelector('[role=treeitem][aria-selected=true] .tree-name')?.textContent", shown)
	}
}

// The details say what a table is, and the foot how far a refresh has come, until it has ended.
func TestFactsInTheDetailsAndProgressInTheFoot(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{Name: "e2e tree facts"})
	server.Exec(t, server.Database, "create table customers (id int primary key); insert into customers select generate_series(1, 1234)",
		"create table orders (id int primary key, customer_id int not null references customers (id))", "analyze customers", "grant select on customers to "+server.User)
	tab := postgresTree(t, server)
	facts := "[...document.querySelectorAll('.tree-details dt')].map((l) => l.textContent + ': ' + l.nextElementSibling.textContent)"
	tab.Want(inTree("customers")+" !== undefined", true)
	tab.Eval("(" + inTree("customers") + ".click(), 1)")
	tab.Want(facts, []string{"Kind: Table", "Columns: 1", "Rows, estimated: 1,200", "Read: just now"})
	tab.Press("Preview")
	tab.Want("document.querySelectorAll('.preview tbody tr').length", 20)
	tab.Want("((table) => [table.closest('[role=status]'), table.closest('[aria-live]').ariaLive, document.querySelector('.preview').ariaLive])(document.querySelector('.preview table'))", []any{nil, "off", "polite"})
	tab.Want("document.querySelector('.preview > .visually-hidden')?.textContent", "20 rows are shown")
	tab.Eval("(" + inTree("orders") + ".click(), 1)")
	tab.Want("[...document.querySelectorAll('.tree-details tbody .sub')].map((s) => s.textContent)", []string{"not null", "→ " + server.Database + ".public.customers.id", "not null"})

	lock, err := server.DB(t, server.Database).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Rollback() }()
	if _, err := lock.ExecContext(t.Context(), "lock table pg_catalog.pg_constraint in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	tab.Click("[aria-label='Refresh Warehouse']")
	tab.Want("document.querySelector('#browser-foot .hint').innerText", "0 of 2 tables")
	tab.Want("document.querySelector('#browser-foot .status').className", "status is-busy")
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	tab.Want("document.querySelector('#browser-foot .hint').innerText.trim() + document.querySelectorAll('#browser-foot [hx-trigger]').length", "just now0")
}
