package catalog_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"patchbay/catalog"
)

// Names stand in the order of their folded forms, however long they are and wherever they begin to differ, and each is as it was.
func TestLexiconOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "A", "b", "_", "É", "é", "ß", "İ", "日", "\xe2\x82", "\xff", "\x00", "0"}
	distinct := map[string]bool{}
	for range 3000 {
		name := strings.Repeat("a", rng.IntN(3)*31) // many differ at the 62nd byte or later only
		for range rng.IntN(8) {
			name += pieces[rng.IntN(len(pieces))]
		}
		distinct[name] = true
	}
	var names []string
	for name := range distinct {
		names = append(names, name)
	}
	want := slices.SortedFunc(slices.Values(names), func(x, y string) int {
		return cmp.Or(cmp.Compare(catalog.Fold(x), catalog.Fold(y)), cmp.Compare(x, y))
	})
	if got := catalog.LexiconOrder(names); !slices.Equal(got, want) {
		t.Errorf("%d names are not in the order of their folded forms", len(names))
	}
}
