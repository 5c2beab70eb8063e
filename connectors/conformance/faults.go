package conformance

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"patchbay/catalog"
	"patchbay/connectors"
)

var faultChecks = []check{
	{"broken while opening", network, checkBrokenOpening},
	{"broken while reading rows", network, checkBrokenRows},
	{"broken while reading catalog", network, checkBrokenCatalog},
	{"broken while idle", network, checkBrokenIdle},
	{"silent server", network, checkSilentServer},
	{"slow server", network, checkSlowServer},
	{"hostile server", network, checkHostileServer},
}

// faultDeadline is what each call is given; it must return within a second more (PROMISES P69).
const faultDeadline = 500 * time.Millisecond

// broken are the causes that a broken server may be told by.
var broken = []connectors.Cause{connectors.CauseTimeout, connectors.CauseLost, connectors.CauseTLS, connectors.CauseUnreachable, connectors.CauseInternal,
	connectors.CauseStatement, connectors.CauseUnsupported, connectors.CauseSignIn, connectors.CauseLimit}

// faults are the ways to break, with what they are called.
var faults = map[string]fault{"silent": silent, "one byte a second": drip, "reset": reset, "garbage": garbage}

// eachFault runs do for each fault at once: each has a proxy of its own, and time is what they take.
func (t *T) eachFault(s *Subject, do func(t *T, name string, f fault, p *proxy)) {
	var all sync.WaitGroup
	for name, f := range faults {
		p := startProxy(t, s)
		all.Go(func() { do(t, name, f, p) })
	}
	all.Wait()
}

// ends checks that a call that began at began ended in time with an error of the broken.
func (t *T) ends(what string, began time.Time, err error) {
	t.Helper()
	if took := time.Since(began); took > faultDeadline+time.Second {
		t.Errorf("%s: returned after %v", what, took)
	}
	cause := connectors.CauseOf(err)
	for _, c := range broken {
		if cause == c && err != nil {
			return
		}
	}
	t.Errorf("%s: %v", what, err)
}

func checkBrokenOpening(t *T, s *Subject) {
	var all sync.WaitGroup
	for _, after := range []int64{0, 1, 100} { // before the first answer, within it, and amid the handshake
		all.Go(func() {
			t.eachFault(s, func(t *T, name string, f fault, p *proxy) {
				p.breaks(f, after)
				ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
				defer cancel()
				began := time.Now()
				src, err := try(ctx, s.request(p.values()))
				if err == nil {
					_ = src.Close()
				}
				t.ends(name, began, err)
			})
		})
	}
	all.Wait()
}

func checkBrokenRows(t *T, s *Subject) {
	t.eachFault(s, func(t *T, name string, f fault, p *proxy) {
		src, err := try(t.Context(), s.request(p.values()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer func() { _ = src.Close() }()
		p.breaks(f, 100_000)
		ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
		defer cancel()
		began := time.Now()
		rows, err := src.Query(ctx, connectors.Statement{SQL: fill(s.SQL.Series, "", 100_000), ReadOnly: true})
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			_ = rows.Close()
		}
		t.ends(name, began, err)
	})
}

func checkBrokenCatalog(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...) // an empty catalog may be told before it breaks
	t.eachFault(s, func(t *T, name string, f fault, p *proxy) {
		src, err := try(t.Context(), s.request(p.values()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer func() { _ = src.Close() }()
		p.breaks(f, 1000)
		ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
		defer cancel()
		began := time.Now()
		r := &reading{skipped: map[string]error{}}
		t.ends(name, began, src.ReadCatalog(ctx, catalog.Filter{}, r))
		for _, scope := range r.done {
			if scope == "" {
				t.Errorf("%s: the whole is done though it broke", name)
			}
		}
	})
}

// A source whose connections broke while nobody looked fails once, in time, and then reaches the server again.
func checkBrokenIdle(t *T, s *Subject) {
	t.eachFault(s, func(t *T, name string, f fault, p *proxy) {
		src, err := try(t.Context(), s.request(p.values()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer func() { _ = src.Close() }()
		p.breaks(f, 0)
		ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
		defer cancel()
		began := time.Now()
		_, err = src.Server(ctx)
		t.ends(name, began, err)
		p.breaks(none, 0)
		for range 20 {
			if a, again := t.tryAsk(src, connectors.Statement{SQL: "select 'after'", ReadOnly: true}); again == nil && len(a.rows) == 1 {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("%s: the source does not come back", name)
	})
}

// silences are what a server may be waited for by.
var silences = map[string]func(ctx context.Context, s *Subject, src connectors.Source) error{
	"catalog": func(ctx context.Context, _ *Subject, src connectors.Source) error {
		return src.ReadCatalog(ctx, catalog.Filter{}, &reading{skipped: map[string]error{}})
	},
	"query": func(ctx context.Context, s *Subject, src connectors.Source) error {
		rows, err := src.Query(ctx, connectors.Statement{SQL: fill(s.SQL.Series, "", 2000), ReadOnly: true})
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		return errors.Join(rows.Err(), rows.Close())
	},
}

// A server that keeps its connections and sends nothing more is given up, long before the deadline of what waits for it (PROMISES 5.3),
// and reached again when it comes back.
func checkSilentServer(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...)
	b := startBastion(t)
	var all sync.WaitGroup
	for name, wait := range silences {
		for _, tunnelled := range []bool{false, true} {
			p := startProxy(t, s)
			req := s.request(p.values())
			if tunnelled {
				req = b.through(s)
				maps.Copy(req.Values, p.values())
			}
			req.Silence = connectors.Silence{Ask: 200 * time.Millisecond, Answer: time.Second}
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				src, err := try(ctx, req)
				if err != nil {
					t.Errorf("%s, tunnel %v: %v", name, tunnelled, err)
					return
				}
				defer func() { _ = src.Close() }()
				p.breaks(silent, 1000)
				err = wait(ctx, s, src)
				if connectors.CauseOf(err) != connectors.CauseTimeout || !strings.Contains(err.Error(), "sent nothing for 1.2s") || ctx.Err() != nil {
					t.Errorf("%s, tunnel %v: %v", name, tunnelled, err)
				}
				p.breaks(none, 0)
				for err = wait(ctx, s, src); err != nil && ctx.Err() == nil; err = wait(ctx, s, src) { // a tunnel that was cut may be noticed late
					time.Sleep(50 * time.Millisecond)
				}
				if err != nil {
					t.Errorf("%s, tunnel %v, when the server is back: %v", name, tunnelled, err)
				}
			})
		}
	}
	all.Wait()
}

// A server that takes its time is as silent, and waited for as long as it gives a sign of life.
func checkSlowServer(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...)
	for name, wait := range silences {
		p := startProxy(t, s)
		req := s.request(p.values())
		req.Silence = connectors.Silence{Ask: 200 * time.Millisecond, Answer: patience}
		src := t.open(req)
		p.breaks(held, 1000)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := wait(ctx, s, src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		if p.accepted.Load() < p.old.Load()+3 {
			t.Errorf("%s: it was not held: %d connections", name, p.accepted.Load())
		}
	}
}

// A server that answers nonsense fails its own statement only (PROMISES P24): no panic, no hang, no memory without end. It is
// met without TLS, which would hide the nonsense.
func checkHostileServer(t *T, s *Subject) {
	plain := *s.Connector
	plain.TLS = connectors.TLSConfigurable
	p := startProxy(t, s)
	req := s.request(p.values(), connectors.Values{"tls_mode": "disable"})
	req.Connector = &plain
	peak := watchHeap()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		p.breaks(none, 0)
		ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
		began := time.Now()
		src, err := try(ctx, req)
		if err != nil {
			cancel()
			t.Fatalf("without TLS: %v", err)
		}
		p.breaks(flipped, 0)
		if _, err := src.Server(ctx); err == nil {
			_ = src.ReadCatalog(ctx, s.onlyScope(), &reading{skipped: map[string]error{}})
		}
		if rows, err := src.Query(ctx, connectors.Statement{SQL: fill(s.SQL.Series, "", 2000), ReadOnly: true}); err == nil {
			for rows.Next() {
			}
			_ = rows.Close()
		}
		cancel()
		if took := time.Since(began); took > 10*faultDeadline { // no hang; how soon calls end is for "broken ..." to show
			t.Errorf("it took %v", took)
		}
		p.breaks(none, 0)
		_ = src.Close()
	}
	if grown := peak(); grown > 256<<20 {
		t.Errorf("%d MB of memory", grown>>20)
	}
	if got := t.one(t.open(s.request()), "select 'after'"); got != "after" {
		t.Errorf("got %s", got)
	}
}
