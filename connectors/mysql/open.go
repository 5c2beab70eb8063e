package mysql

import (
	"bufio"
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	_ "embed" // the query about rights stands beside this file
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"patchbay/catalog"
	"patchbay/connectors"
)

// maxPacket bounds what the server may send as one row, and what is sent as one statement (P24).
const maxPacket = 64 << 20

// A source is one open connection to one server.
type source struct {
	db      *sql.DB
	wires   *connector
	target  connectors.Target
	version string // as the server says it
	mariadb bool   // what answers is MariaDB, whichever product it was connected as
}

// open reaches the server and signs in.
func open(ctx context.Context, t connectors.Target) (connectors.Source, error) {
	if t.Values["auth"] == authCertificate && (t.TLS == nil || len(t.TLS.Certificates) == 0 && t.TLS.GetClientCertificate == nil) {
		return nil, errNoCertificate
	}
	wires := &connector{config: config(t), tls: t.TLS, dial: t.Dial}
	db := sql.OpenDB(wires)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	s := &source{db: db, wires: wires, target: t}
	if err := db.QueryRowContext(ctx, "select @@version").Scan(&s.version); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.mariadb = strings.Contains(s.version, "MariaDB")
	return s, nil
}

// config fills the driver's own struct: no DSN is ever assembled (P3), and nothing ambient completes it (P4). The rows of a
// LOAD DATA LOCAL are refused by the driver, since no file or reader is ever registered (P9).
func config(t connectors.Target) *mysql.Config {
	c := mysql.NewConfig()
	c.User = t.Values["user"]
	c.Passwd = t.Secrets["password"].Reveal()
	c.Net = "tcp"
	if t.TLS != nil {
		c.Net = "unix" // the wire does TLS; what the driver sends in clear on a local socket it may send to the wire
	}
	c.Addr = net.JoinHostPort(t.Values["host"], t.Values["port"])
	c.DBName = t.Values["database"]
	c.Collation = "utf8mb4_general_ci"
	c.MaxAllowedPacket = maxPacket
	c.ConnectionAttributes = "program_name:patchbay"
	c.Logger = log.New(io.Discard, "", 0) // the driver's remarks come back as errors too
	return c
}

// A connector makes connections on a wire each. Until signing in is over their socket is closed with ctx.
type connector struct {
	config *mysql.Config
	tls    *tls.Config
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	broke  atomic.Pointer[error] // why a wire refused what the server sent last
	open   sync.Map              // driver.Conn -> its *wire
}

// Connect implements driver.Connector. The driver misreads one of 256 greetings of MariaDB's ed25519, whose seed ends with a
// zero: another attempt has another seed.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.connect(ctx)
	if errors.Is(err, mysql.ErrMalformPkt) {
		conn, err = c.connect(ctx)
	}
	return conn, err
}

func (c *connector) connect(ctx context.Context) (driver.Conn, error) {
	var w *wire
	var refused error
	config := c.config.Clone()
	config.DialFunc = func(ctx context.Context, _, addr string) (net.Conn, error) {
		socket, err := c.dial(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		w = &wire{Conn: socket, socket: socket, ctx: ctx, tls: c.tls, password: config.Passwd, in: bufio.NewReaderSize(socket, 16<<10), closed: func() {},
			failed: func(err error) { refused = err; c.broke.Store(&err) }}
		return w, nil
	}
	inner, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	conn, err := inner.Connect(ctx)
	if err != nil && refused != nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	c.open.Store(conn, w)
	w.closed = func() { c.open.Delete(conn) }
	if watched, ok := w.socket.(interface{ Established() }); ok {
		watched.Established()
	}
	return conn, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return &mysql.MySQLDriver{} }

func (s *source) Close() error { return s.db.Close() }

// Server implements connectors.Source.
func (s *source) Server(ctx context.Context) (connectors.Server, error) {
	out := connectors.Server{Product: "MySQL"}
	if s.mariadb {
		out.Product = "MariaDB"
	}
	var ignoresCase bool
	if err := s.db.QueryRowContext(ctx, "select @@version, @@lower_case_table_names <> 0").Scan(&out.Version, &ignoresCase); err != nil {
		return out, err
	}
	if ignoresCase {
		out.Names = catalog.CaseLetters
	}
	out.Version, _, _ = strings.Cut(out.Version, "-MariaDB")
	warnings, err := s.tooStrong(ctx)
	out.Warnings = warnings
	return out, err
}

//go:embed sql/rights.sql
var rightsSQL string

// tooStrong says which rights of the user reach beyond reading data (P10).
func (s *source) tooStrong(ctx context.Context) (warnings []string, err error) {
	err = each(ctx, s.db, rightsSQL, nil, func(scan func(...any) error) error {
		var right string
		if err := scan(&right); err != nil {
			return err
		}
		warnings = append(warnings, fmt.Sprintf("The user has %s, which reaches beyond the data. A weaker one is enough: "+
			"CREATE USER patchbay IDENTIFIED BY '...'; GRANT SELECT, SHOW VIEW ON *.* TO patchbay", right))
		return nil
	})
	return warnings, err
}
