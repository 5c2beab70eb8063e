package views

import "time"

// A Sharing is the page where a project is shared.
type Sharing struct {
	Page     Page
	ID, Name string
	Rows     []ShareRow
	Targets  []TargetChoice // groups and the whole workspace
	People   []AccessRow
	More     int // people beyond those listed
	Links    []WebLinkRow
	Made     string   // the address of a link that was just made; shown this once
	Blocked  []string // why links open nothing at this moment
	WebOn    bool
	Who      string // as typed
	LinkName string // as typed
	Errors   map[string]string
	Now      time.Time
}

// A ShareRow is one share.
type ShareRow struct {
	To, Name, Email, Access string
	You                     bool
	Note                    string // why it gives less than it says
}

// A TargetChoice is a group, or the whole workspace.
type TargetChoice struct{ To, Name string }

// An AccessRow is someone whom the project reaches, and why.
type AccessRow struct {
	Name, Email, Role, Access string
	LockedOut, Downgraded     bool
	Because                   []string
}

// A WebLinkRow is one link for visitors.
type WebLinkRow struct {
	ID, Name               string
	Created, Expires, Used time.Time
}

func (l WebLinkRow) expired(now time.Time) bool { return !l.Expires.IsZero() && !now.Before(l.Expires) }

// A FoundPerson is someone to share with.
type FoundPerson struct{ Email, Name string }

func (s Sharing) path(act string) string { return "/projects/" + s.ID + "/share" + act }

// shareLevels are what a share can give, strongest first.
var shareLevels = []struct{ value, label string }{{"full", "Full access"}, {"edit", "Can edit"}, {"explore", "Can explore"}, {"view", "Can view"}}
