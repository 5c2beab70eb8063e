package query

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

func TestStreamHandsOnRowsAndSaysWhoAsks(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:2], rows: 3}
	w := newWorld(t, s, Limits{})
	var b bytes.Buffer
	out, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(&b, false))
	if err != nil || out.Rows != 3 || out.Truncated != "" {
		t.Fatalf("outcome %+v, %v", out, err)
	}
	if b.String() != "c0,c1\r\n0,customer name\r\n1,customer name\r\n2,customer name\r\n" {
		t.Errorf("rows are %q", b.String())
	}
	st := s.last()
	if st.SQL != "select 1" || !st.ReadOnly || st.Comment != "patchbay user=ann@example.com trace=trace-ann" {
		t.Errorf("the source was sent %+v", st)
	}
	if s.running.Load() != 0 {
		t.Error("the statement was not closed")
	}
}

func TestLimitIsSaid(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: -1}
	w := newWorld(t, s, Limits{})
	req := plain("select 1")
	req.Limit = 5
	var b bytes.Buffer
	out, err := w.runner.Stream(t.Context(), ann, req, NewJSON(&b))
	if err != nil || out.Rows != 5 || !strings.Contains(b.String(), `"truncated":true`) {
		t.Fatalf("outcome %+v, %v: %s", out, err, b.String())
	}
	if s.running.Load() != 0 {
		t.Error("an endless statement was left running")
	}
	s.rows = 5
	if out, err = w.runner.Stream(t.Context(), ann, req, NewJSON(io.Discard)); err != nil || out.Truncated != "" {
		t.Errorf("exactly as many rows as the limit: %+v, %v", out, err)
	}
}

func TestColumnsAreCappedAndSaid(t *testing.T) {
	t.Parallel()
	wide := make([]connectors.Column, 10_000)
	s := &script{columns: wide, rows: 1, row: func(int64) [][]byte { return make([][]byte, len(wide)) }}
	w := newWorld(t, s, Limits{})
	var b bytes.Buffer
	out, err := w.runner.Stream(t.Context(), ann, plain("select *"), NewCSV(&b, false))
	if err != nil || out.Truncated != "Only the first 5000 of 10000 columns were read" {
		t.Fatalf("outcome %+v, %v", out, err)
	}
	if got := strings.Count(b.String(), ","); got != 2*4999 {
		t.Errorf("%d commas in two lines", got)
	}
}

func TestWritingNeedsTheConnectionTheTokenAndTheRequest(t *testing.T) {
	t.Parallel()
	s := &script{affects: 2}
	w := newWorld(t, s, Limits{})
	reader := ann
	reader.Scope = access.ScopeRead
	writer := ann
	writer.Scope = access.ScopeWrite
	for _, c := range []struct {
		who              access.Actor
		connection, asks bool
		want             bool // the session may write
	}{
		{ann, false, true, false}, {ann, true, false, false}, {ann, true, true, true}, {writer, true, true, true}, {reader, true, true, false},
	} {
		w.change(func(tx *store.Tx) error {
			conn, err := tx.Connection(connection)
			conn.AllowWriteback = c.connection
			return errors.Join(err, tx.UpdateConnection(conn, nil, nil))
		})
		req := plain("insert")
		req.Write = c.asks
		if _, err := w.runner.Stream(t.Context(), c.who, req, NewCSV(io.Discard, false)); err != nil {
			t.Fatal(err)
		}
		if got := !s.last().ReadOnly; got != c.want {
			t.Errorf("scope %q, writeback %v, asked %v: may write %v", c.who.Scope, c.connection, c.asks, got)
		}
	}
}

func TestWhoMayRun(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: 1}
	w := newWorld(t, s, Limits{})
	run := func(who access.Actor, req Request) error {
		_, err := w.runner.Stream(t.Context(), who, req, NewCSV(io.Discard, false))
		return err
	}
	refused := func(what string, err error) {
		t.Helper()
		var denied *access.Denied
		if !errors.As(err, &denied) {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	if err := run(bob, ofCell("select 1")); err != nil {
		t.Errorf("an editor of the project: %v", err)
	}
	refused("a viewer of the project", run(vera, ofCell("select 1")))
	refused("an editor of other projects", run(stranger, ofCell("select 1")))
	refused("anonymous", run(access.Actor{}, plain("select 1")))
	w.change(func(tx *store.Tx) error { return tx.StopImport(project, connection) })
	refused("a connection that the project does not use", run(bob, ofCell("select 1")))
	w.change(func(tx *store.Tx) error { return tx.SetPermissions(connection, nil, nil, false) })
	refused("someone without Can query", run(bob, plain("select 1")))
	if err := run(admin, plain("select 1")); err != nil {
		t.Errorf("an Admin: %v", err)
	}
	w.change(func(tx *store.Tx) error {
		u, err := tx.User("admin")
		u.Disabled = true
		return errors.Join(err, tx.UpdateUser(u))
	})
	refused("a disabled Admin whose page still says Admin", run(admin, plain("select 1")))
	called := false
	req := plain("")
	req.Prepare = func(string) (Statement, error) { called = true; return Statement{}, nil }
	refused("a refusal", run(bob, req))
	if called {
		t.Error("the statement was prepared for someone who is refused")
	}
}

func TestPermissionTakenAwayEndsTheQuery(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: -1, every: slowly(1)}
	w := newWorld(t, s, Limits{})
	ended := make(chan error, 2)
	for _, who := range []access.Actor{ann, bob} {
		go func() {
			_, err := w.runner.Stream(t.Context(), who, plain("select 1"), NewCSV(io.Discard, false))
			ended <- err
		}()
	}
	waitFor(t, func() bool { return s.running.Load() == 2 })
	began := time.Now()
	w.runner.CancelFor(func(who access.Actor, id string) bool { return who.UserID == "ann" && id == connection })
	err := <-ended
	var denied *access.Denied
	if !errors.As(err, &denied) || time.Since(began) > time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	if s.running.Load() != 1 {
		t.Errorf("%d statements run, want bob's alone", s.running.Load())
	}
}

func TestStatementTimeIsLimited(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: -1, every: slowly(0)}
	w := newWorld(t, s, Limits{Statement: 30 * time.Millisecond})
	_, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false))
	if connectors.CauseOf(err) != connectors.CauseTimeout {
		t.Errorf("%v, want a timeout", err)
	}
}

func TestAskerGoneEndsTheQuery(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: -1, every: slowly(0)}
	w := newWorld(t, s, Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := w.runner.Stream(ctx, ann, plain("select 1"), NewCSV(io.Discard, false))
	if connectors.CauseOf(err) != connectors.CauseCancelled || s.running.Load() != 0 {
		t.Errorf("%v, %d still run", err, s.running.Load())
	}
	var e *connectors.Error
	if errors.As(err, &e) && e.Hint != "The server confirmed that the statement ended" {
		t.Errorf("the server's own code came back, but the hint is %q", e.Hint)
	}
}

func TestPanicOfADriverIsThatQuerysError(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: 2, every: func(context.Context, int64) error { panic("a driver's bug") }}
	w := newWorld(t, s, Limits{})
	_, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false))
	if connectors.CauseOf(err) != connectors.CauseInternal || s.running.Load() != 0 {
		t.Fatalf("%v, %d still run", err, s.running.Load())
	}
	s.every = nil
	if _, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false)); err != nil {
		t.Errorf("the next query: %v", err)
	}
}

func TestErrorPositionIsTheOneThatWasTyped(t *testing.T) {
	t.Parallel()
	s := &script{query: &connectors.Error{Cause: connectors.CauseStatement, Position: 12}}
	w := newWorld(t, s, Limits{})
	req := plain("")
	req.Prepare = func(string) (Statement, error) {
		return Statement{SQL: "select", Position: func(n int) int { return n + 100 }}, nil
	}
	_, err := w.runner.Stream(t.Context(), ann, req, NewCSV(io.Discard, false))
	var e *connectors.Error
	if !errors.As(err, &e) || e.Position != 112 {
		t.Errorf("%v at %d", err, e.Position)
	}
}

func TestEachQueryHasOneAuditRow(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: 1}
	w := newWorld(t, s, Limits{})
	_, _ = w.runner.Stream(t.Context(), ann, plain("select 'secret'"), NewCSV(io.Discard, false))
	_, _ = w.runner.Stream(t.Context(), vera, ofCell("select 1"), NewCSV(io.Discard, false))
	s.query = &connectors.Error{Cause: connectors.CauseStatement}
	_, _ = w.runner.Stream(t.Context(), bob, plain("selec"), NewCSV(io.Discard, false))
	rows, err := w.store.AuditRows(t.Context(), store.AuditFilter{Action: "query.run", Limit: 10})
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d audit rows, %v", len(rows), err)
	}
	outcomes := map[string]string{}
	for _, row := range rows {
		outcomes[row.ActorID] = row.Outcome
		if strings.Contains(row.Detail, "secret") {
			t.Errorf("the statement's text is in the audit: %s", row.Detail)
		}
	}
	if outcomes["ann"] != "ok" || outcomes["vera"] != "refused" || outcomes["bob"] != "failed" {
		t.Errorf("outcomes %v", outcomes)
	}
}

// breakAudit lets the store keep no more rows of the audit log.
func (w *world) breakAudit() {
	w.t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(filepath.Dir(w.dir), "patchbay.db"))
	if err == nil {
		_, err = db.ExecContext(w.t.Context(), "create trigger audit_full before insert on audit begin select raise(abort, 'the disk is full'); end")
	}
	if err = errors.Join(err, db.Close()); err != nil {
		w.t.Fatal(err)
	}
}

// Where the audit row cannot be kept no row leaves, of a query, of a kept result that is made or of one that is exported; and a statement
// that may write is not even sent (P52).
func TestNoRowLeavesWithoutItsAuditRow(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: 10}
	w := newWorld(t, s, Limits{})
	res, err := w.runner.Keep(t.Context(), ann, ofCell("select 1"))
	if err != nil {
		t.Fatal(err)
	}
	w.end(ann, res.ID)
	w.change(func(tx *store.Tx) error {
		c, err := tx.Connection(connection)
		c.AllowWriteback = true
		return errors.Join(err, tx.UpdateConnection(c, nil, nil))
	})
	w.breakAudit()
	var out bytes.Buffer
	if _, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(&out, false)); err == nil || out.Len() > 0 {
		t.Errorf("a query ends with %v and gives %q", err, out.String())
	}
	if err := w.runner.ExportCSV(t.Context(), ann, res.ID, &out, false); err == nil || out.Len() > 0 {
		t.Errorf("an export ends with %v and gives %q", err, out.String())
	}
	again, err := w.runner.Keep(t.Context(), ann, ofCell("select 1"))
	if err != nil {
		t.Fatal(err)
	}
	if kept := w.end(ann, again.ID); kept.State != "failed" || kept.Rows != 0 {
		t.Errorf("a cell's result is %s with %d rows", kept.State, kept.Rows)
	}
	const deletes = "delete from orders"
	writing := plain(deletes)
	writing.Write = true
	if _, err := w.runner.Stream(t.Context(), ann, writing, NewCSV(&out, false)); err == nil || s.last().SQL == deletes {
		t.Errorf("a statement that writes ends with %v, and %q was sent", err, s.last().SQL)
	}
}

// The row is there before the first row of the answer is, and stays the only one when access is taken away on the way.
func TestTheAuditRowIsThereBeforeTheFirstRow(t *testing.T) {
	t.Parallel()
	rowsOf := func(w *world) []store.AuditRow {
		rows, err := w.store.AuditRows(context.Background(), store.AuditFilter{Action: "query.run", Limit: 10})
		if err != nil {
			w.t.Fatal(err)
		}
		return rows
	}
	var w *world
	seen := -1
	s := &script{columns: tenColumns[:1], rows: -1, every: func(ctx context.Context, n int64) error {
		if n == 0 {
			return nil
		}
		if seen < 0 {
			seen = len(rowsOf(w))
		}
		w.runner.CancelFor(func(access.Actor, string) bool { return true })
		<-ctx.Done()
		return ctx.Err()
	}}
	w = newWorld(t, s, Limits{})
	_, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false))
	var denied *access.Denied
	if !errors.As(err, &denied) || !denied.Audited {
		t.Errorf("the query ends with %v, which would be kept once more", err)
	}
	if rows := rowsOf(w); seen != 1 || len(rows) != 1 || rows[0].Outcome != "ok" || !strings.Contains(rows[0].Detail, `"run":"`) {
		t.Errorf("with its first row the log has %d of the query, in the end %+v", seen, rows)
	}
	cut, err := w.store.AuditRows(t.Context(), store.AuditFilter{Action: "query.cut", Limit: 10})
	if err != nil || len(cut) != 1 || cut[0].Outcome != "refused" || cut[0].ActorID != ann.UserID {
		t.Errorf("that it was cut off is in the log as %+v, %v", cut, err)
	}
}

func TestSourceIsSharedAndFollowsTheConnection(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: 1}
	w := newWorld(t, s, Limits{Idle: time.Nanosecond})
	run := func() {
		t.Helper()
		if _, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false)); err != nil {
			t.Fatal(err)
		}
	}
	run()
	run()
	if s.opened.Load() != 1 || s.closed.Load() != 0 {
		t.Fatalf("two queries opened %d sources and closed %d", s.opened.Load(), s.closed.Load())
	}
	w.change(func(tx *store.Tx) error {
		c, err := tx.Connection(connection)
		c.Description = "edited"
		return errors.Join(err, tx.UpdateConnection(c, nil, nil))
	})
	run()
	waitFor(t, func() bool { return s.opened.Load() == 2 && s.closed.Load() == 1 })
	w.runner.sweep(t.Context())
	waitFor(t, func() bool { return s.closed.Load() == 2 })
}

func TestLostSourceIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: 5, every: func(_ context.Context, n int64) error {
		if n == 2 {
			return &connectors.Error{Cause: connectors.CauseLost}
		}
		return nil
	}}
	w := newWorld(t, s, Limits{})
	if _, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false)); connectors.CauseOf(err) != connectors.CauseLost {
		t.Fatal(err)
	}
	s.every = nil
	if _, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return s.opened.Load() == 2 && s.closed.Load() == 1 })
}

func TestClosingEndsEverything(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: -1, every: slowly(0)}
	w := newWorld(t, s, Limits{})
	ended := make(chan error, 1)
	go func() {
		_, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false))
		ended <- err
	}()
	waitFor(t, func() bool { return s.running.Load() == 1 })
	w.runner.Close()
	if err := <-ended; connectors.CauseOf(err) != connectors.CauseCancelled {
		t.Errorf("the running query: %v", err)
	}
	waitFor(t, func() bool { return s.closed.Load() == 1 })
	if _, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false)); err == nil {
		t.Error("a closed runner takes queries")
	}
}

// A million rows pass through in little memory (SPEC section 12: at most 32 MB).
func TestAMillionRowsPassThroughInLittleMemory(t *testing.T) {
	row := tenCells(1)
	var peak uint64
	s := &script{columns: tenColumns, rows: 1_000_000, row: func(int64) [][]byte { return row }}
	before := heap()
	s.every = func(_ context.Context, n int64) error {
		if n%250_000 == 0 {
			peak = max(peak, heap())
		}
		return nil
	}
	w := newWorld(t, s, Limits{})
	out, err := w.runner.Stream(t.Context(), ann, plain("select *"), NewCSV(io.Discard, false))
	if err != nil || out.Rows != 1_000_000 {
		t.Fatalf("%+v, %v", out, err)
	}
	if peak > before+16<<20 {
		t.Errorf("streaming took %d MB more memory", (peak-before)>>20)
	}
}
