package mysql

import (
	"context"
	_ "embed" // the query stands beside this file
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"patchbay/connectors"
)

//go:embed sql/rights.sql
var rightsSQL string

var errNoCertificate = errors.New("there is no client certificate to sign in with")

// open reaches the server and signs in.
func open(ctx context.Context, t connectors.Target) (connectors.Source, error) {
	if t.Values["auth"] == "certificate" && (t.TLS == nil || len(t.TLS.Certificates) == 0) {
		return nil, errNoCertificate
	}
	s := &source{target: t, slots: make(chan struct{}, maxSessions), idle: map[*session]func() bool{}}
	first, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	s.release(first)
	return s, nil
}

// login is typed into a struct: no connection string is ever assembled (P3), and nothing ambient completes it (P4).
func (s *source) login() login {
	mode := s.target.Values["tls_mode"]
	return login{
		user: s.target.Values["user"], password: s.target.Secrets["password"].Reveal(), database: s.target.Values["database"],
		tls: s.target.TLS, verified: s.target.TLS != nil && (mode == "verify-ca" || mode == "verify-full"),
	}
}

// connect opens one connection, signs in, and asks which of the servers behind the address it is: only there does KILL mean
// what we mean.
func (s *source) connect(ctx context.Context) (*session, error) {
	conn, err := s.target.Dial(ctx, "tcp", net.JoinHostPort(s.target.Values["host"], s.target.Values["port"]))
	if err != nil {
		return nil, err
	}
	w, g, err := signIn(ctx, conn, s.login())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	se := &session{wire: w, id: g.id, product: productOf(g.version)}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if se.node, err = se.cell("select concat_ws(' ', @@hostname, @@port)"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return se, nil
}

// A product is which of the family answers, whatever the connection is called.
type product struct {
	name, version string
	mariadb       bool
}

// productOf reads the version that a server greets with. MariaDB puts one of MySQL's before its own.
func productOf(greeted string) product {
	version, _, mariadb := strings.Cut(greeted, "-MariaDB")
	if mariadb {
		return product{"MariaDB", strings.TrimPrefix(version, "5.5.5-"), true}
	}
	return product{"MySQL", greeted, false}
}

// Server implements connectors.Source.
func (s *source) Server(ctx context.Context) (connectors.Server, error) {
	se, err := s.acquire(ctx)
	if err != nil {
		return connectors.Server{}, err
	}
	defer s.release(se)
	defer s.watch(ctx, se)()
	warnings, err := se.tooStrong()
	return connectors.Server{Product: se.product.name, Version: se.product.version, Warnings: warnings}, s.reason(ctx, se, err)
}

// tooStrong says which rights of the user reach beyond the data, with the statement that makes a weaker one (P10).
func (se *session) tooStrong() ([]string, error) {
	var warnings []string
	err := se.each(rightsSQL, nil, func(row []string) error {
		warnings = append(warnings, fmt.Sprintf("The user has the right %s, which reaches beyond the data. A weaker one is enough: "+
			"CREATE USER patchbay IDENTIFIED BY '...'; GRANT SELECT, SHOW VIEW ON *.* TO patchbay", row[0]))
		return nil
	})
	return warnings, err
}
