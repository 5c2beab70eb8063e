package query

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"patchbay/catalog"
	"patchbay/connectors"
)

func columnsOf(families ...catalog.Family) []connectors.Column {
	columns := make([]connectors.Column, len(families))
	for i, f := range families {
		columns[i] = connectors.Column{Name: fmt.Sprintf("c%d", i), Type: string(f), Family: f}
	}
	return columns
}

func keptFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "kept"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// hostile is row n of a result with NULL, empty, long, binary and plain cells.
func hostile(n int64) [][]byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	cells := [][]byte{fmt.Append(nil, n), nil, {}, []byte("a\x00\xffb"), bytes.Repeat([]byte{'x'}, r.IntN(2000))}
	if n%7 == 0 {
		cells[0], cells[3] = nil, []byte("é")
	}
	return cells
}

func sameRow(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) || !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func readBack(t *testing.T, v *keptView, offset, limit int64) {
	t.Helper()
	n := offset
	err := v.each(offset, limit, func(cells [][]byte) (bool, error) {
		if !sameRow(cells, hostile(n)) {
			t.Fatalf("row %d is %q, want %q", n, cells, hostile(n))
		}
		n++
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := min(max(v.rows-offset, 0), limit); n-offset != want {
		t.Fatalf("read %d rows from %d (limit %d), want %d", n-offset, offset, limit, want)
	}
}

func TestKeptRowsReadBackFromAnyPlace(t *testing.T) {
	t.Parallel()
	f := keptFile(t)
	k, err := newKeeper(f, columnsOf("integer", "text", "text", "binary", "text"))
	if err != nil {
		t.Fatal(err)
	}
	const total = 10_000
	for n := range int64(total) {
		if err := k.row(hostile(n)); err != nil {
			t.Fatal(err)
		}
		if n == 10 || n == 5_001 { // in the middle of the run
			for _, from := range []int64{0, 5, n - 1, n, n + 1, n + 100} {
				readBack(t, k.view(f, from, 7), from, 7)
			}
			readBack(t, k.view(f, 0, 1<<40), 0, 1<<40)
		}
	}
	if err := k.finish(); err != nil {
		t.Fatal(err)
	}
	v, err := openKept(f)
	if err != nil {
		t.Fatal(err)
	}
	if v.rows != total || len(v.chunks) < 5 {
		t.Fatalf("found %d rows in %d chunks", v.rows, len(v.chunks))
	}
	for _, at := range [][2]int64{{0, total}, {0, 1}, {4095, 2}, {9_999, 10}, {total, 5}, {total + 5, 5}, {777, 4200}} {
		readBack(t, v, at[0], at[1])
	}
}

func TestKeptFileIsAnArrowStream(t *testing.T) {
	t.Parallel()
	f := keptFile(t)
	k, err := newKeeper(f, columnsOf("integer", "text", "text", "binary", "text"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(9_000) {
		if err := k.row(hostile(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var rows int64
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	if r.Err() != nil || rows != 9_000 {
		t.Fatalf("an Arrow reader found %d rows, %v", rows, r.Err())
	}
	if family, _ := r.Schema().Field(0).Metadata.GetValue("family"); family != "integer" {
		t.Errorf("family of the first column is %q", family)
	}
}

func TestKeptResultsWithoutRowsOrColumns(t *testing.T) {
	t.Parallel()
	for _, columns := range [][]connectors.Column{nil, columnsOf("text")} {
		f := keptFile(t)
		k, err := newKeeper(f, columns)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.finish(); err != nil {
			t.Fatal(err)
		}
		v, err := openKept(f)
		if err != nil || v.rows != 0 {
			t.Fatalf("view of an empty result: %v, %v", v, err)
		}
		readBack(t, v, 0, 10)
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	f := keptFile(t)
	k, err := newKeeper(f, columnsOf("integer", "text", "text", "binary", "text"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(100) {
		_ = k.row(hostile(n))
	}
	if err := k.finish(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) - 1 {
		if cut%97 != 0 && cut < len(whole)-40 {
			continue
		}
		short := filepath.Join(t.TempDir(), "short")
		if err := os.WriteFile(short, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		g, err := os.Open(short)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openKept(g); err == nil {
			t.Fatalf("a file cut at %d of %d was read", cut, len(whole))
		}
		_ = g.Close()
	}
}

// A million rows are kept in a bounded amount of memory, and one row in the middle costs one chunk.
func TestAMillionRowsInBoundedMemory(t *testing.T) {
	f := keptFile(t)
	k, err := newKeeper(f, tenColumns)
	if err != nil {
		t.Fatal(err)
	}
	row := tenCells(0)
	before := heap()
	var peak uint64
	for n := range int64(1_000_000) {
		row[0] = fmt.Appendf(row[0][:0], "%d", n)
		if err := k.row(row); err != nil {
			t.Fatal(err)
		}
		if n%100_000 == 0 {
			peak = max(peak, heap())
		}
	}
	if err := k.finish(); err != nil {
		t.Fatal(err)
	}
	if peak > before+16<<20 {
		t.Errorf("keeping took %d MB more memory", (peak-before)>>20)
	}
	v, err := openKept(f)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := v.each(765_432, 1, func(c [][]byte) (bool, error) { got = string(c[0]); return true, nil }); err != nil || got != "765432" {
		t.Errorf("row 765432 begins with %q, %v", got, err)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

var tenColumns = columnsOf("integer", "text", "decimal", "datetime", "bool", "text", "float", "date", "uuid", "text")

func tenCells(n int) [][]byte {
	return [][]byte{fmt.Append(nil, n), []byte("customer name"), []byte("12345.67"), []byte("2024-02-03 04:05:06.123456"), []byte("t"),
		[]byte("some longer words, with a comma"), []byte("0.125"), []byte("2024-02-03"), []byte("0f8fad5b-d9cb-469f-a165-70867728950e"), nil}
}

func BenchmarkKeep(b *testing.B) {
	k, err := newKeeper(keptFile(b), tenColumns)
	if err != nil {
		b.Fatal(err)
	}
	row := tenCells(1)
	for b.Loop() {
		if err := k.row(row); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(k.bytes / int64(b.N))
}

func BenchmarkReadPage(b *testing.B) {
	f := keptFile(b)
	k, err := newKeeper(f, tenColumns)
	if err != nil {
		b.Fatal(err)
	}
	for n := range 200_000 {
		if err := k.row(tenCells(n)); err != nil {
			b.Fatal(err)
		}
	}
	v := k.view(f, 0, 0)
	var at int64
	for b.Loop() {
		at = (at + 54_321) % 190_000
		if err := v.each(at, 100, func([][]byte) (bool, error) { return true, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
