package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"
)

// A ConnectionPage is one data source: its state, its schema refreshes, its use.
type ConnectionPage struct {
	Page          Page
	Row           ConnectionRow
	Description   string
	Tab           string // overview, usage, activity, schedule, permissions, filter, refreshes, run, notifications
	Server        string // "PostgreSQL 15.18"
	Facts         []Fact
	Stale         []StaleRow
	Doubt         *Doubt // nil: there is none
	Runs          []RunRow
	Usage         []UsageRow
	Others        int // projects that the reader may not open
	Activity      []ActivityRow
	Schedule      ScheduleForm
	Permissions   PermissionsForm
	InProject     bool // a project connection: schedule and permissions are for those of the workspace
	MayEdit       bool
	MayRefresh    bool
	TestNow       bool
	DeleteError   string
	Filter        FilterForm
	History       RefreshHistory
	Notifications Notifications
	Saved         string // what was just saved
	Now           time.Time
}

// A Fact is one line of what is known.
type Fact struct{ Label, Value string }

// A StaleRow is a part of the catalog that could not be read the last time.
type StaleRow struct {
	Path, Reason string
	Since        time.Time
}

// A Doubt is a reading in which nearly everything was missing, on which an Admin decides.
type Doubt struct {
	RunID   string
	Missing int64
	Since   time.Time
	Names   []string // the first of what is missing
	More    int64    // beyond those
}

// A RunRow is one schema refresh.
type RunRow struct {
	ID, ConnectionID        string
	State                   ConnectionState
	Trigger, By             string
	Phase                   string
	Read, Known             int64
	Added, Removed, Changed int64
	Hidden, Shown           int64 // by the filter
	Missing                 int64
	Error, Hint             string
	Started, Finished       time.Time
	Active                  bool
	Changes                 []ChangeRow
	More                    int64 // changes beyond those listed
}

// A ChangeRow is one object that a refresh added, removed or changed.
type ChangeRow struct{ Kind, Path, Detail string }

// A UsageRow is a project that uses the connection.
type UsageRow struct{ Name, Href, About string }

// An ActivityRow is one line of the audit log about the connection.
type ActivityRow struct {
	At      time.Time
	Who     string
	What    string
	Outcome string
	Word    string // the outcome in words
}

func (p ConnectionPage) base() string { return "/settings/connections/" + p.Row.ID }

func (p ConnectionPage) tabs() []Tab {
	tabs := []Tab{{Label: "Overview", Href: p.base(), Active: p.Tab == "overview"}}
	if p.MayEdit && !p.Row.Draft && !p.InProject {
		tabs = append(tabs, Tab{Label: "Schedule", Href: p.base() + "/schedule", Active: p.Tab == "schedule"},
			Tab{Label: "Permissions", Href: p.base() + "/permissions", Active: p.Tab == "permissions"},
			Tab{Label: "Notifications", Href: p.base() + "/notifications", Active: p.Tab == "notifications"})
	}
	if p.MayEdit && !p.InProject { // a draft's too, so that its first refresh reads by it
		tabs = append(tabs, Tab{Label: "Filter", Href: p.base() + "/filter", Active: p.Tab == "filter"})
	}
	if !p.Row.Draft {
		tabs = append(tabs, Tab{Label: "Refreshes", Href: p.base() + "/refreshes", Active: p.Tab == "refreshes" || p.Tab == "run"})
	}
	return append(tabs, Tab{Label: "Usage", Href: p.base() + "/usage", Count: Count(int64(p.Row.Projects)), Active: p.Tab == "usage"},
		Tab{Label: "Activity", Href: p.base() + "/activity", Active: p.Tab == "activity"})
}

// relisted stands where a run listed what it missed, until a later one was the one to decide on.
const relisted = "What was missing is listed with the latest refresh that missed it."

// summary is what a run found, in words.
func (r RunRow) summary() string {
	var words []string
	for _, part := range []struct {
		n    int64
		verb string
	}{{r.Added, "added"}, {r.Removed, "removed"}, {r.Changed, "changed"}, {r.Hidden, "hidden by the filter"}, {r.Shown, "let in by the filter"}} {
		if part.n > 0 {
			words = append(words, Count(part.n)+" "+part.verb)
		}
	}
	switch {
	case r.Missing > 0 && len(words) == 0:
		return Plural(r.Missing, "table", "tables") + " missing, nothing changed"
	case r.Missing > 0:
		words = append(words, Count(r.Missing)+" missing and kept")
	case r.Error != "" && len(words) == 0:
		return "The catalog stayed as it was"
	case len(words) == 0:
		return "Nothing changed"
	}
	return strings.Join(words, ", ")
}

// progress is how far an active run is, in objects.
func (r RunRow) progress() string {
	if r.Known > 0 {
		return Count(r.Read) + " of " + Count(r.Known) + " tables"
	}
	return Plural(r.Read, "table", "tables")
}

func (r RunRow) took() string {
	if r.Finished.IsZero() || r.Started.IsZero() {
		return ""
	}
	return Duration(r.Finished.Sub(r.Started))
}

// A TestStep is one step of a connection test as it is shown. State is ok, bad, busy or idle.
type TestStep struct {
	Name, State         string
	MS                  int64
	Words, Detail, Hint string
}

// testButton runs a connection test: its steps are swapped into the panel as the server streams them.
func testButton(label, action string) Button {
	return Button{Label: label, Icon: "plug", Type: "button", Attrs: templ.Attributes{"id": "test-button", "hx-post": action,
		"hx-target": "#test-output", "hx-swap": "innerHTML", "hx-sync": "this:replace"}}
}

// testButton tests the saved connection, at once where the page was asked to.
func (p ConnectionPage) testButton() Button {
	b := testButton("Test again", p.base()+"/test")
	if p.TestNow {
		b.Attrs["hx-trigger"] = "load, click"
	}
	return b
}

// refreshVariant leaves the one primary button to the form of the tabs that have one.
func (p ConnectionPage) refreshVariant() string {
	if p.Tab == "schedule" || p.Tab == "permissions" || p.Tab == "filter" || p.Tab == "notifications" {
		return ""
	}
	return "primary"
}
