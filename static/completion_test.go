package static_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// intoEditor goes into the editor, whose text becomes this one, with the cursor at its bar.
func (p *tab) intoEditor(sql string) {
	p.t.Helper()
	before, after, _ := strings.Cut(sql, "|")
	p.want("document.querySelector('.cm-content') !== null", true)
	p.click(".cm-content")
	p.want("document.querySelector('pb-editor').completes", true)
	p.keys("a", chromedp.ModifierCtrl)
	p.keys(kb.Delete)
	p.eval("(document.execCommand('insertText', false, " + quoted(before+after) + "), 1)")
	p.want("document.querySelector('textarea').value", before+after)
	p.keys(strings.Repeat(kb.ArrowLeft, len([]rune(after))))
}

// The editor tells the server what is being typed, whatever the names in the statement hold.
func TestCompletionReadsTheStatementAroundTheCursor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.URL+"/notebook")
	for _, c := range []struct{ sql, prefix, context, tables string }{
		{`select * from "Bob's sales" b where b.|`, "", "Bob's%20sales", "Bob's%20sales"},
		{`select * from "a--b" x where x.na|`, "na", "a--b", "a--b"},
		{`select * from "a/*b" x where x.|`, "", "a%2F*b", "a%2F*b"},
		{`select * from "a;b" x where x.|`, "", "a%3Bb", "a%3Bb"},
		{`select * from shop."a;b" where "a;b".|`, "", "shop/a%3Bb", "shop/a%3Bb"},
		{`select * from t größe where größe.|`, "", "t", "t"},
		{`select * from t GRÖßE where größe.|`, "", "t", "t"},
		{`select * from "Order Items" where st|`, "st", "", "Order%20Items"},
		{`select "ord|" from "Order Items"`, "ord", "", "Order%20Items"},
		{`select "a from b", x| from t`, "x", "", "t"},
		{"select `a``b`.` x|` from `c;d`", " x", "a%60b", "c%3Bd"},
		{`select "a""b| from t`, `a"b`, "", "t"},
		{`select 1; select 'it''s; from s' from t as u where u.|`, "", "t", "t"},
		{`select * from t u where u.| /* from v; */`, "", "t", "t"},
	} {
		p.intoEditor(c.sql)
		var before int
		s.now(func() { before = len(s.asked) })
		p.keys(" ", chromedp.ModifierCtrl)
		var asked url.Values
		for end := time.Now().Add(10 * time.Second); asked == nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: the server was not asked", c.sql)
			}
			s.now(func() {
				for _, uri := range s.asked[before:] {
					if query, found := strings.CutPrefix(uri, "/complete?"); found {
						asked, _ = url.ParseQuery(query)
					}
				}
			})
		}
		for field, want := range map[string]string{"q": c.prefix, "context": c.context, "tables": c.tables} {
			if got := asked.Get(field); got != want {
				t.Errorf("%s: %s is %q, want %q", c.sql, field, got, want)
			}
		}
	}
}

// What is chosen takes the place of the whole name that is being typed, with the quotes around it and nothing else.
func TestACompletionWithinQuotesClosesThemOnce(t *testing.T) {
	t.Parallel()
	p := open(t, newSite(t).URL+"/notebook")
	for sql, want := range map[string]string{
		`select * from public.orders."|`:        `select * from public.orders."Order Items"`,
		`select * from public.orders."Or|" x`:   `select * from public.orders."Order Items" x`,
		`select * from public.orders."Or|de" x`: `select * from public.orders."Order Items" x`,
		`select public.orders."Or| from t "x"`:  `select public.orders."Order Items" from t "x"`,
		`select public.orders.Or|"x"`:           `select public.orders."Order Items""x"`,
		"select public.orders.`Or|` + \"x\"":    "select public.orders.\"Order Items\" + \"x\"",
		`select public.orders."Or|"`:            `select public.orders."Order Items"`,
	} {
		p.intoEditor(sql)
		p.keys(" ", chromedp.ModifierCtrl)
		p.want("[...document.querySelectorAll('.cm-tooltip-autocomplete li .cm-completionLabel')].map((l) => l.textContent)", []string{"orders", "Order Items"})
		p.eval("(window.later = false, setTimeout(() => { window.later = true; }, 150), 1)") // a list that has just opened takes no keys
		p.want("window.later", true)
		p.keys(kb.ArrowDown)
		p.press("Enter")
		p.want("document.querySelector('textarea').value", want)
	}
}
