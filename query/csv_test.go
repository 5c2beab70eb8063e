package query

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/connectors"
)

// write is what a sink writes for these columns and rows.
func write(t testing.TB, sink Sink, columns []connectors.Column, rows [][][]byte, o Outcome) {
	t.Helper()
	if err := sink.Columns(columns); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := sink.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.End(o); err != nil {
		t.Fatal(err)
	}
}

func TestCSVNeutralisesFormulasInTextOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family     catalog.Family
		cell, want string
	}{
		{"integer", "-1", "-1"},
		{"decimal", "-12.50", "-12.50"},
		{"float", "-1e-07", "-1e-07"},
		{"float", "-Infinity", "-Infinity"},
		{"interval", "-1 days +02:03:04", "-1 days +02:03:04"},
		{"time", "-838:59:59", "-838:59:59"},
		{"text", "=1+1", "'=1+1"},
		{"text", "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"},
		{"text", "@SUM(A1)", "'@SUM(A1)"},
		{"text", "+1", "'+1"},
		{"text", "-1", "'-1"},
		{"text", "\t=1", "'\t=1"},
		{"text", "\r=1", "\"'\r=1\""},
		{"text", "＝1", "'＝1"},
		{"text", "＋1", "'＋1"},
		{"text", "－1", "'－1"},
		{"text", "＠SUM", "'＠SUM"},
		{"json", "=1", "'=1"},
		{"other", "=1", "'=1"},
		{"integer", "=1", "'=1"}, // a server that lies about its types
		{"integer", "-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"},
		{"decimal", "-(1)", "'-(1)"},
		{"text", "a=1", "a=1"},
		{"text", "ｅ", "ｅ"},
		{"text", "=\"a\"", "\"'=\"\"a\"\"\""},
		{"text", "", `""`},
	} {
		var b bytes.Buffer
		write(t, NewCSV(&b, false), columnsOf(c.family), [][][]byte{{[]byte(c.cell)}}, Outcome{})
		if got := b.String(); got != "c0\r\n"+c.want+"\r\n" {
			t.Errorf("%s %q is written %q, want %q", c.family, c.cell, got, c.want)
		}
		b.Reset()
		write(t, NewCSV(&b, true), columnsOf(c.family), [][][]byte{{[]byte(c.cell)}}, Outcome{})
		records, err := csv.NewReader(&b).ReadAll()
		if err != nil || records[1][0] != c.cell {
			t.Errorf("raw %q is read back as %q, %v", c.cell, records, err)
		}
	}
}

func TestCSVNamesAreNeutralisedToo(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	write(t, NewCSV(&b, false), []connectors.Column{{Name: "=1"}, {Name: "a,b"}}, nil, Outcome{})
	if b.String() != "'=1,\"a,b\"\r\n" {
		t.Errorf("names are written %q", b.String())
	}
}

func TestCSVTellsNullFromEmpty(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	write(t, NewCSV(&b, false), columnsOf("text", "text"), [][][]byte{{nil, {}}}, Outcome{})
	if b.String() != "c0,c1\r\n,\"\"\r\n" {
		t.Errorf("written %q", b.String())
	}
}

// flushed records what had been written at each flush.
type flushed struct {
	bytes.Buffer
	at []string
}

func (f *flushed) Flush() { f.at = append(f.at, f.String()) }

func TestFirstRowIsFlushedAtOnceAndSlowOnesAsTheyCome(t *testing.T) {
	t.Parallel()
	var f flushed
	c := NewCSV(&f, false)
	if err := c.Columns(columnsOf("integer")); err != nil {
		t.Fatal(err)
	}
	if len(f.at) != 0 || f.Len() != 0 {
		t.Fatal("something was written before the first row: an error could not be answered any more")
	}
	for _, cell := range []string{"1", "2"} {
		if err := c.Row([][]byte{[]byte(cell)}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * outLag)
	_ = c.Row([][]byte{[]byte("3")})
	if len(f.at) != 2 || f.at[0] != "c0\r\n1\r\n" || f.at[1] != "c0\r\n1\r\n2\r\n3\r\n" {
		t.Errorf("flushed %q", f.at)
	}
}

func TestSinksReportAWriterThatFails(t *testing.T) {
	t.Parallel()
	for name, sink := range map[string]Sink{"csv": NewCSV(failing{}, false), "json": NewJSON(failing{}), "arrow": NewArrow(failing{})} {
		_ = sink.Columns(columnsOf("text"))
		if err := sink.Row([][]byte{[]byte("a")}); err == nil {
			t.Errorf("%s does not report that nothing can be written", name)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// What raw CSV says is what the source said; what neutralised CSV says never begins like a formula.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b"), []byte("=1"))
	f.Add([]byte("\"\r\n"), []byte("＝\"x"))
	f.Add([]byte(""), []byte("\t\n'"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if bytes.ContainsRune(a, '\r') || bytes.ContainsRune(b, '\r') {
			return // encoding/csv reads \r\n inside quotes as \n; TestCSVNeutralisesFormulasInTextOnly has the cases with CR
		}
		for _, raw := range []bool{true, false} {
			var out bytes.Buffer
			write(t, NewCSV(&out, raw), columnsOf("text", "integer"), [][][]byte{{notNil(a), notNil(b)}}, Outcome{})
			records, err := csv.NewReader(&out).ReadAll()
			if err != nil || len(records) != 2 || len(records[1]) != 2 {
				t.Fatalf("%q and %q are read back as %q, %v", a, b, records, err)
			}
			for i, cell := range [][]byte{a, b} {
				got := records[1][i]
				if raw && got != string(cell) || !raw && strings.TrimPrefix(got, "'") != strings.TrimPrefix(string(cell), "'") {
					t.Fatalf("%q is read back as %q (raw %v)", cell, got, raw)
				}
			}
			if got := records[1][0]; !raw && got != "" && strings.ContainsRune("=+-@\t＝＋－＠", []rune(got)[0]) {
				t.Fatalf("%q is written as a formula: %q", a, got)
			}
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	c := NewCSV(io.Discard, false)
	_ = c.Columns(tenColumns)
	row := tenCells(1)
	size := 0
	for _, cell := range row {
		size += len(cell) + 1
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := c.Row(row); err != nil {
			b.Fatal(err)
		}
	}
}
