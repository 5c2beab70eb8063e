package static_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// rowNamed is the row of the tree that shows a name.
func rowNamed(name string) string {
	return "[...document.querySelectorAll('.tree-row')].find((r) => r.querySelector('.tree-name')?.textContent === '" + name + "')"
}

// A node that is closed and opened again before its children have come shows them when they have, wherever in the view it is.
func TestANodeOpenedAgainBeforeItsChildrenCameShowsThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asked, answer := s.holds(t, "/browser/children?path=c1%2Fpublic%2Ft00003&")
	p := open(t, s.URL+"/notebook")
	openTables(p)
	p.eval("(" + rowNamed("t00003") + ".focus(), 1)")
	p.keys(kb.ArrowRight)
	<-asked
	p.keys(kb.ArrowLeft + kb.ArrowRight)
	p.want(focused+".ariaExpanded", "true")
	answer()
	p.want("document.querySelectorAll('[role=treeitem][aria-level=\"4\"] .tree-name').length", 3)
}

// Children that could not be read are asked for again by themselves, wherever in the view they are.
func TestChildrenThatCouldNotBeReadComeByThemselves(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	p.expects = "responded with a status of 500"
	openTables(p)
	s.now(func() { s.broken = "c1/public/t00003" })
	p.eval("(" + rowNamed("t00003") + ".focus(), 1)")
	p.keys(kb.ArrowRight)
	p.want("[...document.querySelectorAll('.tree-row')].some((r) => r.textContent === 'Could not be read. Try again')", true)
	s.now(func() { s.broken = "" })
	p.want("document.querySelectorAll('[role=treeitem][aria-level=\"4\"] .tree-name').length", 3)
}

// Enter while hits are on their way is meant for what has been typed by then, not for the hits of a text before it.
func TestEnterTakesAHitOfWhatIsTyped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asked, answer := s.holds(t, "/browser/search?q=t54321")
	p := open(t, s.URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.press("/")
	p.keys("t54")
	p.want("document.querySelectorAll('[role=option]').length", 2)
	p.keys(kb.ArrowDown) // to a column
	p.keys("321")
	p.keys(kb.Enter)
	<-asked
	p.keys(kb.Enter)
	p.want("document.querySelector('.tree-details').childElementCount", 0)
	answer()
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1/public/t54321")
	p.keys(kb.Backspace + kb.Enter + "1" + kb.Escape + kb.Escape) // who goes on typing or leaves takes nothing
	p.want("document.querySelector('[role=treeitem]').checkVisibility()", true)
	p.want(focused+".value", "")
}

// Enter before the first hits have come takes the first of them.
func TestEnterWaitsForTheFirstHits(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.press("/")
	p.keys("t54" + kb.Enter)
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1/public/t54321")
}

// inOrder are the names in the tree's rows from the top down, each behind as many dots as it is deep.
const inOrder = "[...document.querySelectorAll('.tree-row')].toSorted((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((r) => '.'.repeat(r.ariaLevel) + r.textContent)"

// A page that says that there are more or fewer tables than before brings the whole tree up to date: no table gets another's columns.
func TestColumnsStayWithTheirTable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	openTables(p)
	p.eval("(" + rowNamed("t00003") + ".focus(), 1)")
	p.keys(kb.ArrowRight)
	p.want("document.querySelectorAll('[role=treeitem][aria-level=\"4\"] .tree-name').length", 3)
	s.now(func() { s.fresh = 1 })
	p.eval("document.querySelector('.tree-rows').scrollTop = 28 * 50000")
	p.want("document.querySelector('[role=treeitem][aria-level=\"3\"]')?.ariaSetSize", "100001")
	p.want("[...document.querySelectorAll('.tree-row')].some((r) => r.querySelector('.tree-name')?.textContent > 't4')", true)
	p.eval("document.querySelector('.tree-rows').scrollTop = 0")
	p.want(rowNamed("t00003")+"?.ariaPosInSet", "5")
	p.want("((rows) => rows.at(rows.findIndex((r) => r.startsWith('....')) - 1).slice(0, 9))("+inOrder+")", "...t00003")
}

// A table that is opened after it went is not one that could not be read.
func TestATableThatWentLeavesTheTree(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	p.expects = "responded with a status of 404"
	openTables(p)
	p.eval("(" + rowNamed("t00000") + ".focus(), 1)")
	s.now(func() { s.fresh = -1 })
	p.keys(kb.ArrowRight)
	p.want(rowNamed("t00000")+" === undefined && "+focused+".querySelector('.tree-name')?.textContent", "public")
	p.want(rowNamed("t00001")+"?.ariaPosInSet", "1")
}

// Who comes back to the tree after a while sees what refreshes have brought meanwhile, also where nobody told the page of one.
func TestWhoComesBackToTheTreeSeesItAsItIs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	openTables(p)
	s.now(func() { s.fresh = 300 })
	p.keys(kb.ArrowDown)
	p.want(focused+".querySelector('.tree-name')?.textContent", "t00000")
	p.eval("((now) => { Date.now = () => now() + 61000; return 1; })(Date.now)")
	p.keys(kb.ArrowDown)
	p.want(focused+".ariaSetSize", "100300")
	feet := 0
	s.now(func() {
		for _, uri := range s.asked {
			if uri == "/browser/foot" {
				feet++
			}
		}
	})
	if feet != 1 {
		t.Errorf("the foot was asked for %d times in two visits, of which one came after a minute", feet)
	}
}

// Who reads the page in the order of its elements reads the rows as they stand.
func TestRowsAreReadInTheOrderInWhichTheyStand(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	openTables(p)
	same := "((read) => { const stand = " + inOrder + "; return read.length > 10 && JSON.stringify(read) === JSON.stringify(stand); })([...document.querySelectorAll('.tree-row')].map((r) => '.'.repeat(r.ariaLevel) + r.textContent))"
	p.want(same, true)
	p.eval("(" + rowNamed("t00003") + ".focus(), 1)")
	p.keys(kb.ArrowRight)
	p.want("document.querySelectorAll('[role=treeitem][aria-level=\"4\"] .tree-name').length", 3)
	p.want(same, true)
	p.want(focused+".querySelector('.tree-name')?.textContent", "t00003")
	for _, to := range []string{"28 * 5000", "28 * 4990", "0"} {
		p.eval("document.querySelector('.tree-rows').scrollTop = " + to)
		p.want("[...document.querySelectorAll('.tree-row')].every((r) => r.querySelector('.tree-name')) && "+same, true)
	}
	p.want(focused+".querySelector('.tree-name')?.textContent", "t00003")
	p.keys(kb.ArrowLeft)
	p.want("document.querySelectorAll('[role=treeitem][aria-level=\"4\"]').length", 0)
	p.want(same, true)
}

// Each row holds to its height and each name to its place, whatever a name holds.
func TestHostileNamesKeepToTheirPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.columns = []string{"two\nlines\tand a bell\a", "a/b%c#d?e", "\u202egnp.exe", "עמודה אחת"}
	p := open(t, s.URL+"/notebook")
	openTables(p)
	p.eval("(" + rowNamed("t00003") + ".focus(), 1)")
	p.keys(kb.ArrowRight)
	p.want("[...document.querySelectorAll('[role=treeitem][aria-level=\"4\"] .tree-name')].map((n) => n.textContent)",
		[]string{"two↵lines→and a bell␇", "a/b%c#d?e", "\u202egnp.exe", "עמודה אחת"})
	p.want("[...document.querySelectorAll('.tree-row')].every((r) => r.scrollHeight <= r.clientHeight)", true)
	p.press("/")
	p.keys("hostile")
	p.want("document.querySelector('[role=option] .sub')?.textContent", "Warehouse / \u202ecilbup / שולחן / two↵lines")
	p.want("[...document.querySelectorAll('[role=option] .sub bdi')].map((b) => b.textContent)", []string{"Warehouse", "\u202ecilbup", "שולחן", "two↵lines"})
	p.want("[...document.querySelectorAll('[role=option] mark')].map((m) => m.textContent)", []string{"↵li"})
	p.want("((at) => at.every((x, i) => i === 0 || x > at[i - 1]))([...document.querySelectorAll('[role=option] .sub bdi')].map((b) => b.getBoundingClientRect().left))", true)
}

// The details are closed with their button, and the focus goes back to the tree.
func TestDetailsAreClosed(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.click(".tree-row")
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1")
	p.want("document.querySelectorAll('.tree-details button[aria-label=\"Close details\"]').length", 1)
	for _, v := range p.violations() {
		t.Error(v)
	}
	p.click("[data-tree-act=close]")
	p.want("document.querySelector('.tree-details').checkVisibility()", false)
	p.want(focused+".querySelector('.tree-name')?.textContent", "Warehouse")
	p.want("document.querySelectorAll('[role=treeitem][aria-selected=true]').length", 0)
	p.keys(kb.Enter)
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1")
}

// What someone is writing in the details stays when the catalogs change.
func TestWhatIsWrittenInTheDetailsStays(t *testing.T) {
	t.Parallel()
	detailsStay(t, `<details id="annotation" open><textarea id="own">half a thought</textarea></details>`)
}

// So does a preview that has been asked for and has not come.
func TestWhatComesIntoTheDetailsStays(t *testing.T) {
	t.Parallel()
	detailsStay(t, `<button id="own" class="htmx-request">half a thought</button>`)
}

// detailsStay puts something into the details, and wants it there after the tree was read again.
func detailsStay(t *testing.T, own string) {
	t.Helper()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	openTables(p)
	p.click("[role=treeitem][aria-posinset='4']")
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1/public/t00003")
	p.eval(fmt.Sprintf("(document.querySelector('.tree-details').insertAdjacentHTML('beforeend', %q), 1)", own))
	s.now(func() { s.fresh = 3 })
	p.eval(told)
	p.want(rowNamed("t00003")+"?.ariaPosInSet", "7")
	p.eval("(window.later = false, setTimeout(() => { window.later = true; }, 300), 1)")
	p.want("window.later", true)
	p.want("document.querySelector('.tree-details #own')?.textContent", "half a thought")
}

// Every key of the tree leads to the row that it names.
func TestKeysLeadThroughTheTree(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	openTables(p)
	name := focused + ".querySelector('.tree-name')?.textContent"
	p.keys(kb.ArrowDown + kb.ArrowDown)
	p.want(name, "t00001")
	p.keys(kb.ArrowUp)
	p.want(name, "t00000")
	p.keys(kb.Home)
	p.want(name, "Warehouse")
	p.keys(kb.ArrowUp) // there is none above
	p.want(name, "Warehouse")
	var page int
	if err := json.Unmarshal([]byte(p.eval("Math.floor(document.querySelector('.tree-rows').clientHeight / 28) - 1")), &page); err != nil || page < 5 {
		t.Fatalf("%d rows to a page, %v", page, err)
	}
	p.keys(kb.PageDown)
	p.want(name, fmt.Sprintf("t%05d", page-2))
	p.keys(kb.PageDown)
	p.want(name, fmt.Sprintf("t%05d", 2*page-2))
	p.want("((row, rows) => row.top >= rows.top && row.bottom <= rows.bottom + 1)("+focused+".getBoundingClientRect(), document.querySelector('.tree-rows').getBoundingClientRect())", true)
	p.keys(kb.PageUp)
	p.want(name, fmt.Sprintf("t%05d", page-2))
	p.keys(kb.End)
	p.want(name, "t99999")
	p.keys(kb.PageDown + kb.ArrowDown) // there is none below
	p.want(name, "t99999")
	p.want("document.querySelectorAll('[role=treeitem][tabindex=\"0\"]').length", 1)
}
