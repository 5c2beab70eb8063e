package views

import "time"

// A PeoplePage lists the accounts of the workspace.
type PeoplePage struct {
	Page   Page
	People []Person
	Roles  []RoleChoice
	Invite PersonForm
	Link   string // an invitation that was just made; shown this once
	Query  string
	Error  string // of an act on a row
	Now    time.Time
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
}

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
