package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"patchbay/catalog"
	"patchbay/connectors"
)

func TestJSONIsExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family     catalog.Family
		cell, want string
	}{
		{"integer", "9223372036854775807", "9223372036854775807"},
		{"integer", "-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728"},
		{"decimal", "10.00", "10.00"},
		{"decimal", "NaN", `"NaN"`},
		{"decimal", "007", `"007"`},
		{"float", "-1.5e-07", "-1.5e-07"},
		{"float", "-Infinity", `"-Infinity"`},
		{"float", "1.", `"1."`},
		{"integer", "", `""`},
		{"integer", "-", `"-"`},
		{"integer", `1],"x":[`, `"1],\"x\":["`}, // a server that lies about its types cannot write our JSON
		{"bool", "t", "true"},
		{"bool", "false", "false"},
		{"bool", "maybe", `"maybe"`},
		{"json", `{"a": 1}`, `"{\"a\": 1}"`},
		{"text", "é\n\x00", `"é\n\u0000"`},
		{"text", "a\xffb", `"a\ufffdb"`},
	} {
		var b bytes.Buffer
		write(t, NewJSON(&b), columnsOf(c.family), [][][]byte{{[]byte(c.cell)}, {nil}}, Outcome{Rows: 2, Took: 5 * time.Millisecond, Affected: -1})
		want := `{"columns":[{"name":"c0","type":"` + string(c.family) + `"}],"rows":[[` + c.want + `],[null]],"truncated":false,"ms":5}` + "\n"
		if b.String() != want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.family, c.cell, b.String(), want)
		}
		if !json.Valid(b.Bytes()) {
			t.Errorf("%s is no JSON", b.String())
		}
	}
}

func TestJSONSaysWhatAStatementChangedAndWhereItWasCut(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	write(t, NewJSON(&b), nil, nil, Outcome{Affected: 3, Truncated: "cut"})
	if want := `{"columns":[],"rows":[],"truncated":true,"ms":0,"affected":3}` + "\n"; b.String() != want {
		t.Errorf("got %s want %s", b.String(), want)
	}
}

func readArrow(t *testing.T, stream []byte) arrow.RecordBatch {
	t.Helper()
	r, err := ipc.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Next() {
		t.Fatalf("no rows: %v", r.Err())
	}
	return r.RecordBatch()
}

func TestArrowIsTypedAndExact(t *testing.T) {
	t.Parallel()
	columns := []connectors.Column{
		{Name: "i", Type: "bigint", Family: catalog.FamilyInteger},
		{Name: "u", Type: "bigint unsigned", Family: catalog.FamilyInteger},
		{Name: "d", Type: "numeric(30,2)", Family: catalog.FamilyDecimal},
		{Name: "f", Type: "double", Family: catalog.FamilyFloat},
		{Name: "b", Type: "boolean", Family: catalog.FamilyBool},
		{Name: "day", Type: "date", Family: catalog.FamilyDate},
		{Name: "ts", Type: "timestamp without time zone", Family: catalog.FamilyDateTime},
		{Name: "tz", Type: "timestamp with time zone", Family: catalog.FamilyDateTime},
		{Name: "t", Type: "text", Family: catalog.FamilyText},
	}
	row := [][]byte{[]byte("-9223372036854775808"), []byte("18446744073709551615"), []byte("123456789012345678901234567.89"), []byte("0.1"),
		[]byte("t"), []byte("1969-12-31"), []byte("2024-02-03 04:05:06.000007"), []byte("2024-02-03 04:05:06+02"), []byte("é\xff")}
	var b bytes.Buffer
	write(t, NewArrow(&b), columns, [][][]byte{row, make([][]byte, len(row))}, Outcome{})
	rec := readArrow(t, b.Bytes())
	at := time.Date(2024, 2, 3, 4, 5, 6, 7000, time.UTC)
	for i, want := range []any{int64(-9223372036854775808), uint64(18446744073709551615), "123456789012345678901234567.89", 0.1, true,
		arrow.Date32(-1), arrow.Timestamp(at.UnixMicro()), arrow.Timestamp(time.Date(2024, 2, 3, 2, 5, 6, 0, time.UTC).UnixMicro()), "é\uFFFD"} {
		if got := arrowValue(rec.Column(i)); got != want {
			t.Errorf("column %s has %v, want %v", columns[i].Name, got, want)
		}
	}
	if zone := rec.Schema().Field(7).Type.(*arrow.TimestampType).TimeZone; zone != "UTC" {
		t.Errorf("the zoned column has zone %q", zone)
	}
}

// arrowValue is the first value of a column.
func arrowValue(c arrow.Array) any {
	switch c := c.(type) {
	case *array.Int64:
		return c.Value(0)
	case *array.Uint64:
		return c.Value(0)
	case *array.Float64:
		return c.Value(0)
	case *array.Boolean:
		return c.Value(0)
	case *array.Date32:
		return c.Value(0)
	case *array.Timestamp:
		return c.Value(0)
	case *array.String:
		return c.Value(0)
	}
	return c
}

func TestArrowRefusesWhatItsTypeCannotHold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		column connectors.Column
		cell   string
	}{
		{connectors.Column{Family: catalog.FamilyInteger}, "9223372036854775808"},
		{connectors.Column{Family: catalog.FamilyDate}, "infinity"},
		{connectors.Column{Family: catalog.FamilyDateTime}, "2024-02-03 04:05:06.123456789"},
		{connectors.Column{Family: catalog.FamilyDateTime, Type: "timestamp with time zone"}, "2024-02-03 04:05:06 CET"},
		{connectors.Column{Family: catalog.FamilyBool}, "yes"},
	} {
		a := NewArrow(&bytes.Buffer{})
		_ = a.Columns([]connectors.Column{c.column})
		var bad *ValueError
		if err := a.Row([][]byte{[]byte(c.cell)}); !errors.As(err, &bad) {
			t.Errorf("%q: %v, want a ValueError", c.cell, err)
		}
	}
}

func TestArrowWithoutRowsStillHasASchema(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	write(t, NewArrow(&b), columnsOf("integer"), nil, Outcome{})
	r, err := ipc.NewReader(&b)
	if err != nil || r.Schema().NumFields() != 1 {
		t.Fatalf("schema of an empty answer: %v", err)
	}
}
