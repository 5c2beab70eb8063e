package views

import (
	"encoding/json"
	"strconv"
	"time"
)

// FilterForm is a schema filter as it is edited, with what it would keep and drop.
type FilterForm struct {
	Version         int64
	Levels          []FilterLevel
	Errors          map[string]string
	Preview         FilterPreview
	Saved, Conflict bool
	Draft           bool
	Find            string // what to look for among the hidden tables at first
}

// previewVals ask for the preview when the page is there.
func (f FilterForm) previewVals() string {
	return filterVals(map[string]string{"step": "preview", "find": f.Find})
}

// filterVals are what a part of the preview sends beside the form.
func filterVals(values map[string]string) string {
	text, _ := json.Marshal(values)
	return string(text)
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

// FilterCounts are what stays and goes at one level: the first names of what stays, and a page of what goes.
type FilterCounts struct {
	Key, Words              string
	Kept, Dropped           int
	KeptNames, DroppedNames []string

	Searched    bool   // there is more than a page of what goes
	Find        string // narrowed to the names that hold this
	From, Found int    // the page, and how many names are on all pages
	Previous    int    // the page before
	Open        bool   // it is what was asked for
}

// page asks for the names from a place on, or where find is true for those that hold what is typed, which the field sends itself.
func (l FilterCounts) page(from int) string {
	return filterVals(map[string]string{"step": "preview", "level": l.Key, "find": l.Find, "from": strconv.Itoa(from)})
}

func (l FilterCounts) search() string {
	return filterVals(map[string]string{"step": "preview", "level": l.Key})
}

// stand says which of the names are shown.
func (l FilterCounts) stand() string {
	return Count(int64(l.From+1)) + " to " + Count(int64(l.From+len(l.DroppedNames))) + " of " + Count(int64(l.Found))
}

// stays says how many stay at a level.
func stays(n int) string { return Plural(int64(n), "stays", "stay") }

var matchKinds = []RoleChoice{{Value: "exact", Label: "is exactly"}, {Value: "prefix", Label: "begins with"}, {Value: "suffix", Label: "ends with"},
	{Value: "glob", Label: "is like (* any, ? one)"}, {Value: "regexp", Label: "matches the regular expression"}}
