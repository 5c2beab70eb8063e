// Package connectors says what a connector is: the fields that one database product asks for, how to reach it, and what an
// open connection to it can do. Families implement it; the registry wraps every source once with deadline, cause, redaction
// and the close of its tunnel. It knows no product by name.
package connectors

import (
	"context"
	"crypto/tls"

	"patchbay/catalog"
	"patchbay/connectors/transport"
	"patchbay/dialect"
	"patchbay/secret"
)

// A Connector describes one database product: what to ask for, how to reach it, what it can do.
// It is a value; nothing happens until Open.
type Connector struct {
	Type, Name string          // "postgres", "PostgreSQL"; Type is stored and never changes
	Summary    string          // one true line for the database grid
	Tier       int             // 1, 2 or 3
	TLS        TLSRule         // whether TLS fields are offered, and from which mode up
	Tunnel     bool            // speaks TCP: SSH fields are offered
	Levels     []catalog.Level // outermost first; levels it lacks are absent
	Dialect    *dialect.Dialect
	Fields     []Field // in the order of the form; the registry appends TLS and SSH fields
	// ParseURL reads a pasted URL or DSN into fields. It refuses an unknown parameter by name with *FieldError, and never
	// echoes a secret. Nil where the product has no URL form.
	ParseURL func(string) (Values, Secrets, error)
	// Schemes are the URL schemes that ParseURL reads, for finding the connector of a pasted URL: "postgres", "jdbc:postgresql".
	Schemes []string
	// Open reaches the server and signs in. It returns by ctx's deadline.
	Open func(context.Context, Target) (Source, error)
	// Classify turns a driver's error into an Error; nil: unknown to this driver.
	Classify func(error) *Error
}

// A TLSRule says how TLS is offered.
type TLSRule string

// The TLS rules, in the API's words. TLSNone is for products without a network.
const (
	TLSRequired     TLSRule = "required"     // no mode "disable"; default verify-full
	TLSDefaultOn    TLSRule = "default"      // "disable" is offered; default verify-full
	TLSConfigurable TLSRule = "configurable" // "disable" is offered and the default
	TLSNone         TLSRule = "-"
)

// Values are the plain fields of a connection: they may be logged, shown and compared.
type Values map[string]string

// Secrets are the secret fields of a connection. They are never in the same map as Values.
type Secrets map[string]secret.Text

// Target is what a family gets. It cannot dial by any other way.
type Target struct {
	Values  Values
	Secrets Secrets
	Dial    transport.DialFunc // guarded, through the tunnel where there is one; nil for file products
	TLS     *tls.Config        // nil when TLS is off; a fresh clone that the family may keep
	// OpenFile resolves a file name of an embedded product to a path below the configured folder, refusing anything else and
	// the store's own files; nil for network products.
	OpenFile func(name string) (path string, err error)
	// Step reports progress of opening for the connection test: the family calls it when signing in begins. Never nil.
	Step func(Step)
}
