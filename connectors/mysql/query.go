package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

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
	timer := time.AfterFunc(killGrace, se.cancel)
	defer timer.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("kill query %d", se.id))
	if err == nil {
		<-se.ctx.Done() // the statement ended and closed the session, or the timer did
		return
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
		return nil, cancelled(ctx, &statementError{err})
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
	text := st.SQL
	if st.Comment != "" {
		text = "/* " + st.Comment + " */ " + text
	}
	answer, err := se.conn.QueryContext(se.ctx, text, st.Args...)
	if err != nil {
		return nil, err
	}
	r := &rows{ctx: ctx, session: se, answer: answer}
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
		n := int64(math.Ceil(left.Seconds()))
		if s.variant.limitMillis {
			n = left.Milliseconds()
		}
		out = append(out, fmt.Sprintf(s.variant.limit, max(n, 1)))
	}
	if st.ReadOnly {
		// Within an XA transaction the server ends and begins no other, not for DDL and not where a procedure or a block
		// (MariaDB's BEGIN NOT ATOMIC) says COMMIT, which would be a way out of a plain one. Its name is nobody else's to know.
		out = append(out, "set session transaction read only", "xa start '"+rand.Text()+"'")
	}
	return out
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
	ctx     context.Context
	session *session
	answer  *sql.Rows
	columns []connectors.Column
	raw     []sql.RawBytes
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
	for _, t := range types {
		name := strings.ToLower(t.DatabaseTypeName())
		r.columns = append(r.columns, connectors.Column{Name: t.Name(), Type: name, Family: family(name)})
	}
	r.raw = make([]sql.RawBytes, len(types))
	r.cells = make([][]byte, len(types))
	r.targets = make([]any, len(types))
	for i := range r.raw {
		r.targets[i] = &r.raw[i]
	}
	return nil
}

func (r *rows) Columns() []connectors.Column { return r.columns }

// Next implements connectors.Rows. Binary cells are shown as MySQL's own hexadecimal literals.
func (r *rows) Next() bool {
	if r.closed || !r.answer.Next() {
		r.err = cancelled(r.ctx, r.answer.Err())
		return false
	}
	if err := r.answer.Scan(r.targets...); err != nil {
		r.err = cancelled(r.ctx, err)
		return false
	}
	for i, raw := range r.raw {
		switch {
		case raw == nil:
			r.cells[i] = nil
		case r.columns[i].Family == catalog.FamilyBinary || r.columns[i].Family == catalog.FamilyGeo:
			r.cells[i] = hex.AppendEncode([]byte("0x"), raw)
		default:
			r.cells[i] = raw
		}
	}
	return true
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
	if r.err == nil && r.answer.Next() {
		r.session.stop()
		r.session.cancel() // closes the socket; the server ends the statement when it cannot write
	}
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
