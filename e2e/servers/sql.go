package servers

import (
	"crypto/tls"
	"database/sql"
	"net/url"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// DB is the administrator's own way in, apart from the product's: for making what a test reads, and for looking at what the
// product did. It ends with the test.
func (s *Server) DB(t testing.TB, database string) *sql.DB {
	t.Helper()
	db, err := s.open(database)
	if err != nil {
		t.Fatalf("open %s: %v", database, err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Exec runs statements as the administrator, each of which may hold several divided by semicolons.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	db, err := s.open(database)
	if err != nil {
		t.Fatalf("open %s: %v", database, err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("run %.200s: %v", statement, err)
		}
	}
}

func (s *Server) open(database string) (*sql.DB, error) {
	if s.Product == "postgres" {
		return s.openPostgres(database)
	}
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = s.Admin, s.AdminPassword, "tcp", s.Address(), database
	c.MultiStatements, c.AllowNativePasswords, c.TLS = true, true, s.tls()
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (s *Server) openPostgres(database string) (*sql.DB, error) {
	where := url.URL{Scheme: "postgres", User: url.UserPassword(s.Admin, s.AdminPassword), Host: s.Address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	c, err := pgx.ParseConfig(where.String())
	if err != nil {
		return nil, err
	}
	c.TLSConfig = s.tls()
	return stdlib.OpenDB(*c), nil
}

// tls checks nothing: tests start servers with wrong certificates too. It is nil without TLS. MySQL 8.0.15 offers Go nothing
// with forward secrecy, so a suite without is listed.
func (s *Server) tls() *tls.Config {
	if s.CA == "" {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}
}
