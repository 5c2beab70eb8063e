package e2e

import (
	"os"
	"testing"
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
	tab.Want("document.activeElement.id", "annotation-save")
	tab.Want(row("orders")+"?.querySelector('[role=img]')?.ariaLabel", "Endorsed")
	tab.Want(row("orders")+".ariaSelected", "true")
	tab.Activate("#pin-node")
	tab.Want("document.querySelector('#pinned .node-name')?.textContent", "orders")
	tab.Want("document.activeElement.innerText.trim()", "Unpin")
	tab.Click("#browser-recent > summary")
	tab.Want("document.querySelector('#recent-nodes .node-name')?.textContent", "orders")
	tab.Click("#browser-changed > summary")
	tab.Want("document.querySelectorAll('#changed-nodes li').length > 3", true)
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
