package postgres

import (
	"context"
	_ "embed" // the query stands beside this file
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// binaryFormat is the format code of binary values: numbers come in network order, texts as they are.
const binaryFormat = 1

// batchRows is how many rows of one answer are fetched at once.
const batchRows = 4000

// A catalog is read in one state: every query of a database, on whichever connection, sees the same snapshot.
const (
	beginCatalog = "begin isolation level repeatable read read only; "
	// catalogSettings make the server give the rows out of its indexes, in order and as they are asked for, where it would sort
	// first. Compiling a query that runs for a second costs more than it gains.
	catalogSettings = ownNamesOnly + "; set local enable_sort = off; set local enable_hashjoin = off; set local jit = off"
)

//go:embed sql/size.sql
var sizeSQL string

// beside is a second connection that sees what se sees; nil where the catalog is too small for it to pay, or where the server
// or our own limit has none left: one connection is enough, only slower.
func (s *source) beside(ctx context.Context, se *session) *session {
	size := se.conn.ExecParams(ctx, sizeSQL, nil, nil, nil, nil).Read()
	if size.Err != nil || len(size.Rows) != 1 || string(size.Rows[0][0]) != "t" {
		return nil
	}
	snapshot := se.conn.ExecParams(ctx, "select pg_catalog.pg_export_snapshot()", nil, nil, nil, nil).Read()
	if snapshot.Err != nil || len(snapshot.Rows) != 1 {
		return nil
	}
	other := s.tryAcquire(ctx, se.database)
	if other == nil {
		return nil
	}
	same := "set transaction snapshot '" + strings.ReplaceAll(string(snapshot.Rows[0][0]), "'", "''") + "'; "
	if _, err := other.conn.Exec(ctx, beginCatalog+same+settingsOf(other)).ReadAll(); err != nil {
		other.spoilt.Store(true)
		s.release(other)
		return nil
	}
	return other
}

// settingsOf are the settings that a session reads the catalog with. A database without an encoding may hold names of any bytes, and
// answers with an error in place of everything where some are not what the client asks for: there it is asked for bytes.
func settingsOf(se *session) string {
	if se.conn.ParameterStatus("server_encoding") == "SQL_ASCII" {
		return catalogSettings + "; set local client_encoding = 'SQL_ASCII'"
	}
	return catalogSettings
}

// A feed reads several answers over one connection side by side, a batch of each at a time: while a batch is worked on, the
// server makes the next. Each answer is ordered by the oid in its first column, so that they can be merged without holding
// any of them.
type feed struct {
	source   *source
	session  *session
	stop     func() bool
	frontend *pgproto3.Frontend
	waiting  []*stream // what the server still owes, in its order
	err      error
	closed   bool
}

// newFeed takes a session over. It ends when ctx does.
func newFeed(ctx context.Context, s *source, se *session) *feed {
	return &feed{source: s, session: se, stop: s.watch(ctx, se), frontend: se.conn.Frontend()}
}

// close gives the session back and answers with the feed's error. finish reads what was asked for and is still to come, so
// that the connection can be used again. It may be called twice.
func (f *feed) close(finish bool) error {
	if f.closed {
		return f.err
	}
	f.closed = true
	for finish && len(f.waiting) > 0 && f.err == nil {
		f.receive()
	}
	if !f.stop() || !finish || f.err != nil {
		f.session.spoilt.Store(true)
	}
	f.source.release(f.session)
	return f.err
}

// A stream is one answer of a feed.
type stream struct {
	feed    *feed
	portal  string
	now     batch // what is being read
	next    batch // what came while now was read
	has     bool  // next is filled
	ended   bool  // the server has no more
	row     int   // the current row of now
	pending bool  // a batch was asked for and is still to come
}

// open starts a query and asks for its first batch. Nothing is read.
func (f *feed) open(portal, sql string, params ...[]byte) *stream {
	s := &stream{feed: f, portal: portal, row: -1}
	f.frontend.SendParse(&pgproto3.Parse{Query: sql})
	f.frontend.SendBind(&pgproto3.Bind{DestinationPortal: portal, Parameters: params, ResultFormatCodes: []int16{binaryFormat}})
	s.ask()
	return s
}

func (s *stream) ask() {
	s.pending = true
	s.feed.waiting = append(s.feed.waiting, s)
	s.feed.frontend.SendExecute(&pgproto3.Execute{Portal: s.portal, MaxRows: batchRows})
	s.feed.frontend.SendSync(&pgproto3.Sync{})
	if s.feed.err == nil {
		s.feed.err = s.feed.frontend.Flush()
	}
}

// of moves to the next row that belongs to oid. Rows that belong to smaller ones are passed over; it is false when those of
// oid are used up.
func (s *stream) of(oid uint32) bool {
	for s.peek() {
		switch at := s.now.uint32(s.row+1, 0); {
		case at > oid:
			return false
		case at == oid:
			s.row++
			return true
		}
		s.row++
	}
	return false
}

// step moves to the next row, whatever it belongs to.
func (s *stream) step() bool {
	if !s.peek() {
		return false
	}
	s.row++
	return true
}

// peek makes sure that there is a row after the current one, and is false at the end and after an error of the feed.
func (s *stream) peek() bool {
	for s.row+1 >= s.now.rows {
		for !s.has && s.pending && s.feed.err == nil {
			s.feed.receive()
		}
		if !s.has || s.feed.err != nil {
			return false
		}
		s.now, s.next = s.next, s.now
		s.has, s.row = false, -1
		if !s.ended {
			s.ask()
		}
	}
	return true
}

// receive reads the batch that the server owes first.
func (f *feed) receive() {
	s := f.waiting[0]
	f.waiting = f.waiting[1:]
	s.next.reset()
	for f.err == nil {
		msg, err := f.frontend.Receive()
		if err != nil {
			f.err = err
			return
		}
		switch msg := msg.(type) {
		case *pgproto3.DataRow:
			s.next.add(msg.Values)
		case *pgproto3.CommandComplete:
			s.ended = true
		case *pgproto3.ErrorResponse:
			f.err = pgconn.ErrorResponseToPgError(msg)
		case *pgproto3.ReadyForQuery:
			s.has, s.pending = true, false
			return
		}
	}
}
