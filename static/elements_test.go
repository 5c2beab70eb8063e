package static_test

import (
	"encoding/json"
	"net/http"
	"strings"
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
	p.keys("t54")
	p.want("['aria-expanded', 'aria-activedescendant'].map((a) => "+focused+".getAttribute(a))", []string{"true", "tree-hits-0"})
	for _, v := range p.violations() {
		t.Error("with hits:", v)
	}
	p.eval("(document.querySelector('#browser-foot').innerHTML = '<a href=\"/hidden\" data-hidden=\"Warehouse\">3 hidden by the filter</a>', 1)")
	p.keys("nope")
	p.want("document.querySelector('.tree-message').textContent", "Nothing found for “t54nope”")
	p.want("['aria-expanded', 'aria-activedescendant'].map((a) => "+focused+".getAttribute(a))", []any{"false", nil})
	p.want("document.querySelector('[role=listbox] [role=status]') === null && document.querySelector('#tree-hits').hidden", true)
	p.want("document.querySelector('.tree-below a').getAttribute('href')", addressOf(p, "/hidden?q=t54nope"))
	for _, v := range p.violations() {
		t.Error("without hits:", v)
	}
	p.click(".tree-below button")
	p.want(focused+".value", "")
	p.want("document.querySelector('.tree-message').textContent + document.querySelector('.tree-below').textContent", "")
	p.want("document.querySelector('[role=treeitem]').checkVisibility()", true)
}

// addressOf is an address of the page's site.
func addressOf(p *tab, path string) string {
	var origin string
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.eval("location.origin")), &origin); err != nil {
		p.t.Fatal(err)
	}
	return origin + path
}

func TestAHitInACommentShowsIt(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.press("/")
	p.keys("paid")
	p.want("document.querySelector('[role=option] .tree-comment')?.textContent", "😀 When it was paid <b>")
	p.want("[...document.querySelectorAll('[role=option] mark')].map((m) => m.textContent)", []string{"paid"})
	p.want("document.querySelector('[role=option]').title", "In local time")
}

// Hits that come after the search was left stay away.
func TestASearchThatWasLeftStaysAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asked, answer := s.holds(t, "/browser/search")
	p := open(t, s.URL+"/notebook")
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.press("/")
	p.keys("t54")
	<-asked
	p.eval("(document.body.insertAdjacentHTML('beforeend', '<a href=\"/elsewhere\" data-tree-open=\"c1/public/t00777\">there</a>'), document.querySelector('[data-tree-open]').click(), 1)")
	answer()
	p.want("document.querySelector('[role=treeitem][aria-selected=true] .tree-name')?.textContent", "t00777")
	p.eval("(window.later = false, setTimeout(() => { window.later = true; }, 300), 1)")
	p.want("window.later", true)
	p.want("document.querySelector('#tree-hits').hidden && document.querySelector('[role=treeitem]').checkVisibility()", true)
}

// Ctrl K finds anything by name from any screen, while one types too, and goes there by keyboard alone.
func TestAnythingIsFound(t *testing.T) {
	t.Parallel()
	for path, typing := range map[string]string{"/form": "#field-host", "/notebook": ".cm-content"} {
		p := open(t, newSite(t).URL+path)
		p.want("window.htmx !== undefined && document.querySelector('"+typing+"') !== null", true)
		p.click(typing)
		p.keys("k", chromedp.ModifierCtrl)
		p.want("document.querySelector('#find')?.open && "+focused+".id", "find-text")
		p.keys("rev")
		hits := "[...document.querySelectorAll('#find-hits [role=option] .tree-name')].map((n) => n.textContent)"
		p.want(hits, []string{"Revenue " + hostile, "rev"})
		p.want(focused+".getAttribute('aria-activedescendant')", "find-hits-0")
		for _, v := range p.violations() {
			t.Errorf("%s: %s", path, v)
		}
		p.keys("x")
		p.want("document.querySelector('#find [role=status]').textContent", "Nothing found for “revx”")
		p.keys(kb.Backspace)
		p.want(hits, []string{"Revenue " + hostile, "rev"})
		p.keys(kb.ArrowDown + kb.Enter)
		p.want("location.pathname", "/cells")
	}
}

// openTables opens the tree down to the tables, with the focus on their schema.
func openTables(p *tab) {
	p.t.Helper()
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.eval("document.querySelector('pb-tree').focus() ?? 1")
	p.keys(kb.ArrowRight)
	p.want("document.querySelectorAll('.tree-name').length", 2)
	p.keys(kb.ArrowRight + kb.ArrowRight)
	p.want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === 't00003')", true)
}

// types presses the keys of a text at once, which no busy machine draws out.
func (p *tab) types(text string) {
	p.t.Helper()
	p.eval("([...'" + text + "'].forEach((key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))), 1)")
}

// Typing in the tree leads to the next row whose name begins so, near or far.
func TestTypingLeadsToTheNextNameThatBeginsSo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	openTables(p)
	name := focused + ".querySelector('.tree-name')?.textContent"
	p.types("t54")
	p.want(name, "t54000")
	p.want(focused+".ariaPosInSet", "54001")
	p.eval("(window.later = false, setTimeout(() => { window.later = true; }, 750), 1)")
	p.want("window.later", true)
	p.types("t")
	p.want(name, "t54001")
	p.eval("(window.later = false, setTimeout(() => { window.later = true; }, 750), 1)")
	p.want("window.later", true)
	p.types("pu") // from the top again, and above
	p.want(name, "public")
	p.press("/")
	p.want(focused+".type", "search")
}

// A page that cannot be read says so and is asked for again now and then, not without end; and at once when one asks.
func TestAPageThatCannotBeReadIsNotAskedForWithoutEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	p.expects = "responded with a status of 500"
	openTables(p)
	s.now(func() { s.fails = true })
	p.keys(kb.End)
	p.want(focused+".textContent", "Could not be read. Try again")
	p.eval("(window.later = false, setTimeout(() => { window.later = true; }, 1500), 1)")
	p.want("window.later", true)
	far := 0
	s.now(func() {
		for _, uri := range s.asked {
			if strings.Contains(uri, "offset=99800") {
				far++
			}
		}
		s.fails = false
	})
	if far == 0 || far > 2 {
		t.Errorf("the page that failed was asked for %d times in a second and a half", far)
	}
	p.keys(kb.Enter)
	p.want(focused+".querySelector('.tree-name')?.textContent", "t99999")
}

// A link to a node whose way cannot be read shows what the details say, and no failure is left unseen.
func TestALinkThatCannotBeFollowedShowsDetails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fails = true
	p := open(t, s.URL+"/notebook")
	p.expects = "responded with a status of 500"
	p.want("document.querySelectorAll('.tree-name').length", 1)
	p.eval("(document.body.insertAdjacentHTML('beforeend', '<a href=\"/elsewhere\" data-tree-open=\"c1/public/t00777\">there</a>'), document.querySelector('[data-tree-open]').click(), 1)")
	p.want("document.querySelector('.tree-details h3')?.textContent", "c1/public/t00777")
}

// Who has scrolled away from the current row stays at what they see when the catalogs change.
func TestTreeStaysWhereItWasScrolledTo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	openTables(p)
	p.click("[role=treeitem][aria-posinset='4']")
	p.eval("document.querySelector('.tree-rows').scrollTop = 28 * 50000 + 9")
	row := "[...document.querySelectorAll('.tree-row')].find((r) => r.querySelector('.tree-name')?.textContent === 't50003')"
	p.want(row+" !== undefined", true)
	top := row + "?.getBoundingClientRect().top"
	p.eval("window.before = " + top)
	s.now(func() { s.fresh = 300 })
	p.eval(told)
	p.want(row+"?.ariaPosInSet", "50304")
	p.want("Math.abs(window.before - "+top+") < 2", true)
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

// A stream that is refused empties a page only where the server itself refuses the page too: neither what stands between nor a
// server that is in trouble for a moment takes from the screen what its reader may see.
func TestAPageIsEmptiedOnlyWhenItIsRefusedItself(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/followed")
	p.expects = "status"
	p.want("document.querySelector('.rows')?.textContent", "42")
	p.eval("(window.kept = true, 1)")
	for what, how := range map[string]func(){
		"nothing refuses the page":       func() { s.refused, s.byTheHost = 0, true },
		"what stands between refuses it": func() { s.refused, s.byTheHost = http.StatusNotFound, false },
		"the server is in trouble":       func() { s.refused, s.byTheHost = http.StatusServiceUnavailable, true },
	} {
		var asked int
		s.now(func() { how(); asked = len(s.asked) })
		pages := func() (n int) {
			s.now(func() {
				for _, address := range s.asked[asked:] {
					if address == "/followed" {
						n++
					}
				}
			})
			return n
		}
		for deadline := time.Now().Add(20 * time.Second); pages() < 3; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("where %s, the page was asked for %d times", what, pages())
			}
		}
		if kept := p.eval("window.kept && document.querySelector('.rows')?.textContent"); kept != `"42"` {
			t.Errorf("where %s, the page shows %s", what, kept)
		}
	}
	s.now(func() { s.refused, s.byTheHost = http.StatusNotFound, true })
	p.want("document.querySelector('main')?.textContent", "There is nothing here")
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
