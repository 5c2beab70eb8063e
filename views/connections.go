package views

import (
	"net/url"
	"time"
)

// A ConnectionList is the data sources screen.
type ConnectionList struct {
	Page    Page
	Rows    []ConnectionRow
	Total   int // before search and filter
	Query   string
	State   string // of the segmented filter
	Sort    string
	Counts  map[string]int // by the filter's states
	Failing []ConnectionRow
	Now     time.Time
}

// A ConnectionRow is one data source.
type ConnectionRow struct {
	ID, Name, Type, Product, Host string
	Tier                          int
	State                         ConnectionState
	Draft                         bool
	Tables                        int64 // -1: not read yet
	LastRefresh                   time.Time
	LastChanges                   string // "3 added, 1 changed"
	NextRefresh                   time.Time
	Schedule                      string // in words
	Projects                      int
	Maker                         string
	Edited                        time.Time
}

// A ConnectionState is a state as people read it. Kind is one of Status's.
type ConnectionState struct {
	Key           string // connected, refreshing, refresh_failed, unreachable, needs_look, partly_read, draft, new
	Kind, Word    string
	Meaning, Hint string
	Since         time.Time
	Live          bool // changes by itself: the part asks again
}

// connectionStates are the segments of the list's filter.
var connectionStates = []struct{ key, label string }{
	{"", "All"}, {"connected", "Connected"}, {"attention", "Needs attention"}, {"draft", "Drafts"},
}

// href is the list's address with one of its parts changed.
func (l ConnectionList) href(key, value string) string {
	q := url.Values{}
	for k, v := range map[string]string{"q": l.Query, "state": l.State, "sort": l.Sort, key: value} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return "/settings/connections"
	}
	return "/settings/connections?" + q.Encode()
}

func (l ConnectionList) segments() []Tab {
	var tabs []Tab
	for _, s := range connectionStates {
		tabs = append(tabs, Tab{Label: s.label, Href: l.href("state", s.key), Count: Count(int64(l.Counts[s.key])), Active: l.State == s.key})
	}
	return tabs
}

// A ConnectorPick is the grid of databases to choose from.
type ConnectorPick struct {
	Page  Page
	Base  string // where the choice leads: Base + "/" + type
	Tiers []ConnectorTier
	URL   string // a pasted address that could not be read, without its password
	Error string
}

// A ConnectorTier is one titled group of the grid.
type ConnectorTier struct {
	Title string
	Cards []ConnectorCard
}

// A ConnectorCard is one database product.
type ConnectorCard struct{ Type, Name, Summary string }

func (c ConnectionRow) href() string {
	if c.Draft {
		return "/settings/connections/" + c.ID + "/edit"
	}
	return "/settings/connections/" + c.ID
}

func (c ConnectionRow) hostSuffix() string {
	if c.Host == "" {
		return ""
	}
	return " · " + c.Host
}

// wizardSteps are the steps of a new connection.
var wizardSteps = []string{"Database", "Connection"}

func stepsShort(at int) string {
	return Count(int64(at)) + " of " + Count(int64(len(wizardSteps))) + " · " + wizardSteps[at-1]
}
