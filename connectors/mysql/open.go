package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"patchbay/connectors"
)

// maxPacket bounds one packet of the server, and with it one cell: a hostile server cannot make us hold more (P24).
const maxPacket = 64 << 20

// A source is one open connection to one server.
type source struct {
	db      *sql.DB
	target  connectors.Target
	variant variant
}

// open reaches the server and signs in.
func (v variant) open(ctx context.Context, t connectors.Target) (connectors.Source, error) {
	db := sql.OpenDB(&connector{config: config(t), dial: t.Dial})
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	s := &source{db: db, target: t, variant: v}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// config fills the driver's own struct: no DSN is ever assembled (P3), and nothing ambient completes it (P4). The rows of a
// LOAD DATA LOCAL are refused by the driver, since no file or reader is ever registered (P9).
func config(t connectors.Target) *mysql.Config {
	c := mysql.NewConfig()
	c.User = t.Values["user"]
	c.Passwd = t.Secrets["password"].Reveal()
	c.Net = "tcp"
	c.Addr = net.JoinHostPort(t.Values["host"], t.Values["port"])
	c.DBName = t.Values["database"]
	c.TLS = t.TLS
	c.Collation = "utf8mb4_general_ci"
	c.MaxAllowedPacket = maxPacket
	c.ConnectionAttributes = "program_name:patchbay"
	c.Logger = log.New(io.Discard, "", 0) // the driver's remarks come back as errors too
	return c
}

// A connector makes connections whose socket is told when signing in is over: until then it is closed with ctx.
type connector struct {
	config *mysql.Config
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	var socket net.Conn
	config := c.config.Clone()
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var err error
		socket, err = c.dial(ctx, network, addr)
		return socket, err
	}
	inner, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	conn, err := inner.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if watched, ok := socket.(interface{ Established() }); ok {
		watched.Established()
	}
	return conn, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return &mysql.MySQLDriver{} }

func (s *source) Close() error { return s.db.Close() }

// Server implements connectors.Source.
func (s *source) Server(ctx context.Context) (connectors.Server, error) {
	out := connectors.Server{Product: s.variant.product}
	var comment string
	if err := s.db.QueryRowContext(ctx, "select @@version, @@version_comment").Scan(&out.Version, &comment); err != nil {
		return out, err
	}
	if strings.Contains(out.Version, "MariaDB") {
		out.Product = "MariaDB"
		out.Version, _, _ = strings.Cut(out.Version, "-MariaDB")
	}
	warnings, err := s.tooStrong(ctx)
	out.Warnings = warnings
	return out, err
}

// tooStrong says which rights of the user reach beyond reading data (P10).
func (s *source) tooStrong(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, `select privilege_type from information_schema.user_privileges
		where grantee = concat('''', replace(current_user(), '@', '''@'''), '''') and privilege_type in ('SUPER', 'FILE') order by 1`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var warnings []string
	for rows.Next() {
		var right string
		if err := rows.Scan(&right); err != nil {
			return nil, err
		}
		warnings = append(warnings, fmt.Sprintf("The user has %s, which reaches beyond the data. A weaker one is enough: "+
			"CREATE USER patchbay IDENTIFIED BY '...'; GRANT SELECT, SHOW VIEW ON *.* TO patchbay", right))
	}
	return warnings, rows.Err()
}
