package query

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"patchbay/connectors"
	"patchbay/store"
)

// openTime is how long reaching a server may take.
const openTime = 30 * time.Second

// pool keeps one open source per connection, which all its queries share: a Source may be called from several goroutines. A
// source serves one version of its connection: after an edit the next query opens a new one, and the old one closes as soon
// as nobody uses it.
type pool struct {
	open func(context.Context, *store.Connection) (connectors.Source, error)
	idle time.Duration

	mu      sync.Mutex
	sources map[string]*pooled // by connection id
	closed  bool
}

// A pooled source. ready is closed when src or err is there.
type pooled struct {
	version int64
	ready   chan struct{}
	src     connectors.Source
	err     error

	users int
	used  time.Time // when the last user left
	stale bool      // nobody gets it any more; the last user closes it
}

var errPoolClosed = errors.New("the server is stopping")

// get gives a source for the connection. It must be given back by put.
func (p *pool) get(ctx context.Context, c *store.Connection) (*pooled, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errPoolClosed
	}
	e := p.sources[c.ID]
	if e == nil || e.version != c.Version || e.stale {
		p.retire(c.ID)
		e = &pooled{version: c.Version, ready: make(chan struct{})}
		p.sources[c.ID] = e
		go p.reach(e, *c)
	}
	e.users++
	p.mu.Unlock()
	select {
	case <-e.ready:
		if e.err != nil {
			p.put(e, nil)
			return nil, e.err
		}
		return e, nil
	case <-ctx.Done():
		p.put(e, nil)
		return nil, context.Cause(ctx)
	}
}

// reach opens the source for all who wait for it: one of them leaving must not fail the others.
func (p *pool) reach(e *pooled, c store.Connection) {
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	src, err := p.reached(ctx, &c)
	p.mu.Lock()
	defer p.mu.Unlock()
	e.src, e.err = src, err
	e.stale = e.stale || err != nil
	close(e.ready)
	p.closeUnused(e)
}

// reached opens the source and turns a panic of a driver into an error of this connection alone (P24).
func (p *pool) reached(ctx context.Context, c *store.Connection) (src connectors.Source, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &connectors.Error{Cause: connectors.CauseInternal, Op: "open " + c.Name, Message: fmt.Sprintf("the driver failed: %T", v)}
		}
	}()
	return p.open(ctx, c)
}

// put gives a source back. An err that says that the source is broken keeps others from getting it.
func (p *pool) put(e *pooled, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.users--
	e.used = time.Now()
	e.stale = e.stale || broken(err)
	p.closeUnused(e)
}

// broken says whether err is of a kind after which the source itself, its tunnel included, should be made anew.
func broken(err error) bool {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Cause {
	case connectors.CauseLost, connectors.CauseUnreachable, connectors.CauseTunnel, connectors.CauseTLS, connectors.CauseSignIn, connectors.CauseInternal:
		return true
	}
	return false
}

// closeUnused closes a stale source that nobody uses. The caller holds mu; closing may wait for a server, so it is done apart.
func (p *pool) closeUnused(e *pooled) {
	if e.stale && e.users == 0 && e.src != nil {
		go func(src connectors.Source) { _ = src.Close() }(e.src)
		e.src = nil
	}
}

// retire takes a connection's source out of use. The caller holds mu.
func (p *pool) retire(id string) {
	e := p.sources[id]
	if e == nil {
		return
	}
	delete(p.sources, id)
	e.stale = true
	p.closeUnused(e)
}

// sweep closes what was idle for too long, and what serves a connection that is gone or has changed.
func (p *pool) sweep(current func(id string) (version int64, ok bool)) {
	p.mu.Lock()
	versions := map[string]int64{}
	for id, e := range p.sources {
		versions[id] = e.version
	}
	p.mu.Unlock()
	for id, version := range versions {
		now, ok := current(id)
		p.mu.Lock()
		if e := p.sources[id]; e != nil && e.version == version && (!ok || now != version || p.isIdle(e)) {
			p.retire(id)
		}
		p.mu.Unlock()
	}
}

func (p *pool) isIdle(e *pooled) bool {
	return e.users == 0 && !e.used.IsZero() && time.Since(e.used) > p.idle
}

// close ends the pool; sources in use close when their queries end.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for id := range p.sources {
		p.retire(id)
	}
}
