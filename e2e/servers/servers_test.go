package servers

import (
	"strings"
	"testing"
)

// Each server starts, is the product and version that it says, and speaks TLS.
func TestServers(t *testing.T) {
	for name, c := range map[string]struct {
		server  func(testing.TB, Options) *Server
		options Options
		cipher  string // a statement whose answer is not empty over TLS
	}{
		"postgres 15": {Postgres, Options{}, "select cipher from pg_stat_ssl where pid = pg_backend_pid()"},
		"postgres 18": {Postgres, Options{Version: "18"}, "select cipher from pg_stat_ssl where pid = pg_backend_pid()"},
		"mysql":       {MySQL, Options{}, "select variable_value from performance_schema.session_status where variable_name = 'Ssl_cipher'"},
		"mariadb":     {MariaDB, Options{}, "select variable_value from information_schema.session_status where variable_name = 'Ssl_cipher'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.server(t, c.options)
			db := s.DB(t, s.Database)
			var version, cipher string
			if err := db.QueryRow("select version()").Scan(&version); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(version, s.Version) {
				t.Errorf("version %s, want %s", version, s.Version)
			}
			if err := db.QueryRow(c.cipher).Scan(&cipher); err != nil || cipher == "" {
				t.Errorf("cipher %q, %v: not encrypted", cipher, err)
			}
		})
	}
}

func TestServerIsShared(t *testing.T) {
	if a, b := Postgres(t, Options{}), Postgres(t, Options{}); a != b {
		t.Error("two servers for the same options")
	}
}
