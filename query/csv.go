package query

import (
	"io"

	"patchbay/catalog"
	"patchbay/connectors"
)

// CSV writes rows as RFC 4180 says, with a line of names first. NULL is an empty field, an empty text is "". Unless raw, text
// that a spreadsheet would run as a formula gets an apostrophe before it; numbers and times never do (P17).
type CSV struct {
	out  *out
	raw  bool
	text []bool // columns whose cells are words, not numbers or times
}

// NewCSV is a Sink that writes to w. Where w has a method Flush it is called as rows come, so that the first is seen at once;
// where it has a method Break, that is how the sink is broken off.
func NewCSV(w io.Writer, raw bool) *CSV { return &CSV{out: newOut(w), raw: raw} }

// Columns implements Sink.
func (c *CSV) Columns(columns []connectors.Column) error {
	c.text = make([]bool, len(columns))
	for i, column := range columns {
		c.text[i] = isText(column.Family)
		if i > 0 {
			c.out.buf = append(c.out.buf, ',')
		}
		c.out.buf = appendField(c.out.buf, []byte(column.Name), !c.raw && formula([]byte(column.Name), true))
	}
	if len(columns) > 0 {
		c.out.buf = append(c.out.buf, '\r', '\n')
	}
	return nil
}

// Row implements Sink.
func (c *CSV) Row(cells [][]byte) error {
	b := c.out.buf
	for i, cell := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		if cell != nil {
			b = appendField(b, cell, !c.raw && formula(cell, c.text[i]))
		}
	}
	c.out.buf = append(b, '\r', '\n')
	return c.out.rowDone()
}

// End implements Sink.
func (c *CSV) End(Outcome) error { return c.out.end() }

// Break implements Breaker.
func (c *CSV) Break() { breakOff(c.out.w) }

// isText says whether a family's cells are words that anyone may have written.
func isText(f catalog.Family) bool {
	switch f {
	case catalog.FamilyInteger, catalog.FamilyDecimal, catalog.FamilyFloat, catalog.FamilyBool, catalog.FamilyDate, catalog.FamilyTime,
		catalog.FamilyDateTime, catalog.FamilyInterval, catalog.FamilyUUID:
		return false
	}
	return true
}

// formula says whether a spreadsheet would take the cell for a formula. The declared type is not believed blindly, since the
// server that declares it may be hostile: a number or a time stays as it is only while it holds nothing that could call.
func formula(cell []byte, text bool) bool {
	if len(cell) == 0 {
		return false
	}
	switch cell[0] {
	case '=', '@', '\t', '\r':
		return true
	case '+', '-':
		return text || !harmless(cell)
	case 0xEF: // the full-width forms of = + - @, which some spreadsheets read as the plain ones
		return len(cell) >= 3 && cell[1] == 0xBC && (cell[2] == 0x9D || cell[2] == 0x8B || cell[2] == 0x8D || cell[2] == 0xA0)
	}
	return false
}

// harmless says whether a signed cell holds nothing but what numbers, times and intervals are written with.
func harmless(cell []byte) bool {
	for _, b := range cell {
		switch {
		case b >= '0' && b <= '9', b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
		case b == '+', b == '-', b == '.', b == ',', b == ':', b == ' ', b == '_':
		default:
			return false
		}
	}
	return true
}

// quoted are the bytes that make a field need quotes.
var quoted = [256]bool{',': true, '"': true, '\r': true, '\n': true}

// appendField writes one field: in quotes where it needs them or is empty, after an apostrophe where it is neutralised.
func appendField(b, cell []byte, neutralise bool) []byte {
	if neutralise {
		cell = append([]byte{'\''}, cell...)
	}
	for _, c := range cell {
		if quoted[c] {
			return appendQuoted(b, cell)
		}
	}
	if len(cell) == 0 {
		return append(b, '"', '"')
	}
	return append(b, cell...)
}

func appendQuoted(b, cell []byte) []byte {
	b = append(b, '"')
	for _, c := range cell {
		if c == '"' {
			b = append(b, '"')
		}
		b = append(b, c)
	}
	return append(b, '"')
}
