package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The written form of a table, of which pack.go makes the one that is stored. Its path is not in it. A table that has not changed has the
// same form, to the byte.
//
//	version   1 byte
//	kind      1 byte: place in kinds
//	flags     1 byte
//	rows      uvarint, of RoundRows(rows) + 1; 0 is unknown
//	comment   text
//	columns   uvarint n, then for each
//	  flags   1 byte: which of the parts below follow
//	  type    uvarint: 2k is commonTypes[k]; 2k+1 the k-th of this table's other types, which at its first use is followed
//	          by the declared type as text and 1 byte for the family: place in families
//	  name    where columnShares is set, 1 byte for how many leading bytes it shares with the name before it (the table's own
//	          for the first); then the rest as text
//	  default, comment  text
//	  place in the primary key  uvarint
//	  reference  uvarint for how many leading parts its path shares with the table's own, uvarint n, then n parts and the
//	          column, as text
//
// A text is written as text.go says.
const codecVersion = 1

const tableUnreadable = 1

// The parts of a column.
const (
	columnNullable = 1 << iota
	columnDefault
	columnComment
	columnPrimaryKey
	columnReference
	columnShares
)

// Numbers are places in these lists: new ones go to the end. The types' list is closed, a new entry needs a new version.
var (
	kinds    = []Kind{KindTable, KindView, KindMaterializedView, KindExternal, KindForeign, KindPartitioned}
	families = []Family{FamilyInteger, FamilyDecimal, FamilyFloat, FamilyText, FamilyBool, FamilyDate, FamilyTime, FamilyDateTime,
		FamilyInterval, FamilyBinary, FamilyJSON, FamilyUUID, FamilyArray, FamilyStruct, FamilyGeo, FamilyOther}
	commonTypes = []columnType{{"integer", FamilyInteger}, {"bigint", FamilyInteger}, {"smallint", FamilyInteger}, {"int", FamilyInteger},
		{"tinyint(1)", FamilyInteger}, {"text", FamilyText}, {"character varying(255)", FamilyText}, {"character varying", FamilyText},
		{"varchar(255)", FamilyText}, {"varchar", FamilyText}, {"timestamp with time zone", FamilyDateTime},
		{"timestamp without time zone", FamilyDateTime}, {"datetime", FamilyDateTime}, {"timestamp", FamilyDateTime}, {"date", FamilyDate},
		{"boolean", FamilyBool}, {"numeric", FamilyDecimal}, {"numeric(12,2)", FamilyDecimal}, {"decimal(10,2)", FamilyDecimal},
		{"double precision", FamilyFloat}, {"double", FamilyFloat}, {"real", FamilyFloat}, {"jsonb", FamilyJSON}, {"json", FamilyJSON},
		{"uuid", FamilyUUID}, {"bytea", FamilyBinary}, {"blob", FamilyBinary}, {"longtext", FamilyText}, {"INTEGER", FamilyInteger},
		{"BIGINT", FamilyInteger}, {"TEXT", FamilyText}, {"VARCHAR", FamilyText}}
	commonTypeNumber = func() map[columnType]uint64 {
		m := make(map[columnType]uint64, len(commonTypes))
		for i, t := range commonTypes {
			m[t] = uint64(i)
		}
		return m
	}()
)

type columnType struct {
	declared string
	family   Family
}

// RoundRows rounds a row estimate to two significant digits, which is all that is kept of it: the noise of a statistic is
// then no difference. Every negative estimate is RowsUnknown.
func RoundRows(n int64) int64 {
	if n < 0 {
		return RowsUnknown
	}
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	if rounded := (n/unit + (n%unit)*2/unit) * unit; rounded >= 0 {
		return rounded
	}
	return n / unit * unit // up would be past the largest number
}

// number is v's place in list. What is not in the list takes the place of the first: the model has no such value.
func number[T comparable](list []T, v T) byte { return byte(max(slices.Index(list, v), 0)) }

func contextOf(p Path) textContext { return textContext{p.Name(), p.Parent().Name()} }

type encoder struct {
	b     []byte
	path  Path
	ctx   textContext
	types []columnType // those that are not common, in order of first use
}

func (e *encoder) uvarint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) text(s string)    { e.b = appendText(e.b, s, e.ctx) }

func (e *encoder) column(c Column, last string) {
	shared := sharedPrefix(c.Name, last)
	flags := ownParts(c)
	if c.Nullable {
		flags |= columnNullable
	}
	if shared > 0 {
		flags |= columnShares
	}
	e.b = append(e.b, flags)
	e.columnType(columnType{c.Type, c.Family})
	if shared > 0 {
		e.b = append(e.b, byte(shared))
	}
	e.text(c.Name[shared:])
	e.parts(c)
}

// ownParts says which parts of a column there are that few others have.
func ownParts(c Column) (flags byte) {
	if c.Default != "" {
		flags |= columnDefault
	}
	if c.Comment != "" {
		flags |= columnComment
	}
	if c.PrimaryKey > 0 {
		flags |= columnPrimaryKey
	}
	if c.References != nil {
		flags |= columnReference
	}
	return flags
}

func (e *encoder) parts(c Column) {
	if c.Default != "" {
		e.text(c.Default)
	}
	if c.Comment != "" {
		e.text(c.Comment)
	}
	if c.PrimaryKey > 0 {
		e.uvarint(uint64(c.PrimaryKey))
	}
	if c.References != nil {
		e.reference(*c.References)
	}
}

// sharedPrefix is how many leading bytes of name are those of last; 0 where sharing them would save nothing.
func sharedPrefix(name, last string) int {
	n := 0
	for n < min(len(name), len(last), math.MaxUint8) && name[n] == last[n] {
		n++
	}
	if n < 5 {
		return 0
	}
	return n
}

func (e *encoder) columnType(t columnType) {
	if n, ok := commonTypeNumber[t]; ok {
		e.uvarint(n << 1)
		return
	}
	n := slices.Index(e.types, t)
	if n >= 0 {
		e.uvarint(uint64(n)<<1 | 1)
		return
	}
	e.uvarint(uint64(len(e.types))<<1 | 1)
	e.types = append(e.types, t)
	e.text(t.declared)
	e.b = append(e.b, number(families, t.family))
}

func (e *encoder) reference(r Ref) {
	shared := sharedParts(r.Table, e.path)
	e.uvarint(uint64(shared))
	e.uvarint(uint64(len(r.Table) - shared))
	for _, part := range r.Table[shared:] {
		e.text(part)
	}
	e.text(r.Column)
}

// sharedParts is how many leading parts two paths have alike.
func sharedParts(a, b Path) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// Decode reads the written form of the table at path, in which Rows has the digits that RoundRows leaves. A table always has a name, even
// where that is empty.
func Decode(path Path, body []byte) (Table, error) {
	if len(body) == 0 || body[0] != codecVersion {
		return Table{}, fmt.Errorf("decode table %q: unknown version", path)
	}
	return decodeTable(path, body, (*decoder).column)
}

// decodeTable reads a form whose columns are read by column, which is told the name of the one before.
func decodeTable(path Path, body []byte, column func(d *decoder, last string) Column) (Table, error) {
	d := decoder{b: body[1:], path: path, ctx: contextOf(path)}
	t := Table{Path: path, Kind: pick(&d, kinds)}
	t.Unreadable = d.byte()&tableUnreadable != 0
	t.Rows = int64(d.uvarint()) - 1
	t.Comment = d.text()
	if n := d.count(); n > 0 {
		t.Columns = make([]Column, 0, n)
		last := path.Name()
		for range n {
			c := column(&d, last)
			t.Columns = append(t.Columns, c)
			last = c.Name
		}
	}
	if d.bad || len(d.b) > 0 {
		return Table{}, fmt.Errorf("decode table %q: %w", path, errCorrupt)
	}
	return t, nil
}

var errCorrupt = errors.New("stored form is corrupt")

// A decoder reads parts off b. After the first part that is not there, bad is set and every part is zero.
type decoder struct {
	b     []byte
	path  Path
	ctx   textContext
	types []columnType
	buf   []byte // of text, reused
	bad   bool
}

func (d *decoder) fail() {
	d.b, d.bad = nil, true
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads the number of things that follow. Each takes a byte or more, so that a corrupt count cannot ask for memory.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func pick[T any](d *decoder, list []T) T {
	n := int(d.byte())
	if n >= len(list) {
		d.fail()
		n = 0
	}
	return list[n]
}

func (d *decoder) text() string {
	header := d.uvarint()
	n := header >> 1
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	var ok bool
	d.buf, ok = appendDecoded(d.buf[:0], d.b[:n], d.ctx)
	if !ok {
		d.fail()
		return ""
	}
	d.b = d.b[n:]
	if header&1 != 0 {
		upperASCII(d.buf)
	}
	return string(d.buf)
}

func (d *decoder) column(last string) Column {
	flags := d.byte()
	t := d.columnType()
	c := Column{Type: t.declared, Family: t.family, Nullable: flags&columnNullable != 0}
	shared := 0
	if flags&columnShares != 0 {
		shared = int(d.byte())
		if shared > len(last) {
			d.fail()
			return c
		}
	}
	c.Name = last[:shared] + d.text()
	d.parts(&c, flags)
	return c
}

// parts reads what ownParts told of.
func (d *decoder) parts(c *Column, flags byte) {
	if flags&columnDefault != 0 {
		c.Default = d.text()
	}
	if flags&columnComment != 0 {
		c.Comment = d.text()
	}
	if flags&columnPrimaryKey != 0 {
		c.PrimaryKey = int(d.uvarint())
	}
	if flags&columnReference != 0 {
		c.References = d.reference()
	}
}

func (d *decoder) columnType() columnType {
	n := d.uvarint()
	switch k := n >> 1; {
	case n&1 == 0 && k < uint64(len(commonTypes)):
		return commonTypes[k]
	case n&1 == 1 && k < uint64(len(d.types)):
		return d.types[k]
	case n&1 == 1 && k == uint64(len(d.types)):
		d.types = append(d.types, columnType{declared: d.text(), family: pick(d, families)})
		return d.types[k]
	}
	d.fail()
	return columnType{}
}

func (d *decoder) reference() *Ref {
	shared, n := d.uvarint(), d.count()
	if shared > uint64(len(d.path)) {
		d.fail()
		return nil
	}
	r := &Ref{Table: append(make(Path, 0, int(shared)+n), d.path[:shared]...)}
	for range n {
		r.Table = append(r.Table, d.text())
	}
	r.Column = d.text()
	return r
}
