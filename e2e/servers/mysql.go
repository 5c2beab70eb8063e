package servers

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// MySQL starts Oracle's MySQL 8.0.15. It knows no cipher with forward secrecy: TLS reaches it with
// tls.TLS_RSA_WITH_AES_128_GCM_SHA256 listed, and not otherwise.
func MySQL(t testing.TB, o Options) *Server {
	t.Helper()
	return shared(t, "mysql", "nobody", o, startMySQL)
}

// MariaDB starts Debian's MariaDB.
func MariaDB(t testing.TB, o Options) *Server {
	t.Helper()
	return shared(t, "mariadb", "nobody", o, startMariaDB)
}

func startMySQL(dir, user string, o Options) (*Server, error) {
	root, err := fetched("mysql-8.0", dir)
	if err != nil {
		return nil, err
	}
	if err := installedAny("libaio1", "/lib/*/libaio.so.1", "/usr/lib/*/libaio.so.1"); err != nil {
		return nil, err
	}
	path := filepath.Join(root, "bin", "mysqld")
	common := []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--basedir=" + root, "--lc-messages-dir=" + filepath.Join(root, "share")}
	if err := setup(dir, user, path, append(common, "--initialize-insecure")...); err != nil {
		return nil, err
	}
	s := newMySQL("mysql", "8.0.15")
	return s, runMySQL(s, o, dir, user, path, append(common, "--mysqlx=OFF"))
}

func startMariaDB(dir, user string, o Options) (*Server, error) {
	const path = "/usr/sbin/mariadbd"
	if err := installed(path, "mariadb-server"); err != nil {
		return nil, err
	}
	data := "--datadir=" + filepath.Join(dir, "data")
	if err := setup(dir, user, "/usr/bin/mariadb-install-db", "--no-defaults", data, "--skip-test-db", "--auth-root-authentication-method=normal"); err != nil {
		return nil, err
	}
	s := newMySQL("mariadb", "10.11")
	return s, runMySQL(s, o, dir, user, path, []string{"--no-defaults", data})
}

func newMySQL(product, version string) *Server {
	return &Server{Product: product, Version: version, Host: "127.0.0.1", Database: "patchbay", User: "patchbay", Password: password(),
		Admin: "admin", AdminPassword: password(), CertUser: "patchbay_cert", RefusedUser: "patchbay_refused"}
}

// runMySQL starts a server whose data folder is ready, with its people made by its init file.
func runMySQL(s *Server, o Options, dir, user, path string, args []string) (err error) {
	if s.Port, err = freePort(); err != nil {
		return err
	}
	if err := put(dir, "init.sql", strings.Join(mysqlPeople(s, o), "\n")+"\n", user); err != nil {
		return err
	}
	args = append(args, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.Port), "--socket="+filepath.Join(dir, "s"),
		"--pid-file="+filepath.Join(dir, "pid"), "--init-file="+filepath.Join(dir, "init.sql"), "--skip-name-resolve", "--skip-log-bin",
		"--performance-schema=OFF", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--max-connections=200", "--tmpdir="+dir)
	if args, err = mysqlTLS(s, o, dir, user, args); err != nil {
		return err
	}
	p := program{dir: dir, user: user, signal: "KILL", path: path, args: args, ready: "ready for connections", failed: "Aborting"}
	s.alive, err = p.run()
	return err
}

func mysqlTLS(s *Server, o Options, dir, user string, args []string) ([]string, error) {
	if o.NoTLS {
		return append(args, "--skip-ssl"), nil
	}
	files, err := serverCertificate(o.Certificate)
	if err != nil {
		return nil, err
	}
	if s.ClientCert, s.ClientKey, err = clientCertificate(s.CertUser); err != nil {
		return nil, err
	}
	s.CA = files.ca
	for name, text := range map[string]string{"ca": files.ca, "cert": files.cert, "key": files.key} {
		if err := put(dir, name+".pem", text, user); err != nil {
			return nil, err
		}
		args = append(args, "--ssl-"+name+"="+filepath.Join(dir, name+".pem"))
	}
	return args, nil
}

// mysqlPeople are statements of one line each, as an init file wants them. User can make databases and has none of the
// privileges that reach the server's disk or its other users.
func mysqlPeople(s *Server, o Options) []string {
	people := []string{
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s';", s.Admin, s.AdminPassword),
		fmt.Sprintf("GRANT ALL ON *.* TO '%s'@'%%' WITH GRANT OPTION;", s.Admin),
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s';", s.User, s.Password),
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, TRIGGER, " +
			fmt.Sprintf("CREATE TEMPORARY TABLES, LOCK TABLES, EVENT ON *.* TO '%s'@'%%';", s.User),
		fmt.Sprintf("CREATE USER '%s'@'192.0.2.1' IDENTIFIED BY '%s';", s.RefusedUser, s.Password),
		fmt.Sprintf("CREATE DATABASE `%s`;", s.Database),
	}
	if !o.NoTLS {
		people = append(people, fmt.Sprintf("CREATE USER '%s'@'%%' REQUIRE SUBJECT '/CN=%s';", s.CertUser, s.CertUser))
	}
	return people
}

// installedAny is installed for a file whose folder depends on the machine.
func installedAny(pkg string, patterns ...string) error {
	for _, pattern := range patterns {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s is missing: install Debian's %s (e2e/servers/install)", patterns[0], pkg)
}
