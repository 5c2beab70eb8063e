package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Bounds of a filter, so that a pasted list cannot make every refresh slow.
const (
	maxMatchValues = 1000
	maxMatchValue  = 1000 // bytes
)

// Check says what is wrong with the filter: the JSON name of the match ("tables.include") -> words. Empty: nothing.
func (f Filter) Check() map[string]string {
	bad := map[string]string{}
	for name, rule := range map[string]Rule{"databases": f.Databases, "schemas": f.Schemas, "tables": f.Tables} {
		for side, m := range map[string]*Match{"include": rule.Include, "exclude": rule.Exclude} {
			if words := m.check(); words != "" {
				bad[name+"."+side] = words
			}
		}
	}
	return bad
}

func (m *Match) check() string {
	switch {
	case m == nil:
		return ""
	case !slices.Contains([]MatchKind{MatchExact, MatchPrefix, MatchSuffix, MatchGlob, MatchRegexp}, m.Match):
		return "Choose exact, prefix, suffix, glob or regexp"
	case len(m.Values) == 0:
		return "Enter at least one value"
	case len(m.Values) > maxMatchValues:
		return fmt.Sprintf("Use at most %d values", maxMatchValues)
	}
	for _, v := range m.Values {
		switch {
		case v == "":
			return "A value is empty. Remove it"
		case len(v) > maxMatchValue:
			return fmt.Sprintf("Use at most %d characters for a value", maxMatchValue)
		}
		if _, err := compileValue(m.Match, v, CaseExact); err != nil {
			return fmt.Sprintf("%q is not a regular expression that can be read: %v", v, err)
		}
	}
	return ""
}

// A Matcher decides a Filter for the paths of one product. It may be used from several goroutines.
type Matcher struct {
	levels []Level
	rules  map[Level]compiledRule
}

// NewMatcher compiles f for paths of these levels. A rule for a level that the product lacks decides nothing.
func NewMatcher(f Filter, levels []Level) (*Matcher, error) {
	m := &Matcher{levels: levels, rules: map[Level]compiledRule{}}
	for level, rule := range map[Level]Rule{LevelDatabase: f.Databases, LevelSchema: f.Schemas, LevelTable: f.Tables} {
		include, err := compile(rule.Include, f.Names)
		if err != nil {
			return nil, fmt.Errorf("include of level %s: %w", level, err)
		}
		exclude, err := compile(rule.Exclude, f.Names)
		if err != nil {
			return nil, fmt.Errorf("exclude of level %s: %w", level, err)
		}
		if include != nil || exclude != nil {
			m.rules[level] = compiledRule{include, exclude}
		}
	}
	return m, nil
}

// Keeps says whether the filter lets the object at p through. p may stop at any level: a database is kept when its own rule
// keeps it, whatever the rules below will say.
func (m *Matcher) Keeps(p Path) bool {
	if len(m.rules) == 0 {
		return true
	}
	for i, name := range p {
		if i >= len(m.levels) {
			break
		}
		rule, ok := m.rules[m.levels[i]]
		if !ok {
			continue
		}
		qualified := ""
		if m.levels[i] == LevelTable && i > 0 {
			qualified = p[i-1] + "." + name
		}
		if !rule.keeps(name, qualified) {
			return false
		}
	}
	return true
}

type compiledRule struct{ include, exclude predicate }

func (r compiledRule) keeps(name, qualified string) bool {
	matches := func(p predicate) bool { return p(name) || qualified != "" && p(qualified) }
	return (r.include == nil || matches(r.include)) && (r.exclude == nil || !matches(r.exclude))
}

type predicate func(name string) bool

// compile is nil for a nil match.
func compile(m *Match, names Case) (predicate, error) {
	if m == nil {
		return nil, nil
	}
	if m.Match == MatchExact {
		set := make(map[string]bool, len(m.Values))
		for _, v := range m.Values {
			set[names.fold(v)] = true
		}
		return func(name string) bool { return set[names.fold(name)] }, nil
	}
	any := make([]predicate, 0, len(m.Values))
	for _, v := range m.Values {
		p, err := compileValue(m.Match, v, names)
		if err != nil {
			return nil, err
		}
		any = append(any, p)
	}
	return func(name string) bool {
		if m.Match != MatchRegexp { // which knows by itself what is the same
			name = names.fold(name)
		}
		return slices.ContainsFunc(any, func(p predicate) bool { return p(name) })
	}, nil
}

// compileValue decides names that are folded already, but for a regular expression.
func compileValue(kind MatchKind, v string, names Case) (predicate, error) {
	folded := names.fold(v)
	switch kind {
	case MatchExact:
		return func(name string) bool { return name == folded }, nil
	case MatchPrefix:
		return func(name string) bool { return strings.HasPrefix(name, folded) }, nil
	case MatchSuffix:
		return func(name string) bool { return strings.HasSuffix(name, folded) }, nil
	case MatchGlob:
		return compileRegexp(globRegexp(folded), CaseExact)
	case MatchRegexp:
		return compileRegexp(v, names)
	}
	return nil, fmt.Errorf("unknown match %q", kind)
}

// compileRegexp anchors at both ends of the whole name, which may hold newlines. The expression is compiled alone first, so
// that an unbalanced parenthesis cannot close the anchoring group.
func compileRegexp(expr string, names Case) (predicate, error) {
	if _, err := regexp.Compile(expr); err != nil {
		return nil, err
	}
	flags := "(?s)"
	if names != CaseExact {
		flags = "(?si)"
	}
	re, err := regexp.Compile(flags + `\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}

func globRegexp(glob string) string {
	quoted := regexp.QuoteMeta(glob)
	return strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(quoted)
}
