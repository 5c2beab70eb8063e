package catalog

import "strings"

// A MatchKind says how the values of a Match are compared with a name.
type MatchKind string

// The kinds of match. Names are compared as the product compares them (Case).
const (
	MatchExact  MatchKind = "exact"
	MatchPrefix MatchKind = "prefix"
	MatchSuffix MatchKind = "suffix"
	MatchGlob   MatchKind = "glob"   // * any run, ? any one character
	MatchRegexp MatchKind = "regexp" // RE2, anchored at both ends
)

// A Match matches a name when any of its values does.
type Match struct {
	Match  MatchKind `json:"match"`
	Values []string  `json:"values"`
}

// A Rule keeps a name that its Include matches, or every name where there is none, unless its Exclude matches it.
type Rule struct {
	Include *Match `json:"include"`
	Exclude *Match `json:"exclude"`
}

// A Filter says which databases, schemas and tables a catalog holds. The zero Filter keeps everything. A table rule sees the
// bare name and the qualified one (schema.table), and matches when either does.
type Filter struct {
	Databases Rule `json:"databases"`
	Schemas   Rule `json:"schemas"`
	Tables    Rule `json:"tables"`

	// Names is how the product compares names. It is no part of what people write: it stands here so that the decision is one and
	// the same wherever the filter goes.
	Names Case `json:"-"`
	// NamesOnly asks a source for the names of its tables. It may leave out all else that is known of them, and be quicker for it.
	NamesOnly bool `json:"-"`
}

// Empty says whether the filter has no rule, and so keeps everything.
func (f Filter) Empty() bool {
	return f.Databases == Rule{} && f.Schemas == Rule{} && f.Tables == Rule{}
}

// A Case says which names a product takes for the same.
type Case string

// How names are compared. Regular expressions take letters of every script as one where capitals do not matter at all.
const (
	CaseExact   Case = ""        // byte for byte
	CaseASCII   Case = "ascii"   // A is a, to Z is z; every other letter is itself
	CaseLetters Case = "letters" // capital and small letters are the same in every script
)

// fold is the same text for names that are the same.
func (c Case) fold(name string) string {
	switch c {
	case CaseASCII:
		return foldASCII(name)
	case CaseLetters:
		return strings.ToLower(name)
	}
	return name
}

// foldASCII makes A to Z small and leaves every other byte as it is.
func foldASCII(name string) string {
	at := strings.IndexFunc(name, isCapital)
	if at < 0 {
		return name
	}
	folded := []byte(name)
	for i := at; i < len(folded); i++ {
		if isCapital(rune(folded[i])) {
			folded[i] += 'a' - 'A'
		}
	}
	return string(folded)
}

func isCapital(r rune) bool { return r >= 'A' && r <= 'Z' }
