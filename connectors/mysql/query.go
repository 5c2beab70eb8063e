package mysql

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"patchbay/connectors"
)

// timeoutMargin is how much later than ours the server's own time limit ends a statement: the second line of defence.
const timeoutMargin = 2 * time.Second

// Query implements connectors.Source.
func (s *source) Query(ctx context.Context, st connectors.Statement) (connectors.Rows, error) {
	se, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	r := &rows{ctx: ctx, source: s, session: se, stop: s.watch(ctx, se)}
	err = se.prepare(ctx, s.databaseOf(st), st.ReadOnly)
	if err == nil {
		r.answer, err = se.start(aheadOf(st)+st.SQL, st.Args)
	}
	if err != nil {
		r.err = located(s.reason(ctx, se, err), st.SQL)
		_ = r.Close()
		return nil, r.err
	}
	for _, d := range r.answer.columns {
		r.columns = append(r.columns, connectors.Column{Name: d.name, Type: d.declared, Family: d.family})
	}
	return r, nil
}

// databaseOf is where a statement runs.
func (s *source) databaseOf(st connectors.Statement) string {
	if st.Database != "" {
		return st.Database
	}
	return s.target.Values["database"]
}

// aheadOf is what is sent before the caller's text, in the same statement.
func aheadOf(st connectors.Statement) string {
	if st.Comment == "" {
		return ""
	}
	return "/* " + st.Comment + " */ "
}

// prepare puts a session that remembers nothing into the state that a statement needs, in one round trip. The statement is
// sent once the server agreed to all of it, so that it can never run outside of the read-only transaction (P8).
func (se *session) prepare(ctx context.Context, database string, readOnly bool) error {
	w := se.wire
	commands := 1
	w.command(commandQuery, []byte(se.settings(ctx)))
	if database != "" {
		commands++
		w.command(commandDatabase, []byte(database))
	}
	if readOnly {
		commands += 2
		w.command(commandQuery, []byte("set session transaction read only"))
		// Within an XA transaction the server ends and begins no other, not for DDL and not where a procedure or a block
		// (MariaDB's BEGIN NOT ATOMIC) says COMMIT, which would be a way out of a plain one. Its name is nobody else's to know.
		w.command(commandQuery, []byte("xa start '"+rand.Text()+"'"))
	}
	if err := w.flush(); err != nil {
		return err
	}
	var first error
	for range commands { // every answer is read, so that the session stays in step
		err := se.done()
		var own *serverError
		switch {
		case err != nil && !errors.As(err, &own):
			return err
		case first == nil:
			first = err
		}
	}
	return first
}

// settings are what does not depend on the statement: characters; that a statement is its own transaction, whatever the
// server's default; and how long a reader may take over a row, of which 60 seconds are too few for who reads in pages.
func (se *session) settings(ctx context.Context) string {
	const base = "set names utf8mb4 collate utf8mb4_general_ci, session autocommit = 1, session net_write_timeout = 600"
	deadline, ok := ctx.Deadline()
	if !ok {
		return base
	}
	left := max(time.Until(deadline)+timeoutMargin, time.Millisecond)
	if se.product.mariadb {
		return fmt.Sprintf("%s, session max_statement_time = %d", base, int64(math.Ceil(left.Seconds())))
	}
	return fmt.Sprintf("%s, session max_execution_time = %d", base, left.Milliseconds())
}

// start sends a statement and reads its answer up to the first row.
func (se *session) start(sql string, args []any) (*answer, error) {
	if len(sql) > maxPacket {
		return nil, errLongStatement
	}
	a := &answer{wire: se.wire, binary: len(args) > 0}
	if a.binary {
		packet, err := se.bind(sql, args)
		if err != nil {
			return nil, err
		}
		se.wire.command(commandExecute, packet)
	} else {
		se.wire.command(commandQuery, []byte(sql))
	}
	if err := se.wire.flush(); err != nil {
		return nil, err
	}
	se.wire.answer()
	if err := a.begin(); err != nil {
		return nil, err
	}
	return a, nil
}

// bind prepares a statement, and is what runs it with its values.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
func (se *session) bind(sql string, args []any) ([]byte, error) {
	id, takes, err := se.prepared(sql)
	if err != nil {
		return nil, err
	}
	if takes != len(args) {
		return nil, &countError{takes, len(args)}
	}
	packet := binary.LittleEndian.AppendUint32(nil, id)
	packet = append(packet, 0, 1, 0, 0, 0) // no cursor, once
	nulls := make([]byte, (len(args)+7)/8)
	var types, values []byte
	for i, arg := range args {
		kind := byte(kindNull)
		switch v := arg.(type) {
		case nil:
			nulls[i/8] |= 1 << (i % 8)
		case string:
			kind, values = kindVarString, appendText(values, v)
		case int64:
			kind, values = kindLongLong, binary.LittleEndian.AppendUint64(values, uint64(v))
		case float64:
			kind, values = kindDouble, binary.LittleEndian.AppendUint64(values, math.Float64bits(v))
		case bool:
			kind = kindTiny
			if values = append(values, 0); v {
				values[len(values)-1] = 1
			}
		default:
			return nil, &typeError{i + 1, arg}
		}
		types = append(types, kind, 0)
	}
	packet = append(append(packet, nulls...), 1)
	packet = append(append(packet, types...), values...)
	if len(packet) > maxPacket {
		return nil, errLongStatement
	}
	return packet, nil
}

// prepared has the server read a statement, and says how many values it takes.
func (se *session) prepared(sql string) (id uint32, takes int, err error) {
	w := se.wire
	w.command(commandPrepare, []byte(sql))
	if err := w.flush(); err != nil {
		return 0, 0, err
	}
	w.answer()
	data, err := w.read(maxDescription)
	switch {
	case err != nil:
		return 0, 0, err
	case data[0] == packetError:
		return 0, 0, readError(data)
	case data[0] != packetOK:
		return 0, 0, errMalformed
	}
	c := cursor{rest: data[1:]}
	id = uint32(c.number(4))
	columns := int(c.number(2))
	takes = int(c.number(2))
	if c.short {
		return 0, 0, errMalformed
	}
	for _, n := range []int{takes, columns} {
		if _, err := w.definitions(n); err != nil {
			return 0, 0, err
		}
	}
	return id, takes, nil
}
