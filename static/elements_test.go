package static_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const focused = "document.activeElement"

func TestTreeOpensWithKeysAndReachesTheLastOfManyTables(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.eval("document.querySelector('pb-tree').focus() ?? 1")
	p.keys(kb.ArrowRight) // opens the connection
	p.want("document.querySelectorAll('[role=treeitem]').length", 2)
	p.want("document.querySelectorAll('.tree-name').length", 2)
	p.keys(kb.ArrowRight + kb.ArrowRight) // goes to the schema and opens it
	p.want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === 't00003')", true)
	p.keys(kb.End)
	p.want(focused+".querySelector('.tree-name')?.textContent", "t99999")
	p.want("['ariaLevel', 'ariaPosInSet', 'ariaSetSize', 'ariaExpanded'].map((a) => "+focused+"[a])", []string{"3", "100000", "100000", "false"})
	p.want("document.querySelectorAll('[role=treeitem]').length < 80", true)
	p.keys(kb.ArrowLeft) // to the parent
	p.want(focused+".querySelector('.tree-name').textContent", "public")
	p.keys(kb.ArrowLeft) // closes it
	p.want("document.querySelectorAll('[role=treeitem]').length", 2)
}

func TestTreeRemembersWhatWasOpen(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.click(".tree-row")
	p.want("document.querySelectorAll('[role=treeitem]').length", 2)
	p.do(chromedp.Reload())
	p.want("document.querySelectorAll('[role=treeitem]').length", 2)
}

func TestTreeKeepsTheFocusedRowWhenItScrollsAway(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.eval("document.querySelector('pb-tree').focus() ?? 1")
	p.keys(kb.ArrowRight)
	p.want("document.querySelectorAll('.tree-name').length", 2)
	p.keys(kb.ArrowRight + kb.ArrowRight)
	p.want("document.querySelectorAll('[role=treeitem]').length > 20", true)
	p.eval("document.querySelector('.tree-rows').scrollTop = 900000")
	p.want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent > 't32')", true)
	p.want(focused+".querySelector('.tree-name').textContent", "public")
}

// told is the foot with other catalogs in it, as a swap brings it.
const told = "((f) => { f.dataset.catalog = 'c1:2'; document.dispatchEvent(new CustomEvent('htmx:after:swap')); return 1; })(document.querySelector('#browser-foot'))"

func TestTreeReadsItselfAgainWhenTheCatalogsHaveChanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.eval("document.querySelector('pb-tree').focus() ?? 1")
	p.keys(kb.ArrowRight)
	p.want("document.querySelectorAll('.tree-name').length", 2)
	p.keys(kb.ArrowRight + kb.ArrowRight)
	p.want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === 't00003')", true)
	p.eval("document.querySelector('.tree-rows').scrollTop = 28 * 50000")
	p.want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === 't50003')", true)
	p.click("[role=treeitem][aria-posinset='50004']")
	p.want(focused+".querySelector('.tree-name')?.textContent", "t50003")
	height := focused + ".getBoundingClientRect().top - document.querySelector('.tree-rows').getBoundingClientRect().top"
	p.eval("window.before = " + height)
	s.now(func() { s.fresh = 300 })
	p.eval(told)
	p.want(focused+".ariaPosInSet", "50304")
	p.want(focused+".querySelector('.tree-name')?.textContent", "t50003")
	p.want("Math.abs(window.before - ("+height+")) < 2", true)
	p.want("document.querySelector('[role=treeitem][aria-selected=true] .tree-name')?.textContent", "t50003")
}

// Who opens a connection before its first refresh has ended sees it open when it has.
func TestTreeShowsAConnectionThatWasReadMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.now(func() { s.empty = true })
	p := open(t, s.URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.click(".tree-row")
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1")
	s.now(func() { s.empty = false })
	p.eval(told)
	p.want("[...document.querySelectorAll('.tree-name')].map((n) => n.textContent)", []string{"Warehouse", "public"})
}

func TestSearchMarksItsHitsAndLeadsToTheNode(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.press("/")
	p.keys("t54")
	p.want("[...document.querySelectorAll('[role=option]')].map((o) => o.querySelector('.tree-name').textContent)", []string{"t54321", hostile})
	p.want("document.querySelector('[role=option] mark').textContent", "t54")
	p.want("document.querySelector('[role=option] .sub').textContent", "Warehouse / public")
	p.keys(kb.Enter)
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1/public/t54321")
	p.keys(kb.Escape)
	p.want("document.querySelector('[role=treeitem][aria-selected=true] .tree-name')?.textContent", "t54321")
	p.want("document.querySelector('[role=treeitem][aria-selected=true]').ariaPosInSet", "54322")
}

func TestSearchWithoutHitsRepeatsTheQuery(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.press("/")
	p.keys("nope")
	p.want("document.querySelector('.tree-message')?.textContent", "Nothing found for “nope”")
}

// Elsewhere on the page, a link to a node leads there in the tree, out of a search too.
func TestALinkToANodeLeadsThere(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.press("/")
	p.want("document.querySelector('#tree-hint').checkVisibility() && document.querySelector('#tree-hint').textContent", "Narrow with database: schema: table: column:, as in schema:sales total")
	p.keys("t54")
	p.want("document.querySelectorAll('[role=option]').length", 2)
	p.eval("(document.body.insertAdjacentHTML('beforeend', '<a href=\"/elsewhere\" data-tree-open=\"c1/public/t00777\">there</a>'), document.querySelector('[data-tree-open]').click(), 1)")
	p.want("document.querySelector('[role=treeitem][aria-selected=true] .tree-name')?.textContent", "t00777")
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1/public/t00777")
	p.want("document.querySelector('#tree-hits').hidden && location.pathname", "/notebook")
}

func TestTreeSaysWhatIsMarkedAndWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.now(func() { s.said = map[string]any{"mark": "deprecated", "unreadable": true} })
	p := open(t, s.URL+"/notebook")
	p.want("[...document.querySelectorAll('.tree-row [role=img]')].map((i) => i.ariaLabel)", []string{"Deprecated", "Not readable by this connection"})
	for _, v := range p.violations() {
		t.Error(v)
	}
}

func TestATableChosenInTheDetailsBecomesACell(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.click(".tree-row")
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1")
	p.click("[data-tree-act=query]")
	p.want("document.querySelector('#cells .cell')?.textContent", "select from c1")
}

func TestGridReachesTheLastOfAMillionRows(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelector('[role=grid]')?.ariaRowCount", "1000001")
	p.click("[aria-rowindex='2'] [aria-colindex='2']")
	p.keys(kb.End, chromedp.ModifierCtrl)
	p.want(focused+".parentElement.ariaRowIndex", "1000001")
	p.keys(kb.Home)
	p.want(focused+".textContent", "1000000")
	p.want("(() => { const a = "+focused+".getBoundingClientRect(), g = document.querySelector('.grid').getBoundingClientRect(); return a.top >= g.top && a.bottom <= g.bottom + 1; })()", true)
	p.want("document.querySelectorAll('.grid-row').length < 60", true)
	p.want("document.querySelectorAll('.grid-cell').length < 900", true)
	p.keys(kb.ArrowUp)
	p.want(focused+".textContent", "999999")
	p.keys(kb.ArrowDown)
	p.want(focused+".textContent", "1000000")
}

func TestGridShowsEveryRowOnTheWay(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelector('[role=grid]')?.ariaRowCount", "1000001")
	p.eval("document.querySelector('.grid').scrollTop = 4000000")
	p.want(`(() => {
		const rows = [...document.querySelectorAll('.grid-row')].filter((r) => r.querySelector('[aria-colindex="2"]')?.textContent && +r.ariaRowIndex > 2);
		const inOrder = rows.toSorted((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((r) => +r.ariaRowIndex);
		return rows.length > 20 && inOrder.every((n, i) => i === 0 || n === inOrder[i - 1] + 1);
	})()`, true)
}

func TestGridDrawsValuesAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	cell := func(column string) string {
		return "document.querySelector('[aria-rowindex=\"2\"] [aria-colindex=\"" + column + "\"]')"
	}
	p.want(cell("2")+"?.textContent", "1")
	p.want("getComputedStyle("+cell("2")+").textAlign", "end")
	p.want(cell("3")+".textContent", hostile)
	p.want(cell("4")+".textContent", "null")
	p.want("getComputedStyle("+cell("4")+").fontStyle", "italic")
	p.want("document.querySelector('pb-grid table')", nil)
}

func TestGridOpensAValueAndComesBack(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelector('[role=grid]')?.ariaRowCount", "1000001")
	p.click("[aria-rowindex='2'] [aria-colindex='3']")
	p.keys(kb.Enter)
	p.want("document.querySelector('dialog[open] pre')?.textContent", hostile)
	p.keys(kb.Escape)
	p.want("document.querySelector('dialog[aria-labelledby=value-title]')", nil)
	p.want(focused+".ariaColIndex", "3")
}

func TestGridCopiesWhatIsPicked(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelector('[role=grid]')?.ariaRowCount", "1000001")
	p.eval("(navigator.clipboard.writeText = async (text) => { window.copied = text; }) && 1")
	p.click("[aria-rowindex='2'] [aria-colindex='2']")
	p.eval("document.execCommand('copy')")
	p.want("window.copied", "1")
	p.keys(kb.ArrowDown+kb.ArrowRight+kb.ArrowRight, chromedp.ModifierShift)
	p.want("document.querySelectorAll('.is-picked').length", 6)
	p.eval("document.execCommand('copy')")
	p.want("window.copied", "1\t"+hostile+"\t\n2\t"+hostile+"\t")
}

func TestColumnKeepsItsNewWidth(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelector('[role=grid]')?.ariaRowCount", "1000001")
	p.eval(`(() => {
		const grip = document.querySelector('[data-grip="1"]'), at = grip.getBoundingClientRect();
		window.before = grip.parentElement.offsetWidth;
		grip.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true, clientX: at.x}));
		document.dispatchEvent(new PointerEvent('pointermove', {clientX: at.x + 60}));
		document.dispatchEvent(new PointerEvent('pointerup', {}));
	})() ?? 1`)
	p.want("document.querySelector('[role=columnheader][aria-colindex=\"3\"]').offsetWidth - window.before", 60)
	p.want("document.querySelector('[aria-rowindex=\"2\"] [aria-colindex=\"3\"]').offsetWidth - window.before", 60)
}

func TestGridGrowsWhileRowsArrive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rows, s.still = 0, 4
	p := open(t, s.URL+"/notebook")
	p.want("document.querySelector('[role=grid]')?.ariaRowCount", "601")
	p.want("document.querySelectorAll('.grid-row').length >= 24", true)
}

func TestEditorFillsTheFormAndRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	p.want("document.querySelector('.cm-content')?.ariaLabel", "SQL of orders")
	p.click(".cm-content")
	p.keys("a", chromedp.ModifierCtrl)
	p.keys("select 2")
	p.want("document.querySelector('textarea').value", "select 2")
	p.eval("document.querySelector('form[action=\"/run\"]').addEventListener('submit', (e) => { e.preventDefault(); window.ran = new FormData(e.target).get('source'); }) ?? 1")
	p.keys(kb.Enter, chromedp.ModifierCtrl)
	p.want("window.ran", "select 2")
}

// Run, pressed right after a parameter was changed, runs with the new value: the change is on the server first.
func TestRunWaitsForWhatIsBeingSaved(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/cells")
	p.want("window.htmx !== undefined && customElements.get('pb-tree') !== undefined", true)
	p.eval(`(window.seen = [], ["before", "finally"].forEach((when) => window.addEventListener("htmx:" + when + ":request",
		(e) => window.seen.push(when + " " + (e.target.matches("form") ? "save" : "run")), true)), 1)`)
	p.eval(`((field) => { field.value = "Germany"; field.dispatchEvent(new Event("change", { bubbles: true })); return setTimeout(() => document.querySelector("[data-run]").click(), 50); })(document.querySelector("[name=value]"))`)
	p.want("window.seen.join(', ')", "before save, finally save, before run, finally run")
}

func TestEditorIsLeftWithEscapeAndTab(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelector('.cm-content') !== null", true)
	p.click(".cm-content")
	p.keys(kb.Tab)
	p.want(focused+".className.includes('cm-content')", true)
	p.keys(kb.Escape + kb.Tab)
	p.want(focused+".textContent", "Run")
}

func TestCompletionAsksTheServerAndLeavesKeywordsOutAfterADot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	p.want("document.querySelector('.cm-content') !== null", true)
	p.click(".cm-content")
	p.keys("a", chromedp.ModifierCtrl)
	p.keys("select * from public.orders o where o")
	p.want("document.querySelector('pb-editor').completes", true)
	p.keys(".or")
	p.want("[...document.querySelectorAll('.cm-tooltip-autocomplete li .cm-completionLabel')].map((l) => l.textContent)", []string{"orders", "Order Items"})
	time.Sleep(150 * time.Millisecond) // a list that has just opened takes no keys, so that nobody chooses by accident
	p.keys(kb.ArrowDown)
	p.press("Enter")
	p.want("document.querySelector('textarea').value", `select * from public.orders o where o."Order Items"`)
}

func TestFormShowsWhatApplies(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/form")
	hidden := "['password', 'key'].map((k) => document.querySelector(`[data-field=${k}]`).hidden)"
	p.want(hidden, []bool{false, true})
	p.do(chromedp.SetValue(chromedp.CSS("#field-auth"), "cert"))
	p.eval("document.querySelector('#field-auth').dispatchEvent(new Event('change', {bubbles: true}))")
	p.want(hidden, []bool{true, false})
}

func TestFormBringsTheRefusedFieldIntoView(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/form")
	p.want(focused+".id", "field-rows")
	p.want("document.querySelector('details.fold').open", true)
	p.want("document.getElementById("+focused+".getAttribute('aria-describedby').split(' ')[0]).textContent.trim()", "Give a number")
}

func TestRemovalWaitsForTheName(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/form")
	p.click("[commandfor=gone]:not([command=close])")
	p.want("document.querySelector('#gone .btn-danger').disabled", true)
	p.click("#gone-confirm")
	p.keys("Billing")
	p.want("document.querySelector('#gone .btn-danger').disabled", false)
	p.keys("x")
	p.want("document.querySelector('#gone .btn-danger').disabled", true)
	p.keys(kb.Escape)
	p.want("document.querySelector('#gone').open", false)
	p.want(focused+".textContent.trim()", "Delete")
}

func TestSingleKeysWorkUnlessOneTypes(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/form")
	p.eval(focused + ".blur() ?? 1")
	p.press("/")
	p.want(focused+".name", "q")
	p.keys("?/g")
	p.want(focused+".value", "?/g")
	p.want("document.querySelector('#keys').open", false)
	p.eval(focused + ".blur() ?? 1")
	p.press("?")
	p.want("document.querySelector('#keys').open", true)
}

func TestThemeChangesInPlace(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/form?theme=light")
	p.eval("(window.same = true)")
	p.click("[data-choice=dark]")
	p.want("document.documentElement.dataset.theme", "dark")
	p.want("getComputedStyle(document.documentElement).colorScheme", "dark")
	p.click("[data-choice=dark]") // again: back to the system's
	p.want("document.documentElement.dataset.theme", "")
	p.want("window.same", true)
}

func TestALostStreamSaysSoUntilItIsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/form")
	p.expects = "503"
	p.eval(`(() => { const d = document.createElement("div"); d.id = "live"; d.setAttribute("hx-sse:connect", "/stream"); document.querySelector("main").append(d); htmx.process(d); })() ?? 1`)
	p.want("document.querySelector('#live').textContent", "first")
	p.want("document.querySelector('#offline')?.textContent", "Reconnecting")
	p.want("document.querySelector('#live').textContent", "back")
	p.want("document.querySelector('#offline')", nil)
}

func TestDialectFollowsTheConnection(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelector('.cm-content') !== null", true)
	p.click(".cm-content")
	p.keys("a", chromedp.ModifierCtrl)
	p.keys("select `a`")
	p.want("document.querySelectorAll('.cm-line span').length", 1) // PostgreSQL knows no such quotes: only the keyword stands out
	p.eval("document.querySelector('pb-editor').setAttribute('data-dialect', 'mysql') ?? 1")
	p.want("[...document.querySelectorAll('.cm-line span')].map((s) => s.textContent)", []string{"select", "`a`"})
}
