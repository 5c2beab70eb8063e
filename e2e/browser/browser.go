// Package browser drives headless Chromium in tests. On a tab nothing may go wrong unseen: an exception, a console error or a
// refusal by the content security policy fails the test that opened it.
package browser

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// start is one Chromium for all tests of a process; each tab has its own storage.
var start = sync.OnceValues(func() (context.Context, error) {
	alloc, _ := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))...)
	ctx, cancel := chromedp.NewContext(alloc)
	stop = cancel
	return ctx, chromedp.Do(ctx)
})

var stop = func() {}

// Stop ends Chromium. TestMain calls it when the tests are done.
func Stop() { stop() }

// A Tab is one page with its own cookies. It is used by one test.
type Tab struct {
	t       testing.TB
	ctx     context.Context
	expects []string
}

// Open opens a tab 1280 wide. Waiting for anything in it ends after two minutes.
func Open(t testing.TB) *Tab {
	t.Helper()
	parent, err := start()
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	ctx, stopTimer := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() { stopTimer(); cancel() })
	tab := &Tab{t: t, ctx: ctx}
	tab.watchConsole()
	tab.do(chromedp.EmulateViewport(1280, 800))
	return tab
}

// Expect lets complaints pass that hold this text: what the test itself is about, such as the status of a refused form.
func (p *Tab) Expect(text string) { p.expects = append(p.expects, text) }

func (p *Tab) watchConsole() {
	messages := chromedp.Console(p.ctx)
	var mu sync.Mutex
	var wrong []string
	p.t.Cleanup(func() {
		time.Sleep(50 * time.Millisecond) // messages of the last act may still be on their way
		mu.Lock()
		defer mu.Unlock()
		for _, m := range wrong {
			if !p.expected(m) {
				p.t.Errorf("the page complained: %s", m)
			}
		}
	})
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				mu.Lock()
				wrong = append(wrong, m.String()+" "+m.URL)
				mu.Unlock()
			}
		}
	}()
}

func (p *Tab) expected(message string) bool {
	for _, text := range p.expects {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

func (p *Tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// Width sets the width of the window; below 640 it is a phone's.
func (p *Tab) Width(width int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, 800))
}

// Go loads a page.
func (p *Tab) Go(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

// Block lets requests for these patterns of URLs fail from now on, and no others.
func (p *Tab) Block(patterns ...string) {
	p.t.Helper()
	blocked := make([]*network.BlockPattern, len(patterns))
	for i, pattern := range patterns {
		blocked[i] = &network.BlockPattern{URLPattern: pattern, Block: true}
	}
	_, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(p.ctx, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: blocked})
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Eval is the value of an expression as JSON text.
func (p *Tab) Eval(expression string) string {
	p.t.Helper()
	out, err := p.try(expression)
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

func (p *Tab) try(expression string) (string, error) {
	return chromedp.Run(p.ctx, chromedp.Evaluate[string]("JSON.stringify("+expression+") ?? 'undefined'"))
}

// Await waits for a promise's value as JSON text.
func (p *Tab) Await(expression string) string {
	p.t.Helper()
	p.Eval("(globalThis.awaited = undefined, Promise.resolve(" + expression + ").then((v) => { globalThis.awaited = JSON.stringify(v) ?? 'null'; }, (e) => { globalThis.awaited = 'failed: ' + e; }), 1)")
	var out string
	p.until(func() bool { out = p.Eval("globalThis.awaited ?? null"); return out != "null" }, func() string { return "waiting for " + expression })
	var text string
	if err := json.Unmarshal([]byte(out), &text); err != nil {
		p.t.Fatal(err)
	}
	return text
}

// until waits for something that a page does in its own time.
func (p *Tab) until(done func() bool, what func() string) {
	p.t.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	page, _ := p.try("document.body.innerText")
	p.t.Fatalf("%s\nthe page: %.1500s", what(), page)
}

// Want waits until the expression has the value, and fails with what it has instead.
func (p *Tab) Want(expression string, value any) {
	p.t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // as JSON.stringify writes it
	if err := enc.Encode(value); err != nil {
		p.t.Fatal(err)
	}
	want, got := strings.TrimSpace(b.String()), ""
	p.until(func() bool {
		out, err := p.try(expression)
		if got = out; err != nil {
			got = err.Error() // a page that is just being left has nothing to ask
		}
		return got == want
	}, func() string { return expression + " is " + got + ", want " + want })
}

// See waits until the page shows the text.
func (p *Tab) See(text string) {
	p.t.Helper()
	p.Want("document.body.innerText.includes("+quote(text)+")", true)
}

// Click clicks the first element that the selector finds.
func (p *Tab) Click(selector string) {
	p.t.Helper()
	p.Want("document.querySelector("+quote(selector)+") !== null", true)
	p.do(chromedp.Click(selector))
}

// Activate focuses the first element that the selector finds and clicks it by script, wherever it lies; a form is submitted.
func (p *Tab) Activate(selector string) {
	p.t.Helper()
	found := "document.querySelector(" + quote(selector) + ")"
	p.Want(found+" !== null", true)
	p.Eval("((e) => e.matches('form') ? e.requestSubmit() : (e.focus(), e.click()))(" + found + ") ?? 1")
}

// Press clicks the button or link with this text.
func (p *Tab) Press(label string) {
	p.t.Helper()
	find := "[...document.querySelectorAll('button, a, summary')].find((e) => e.innerText.trim() === " + quote(label) + " && e.checkVisibility())"
	p.Want(find+" !== undefined", true)
	p.Eval("(" + find + ".click(), 1)")
}

// Fill types into the input of this name.
func (p *Tab) Fill(name, text string) {
	p.t.Helper()
	field := "document.querySelector('[name=" + name + "]:not([type=hidden])')"
	p.Want(field+" !== null", true)
	p.Eval("((f) => { f.focus(); f.value = " + quote(text) + "; f.dispatchEvent(new Event('input', { bubbles: true })); f.dispatchEvent(new Event('change', { bubbles: true })); return 1; })(" + field + ")")
}

// Type presses the keys of a text, one after another, where the focus is.
func (p *Tab) Type(text string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text))
}

// Screenshot writes what the window shows as a PNG.
func (p *Tab) Screenshot(file string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(b)
}

// Run runs a script in the page, as a developer's console would: the page's own policy does not speak of it.
func (p *Tab) Run(script string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[any]("(() => { "+script+"\n })() ?? 1")); err != nil {
		p.t.Fatal(err)
	}
}
