package views

import (
	"net/url"
	"time"
)

// A PeoplePage lists the accounts of the workspace.
type PeoplePage struct {
	Page        Page
	People      []Person
	Of          Range // of those who match
	Roles       []RoleChoice
	Invite      PersonForm
	Query       string
	State, Role string         // of the filters
	Counts      map[string]int // by state, of those who match search and role
	Now         time.Time
}

// personStates are the segments of the list's filter.
var personStates = []struct{ key, label string }{{"", "All"}, {"active", "Active"}, {"invited", "Invited"}, {"disabled", "Disabled"}}

func (p PeoplePage) segments() []Tab {
	var tabs []Tab
	for _, s := range personStates {
		tabs = append(tabs, Tab{Label: s.label, Href: p.Href("state", s.key), Count: Count(int64(p.Counts[s.key])), Active: p.State == s.key})
	}
	return tabs
}

// Href is the list's address with one of its parts changed; another part than the page shows its first page.
func (p PeoplePage) Href(key, value string) string {
	q := url.Values{}
	for k, v := range map[string]string{"q": p.Query, "state": p.State, "role": p.Role, key: value} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return "/settings/people"
	}
	return "/settings/people?" + q.Encode()
}

// A Range is a page of a long list.
type Range struct {
	From, To, Total int    // from 1; From 0: there is none
	Newer, Older    string // addresses; empty: there is none
}

func (r Range) words() string {
	return Count(int64(r.From)) + " to " + Count(int64(r.To)) + " of " + Count(int64(r.Total))
}

// A Person is one row.
type Person struct {
	ID, Name, Email string
	Role            string // value of a RoleChoice
	RoleWord        string
	Disabled        bool
	Pending         bool // invited, has not chosen a password yet
	Self            bool
	Created         time.Time
	SignedIn        time.Time // zero: never
}

func (p Person) href() string { return "/settings/people/" + p.ID }

// A RoleChoice is one role with what it means.
type RoleChoice struct{ Value, Label, Meaning string }

// A PersonForm is the invitation form as it was filled in.
type PersonForm struct {
	Name, Email, Role string
	Errors            map[string]string
}

// A TokensPage lists a person's own API tokens.
type TokensPage struct {
	Page   Page
	Tokens []TokenRow
	Scopes []RoleChoice
	Made   string // a token that was just made; shown this once
	Name   string
	Errors map[string]string
	Now    time.Time
}

// A TokenRow is one token.
type TokenRow struct {
	ID, Name, Scope        string
	Created, Expires, Used time.Time // zero: never
}
