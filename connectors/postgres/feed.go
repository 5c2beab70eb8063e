package postgres

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// binaryFormat is the format code of binary values: numbers come in network order, texts as they are.
const binaryFormat = 1

// batchRows is how many rows of one answer are fetched at once.
const batchRows = 4000

// A feed reads several answers over one connection side by side, a batch of each at a time: while a batch is worked on, the
// server makes the next. Each answer is ordered by the oid in its first column, so that they can be merged without holding
// any of them. They run in one transaction and so see one state of the catalog.
type feed struct {
	frontend *pgproto3.Frontend
	waiting  []*stream // what the server still owes, in its order
	err      error
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

// A batch holds rows beyond the messages that they came in.
type batch struct {
	data  []byte
	cells []span
	width int
	rows  int
}

// A span is a cell in data; it is NULL where from is negative.
type span struct{ from, to int }

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

// finish reads what was asked for and is still to come, and answers with the feed's error, if any. The connection can be used
// for something else then.
func (f *feed) finish() error {
	for len(f.waiting) > 0 && f.err == nil {
		f.receive()
	}
	return f.err
}

func (b *batch) reset() { b.data, b.cells, b.rows = b.data[:0], b.cells[:0], 0 }

func (b *batch) add(values [][]byte) {
	b.width = len(values)
	b.rows++
	for _, v := range values {
		if v == nil {
			b.cells = append(b.cells, span{-1, -1})
			continue
		}
		from := len(b.data)
		b.data = append(b.data, v...)
		b.cells = append(b.cells, span{from, len(b.data)})
	}
}

// cell is nil for NULL. It is valid until the stream's batch is used up.
func (b *batch) cell(row, column int) []byte {
	c := b.cells[row*b.width+column]
	if c.from < 0 {
		return nil
	}
	return b.data[c.from:c.to]
}

func (b *batch) uint32(row, column int) uint32 {
	if v := b.cell(row, column); len(v) == 4 {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// The cells of the current row, by their types.

func (s *stream) text(column int) string   { return string(s.now.cell(s.row, column)) }
func (s *stream) uint32(column int) uint32 { return s.now.uint32(s.row, column) }
func (s *stream) int32(column int) int32   { return int32(s.now.uint32(s.row, column)) }

func (s *stream) int16(column int) int16 {
	if v := s.now.cell(s.row, column); len(v) == 2 {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (s *stream) int64(column int) int64 {
	if v := s.now.cell(s.row, column); len(v) == 8 {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

// char is the one byte of a "char" or a bool; 0 where it is empty.
func (s *stream) char(column int) byte {
	if v := s.now.cell(s.row, column); len(v) == 1 {
		return v[0]
	}
	return 0
}

func (s *stream) bool(column int) bool { return s.char(column) == 1 }
