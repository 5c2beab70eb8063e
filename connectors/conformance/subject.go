// Package conformance is the suite that every connector passes on a real server. It knows no product: what differs between
// them is data in a Subject, and a check that a Subject has no data for is skipped with a reason that the matrix prints.
package conformance

import (
	"context"

	"patchbay/catalog"
	"patchbay/connectors"
)

// A Subject is one product on one running test server.
type Subject struct {
	Name      string // names the server in the matrix: "PostgreSQL 15"
	Connector *connectors.Connector
	Values    connectors.Values // they reach the server as a user who may create objects in Scope
	Secrets   connectors.Secrets
	FilesDir  string // embedded products: the folder where their files lie

	Product string // what Server must answer, exactly
	Version string // what Server's version must begin with

	// Scope is the path that the suite's tables live in, all levels above table: {"patchbay", "suite"}; nil where a product
	// has tables alone. The suite drops and makes it again by the statements DropScope and MakeScope.
	Scope                catalog.Path
	MakeScope, DropScope []string
	// Admin runs statements by another way than the connector, as someone who may do everything.
	Admin func(ctx context.Context, statements ...string) error

	Catalog Catalog
	Names   Names
	Types   []TypeCase
	SQL     SQL
	Limited *Limited // nil: the product has no users
	Strong  *User    // a user with rights that reach beyond the data; nil: the product has no users
	TLS     *TLS     // nil: the product has no network, or no TLS

	// Skip says which checks do not hold for this product, and why. A check that is skipped here and would pass fails.
	Skip map[string]string
}

// A Catalog is what the suite makes to read it back.
type Catalog struct {
	// Make are statements that make tables in Scope: between them they should have a primary key, a foreign key, a view,
	// comments where the product has them, a default, and columns of both nullabilities.
	Make []string
	// Want is all that must be read of Scope then. Rows is compared only where it is not catalog.RowsUnknown.
	Want []catalog.Table
}

// Names is what the product does with names that are hard to carry.
type Names struct {
	Longest int // characters of the longest name of a table
	// More are cases of this product, beside HostileNames: names that most others do not take.
	More map[string]string // case -> name
	// Refused are the cases of HostileNames that the product itself does not take in names of tables and columns, or silently
	// changes: the suite proves that it does not keep them.
	Refused map[string]string // case -> why
}

// A TypeCase is one value of one type, exactly as the connector must hand it over.
type TypeCase struct {
	SQL    string         // an expression; or a whole statement with one column, where it begins with "select" or "with"
	Want   string         // the cell
	Null   bool           // the cell is NULL; Want is not looked at
	Type   string         // the column's type in the product's words; empty: not compared
	Family catalog.Family // empty: not compared
}

// SQL is how the product spells what the suite needs. %d is a number that the suite fills in, {t} a qualified table.
type SQL struct {
	Repeat string // expression: a text of %d times the letter x
	Series string // statement: %d rows, of a number from 1 up and a text of about 100 characters
	Sleep  string // statement: runs for at least %d seconds, however that is done
	// Running counts the statements that the server runs at this moment whose text holds mark. Nil where it cannot tell.
	Running func(ctx context.Context, mark string) (int, error)

	Int     string // a type of integers for tables that the suite makes; "int" where empty
	Mistake string // a statement with a mistake in its syntax
	// MistakeAt is the character, from 1, at which the product sees the mistake; 0 where it does not say.
	MistakeAt int

	Params     string // statement: gives back its five parameters (text, integer, float, boolean, null), in the product's placeholders
	ParamsWant []string
	List       string // statement: how many of 1 to 5 are in its one parameter, a list of text; empty: the product has no lists

	Writes    bool     // a statement that is not ReadOnly may write
	Uncounted bool     // the driver does not tell how many rows a statement changed
	Hostile   []string // statements beyond the suite's own that try to write to {t} (one integer column n, one row) although ReadOnly is set
	Unlock    []string // statements that try to make the session writable for the statement after
	Several   bool     // a text of several statements runs them all and shows the last; else it is refused as a whole
}

// A User is another user of the subject's server: the fields and secrets that differ.
type User struct {
	Values  connectors.Values
	Secrets connectors.Secrets
}

// A Limited is a second user, with fewer rights, and what it can see.
type Limited struct {
	User
	// Setup makes {t} (a table of Scope) a table that the user may see and not read.
	Setup []string
	// Hidden says that the product does not even show a table without the right to read it.
	Hidden bool
	// Unreadable makes a scope that the user sees and whose catalog it cannot read; Skipped is its path. Empty: the product
	// has none.
	Unreadable []string
	Skipped    catalog.Path
}

// TLS are servers with certificates of every kind. Each Values holds the fields that differ from Subject.Values.
type TLS struct {
	CA          string            // PEM: who signed the certificate of Subject's server
	ServerName  string            // a name in that certificate; empty: the host of Subject.Values
	Plain       connectors.Values // a server without TLS
	Expired     connectors.Values
	WrongName   connectors.Values // a server whose certificate is by CA, for another name
	OtherCA     connectors.Values // a server whose certificate is by someone else
	ClientCert  string            // PEM: a client certificate that the server takes in place of a password, with its key
	ClientKey   string
	ClientValue connectors.Values // the fields that signing in by certificate takes
}
