package conformance

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"patchbay/connectors"
	"patchbay/secret"
)

var reachingChecks = []check{
	{"version", nil, checkVersion},
	{"test steps", nil, checkSteps},
	{"warnings", needsSecond, checkWarnings},
	{"wrong password", needsPassword, checkWrongPassword},
	{"wrong database", needsDatabase, checkWrongDatabase},
	{"wrong file", embedded, checkWrongFile},
	{"closed port", network, checkClosedPort},
	{"unknown host", network, checkUnknownHost},
	{"private address", network, checkPrivateAddress},
	{"fields are read", nil, checkFieldsAreRead},
	{"nothing ambient", network, checkNothingAmbient},
	{"secrets stay", needsPassword, checkSecretsStay},
}

func needsPassword(s *Subject) string {
	if s.Secrets["password"].IsZero() {
		return "no password"
	}
	return ""
}

func needsDatabase(s *Subject) string {
	if s.Values["database"] == "" {
		return "no database to name"
	}
	return ""
}

func checkVersion(t *T, s *Subject) {
	server, err := t.open(s.request()).Server(t.Context())
	if err != nil {
		t.Fatalf("%v", err)
	}
	if server.Product != s.Product || !strings.HasPrefix(server.Version, s.Version) || server.Version == "" {
		t.Errorf("%s %s answers, want %s %s", server.Product, server.Version, s.Product, s.Version)
	}
}

func checkSteps(t *T, s *Subject) {
	req := s.request()
	report := t.test(req)
	var names []connectors.StepName
	for _, step := range report.Steps {
		names = append(names, step.Name)
		if !step.OK || step.Detail == "" {
			t.Errorf("step %+v: %v", step, step.Err)
		}
	}
	if want := s.Connector.Steps(req.Values); !report.OK || !slices.Equal(names, want) {
		t.Errorf("OK %v, steps %v, want %v", report.OK, names, want)
	}
}

// A user whose rights reach beyond the data is warned of, with the statement that makes a weaker one; others are not.
func checkWarnings(t *T, s *Subject) {
	warnings := func(req connectors.Request) []string {
		server, err := t.open(req).Server(t.Context())
		if err != nil {
			t.Fatalf("%v", err)
		}
		return server.Warnings
	}
	t.fresh(s)
	t.limit(s)
	for name, req := range map[string]connectors.Request{"limited": s.as(s.Limited.User), "ordinary": s.request()} {
		if got := warnings(req); len(got) != 0 {
			t.Errorf("the %s user is warned of: %v", name, got)
		}
	}
	if got := strings.Join(warnings(s.as(*s.Strong)), ""); !strings.Contains(strings.ToLower(got), "grant ") {
		t.Errorf("the strong user is warned of by %q, which makes no weaker one", got)
	}
}

// as is the request of another user.
func (s *Subject) as(u User) connectors.Request {
	req := s.request(u.Values)
	maps.Copy(req.Secrets, u.Secrets)
	return req
}

// limit makes the table "closed", which the limited user may not read.
func (t *T) limit(s *Subject) {
	t.Helper()
	t.admin(s, fmt.Sprintf("create table %s (n %s)", s.table("closed"), s.intType()))
	for _, statement := range s.Limited.Setup {
		t.admin(s, fill(statement, s.table("closed")))
	}
}

func checkWrongPassword(t *T, s *Subject) {
	req := s.request()
	req.Secrets["password"] = secret.New("not-the-password-9")
	if e := t.refused(req, connectors.CauseSignIn); leaks(e, "not-the-password-9") != "" {
		t.Errorf("the password is in %+v", e)
	}
	report := t.test(req)
	if last := report.Steps[len(report.Steps)-1]; last.Name != connectors.StepSignIn || last.OK {
		t.Errorf("the test ends with %+v", last)
	}
	delete(req.Secrets, "password")
	t.refused(req, connectors.CauseSignIn)
}

func checkWrongDatabase(t *T, s *Subject) {
	for _, name := range []string{"no_such_database", "no'such\"data;base=x host=/tmp", "x?sslmode=disable&host=/tmp"} {
		t.refused(s.request(connectors.Values{"database": name}), connectors.CauseNotFound)
	}
}

func checkWrongFile(t *T, s *Subject) {
	t.refused(s.request(connectors.Values{"file": "nothing-here.db"}), connectors.CauseNotFound)
	for _, name := range []string{"../outside.db", "/etc/passwd", "."} {
		t.refused(s.request(connectors.Values{"file": name}), connectors.CauseRefusedPolicy)
	}
}

func checkClosedPort(t *T, s *Subject) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	t.refused(s.request(connectors.Values{"host": "127.0.0.1", "port": port}), connectors.CauseUnreachable)
}

func checkUnknownHost(t *T, s *Subject) {
	t.refused(s.request(connectors.Values{"host": "nosuch.invalid"}), connectors.CauseAddress)
}

func checkPrivateAddress(t *T, s *Subject) {
	p := startProxy(t, s)
	req := s.request(p.values())
	req.AllowPrivate = false
	t.refused(req, connectors.CauseRefusedPolicy)
	if n := p.accepted.Load(); n != 0 {
		t.Errorf("%d connections were made before the refusal", n)
	}
}

// Every declared field must matter: with another value the source fails, or is dialled elsewhere, or says other bytes.
func checkFieldsAreRead(t *T, s *Subject) {
	t.fresh(s)
	plain := t.outline(s, s.request())
	for _, f := range s.Connector.Fields {
		req := s.request()
		if f.Secret {
			req.Secrets[f.Key] = secret.New("another secret")
		} else {
			req.Values[f.Key] = another(f, req.Values[f.Key])
		}
		if t.outline(s, req) == plain {
			t.Errorf("field %s: another value changes nothing that the server or the caller sees", f.Key)
		}
	}
}

// another is a value of a field that differs from the one it has.
func another(f connectors.Field, value string) string {
	if value == "" {
		value = f.Default
	}
	switch f.Kind {
	case connectors.Bool:
		if value == "true" {
			return "false"
		}
		return "true"
	case connectors.Number:
		if value == "1" {
			return "2"
		}
		return "1"
	case connectors.Select:
		for _, c := range f.Choices {
			if c.Value != value {
				return c.Value
			}
		}
	}
	return "another-" + value
}

// outline is what opening looks like from outside: where it was dialled, what was said, how it ended.
func (t *T) outline(s *Subject, req connectors.Request) string {
	t.Helper()
	src, err := try(t.Context(), req)
	if err != nil {
		return "fails"
	}
	defer func() { _ = src.Close() }()
	if s.Connector.Tunnel {
		p := startProxy(t, s)
		maps.Copy(req.Values, p.values())
		if through, err := try(t.Context(), req); err == nil {
			_ = through.Close()
		}
		p.end() // all that was said has been heard
		return fmt.Sprint("said ", p.sent.Load())
	}
	_, err = t.tryAsk(src, connectors.Statement{SQL: fmt.Sprintf("create table %s (n %s)", s.table(nextMark()), s.intType())})
	return fmt.Sprint("opens, and can write: ", err == nil)
}

// The environment never completes a connection (PROMISES P4): with every variable and file that drivers read pointing to a
// stranger, the same server answers the same user.
func checkNothingAmbient(t *T, s *Subject) {
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { _ = stranger.Close() }()
	met := make(chan struct{}, 100)
	go func() {
		for {
			c, err := stranger.Accept()
			if err != nil {
				return
			}
			met <- struct{}{}
			_ = c.Close()
		}
	}()
	host, port, _ := net.SplitHostPort(stranger.Addr().String())
	for name, value := range map[string]string{
		"PGHOST": host, "PGHOSTADDR": host, "PGPORT": port, "PGUSER": "canary", "PGPASSWORD": "canary", "PGDATABASE": "canary", "PGSERVICE": "canary",
		"PGSSLMODE": "disable", "PGSSLROOTCERT": "/canary", "PGOPTIONS": "-c canary=1", "PGPASSFILE": "/canary", "PGAPPNAME": "canary", "PGTARGETSESSIONATTRS": "standby",
		"MYSQL_HOST": host, "MYSQL_TCP_PORT": port, "MYSQL_PWD": "canary", "HTTP_PROXY": "http://" + stranger.Addr().String(),
		"HTTPS_PROXY": "http://" + stranger.Addr().String(), "ALL_PROXY": "socks5://" + stranger.Addr().String(), "HOME": "/canary",
	} {
		t.Setenv(name, value)
	}
	t.open(s.request())
	req := s.request()
	delete(req.Secrets, "password")
	if src, err := try(t.Context(), req); err == nil && needsPassword(s) == "" {
		_ = src.Close()
		t.Errorf("it signs in without the password")
	}
	if len(met) > 0 {
		t.Errorf("the environment's server was reached %d times", len(met))
	}
}

// A secret is in no error and no step, wherever opening fails (PROMISES P14).
func checkSecretsStay(t *T, s *Subject) {
	for name, change := range map[string]connectors.Values{
		"sign-in": nil, "lookup": {"host": canary[:1] + "nosuch.invalid"}, "port": {"port": "1"}, "database": {"database": "nosuch"},
		"TLS": {"tls_mode": "verify-full", "tls_ca": "", "tls_server_name": "nosuch.example"},
	} {
		req := s.request(change)
		for key := range req.Secrets {
			req.Secrets[key] = secret.New(canary)
		}
		src, err := try(t.Context(), req)
		if err == nil {
			_ = src.Close()
			t.Errorf("%s: it opens", name)
			continue
		}
		report := t.test(req)
		text := fmt.Sprintf("%v %+v %+v %#v", err, err, report, report.Steps[len(report.Steps)-1].Err)
		if form := leaks(text, canary); form != "" {
			t.Errorf("%s: the secret is shown %s: %s", name, form, text)
		}
	}
}
