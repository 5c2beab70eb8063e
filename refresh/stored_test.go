package refresh_test

import "testing"

// The stored catalog takes at most 15 bytes a column, keys, hashes and what is unused of its pages included (SPEC section 12).
func TestStoredBytesPerColumn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = generated(5000, 0)
	b.succeed(t, 5000, 0, 0)
	b.fileSize(t)
	if per := b.catalogSize(t) / 50_000; per > 15 {
		t.Errorf("%.1f bytes a column", per)
	} else {
		t.Logf("%.1f bytes a column", per)
	}
}

// catalogSize is what the catalogs' tables take in the file, found by making them go.
func (b *bench) catalogSize(t testing.TB) float64 {
	t.Helper()
	b.fileSize(t) // folds the log in
	free := func() (pages, size int64) {
		db := b.raw(t)
		if err := db.QueryRow(`pragma freelist_count`).Scan(&pages); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(`pragma page_size`).Scan(&size); err != nil {
			t.Fatal(err)
		}
		return pages, size
	}
	before, _ := free()
	for _, table := range []string{"catalog_table", "catalog_word", "catalog_number"} {
		if _, err := b.rawWrite(t, `delete from `+table); err != nil {
			t.Fatal(err)
		}
	}
	after, size := free()
	return float64((after - before) * size)
}
