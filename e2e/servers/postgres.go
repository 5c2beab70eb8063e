package servers

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Postgres starts a PostgreSQL server: Debian's 15, or "18" from Maven Central.
func Postgres(t testing.TB, o Options) *Server {
	t.Helper()
	return shared(t, "postgres", "postgres", o, startPostgres)
}

// hba lets people in as a guarded server does: a password by SCRAM, one user by certificate, one from nowhere.
const hba = `local all all scram-sha-256
hostssl all patchbay_cert all cert
host all patchbay_refused all reject
host all all 127.0.0.1/32 scram-sha-256
`

func startPostgres(dir, user string, o Options) (*Server, error) {
	s := &Server{Product: "postgres", Version: o.Version, Host: "127.0.0.1", Database: "patchbay", User: "patchbay", Password: password(),
		Admin: "postgres", AdminPassword: password(), CertUser: "patchbay_cert", RefusedUser: "patchbay_refused"}
	bin, err := postgresPrograms(s, dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := put(dir, "pw", s.AdminPassword, user); err != nil {
		return nil, err
	}
	if err := setup(dir, user, filepath.Join(bin, "initdb"), "-D", data, "-U", s.Admin, "-A", "scram-sha-256",
		"--pwfile", filepath.Join(dir, "pw"), "-E", "UTF8", "--no-locale", "-N"); err != nil {
		return nil, err
	}
	if err := configurePostgres(s, o, data, user); err != nil {
		return nil, err
	}
	p := program{dir: dir, user: user, signal: "QUIT", path: filepath.Join(bin, "postgres"), args: []string{"-D", data, "-k", dir},
		ready: "database system is ready to accept connections", failed: "FATAL:"}
	if s.alive, err = p.run(); err != nil {
		return nil, err
	}
	return s, makePeople(s)
}

func postgresPrograms(s *Server, dir string) (bin string, err error) {
	if s.Version == "" {
		s.Version = "15"
		bin = "/usr/lib/postgresql/15/bin"
		return bin, installed(bin+"/postgres", "postgresql-15")
	}
	root, err := fetched("postgres-"+s.Version, dir)
	return filepath.Join(root, "bin"), err
}

func configurePostgres(s *Server, o Options, data, user string) (err error) {
	if s.Port, err = freePort(); err != nil {
		return err
	}
	conf := []string{
		"listen_addresses = '127.0.0.1'", "port = " + strconv.Itoa(s.Port), "max_connections = 200", "password_encryption = scram-sha-256",
		"fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_locks_per_transaction = 256", "timezone = 'UTC'",
	}
	if !o.NoTLS {
		files, err := serverCertificate(o.Certificate)
		if err != nil {
			return err
		}
		if s.ClientCert, s.ClientKey, err = clientCertificate(s.CertUser); err != nil {
			return err
		}
		s.CA = files.ca
		for name, text := range map[string]string{"ca.pem": files.ca, "cert.pem": files.cert, "key.pem": files.key} {
			if err := put(data, name, text, user); err != nil {
				return err
			}
		}
		conf = append(conf, "ssl = on", "ssl_ca_file = 'ca.pem'", "ssl_cert_file = 'cert.pem'", "ssl_key_file = 'key.pem'")
	}
	if err := put(data, "pg_hba.conf", hbaFor(o), user); err != nil {
		return err
	}
	return put(data, "postgresql.auto.conf", strings.Join(append(conf, o.Settings), "\n")+"\n", user)
}

// hbaFor leaves out what a server without TLS does not know.
func hbaFor(o Options) string {
	if o.NoTLS {
		return strings.Replace(hba, "hostssl all patchbay_cert all cert\n", "", 1)
	}
	return hba
}

func makePeople(s *Server) error {
	db, err := s.open("postgres")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, statement := range []string{
		fmt.Sprintf("create role %s login createdb password '%s'", s.User, s.Password),
		fmt.Sprintf("create role %s login", s.CertUser),
		fmt.Sprintf("create role %s login password '%s'", s.RefusedUser, s.Password),
		fmt.Sprintf("create database %s owner %s", s.Database, s.User),
	} {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("make people: %w", err)
		}
	}
	return nil
}
