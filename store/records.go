package store

import (
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/claims"
	"patchbay/schedule"
)

// A User is one account.
type User struct {
	ID, Email, Name  string
	Role             access.Role
	PasswordHash     string // argon2id in PHC form; empty: cannot sign in with a password yet
	Disabled         bool
	External         bool     // signs in with a provider, and never has a password here
	Groups           []string // ids of groups, kept by hand or by a provider
	Created, Updated time.Time
	SignedIn         time.Time // the last time; zero: never
	Version          int64
}

// A Group is a named set of users. The built-in groups are not rows.
type Group struct {
	ID, Name string
	Members  int
	Created  time.Time
}

// A Member is a user of a group, with who keeps them there.
type Member struct {
	User
	ByHand, ByProvider bool
}

// A Membership is a group of a user, with who keeps them there.
type Membership struct {
	Group
	ByHand, ByProvider bool
}

// A Session is one signed-in browser. Its secret is known only to the browser; the store keeps its hash.
type Session struct {
	ID                        string // in lists, and of what runs in it; it stays when the secret changes
	Hash                      []byte
	UserID                    string
	Created, Seen, Ends, Auth time.Time // Auth: when the password was last given, or the person signed in at the provider; zero: not known
	IP, Agent                 string
	ProviderID, SID           string // of the provider that it came from, and the provider's own id of it; may be empty
}

// A Provider is an OpenID Connect provider that people sign in with, without its client secret.
type Provider struct {
	ID               string // in addresses
	Name             string
	Issuer, ClientID string
	Scopes           []string
	DefaultRole      access.Role // of those whom no rule gives one; empty: they cannot sign in
	LinkDomains      []string    // of e-mail addresses by which an invited person is recognised
	TrustsEmail      bool        // its addresses count without its saying that it verified them
	Rules            []claims.Rule
	Enabled          bool
	SecretSet        bool
	Created, Updated time.Time
	Version          int64
}

// An Identity is who a user is at a provider: what an issuer calls them.
type Identity struct {
	Issuer, Subject, UserID string
	ProviderID              string    // of the last sign-in
	Email                   string    // as the provider said last; a label
	Warning                 string    // about their claims, for the Admin
	Stale                   time.Time // since when what the provider says is not known; zero: it is
	Denied                  bool      // the last sign-in was refused: no rule gave a role
	Created, Seen           time.Time
}

// A Flow is a sign-in that has gone to a provider and not come back. The browser holds its id; its box is sealed.
type Flow struct {
	Hash       []byte
	ProviderID string
	Box        []byte
	Expires    time.Time
}

// A TOTP is the second step of a user's signing in (RFC 6238).
type TOTP struct {
	UserID             string
	Box                []byte // the sealed secret
	Created, Confirmed time.Time
	LastStep           int64 // of the last code that was accepted
	Codes              int   // recovery codes that are left
}

// A OneTimeToken is a setup, invitation or password link, or a sign-in that waits for its code, kept as a hash.
type OneTimeToken struct {
	Hash             []byte
	Purpose          string // "setup", "invite", "reset" or "sign_in"
	UserID           string
	Created, Expires time.Time
	Used             time.Time // zero: not yet
}

// An APIToken is a personal access token, kept as a hash.
type APIToken struct {
	ID, UserID, Name       string
	Hash                   []byte
	Scope                  access.Scope
	Created, Expires, Used time.Time // zero: never
}

// A Project is a notebook with its shares.
type Project struct {
	ID, Name, OwnerID string
	Shares            []access.Share
	Created, Updated  time.Time
	Version           int64
}

// A ReachState says how the last contact with a connection's server went.
type ReachState string

// The reach states.
const (
	ReachUnknown       ReachState = "unknown"
	ReachOK            ReachState = "ok"
	ReachUnreachable   ReachState = "unreachable"
	ReachRefreshFailed ReachState = "refresh_failed"
)

// A Connection is how to reach one database, without its secrets.
type Connection struct {
	ID, Name, Type                 string
	ProjectID                      string // empty: a workspace connection
	Draft                          bool
	Description                    string
	Config                         map[string]string
	Destination                    string   // the connector's digest of where secrets go
	SecretsSet                     []string // keys of the secrets that are saved, sorted
	CanQuery, CanViewResults       []string // group ids, sorted; empty for a project connection
	RefreshAdminsOnly              bool
	AllowWriteback, HideFromAgents bool
	Schedule                       schedule.Spec
	ScheduleAnchor                 time.Time // from when "every N hours" counts
	NextRefresh                    time.Time // zero: never
	Filter                         catalog.Filter
	ServerProduct, ServerVersion   string
	Reach                          ReachState
	ReachCause, ReachWords         string    // of the last failure
	ReachSince, ReachChecked       time.Time // since when the state holds; when it was last seen (a refresh since then found the same)
	Failures                       int64     // refreshes that failed since one succeeded
	CreatedBy                      string
	Created, Updated               time.Time
	Version                        int64
}

// Access is the part of the connection that access decides on.
func (c *Connection) Access() access.Connection {
	return access.Connection{ID: c.ID, Name: c.Name, ProjectID: c.ProjectID, Draft: c.Draft, CanQuery: c.CanQuery,
		CanViewResults: c.CanViewResults, RefreshAdminsOnly: c.RefreshAdminsOnly}
}

// CatalogState is what is kept of a connection's catalog as a whole.
type CatalogState struct {
	Generation      int64
	Tables, Columns int64
	Read, Changed   time.Time // last complete reading; last reading that changed something
	Filter          string    // of the last reading, in its JSON; empty: not known
}

// A StaleScope is a part of a catalog that the last reading could not read.
type StaleScope struct {
	Path   catalog.Path
	Reason string
	Since  time.Time
}

// A Doubt is a reading in which tables were missing of which nobody can tell whether they are gone, and which nobody has decided
// on yet.
type Doubt struct {
	RunID   string
	Missing int64
	Since   time.Time
}

// A Tombstone remembers a table that a refresh removed, so that what people said of it comes back with it.
type Tombstone struct {
	ConnectionID string
	Path         string // catalog.Path.String
	Removed      time.Time
	RunID        string
}

// An Annotation is what an Admin says of an object. It is kept by path, and so outlives the object.
type Annotation struct {
	Path        catalog.Path // empty: the connection
	Description string
	Label       catalog.Label
	By          string // user id
	Updated     time.Time
}

// A NodeRef is an object of a connection, which may be gone.
type NodeRef struct {
	ConnectionID string
	Path         catalog.Path
}

// A Run is one schema refresh.
type Run struct {
	ID, ConnectionID              string
	Trigger                       string // created, manual, schedule, api
	StartedBy                     string // user id; empty: the schedule
	State                         string // queued, running, succeeded, failed, cancelled, interrupted, needs_look
	Phase                         string
	Read, Added, Removed, Changed int64
	Hidden, Shown                 int64  // tables that the filter dropped, and that it let in again: the source has not changed
	Missing                       int64  // tables that it would have removed and did not, since nobody can tell whether they are gone
	Cause, Error, Hint            string // why it failed or, of one that succeeded, read a part only
	Queued, Started, Finished     time.Time
}

// A Change is one line of what a refresh found, by name.
type Change struct {
	Change string // added, removed, changed, missing
	Path   catalog.Path
	Detail string // "column total: integer -> bigint"
}

// A Cell is one block of a notebook.
type Cell struct {
	ID, ProjectID    string
	Position         int64
	Kind             string // sql, text, input
	Name             string // of the output, or of the parameter
	Source           string
	ConnectionID     string
	Config           map[string]any
	Created, Updated time.Time
	Version          int64
}

// A Result is one run of a cell and what was kept of its answer.
type Result struct {
	ID, ProjectID, CellID, ConnectionID string
	RunBy                               string
	State                               string // running, succeeded, failed, cancelled
	Columns                             []ResultColumn
	Rows, Bytes                         int64
	Truncated                           string // why it was cut, for people; empty: it is whole
	Affected                            int64
	Cause, Error, Hint                  string
	ErrorPosition                       int
	SQLHash                             string
	Started, Finished                   time.Time
}

// A WebLink is a way into a project that is shared with the web. Of its token the store has only the hash.
type WebLink struct {
	ID, ProjectID, Name string
	Hash                []byte
	CreatedBy           string
	Created             time.Time
	Expires, Used       time.Time // zero: never
}

// A ResultColumn is one column of a kept result.
type ResultColumn struct {
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	Family catalog.Family `json:"family"`
}

// An AuditEntry says who did what to what. It holds no secret.
type AuditEntry struct {
	Who                              access.Actor
	Action                           string // "connection.create"; dotted subject.verb
	ObjectType, ObjectID, ObjectName string
	Outcome                          string         // ok, refused, failed; empty is ok
	Detail                           map[string]any // before and after, without secrets
}

// An AuditRow is an entry as it is kept, chained to the one before it.
type AuditRow struct {
	Seq                              int64
	ID                               string
	At                               time.Time
	ActorID, Actor                   string
	Action                           string
	ObjectType, ObjectID, ObjectName string
	Outcome                          string
	Detail                           string // JSON
	IP, RequestID                    string
	PrevHash, Hash                   []byte
}
