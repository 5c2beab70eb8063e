package static_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// browser is one Chromium for all tests of this package; each test has its own tab and its own storage.
var browser = sync.OnceValues(func() (context.Context, error) {
	alloc, _ := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))...)
	ctx, cancel := chromedp.NewContext(alloc)
	stop = cancel
	return ctx, chromedp.Do(ctx)
})

var stop = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	os.Exit(code)
}

// A tab is one page in Chromium, on which nothing may go wrong unseen: an exception, a console error or a refusal by the
// content security policy fails the test.
type tab struct {
	t       *testing.T
	ctx     context.Context
	expects string // a complaint with this in it is what the test is about
}

func open(t *testing.T, url string) *tab {
	t.Helper()
	parent, err := browser()
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	ctx, stopTimer := context.WithTimeout(ctx, 30*time.Second)
	t.Cleanup(func() { stopTimer(); cancel() })
	tab := &tab{t: t, ctx: ctx}
	tab.watchConsole()
	tab.do(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(url))
	return tab
}

func (p *tab) watchConsole() {
	messages := chromedp.Console(p.ctx)
	var wrong []string
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(p.ctx)
	p.t.Cleanup(func() {
		time.Sleep(50 * time.Millisecond) // messages of the last act may still be on their way
		cancel()
		for _, m := range wrong {
			if p.expects != "" && strings.Contains(m, p.expects) {
				continue
			}
			p.t.Errorf("the page complained: %s", m)
		}
	})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil || ctx.Err() != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				wrong = append(wrong, m.String()+" "+m.URL)
			}
		}
	}()
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval gives the value of an expression as JSON text.
func (p *tab) eval(expression string) string {
	p.t.Helper()
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("JSON.stringify("+expression+") ?? 'undefined'"))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// want waits until the expression has the value, and fails with what it has instead.
func (p *tab) want(expression string, value any) {
	p.t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // as JSON.stringify writes it
	if err := enc.Encode(value); err != nil {
		p.t.Fatal(err)
	}
	encoded := strings.TrimSpace(b.String())
	var got string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(15 * time.Millisecond) {
		if got = p.eval(expression); got == encoded {
			return
		}
	}
	p.t.Fatalf("%s is %s, want %s", expression, got, encoded)
}

// quoted is a text as a script writes it.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(b)
}

// press presses one key by its name, as a keyboard does: when the page takes the key for itself, nothing is typed.
func (p *tab) press(key string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			params := input.DispatchKeyEventParams{Type: kind, Key: key}
			if kind == input.DispatchKeyEventTypeKeyDown && len(key) == 1 {
				params.Text = key
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, params); err != nil {
				return chromedp.Void{}, err
			}
		}
		return chromedp.Void{}, nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// keys presses keys, with modifiers where some are given.
func (p *tab) keys(text string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text, chromedp.KeyModifiers(modifiers...)))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}
