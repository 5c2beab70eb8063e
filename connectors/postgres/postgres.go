// Package postgres connects to PostgreSQL, version 12 and later.
package postgres

import (
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/dialect"
)

// Connectors are the products of the family.
func Connectors() []*connectors.Connector {
	return []*connectors.Connector{{
		Type: "postgres", Name: "PostgreSQL", Summary: "The open-source database with the longest list of features", Tier: 2,
		TLS: connectors.TLSRequired, Tunnel: true,
		Levels:  []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable},
		Dialect: dialect.Postgres, Fields: fields,
		Schemes: []string{"postgres", "postgresql", "jdbc:postgresql"}, ParseURL: parseURL,
		Open: open, Classify: classify,
	}}
}

var fields = []connectors.Field{
	{Key: "host", Label: "Host", Kind: connectors.Text, Section: connectors.SectionServer, Required: true, Redirects: true,
		Check: connectors.CheckHost, Placeholder: "db.example.com", Help: "Name or address of the server"},
	{Key: "port", Label: "Port", Kind: connectors.Number, Section: connectors.SectionServer, Required: true, Redirects: true,
		Default: "5432", Check: connectors.CheckPort},
	{Key: "database", Label: "Database", Kind: connectors.Text, Section: connectors.SectionServer, Required: true, Stays: true,
		Help: "Where queries run. The server's other databases that the user may connect to are browsed too"},
	{Key: "auth", Label: "Sign in with", Kind: connectors.Select, Section: connectors.SectionSignIn, Stays: true, Default: "password",
		Choices: []connectors.Choice{{Value: "password", Label: "Password"}, {Value: "certificate", Label: "Client certificate"}},
		Help:    "The client certificate and its key are entered under TLS"},
	{Key: "user", Label: "User", Kind: connectors.Text, Section: connectors.SectionSignIn, Required: true, Stays: true,
		Help: "A user that may only read is enough"},
	{Key: "password", Label: "Password", Kind: connectors.Text, Section: connectors.SectionSignIn, Required: true, Secret: true,
		ShowIf: &connectors.Cond{Key: "auth", In: []string{"password"}}},
}
