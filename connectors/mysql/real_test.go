package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"strconv"
	"sync/atomic"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/transport"
	"patchbay/e2e/servers"
	"patchbay/secret"
)

// both are the two products, each with a server.
func both(t testing.TB) map[string]*servers.Server {
	t.Helper()
	return map[string]*servers.Server{"MySQL": servers.MySQL(t, servers.Options{}), "MariaDB": servers.MariaDB(t, servers.Options{})}
}

// target reaches a server as the connectors' registry would, as its ordinary user. The MySQL that there is offers no cipher that
// the product takes: here one is listed that it has.
func target(t testing.TB, s *servers.Server) connectors.Target {
	t.Helper()
	dialer := transport.NewDialer(transport.Policy{AllowPrivate: true}, nil)
	t.Cleanup(dialer.Close)
	config, err := transport.TLS{Mode: transport.TLSVerifyFull, ServerName: s.Host, CA: s.CA}.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Product == "mysql" {
		config.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	}
	return connectors.Target{
		Values: connectors.Values{"host": s.Host, "port": strconv.Itoa(s.Port), "database": s.Database, "user": s.User, "auth": "password",
			"tls_mode": "verify-full"},
		Secrets: connectors.Secrets{"password": secret.New(s.Password)},
		Dial:    dialer.Dial, TLS: config, Step: func(connectors.Step) {},
	}
}

var made atomic.Int32

// database makes a new database on the shared server, so that tests do not see one another's tables, and runs statements in it.
func database(t testing.TB, s *servers.Server, statements ...string) (connectors.Source, string) {
	t.Helper()
	name := "t" + strconv.Itoa(int(made.Add(1)))
	admin(t, s, "create database "+name+" character set utf8mb4")
	db := s.DB(t, name)
	runOn(t, db, append([]string{"set sql_mode = ''"}, statements...)...)
	where := target(t, s)
	where.Values["database"] = name
	return opened(t, where), name
}

// admin runs statements as the administrator.
func admin(t testing.TB, s *servers.Server, statements ...string) {
	t.Helper()
	runOn(t, s.DB(t, s.Database), statements...)
}

// runOn runs statements on one connection.
func runOn(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, statement := range statements {
		if _, err := c.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("run %.200s: %v", statement, err)
		}
	}
}

func opened(t testing.TB, where connectors.Target) connectors.Source {
	t.Helper()
	src, err := open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

// run reads a whole answer, cells as text, NULL as "NULL".
func run(ctx context.Context, src connectors.Source, st connectors.Statement) (columns []connectors.Column, cells [][]string, err error) {
	rows, err := src.Query(ctx, st)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var row []string
		for _, cell := range rows.Row() {
			if cell == nil {
				row = append(row, "NULL")
			} else {
				row = append(row, string(cell))
			}
		}
		cells = append(cells, row)
	}
	return rows.Columns(), cells, rows.Err()
}

// one reads the only cell of an answer.
func one(t testing.TB, src connectors.Source, sql string, args ...any) string {
	t.Helper()
	_, cells, err := run(t.Context(), src, connectors.Statement{SQL: sql, Args: args})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return cells[0][0]
}

// A notebook is a catalog.Sink that keeps what it hears.
type notebook struct {
	tables  map[string]catalog.Table
	done    []string
	skipped map[string]error
}

func read(t testing.TB, src connectors.Source, f catalog.Filter) *notebook {
	t.Helper()
	n := &notebook{tables: map[string]catalog.Table{}, skipped: map[string]error{}}
	if err := src.ReadCatalog(t.Context(), f, n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *notebook) Table(t catalog.Table) error {
	n.tables[t.Path.String()] = t
	return nil
}

func (n *notebook) Done(p catalog.Path) error {
	n.done = append(n.done, p.String())
	return nil
}

func (n *notebook) Skipped(p catalog.Path, why error) error {
	n.skipped[p.String()] = why
	return nil
}
