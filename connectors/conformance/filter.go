package conformance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"patchbay/catalog"
)

// Whatever the rules and whatever the names, what is pushed down to the server is what is decided in memory, and the names alone are
// the names of the whole.
func checkCatalogFilterRules(t *T, s *Subject) {
	t.fresh(s)
	names := s.hostileNames()
	for i := range 12 {
		names[fmt.Sprint("plain ", i)] = []string{"Orders", "order_items", "ORDER_ARCHIVE", "stg_orders", "stg.orders", "tmp%orders", "tmp_orders", "a", "b", "ab", "[ab]", "a*b?"}[i]
	}
	for _, key := range slices.Sorted(maps.Keys(names)) {
		if err := tryAdmin(t, s, fmt.Sprintf("create table %s (n %s)", s.table(names[key]), s.intType())); err != nil && s.Names.Refused[key] == "" {
			t.Errorf("%s: %q cannot be made: %v", key, names[key], err)
		}
	}
	src := t.open(s.request())
	server, err := src.Server(t.Context())
	if err != nil {
		t.Fatalf("read the server: %v", err)
	}
	all := t.catalog(src, s.onlyScope()).in(s.Scope)
	draw := rules{rand.New(rand.NewPCG(2026, 1)), slices.Sorted(maps.Values(names)), strings.Join(s.Scope[max(len(s.Scope)-1, 0):], "")}
	dropped, kept := 0, 0
	for range 80 {
		f := s.onlyScope()
		f.Tables, f.Names = draw.rule(), server.Names
		draw.scopes(&f, s)
		if bad := f.Check(); len(bad) > 0 {
			t.Fatalf("%v in %s %s", bad, words(f.Tables.Include), words(f.Tables.Exclude))
		}
		m, err := catalog.NewMatcher(f, s.Connector.Levels)
		if err != nil {
			t.Fatalf("%v", err)
		}
		want := []string{}
		for path, table := range all {
			if m.Keeps(table.Path) {
				want = append(want, path)
			}
		}
		slices.Sort(want)
		kept, dropped = kept+len(want), dropped+len(all)-len(want)
		for _, namesOnly := range []bool{false, true} {
			f.NamesOnly = namesOnly
			if got := slices.Sorted(maps.Keys(t.catalog(src, f).in(s.Scope))); !slices.Equal(got, want) {
				t.Errorf("include %s, exclude %s, names only %v: %q, want %q", words(f.Tables.Include), words(f.Tables.Exclude), namesOnly, got, want)
			}
		}
	}
	if kept == 0 || dropped == 0 {
		t.Errorf("the rules kept %d tables and dropped %d", kept, dropped)
	}
}

// scopes adds to the rules of databases and schemas, which let the subject's scope through and nothing else, so that some of it is
// dropped now and then, and some named in another way.
func (r rules) scopes(f *catalog.Filter, s *Subject) {
	for i, level := range s.Connector.Levels[:len(s.Scope)] {
		rule := map[catalog.Level]*catalog.Rule{catalog.LevelDatabase: &f.Databases, catalog.LevelSchema: &f.Schemas}[level]
		name := s.Scope[i]
		switch r.IntN(6) {
		case 0:
			rule.Exclude = r.match()
		case 1:
			rule.Exclude = &catalog.Match{Match: catalog.MatchExact, Values: []string{strings.ToUpper(name)}}
		case 2:
			rule.Include = &catalog.Match{Match: catalog.MatchGlob, Values: []string{name[:len(name)-1] + "?"}}
		case 3:
			rule.Include = &catalog.Match{Match: catalog.MatchRegexp, Values: []string{"no such|" + regexp.QuoteMeta(name)}}
		}
	}
}

// rules draws rules whose values are names, parts of names, and what means something to a database or to an expression.
type rules struct {
	*rand.Rand
	names []string
	scope string // what a qualified name begins with
}

func (r rules) rule() (rule catalog.Rule) {
	if r.IntN(3) > 0 {
		rule.Include = r.match()
	}
	if r.IntN(2) > 0 {
		rule.Exclude = r.match()
	}
	return rule
}

func (r rules) match() *catalog.Match {
	m := &catalog.Match{Match: []catalog.MatchKind{catalog.MatchExact, catalog.MatchPrefix, catalog.MatchSuffix, catalog.MatchGlob, catalog.MatchRegexp}[r.IntN(5)]}
	for range 1 + r.IntN(4) {
		v := r.part()
		if (catalog.Filter{Tables: catalog.Rule{Include: &catalog.Match{Match: m.Match, Values: []string{v}}}}).Check()["tables.include"] == "" {
			m.Values = append(m.Values, v)
		}
	}
	if len(m.Values) == 0 {
		m.Values = []string{"a"}
	}
	return m
}

func (r rules) part() string {
	name := r.names[r.IntN(len(r.names))]
	letters := []rune(name)
	if len(letters) == 0 {
		return name
	}
	switch r.IntN(9) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return string(letters[:1+r.IntN(len(letters))])
	case 2:
		return string(letters[r.IntN(len(letters)):])
	case 3:
		return string(letters[:r.IntN(len(letters))]) + "*"
	case 4:
		return "?" + string(letters[1:])
	case 5:
		return r.scope + "." + name
	case 6:
		return []string{".*", "[a-m].*", `\w+`, `(?i)ORD.*`, `[^_]+`, "%", "_", "a|b", "' or 1=1 --", `\`, "*o*", "??"}[r.IntN(12)]
	}
	return name
}
