package catalog

import (
	"strings"
	"testing"
)

var threeLevels = []Level{LevelDatabase, LevelSchema, LevelTable}

func match(kind MatchKind, values ...string) *Match { return &Match{Match: kind, Values: values} }

func TestMatcherKeeps(t *testing.T) {
	tables := func(include, exclude *Match) Filter { return Filter{Tables: Rule{include, exclude}} }
	for _, c := range []struct {
		name   string
		filter Filter
		levels []Level
		path   Path
		want   bool
	}{
		{"zero keeps all", Filter{}, threeLevels, Path{"a", "b", "c"}, true},
		{"exact in", tables(match(MatchExact, "orders"), nil), threeLevels, Path{"a", "b", "orders"}, true},
		{"exact is the whole name", tables(match(MatchExact, "order"), nil), threeLevels, Path{"a", "b", "orders"}, false},
		{"exact by case", tables(match(MatchExact, "Orders"), nil), threeLevels, Path{"a", "b", "orders"}, false},
		{"qualified", tables(match(MatchExact, "b.orders"), nil), threeLevels, Path{"a", "b", "orders"}, true},
		{"qualified elsewhere", tables(match(MatchExact, "b.orders"), nil), threeLevels, Path{"a", "x", "orders"}, false},
		{"exclude by qualified", tables(nil, match(MatchPrefix, "b.")), threeLevels, Path{"a", "b", "orders"}, false},
		{"exclude wins", tables(match(MatchPrefix, "o"), match(MatchSuffix, "s")), threeLevels, Path{"a", "b", "orders"}, false},
		{"second value", tables(match(MatchSuffix, "_x", "_y"), nil), threeLevels, Path{"a", "b", "o_y"}, true},
		{"glob", tables(match(MatchGlob, "o?d*s"), nil), threeLevels, Path{"a", "b", "orders"}, true},
		{"glob takes dots by the letter", tables(match(MatchGlob, "b.c"), nil), threeLevels, Path{"a", "a", "bxc"}, false},
		{"glob star spans newlines", tables(match(MatchGlob, "a*z"), nil), threeLevels, Path{"a", "b", "a\n/z"}, true},
		{"regexp is anchored", tables(match(MatchRegexp, "ord|ers"), nil), threeLevels, Path{"a", "b", "orders"}, false},
		{"regexp", tables(match(MatchRegexp, "ord(er)?s"), nil), threeLevels, Path{"a", "b", "orders"}, true},
		{"regexp end is not before a newline", tables(match(MatchRegexp, "a"), nil), threeLevels, Path{"a", "b", "a\n"}, false},
		{"database decides below", Filter{Databases: Rule{Exclude: match(MatchExact, "a")}}, threeLevels, Path{"a", "b", "c"}, false},
		{"schema rule sees the schema", Filter{Schemas: Rule{Include: match(MatchExact, "b")}}, threeLevels, Path{"a", "b", "c"}, true},
		{"a database before its schemas", Filter{Schemas: Rule{Include: match(MatchExact, "b")}}, threeLevels, Path{"a"}, true},
		{"lacking level decides nothing", Filter{Schemas: Rule{Include: match(MatchExact, "b")}}, []Level{LevelDatabase, LevelTable}, Path{"a", "c"}, true},
		{"qualified by database", tables(match(MatchExact, "a.c"), nil), []Level{LevelDatabase, LevelTable}, Path{"a", "c"}, true},
		{"a column goes with its table", tables(match(MatchExact, "c"), nil), threeLevels, Path{"a", "b", "c", "id"}, true},
		{"one level has no qualified name", tables(match(MatchExact, ".c"), nil), []Level{LevelTable}, Path{"c"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if bad := c.filter.Check(); len(bad) > 0 {
				t.Fatalf("Check: %v", bad)
			}
			m, err := NewMatcher(c.filter, c.levels)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Keeps(c.path); got != c.want {
				t.Errorf("Keeps(%q) = %v, want %v", c.path, got, c.want)
			}
		})
	}
}

func TestFilterCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		match *Match
		words string // empty: fine
	}{
		{"absent", nil, ""},
		{"fine", match(MatchGlob, "*"), ""},
		{"kind", match("like", "a"), "Choose"},
		{"no values", match(MatchExact), "at least one"},
		{"an empty value would match all", match(MatchPrefix, "a", ""), "empty"},
		{"bad regexp", match(MatchRegexp, "a)("), "regular expression"},
		{"long", match(MatchExact, strings.Repeat("a", 1001)), "at most"},
		{"many", match(MatchExact, make([]string, 1001)...), "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := Filter{Schemas: Rule{Exclude: c.match}}.Check()
			words := bad["schemas.exclude"]
			if (words == "") != (c.words == "") || !strings.Contains(words, c.words) {
				t.Errorf("Check = %q, want %q in it", bad, c.words)
			}
		})
	}
}

func TestRegexpCannotLeaveItsAnchors(t *testing.T) {
	if _, err := NewMatcher(Filter{Tables: Rule{Include: match(MatchRegexp, "a)|(?:b")}}, threeLevels); err == nil {
		t.Error("an unbalanced expression was compiled")
	}
}

// Names are compared as the product compares them.
func TestMatcherComparesAsTheProduct(t *testing.T) {
	for _, c := range []struct {
		match *Match
		name  string
		same  map[Case]bool
	}{
		{match(MatchExact, "Orders"), "orders", map[Case]bool{CaseASCII: true, CaseLetters: true}},
		{match(MatchExact, "orders"), "ORDERS", map[Case]bool{CaseASCII: true, CaseLetters: true}},
		{match(MatchExact, "orders"), "orders", map[Case]bool{CaseExact: true, CaseASCII: true, CaseLetters: true}},
		{match(MatchExact, "É"), "é", map[Case]bool{CaseLetters: true}},
		{match(MatchExact, "Kelvin"), "\u212aelvin", map[Case]bool{CaseLetters: true}},
		{match(MatchPrefix, "STG_"), "stg_x", map[Case]bool{CaseASCII: true, CaseLetters: true}},
		{match(MatchSuffix, "_Old"), "x_OLD", map[Case]bool{CaseASCII: true, CaseLetters: true}},
		{match(MatchGlob, "S?g_*"), "sTG_x", map[Case]bool{CaseASCII: true, CaseLetters: true}},
		{match(MatchGlob, "[A]"), "[a]", map[Case]bool{CaseASCII: true, CaseLetters: true}},
		{match(MatchRegexp, "stg_[A-Z]+"), "STG_x", map[Case]bool{CaseASCII: true, CaseLetters: true}},
		{match(MatchRegexp, `\D+`), "ab", map[Case]bool{CaseExact: true, CaseASCII: true, CaseLetters: true}},
		{match(MatchRegexp, "(?-i)A"), "a", map[Case]bool{}},
		{match(MatchExact, "\xff"), "\xff", map[Case]bool{CaseExact: true, CaseASCII: true, CaseLetters: true}},
		{match(MatchExact, "B.C"), "c", map[Case]bool{CaseASCII: true, CaseLetters: true}},
	} {
		for _, names := range []Case{CaseExact, CaseASCII, CaseLetters} {
			m, err := NewMatcher(Filter{Tables: Rule{Include: c.match}, Names: names}, threeLevels)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Keeps(Path{"a", "b", c.name}); got != c.same[names] {
				t.Errorf("%v keeps %q: %v where the case is %q", c.match, c.name, got, names)
			}
		}
	}
}
