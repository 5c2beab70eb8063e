package catalog_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"patchbay/catalog"
)

func TestLabelsGoDownAndTheNearestWins(t *testing.T) {
	labels := catalog.Labels{
		"":           {Mark: catalog.MarkEndorsed},
		"sales":      {Mark: catalog.MarkDeprecated, ExcludeFromAgents: true},
		"sales/a%2F": {Mark: catalog.MarkEndorsed},
	}
	for path, want := range map[string]struct {
		label catalog.Label
		from  string
	}{
		"":             {catalog.Label{Mark: catalog.MarkEndorsed}, ""},
		"other/t":      {catalog.Label{Mark: catalog.MarkEndorsed}, ""},
		"sales/t/c":    {catalog.Label{Mark: catalog.MarkDeprecated, ExcludeFromAgents: true}, "sales"},
		"sales/a%2F/c": {catalog.Label{Mark: catalog.MarkEndorsed, ExcludeFromAgents: true}, "sales/a%2F"},
	} {
		p, err := catalog.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, from := labels.Of(p); got != want.label || from.String() != want.from {
			t.Errorf("%q has %v from %q, want %v", path, got, from, want)
		}
	}
	if got, _ := (catalog.Labels)(nil).Of(catalog.Path{"a"}); got != (catalog.Label{}) {
		t.Errorf("without labels there is %v", got)
	}
}

// Within a rank, endorsed objects come first and deprecated ones last; a better rank still comes before.
func TestSearchPutsEndorsedObjectsFirstWithinARank(t *testing.T) {
	b := catalog.NewBuilder([]catalog.Level{catalog.LevelTable})
	for _, name := range []string{"orders", "orders_a", "orders_b", "orders_c"} {
		if err := b.Add(catalog.Table{Path: catalog.Path{name}}); err != nil {
			t.Fatal(err)
		}
	}
	labels := catalog.Labels{"orders": {Mark: catalog.MarkDeprecated}, "orders_a": {Mark: catalog.MarkDeprecated}, "orders_c": {Mark: catalog.MarkEndorsed}}
	hits := catalog.SearchLabelled([]*catalog.Shard{b.Build()}, []catalog.Labels{labels}, catalog.Query{Text: "orders", Limit: 3})
	var got []string
	for _, h := range hits {
		got = append(got, h.Name())
	}
	if want := []string{"orders", "orders_c", "orders_b"}; len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("the hits are %v, want %v", got, want)
	}
}

// However labels lie within each other, the hits are those of a search for everything, put in order by rank, level and the mark
// that holds for each.
func TestSearchLabelledIsTheWholeInOrder(t *testing.T) {
	t.Parallel()
	names := []string{"orders", "orders_a", "my_orders", "reorders", "items", "a"}
	cut := 0 // searches with more to find than their limit lets through
	marks := []catalog.Mark{catalog.MarkEndorsed, catalog.MarkDeprecated, ""}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		var shards []*catalog.Shard
		var labels []catalog.Labels
		for range 2 {
			b, l := catalog.NewBuilder(levels), catalog.Labels{}
			for range 1 + r.IntN([]int{12, 90}[seed%2]) {
				table := catalog.Table{Path: catalog.Path{names[r.IntN(2)], names[r.IntN(3)], fmt.Sprint(names[r.IntN(6)], r.IntN([]int{9, 60}[seed%2]))}}
				for c := range r.IntN(3) {
					table.Columns = append(table.Columns, catalog.Column{Name: names[c]})
				}
				if err := b.Add(table); err != nil {
					t.Fatal(err)
				}
				if below := append(slices.Clone(table.Path), names[0]); r.IntN(3) > 0 {
					l[below[:r.IntN(5)].String()] = catalog.Label{Mark: marks[r.IntN(3)]}
				}
			}
			shards, labels = append(shards, b.Build()), append(labels, l)
		}
		q := catalog.Query{Text: names[r.IntN(6)], Limit: 1000}
		want := catalog.Search(shards, q)
		place := func(h catalog.Hit) int {
			holds, _ := labels[h.Shard].Of(h.Path)
			return slices.Index([]catalog.Mark{catalog.MarkEndorsed, "", catalog.MarkDeprecated}, holds.Mark)
		}
		depth := func(h catalog.Hit) int { return len(h.Path) }
		slices.SortStableFunc(want, func(a, b catalog.Hit) int {
			return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(depth(a), depth(b)), cmp.Compare(place(a), place(b)))
		})
		same := func(a, b catalog.Hit) bool {
			return a.Rank == b.Rank && place(a) == place(b) && a.Level == b.Level && a.Name() == b.Name()
		}
		for _, limit := range []int{5, 50, 1000} {
			if q.Limit = limit; limit == 50 && len(want) > limit {
				cut++
			}
			if got := catalog.SearchLabelled(shards, labels, q); !slices.EqualFunc(got, want[:min(limit, len(want))], same) {
				t.Fatalf("seed %d: %q finds %v, want %v", seed, q.Text, got, want)
			}
		}
	}
	if cut == 0 {
		t.Error("no search reached its limit")
	}
}

// What is endorsed is found first among any number of its name.
func TestSearchFindsTheEndorsedOneOfThousands(t *testing.T) {
	t.Parallel()
	b := catalog.NewBuilder(levels)
	for i := range 3000 {
		if err := b.Add(catalog.Table{Path: catalog.Path{"shop", "public", fmt.Sprintf("t%04d", i)}, Columns: []catalog.Column{{Name: "id"}}}); err != nil {
			t.Fatal(err)
		}
	}
	labels := catalog.Labels{"shop/public/t2500": {Mark: catalog.MarkEndorsed}, "shop/public/t0000": {Mark: catalog.MarkDeprecated}}
	hits := catalog.SearchLabelled([]*catalog.Shard{b.Build()}, []catalog.Labels{labels}, catalog.Query{Text: "id"})
	if len(hits) != 50 || hits[0].Path.String() != "shop/public/t2500/id" || hits[1].Path.String() != "shop/public/t0001/id" {
		t.Errorf("%d hits, the first %v", len(hits), hits[:min(len(hits), 2)])
	}
}
