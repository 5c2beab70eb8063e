package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"patchbay/connectors"
	"patchbay/connectors/transport"
	"patchbay/e2e/servers"
	"patchbay/secret"
)

func TestServer(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "18"} {
		server := servers.Postgres(t, servers.Options{Version: version})
		src := opened(t, target(t, server))
		got, err := src.Server(t.Context())
		if err != nil || got.Product != "PostgreSQL" || !strings.HasPrefix(got.Version, server.Version+".") || len(got.Warnings) > 0 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// A user whose rights reach beyond the data is told of, with the statement that makes a weaker one (P10).
func TestTooStrong(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	server.Exec(t, "postgres", "create role strong login password 'strong'; grant pg_execute_server_program to strong")
	for user, c := range map[string]struct{ password, want string }{
		server.Admin: {server.AdminPassword, "is a superuser"}, "strong": {"strong", "has the role pg_execute_server_program"},
	} {
		where := target(t, server)
		where.Values["user"], where.Secrets["password"] = user, secret.New(c.password)
		got, err := opened(t, where).Server(t.Context())
		if err != nil || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], c.want) || !strings.Contains(got.Warnings[0], weaker) {
			t.Errorf("%s: %q, %v", user, got.Warnings, err)
		}
	}
}

func TestCertificateSignIn(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	where := target(t, server)
	where.Values["auth"], where.Values["user"] = "certificate", server.CertUser
	where.Secrets = connectors.Secrets{}
	if _, err := open(t.Context(), where); !errors.Is(err, errNoCertificate) {
		t.Errorf("without a certificate: %v", err)
	}
	config, err := transport.TLS{Mode: transport.TLSVerifyFull, ServerName: server.Host, CA: server.CA, Cert: server.ClientCert, Key: server.ClientKey}.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	where.TLS = config
	if got := one(t, opened(t, where), "select current_user"); got != server.CertUser {
		t.Errorf("signed in as %s", got)
	}
}

// What the server says no to has the cause that it means, whatever language it says it in.
func TestRefusals(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	server.Exec(t, "postgres", "create role full login password 'full' connection limit 0")
	for name, c := range map[string]struct {
		values connectors.Values
		secret string
		cause  connectors.Cause
		code   string
	}{
		"wrong password":   {nil, "wrong", connectors.CauseSignIn, "28P01"},
		"unknown user":     {connectors.Values{"user": "nobody"}, "", connectors.CauseSignIn, "28P01"},
		"unknown database": {connectors.Values{"database": "nothing"}, "", connectors.CauseNotFound, "3D000"},
		"refused by rule":  {connectors.Values{"user": server.RefusedUser}, "", connectors.CauseSignIn, "28000"},
		"connection limit": {connectors.Values{"user": "full"}, "full", connectors.CauseLimit, "53300"},
	} {
		where := target(t, server)
		for key, v := range c.values {
			where.Values[key] = v
		}
		if c.secret != "" {
			where.Secrets["password"] = secret.New(c.secret)
		}
		_, err := open(t.Context(), where)
		if e := classify(err); e == nil || e.Cause != c.cause || e.Code != c.code {
			t.Errorf("%s: %+v from %v", name, e, err)
		}
	}
}

// The password is sent to nobody but the server that the TLS mode asks for (P11): the others see nothing beyond the request
// for TLS.
func TestNoTLSNoPassword(t *testing.T) {
	t.Parallel()
	for _, o := range []servers.Options{{NoTLS: true}, {Certificate: servers.Expired}, {Certificate: servers.WrongName}, {Certificate: servers.OtherAuthority}} {
		server := servers.Postgres(t, o)
		good := servers.Postgres(t, servers.Options{})
		where := target(t, good)
		where.Values["port"] = strconv.Itoa(server.Port)
		src, err := open(t.Context(), where)
		if err == nil {
			_ = src.Close()
			t.Errorf("%+v: opened", o)
		}
		if o.NoTLS && (classify(err) == nil || classify(err).Cause != connectors.CauseTLS) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, answer := range []string{"N", "E", "x", "", "Sgarbage"} {
		heard := listen(t, answer, func(port int) {
			where := target(t, servers.Postgres(t, servers.Options{}))
			where.Values["port"] = strconv.Itoa(port)
			where.Values["user"], where.Secrets["password"] = "canary-user", secret.New("canary-password")
			if src, err := open(t.Context(), where); err == nil {
				_ = src.Close()
				t.Errorf("answer %q: opened", answer)
			}
		})
		if strings.Contains(heard, "canary") {
			t.Errorf("answer %q: the server heard %q", answer, heard)
		}
	}
}

// listen is a server that answers the first message with answer; it gives back all that it heard.
func listen(t *testing.T, answer string, connect func(port int)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			heard <- ""
			return
		}
		defer func() { _ = c.Close() }()
		var all []byte
		buf := make([]byte, 4096)
		for n, err := c.Read(buf); err == nil; n, err = c.Read(buf) {
			all = append(all, buf[:n]...)
			if len(all) <= 8 {
				_, _ = c.Write([]byte(answer))
			}
			if answer == "" {
				break
			}
		}
		heard <- string(all)
	}()
	connect(l.Addr().(*net.TCPAddr).Port)
	_ = l.Close()
	return <-heard
}

// Nothing of the surroundings completes a connection (P4): each variable and file that the driver knows holds a canary, and a
// server that writes down all it hears hears none.
func TestNothingAmbient(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	put := func(name, text string) {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(".pgpass", "*:*:*:*:canary-passfile\n")
	put(".pg_service.conf", "[canary-service]\nhost=canary-host\nuser=canary-service-user\noptions=-c canary.service=1\n")
	for _, name := range []string{"postgresql.crt", "postgresql.key", "root.crt"} {
		put(".postgresql/"+name, "canary")
	}
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGAPPNAME", "PGCONNECT_TIMEOUT", "PGSSLMODE", "PGSSLKEY",
		"PGSSLCERT", "PGSSLCERTMODE", "PGSSLSNI", "PGSSLROOTCERT", "PGSSLPASSWORD", "PGSSLNEGOTIATION", "PGTARGETSESSIONATTRS", "PGSERVICE", "PGSERVICEFILE", "PGTZ",
		"PGOPTIONS", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGHOSTADDR", "PGDATESTYLE", "PGCLIENTENCODING"} {
		t.Setenv(name, "canary-"+strings.ToLower(name))
	}
	if _, err := newBlank(); err != nil {
		t.Fatal(err)
	}
	heard := startup(t)
	if strings.Contains(heard, "canary") || !strings.Contains(heard, "typed-user") || !strings.Contains(heard, "typed-password") {
		t.Errorf("the server heard %q", heard)
	}
	if os.Getenv("PGSERVICE") != "canary-pgservice" {
		t.Error("the environment was changed")
	}
}

// startup is what a server that asks for a password in clear hears, without TLS, from a connection with a typed user and password.
func startup(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	heard := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		backend := pgproto3.NewBackend(c, c)
		first, _ := backend.ReceiveStartupMessage()
		all, _ := first.Encode(nil)
		backend.Send(&pgproto3.AuthenticationCleartextPassword{})
		_ = backend.Flush()
		_ = backend.SetAuthType(pgproto3.AuthTypeCleartextPassword)
		if second, err := backend.Receive(); err == nil {
			all, _ = second.Encode(all)
		}
		heard <- string(all)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	dialer := transport.NewDialer(transport.Policy{AllowPrivate: true}, nil)
	_, _ = open(ctx, connectors.Target{Dial: dialer.Dial, Secrets: connectors.Secrets{"password": secret.New("typed-password")}, Values: connectors.Values{
		"host": "127.0.0.1", "port": strconv.Itoa(l.Addr().(*net.TCPAddr).Port), "database": "typed-database", "user": "typed-user", "auth": "password"}})
	return <-heard
}
