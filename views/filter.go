package views

import "time"

// FilterForm is a schema filter as it is edited, with what it would keep and drop.
type FilterForm struct {
	Version         int64
	Levels          []FilterLevel
	Errors          map[string]string
	Preview         FilterPreview
	Saved, Conflict bool
	Draft           bool
}

// savedWords say what follows from saving.
func (f FilterForm) savedWords() string {
	if f.Draft {
		return "The first refresh reads by it."
	}
	return "What it drops is hidden already; what it newly lets in comes with the refresh that has begun."
}

// asks says whether the page has to ask for the preview.
func (f FilterForm) asks() bool {
	return len(f.Errors) == 0 && f.Preview.Problem == "" && len(f.Preview.Levels) == 0
}

// A FilterLevel is the rule for one level of the product.
type FilterLevel struct {
	Key, Words       string
	Include, Exclude FilterSide
}

// A FilterSide is an include or exclude: how its values are compared, and the values, one a line.
type FilterSide struct {
	Match, Values, Error string
	Kept                 []KeptValue // those that no line can hold
}

// A KeptValue is a value that can only be written by API: as the form carries it, and as it is shown.
type KeptValue struct{ Value, Shown string }

// A FilterPreview is what a filter would keep and drop.
type FilterPreview struct {
	Levels        []FilterCounts
	FromCatalog   string // why the names are those of the catalog as it is known; empty: the source's own
	Problem, Hint string // why there is no preview
	Partly        bool   // the source would not tell some names
	Read, Now     time.Time
}

// FilterCounts are what stays and goes at one level, and the first names of both.
type FilterCounts struct {
	Words                   string
	Kept, Dropped           int
	KeptNames, DroppedNames []string
}

// stays says how many stay at a level.
func stays(n int) string { return Plural(int64(n), "stays", "stay") }

var matchKinds = []RoleChoice{{Value: "exact", Label: "is exactly"}, {Value: "prefix", Label: "begins with"}, {Value: "suffix", Label: "ends with"},
	{Value: "glob", Label: "is like (* any, ? one)"}, {Value: "regexp", Label: "matches the regular expression"}}
