package e2e

import "testing"

// What an Admin types about a table stays while the table is pinned, the tree is read again, and another changes what is said
// of it; saved it is only over what its writer has seen.
func TestTypedDescriptionIsKept(t *testing.T) {
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	connection, project := p.first(token, "/api/v1/connections"), p.first(token, "/api/v1/projects")
	tab.Expect("409") // which the second save is answered
	tab.Go(p.url + "/projects/" + project + "?node=" + connection + "%2Fsample%2Fmain%2Forders")
	tab.Want("document.querySelector('#browser-foot [hx-trigger]') === null", true) // it is read
	tab.Want("document.querySelector('.tree-details h3')?.textContent", "orders")
	tab.Click("#annotation > summary")
	tab.Fill("description", "One row for each order")
	typed := "document.querySelector('#annotation[open] textarea')?.value"

	tab.Activate("#pin-node")
	tab.Want("document.querySelector('#pinned .node-name')?.textContent", "orders")
	tab.Want("document.activeElement.innerText.trim()", "Unpin")
	tab.Want(typed, "One row for each order")

	tab.Eval("(document.querySelector('[aria-label=\"Refresh Sample shop\"]').focus(), 1)")
	tab.Eval("(document.dispatchEvent(new CustomEvent('pb:catalog')), 1)") // the tree reads itself again, as after a refresh
	tab.Want("document.querySelector('pb-tree').renewing === null", true)
	tab.Await("new Promise((done) => setTimeout(done, 300)).then(() => 1)") // details that were asked for again would be there
	tab.Want(typed, "One row for each order")

	if status, body := p.api(token, "PUT", "/api/v1/connections/"+connection+"/annotations?path=sample/main/orders", `{"mark":"endorsed"}`); status != 200 {
		t.Fatalf("another's mark answers %d %s", status, body)
	}
	tab.Activate("#annotation-save")
	tab.Want("document.querySelector('#annotation .banner')?.innerText.includes('Someone else')", true)
	tab.Want("document.querySelector('.badges')?.innerText.trim()", "Endorsed")
	tab.Want(typed, "One row for each order")
	tab.Activate("#annotation-save")
	tab.Want("document.querySelector('.said')?.textContent", "One row for each order")
	tab.Want("document.querySelector('.badges')", nil)
}
