package mysql

import (
	"context"

	"patchbay/connectors"
)

// rows reads one answer forward, straight from the wire.
type rows struct {
	ctx     context.Context
	source  *source
	session *session
	stop    func() bool // ends the watch of ctx
	answer  *answer     // nil where the statement failed
	columns []connectors.Column
	err     error
	closed  bool
}

// Columns implements connectors.Rows.
func (r *rows) Columns() []connectors.Column { return r.columns }

// Next implements connectors.Rows.
func (r *rows) Next() bool {
	if r.closed || r.err != nil {
		return false
	}
	more, err := r.answer.next()
	r.err = r.source.reason(r.ctx, r.session, err)
	return more && r.err == nil
}

// Row implements connectors.Rows.
func (r *rows) Row() [][]byte { return r.answer.cells }

// Affected implements connectors.Rows.
func (r *rows) Affected() int64 { return r.answer.affected }

// Err implements connectors.Rows.
func (r *rows) Err() error { return r.err }

// Close implements connectors.Rows. Rows that were left unread are not read to their end: the statement is cancelled.
func (r *rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	watched := r.stop()
	if unread := r.answer != nil && !r.answer.ended; watched && unread {
		r.source.cancel(r.session)
	}
	// The statement may have chosen another database, and where the connection has none there is no way back.
	if !watched || r.source.target.Values["database"] == "" {
		r.session.spoilt.Store(true)
	}
	r.source.release(r.session)
	return nil
}
