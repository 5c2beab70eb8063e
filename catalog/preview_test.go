package catalog_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"patchbay/catalog"
)

// anyFilter draws rules whose values are names and parts of names that catalogs of these tests have.
func anyFilter() *rapid.Generator[catalog.Filter] {
	value := rapid.OneOf(rapid.SampledFrom([]string{"a", "A", "b", "sales", "order", "_items", "a.b", "*", "?", "s*", "[a-z]+", `\w+`, "."}), anyName())
	match := rapid.Custom(func(t *rapid.T) *catalog.Match {
		m := &catalog.Match{Match: rapid.SampledFrom([]catalog.MatchKind{catalog.MatchExact, catalog.MatchPrefix, catalog.MatchSuffix, catalog.MatchGlob, catalog.MatchRegexp}).Draw(t, "kind"),
			Values: rapid.SliceOfN(value, 1, 3).Draw(t, "values")}
		if bad := (catalog.Filter{Tables: catalog.Rule{Include: m}}).Check(); len(bad) > 0 {
			return nil
		}
		return m
	})
	rule := rapid.Custom(func(t *rapid.T) (r catalog.Rule) {
		if rapid.Bool().Draw(t, "includes") {
			r.Include = match.Draw(t, "include")
		}
		if rapid.Bool().Draw(t, "excludes") {
			r.Exclude = match.Draw(t, "exclude")
		}
		return r
	})
	return rapid.Custom(func(t *rapid.T) catalog.Filter {
		return catalog.Filter{Databases: rule.Draw(t, "databases"), Schemas: rule.Draw(t, "schemas"), Tables: rule.Draw(t, "tables"),
			Names: rapid.SampledFrom([]catalog.Case{catalog.CaseExact, catalog.CaseASCII, catalog.CaseLetters}).Draw(t, "names")}
	})
}

// The preview counts what would be in the shard of the tables that the filter keeps, and all the rest, at every level.
func TestPreviewIsTheShardOfWhatIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tables, f := anyCatalog(3).Draw(t, "tables"), anyFilter().Draw(t, "filter")
		m, err := catalog.NewMatcher(f, levels)
		if err != nil {
			t.Fatal(err)
		}
		all, kept := catalog.NewBuilder(levels), catalog.NewBuilder(levels)
		for _, table := range tables {
			if err := all.Add(table); err != nil {
				t.Fatal(err)
			}
			if !m.Keeps(table.Path) {
				continue
			}
			if err := kept.Add(table); err != nil {
				t.Fatal(err)
			}
		}
		whole, narrow := all.Build(), kept.Build()
		for _, p := range whole.Preview(m, 1000) {
			var paged []catalog.Path
			for from := 0; from <= p.Dropped; from += 2 {
				page, found := whole.Dropped(m, p.Level, "", from, 2)
				if paged = append(paged, page...); found != p.Dropped {
					t.Fatalf("%d of %d are dropped", found, p.Dropped)
				}
			}
			if !slices.EqualFunc(paged, p.DroppedNames, func(a, b catalog.Path) bool { return slices.Equal(a, b) }) {
				t.Fatalf("the pages are %v, all %v", paged, p.DroppedNames)
			}
		}
		for level, p := range whole.Preview(m, 1000) {
			stay, any := 0, 0
			count(narrow, nil, level, &stay)
			count(whole, nil, level, &any)
			if p.Kept != stay || p.Dropped != any-stay || p.Kept != len(p.KeptNames) || p.Dropped != len(p.DroppedNames) {
				t.Fatalf("level %d: %+v, want %d of %d kept", level, p, stay, any)
			}
			for _, path := range p.KeptNames {
				if _, ok := narrow.Node(path); !ok {
					t.Fatalf("%q does not stay", path)
				}
			}
		}
	})
}

// count counts the objects of one level below path.
func count(s *catalog.Shard, path catalog.Path, level int, n *int) {
	nodes, _, _ := s.Children(path, 0, 1000)
	for _, node := range nodes {
		if level == 0 {
			*n++
		} else {
			count(s, node.Path, level-1, n)
		}
	}
}

// Nothing that a filter leaves without a table is said to stay: nobody would see it.
func TestPreviewDropsWhatIsLeftEmpty(t *testing.T) {
	t.Parallel()
	s := shardOf(t, levels, catalog.Table{Path: catalog.Path{"d", "s", "a"}}, catalog.Table{Path: catalog.Path{"d", "z", "b"}})
	got := s.Preview(matcher(t, catalog.Filter{Tables: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchExact, Values: []string{"b"}}}}), 9)
	if got[0].Kept != 1 || got[1].Kept != 1 || len(got[1].DroppedNames) != 1 || got[1].DroppedNames[0].Name() != "z" {
		t.Errorf("%+v", got)
	}
}
