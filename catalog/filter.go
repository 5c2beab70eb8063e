package catalog

// A MatchKind says how the values of a Match are compared with a name.
type MatchKind string

// The kinds of match. Names are compared as the product compares them; here byte for byte.
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
}
