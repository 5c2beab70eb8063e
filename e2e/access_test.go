package e2e

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"patchbay/e2e/browser"
)

// An Admin takes Can query and then Can view results away while a notebook is open in another browser: it becomes what its reader may
// still do there, and then none of its rows stays on the screen, without anything being pressed.
func TestOpenNotebookFollowsItsAccess(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p, admin := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	connection, project := p.first(token, "/api/v1/connections"), p.first(token, "/api/v1/projects")
	p.must(token, "POST", "/api/v1/users", `{"email":"ana@example.com","name":"Ana","role":"editor","password":"`+password+`"}`)
	p.must(token, "PUT", "/api/v1/projects/"+project+"/shares", `{"shares":[{"to":"workspace","access":"edit"}]}`)

	ana := p.signIn("ana@example.com")
	ana.Expect("404")
	ana.Go(p.url + "/projects/" + project)
	ana.Want("document.querySelectorAll('pb-editor.is-ready').length", 3)
	ana.Press("Run all")
	ana.Want("document.querySelectorAll('#cells .grid-row').length > 0 && document.querySelectorAll('#cells [role=grid]').length", 3)
	app := p.signIn("ana@example.com")
	app.Expect("404")
	app.Go(p.url + "/projects/" + project + "/app")
	app.Want("document.querySelectorAll('.app-table tbody tr').length > 0", true)
	grid := p.signIn("ana@example.com") // where the page misses what it is told
	grid.Expect("404")
	grid.Go(p.url + "/projects/" + project)
	grid.Want("document.querySelectorAll('#cells .grid-row').length > 0 && document.querySelectorAll('#cells [role=grid]').length", 3)
	grid.Eval("(document.querySelector('#access').remove(), 1)")

	typing := p.signIn("ana@example.com") // something that is not saved when the right to save it goes
	typing.Expect("404")
	typing.Go(p.url + "/projects/" + project)
	typing.Want("document.querySelectorAll('pb-editor.is-ready').length", 3)
	typing.Want("document.querySelectorAll('#cells .grid-row').length > 0", true)
	typing.Eval("(document.querySelector('pb-editor').changed('select 2 -- mine'), 1)")

	// Whoever could edit and still may keeps the page, with what they are typing.
	typed := "((f) => { f.value = 'select 1 -- not saved yet'; return 1; })(document.querySelector('#cells textarea'))"
	ana.Eval("(window.kept = true, " + typed + ")")
	p.must(token, "PUT", "/api/v1/projects/"+project+"/shares", `{"shares":[{"to":"workspace","access":"full"}]}`)
	ana.Await("new Promise((r) => setTimeout(r, 1000, 1))")
	ana.Want("window.kept && document.querySelector('#cells textarea').value", "select 1 -- not saved yet")

	permissions := p.url + "/settings/connections/" + connection + "/permissions"
	admin.Go(permissions)
	admin.Click("#can_query-members")
	admin.Want("document.querySelector('#can_query-members').checked", false)
	admin.Press("Save permissions")
	admin.See("Nothing is saved yet")
	admin.Press("Save these permissions")
	ana.Want("document.querySelector('#cells') !== null && document.querySelectorAll('#cells pb-editor, [data-run]').length", 0)
	ana.See("Running SQL here needs Can query on “Sample shop”")
	ana.Want("document.querySelectorAll('#cells .grid-row').length > 0", true)
	checkPage(t, ana, string(axe), "a notebook after Can query was taken away")
	typing.See("Copy what you typed and have not saved")
	typing.Want("((r) => r.top >= 0 && r.bottom <= innerHeight)(document.querySelector('#access-lost').getBoundingClientRect())", true)
	typing.Want("document.querySelector('.workbench-main').clientWidth === innerWidth", true)
	typing.Want("document.querySelectorAll('.grid-row, pb-tree').length", 0)
	typing.Want("document.querySelector('pb-editor').area.value", "select 2 -- mine")

	admin.Go(permissions)
	admin.Click("#can_view_results-public")
	admin.Press("Save permissions")
	admin.See("Nothing is saved yet")
	admin.Press("Save these permissions")
	for _, tab := range []interface{ See(string) }{ana, app} {
		tab.See("The project uses “Sample shop”, where Can view results is missing")
	}
	ana.Want("document.querySelectorAll('.grid-row').length", 0)
	app.Want("document.querySelectorAll('.app-table').length", 0)

	grid.Eval("((g) => { g.scrollTop = g.scrollHeight; return 1; })([...document.querySelectorAll('.grid')].at(-1))")
	grid.See("These rows are gone, or you may not see them any more")
	grid.Want("[...document.querySelectorAll('pb-grid')].at(-1).querySelectorAll('.grid-row').length", 0)
}

// must calls the API and wants it done.
func (p *product) must(token, method, path, body string) {
	p.t.Helper()
	if status, text := p.api(token, method, path, body); status >= 300 {
		p.t.Fatalf("%s %s answers %d %s", method, path, status, text)
	}
}

// What a link opened in a browser that nobody is signed in with goes from the screen when the link opens nothing any more, without
// anything being pressed; what is there then is what a wrong link shows.
func TestOpenSharedPageFollowsItsLink(t *testing.T) {
	t.Parallel()
	p, admin := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	connection, project := p.first(token, "/api/v1/connections"), p.first(token, "/api/v1/projects")
	admin.Go(p.url + "/projects/" + project)
	admin.Want("document.querySelectorAll('pb-editor.is-ready').length", 3)
	admin.Press("Run all")
	admin.Want("document.querySelectorAll('#cells .grid-row').length > 0 && document.querySelectorAll('#cells [role=grid]').length", 3)
	link := func(name string) string {
		admin.Go(p.url + "/projects/" + project + "/share")
		admin.Fill("name", name)
		admin.Press("Create link")
		admin.See("Copy the link now")
		return strings.Trim(admin.Eval("document.querySelector('.banner.is-ok .mono').textContent"), `"`)
	}
	visit := func(link string) *browser.Tab {
		tab := browser.Open(t)
		tab.Expect("404")
		tab.Go(link)
		return tab
	}
	wrong := visit(p.url + "/share/" + strings.Repeat("A", 43))
	const words = "document.querySelector('main').innerText.replace(/[0-9a-z]{16}/, '')"
	wrong.See("There is nothing here, or nothing that you may see")
	refused, err := strconv.Unquote(wrong.Eval(words))
	if err != nil {
		t.Fatal(err)
	}
	first := visit(link("Board"))
	second := visit(link("Auditors"))
	for _, tab := range []*browser.Tab{first, second} {
		tab.Want("document.querySelectorAll('.app-table tbody tr').length > 0", true)
		tab.Eval("(window.kept = true, 1)")
	}
	admin.Go(p.url + "/projects/" + project + "/share")
	admin.Click("[aria-label='Revoke Board']")
	first.Want(words, refused)
	second.Want("window.kept && document.querySelectorAll('.app-table tbody tr').length > 0", true)
	p.must(token, "PUT", "/api/v1/connections/"+connection+"/permissions", `{"can_query":["members"],"can_view_results":["members"],"can_refresh_schema":"can_query"}`)
	second.Want(words, refused)
	if first.Eval("document.title") != wrong.Eval("document.title") {
		t.Error("the page that is left has another title than that of a wrong link")
	}
}
