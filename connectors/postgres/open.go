package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"patchbay/connectors"
	"patchbay/connectors/transport"
)

// maxMessage bounds one message of the server, and with it one row: a hostile server cannot make us hold more (P24).
const maxMessage = 64 << 20

var (
	errNoTLS         = errors.New("the server does not offer TLS")
	errNotPostgres   = errors.New("what answers is no PostgreSQL server")
	errNoCertificate = errors.New("there is no client certificate to sign in with")
)

// open reaches the server and signs in.
func open(ctx context.Context, t connectors.Target) (connectors.Source, error) {
	if t.Values["auth"] == "certificate" && (t.TLS == nil || len(t.TLS.Certificates) == 0) {
		return nil, errNoCertificate
	}
	s := &source{target: t, slots: make(chan struct{}, maxSessions), idle: map[*session]func() bool{}, types: map[typeKey]typeInfo{}}
	first, err := s.acquire(ctx, "")
	if err != nil {
		return nil, err
	}
	s.release(first)
	return s, nil
}

// overrides names every setting that the driver's parser would otherwise take from PG* variables or from files in the home
// folder (P4). What it says is replaced by config.
const overrides = `host=localhost port=5432 user=x password=x database=x application_name=x connect_timeout=0 sslmode=disable ` +
	`sslcert='' sslkey='' sslrootcert='' sslpassword='' sslsni='' sslcertmode=allow sslnegotiation='' passfile='' target_session_attrs=any ` +
	`timezone='' options='' min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth=''`

// blank is the driver's configuration without anything of its surroundings. The driver takes none that its own parser did
// not make.
var blank = sync.OnceValues(newBlank)

func newBlank() (*pgconn.Config, error) {
	// A service is looked up in a file whatever else is said, and fails where the file lacks it.
	if name, set := os.LookupEnv("PGSERVICE"); set {
		if err := os.Unsetenv("PGSERVICE"); err != nil {
			return nil, err
		}
		defer func() { _ = os.Setenv("PGSERVICE", name) }()
	}
	return pgconn.ParseConfig(overrides)
}

// config fills the driver's own struct: no connection string is ever assembled from what people typed (P3).
func (s *source) config(database string) (*pgconn.Config, error) {
	base, err := blank()
	if err != nil {
		return nil, errors.New("the PostgreSQL driver cannot be configured")
	}
	c := base.Copy()
	c.User = s.target.Values["user"]
	c.Password = s.target.Secrets["password"].Reveal()
	c.Database = database
	c.RuntimeParams = map[string]string{"application_name": "patchbay", "client_encoding": "UTF8", "datestyle": "ISO"}
	c.TLSConfig, c.Fallbacks = nil, nil // dial encrypts, or fails
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.dial(ctx) }
	c.MaxProtocolMessageBodyLen = maxMessage
	return c, nil
}

// connect opens one connection and signs in.
func (s *source) connect(ctx context.Context, database string) (*pgconn.PgConn, error) {
	c, err := s.config(database)
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	transport.Established(conn.Conn())
	return conn, nil
}

// dial reaches the server and encrypts. The driver dials by it for cancel requests too, to an address that it takes from the
// connection, which behind a tunnel means nothing: the configured one is dialled whatever it asks for.
func (s *source) dial(ctx context.Context) (net.Conn, error) {
	conn, err := s.target.Dial(ctx, "tcp", net.JoinHostPort(s.target.Values["host"], s.target.Values["port"]))
	if err != nil || s.target.TLS == nil {
		return conn, err
	}
	secure, err := startTLS(ctx, conn, s.target.TLS)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// startTLS asks the server to encrypt and takes no for an error (P11). The one byte of the answer is read alone: what a man
// in the middle puts behind it must not be taken for something that was said under TLS.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
func startTLS(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, error) {
	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, err
	}
	switch answer[0] {
	case 'S':
		secure := tls.Client(conn, config.Clone())
		return secure, secure.HandshakeContext(ctx)
	case 'N', 'E':
		return nil, errNoTLS
	}
	return nil, errNotPostgres
}

// Server implements connectors.Source.
func (s *source) Server(ctx context.Context) (connectors.Server, error) {
	out := connectors.Server{Product: "PostgreSQL"}
	se, err := s.acquire(ctx, "")
	if err != nil {
		return out, err
	}
	defer s.release(se)
	out.Version = version(se.conn)
	out.Warnings, err = tooStrong(ctx, se)
	return out, err
}
