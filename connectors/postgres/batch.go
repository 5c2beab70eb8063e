package postgres

import "encoding/binary"

// A batch holds rows beyond the messages that they came in.
type batch struct {
	data  []byte
	cells []span
	width int
	rows  int
}

// A span is a cell in data; it is NULL where from is negative.
type span struct{ from, to int }

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

// int16s is an array of one dimension (src/backend/utils/adt/arrayfuncs.c, array_send): number of dimensions, flags, type, length and
// lower bound, then each element with its length before it.
func (s *stream) int16s(column int) (numbers []int16) {
	const head, each = 5 * 4, 4 + 2
	v := s.now.cell(s.row, column)
	for at := head; at+each <= len(v); at += each {
		numbers = append(numbers, int16(binary.BigEndian.Uint16(v[at+4:])))
	}
	return numbers
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
