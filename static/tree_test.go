package static_test

import (
	"strings"
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
	asked, answer := make(chan bool, 10), make(chan bool)
	s.slow = func(uri string) {
		if strings.Contains(uri, "children?path=c1%2Fpublic%2Ft00003&") {
			asked <- true
			<-answer
		}
	}
	p := open(t, s.URL+"/notebook")
	openTables(p)
	p.eval("(" + rowNamed("t00003") + ".focus(), 1)")
	p.keys(kb.ArrowRight)
	<-asked
	p.keys(kb.ArrowLeft + kb.ArrowRight)
	p.want(focused+".ariaExpanded", "true")
	close(answer)
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
