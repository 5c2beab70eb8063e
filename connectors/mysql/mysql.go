// Package mysql connects to MySQL and MariaDB. The two are one family: what differs is data.
package mysql

import (
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/dialect"
)

// A variant is how one product of the family differs from the others.
type variant struct {
	product string
	// limit is the statement that bounds the run time of the session's statements; %d is filled with limitUnit's number.
	limit string
	// limitMillis says whether limit counts milliseconds; else whole seconds.
	limitMillis bool
	// quotesDefaults says that the catalog writes a column's default as SQL does: 'text', and NULL where there is none.
	quotesDefaults bool
}

// Connectors are the products of the family.
func Connectors() []*connectors.Connector {
	return []*connectors.Connector{
		product("mysql", "MySQL", 2, dialect.MySQL, "The open-source database behind much of the web", []string{"mysql", "jdbc:mysql"},
			variant{product: "MySQL", limit: "set session max_execution_time = %d", limitMillis: true}),
		product("mariadb", "MariaDB", 3, dialect.MariaDB, "The community's fork of MySQL", []string{"mariadb", "jdbc:mariadb"},
			variant{product: "MariaDB", limit: "set session max_statement_time = %d", quotesDefaults: true}),
	}
}

func product(kind, name string, tier int, d *dialect.Dialect, summary string, schemes []string, v variant) *connectors.Connector {
	return &connectors.Connector{
		Type: kind, Name: name, Summary: summary, Tier: tier,
		TLS: connectors.TLSConfigurable, Tunnel: true,
		Levels:  []catalog.Level{catalog.LevelDatabase, catalog.LevelTable},
		Dialect: d, Fields: fields, Schemes: schemes,
		ParseURL: parseURL(schemes), Open: v.open, Classify: classify,
	}
}

var fields = []connectors.Field{
	{Key: "host", Label: "Host", Kind: connectors.Text, Section: connectors.SectionServer, Required: true, Redirects: true,
		Placeholder: "db.example.com", Help: "Name or address of the server", Check: connectors.CheckHost},
	{Key: "port", Label: "Port", Kind: connectors.Number, Section: connectors.SectionServer, Required: true, Redirects: true,
		Default: "3306", Check: connectors.CheckPort},
	{Key: "database", Label: "Database", Kind: connectors.Text, Section: connectors.SectionServer, Stays: true,
		Help: "Where unqualified table names are looked up. Every database that the user may see is browsed either way"},
	{Key: "user", Label: "User", Kind: connectors.Text, Section: connectors.SectionSignIn, Required: true, Stays: true,
		Help: "A user that may only read is enough"},
	{Key: "password", Label: "Password", Kind: connectors.Text, Section: connectors.SectionSignIn, Secret: true},
}
