package catalog_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
)

var levels = []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable}

func keepAll(t testing.TB) *catalog.Matcher { return matcher(t, catalog.Filter{}) }

func matcher(t testing.TB, f catalog.Filter) *catalog.Matcher {
	t.Helper()
	m, err := catalog.NewMatcher(f, levels)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// kept is a catalog as a store keeps it: stored form by key.
type kept map[string]string

func keep(tables ...catalog.Table) kept {
	k := kept{}
	for _, t := range tables {
		k[t.Path.String()] = string(catalog.Encode(t))
	}
	return k
}

// diffOf begins a comparison with k, whose differences go to the clone that is returned.
func (k kept) diffOf(m *catalog.Matcher) (*catalog.Diff, catalog.Sink, kept) {
	d := catalog.NewDiff(m)
	for key, body := range k {
		path, err := catalog.ParsePath(key)
		if err != nil {
			panic(err)
		}
		t, err := catalog.Decode(path, []byte(body))
		if err != nil {
			panic(err)
		}
		hash := catalog.HashOf(t)
		d.Know(key, hash[:])
	}
	next := maps.Clone(k)
	return d, d.Into(everyTable, func(one catalog.Difference) error {
		if _, known := k[one.Key]; known != one.Replaces {
			return fmt.Errorf("%s: Replaces is %v", one.Key, one.Replaces)
		}
		next[one.Key] = string(catalog.Encode(one.Table))
		return nil
	}), next
}

func everyTable(catalog.Table) error { return nil }

func (k kept) without(keys []string) kept {
	for _, key := range keys {
		delete(k, key)
	}
	return k
}

func warehouse(from, to int) []catalog.Table {
	var tables []catalog.Table
	for i := from; i < to; i++ {
		tables = append(tables, catalogtest.Table(i, 4))
	}
	return tables
}

func report(t testing.TB, to catalog.Sink, tables ...catalog.Table) {
	t.Helper()
	for _, table := range tables {
		if err := to.Table(table); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDiffApplied(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		// A few paths, so that the two catalogs overlap.
		paths := rapid.SliceOfNDistinct(rapid.SliceOfN(anyName(), 3, 3), 1, 12, func(p []string) string { return catalog.Path(p).String() }).Draw(rt, "paths")
		draw := func(label string) []catalog.Table {
			var tables []catalog.Table
			for _, p := range paths {
				if rapid.Bool().Draw(rt, label) {
					table := anyTable().Draw(rt, label)
					table.Path = p
					tables = append(tables, table)
				}
			}
			return tables
		}
		a, b := keep(draw("a")...), draw("b")
		diff, sink, next := a.diffOf(keepAll(t))
		report(t, sink, b...)
		_ = sink.Done(nil)
		if got := next.without(diff.Outcome().Gone); !maps.Equal(got, keep(b...)) {
			rt.Fatalf("got %d tables, want %d", len(got), len(b))
		}
	})
}

// What lies outside every scope that was done, or inside one that was skipped, is never removed (P70).
func TestDiffNeverRemovesWhatWasNotRead(t *testing.T) {
	t.Parallel()
	scope := rapid.Custom(func(t *rapid.T) catalog.Path {
		return rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a/b", ""}), 0, 3).Draw(t, "scope")
	})
	rapid.Check(t, func(rt *rapid.T) {
		a := kept{}
		for _, p := range rapid.SliceOfN(scope, 0, 30).Draw(rt, "known") {
			if len(p) == 3 {
				maps.Copy(a, keep(catalog.Table{Path: p}))
			}
		}
		done := rapid.SliceOfN(scope, 0, 3).Draw(rt, "done")
		skipped := rapid.SliceOfN(scope, 0, 3).Draw(rt, "skipped")
		diff, sink, _ := a.diffOf(keepAll(t))
		for _, s := range done {
			_ = sink.Done(s)
		}
		for _, s := range skipped {
			_ = sink.Skipped(s, errors.New("denied"))
		}
		o := diff.Outcome()
		for key := range a {
			path, _ := catalog.ParsePath(key)
			read := slices.ContainsFunc(done, within(path)) && !slices.ContainsFunc(skipped, within(path))
			if gone := slices.Contains(o.Gone, key); gone != read || slices.Contains(o.Kept, key) == gone {
				rt.Fatalf("%q: gone %v, read %v", path, gone, read)
			}
		}
		for _, key := range o.Kept {
			path, _ := catalog.ParsePath(key)
			if unlisted := slices.Contains(o.Unlisted, key); unlisted == slices.ContainsFunc(skipped, within(path)) {
				rt.Fatalf("%q: unlisted %v", path, unlisted)
			}
		}
		part := func(s catalog.Path) bool { return len(s) < len(levels) } // and no single table
		read := !slices.ContainsFunc(skipped, part) && len(done) > 0 || slices.ContainsFunc(done, func(s catalog.Path) bool {
			return len(s) > 0 && !slices.ContainsFunc(skipped, within(s))
		})
		if o.Read != read || len(o.Stale) != len(skipped) {
			rt.Fatalf("outcome %+v", o)
		}
	})
}

func within(path catalog.Path) func(catalog.Path) bool {
	return func(scope catalog.Path) bool {
		return len(scope) <= len(path) && slices.Equal(scope, path[:len(scope)])
	}
}

func TestDiffOfTheSameIsNothing(t *testing.T) {
	t.Parallel()
	tables := warehouse(0, 100)
	diff, _, next := keep(tables...).diffOf(keepAll(t))
	sink := diff.Into(everyTable, func(d catalog.Difference) error { return errors.New("a difference: " + d.Key) })
	report(t, sink, tables...)
	_ = sink.Done(nil)
	if o := diff.Outcome(); len(o.Gone) > 0 || o.Suspicious || o.Reported != len(next) {
		t.Errorf("outcome %+v", o)
	}
}

func TestDiffTakesATableOnce(t *testing.T) {
	t.Parallel()
	table := catalogtest.Table(1, 3)
	n := 0
	diff := catalog.NewDiff(keepAll(t))
	sink := diff.Into(everyTable, func(catalog.Difference) error { n++; return nil })
	report(t, sink, table, table)
	if n != 1 || diff.Outcome().Reported != 1 {
		t.Errorf("%d differences for a table that was reported twice", n)
	}
}

func TestDiffAndFilter(t *testing.T) {
	t.Parallel()
	tables := warehouse(0, 50)
	dropped := tables[0].Path[1]
	m := matcher(t, catalog.Filter{Schemas: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchExact, Values: []string{dropped}}}})
	diff, sink, next := keep(tables...).diffOf(m)
	report(t, sink, tables...) // a source may report more than the filter keeps
	_ = sink.Skipped(catalog.Path{"warehouse"}, errors.New("slow"))
	o := diff.Outcome()
	if len(o.Gone) > 0 {
		t.Errorf("%q are gone from the source", o.Gone)
	}
	got := next.without(o.Hidden)
	for key := range got {
		if strings.Contains(key, "/"+dropped+"/") {
			t.Fatalf("%s stays", key)
		}
	}
	if len(got) != 25 {
		t.Errorf("%d tables, want the 25 of the other schema", len(got))
	}
}

func TestDiffSuspects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		known, found int
		renamed      bool
		filter       catalog.Filter
		want         bool
	}{
		{name: "all of many gone", known: 21, found: 0, want: true},
		{name: "all of a few gone", known: 2, found: 0, want: true},
		{name: "the only one gone", known: 1, found: 0, want: false},
		{name: "most of a few gone", known: 20, found: 1, want: false},
		{name: "nine in ten gone", known: 100, found: 10, want: true},
		{name: "fewer gone", known: 100, found: 11, want: false},
		{name: "all of many renamed", known: 100, found: 100, renamed: true, want: false},
		{name: "the filter explains it", known: 100, found: 0, want: false,
			filter: catalog.Filter{Databases: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchExact, Values: []string{"warehouse"}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			diff, sink, _ := keep(warehouse(0, c.known)...).diffOf(matcher(t, c.filter))
			from := 0
			if c.renamed {
				from = 10_000
			}
			report(t, sink, warehouse(from, from+c.found)...)
			_ = sink.Done(nil)
			if got := diff.Outcome().Suspicious; got != c.want {
				t.Errorf("Suspicious = %v, want %v", got, c.want)
			}
		})
	}
}

// A reading in which every part was skipped read nothing, though the source was gone through to its end.
func TestDiffReadNothing(t *testing.T) {
	t.Parallel()
	db := func(n int) catalog.Path { return catalog.Path{fmt.Sprint("db", n)} }
	for _, c := range []struct {
		name          string
		skipped, done []catalog.Path
		tables        int
		want          bool
		read, all     int
	}{
		{name: "all skipped", skipped: []catalog.Path{db(1), db(2)}, done: []catalog.Path{nil}, read: 0, all: 2},
		{name: "one of two", skipped: []catalog.Path{db(1)}, done: []catalog.Path{db(2), nil}, want: true, read: 1, all: 2},
		{name: "done before it was skipped", skipped: []catalog.Path{db(1)}, done: []catalog.Path{{"db1", "public"}, nil}, read: 0, all: 1},
		{name: "a schema of one that was skipped", skipped: []catalog.Path{{"db1", "public"}}, done: []catalog.Path{{"db1", "public"}, nil}, read: 1, all: 1},
		{name: "a table", skipped: []catalog.Path{db(1)}, done: []catalog.Path{nil}, tables: 1, want: true, read: 0, all: 1},
		{name: "empty", done: []catalog.Path{nil}, want: true},
		{name: "nothing"},
	} {
		diff, sink, _ := kept{}.diffOf(keepAll(t))
		report(t, sink, warehouse(0, c.tables)...)
		for _, s := range c.skipped {
			_ = sink.Skipped(s, errors.New("slow"))
		}
		for _, s := range c.done {
			_ = sink.Done(s)
		}
		o := diff.Outcome()
		if read, all := o.ReadOf(); o.Read != c.want || read != c.read || all != c.all {
			t.Errorf("%s: read %v, %d of %d", c.name, o.Read, read, all)
		}
	}
}

func TestDiffStopsWhenNextFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	sink := catalog.NewDiff(keepAll(t)).Into(everyTable, func(catalog.Difference) error { return full })
	if err := sink.Table(catalogtest.Table(1, 1)); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func FuzzDiffScopes(f *testing.F) {
	f.Add("a/b/c", "a/b", "a")
	f.Add("a%2Fb/c", "a", "")
	f.Fuzz(func(t *testing.T, table, done, skipped string) {
		path, err := catalog.ParsePath(table)
		if err != nil || len(path) == 0 {
			return
		}
		d, err1 := catalog.ParsePath(done)
		s, err2 := catalog.ParsePath(skipped)
		if err1 != nil || err2 != nil {
			return
		}
		diff, sink, _ := keep(catalog.Table{Path: path}).diffOf(keepAll(t))
		_ = sink.Done(d)
		_ = sink.Skipped(s, nil)
		if gone := len(diff.Outcome().Gone) > 0; gone != (within(path)(d) && !within(path)(s)) {
			t.Errorf("%q with %q done and %q skipped: gone %v", path, d, s, gone)
		}
	})
}

// A single table that cannot be read is no part of the source: the rest was read all the same.
func TestDiffOfOneBrokenTable(t *testing.T) {
	t.Parallel()
	broken := catalog.Path{"db", "main", "broken"}
	diff, sink, _ := keep(catalog.Table{Path: broken}).diffOf(keepAll(t))
	_ = sink.Done(nil)
	_ = sink.Skipped(broken, errors.New("no such table"))
	o := diff.Outcome()
	if read, all := o.ReadOf(); !o.Read || read != all || len(o.Gone) > 0 {
		t.Errorf("read is %v, %d of %d, gone are %q", o.Read, read, all, o.Gone)
	}
}
