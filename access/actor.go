package access

import "slices"

// IsAdmin says whether the actor has Full access everywhere.
func (a Actor) IsAdmin() bool { return a.Role == RoleAdmin }

// InGroup says whether the actor belongs to a group; who belongs to the built-in ones follows from the role.
func (a Actor) InGroup(id string) bool {
	switch id {
	case GroupPublic:
		return true
	case GroupMembers:
		return !a.Anonymous() && a.Role != RoleGuest
	case GroupGuests:
		return !a.Anonymous() && a.Role == RoleGuest
	default:
		return !a.Anonymous() && slices.Contains(a.Groups, id)
	}
}

// mayMake says whether the role makes projects and connections at all.
func (a Actor) mayMake() bool {
	return a.Role == RoleAdmin || a.Role == RoleManager || a.Role == RoleEditor
}

// roleCap is the most that the actor's role lets through of any share.
func (a Actor) roleCap() Level {
	switch {
	case a.Anonymous(), a.Role == RoleViewer:
		return View
	case a.Role == RoleExplorer:
		return Explore
	case a.Role == RoleManager, a.Role == RoleEditor, a.Role == RoleGuest:
		return Full
	default:
		return None // a role that nobody knows opens nothing
	}
}

var levelNames = []string{None: "none", View: "view", Explore: "explore", Edit: "edit", Full: "full"}

// String is the level as the store and the API write it.
func (l Level) String() string { return levelNames[l] }

// ParseLevel reads what String writes.
func ParseLevel(s string) (Level, bool) {
	i := slices.Index(levelNames, s)
	return Level(max(i, 0)), i >= 0
}

// words is the level as people read it.
func (l Level) words() string {
	return [...]string{None: "no access", View: "Can view", Explore: "Can explore", Edit: "Can edit", Full: "Full access"}[l]
}
