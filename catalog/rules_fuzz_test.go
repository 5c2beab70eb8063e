package catalog

import (
	"strings"
	"testing"
)

// Whatever is typed as a filter and whatever a name is: what passes Check can be decided, exclude wins, no rule keeps all, a second
// value only adds, and where capitals do not matter neither the name's nor the rule's do.
func FuzzFilterRules(f *testing.F) {
	f.Add("exact", "orders", "glob", "stg_*", "public", "Orders")
	f.Add("regexp", "(?i)a|b", "prefix", "x", "s", "a\nb")
	f.Add("glob", "[a-z]?*", "suffix", "\xff", "", "\xffé\u212a")
	f.Add("regexp", "(?-i)[^A]", "exact", "s.t", "s", "t")
	f.Fuzz(func(t *testing.T, inKind, in, exKind, ex, schema, table string) {
		include, exclude := match(MatchKind(inKind), in), match(MatchKind(exKind), ex)
		path := Path{"d", schema, table}
		for _, names := range []Case{CaseExact, CaseASCII, CaseLetters} {
			keeps := func(rule Rule, p Path) bool {
				m, err := NewMatcher(Filter{Tables: rule, Names: names}, threeLevels)
				if err != nil {
					t.Fatalf("passed Check: %v", err)
				}
				return m.Keeps(p)
			}
			if len(Filter{Tables: Rule{include, exclude}}.Check()) > 0 {
				return
			}
			in, ex, both := keeps(Rule{Include: include}, path), keeps(Rule{Exclude: exclude}, path), keeps(Rule{include, exclude}, path)
			if both != (in && ex) || !keeps(Rule{}, path) {
				t.Errorf("%q: include %v, exclude %v, both %v", path, in, ex, both)
			}
			if more := match(include.Match, include.Values[0], include.Values[0]+"x"); len((Filter{Tables: Rule{Include: more}}).Check()) == 0 && in && !keeps(Rule{Include: more}, path) {
				t.Errorf("%q: a second value takes away", path)
			}
			if names != CaseExact && include.Match != MatchRegexp && isASCII(schema+table+include.Values[0]) {
				shouted := match(include.Match, strings.ToUpper(include.Values[0]))
				if keeps(Rule{Include: shouted}, Path{"d", strings.ToUpper(schema), strings.ToUpper(table)}) != in {
					t.Errorf("%q: capitals matter", path)
				}
			}
		}
	})
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0 }
