package query

import (
	"encoding/json"
	"io"
	"strconv"

	"patchbay/catalog"
	"patchbay/connectors"
)

// JSON writes the answer of POST /api/v1/query:
//
//	{"columns":[{"name","type"}],"rows":[[...]],"truncated":bool,"ms":n}
//
// Integers, decimals and floats are JSON numbers with exactly the digits that the source wrote; what JSON has no number for
// (NaN, Infinity) is a string. Bools are true and false, NULL is null. Everything else, JSON documents too, is a string with
// the source's own text: exact, where a parsed document would lose the order and the doubles of its keys. A statement that
// changed rows adds "affected".
type JSON struct {
	out     *out
	columns []connectors.Column
	rows    int64
}

// NewJSON is a Sink that writes to w, in pieces as CSV does.
func NewJSON(w io.Writer) *JSON { return &JSON{out: newOut(w)} }

// Columns implements Sink.
func (j *JSON) Columns(columns []connectors.Column) error {
	j.columns = columns
	b := append(j.out.buf, `{"columns":[`...)
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = appendJSONString(b, []byte(c.Name))
		b = append(b, `,"type":`...)
		b = appendJSONString(b, []byte(c.Type))
		b = append(b, '}')
	}
	j.out.buf = append(b, `],"rows":[`...)
	return nil
}

// Break implements Breaker.
func (j *JSON) Break() { breakOff(j.out.w) }

// Row implements Sink.
func (j *JSON) Row(cells [][]byte) error {
	b := j.out.buf
	if j.rows > 0 {
		b = append(b, ',')
	}
	j.rows++
	b = append(b, '[')
	for i, cell := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONCell(b, cell, j.columns[i].Family)
	}
	j.out.buf = append(b, ']')
	return j.out.rowDone()
}

// End implements Sink.
func (j *JSON) End(o Outcome) error {
	b := append(j.out.buf, `],"truncated":`...)
	b = strconv.AppendBool(b, o.Truncated != "")
	b = append(b, `,"ms":`...)
	b = strconv.AppendInt(b, o.Took.Milliseconds(), 10)
	if len(j.columns) == 0 && o.Affected >= 0 {
		b = append(b, `,"affected":`...)
		b = strconv.AppendInt(b, o.Affected, 10)
	}
	j.out.buf = append(b, '}', '\n')
	return j.out.end()
}

func appendJSONCell(b, cell []byte, family catalog.Family) []byte {
	if cell == nil {
		return append(b, "null"...)
	}
	switch family {
	case catalog.FamilyInteger, catalog.FamilyDecimal, catalog.FamilyFloat:
		if isJSONNumber(cell) {
			return append(b, cell...)
		}
	case catalog.FamilyBool:
		if v, ok := parseBool(cell); ok {
			return strconv.AppendBool(b, v)
		}
	}
	return appendJSONString(b, cell)
}

// isJSONNumber follows the grammar of RFC 8259, section 6.
func isJSONNumber(s []byte) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if len(s) > 0 && s[0] == '.' {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return len(s) == 0
}

// digits is how many digits s begins with.
func digits(s []byte) int {
	for i, c := range s {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(s)
}

// parseBool reads the ways in which products write a bool.
func parseBool(cell []byte) (value, ok bool) {
	switch string(cell) {
	case "t", "true", "TRUE", "True", "1":
		return true, true
	case "f", "false", "FALSE", "False", "0":
		return false, true
	}
	return false, false
}

// appendJSONString writes text as a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendJSONString(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(string(text))
			if err != nil { // a string always encodes
				panic(err)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}
