// Package access decides who may do what. It is pure: callers bring the facts, a decision comes back with the chain of rules
// that led to it. Pages, API, agents and background jobs all ask the same functions, at the moment of the act.
package access

// A Role is a user's workspace role.
type Role string

// The workspace roles, strongest first; Guest is someone from outside, reached only by shares that name them.
const (
	RoleAdmin    Role = "admin"
	RoleManager  Role = "manager"
	RoleEditor   Role = "editor"
	RoleExplorer Role = "explorer"
	RoleViewer   Role = "viewer"
	RoleGuest    Role = "guest"
)

// Roles are all roles, strongest first.
var Roles = []Role{RoleAdmin, RoleManager, RoleEditor, RoleExplorer, RoleViewer, RoleGuest}

// The built-in groups: everyone but guests; guests; everyone, anonymous visitors included.
const (
	GroupMembers = "members"
	GroupGuests  = "guests"
	GroupPublic  = "public"
)

// A Level is the access that someone has on a project.
type Level int

// The levels of project access, weakest first.
const (
	None Level = iota
	View
	Explore
	Edit
	Full
)

// A Scope is what an API token may do, at most what its user may.
type Scope string

// The token scopes. A browser session has ScopeSession: everything its user may.
const (
	ScopeSession Scope = ""
	ScopeRead    Scope = "read"
	ScopeWrite   Scope = "write"
	ScopeAdmin   Scope = "admin"
)

// An Actor is who asks. The zero Actor is the anonymous visitor.
type Actor struct {
	UserID string
	Email  string
	Name   string
	Role   Role
	Groups []string // ids of the groups kept for the user; built-in groups follow from Role and are not listed
	Scope  Scope    // of the API token in use
	// IP and RequestID are for the audit row. So is SessionID, the id of the session or API token, with which what runs in it ends.
	IP, SessionID, RequestID string
}

// Anonymous says whether nobody is signed in.
func (a Actor) Anonymous() bool { return a.UserID == "" }

// A Connection holds the facts of a connection that decisions need.
type Connection struct {
	ID, Name          string
	ProjectID         string   // set for a project connection: the project's access decides, the lists below are not read
	Draft             bool     // only Admins see it; nothing can query it
	CanQuery          []string // group ids
	CanViewResults    []string // group ids
	RefreshAdminsOnly bool     // Can refresh schema: false means everyone with Can query
}

// A Share gives access on a project. To is "user:ID", "group:ID", "workspace" or "web".
type Share struct {
	To     string
	Access Level
}

// A Project holds the facts of a project that decisions need.
type Project struct {
	ID     string
	Shares []Share      // the creator's Full access is a share like any other
	Uses   []Connection // every connection that counts in it: imported or its own
}

// A Reason is one link of the chain of rules that led to a decision.
type Reason struct {
	Rule         string `json:"rule"`                    // one of the Rule codes
	Words        string `json:"words"`                   // the rule for people, with names, and who can grant what is missing
	ConnectionID string `json:"connection_id,omitempty"` // the connection that is why, where one is
	GroupID      string `json:"group_id,omitempty"`      // the group that is why, where one is; only built-in groups are named in Words
}

// Denied is a refusal that can be explained.
type Denied struct {
	Action  string
	Because []Reason
	Hidden  bool // the object must not even be known to exist: shown as not found
	Audited bool // the act itself kept this refusal in the audit log, in its own words: one row is enough
}

func (d *Denied) Error() string {
	s := "denied: " + d.Action
	for _, r := range d.Because {
		s += "; " + r.Words
	}
	return s
}

// A ConnectionDecision is what one actor may do with one connection.
type ConnectionDecision struct {
	CanQuery, CanViewResults, CanRefreshSchema bool
	Because                                    []Reason // never empty
}

// A ProjectDecision is what one actor may do with one project.
type ProjectDecision struct {
	Access     Level    // after lock-out and downgrade
	LockedOut  bool     // a share reaches the actor, and a connection takes the project away again
	Downgraded bool     // from Can edit or more to Can explore, because a connection cannot be queried
	CanExplore bool     // filter and chart; false for someone with Can explore who lacks Can query
	Because    []Reason // never empty
}
