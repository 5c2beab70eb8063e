package postgres

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"patchbay/connectors"
)

var errWidth = errors.New("the server sent a row that does not fit its description")

// rows reads one answer forward, straight from the wire.
type rows struct {
	ctx      context.Context
	source   *source
	session  *session
	stop     func() bool // ends the watch of ctx
	ahead    string      // what was sent before the caller's text
	fields   []pgproto3.FieldDescription
	columns  []connectors.Column
	cells    [][]byte
	affected int64
	syncs    int // answers to Sync that are still to come
	err      error
	ended    bool // everything that the server had to say was read
	closed   bool
}

// begin reads up to the description of the answer, or to its end where there is none.
func (r *rows) begin() error {
	for {
		msg, err := r.receive()
		if err != nil {
			return err
		}
		switch msg := msg.(type) {
		case *pgproto3.RowDescription:
			r.fields = copyFields(msg.Fields)
			return nil
		case *pgproto3.NoData:
			return nil
		}
		if r.ended {
			return r.err
		}
	}
}

// copyFields keeps a description beyond the message that it came in.
func copyFields(fields []pgproto3.FieldDescription) []pgproto3.FieldDescription {
	out := make([]pgproto3.FieldDescription, len(fields))
	for i, f := range fields {
		out[i] = f
		out[i].Name = append([]byte(nil), f.Name...)
	}
	return out
}

// receive reads one message and keeps what it says about the statement as a whole.
func (r *rows) receive() (pgproto3.BackendMessage, error) {
	msg, err := r.session.conn.Frontend().Receive()
	if err != nil {
		return nil, r.lose(err)
	}
	switch msg := msg.(type) {
	case *pgproto3.ErrorResponse:
		r.fail(msg)
	case *pgproto3.CommandComplete:
		r.affected = changed(msg.CommandTag)
	case *pgproto3.ReadyForQuery:
		r.syncs--
		r.ended = r.syncs == 0
	case *pgproto3.CopyInResponse, *pgproto3.CopyOutResponse:
		return nil, r.lose(errCopy)
	}
	return msg, nil
}

// lose gives the connection up. What the server said before is the better reason.
func (r *rows) lose(err error) error {
	r.session.spoilt.Store(true)
	r.ended = true
	if r.err == nil {
		r.err = err
	}
	return r.err
}

// fail keeps the first error, with its place counted in the caller's text.
func (r *rows) fail(msg *pgproto3.ErrorResponse) {
	if r.err != nil {
		return
	}
	e := pgconn.ErrorResponseToPgError(msg)
	e.Position = max(e.Position-int32(utf8.RuneCountInString(r.ahead)), 0)
	r.err = e
}

// reason prefers what our context knows to what the server or the broken connection says about it.
func (r *rows) reason(err error) error {
	if err != nil && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	return err
}

// Columns implements connectors.Rows.
func (r *rows) Columns() []connectors.Column { return r.columns }

// Next implements connectors.Rows.
func (r *rows) Next() bool {
	for !r.ended && !r.closed {
		msg, err := r.receive()
		if err != nil {
			break
		}
		row, ok := msg.(*pgproto3.DataRow)
		if !ok {
			continue
		}
		if len(row.Values) != len(r.columns) {
			_ = r.lose(errWidth)
			break
		}
		r.cells = row.Values
		return true
	}
	r.cells, r.err = nil, r.reason(r.err)
	return false
}

// Row implements connectors.Rows.
func (r *rows) Row() [][]byte { return r.cells }

// Affected implements connectors.Rows.
func (r *rows) Affected() int64 { return r.affected }

// Err implements connectors.Rows.
func (r *rows) Err() error { return r.err }

// Close implements connectors.Rows. Rows that were left unread are not read to their end: the statement is cancelled.
func (r *rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	watched := r.stop()
	if watched && !r.ended {
		r.source.cancel(r.session)
	}
	if !watched {
		r.session.spoilt.Store(true) // cancel runs at this moment, or did
	}
	r.source.release(r.session)
	return nil
}

// changed is the number of rows in the tag of a command that changes some, such as "INSERT 0 5"; -1 for every other.
func changed(tag []byte) int64 {
	words := bytes.Fields(tag)
	if len(words) < 2 {
		return -1
	}
	switch string(words[0]) {
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		if n, err := strconv.ParseInt(string(words[len(words)-1]), 10, 64); err == nil {
			return n
		}
	}
	return -1
}
