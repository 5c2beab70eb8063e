package views

import "time"

// A PersonPage is one account as an Admin sees it.
type PersonPage struct {
	Page     Page
	Person   Person
	Roles    []RoleChoice
	Form     PersonForm
	Groups   []PersonGroup
	Sessions []SessionRow
	Tokens   []TokenRow
	Link     PersonLink // that was just made; shown this once
	TOTP     bool       // their sign-in has a second step
	Password bool       // they have one, that can be reset
	Error    string     // of an act that has no field
	Now      time.Time
}

func (p PersonPage) base() string { return p.Person.href() }

// A PersonLink is a one-time link for someone.
type PersonLink struct{ Href, Words string }

// A PersonGroup is a group that someone is in, and who keeps them there.
type PersonGroup struct {
	ID, Name           string
	ByHand, ByProvider bool
}

// A SessionRow is one browser where someone is signed in.
type SessionRow struct {
	ID            string
	Browser       string // in plain words
	From          string // its address
	Created, Seen time.Time
	Current       bool
}

// A PersonDelete says what goes with an account.
type PersonDelete struct {
	Page             Page
	Person           Person
	Projects         []OwnedRow
	Sessions, Tokens int
	Groups           int
	Error            string
}

// An OwnedRow is a project that someone owns, and who keeps access to it.
type OwnedRow struct{ Name, Href, Keeps string }
