package connectors

import (
	"context"

	"patchbay/catalog"
)

// A Source is one open connection to one server. Methods may be called from several goroutines.
// Every method returns by ctx's deadline, and any error is a *Error once it has passed the registry's guard.
type Source interface {
	// Server says what answered. It is the cheapest proof that signing in worked.
	Server(ctx context.Context) (Server, error)
	// ReadCatalog reports everything that f lets through, in bulk, to one goroutine at a time. A fixed few statements per
	// database, never one per table. What it could not read it reports as Skipped and goes on; only a broken connection, a
	// cancelled ctx or an error from the sink end it early.
	ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error
	// Query runs one statement. Rows arrive as the server sends them. Cancelling ctx cancels it on the server where the
	// product can; ctx must live until the rows are closed.
	Query(ctx context.Context, st Statement) (Rows, error)
	Close() error
}

// Server is what answered.
type Server struct {
	Product  string       // "PostgreSQL"
	Version  string       // "15.18"
	Names    catalog.Case // how it compares the names of databases, schemas and tables
	Warnings []string     // for people: a credential that is too strong (PROMISES P10), with the statement that makes a weaker one
}

// A Statement is one statement with its bound values.
type Statement struct {
	SQL      string
	Args     []any  // string, int64, float64, bool, nil, or []string for a list where the product takes arrays
	Database string // for products where a session has one database; empty: the connection's own
	ReadOnly bool   // enforced by the server's session, never by reading the SQL (PROMISES P8)
	Comment  string // who runs it; already safe to stand between /* and */
}

// Rows is the answer of one statement, read forward once, by one goroutine.
type Rows interface {
	// Columns are known before the first row. A statement without a result has none.
	Columns() []Column
	// Next reads the next row. It is false at the end and on an error; Err tells which.
	Next() bool
	// Row is the current row, one cell a column, in the text that the product itself writes: integers and decimals are exact.
	// A nil cell is NULL. Cells are valid until the next call of Next.
	Row() [][]byte
	// Affected is the number of rows that a statement changed; -1 where it is unknown. Valid after Next returned false.
	Affected() int64
	Err() error
	// Close ends the statement, on the server too where rows were left unread. It may be called more than once.
	Close() error
}

// A Column is one column of a result.
type Column struct {
	Name   string
	Type   string // in the product's own words
	Family catalog.Family
}

// A Step is one step of a connection test, reported when it ends. OK false comes with the Err that says why.
type Step struct {
	Name   StepName `json:"name"`
	OK     bool     `json:"ok"`
	MS     int64    `json:"ms"`
	Detail string   `json:"detail"` // one line of fact, safe to show
	Hint   string   `json:"hint"`   // what to do, where OK is false
	Err    *Error   `json:"-"`
}

// A StepName names a step of a connection test, in the order of StepOrder.
type StepName string

// The steps of a connection test.
const (
	StepAddress    StepName = "address" // the name was looked up
	StepSSH        StepName = "ssh"     // host reached
	StepSSHHostKey StepName = "ssh_host_key"
	StepSSHSignIn  StepName = "ssh_sign_in"
	StepPort       StepName = "port" // the database's port is open
	StepTLS        StepName = "tls"
	StepFile       StepName = "file" // embedded products: the file is there and readable
	StepSignIn     StepName = "sign_in"
	StepVersion    StepName = "version"
	StepSchemas    StepName = "schemas" // can list schemas
)
