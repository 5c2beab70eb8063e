package catalog_test

import (
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
