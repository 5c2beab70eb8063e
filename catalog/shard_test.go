package catalog_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
)

func shardOf(t testing.TB, levels []catalog.Level, tables ...catalog.Table) *catalog.Shard {
	t.Helper()
	b := catalog.NewBuilder(levels)
	for _, table := range tables {
		if err := b.Add(table); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build()
}

// anyCatalog draws tables with distinct paths of the given depth, out of few names, so that parents are shared.
func anyCatalog(depth int) *rapid.Generator[[]catalog.Table] {
	few := rapid.OneOf(rapid.SampledFrom([]string{"a", "A", "b", "", "sales", "Sales Archive", "order_items"}), anyName())
	return rapid.Custom(func(t *rapid.T) []catalog.Table {
		paths := rapid.SliceOfNDistinct(rapid.SliceOfN(few, depth, depth), 0, 12, func(p []string) string { return fmt.Sprintf("%q", p) }).Draw(t, "paths")
		var tables []catalog.Table
		for _, p := range paths {
			table := anyTable().Draw(t, "table")
			table.Path = p
			tables = append(tables, table)
		}
		return tables
	})
}

// objects are all objects of a catalog by level, worked out plainly.
func objects(levels []catalog.Level, tables []catalog.Table) []catalog.Node {
	byPath := map[string]catalog.Node{}
	for _, t := range tables {
		for i := range t.Path {
			key := fmt.Sprintf("%q", t.Path[:i+1])
			n := byPath[key]
			n.Level, n.Path, n.Rows = levels[i], t.Path[:i+1], catalog.RowsUnknown
			byPath[key] = n
		}
		key := fmt.Sprintf("%q", t.Path)
		byPath[key] = catalog.Node{Level: catalog.LevelTable, Path: t.Path, Kind: t.Kind, Comment: t.Comment, Rows: t.Rows, Unreadable: t.Unreadable,
			Children: len(t.Columns)}
	}
	for _, n := range slices.Collect(maps.Values(byPath)) {
		if len(n.Path) > 1 {
			parent := byPath[fmt.Sprintf("%q", n.Path[:len(n.Path)-1])]
			parent.Children++
			byPath[fmt.Sprintf("%q", parent.Path)] = parent
		}
	}
	all := slices.Collect(maps.Values(byPath))
	for _, t := range tables {
		for _, c := range t.Columns {
			all = append(all, catalog.Node{Level: catalog.LevelColumn, Path: append(slices.Clone(t.Path), c.Name), Comment: c.Comment,
				Rows: catalog.RowsUnknown, Type: c.Type, Family: c.Family})
		}
	}
	return all
}

var depths = map[int][]catalog.Level{
	1: {catalog.LevelTable},
	2: {catalog.LevelDatabase, catalog.LevelTable},
	3: {catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable},
}

func TestTree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		depth := rapid.IntRange(1, 3).Draw(rt, "depth")
		tables := anyCatalog(depth).Draw(rt, "tables")
		s := shardOf(t, depths[depth], tables...)
		var walked []catalog.Node
		var walk func(path catalog.Path)
		walk = func(path catalog.Path) {
			nodes := pages(rt, s, path)
			if !slices.IsSortedFunc(nodes, byName) {
				rt.Fatalf("children of %q are out of order: %v", path, nodes)
			}
			walked = append(walked, nodes...)
			for _, n := range nodes {
				if n.Level != catalog.LevelTable {
					walk(n.Path)
				}
			}
		}
		walk(nil)
		want := slices.DeleteFunc(objects(depths[depth], tables), func(n catalog.Node) bool { return n.Level == catalog.LevelColumn })
		if got, want := printed(walked), printed(want); !slices.Equal(got, want) {
			rt.Fatalf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	})
}

// pages reads the children of a node two at a time.
func pages(t *rapid.T, s *catalog.Shard, path catalog.Path) []catalog.Node {
	var all []catalog.Node
	for {
		nodes, total, ok := s.Children(path, len(all), 2)
		if !ok {
			t.Fatalf("no node at %q", path)
		}
		all = append(all, nodes...)
		if len(nodes) == 0 {
			if len(all) != total {
				t.Fatalf("%d children of %q, said %d", len(all), path, total)
			}
			return all
		}
	}
}

func byName(a, b catalog.Node) int {
	return cmp.Or(cmp.Compare(lower(a.Name()), lower(b.Name())), cmp.Compare(a.Name(), b.Name()))
}

func printed(nodes []catalog.Node) []string {
	lines := make([]string, len(nodes))
	for i, n := range nodes {
		n.Comment = n.Comment[:min(len(n.Comment), 200)]
		lines[i] = fmt.Sprintf("%+q", fmt.Sprintf("%+v", n))
	}
	slices.Sort(lines)
	return lines
}

func TestTreeFindsNodes(t *testing.T) {
	t.Parallel()
	tables := warehouse(0, 60)
	s := shardOf(t, levels, tables...)
	if s.Tables() != 60 || s.Columns() != 240 {
		t.Errorf("%d tables with %d columns", s.Tables(), s.Columns())
	}
	path := append(slices.Clone(tables[7].Path), tables[7].Columns[2].Name)
	n, ok := s.Node(path)
	if !ok || n.Level != catalog.LevelColumn || n.Type != tables[7].Columns[2].Type || n.Name() != tables[7].Columns[2].Name {
		t.Errorf("column: %+v, %v", n, ok)
	}
	for _, missing := range []catalog.Path{{"nowhere"}, {"warehouse", "nowhere"}, append(slices.Clone(path), "deeper"), {"warehouse", tables[0].Path[1], tables[50].Path[2]}} {
		if n, ok := s.Node(missing); ok {
			t.Errorf("%q found %+v", missing, n)
		}
	}
	if _, _, ok := s.Children(catalog.Path{"nowhere"}, 0, 10); ok {
		t.Error("children of nothing")
	}
}

func TestBuilderRefusesAnotherDepth(t *testing.T) {
	t.Parallel()
	if err := catalog.NewBuilder(levels).Add(catalog.Table{Path: catalog.Path{"a", "b"}}); err == nil {
		t.Error("a path of two parts was taken where there are three levels")
	}
}

func TestShardWithManyTypes(t *testing.T) {
	t.Parallel()
	table := catalog.Table{Path: catalog.Path{"d", "s", "t"}}
	for i := range 70_000 {
		table.Columns = append(table.Columns, catalog.Column{Name: fmt.Sprintf("c%d", i), Type: fmt.Sprintf("enum%d", i), Family: catalog.FamilyText})
	}
	s := shardOf(t, levels, table)
	for i, want := range map[int]string{0: "enum0", 65_000: "enum65000", 69_999: ""} {
		n, _ := s.Node(catalog.Path{"d", "s", "t", fmt.Sprintf("c%d", i)})
		if n.Type != want || n.Family != catalog.FamilyText {
			t.Errorf("column %d has type %q of family %s", i, n.Type, n.Family)
		}
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	s := shardOf(t, levels, warehouse(0, 50)...)
	schema := warehouse(0, 1)[0].Path[1]
	m := matcher(t, catalog.Filter{Schemas: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchExact, Values: []string{schema}}}})
	got := s.Preview(m, 3)
	want := []struct{ kept, dropped, listed int }{{1, 0, 0}, {1, 1, 1}, {25, 25, 3}}
	for i, w := range want {
		if g := got[i]; g.Kept != w.kept || g.Dropped != w.dropped || len(g.DroppedNames) != w.listed || g.Level != levels[i] {
			t.Errorf("level %d: %+v", i, g)
		}
	}
}

func BenchmarkTree(b *testing.B) {
	builder := catalog.NewBuilder(levels)
	for i := range 100_000 {
		table := catalogtest.Table(i, 3)
		table.Path[1] = "public"
		if err := builder.Add(table); err != nil {
			b.Fatal(err)
		}
	}
	s := builder.Build()
	path := catalog.Path{"warehouse", "public"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if nodes, _, _ := s.Children(path, i*100%90_000, 100); len(nodes) != 100 {
			b.Fatal(len(nodes))
		}
	}
}
