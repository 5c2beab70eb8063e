package e2e

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"patchbay/e2e/browser"
)

// The data browser: an Admin marks and pins a table, goes back to it from the lists, and axe finds nothing in any of it.
func TestDataBrowser(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	connection, project := p.first(token, "/api/v1/connections"), p.first(token, "/api/v1/projects")
	tab.Expect("404")
	tab.Go(p.url + "/projects/" + project)
	tab.Want("document.querySelector('#browser-foot [hx-trigger]') === null", true) // it is read
	row := func(name string) string {
		return "[...document.querySelectorAll('.tree-row')].find((r) => r.querySelector('.tree-name')?.textContent === '" + name + "')"
	}
	for _, name := range []string{"Sample shop", "sample", "main", "orders"} {
		tab.Want(row(name)+" !== undefined", true)
		tab.Eval("(" + row(name) + ".click(), 1)")
	}
	tab.Want("document.querySelector('.tree-details h3')?.textContent", "orders")
	tab.Click("#annotation > summary")
	tab.Fill("description", "One row for each order")
	tab.Eval("((f) => { f.value = 'endorsed'; return 1; })(document.querySelector('#annotation-mark'))")
	tab.Activate("#annotation-save")
	tab.Want("document.querySelector('.said')?.textContent", "One row for each order")
	tab.Want("document.querySelector('.tree-details').innerText.includes('In the database: One row for each order; cancelled ones stay')", true)
	tab.Want("document.activeElement.id", "annotation-save")
	tab.Want(row("orders")+"?.querySelector('[role=img]')?.ariaLabel", "Endorsed")
	tab.Want(row("orders")+".ariaSelected", "true")
	tab.Activate("#pin-node")
	tab.Want("document.querySelector('#pinned .node-name')?.textContent", "orders")
	tab.Want("document.activeElement.innerText.trim()", "Unpin")
	tab.Click("#browser-recent > summary")
	tab.Want("document.querySelector('#recent-nodes .node-name')?.textContent", "orders")
	tab.Click("#browser-changed > summary")
	tab.Want("document.querySelector('#changed-nodes')?.innerText", "No refresh of the last 7 days found a change.") // the first reading is none
	tab.Eval("(document.querySelector('[aria-label=\"Refresh Sample shop\"]').focus(), 1)")
	tab.Click("[aria-label='Refresh Sample shop']") // until it has ended, the foot asks again
	tab.Want("document.querySelector('#browser-foot').innerText.includes('just now') && document.querySelector('#browser-foot [hx-trigger]') === null", true)
	tab.Want("document.activeElement.ariaLabel", "Refresh Sample shop")
	for _, theme := range []string{"light", "dark"} {
		tab.Eval("(document.documentElement.dataset.theme = '" + theme + "', 1)")
		tab.Await("new Promise(requestAnimationFrame).then(() => Promise.all(document.getAnimations().map((a) => a.finished))).then(() => 1)")
		checkPage(t, tab, string(axe), "the data browser in "+theme)
		tab.Width(390)
		tab.Eval("(document.querySelector('#browser').showPopover(), 1)")
		checkPage(t, tab, string(axe), "the data browser, narrow, in "+theme)
		tab.Eval("(document.querySelector('#browser').hidePopover(), 1)")
		tab.Width(1280)
	}
	tab.Click("#browser-changed > summary")
	tab.Eval("(document.querySelector('.tree-search input').focus(), 1)")
	tab.Type("cancelled ones")
	tab.Want("document.querySelector('[role=option] .tree-comment')?.textContent", "One row for each order; cancelled ones stay")
	tab.Want("document.querySelector('[role=option] .tree-comment mark').textContent", "cancelled ones")
	checkPage(t, tab, string(axe), "hits in the data browser")
	tab.Type(kb.Escape)
	tab.Want("document.querySelector('#tree-hits').hidden", true)
	outputsTab(t, tab, string(axe))
	tab.Eval("(" + row("Sample shop") + ".click(), 1)") // closes it
	tab.Want(row("orders")+" === undefined", true)
	tab.Click("#pinned a")
	tab.Want("document.querySelector('.tree-details h3')?.textContent", "orders")
	tab.Want(row("orders")+"?.ariaSelected", "true")
	tab.Activate("#pinned button")
	tab.Want("document.querySelector('#pinned') === null && document.activeElement.getAttribute('role')", "treeitem")
	tab.Go(p.url + "/projects/" + project + "?node=" + connection + "/sample/main/orders/id")
	tab.Want("document.querySelector('.tree-details h3')?.textContent", "id")
	tab.Want("document.querySelector('.tree-details .badge')?.textContent", "Endorsed by orders")
	tab.Go(p.url + "/projects/" + project + "?node=" + connection + "/sample/main/nowhere")
	tab.Want("document.querySelector('.tree-details')?.innerText.includes('There is nothing here')", true)
}

// outputsTab goes to what the cells put out, which follows what is run, and back.
func outputsTab(t *testing.T, tab *browser.Tab, axe string) {
	t.Helper()
	tab.Activate("#tab-warehouse")
	tab.Type(kb.ArrowRight)
	tab.Want("document.activeElement.id + ' ' + document.querySelector('#panel-warehouse').hidden", "tab-outputs true")
	tab.Want("document.querySelectorAll('.outputs details').length > 0 && document.querySelectorAll('.output-column').length", 0)
	tab.Press("Run all")
	tab.Want("document.querySelectorAll('.output-column code').length > 3", true)
	checkPage(t, tab, axe, "the outputs in the data browser")
	tab.Activate("#tab-outputs")
	tab.Type(kb.ArrowLeft)
	tab.Want("document.querySelector('pb-tree [role=tree]').checkVisibility()", true)
}

// Completion after an alias offers the columns of its table, with what is said of them.
func TestCompletionAfterAnAlias(t *testing.T) {
	t.Parallel()
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	connection := p.first(token, "/api/v1/connections")
	if status, body := p.api(token, "POST", "/api/v1/projects", `{"name":"Aliases"}`); status != 201 {
		t.Fatalf("making a project: %d %s", status, body)
	}
	_, list := p.api(token, "GET", "/api/v1/projects?limit=1000", "")
	project := idOf(t, list, "Aliases")
	if status, body := p.api(token, "PUT", "/api/v1/projects/"+project+"/connections/"+connection, ""); status != 204 {
		t.Fatalf("importing: %d %s", status, body)
	}
	if status, body := p.api(token, "POST", "/api/v1/projects/"+project+"/cells", `{"kind":"sql","connection_id":"`+connection+`","source":""}`); status != 201 {
		t.Fatalf("adding a cell: %d %s", status, body)
	}
	tab.Go(p.url + "/projects/" + project)
	tab.Want("document.querySelector('.cm-content') !== null", true)
	tab.Eval("(document.querySelector('.cm-content').focus(), 1)")
	tab.Want("document.querySelector('pb-editor').completes", true)
	tab.Type("select 1 from main.orders as o where o.")
	labels := "[...document.querySelectorAll('.cm-tooltip-autocomplete li .cm-completionLabel')].map((l) => l.textContent)"
	tab.Want(labels+".includes('status') && "+labels+".includes('customer_id') && !"+labels+".includes('orders')", true)
	tab.Type("sta")
	tab.Want(labels, []string{"status"})
	tab.Want("document.querySelector('.cm-completionInfo')?.textContent", "paid, shipped, cancelled or returned")
}

// idOf is the id of the one with this name in a list of the API.
func idOf(t *testing.T, list, name string) string {
	t.Helper()
	var page struct{ Items []struct{ ID, Name string } }
	if err := json.Unmarshal([]byte(list), &page); err != nil {
		t.Fatal(err)
	}
	for _, item := range page.Items {
		if item.Name == name {
			return item.ID
		}
	}
	t.Fatalf("there is no %s in %s", name, list)
	return ""
}

// A part of the scripts that did not load once is asked for again: the search and type-ahead work with the next letter.
func TestTreeAfterPartsThatDidNotLoad(t *testing.T) {
	t.Parallel()
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	project := p.first(p.token(), "/api/v1/projects")
	tab.Go(p.url + "/projects/" + project)
	tab.Want("document.querySelector('#browser-foot [hx-trigger]') === null && document.querySelector('.tree-row .tree-name')?.textContent", "Sample shop")
	tab.Expect("ERR_BLOCKED_BY_CLIENT")
	tab.Expect("Failed to fetch dynamically imported module")
	tab.Block("*://*:*/static/part.*.js")
	tab.Eval("(addEventListener('unhandledrejection', () => { globalThis.missed = true; }), document.querySelector('.tree-row').focus(), 1)")
	tab.Type("s")
	tab.Want("globalThis.missed", true)
	tab.Eval("(document.querySelector('.tree-search input').focus(), 1)")
	tab.Type("orders")
	tab.Want("document.querySelector('.tree-message').textContent", "The search failed. Type again to retry")
	tab.Block()
	tab.Type(kb.Backspace)
	tab.Want("document.querySelector('[role=option] .tree-name')?.textContent", "order_items")
	tab.Type(kb.Escape)
	tab.Eval("(document.querySelector('.tree-row').click(), 1)") // opens it
	tab.Want("document.querySelectorAll('.tree-row').length", 2)
	tab.Eval("(document.querySelector('.tree-row').focus(), 1)")
	tab.Type("s")
	tab.Want("document.activeElement.querySelector('.tree-name')?.textContent", "sample")
}
