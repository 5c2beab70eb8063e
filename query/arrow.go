package query

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"patchbay/catalog"
	"patchbay/connectors"
)

// arrowRows is how many rows a batch of an Arrow stream holds at most; arrowBytes how much text of the source it stands for.
const (
	arrowRows  = 65_536
	arrowBytes = 4 << 20
)

// Arrow writes rows as an Arrow IPC stream with typed columns: integers are int64 (uint64 where the type says unsigned),
// floats float64, bools, dates date32, times of day and intervals as text, instants in microseconds, in UTC where the type has
// a time zone. Decimals, UUIDs, JSON, arrays and all else are text, exactly as the source wrote it. A value that its column
// cannot hold exactly ends the stream with a *ValueError: nothing is rounded in silence.
type Arrow struct {
	w       io.Writer
	lag     *out // tells when rows have waited long enough
	schema  *arrow.Schema
	writer  *ipc.Writer
	columns []*arrowColumn
	rows    int64
	bytes   int
}

// An arrowColumn is one column with the function that reads the source's text into it.
type arrowColumn struct {
	name    string
	builder array.Builder
	put     func(cell []byte) bool
	kind    arrow.DataType
}

// A ValueError is a value that does not fit the type of its column in an Arrow stream.
type ValueError struct{ Column, Value, Type string }

func (e *ValueError) Error() string {
	return fmt.Sprintf("column %s has the value %q, which is no %s: cast the column to text, or ask for CSV or JSON", e.Column, e.Value, e.Type)
}

// NewArrow is a Sink that writes to w, in pieces as CSV does.
func NewArrow(w io.Writer) *Arrow { return &Arrow{w: w, lag: newOut(w)} }

// Columns implements Sink.
func (a *Arrow) Columns(columns []connectors.Column) error {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		column := newArrowColumn(c)
		a.columns = append(a.columns, column)
		meta := arrow.NewMetadata([]string{"type", "family"}, []string{c.Type, string(c.Family)})
		fields[i] = arrow.Field{Name: c.Name, Type: column.kind, Nullable: true, Metadata: meta}
	}
	a.schema = arrow.NewSchema(fields, nil)
	a.writer = ipc.NewWriter(a.w, ipc.WithSchema(a.schema))
	return nil
}

// Break implements Breaker.
func (a *Arrow) Break() { breakOff(a.w) }

// Row implements Sink.
func (a *Arrow) Row(cells [][]byte) error {
	for i, cell := range cells {
		c := a.columns[i]
		if cell == nil {
			c.builder.AppendNull()
			continue
		}
		if !c.put(cell) {
			return &ValueError{Column: c.name, Value: shorten(cell, 100), Type: c.kind.String()}
		}
		a.bytes += len(cell)
	}
	a.rows++
	if a.rows < arrowRows && a.bytes < arrowBytes && !a.lag.due.Load() {
		return nil
	}
	return a.flush()
}

func (a *Arrow) flush() error {
	arrays := make([]arrow.Array, len(a.columns))
	for i, c := range a.columns {
		arrays[i] = c.builder.NewArray()
		defer arrays[i].Release()
	}
	batch := array.NewRecordBatch(a.schema, arrays, a.rows)
	defer batch.Release()
	if err := a.writer.Write(batch); err != nil {
		return fmt.Errorf("write arrow rows: %w", err)
	}
	a.rows, a.bytes = 0, 0
	return a.lag.flush()
}

// End implements Sink.
func (a *Arrow) End(Outcome) error {
	if a.rows > 0 {
		if err := a.flush(); err != nil {
			return err
		}
	}
	if err := a.writer.Close(); err != nil {
		return fmt.Errorf("write arrow end: %w", err)
	}
	return a.lag.end()
}

// newArrowColumn chooses the Arrow type of a column by its family, and by the words of its declared type where they matter.
func newArrowColumn(c connectors.Column) *arrowColumn {
	declared := strings.ToLower(c.Type)
	switch c.Family {
	case catalog.FamilyInteger:
		if strings.Contains(declared, "huge") || strings.Contains(declared, "128") || strings.Contains(declared, "256") {
			break
		}
		if strings.Contains(declared, "unsigned") || strings.HasPrefix(declared, "ubigint") {
			return uintColumn(c.Name)
		}
		return intColumn(c.Name)
	case catalog.FamilyFloat:
		return floatColumn(c.Name)
	case catalog.FamilyBool:
		return boolColumn(c.Name)
	case catalog.FamilyDate:
		return dateColumn(c.Name)
	case catalog.FamilyDateTime:
		return instantColumn(c.Name, strings.Contains(declared, "with time zone") || strings.HasPrefix(declared, "timestamptz"))
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	return &arrowColumn{name: c.Name, builder: b, kind: arrow.BinaryTypes.String, put: func(cell []byte) bool {
		b.BinaryBuilder.Append(bytes.ToValidUTF8(cell, []byte("\uFFFD")))
		return true
	}}
}

func intColumn(name string) *arrowColumn {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	return &arrowColumn{name: name, builder: b, kind: arrow.PrimitiveTypes.Int64, put: func(cell []byte) bool {
		v, err := strconv.ParseInt(string(cell), 10, 64)
		b.Append(v)
		return err == nil
	}}
}

func uintColumn(name string) *arrowColumn {
	b := array.NewUint64Builder(memory.DefaultAllocator)
	return &arrowColumn{name: name, builder: b, kind: arrow.PrimitiveTypes.Uint64, put: func(cell []byte) bool {
		v, err := strconv.ParseUint(string(cell), 10, 64)
		b.Append(v)
		return err == nil
	}}
}

func floatColumn(name string) *arrowColumn {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	return &arrowColumn{name: name, builder: b, kind: arrow.PrimitiveTypes.Float64, put: func(cell []byte) bool {
		v, err := strconv.ParseFloat(string(cell), 64)
		b.Append(v)
		return err == nil
	}}
}

func boolColumn(name string) *arrowColumn {
	b := array.NewBooleanBuilder(memory.DefaultAllocator)
	return &arrowColumn{name: name, builder: b, kind: arrow.FixedWidthTypes.Boolean, put: func(cell []byte) bool {
		v, ok := parseBool(cell)
		b.Append(v)
		return ok
	}}
}

func dateColumn(name string) *arrowColumn {
	b := array.NewDate32Builder(memory.DefaultAllocator)
	return &arrowColumn{name: name, builder: b, kind: arrow.FixedWidthTypes.Date32, put: func(cell []byte) bool {
		t, err := time.Parse(time.DateOnly, string(cell))
		b.Append(arrow.Date32FromTime(t))
		return err == nil
	}}
}

// The ways in which products write instants. A fraction of a second is read after the seconds of each.
var (
	localLayouts = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly}
	zonedLayouts = []string{"2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05 UTC"}
)

func instantColumn(name string, zoned bool) *arrowColumn {
	kind, layouts := &arrow.TimestampType{Unit: arrow.Microsecond}, localLayouts
	if zoned {
		kind, layouts = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, zonedLayouts
	}
	b := array.NewTimestampBuilder(memory.DefaultAllocator, kind)
	last := 0 // a column is written in one way: try it first
	return &arrowColumn{name: name, builder: b, kind: kind, put: func(cell []byte) bool {
		for i := range layouts {
			n := (last + i) % len(layouts)
			t, err := time.Parse(layouts[n], string(cell))
			if err != nil {
				continue
			}
			last = n
			b.Append(arrow.Timestamp(t.UnixMicro()))
			return t.Nanosecond()%1000 == 0
		}
		return false
	}}
}

// shorten cuts text for a message to n bytes of valid UTF-8.
func shorten(text []byte, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return strings.ToValidUTF8(string(text), "")
}
