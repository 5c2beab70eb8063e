// Package mysql connects to MySQL and MariaDB. The two are one family: what differs is data.
package mysql

import (
	"patchbay/connectors"
	"patchbay/dialect"
)

// Connectors are the products of the family. Which of them answers shows when it is reached: they differ in name alone.
func Connectors() []*connectors.Connector {
	return []*connectors.Connector{
		product("mysql", "MySQL", 2, dialect.MySQL, "The open-source database behind much of the web"),
		product("mariadb", "MariaDB", 3, dialect.MariaDB, "The community's fork of MySQL"),
	}
}

func product(kind, name string, tier int, d *dialect.Dialect, summary string) *connectors.Connector {
	schemes := []string{kind, "jdbc:" + kind}
	return &connectors.Connector{
		Type: kind, Name: name, Summary: summary, Tier: tier,
		TLS: connectors.TLSConfigurable, Tunnel: true,
		Levels: levels, Dialect: d, Fields: fields,
		Schemes: schemes, ParseURL: func(raw string) (connectors.Values, connectors.Secrets, error) { return parseURL(schemes, raw) },
		Open: open, Classify: classify,
	}
}

// The ways to sign in.
const (
	authPassword    = "password"
	authCertificate = "certificate"
)

var fields = []connectors.Field{
	{Key: "host", Label: "Host", Kind: connectors.Text, Section: connectors.SectionServer, Required: true, Redirects: true,
		Placeholder: "db.example.com", Help: "Name or address of the server", Check: connectors.CheckHost},
	{Key: "port", Label: "Port", Kind: connectors.Number, Section: connectors.SectionServer, Required: true, Redirects: true,
		Default: "3306", Check: connectors.CheckPort},
	{Key: "database", Label: "Database", Kind: connectors.Text, Section: connectors.SectionServer, Stays: true,
		Help: "Where unqualified table names are looked up. Every database that the user may see is browsed either way"},
	{Key: "auth", Label: "Sign in with", Kind: connectors.Select, Section: connectors.SectionSignIn, Stays: true, Default: authPassword,
		Choices: []connectors.Choice{{Value: authPassword, Label: "Password"}, {Value: authCertificate, Label: "Client certificate"}},
		Help:    "The client certificate and its key are entered under TLS"},
	{Key: "user", Label: "User", Kind: connectors.Text, Section: connectors.SectionSignIn, Required: true, Stays: true,
		Help: "A user that may only read is enough"},
	{Key: "password", Label: "Password", Kind: connectors.Text, Section: connectors.SectionSignIn, Secret: true,
		ShowIf: &connectors.Cond{Key: "auth", In: []string{authPassword}}},
}
