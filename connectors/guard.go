package connectors

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/catalog"
	"patchbay/connectors/transport"
)

// The guard stands around every source, once, so that no family has to: deadlines hold even where a driver does not listen,
// a panic is an error, and an error has a cause and no secrets.

// The times that a driver has after its ctx ended: to end by itself, which lets it cancel on the server; to end after its
// connections were cut; and to close.
const (
	endGrace  = 500 * time.Millisecond
	cutGrace  = 250 * time.Millisecond
	closeTime = 5 * time.Second
)

// maxColumns bounds a result's width (PROMISES P24).
const maxColumns = 5000

// A guard is what the source, its rows and its sinks have in common.
type guard struct {
	connector *Connector
	redactor  *redactor
	dialer    *transport.Dialer
	tunnel    *transport.Tunnel // nil where there is none
	silence   Silence
	waits     transport.Waits
	target    Target // what Open was given
}

// close ends everything that was dialled.
func (g *guard) close() {
	if g.tunnel != nil {
		g.tunnel.Close()
	}
	g.dialer.Close()
}

// An outcome is what a call to a driver came to.
type outcome[T any] struct {
	value T
	err   error
}

// bounded runs do and returns soon after ctx ended, whatever do does. A driver that does not hear of ctx loses its
// connections; what it brings after that goes to late. With a ctx that has ended nothing begins.
func bounded[T any](ctx context.Context, g *guard, op string, do func() (T, error), late func(T)) (T, error) {
	var none T
	if ctx.Err() != nil {
		return none, g.explain(ctx, op, context.Cause(ctx))
	}
	done := begin(g, op, do)
	select {
	case o := <-done:
		return o.value, g.explain(ctx, op, o.err)
	case <-ctx.Done():
	}
	for _, last := range []struct {
		means func()
		wait  time.Duration
	}{{func() {}, endGrace}, {g.dialer.Cut, cutGrace}} {
		last.means()
		select {
		case o := <-done:
			return o.value, g.explain(ctx, op, o.err)
		case <-time.After(last.wait):
		}
	}
	go func() {
		if o := <-done; o.err == nil {
			late(o.value)
		}
	}()
	return none, g.explain(ctx, op, context.Cause(ctx))
}

// begin runs do on a goroutine of its own. A panic is its error.
func begin[T any](g *guard, op string, do func() (T, error)) <-chan outcome[T] {
	done := make(chan outcome[T], 1)
	go func() {
		var o outcome[T]
		defer func() {
			if p := recover(); p != nil {
				o.err = g.panicked(op, p)
			}
			done <- o
		}()
		o.value, o.err = do()
	}()
	return done
}

// panicked is the error that a panic of a driver becomes. Its value may hold anything, so only where it happened is logged.
func (g *guard) panicked(op string, value any) error {
	slog.Error("a driver panicked", "connector", g.connector.Type, "op", op, "stack", string(debug.Stack()))
	return &Error{Cause: CauseInternal, Op: op, Message: fmt.Sprint("the driver failed: ", value)}
}

// A guarded source is a family's source with the guard around it.
type guarded struct {
	*guard
	inner Source
}

// Unwrap is the family's source, for As.
func (s *guarded) Unwrap() Source { return s.inner }

// Server implements Source.
func (s *guarded) Server(ctx context.Context) (Server, error) {
	answer, err := bounded(ctx, s.guard, "read the server's version", func() (Server, error) { return s.inner.Server(ctx) }, func(Server) {})
	answer.Product, answer.Version = s.redactor.clean(answer.Product), s.redactor.clean(answer.Version)
	for i, w := range answer.Warnings {
		answer.Warnings[i] = s.redactor.clean(w)
	}
	return answer, err
}

// ReadCatalog implements Source.
func (s *guarded) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	const op = "read the catalog"
	ctx, stop := s.attend(ctx)
	defer stop()
	sink := &guardedSink{guard: s.guard, ctx: ctx, to: to}
	_, err := bounded(ctx, s.guard, op, func() (struct{}, error) { return struct{}{}, s.inner.ReadCatalog(ctx, f, sink) }, func(struct{}) {})
	if own := sink.end(); own != nil {
		return own
	}
	return err
}

// Query implements Source.
func (s *guarded) Query(ctx context.Context, st Statement) (Rows, error) {
	const op = "run the statement"
	ctx, leave := s.attend(ctx)
	inner, err := bounded(ctx, s.guard, op, func() (Rows, error) { return s.inner.Query(ctx, st) }, func(r Rows) { _ = r.Close() })
	if err != nil {
		leave()
		return nil, err
	}
	r := &guardedRows{guard: s.guard, ctx: ctx, inner: inner, leave: leave}
	if n := len(inner.Columns()); n > maxColumns {
		_ = r.Close()
		return nil, &Error{Cause: CauseLimit, Op: op, Message: fmt.Sprintf("the result has %d columns; %d are the most", n, maxColumns)}
	}
	r.patience = time.AfterFunc(time.Hour, r.cutIfBusy)
	r.patience.Stop()
	r.stop = context.AfterFunc(ctx, func() { r.patience.Reset(endGrace) })
	return r, nil
}

// Close implements Source.
func (s *guarded) Close() error {
	defer s.guard.close()
	return s.closing("close the connection", s.inner.Close)
}

// closing runs a Close, which has no ctx, in bounded time.
func (g *guard) closing(op string, do func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_, err := bounded(ctx, g, op, func() (struct{}, error) { return struct{}{}, do() }, func(struct{}) {})
	return err
}

// guardedRows are a family's rows with the guard around them.
type guardedRows struct {
	*guard
	ctx   context.Context
	inner Rows
	busy  atomic.Bool // Next is at work
	err   error       // found by the guard itself

	leave    func()      // ends ctx, and attending to the server with it
	stop     func() bool // stops watching ctx
	patience *time.Timer // runs from ctx's end
}

// cutIfBusy ends a Next that still waits some time after ctx ended: what it waits on is a connection.
func (r *guardedRows) cutIfBusy() {
	if r.busy.Load() {
		r.dialer.Cut()
	}
}

// Columns implements Rows.
func (r *guardedRows) Columns() []Column { return r.inner.Columns() }

// Next implements Rows.
func (r *guardedRows) Next() (more bool) {
	if r.err != nil {
		return false
	}
	if r.err = r.ctx.Err(); r.err != nil {
		return false
	}
	r.busy.Store(true)
	defer func() {
		r.busy.Store(false)
		if p := recover(); p != nil {
			r.err, more = r.panicked("read the rows", p), false
		}
	}()
	return r.inner.Next()
}

// Row implements Rows.
func (r *guardedRows) Row() [][]byte { return r.inner.Row() }

// Affected implements Rows.
func (r *guardedRows) Affected() int64 { return r.inner.Affected() }

// Err implements Rows.
func (r *guardedRows) Err() error {
	err := r.err
	if err == nil {
		err = r.inner.Err()
	}
	return r.explain(r.ctx, "read the rows", err)
}

// Close implements Rows.
func (r *guardedRows) Close() error {
	defer r.leave()
	if r.stop != nil {
		r.stop()
		r.patience.Stop()
	}
	return r.closing("close the rows", r.inner.Close)
}

// A guardedSink lets a driver that was given up report nothing more, and hands errors over in the form that all have.
type guardedSink struct {
	*guard
	ctx   context.Context
	to    catalog.Sink
	mu    sync.Mutex
	err   error // of the sink behind: it comes back to its caller as it is
	ended bool
}

// end closes the sink and is the error that the sink behind it returned.
func (s *guardedSink) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	return s.err
}

func (s *guardedSink) pass(report func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return context.Canceled
	}
	if s.err == nil {
		s.err = report()
	}
	return s.err
}

// Table implements catalog.Sink.
func (s *guardedSink) Table(t catalog.Table) error {
	return s.pass(func() error { return s.to.Table(t) })
}

// Done implements catalog.Sink.
func (s *guardedSink) Done(scope catalog.Path) error {
	return s.pass(func() error { return s.to.Done(scope) })
}

// Skipped implements catalog.Sink.
func (s *guardedSink) Skipped(scope catalog.Path, why error) error {
	return s.pass(func() error { return s.to.Skipped(scope, s.explain(s.ctx, "read the catalog of "+scope.String(), why)) })
}
