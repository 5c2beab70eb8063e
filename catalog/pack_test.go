package catalog_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
)

// What is packed by words that grow is unpacked by those that are read back from their stored forms, now and later.
func TestPackKeepsEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words, err := catalog.ReadWords(nil)
		if err != nil {
			t.Fatal(err)
		}
		var stored [][]byte
		tables := rapid.SliceOfN(anyTable(), 1, 5).Draw(t, "tables")
		var packed [][]byte
		for range 4 { // the more often, the more words
			stored = append(stored, words.Learn(tables)...)
			for _, table := range tables {
				packed = append(packed, catalog.Pack(table, words))
			}
		}
		again, err := catalog.ReadWords(stored)
		if err != nil || again.Len() != words.Len() {
			t.Fatalf("%d words of %d, %v", again.Len(), words.Len(), err)
		}
		for i, body := range packed {
			want := tables[i%len(tables)]
			want.Rows = catalog.RoundRows(want.Rows)
			got, err := catalog.Unpack(want.Path, body, again)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%d: got  %#v\nwant %#v, %v", i, got, want, err)
			}
		}
	})
}

func TestPathsArePacked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := catalog.Path(rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "path")).String()
		if got, err := catalog.UnpackPath(catalog.PackPath(want)); err != nil || got != want {
			t.Fatalf("got %q, want %q, %v", got, want, err)
		}
	})
	if key := catalog.PackPath(catalogtest.Table(3, 1).Path.String()); len(key) > 30 {
		t.Errorf("a path takes %d bytes", len(key))
	}
}

func FuzzUnpack(f *testing.F) {
	words, err := catalog.ReadWords(nil)
	if err != nil {
		f.Fatal(err)
	}
	var tables []catalog.Table
	for i := range 50 {
		tables = append(tables, catalogtest.Table(i, 8))
	}
	words.Learn(tables)
	for _, table := range tables[:5] {
		f.Add(catalog.Pack(table, words))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		table, err := catalog.Unpack(catalog.Path{"a", "b"}, body, words)
		if err != nil {
			return
		}
		again, err := catalog.Unpack(table.Path, catalog.Pack(table, words), words)
		table.Rows = catalog.RoundRows(table.Rows)
		if err != nil || !reflect.DeepEqual(table, again) {
			t.Errorf("%#v became %#v, %v", table, again, err)
		}
	})
}
