package all

import (
	"context"
	"database/sql"
	"testing"

	"patchbay/connectors"
	"patchbay/connectors/conformance"
	"patchbay/e2e/servers"
)

// subjects are the test servers of each connector: its family's file beside this one describes them.
var subjects = map[string]func(*testing.T, *connectors.Connector) []*conformance.Subject{
	"postgres": postgresSubjects,
	"mysql":    mysqlSubjects,
	"mariadb":  mariadbSubjects,
	"sqlite":   sqliteSubjects,
	"duckdb":   duckdbSubjects,
}

// Every connector of the list passes the suite on every server of its type. A connector without a server fails.
// Run one check of one: go test ./connectors/all -run 'Conformance/postgres/.*/cancel'.
func TestConformance(t *testing.T) {
	for _, c := range Connectors() {
		t.Run(c.Type, func(t *testing.T) {
			made, ok := subjects[c.Type]
			if !ok {
				t.Fatal("there is no test server for this connector")
			}
			for _, s := range made(t, c) {
				t.Run(s.Name, func(t *testing.T) { conformance.Run(t, s) })
			}
		})
	}
}

// The list holds no bad declaration, and no type twice.
func TestDeclarations(t *testing.T) {
	if _, err := connectors.NewRegistry(Connectors(), nil); err != nil {
		t.Error(err)
	}
}

// by runs statements on one connection of db, after prepare.
func by(db *sql.DB, prepare ...string) func(context.Context, ...string) error {
	return func(ctx context.Context, statements ...string) error {
		c, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		for _, s := range append(prepare, statements...) {
			if _, err := c.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// differing are servers of a product that differ in what they show as their certificate, as conformance.TLS wants them.
func differing(t *testing.T, start func(testing.TB, servers.Options) *servers.Server) *conformance.TLS {
	t.Helper()
	of := func(o servers.Options) connectors.Values {
		s := start(t, o)
		return connectors.Values{"host": "127.0.0.1", "port": port(s)}
	}
	return &conformance.TLS{
		Plain: of(servers.Options{NoTLS: true}), Expired: of(servers.Options{Certificate: servers.Expired}),
		WrongName: of(servers.Options{Certificate: servers.WrongName}), OtherCA: of(servers.Options{Certificate: servers.OtherAuthority}),
	}
}
