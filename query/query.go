// Package query runs one statement for one person: it decides by the facts of that moment, waits for a slot, takes the
// connection's source from a pool and hands the rows on as they arrive, to a Sink (Stream) or to a file (Keep).
//
// What runs is registered by person and connection before the decision is made, so that a permission that is taken away
// always ends it: either CancelFor sees the query, or the decision sees the new facts. While something runs, the decision is asked
// for again and again, so that what takes a permission away need not tell: another process, or time. A kept result belongs to a
// cell; every reading of it is decided anew for whoever reads. The package knows no SQL.
package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

// Options are what a Runner works with.
type Options struct {
	Store  *store.Store
	Open   func(context.Context, *store.Connection) (connectors.Source, error) // reaches a stored connection
	Dir    string                                                              // where kept results lie; made where it is missing
	Now    func() time.Time
	Log    *slog.Logger
	Limits Limits
	// Sessions are how long people's sessions hold: what runs in one ends with it.
	Sessions store.SessionLimits
}

// Limits are how much one query may take. A zero field is the default.
type Limits struct {
	PerUser       int           // queries of one person at once: 8
	PerConnection int           // queries on one connection at once: 16
	Wait          time.Duration // for a slot: 5 s
	Statement     time.Duration // from the source's opening to the last row: 10 min
	Idle          time.Duration // an unused source is closed after: 5 min
	Rows          int64         // of a kept result: 5,000,000
	Bytes         int64         // of a kept result, as text with 4 bytes a cell: 2 GiB
	RowBytes      int64         // of one kept row; longer cells of it are cut: 64 MiB
	Columns       int           // of an answer: 5,000
}

// withDefaults fills in what is zero.
func (l Limits) withDefaults() Limits {
	l.PerUser = orDefault(l.PerUser, 8)
	l.PerConnection = orDefault(l.PerConnection, 16)
	l.Wait = orDefault(l.Wait, 5*time.Second)
	l.Statement = orDefault(l.Statement, 10*time.Minute)
	l.Idle = orDefault(l.Idle, 5*time.Minute)
	l.Rows = orDefault(l.Rows, 5_000_000)
	l.Bytes = orDefault(l.Bytes, 2<<30)
	l.RowBytes = orDefault(l.RowBytes, 64<<20)
	l.Columns = orDefault(l.Columns, 5_000)
	return l
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// A Request is one statement to run on one connection.
type Request struct {
	ConnectionID string
	ProjectID    string // set: the person must be able to run cells there, and the project must use the connection
	CellID       string // of a kept result
	// Prepare makes the statement for the connection's type. It is called once access is decided, so that a refusal never
	// depends on what was written.
	Prepare func(connectionType string) (Statement, error)
	Limit   int64  // rows to read; 0: all for Stream, the limit of kept results for Keep
	Write   bool   // may write where the connection allows it and the actor's token may; otherwise the session is read-only
	Purpose string // for the audit row: "cell", "api", "preview"
}

// A Statement is SQL with its bound values.
type Statement struct {
	SQL      string
	Args     []any
	Database string // for products where a session has one database; empty: the connection's own
	// Position turns a 1-based offset in SQL, as the server tells it, into one in the text that the person typed. Nil: they
	// are the same.
	Position func(int) int
}

// Runner runs queries. Its methods may be called from several goroutines.
type Runner struct {
	store    *store.Store
	now      func() time.Time
	log      *slog.Logger
	limits   Limits
	sessions store.SessionLimits
	files    *os.Root // kept results: nothing outside is reached, whatever a name says (P22)
	slots    *slots
	pool     *pool

	mu      sync.Mutex
	runs    map[string]*run  // all that runs, by id; a kept run has the id of its result
	lives   map[string]*live // kept results that are made now, by id
	closed  bool
	running sync.WaitGroup
	stop    chan struct{}
}

// NewRunner makes a runner and tidies what an earlier process left: results that were running are marked as interrupted, and
// files that belong to no result are removed.
func NewRunner(o Options) (*Runner, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for results: %w", err)
	}
	files, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open folder of results: %w", err)
	}
	limits := o.Limits.withDefaults()
	r := &Runner{store: o.Store, now: o.Now, log: o.Log, limits: limits, sessions: o.Sessions, files: files, slots: newSlots(limits),
		pool: &pool{open: o.Open, idle: limits.Idle, sources: map[string]*pooled{}},
		runs: map[string]*run{}, lives: map[string]*live{}, stop: make(chan struct{})}
	if err := r.interrupt(context.Background()); err != nil {
		return nil, errors.Join(err, files.Close())
	}
	r.running.Add(1)
	go r.sweepUntilClosed()
	return r, nil
}

// Close cancels what runs, waits for its end and closes every source. It may be called more than once.
func (r *Runner) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	for _, q := range r.runs {
		q.cancel(errStopping)
	}
	r.mu.Unlock()
	close(r.stop)
	r.pool.close()
	r.running.Wait()
	_ = r.files.Close()
}

// CancelFor cancels the running queries for which no is true. It is asked with no lock held and may read the store.
func (r *Runner) CancelFor(no func(who access.Actor, connectionID string) bool) {
	for _, q := range r.all() {
		if no(q.who, q.req.ConnectionID) {
			q.cancel(errRevoked)
		}
	}
}

// CancelDenied cancels at once the running queries that could not begin now, by the decision that let them begin, and which their own
// asking would end a moment later. The error says of which it cannot be told.
func (r *Runner) CancelDenied(ctx context.Context) error {
	runs := r.all()
	failed := make([]error, len(runs))
	var asked sync.WaitGroup
	for i, q := range runs {
		asked.Go(func() {
			err := ask(ctx, func(ctx context.Context) error { return r.mayGoOn(ctx, q) })
			if err != nil && refuses(err) {
				q.cancel(errRevoked)
			} else {
				failed[i] = err
			}
		})
	}
	asked.Wait()
	return errors.Join(failed...)
}

// mayGoOn decides anew whether a query may run.
func (r *Runner) mayGoOn(ctx context.Context, q *run) error {
	err := r.store.View(ctx, func(tx *store.Tx) error { _, err := r.mayRun(tx, q.who, q.req); return err })
	if err != nil && !refuses(err) && !errors.Is(err, context.Canceled) {
		r.log.Error("cannot tell whether a running query may go on", "connection", q.req.ConnectionID, "error", err)
		return fmt.Errorf("decide on a running query: %w", err)
	}
	return err
}

// all are the queries that run now.
func (r *Runner) all() []*run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.runs))
}
