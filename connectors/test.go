package connectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"patchbay/catalog"
)

// The times of a connection test: the whole, and each step.
const (
	testTime = 30 * time.Second
	stepTime = 10 * time.Second
	// listTime is after which listing ends once something was listed: a test proves that it can be done.
	listTime = 3 * time.Second
)

// A Report is how a connection test went. Steps after the one that failed are not in it.
type Report struct {
	OK    bool   `json:"ok"`
	Steps []Step `json:"steps"`
	// HostKey is the key that the SSH host showed where the connection had none pinned: saving it as ssh_host_key pins it.
	HostKey string `json:"host_key,omitempty"`
}

// Steps are the steps that a test of these values goes through, in their order.
func (c *Connector) Steps(v Values) []StepName {
	if c.embedded() {
		return []StepName{StepFile, StepVersion, StepSchemas}
	}
	effective := c.effective(v)
	plan := []StepName{StepAddress}
	if effective["ssh_enabled"] == "true" {
		plan = append(plan, StepSSH, StepSSHHostKey, StepSSHSignIn)
	}
	plan = append(plan, StepPort)
	if c.TLS != TLSNone && effective["tls_mode"] != "disable" {
		plan = append(plan, StepTLS)
	}
	return append(plan, StepSignIn, StepVersion, StepSchemas)
}

// Test opens the connection step by step, reporting each as it ends, and closes it again. It takes 30 s at most, each step 10.
func (r *Registry) Test(ctx context.Context, req Request) Report {
	ctx, cancel := context.WithTimeoutCause(ctx, testTime, context.DeadlineExceeded)
	defer cancel()
	p := newProbe(req.Connector.Steps(req.Values), req.Step)
	ctx = p.watch(ctx)
	defer p.end()
	req.PinHostKey = p.seeHostKey
	p.fail(r.probe(ctx, req, p))
	return p.report()
}

// probe goes through the steps; the first error is that of the step that p is at.
func (r *Registry) probe(ctx context.Context, req Request, p *probe) error {
	src, err := r.open(ctx, req, p.reached)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if !req.Connector.embedded() {
		p.reached(StepSignIn, signedIn(req.Connector.effective(req.Values)["user"]))
	}
	server, err := src.Server(ctx)
	if err != nil {
		return err
	}
	p.reached(StepVersion, strings.Join(append([]string{strings.TrimSpace(server.Product + " " + server.Version)}, server.Warnings...), ". "))
	listed, err := list(ctx, src, req.Connector.Levels)
	if err != nil {
		return err
	}
	p.reached(StepSchemas, listed)
	return nil
}

func signedIn(user string) string {
	if user == "" {
		return ""
	}
	return "as " + user
}

// errListed ends a listing that has shown enough.
var errListed = errors.New("enough was listed")

// list reads the catalog without its tables, and says how many databases and schemas there are. Of a product that has tables
// alone it reads those.
func list(ctx context.Context, src *guarded, levels []catalog.Level) (string, error) {
	var f catalog.Filter
	if len(levels) > 1 {
		f.Tables.Exclude = &catalog.Match{Match: catalog.MatchGlob, Values: []string{"*"}}
	}
	c := &counter{began: time.Now(), counts: make([]int, len(levels)+1)}
	err := src.ReadCatalog(ctx, f, c)
	switch {
	case err != nil && !errors.Is(err, errListed):
		return "", err
	case c.why != nil && c.total() == 0:
		return "", c.why
	}
	return c.words(levels, err == nil), nil
}

// A counter is a sink that counts what is listed, by depth.
type counter struct {
	began   time.Time
	counts  []int
	skipped int
	why     error
}

// Table implements catalog.Sink.
func (c *counter) Table(t catalog.Table) error { return c.count(t.Path) }

// Done implements catalog.Sink.
func (c *counter) Done(scope catalog.Path) error { return c.count(scope) }

// Skipped implements catalog.Sink.
func (c *counter) Skipped(_ catalog.Path, why error) error {
	c.skipped++
	c.why = why
	return nil
}

func (c *counter) count(path catalog.Path) error {
	if len(path) < len(c.counts) {
		c.counts[len(path)]++
	}
	if time.Since(c.began) > listTime {
		return errListed
	}
	return nil
}

func (c *counter) total() int {
	n := 0
	for _, count := range c.counts {
		n += count
	}
	return n
}

// words are what was counted: "2 databases, 14 schemas".
func (c *counter) words(levels []catalog.Level, all bool) string {
	var parts []string
	for i, level := range levels {
		switch n := c.counts[i+1]; {
		case n == 1:
			parts = append(parts, "1 "+string(level))
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, level))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing there yet"}
	}
	if !all {
		parts[0] = "at least " + parts[0]
	}
	if c.skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d that cannot be read", c.skipped))
	}
	return strings.Join(parts, ", ")
}

// A probe is a test under way. Its methods may be called from any goroutine.
type probe struct {
	mu      sync.Mutex
	plan    []StepName // still to come
	began   time.Time  // of the step that is under way
	steps   []Step
	out     func(Step)
	timer   *time.Timer
	cancel  context.CancelCauseFunc
	failed  bool
	hostKey string
}

func newProbe(plan []StepName, out func(Step)) *probe {
	if out == nil {
		out = func(Step) {}
	}
	return &probe{plan: plan, began: time.Now(), out: out}
}

// watch gives each step its own deadline.
func (p *probe) watch(ctx context.Context) context.Context {
	ctx, p.cancel = context.WithCancelCause(ctx)
	p.timer = time.AfterFunc(stepTime, func() { p.cancel(context.DeadlineExceeded) })
	return ctx
}

func (p *probe) end() {
	p.timer.Stop()
	p.cancel(nil)
}

// reached says that a step went well, and with it those before it. A step that comes again, as when a driver opens a second
// connection, is not reported again.
func (p *probe) reached(name StepName, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.plan, name)
	if at < 0 || p.failed {
		return
	}
	for i, step := range p.plan[:at+1] {
		s := Step{Name: step, OK: true}
		if i == at {
			s.Detail = cut(Visible(detail), maxMessage)
		}
		p.add(s)
	}
	p.plan = p.plan[at+1:]
}

// fail ends the test at the step that is under way; nil does nothing.
func (p *probe) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || len(p.plan) == 0 {
		return
	}
	p.failed = true
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Cause: CauseInternal}
	}
	detail := e.Message
	if detail == "" {
		detail = e.Cause.Words()
	}
	p.add(Step{Name: p.plan[0], Detail: detail, Hint: e.Advice(), Err: e})
}

// add reports a step with the time since the one before it.
func (p *probe) add(s Step) {
	now := time.Now()
	s.MS = now.Sub(p.began).Milliseconds()
	p.began = now
	p.timer.Reset(stepTime)
	p.steps = append(p.steps, s)
	p.out(s)
}

func (p *probe) seeHostKey(key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hostKey = key
	return nil
}

func (p *probe) report() Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Report{OK: !p.failed && len(p.plan) == 0, Steps: p.steps, HostKey: p.hostKey}
}
