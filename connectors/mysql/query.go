package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-sql-driver/mysql"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/dialect"
)

// killGrace is how long a statement may take to end after KILL QUERY before its socket is closed.
const killGrace = 500 * time.Millisecond

// A session is one connection that runs one statement and is then thrown away, so that nothing that the statement set
// (variables, locks, transaction mode) meets the next one (P8).
type session struct {
	conn   *sql.Conn
	wire   *wire
	id     int64
	ctx    context.Context // ends killGrace after the caller's, so that KILL QUERY can be heard
	cancel context.CancelFunc
	stop   func() bool
}

// session opens a connection and watches ctx for it.
func (s *source) session(ctx context.Context) (*session, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	se := &session{conn: conn}
	_ = conn.Raw(func(inner any) error {
		w, _ := s.wires.open.Load(inner)
		se.wire, _ = w.(*wire)
		return nil
	})
	if err := conn.QueryRowContext(ctx, "select connection_id()").Scan(&se.id); err != nil {
		se.discard()
		return nil, err
	}
	se.ctx, se.cancel = context.WithCancel(context.WithoutCancel(ctx))
	se.stop = context.AfterFunc(ctx, func() { s.kill(se) })
	return se, nil
}

// kill ends the session's statement on the server, which a closed socket alone does not, and then the socket.
func (s *source) kill(se *session) {
	timer := time.AfterFunc(killGrace, se.hangUp)
	defer timer.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("kill query %d", se.id))
	if err == nil {
		<-se.ctx.Done() // the statement ended and closed the session, or the timer did
		return
	}
	se.hangUp()
}

// hangUp closes the socket under whoever reads it. Cancelling alone is not enough: when rows are being closed, the driver no longer
// listens for that and reads an answer to its end.
func (se *session) hangUp() {
	if se.wire != nil {
		_ = se.wire.Close()
	}
	se.cancel()
}

// discard closes the connection for good.
func (se *session) discard() {
	_ = se.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = se.conn.Close()
}

// close ends the session; ctx is no longer watched.
func (se *session) close() {
	se.stop()
	se.cancel()
	se.discard()
}

// Query implements connectors.Source.
func (s *source) Query(ctx context.Context, st connectors.Statement) (connectors.Rows, error) {
	se, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.query(ctx, se, st)
	if err != nil {
		se.close()
		return nil, s.reason(ctx, located(&statementError{err}, st.SQL))
	}
	return r, nil
}

// A statementError is an error of a statement, after signing in: some of the server's numbers mean another thing there.
type statementError struct{ error }

func (e *statementError) Unwrap() error { return e.error }

func (s *source) query(ctx context.Context, se *session, st connectors.Statement) (*rows, error) {
	for _, prepare := range s.prelude(ctx, st) {
		if _, err := se.conn.ExecContext(se.ctx, prepare); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil { // KILL QUERY between two statements ends neither
		return nil, err
	}
	text := st.SQL
	if st.Comment != "" {
		text = "/* " + st.Comment + " */ " + text
	}
	answer, err := se.conn.QueryContext(se.ctx, text, st.Args...)
	if err != nil {
		return nil, err
	}
	r := &rows{source: s, ctx: ctx, session: se, answer: answer}
	return r, r.describe()
}

// prelude prepares the session: its database, a time limit a little above ours, and the read-only transaction that the
// server itself enforces.
func (s *source) prelude(ctx context.Context, st connectors.Statement) []string {
	var out []string
	if st.Database != "" {
		out = append(out, "use "+dialect.MySQL.Quote(st.Database))
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline) + 2*time.Second
		if s.mariadb {
			out = append(out, fmt.Sprintf("set session max_statement_time = %d", int64(max(math.Ceil(left.Seconds()), 1))))
		} else {
			out = append(out, fmt.Sprintf("set session max_execution_time = %d", max(left.Milliseconds(), 1)))
		}
	}
	// What was changed is kept when the session ends, whatever the server's own default is.
	out = append(out, "set session autocommit = 1")
	if st.ReadOnly {
		// Within an XA transaction the server ends and begins no other, not for DDL and not where a procedure or a block
		// (MariaDB's BEGIN NOT ATOMIC) says COMMIT, which would be a way out of a plain one. Its name is nobody else's to know.
		out = append(out, "set session transaction read only", "xa start '"+rand.Text()+"'")
	}
	return out
}

// reason prefers what the wire refused to the driver's word that the connection broke.
func (s *source) reason(ctx context.Context, err error) error {
	if why := s.wires.broke.Load(); why != nil && errors.Is(err, mysql.ErrInvalidConn) {
		err = *why
	}
	return cancelled(ctx, err)
}

// cancelled prefers the reason that our context knows to the server's words about it.
func cancelled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// rows reads one answer forward.
type rows struct {
	source  *source
	ctx     context.Context
	session *session
	answer  *sql.Rows
	columns []connectors.Column
	raw     []sql.RawBytes
	numbers []any   // the cells of FLOAT and DOUBLE columns
	reals   []*real // how those are written; nil for every other column
	targets []any
	cells   [][]byte
	err     error
	closed  bool
}

func (r *rows) describe() error {
	types, err := r.answer.ColumnTypes()
	if err != nil {
		return err
	}
	r.raw, r.numbers, r.reals = make([]sql.RawBytes, len(types)), make([]any, len(types)), make([]*real, len(types))
	r.cells, r.targets = make([][]byte, len(types)), make([]any, len(types))
	for i, t := range types {
		name := typeName(t)
		r.columns = append(r.columns, connectors.Column{Name: t.Name(), Type: name, Family: family(name)})
		if r.reals[i] = realOf(t); r.reals[i] != nil {
			r.targets[i] = &r.numbers[i]
		} else {
			r.targets[i] = &r.raw[i]
		}
	}
	return nil
}

func (r *rows) Columns() []connectors.Column { return r.columns }

// Next implements connectors.Rows. Binary cells are shown as MySQL's own hexadecimal literals.
func (r *rows) Next() bool {
	if r.closed || !r.answer.Next() {
		r.err = r.source.reason(r.ctx, r.answer.Err())
		return false
	}
	if err := r.answer.Scan(r.targets...); err != nil {
		r.err = r.source.reason(r.ctx, err)
		return false
	}
	for i := range r.cells {
		r.cells[i] = r.cell(i)
	}
	return true
}

// cell writes a cell as the server does; NULL is nil.
func (r *rows) cell(i int) []byte {
	if to := r.reals[i]; to != nil {
		switch v := r.numbers[i].(type) {
		case float32:
			return to.append(r.cells[i][:0], float64(v))
		case float64:
			return to.append(r.cells[i][:0], v)
		case []byte:
			return v
		}
		return nil
	}
	raw := r.raw[i]
	switch {
	case raw == nil:
		return nil
	case r.columns[i].Family == catalog.FamilyBinary || r.columns[i].Family == catalog.FamilyGeo:
		return hex.AppendEncode([]byte("0x"), raw)
	case r.columns[i].Type == "year" && len(raw) < 4: // the year 0000 comes as a number
		return append([]byte("0000")[:4-len(raw)], raw...)
	}
	return raw
}

func (r *rows) Row() [][]byte { return r.cells }

// Affected is unknown: database/sql does not tell it for statements that were sent as queries.
func (r *rows) Affected() int64 { return -1 }

func (r *rows) Err() error { return r.err }

// Close implements connectors.Rows. Rows left unread are not read to their end: the statement is killed.
func (r *rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.err != nil || r.answer.Next() {
		// This closes the socket: the server ends the statement when it cannot write, and a broken answer is not waited for.
		r.session.stop()
		r.session.hangUp()
	}
	late := time.AfterFunc(killGrace, r.session.hangUp) // the driver waits for ever for the end of an answer that it cannot read
	defer late.Stop()
	err := r.answer.Close()
	r.session.close()
	if r.err != nil {
		return nil
	}
	return ignoreCancelled(err)
}

func ignoreCancelled(err error) error {
	if err == context.Canceled {
		return nil
	}
	return err
}
