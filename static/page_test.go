package static_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// violations runs axe-core on the page as it stands: WCAG 2.2 A and AA.
func (p *tab) violations() []string {
	p.t.Helper()
	axe, err := os.ReadFile("../e2e/testdata/axe.min.js")
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[any](string(axe)+";1")); err != nil {
		p.t.Fatal(err)
	}
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then((r) => JSON.stringify(r.violations.map((v) => v.id + ": " + v.help + " " + v.nodes.map((n) => n.html.slice(0, 160) + " " + n.any.map((a) => a.message)).join(" | "))))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	if err := json.Unmarshal([]byte(found), &out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

func TestAxeFindsNothing(t *testing.T) {
	t.Parallel()
	for _, theme := range []string{"light", "dark"} {
		for path, ready := range map[string]string{
			"/form":     "document.activeElement.id === 'field-rows'",
			"/notebook": "!!document.querySelector('.cm-content') && !!document.querySelector('.grid-row') && !!document.querySelector('.tree-name')",
		} {
			p := open(t, newSite(t).URL+path+"?theme="+theme)
			p.want(ready, true)
			for _, v := range p.violations() {
				t.Errorf("%s in %s: %s", path, theme, v)
			}
		}
	}
}

// The budgets of DESIGN-UI section 11, in bytes as they go over the wire.
func TestPagesKeepToTheirBudget(t *testing.T) {
	t.Parallel()
	for path, most := range map[string]struct {
		bytes, requests int
		ready           string
	}{
		"/form":     {120_000, 10, "document.fonts.status === 'loaded' && document.activeElement.id === 'field-rows'"},
		"/notebook": {200_000, 20, "!!document.querySelector('.cm-content') && !!document.querySelector('.grid-row') && document.fonts.status === 'loaded'"},
	} {
		s := newSite(t)
		p := open(t, s.URL+path)
		p.want(most.ready, true)
		s.mu.Lock()
		total, requests := 0, 0
		var list []string
		for name, size := range s.sizes {
			if strings.HasPrefix(name, "/static/") || name == path {
				total, requests, list = total+size, requests+1, append(list, name)
			}
		}
		s.mu.Unlock()
		if total > most.bytes || requests > most.requests {
			t.Errorf("%s: %d bytes in %d requests, at most %d in %d: %v", path, total, requests, most.bytes, most.requests, list)
		}
		t.Logf("%s: %d bytes in %d requests", path, total, requests)
	}
}

func TestNothingScrollsSidewaysOnANarrowScreen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{"/form", "/notebook"} {
		p := open(t, s.URL+path)
		for _, width := range []int64{800, 390, 320} {
			p.do(chromedp.EmulateViewport(width, 800))
			p.want("document.documentElement.scrollWidth <= innerWidth", true)
		}
	}
}

func TestSidebarIsASheetOnANarrowScreen(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/form")
	p.do(chromedp.EmulateViewport(390, 800))
	p.want("document.querySelector('#sidebar').checkVisibility()", false)
	p.click("[popovertarget=sidebar]")
	p.want("document.querySelector('#sidebar').checkVisibility()", true)
	p.keys(kb.Escape)
	p.want("document.querySelector('#sidebar').checkVisibility()", false)
	p.do(chromedp.EmulateViewport(1280, 800))
	p.want("document.querySelector('#sidebar').checkVisibility()", true)
}
