package catalog_test

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
)

func TestCodecKeepsEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyTable().Draw(t, "table")
		want.Rows = catalog.RoundRows(want.Rows)
		got, err := catalog.Decode(want.Path, catalog.Encode(want))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %#v\nwant %#v", got, want)
		}
	})
}

func TestCodecOfWarehouse(t *testing.T) {
	t.Parallel()
	for i := range 2000 {
		want := catalogtest.Table(i, 12)
		want.Rows = catalog.RoundRows(want.Rows)
		got, err := catalog.Decode(want.Path, catalog.Encode(want))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %#v\nwant %#v", got, want)
		}
	}
}

// The columns of this catalog, with their foreign keys, defaults and comments, are 39 bytes each before they are coded.
func TestBytesPerColumn(t *testing.T) {
	t.Parallel()
	bytes, columns := 0, 0
	for i := range 5000 {
		table := catalogtest.Table(i, 10)
		bytes += len(catalog.Encode(table))
		columns += len(table.Columns)
	}
	if per := float64(bytes) / float64(columns); per > 12 {
		t.Errorf("%.2f bytes per column", per)
	}
}

func TestEncodeIsSmallForForeignWords(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"CUSTOMER_ORDER_ID": 10, "CustomerOrderId": 13, "rechnungsposition_nr": 18, "顧客番号": 19} {
		empty := catalog.Encode(catalog.Table{Path: catalog.Path{"t"}, Columns: []catalog.Column{{}}})
		full := catalog.Encode(catalog.Table{Path: catalog.Path{"t"}, Columns: []catalog.Column{{Name: name}}})
		if n := len(full) - len(empty); n > most {
			t.Errorf("%s takes %d bytes, want at most %d", name, n, most)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	whole := catalog.Encode(catalogtest.Table(3, 5))
	path := catalogtest.Table(3, 5).Path
	for n := range whole {
		if _, err := catalog.Decode(path, whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were decoded", n, len(whole))
		}
	}
	if _, err := catalog.Decode(path, append([]byte{99}, whole[1:]...)); err == nil {
		t.Error("an unknown version was decoded")
	}
	if _, err := catalog.Decode(path, append(whole, 0)); err == nil {
		t.Error("bytes after the end were ignored")
	}
}

func FuzzDecode(f *testing.F) {
	for i := range 5 {
		f.Add(catalog.Encode(catalogtest.Table(i, i*3)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		table, err := catalog.Decode(catalog.Path{"a", "b"}, body)
		if err != nil {
			return
		}
		again, err := catalog.Decode(table.Path, catalog.Encode(table))
		table.Rows = catalog.RoundRows(table.Rows)
		if err != nil || !reflect.DeepEqual(table, again) {
			t.Errorf("%#v became %#v, %v", table, again, err)
		}
	})
}

func TestRoundRows(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]int64{-5: -1, -1: -1, 0: 0, 7: 7, 99: 99, 100: 100, 104: 100, 105: 110, 1449: 1400, 1450: 1500, 995: 1000,
		math.MaxInt64: 9_200_000_000_000_000_000} {
		if got := catalog.RoundRows(n); got != want {
			t.Errorf("RoundRows(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	base := catalogtest.Table(9, 6)
	hash := func(change func(*catalog.Table)) catalog.Hash {
		table := catalogtest.Table(9, 6)
		change(&table)
		return catalog.HashOf(table)
	}
	same := hash(func(*catalog.Table) {})
	if hash(func(t *catalog.Table) { t.Rows = catalog.RoundRows(base.Rows) }) != same {
		t.Error("noise in the row estimate changes the hash")
	}
	for name, change := range map[string]func(*catalog.Table){
		"rows":       func(t *catalog.Table) { t.Rows *= 2 },
		"comment":    func(t *catalog.Table) { t.Comment += "." },
		"kind":       func(t *catalog.Table) { t.Kind = catalog.KindForeign },
		"unreadable": func(t *catalog.Table) { t.Unreadable = true },
		"order":      func(t *catalog.Table) { t.Columns[1], t.Columns[2] = t.Columns[2], t.Columns[1] },
		"type":       func(t *catalog.Table) { t.Columns[3].Type += "x" },
		"family":     func(t *catalog.Table) { t.Columns[3].Family = catalog.FamilyOther },
		"nullable":   func(t *catalog.Table) { t.Columns[3].Nullable = !t.Columns[3].Nullable },
		"default":    func(t *catalog.Table) { t.Columns[3].Default += "1" },
		"reference":  func(t *catalog.Table) { t.Columns[3].References = &catalog.Ref{Table: base.Path, Column: "id"} },
		"key":        func(t *catalog.Table) { t.Columns[3].PrimaryKey = 2 },
	} {
		if hash(change) == same {
			t.Errorf("a changed %s leaves the hash as it was", name)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	table := catalogtest.Table(17, 10)
	b.ReportAllocs()
	for b.Loop() {
		catalog.Encode(table)
	}
}

func BenchmarkHash(b *testing.B) {
	table := catalogtest.Table(17, 10)
	b.ReportAllocs()
	for b.Loop() {
		catalog.HashOf(table)
	}
}

func BenchmarkDecode(b *testing.B) {
	table := catalogtest.Table(17, 10)
	body := catalog.Encode(table)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := catalog.Decode(table.Path, body); err != nil {
			b.Fatal(err)
		}
	}
}

// anyTable draws tables with names as hostile as sources allow.
func anyTable() *rapid.Generator[catalog.Table] {
	name := anyName()
	return rapid.Custom(func(t *rapid.T) catalog.Table {
		table := catalog.Table{Path: rapid.SliceOfN(name, 1, 3).Draw(t, "path"), Rows: rapid.Int64Min(-1).Draw(t, "rows"),
			Kind:    rapid.SampledFrom([]catalog.Kind{catalog.KindTable, catalog.KindView, catalog.KindPartitioned}).Draw(t, "kind"),
			Comment: name.Draw(t, "comment"), Unreadable: rapid.Bool().Draw(t, "unreadable")}
		for range rapid.IntRange(0, 5).Draw(t, "columns") {
			table.Columns = append(table.Columns, anyColumn(table.Path).Draw(t, "column"))
		}
		return table
	})
}

func anyColumn(path catalog.Path) *rapid.Generator[catalog.Column] {
	name := anyName()
	return rapid.Custom(func(t *rapid.T) catalog.Column {
		c := catalog.Column{Name: name.Draw(t, "name"), Default: name.Draw(t, "default"), Comment: name.Draw(t, "comment"),
			Type:     rapid.SampledFrom([]string{"", "integer", "INTEGER", "geometry(Point,4326)", "ENUM('a','B')"}).Draw(t, "type"),
			Family:   rapid.SampledFrom([]catalog.Family{catalog.FamilyInteger, catalog.FamilyGeo}).Draw(t, "family"),
			Nullable: rapid.Bool().Draw(t, "nullable"), PrimaryKey: rapid.IntRange(0, 3).Draw(t, "key")}
		if rapid.Bool().Draw(t, "refers") {
			c.References = &catalog.Ref{Table: append(catalog.Path{}, path...), Column: name.Draw(t, "target")}
			if rapid.Bool().Draw(t, "elsewhere") {
				c.References.Table = catalog.Path{"else", "where"}
			}
		}
		return c
	})
}

func anyName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "id", "customer_id", "CUSTOMER_ID", "CustomerId", "Ünïcode", "ß", "a/b", `"quoted"`, "new\nline", "\x7f",
			"\xff\xfe", "T", "t", "İ", "名前", "nextval('t_seq'::regclass)", "customer_order_total", "Ab", "🙂"}),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}
