package query

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/store"
)

// A script is a source in this process: it answers every statement with the rows that it is told to make.
type script struct {
	columns []connectors.Column
	rows    int64                                    // -1: endless
	row     func(n int64) [][]byte                   // nil: tenCells or as many cells as columns
	every   func(ctx context.Context, n int64) error // runs before row n; its error breaks the answer
	query   error                                    // what Query answers instead of rows
	affects int64

	opened, closed, running atomic.Int64
	mu                      sync.Mutex
	statements              []connectors.Statement
}

func (s *script) open(context.Context, *store.Connection) (connectors.Source, error) {
	s.opened.Add(1)
	return &scripted{script: s}, nil
}

func (s *script) last() connectors.Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.statements) == 0 {
		return connectors.Statement{}
	}
	return s.statements[len(s.statements)-1]
}

// A scripted is one open connection to a script.
type scripted struct{ *script }

func (s *scripted) Server(context.Context) (connectors.Server, error) {
	return connectors.Server{}, nil
}
func (s *scripted) ReadCatalog(context.Context, catalog.Filter, catalog.Sink) error {
	return errors.New("a script has no catalog")
}
func (s *scripted) Close() error { s.closed.Add(1); return nil }

func (s *scripted) Query(ctx context.Context, st connectors.Statement) (connectors.Rows, error) {
	s.mu.Lock()
	s.statements = append(s.statements, st)
	s.mu.Unlock()
	if s.query != nil {
		return nil, s.query
	}
	s.running.Add(1)
	return &scriptedRows{script: s.script, ctx: ctx}, nil
}

type scriptedRows struct {
	*script
	ctx    context.Context
	n      int64
	cells  [][]byte
	err    error
	closed sync.Once
}

func (r *scriptedRows) Columns() []connectors.Column { return r.columns }
func (r *scriptedRows) Affected() int64              { return r.affects }
func (r *scriptedRows) Err() error                   { return r.err }
func (r *scriptedRows) Row() [][]byte                { return r.cells }
func (r *scriptedRows) Close() error {
	r.closed.Do(func() { r.running.Add(-1) })
	return nil
}

func (r *scriptedRows) Next() bool {
	if r.err != nil || r.n == r.script.rows {
		return false
	}
	if r.every != nil {
		r.err = r.every(r.ctx, r.n)
	}
	if r.ctx.Err() != nil {
		r.err = &connectors.Error{Cause: connectors.CauseCancelled, Code: "57014", Message: "canceling statement due to user request"}
	}
	if r.err != nil {
		return false
	}
	if r.script.row != nil {
		r.cells = r.script.row(r.n)
	} else {
		r.cells = tenCells(int(r.n))[:len(r.columns)]
	}
	r.n++
	return true
}

// slowly makes each row from the nth on wait for a second, or for the end of the query.
func slowly(from int64) func(context.Context, int64) error {
	return func(ctx context.Context, n int64) error {
		if n >= from {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
		return nil
	}
}

// A world is a runner over a real store with a project, a workspace connection that it uses, and people.
type world struct {
	t      testing.TB
	store  *store.Store
	runner *Runner
	script *script
	dir    string
}

// The people: an Admin, two Editors with Can edit on the project, a Viewer with Can view, an Editor outside.
var (
	admin    = actor("admin", access.RoleAdmin)
	ann      = actor("ann", access.RoleEditor)
	bob      = actor("bob", access.RoleEditor)
	vera     = actor("vera", access.RoleViewer)
	stranger = actor("stranger", access.RoleEditor)
)

func actor(name string, role access.Role) access.Actor {
	return access.Actor{UserID: name, Email: name + "@example.com", Name: name, Role: role, RequestID: "trace-" + name}
}

const (
	project    = "project"
	connection = "connection"
	cell       = "cell"
)

func newWorld(t testing.TB, s *script, limits Limits) *world {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{Dir: dir, Now: time.Now, AuditKey: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	w := &world{t: t, store: st, script: s, dir: dir + "/results"}
	w.change(fill)
	w.start(limits)
	return w
}

// start makes the runner; after the first time, as a new process would.
func (w *world) start(limits Limits) {
	w.t.Helper()
	r, err := NewRunner(Options{Store: w.store, Open: w.script.open, Dir: w.dir, Now: time.Now, Log: slog.New(slog.DiscardHandler), Limits: limits})
	if err != nil {
		w.t.Fatal(err)
	}
	w.runner = r
	w.t.Cleanup(r.Close)
}

func (w *world) change(fn func(*store.Tx) error) {
	w.t.Helper()
	if err := w.store.Maintain(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func fill(tx *store.Tx) error {
	now := time.Now()
	var errs []error
	for _, a := range []access.Actor{admin, ann, bob, vera, stranger} {
		errs = append(errs, tx.CreateUser(store.User{ID: a.UserID, Email: a.Email, Name: a.Name, Role: a.Role, Created: now, Updated: now}))
	}
	errs = append(errs,
		tx.CreateProject(store.Project{ID: project, Name: "Sales", OwnerID: "ann", Created: now, Updated: now}),
		tx.SetShares(project, []access.Share{{To: "user:ann", Access: access.Full}, {To: "user:bob", Access: access.Edit}, {To: "user:vera", Access: access.View}}),
		tx.CreateConnection(store.Connection{ID: connection, Name: "Warehouse", Type: "postgres", Config: map[string]string{},
			CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupPublic}, Reach: store.ReachUnknown, CreatedBy: "admin", Created: now, Updated: now}, nil),
		tx.Import(project, connection),
		tx.CreateCell(store.Cell{ID: cell, ProjectID: project, Kind: "sql", ConnectionID: connection, Config: map[string]any{}, Created: now, Updated: now}))
	return errors.Join(errs...)
}

// plain is a request for a statement as it stands.
func plain(sql string) Request {
	return Request{ConnectionID: connection, Purpose: "api", Prepare: func(string) (Statement, error) { return Statement{SQL: sql}, nil }}
}

// ofCell is a request of the cell.
func ofCell(sql string) Request {
	r := plain(sql)
	r.ProjectID, r.CellID, r.Purpose = project, cell, "cell"
	return r
}

// keep starts a kept result.
func (w *world) keep(who access.Actor, req Request) store.Result {
	w.t.Helper()
	res, err := w.runner.Keep(w.t.Context(), who, req)
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// end follows a result to its end.
func (w *world) end(who access.Actor, id string) store.Result {
	w.t.Helper()
	follow, err := w.runner.Follow(w.t.Context(), who, id)
	if err != nil {
		w.t.Fatal(err)
	}
	var res store.Result
	for res = range follow {
	}
	if res.State == stateRunning {
		w.t.Fatalf("the last message says %+v", res)
	}
	return res
}
