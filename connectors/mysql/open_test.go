package mysql

import (
	"errors"
	"strings"
	"testing"

	"patchbay/connectors"
	"patchbay/connectors/transport"
	"patchbay/e2e/servers"
	"patchbay/secret"
)

// Every method of signing in that the servers have, in clear and under TLS: first the long way, then the one that the server
// remembers. A wrong password is refused by each.
func TestMethodsOfSigningIn(t *testing.T) {
	t.Parallel()
	all := both(t)
	admin(t, all["MariaDB"], "install soname 'auth_ed25519'")
	for _, c := range []struct{ product, user, made string }{
		{"MySQL", "by_native", "identified with mysql_native_password by 'pässword@:/%'"},
		{"MySQL", "by_caching", "identified with caching_sha2_password by 'pässword@:/%'"},
		{"MySQL", "by_sha256", "identified with sha256_password by 'pässword@:/%'"},
		{"MariaDB", "by_native", "identified via mysql_native_password using password('pässword@:/%')"},
		{"MariaDB", "by_ed25519", "identified via ed25519 using password('pässword@:/%')"},
	} {
		server := all[c.product]
		admin(t, server, "create user "+c.user+" "+c.made, "create user "+c.user+"_empty")
		for _, encrypted := range []bool{true, false, false} {
			where := target(t, server)
			where.Values["user"], where.Values["database"] = c.user, ""
			if !encrypted {
				where.TLS, where.Values["tls_mode"] = nil, "disable"
			}
			where.Secrets["password"] = secret.New("not the password")
			_, err := open(t.Context(), where)
			if e := classify(err); e == nil || e.Cause != connectors.CauseSignIn {
				t.Errorf("%s, %s, wrong password: %v", c.product, c.user, err)
			}
			where.Secrets["password"] = secret.New("pässword@:/%")
			if got := one(t, opened(t, where), "select substring_index(user(), '@', 1)"); got != c.user {
				t.Errorf("%s, %s: signed in as %s", c.product, c.user, got)
			}
			where.Values["user"], where.Secrets = c.user+"_empty", nil
			if _, err := open(t.Context(), where); err != nil {
				t.Errorf("%s, %s: without a password: %v", c.product, c.user, err)
			}
		}
	}
}

func TestCertificateSignIn(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		where := target(t, server)
		where.Values["auth"], where.Values["user"], where.Values["database"], where.Secrets = "certificate", server.CertUser, "", nil
		if _, err := open(t.Context(), where); !errors.Is(err, errNoCertificate) {
			t.Errorf("%s: without a certificate: %v", name, err)
		}
		config, err := transport.TLS{Mode: transport.TLSVerifyFull, ServerName: server.Host, CA: server.CA, Cert: server.ClientCert, Key: server.ClientKey}.Config(nil)
		if err != nil {
			t.Fatal(err)
		}
		config.CipherSuites = where.TLS.CipherSuites
		where.TLS = config
		if got := one(t, opened(t, where), "select substring_index(user(), '@', 1)"); got != server.CertUser {
			t.Errorf("%s: signed in as %s", name, got)
		}
	}
}

// An old server's handshake fails for a reason that its administrator can do something about.
func TestOldCiphers(t *testing.T) {
	t.Parallel()
	where := target(t, servers.MySQL(t, servers.Options{}))
	where.TLS.CipherSuites = nil
	_, err := open(t.Context(), where)
	if e := classify(err); e == nil || e.Cause != connectors.CauseTLS || !strings.Contains(e.Hint, "Update the server") {
		t.Errorf("%v", err)
	}
}

// A user whose rights reach beyond the data is told of, whatever its name looks like (P10).
func TestTooStrong(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		admin(t, server, "create user 'odd@na''me'@'%' identified by 'odd'", "grant file on *.* to 'odd@na''me'@'%'")
		for user, c := range map[string]struct {
			password string
			want     int
		}{server.Admin: {server.AdminPassword, 2}, "odd@na'me": {"odd", 1}, server.User: {server.Password, 0}} {
			where := target(t, server)
			where.Values["user"], where.Values["database"], where.Secrets["password"] = user, "", secret.New(c.password)
			got, err := opened(t, where).Server(t.Context())
			if err != nil || len(got.Warnings) != c.want || c.want > 0 && !strings.Contains(got.Warnings[0], "GRANT SELECT") {
				t.Errorf("%s, %s: %q, %v", name, user, got.Warnings, err)
			}
			if got.Product != name || !strings.HasPrefix(got.Version, server.Version) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}
