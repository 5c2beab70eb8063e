package views

// A GroupsPage lists the groups of the workspace.
type GroupsPage struct {
	Page   Page
	Groups []GroupRow
	Name   string // of the group to be made, as it was typed
	Error  string // at the name
}

// A GroupRow is one group with what it opens.
type GroupRow struct {
	ID, Name    string
	Meaning     string // of a built-in one
	BuiltIn     bool
	Members     int
	Connections []OpenedRow
	Projects    []OpenedRow
}

func (g GroupRow) href() string { return "/settings/groups/" + g.ID }

// opens says what a group opens in a few words.
func (g GroupRow) opens() string {
	switch c, p := len(g.Connections), len(g.Projects); {
	case c+p == 0:
		return "Nothing"
	case p == 0:
		return Plural(int64(c), "data source", "data sources")
	case c == 0:
		return Plural(int64(p), "notebook", "notebooks")
	default:
		return Plural(int64(c), "data source", "data sources") + ", " + Plural(int64(p), "notebook", "notebooks")
	}
}

// An OpenedRow is a connection or project that a group opens, with how far.
type OpenedRow struct {
	Name, Href string
	Rights     []string // "Can query"
}

// A GroupPage is one group: who is in it, what it opens.
type GroupPage struct {
	Page       Page
	Group      GroupRow
	Members    []MemberRow
	Of         Range  // of all members
	Query      string // for people to add
	Candidates []Person
	More       int    // further people who match
	Name       string // as it was typed
	NameError  string
	Error      string // of an act that has no field
	// Consequences are who loses what when it is deleted, Shown their mark. Conflict says that others were shown before;
	// DeleteError is why the last try to delete was refused.
	Consequences Consequences
	Shown        string
	Conflict     bool
	DeleteError  string
}

// A MemberRow is a person in a group.
type MemberRow struct {
	Person
	ByHand, ByProvider bool
}
