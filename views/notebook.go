package views

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"
)

// A Notebook is a project's page: the data browser and the cells.
type Notebook struct {
	Page               Page
	ID, Name           string
	MayEdit, MayDelete bool
	MayRename          bool
	MayShare           bool
	Seen               string // what the reader may do, as a mark
	Notice             string // why the reader may do less than was shared, and who can change it
	Connections        []ConnectionChoice
	Browser            Browser
	Cells              []Cell
}

// AccessStream is where a page of a project follows what its reader may do there, from the mark seen on.
func AccessStream(projectID, seen string) string {
	return "/projects/" + projectID + "/access?seen=" + seen
}

// A ConnectionChoice is a connection that a cell can use.
type ConnectionChoice struct{ ID, Name, Type, Dialect string }

// A Browser is the data browser of one project.
type Browser struct {
	ProjectID    string
	Connections  []BrowserConnection
	MayAdd       bool // may import or connect
	SelectedNode string
	Pinned       NodeList
	Now          time.Time
}

// A BrowserConnection is the foot of the browser: how fresh a connection's catalog is.
type BrowserConnection struct {
	ID, Name   string
	State      ConnectionState
	Read       time.Time
	Catalog    string // which catalog the tree shows of it; empty: none yet
	Changing   bool   // a refresh is under way, or has just ended
	MayRefresh bool
	Hidden     string // how much its filter hides, in words, for those who may change it; empty: nothing
}

// catalog is which catalogs the tree shows, as one text.
func (b Browser) catalog() string {
	var all []string
	for _, c := range b.Connections {
		all = append(all, c.ID+":"+c.Catalog)
	}
	return strings.Join(all, " ")
}

// again is when the foot asks for itself again; empty: there is nothing to wait for.
func (b Browser) again() string {
	wait := ""
	for _, c := range b.Connections {
		switch {
		case c.Changing:
			return "load delay:1s"
		case c.Catalog == "":
			wait = "load delay:5s"
		}
	}
	return wait
}

// pollID is another id each time, as CellResult.pollID is.
func (b Browser) pollID() string { return "foot-poll-" + strconv.FormatInt(b.Now.UnixNano(), 10) }

// A Cell is one block of a notebook.
type Cell struct {
	ProjectID, ID, Kind string
	Name, Source        string
	Version             int64
	MayEdit             bool
	Connection          ConnectionChoice
	Connections         []ConnectionChoice
	Label, Type, Value  string // of an input cell
	Result              *CellResult
	Errors              map[string]string
	Problem             *Problem
	Editing             bool // of a text cell
}

// A CellResult is the last run of a SQL cell.
type CellResult struct {
	ProjectID, CellID, ID, Name string
	State                       string // running, succeeded, failed, cancelled
	Rows, Bytes                 int64
	Columns                     int
	Truncated                   string
	Affected                    int64
	Took                        time.Duration
	Finished                    time.Time
	Words, Detail, Hint         string
	ErrorAt                     int
	Hidden                      string // why the reader may not see it
	Now                         time.Time
}

// running says whether rows still come.
func (r CellResult) running() bool { return r.State == "running" }

// again is when a running cell asks for itself again: soon while its first row is awaited, so that it shows at once.
func (r CellResult) again() string {
	if r.Rows == 0 && r.Took < 10*time.Second {
		return "load delay:80ms"
	}
	return "load delay:400ms"
}

// pollID is another id each time, so that a swap that keeps what is the same puts a new element there, which asks again.
func (r CellResult) pollID() string {
	return "poll-" + r.CellID + "-" + strconv.FormatInt(r.Took.Milliseconds(), 10)
}

// dom is the id of one part of the cell.
func (c Cell) dom(part string) string { return "cell-" + c.ID + part }

func (c Cell) path(act string) string { return "/projects/" + c.ProjectID + "/cells/" + c.ID + act }

func (r CellResult) path(act string) string {
	return "/projects/" + r.ProjectID + "/cells/" + r.CellID + act
}

// title is how a cell is called where it has no name of its own.
func (c Cell) title() string {
	if c.Name != "" {
		return c.Name
	}
	return map[string]string{"sql": "SQL cell", "text": "Text cell", "input": "Parameter"}[c.Kind]
}

// inputTypes are the types of a parameter.
var inputTypes = []struct{ value, label string }{{"text", "Text"}, {"number", "Number"}, {"date", "Date"}, {"boolean", "Yes or no"}, {"list", "List"}}

// A ConnectionPicker is where a project gets its connections: those to import, and the way to a new one.
type ConnectionPicker struct {
	Page         Page
	ID, Name     string
	Used         []UsedConnection
	Importable   []ConnectionChoice
	MayCreate    bool
	CreateNotice string // why a new one cannot be made here
	MayImport    bool
}

// A UsedConnection is one that counts in the project.
type UsedConnection struct {
	ConnectionChoice
	Own       bool // made in this project
	MayRemove bool
}

// A NodeDetails is the details panel of a catalog node.
type NodeDetails struct {
	ProjectID, Path, Name, Kind string
	Qualified                   string // quoted for its dialect
	Comment                     string
	Facts                       []Fact
	Columns                     []ColumnRow
	Insert                      string // all columns, comma separated
	Unreadable, MayQuery        bool
	Visit                       bool // it is a table or a column, which is remembered as opened
	Read                        time.Time
	Now                         time.Time

	Description, Mark, MarkFrom string // what Admins say of it; MarkFrom names what holds the mark, where it is not the node
	Excluded                    bool   // for agents
	SaidBy                      string
	Said                        time.Time
	Pinned                      bool
	Link                        string // the page with the browser open here
	Stale                       []StalePart
	Form                        *AnnotationForm // nil: the reader may not say anything
}

// A StalePart is a part of a catalog that the last refresh could not read.
type StalePart struct {
	Name, Reason string // without a name: all of it
	Since        time.Time
}

// An AnnotationForm is where an Admin describes and marks a node.
type AnnotationForm struct {
	Description, Mark string
	Excluded          bool
	Updated           time.Time // when that was said which it replaces; zero: nothing is
	Errors            map[string]string
	Open, Saved       bool
	Conflict          bool // something else was said meanwhile
}

// updated is that moment as the form sends it back.
func (f AnnotationForm) updated() string {
	if f.Updated.IsZero() {
		return ""
	}
	return f.Updated.Format(time.RFC3339Nano)
}

// markChoices are the marks of a node.
var markChoices = []struct{ value, label string }{{"", "No mark of its own"}, {"endorsed", "Endorsed"}, {"deprecated", "Deprecated"}}

// A ColumnRow is one column in the details panel.
type ColumnRow struct {
	Name, Type, Family, Comment, Reference string
	Description, Mark                      string // what Admins say of it
	Key, NotNull                           bool
	Default                                string
}

// A Preview is the first rows of a table.
type Preview struct {
	Columns []ColumnRow
	Rows    [][]PreviewCell
	Problem *Problem
	More    bool
}

// A PreviewCell is one value.
type PreviewCell struct {
	Text   string
	Null   bool
	Number bool
}

func (c Cell) inputLabel() string {
	if c.Label != "" {
		return c.Label
	}
	return c.title()
}

// usage is how SQL reads the parameter.
func (c Cell) usage() string {
	name := c.Name
	if name == "" {
		name = "name"
	}
	if c.Type == "list" {
		return "{{ " + name + " | array }}"
	}
	return "{{ " + name + " }}"
}

func (c Cell) htmlType() string {
	if c.Type == "date" {
		return "date"
	}
	return "text"
}

// affectedWords is what a statement without rows did.
func (r CellResult) affectedWords() string {
	if r.Affected >= 0 {
		return Plural(r.Affected, "row changed", "rows changed")
	}
	return "Done. The statement has no result"
}

// A NodeList is a list of objects above the tree.
type NodeList struct {
	ProjectID string
	Nodes     []NodeLink
	Now       time.Time
}

// A NodeLink is the way to an object in the tree. What is gone has no way, and says so.
type NodeLink struct {
	Path, Href string
	Name, Kind string
	Trail      []string // what holds it, from the connection down
	Gone       bool
}

func (n NodeLink) icon() string {
	switch n.Kind {
	case "connection":
		return "plug"
	case "database":
		return "database"
	case "schema":
		return "folder"
	case "column":
		return "circle-dot"
	case "view", "materialized_view":
		return "eye"
	}
	return "table-2"
}

// vals are the node's path and more fields as htmx sends them.
func (n NodeLink) vals(more map[string]string) string {
	fields := map[string]string{"path": n.Path}
	maps.Copy(fields, more)
	return jsonText(fields)
}

// NodeChanges is what refreshes of the last days found.
type NodeChanges struct {
	ProjectID string
	Changes   []NodeChange
	Cut       bool // there are more
	Now       time.Time
}

// A NodeChange is one object that a refresh added, removed or changed.
type NodeChange struct {
	Kind   string // added, removed, changed
	Node   NodeLink
	Detail string
	At     time.Time
}

func (c NodeChange) word() string {
	return map[string]string{"added": "Added", "removed": "Removed", "changed": "Changed"}[c.Kind]
}

// pathVals is the node's path as htmx sends it.
func (d NodeDetails) pathVals() string {
	return jsonText(map[string]string{"path": d.Path})
}

// jsonText writes fields as htmx sends them.
func jsonText(fields map[string]string) string {
	b, err := json.Marshal(fields)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// markWords say where a mark stands that holds for a node.
func markWords(mark, from string) string {
	if from == "" {
		return mark
	}
	return mark + " by " + from
}
