package postgres

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"patchbay/connectors"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]connectors.Values{
		"postgres://ann:p%40ss@db.example.com/shop":                              {"host": "db.example.com", "port": "5432", "database": "shop", "user": "ann", "password": "p@ss"},
		"POSTGRESQL://ann@db.example.com:6432/shop?sslmode=require":              {"host": "db.example.com", "port": "6432", "database": "shop", "user": "ann", "tls_mode": "require"},
		"postgres://[2001:db8::1]:5433/shop%2Fold":                               {"host": "2001:db8::1", "port": "5433", "database": "shop/old"},
		"jdbc:postgresql://db/shop?user=ann&password=a+b%26c&ssl=true":           {"host": "db", "port": "5432", "database": "shop", "user": "ann", "password": "a+b&c"},
		"postgres:///shop?host=db&port=99&connect_timeout=10&application_name=x": {"host": "db", "port": "99", "database": "shop"},
		`host=db dbname = shop user='ann b' password='it\'s \\ x' port=99`:       {"host": "db", "port": "99", "database": "shop", "user": "ann b", "password": `it's \ x`},
		`host=db password=a\ b sslmode=verify-ca`:                                {"host": "db", "port": "5432", "password": "a b", "tls_mode": "verify-ca"},
	} {
		v, s, err := parseURL(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if !s["password"].IsZero() {
			v["password"] = s["password"].Reveal()
		}
		if !maps.Equal(v, want) {
			t.Errorf("%s: %v, want %v", raw, v, want)
		}
	}
}

// Every parameter that is not known is refused by its name, and no refusal repeats the password.
func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for raw, word := range map[string]string{
		"postgres://u:canary@db/x?sslrootcert=/etc/passwd":               "sslrootcert",
		"postgres://u:canary@db/x?passfile=/etc/passwd":                  "passfile",
		"postgres://u:canary@db/x?service=x":                             "service",
		"postgres://u:canary@db/x?servicefile=/x":                        "servicefile",
		"postgres://u:canary@db/x?options=-c%20x":                        "options",
		"postgres://u:canary@db/x?s%73lkey=/x":                           "sslkey",
		"postgres://u:canary@db/x?SSLMODE=disable":                       "SSLMODE",
		"postgres://u:canary@db/x?hostaddr=1.2.3.4":                      "hostaddr",
		"postgres://u:canary@db/x?sslmode=disable":                       "TLS",
		"postgres://u:canary@db/x?sslmode=prefer":                        "TLS",
		"postgres://u:canary@db/x?sslmode=require&sslmode=verify-full":   "twice",
		"postgres://u:canary@db/x?host=other":                            "twice",
		"postgres://u:canary@a,b/x":                                      "host",
		"postgres://u:canary@/x?host=/var/run/postgresql":                "host",
		"postgres://u:canary@db:99999/x":                                 "port",
		"postgres://u:can ary@db/%zz":                                    "Use postgres://",
		"jdbc:postgresql:shop":                                           "Use postgres://",
		"jdbc:postgresql://db/x?socketFactory=org.x&password=canary":     "socketFactory",
		"jdbc:postgresql://db/x?loggerFile=/x&password=canary":           "loggerFile",
		"host=/tmp password=canary":                                      "host",
		"host=db password=canary service=x":                              "service",
		"host=db password='canary":                                       "Use postgres://",
		"host=db password=canary sslmode=require sslrootcert=/etc/hosts": "sslrootcert",
		"nonsense":                         "Use postgres://",
		"":                                 "Use postgres://",
		"postgres://u:canary@db/x?a%1bb=1": "not known here",
	} {
		v, s, err := parseURL(raw)
		var bad *connectors.FieldError
		if !errors.As(err, &bad) || v != nil || s != nil {
			t.Errorf("%s: %v %v", raw, v, err)
			continue
		}
		if !strings.Contains(bad.Key+bad.Words, word) || strings.Contains(bad.Words, "canary") || strings.Contains(bad.Words, "\x1b") {
			t.Errorf("%s: %v", raw, bad)
		}
	}
}

// FuzzParseURL: whatever is read fills the known fields, with values that the fields' own checks take.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"postgres://ann:p%40ss@db.example.com:5432/shop?sslmode=require", "jdbc:postgresql://[::1]/x?user=a&ssl=true", `host=db user='a\'b' password=x\ y`,
		"postgres://a:b@/x?host=/tmp&hostaddr=1", "host=a,b port=1,2", "postgresql://u@h/%00"} {
		f.Add(seed)
	}
	known := map[string]bool{"host": true, "port": true, "database": true, "user": true, "tls_mode": true}
	f.Fuzz(func(t *testing.T, raw string) {
		v, s, err := parseURL(raw)
		var bad *connectors.FieldError
		if err != nil {
			if !errors.As(err, &bad) {
				t.Fatalf("%q: %v is no field's error", raw, err)
			}
			return
		}
		for key, value := range v {
			if !known[key] || strings.ContainsAny(value, "\x00\n") {
				t.Fatalf("%q: %s is %q", raw, key, value)
			}
		}
		for key := range s {
			if key != "password" {
				t.Fatalf("%q: secret %s", raw, key)
			}
		}
		if v["host"] != "" && connectors.CheckHost(v["host"]) != nil || connectors.CheckPort(v["port"]) != nil || strings.HasPrefix(v["host"], "/") {
			t.Fatalf("%q: %v", raw, v)
		}
	})
}
