package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

// Why a query was cancelled, as the cause of its context.
var (
	errCancelled = errors.New("a person cancelled it")
	errReplaced  = errors.New("the cell was run again")
	errRevoked   = errors.New("it is no longer allowed")
	errUndecided = errors.New("it cannot be told whether it is still allowed")
	errStopping  = errors.New("the server is stopping")
	errTooLong   = errors.New("it ran too long")
)

// A run is one query from its registration to its end.
type run struct {
	id     string
	who    access.Actor
	req    Request
	conn   store.Connection // as it was when access was decided
	ctx    context.Context
	cancel context.CancelCauseFunc
	hash   string // of the statement, once it is prepared
	// audited says that its row is in the audit log. Only the goroutine that runs it looks.
	audited bool
	asked   func() // ends the asking whether it may go on
	end     func() // gives everything back
}

// begin registers the query, decides whether it may run, and waits for its slot. base is the query's life; ctx is the
// asker's patience while it waits. The run must be ended.
func (r *Runner) begin(ctx, base context.Context, who access.Actor, req Request) (*run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make id: %w", err)
	}
	q := &run{id: id.String(), who: who, req: req}
	q.ctx, q.cancel = context.WithCancelCause(base)
	stop := context.AfterFunc(ctx, func() { q.cancel(context.Cause(ctx)) })
	defer stop()
	q.ctx, q.asked = While(q.ctx, func(ctx context.Context) error { return r.mayGoOn(ctx, q) })
	if err := r.register(q); err != nil {
		q.asked()
		return nil, err
	}
	if err := r.store.View(ctx, func(tx *store.Tx) (err error) { q.conn, err = r.mayRun(tx, who, req); return err }); err != nil {
		r.unregister(q)
		r.ended(q, Outcome{}, err)
		return nil, err
	}
	release, err := r.slots.acquire(q.ctx, who.UserID, q.conn.ID)
	if err != nil {
		err = q.why(q.ctx, err)
		r.unregister(q)
		r.ended(q, Outcome{}, err)
		return nil, err
	}
	q.end = func() { release(); r.unregister(q) }
	return q, nil
}

func (r *Runner) register(q *run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return &connectors.Error{Cause: connectors.CauseCancelled, Op: "start a query", Hint: "The server is stopping. Try again in a moment"}
	}
	r.runs[q.id] = q
	r.running.Add(1)
	return nil
}

func (r *Runner) unregister(q *run) {
	q.cancel(nil)
	q.asked()
	r.mu.Lock()
	delete(r.runs, q.id)
	r.mu.Unlock()
	r.running.Done()
}

// execute runs the statement and copies its rows. A panic in a driver is an error of this query alone (P24).
func (r *Runner) execute(q *run, to Sink) (out Outcome, err error) {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(q.ctx, r.limits.Statement, errTooLong)
	defer cancel()
	out.Affected = -1
	defer func() {
		if v := recover(); v != nil {
			err = &connectors.Error{Cause: connectors.CauseInternal, Op: "run the statement", Message: fmt.Sprintf("the driver failed: %T", v)}
		}
		out.Took = time.Since(began)
		err = q.why(ctx, err)
	}()
	defer breakWith(ctx, to)()
	st, err := q.req.Prepare(q.conn.Type)
	if err != nil {
		return out, err
	}
	sum := sha256.Sum256([]byte(st.SQL))
	q.hash = hex.EncodeToString(sum[:])
	src, err := r.pool.get(ctx, &q.conn)
	if err != nil {
		return out, err
	}
	defer func() { r.pool.put(src, err) }()
	out, err = r.read(ctx, q, src.src, st, to)
	if err != nil {
		return out, placed(err, st.Position)
	}
	out.Took = time.Since(began)
	return out, to.End(out)
}

// read sends the statement and copies its rows until their end or a limit.
func (r *Runner) read(ctx context.Context, q *run, src connectors.Source, st Statement, to Sink) (Outcome, error) {
	out := Outcome{Affected: -1}
	if !readOnly(q.who, q.req, q.conn) {
		if err := r.audit(q, nil); err != nil {
			return out, err
		}
	}
	rows, err := src.Query(ctx, connectors.Statement{SQL: st.SQL, Args: st.Args, Database: st.Database,
		ReadOnly: readOnly(q.who, q.req, q.conn), Comment: comment(q.who, q.req)})
	if err != nil {
		return out, err
	}
	defer func() { _ = rows.Close() }()
	columns := rows.Columns()
	if n := len(columns); n > r.limits.Columns {
		columns = columns[:r.limits.Columns]
		out.Truncated = fmt.Sprintf("Only the first %d of %d columns were read", len(columns), n)
	}
	if err := r.audit(q, nil); err != nil {
		return out, err
	}
	if err := to.Columns(columns); err != nil {
		return out, err
	}
	for rows.Next() {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		if q.req.Limit > 0 && out.Rows == q.req.Limit {
			out.Truncated = fmt.Sprintf("Only the first %d rows were read", out.Rows)
			return out, nil
		}
		err := to.Row(rows.Row()[:len(columns)])
		var full *fullError
		if errors.As(err, &full) {
			out.Truncated = full.words
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out.Rows++
	}
	if err := rows.Err(); err != nil {
		return out, err
	}
	out.Affected = rows.Affected()
	return out, nil
}

// A fullError is how a Sink says that it takes no more rows, and why, for people.
type fullError struct{ words string }

func (e *fullError) Error() string { return e.words }

// placed turns the position in the statement that was sent into one in the text that was typed.
func placed(err error, position func(int) int) error {
	var e *connectors.Error
	if position == nil || !errors.As(err, &e) || e.Position == 0 {
		return err
	}
	moved := *e
	moved.Position = position(e.Position)
	return &moved
}

// why prefers the reason that our context knows to the driver's words about it.
func (q *run) why(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil {
		return err
	}
	e := &connectors.Error{Cause: connectors.CauseCancelled, Op: "run the statement", Hint: confirmation(err)}
	switch {
	case errors.Is(cause, errRevoked), refuses(cause):
		return &access.Denied{Action: "go on with a query", Because: []access.Reason{{Rule: "taken-away",
			Words: "Access was taken away while the query ran, so it was cancelled", ConnectionID: q.req.ConnectionID}}}
	case errors.Is(cause, errUndecided):
		e.Message = "it could not be told whether access was still there"
	case errors.Is(cause, errTooLong), errors.Is(cause, context.DeadlineExceeded):
		e.Cause, e.Message = connectors.CauseTimeout, "it ran longer than is allowed"
	case errors.Is(cause, errReplaced):
		e.Message = "the cell was run again"
	case errors.Is(cause, errStopping):
		e.Message = "the server is stopping"
	}
	return e
}

// confirmation says whether the database itself told that the statement ended: its own code came back with the cancelling.
func confirmation(err error) string {
	var e *connectors.Error
	if errors.As(err, &e) && e.Cause == connectors.CauseCancelled && e.Code != "" {
		return "The server confirmed that the statement ended"
	}
	return "The server did not confirm that the statement ended"
}

// audit writes the one row of a query: who runs what, as a hash, and where (P52). It is there before anything leaves: without it nobody
// sees a row, and a statement that may write is not sent. What ends before has it with how it ended; how the others end is in their
// result and in the server's log, under the id that the row has. That one was cut off, since the right to it was taken away, has a row too.
func (r *Runner) audit(q *run, err error) error {
	var denied *access.Denied
	if errors.As(err, &denied) {
		denied.Audited = true
	}
	if q.audited && denied == nil {
		return nil
	}
	detail := map[string]any{"run": q.id, "purpose": q.req.Purpose, "sql_sha256": q.hash, "read_only": readOnly(q.who, q.req, q.conn)}
	if q.req.ProjectID != "" {
		detail["project"], detail["cell"] = q.req.ProjectID, q.req.CellID
	}
	entry := store.AuditEntry{Who: q.who, Action: "query.run", ObjectType: "connection", ObjectID: q.req.ConnectionID,
		ObjectName: q.conn.Name, Detail: detail}
	if q.audited {
		entry.Action = "query.cut"
	}
	switch {
	case denied != nil:
		entry.Outcome, detail["because"] = "refused", denied.Error()
	case err != nil:
		entry.Outcome, detail["cause"] = "failed", string(connectors.CauseOf(err))
	}
	if err := r.store.Audit(context.WithoutCancel(q.ctx), entry); err != nil {
		return fmt.Errorf("write the audit row of a query: %w", err)
	}
	q.audited = true
	return nil
}

// ended makes sure that a query has its row, and says in the log how it ended.
func (r *Runner) ended(q *run, out Outcome, err error) {
	if err := r.audit(q, err); err != nil {
		r.log.Error("a query has no row in the audit log", "connection", q.req.ConnectionID, "error", err)
	}
	attrs := []any{"run", q.id, "connection", q.req.ConnectionID, "rows", out.Rows, "ms", out.Took.Milliseconds()}
	if err != nil {
		attrs = append(attrs, "cause", string(connectors.CauseOf(err)))
	}
	r.log.Info("a query ended", attrs...)
}
