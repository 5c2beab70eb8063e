package views

import (
	"strconv"
	"strings"
)

// A PermissionsForm is who may query, view results and refresh a connection, as it is edited.
type PermissionsForm struct {
	Rows       []PermissionRow // Everyone first
	AdminsOnly bool            // Can refresh schema
	Seen       string          // the state that was edited
	Errors     map[string]string
	Conflict   bool // someone else changed them meanwhile; this is what is there now
}

// A PermissionRow is one group.
type PermissionRow struct {
	ID, Name, Who  string
	Query, Results bool   // given to the group itself
	QueryOffered   bool   // Everyone cannot query
	ResultsFrom    string // what else Can view results follows from: "Can query", "Everyone"; empty: nothing
}

func (r PermissionRow) queryWords() string {
	switch {
	case !r.QueryOffered:
		return "Not offered: whoever queries has to sign in"
	case r.Query:
		return "They browse the catalog and run SQL"
	}
	return "It does not show to them, unless another row lets them in"
}

func (r PermissionRow) resultsWords() string {
	switch {
	case r.ResultsFrom != "":
		return "through " + r.ResultsFrom
	case r.Results && r.ID == "public":
		return "Visitors from the web see results too"
	case r.Results:
		return "They see what notebooks answered"
	}
	return "Notebooks that use it are closed to them, unless another row lets them in"
}

func (r PermissionRow) refreshWords(adminsOnly bool) string {
	switch {
	case adminsOnly:
		return "Admins only"
	case r.Query:
		return "through Can query"
	}
	return "Needs Can query"
}

// Consequences are who gains and loses what, in words.
type Consequences struct {
	Takes  bool // somebody loses something
	Blocks []ConsequenceBlock
}

// A ConsequenceBlock is what changes on the connection itself, or in one project.
type ConsequenceBlock struct {
	Title, Href string
	Lines       []ConsequenceLine
}

// A ConsequenceLine is one effect and whom it meets.
type ConsequenceLine struct {
	Takes bool
	Words string
	Names []string
	More  int // how many are not named
}

// people are those whom the effect meets: "Ana, Ben and 12 more".
func (l ConsequenceLine) people() string {
	words := strings.Join(l.Names, ", ")
	if l.More > 0 {
		words += " and " + strconv.Itoa(l.More) + " more"
	}
	return words
}

// A PermissionsReview is the question before permissions are saved.
type PermissionsReview struct {
	Page                     Page
	Base, Name               string
	Consequences             Consequences
	CanQuery, CanViewResults []string
	AdminsOnly               bool
	Seen, Shown              string // marks of what was chosen among, and of the consequences
	Conflict                 bool   // other consequences were shown before
}

// A ShareForm asks before a project connection becomes one of the workspace.
type ShareForm struct {
	Page              Page
	Base, Name, Typed string
	Projects          []UsageRow
	Host, Through     string // where it leads, and the SSH host on the way, if there is one
	Maker             string // who made it
	Private           bool   // it may reach private addresses then, which it may not now
	Consequences      Consequences
	Errors            map[string]string
	Shown             string // the mark of the consequences
	Conflict          bool   // other consequences were shown before
}

// An AccessPage explains what someone may do with something.
type AccessPage struct {
	Page        Page
	People      []AccessChoice
	Connections []AccessChoice
	Projects    []AccessChoice
	Missing     string // what was asked for and does not exist
	Answer      *AccessAnswer
}

// An AccessChoice is one that can be asked about.
type AccessChoice struct {
	Value, Label string
	Chosen       bool
}

// An AccessAnswer is the decision, right by right, and the rules that led to it.
type AccessAnswer struct {
	Title  string
	Rights []AccessRight
	Rules  []AccessRule
}

// An AccessRight is one right that someone has or lacks.
type AccessRight struct {
	Label string
	Has   bool
	Words string
}

// An AccessRule is one link of the chain; Group names the group that is why.
type AccessRule struct{ Words, Group string }

// A WorkspaceSettings is the page of the settings that hold for everyone.
type WorkspaceSettings struct {
	Page                    Page
	AllowProjectConnections bool
	Saved                   bool
}

// ProjectConnections are the connections that belong to projects.
type ProjectConnections struct {
	Page Page
	Rows []ProjectConnectionRow
}

// A ProjectConnectionRow is one of them.
type ProjectConnectionRow struct {
	ConnectionRow
	Project, ProjectHref string
}

// connectionOf is the id in the address of a connection's page.
func connectionOf(base string) string { return base[strings.LastIndex(base, "/")+1:] }
