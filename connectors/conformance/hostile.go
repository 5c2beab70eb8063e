package conformance

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"patchbay/connectors"
)

var hostileChecks = []check{
	{"pasted URL", needsURL, checkPastedURL},
	{"hostile parameters", needsURL, checkHostileParameters},
	{"hostile fields", network, checkHostileFields},
}

func needsURL(s *Subject) string {
	if s.Connector.ParseURL == nil {
		return "no URLs"
	}
	return ""
}

// canary is a password with every character that URLs and connection strings trip over.
const canary = `p@:/%?#'"\ž-Zx9 Q;`

// pasted is a connection URL of the subject's product; extra goes to its end.
func pasted(scheme, extra string) string {
	u := "//" + url.UserPassword("me", canary).String() + "@db.example.com:7777/shop" + extra
	return scheme + ":" + u
}

// fromURL reads a URL as the product does, and checks that a refusal does not repeat the password.
func (t *T) fromURL(s *Subject, raw string) (connectors.Values, connectors.Secrets, *connectors.FieldError) {
	t.Helper()
	r, err := connectors.NewRegistry([]*connectors.Connector{s.Connector}, nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	_, values, secrets, err := r.FromURL(raw)
	if err == nil {
		return values, secrets, nil
	}
	bad := (*connectors.FieldError)(nil)
	if !errors.As(err, &bad) || bad.Words == "" {
		t.Fatalf("%v is no field's error", err)
	}
	if form := leaks(err, canary); form != "" {
		t.Errorf("the password is shown %s: %v", form, err)
	}
	return nil, nil, bad
}

func checkPastedURL(t *T, s *Subject) {
	if len(s.Connector.Schemes) == 0 {
		t.Errorf("it reads URLs and names no scheme")
	}
	for _, scheme := range s.Connector.Schemes {
		values, secrets, bad := t.fromURL(s, pasted(scheme, ""))
		if bad != nil {
			t.Errorf("%s: %v", scheme, bad)
			continue
		}
		if values["host"] != "db.example.com" || values["port"] != "7777" || values["database"] != "shop" || values["user"] != "me" || secrets["password"].Reveal() != canary {
			t.Errorf("%s: %v, password read %v", scheme, values, secrets["password"].Reveal() == canary)
		}
		if wrong := s.Connector.Check(values, secrets, nil, false); len(wrong) > 0 {
			t.Errorf("%s: what was read does not pass the check: %v", scheme, wrong)
		}
		if values, _, bad := t.fromURL(s, scheme+"://db.example.com"); bad != nil || values["host"] != "db.example.com" {
			t.Errorf("%s with a host alone: %v, %v", scheme, values, bad)
		}
	}
}

// hostileParameters are options by which drivers read files, run code, choose other places or turn protection off.
var hostileParameters = []string{
	"allowAllFiles=true", "AllowAllFiles=true", "allow%41llFiles=true", "allowallfiles=1", "allowCleartextPasswords=true", "allowFallbackToPlaintext=true", "allowOldPasswords=true",
	"tls=skip-verify", "serverPubKey=x", "init=x", "init_connect=x", "sql_mode=x", "passfile=/etc/passwd", "servicefile=/etc/passwd", "service=x",
	"sslkey=/etc/passwd", "sslcert=/etc/passwd", "sslrootcert=/etc/passwd", "sslpassword=x", "sslmode=disable%00", "sslmode=prefer", "sslmode=allow",
	"socketFactory=java.lang.Runtime", "socketFactoryArg=x", "loggerFile=/tmp/x", "autoDeserialize=true", "allowLoadLocalInfile=true", "allowUrlInLocalInfile=true",
	"host=/var/run/postgresql", "hostaddr=127.0.0.1", "host=other.example.com", "port=1", "user=other", "password=other", "dbname=other", "unix_socket=/tmp/x", "socket=/tmp/x",
	"options=-c%20search_path%3Dx", "target_session_attrs=any", "krbsrvname=x", "default_query_exec_mode=simple_protocol", "fallback_application_name=x", "replication=database",
	"connectTimeout=1", "unknown=1", "Unknown=1", "un%6Bnown=1", "application_name=a;sslmode=disable",
}

// A pasted URL holds no raw options: each parameter becomes a known field or is refused by name (PROMISES P3).
func checkHostileParameters(t *T, s *Subject) {
	for _, scheme := range s.Connector.Schemes {
		plain, _, _ := t.fromURL(s, pasted(scheme, ""))
		for _, parameter := range hostileParameters {
			values, _, bad := t.fromURL(s, pasted(scheme, "?"+parameter))
			name, _ := url.QueryUnescape(strings.SplitN(parameter, "=", 2)[0])
			if bad != nil {
				if _, readable := url.ParseQuery(parameter); readable == nil && !strings.Contains(strings.ToLower(bad.Words+bad.Key), strings.ToLower(name)) {
					t.Errorf("%s?%s: %v does not name the parameter", scheme, parameter, bad)
				}
				continue
			}
			for key, value := range values {
				moved := (key == "host" || key == "port") && plain[key] != value
				if !known(s, key) || moved || strings.Contains(value, "/etc/passwd") {
					t.Errorf("%s?%s becomes %s %q", scheme, parameter, key, value)
				}
			}
			if wrong := s.Connector.Check(values, nil, []string{"password"}, false); len(wrong) == 0 && !slices.Contains([]string{"", "disable", "require", "verify-ca", "verify-full"}, values["tls_mode"]) {
				t.Errorf("%s?%s becomes TLS mode %s", scheme, parameter, values["tls_mode"])
			}
		}
	}
	for _, raw := range []string{":", "://", "://:0", ":////", "://" + strings.Repeat("a", 1<<16), "://[::1", "://me:" + url.QueryEscape(canary) + "@h:99999999/x", "://h/%zz", "://h:%31/x"} {
		for _, scheme := range s.Connector.Schemes {
			t.fromURL(s, scheme+raw) // whatever it is read as, it breaks nothing and shows nothing
		}
	}
}

func known(s *Subject, key string) bool {
	return slices.ContainsFunc(s.Connector.AllFields(), func(f connectors.Field) bool { return f.Key == key })
}

// What is typed into a field is data to the driver: it chooses no other place and no other option.
func checkHostileFields(t *T, s *Subject) {
	smuggled := []string{"x sslmode=disable", "x'; host=/tmp; '", "x@127.0.0.1:1/y", "x?allowAllFiles=true", "x)/y?tls=false&z=(", "x;init=y", "x' host='127.0.0.1", "x\\", "x%00y", "/tmp"}
	for _, text := range smuggled {
		if bad := s.Connector.Check(connectors.Values{"host": text, "user": "me"}, nil, []string{"password"}, true); bad["host"] == "" {
			t.Errorf("the host %q can be saved", text)
		}
		for _, key := range []string{"user", "database"} {
			if s.Values[key] == "" {
				continue
			}
			p := startProxy(t, s)
			t.refused(s.request(p.values(), connectors.Values{key: text}), connectors.CauseSignIn, connectors.CauseNotFound, connectors.CauseDenied)
			if p.accepted.Load() == 0 {
				t.Errorf("%s %q: the server was not reached: something else was", key, text)
			}
			p.end()
		}
	}
}
