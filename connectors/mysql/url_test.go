package mysql

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"patchbay/connectors"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	parse := Connectors()[0].ParseURL
	for raw, want := range map[string]connectors.Values{
		"mysql://ann:p%40ss@db.example.com/shop":                                       {"host": "db.example.com", "port": "3306", "database": "shop", "user": "ann", "password": "p@ss"},
		"MYSQL://ann@db.example.com:3307/shop?ssl-mode=VERIFY_IDENTITY":                {"host": "db.example.com", "port": "3307", "database": "shop", "user": "ann", "tls_mode": "verify-full"},
		"mysql://[2001:db8::1]:3307/shop%2Fold":                                        {"host": "2001:db8::1", "port": "3307", "database": "shop/old"},
		"mysql://db":                                                                   {"host": "db", "port": "3306"},
		"jdbc:mysql://db/shop?user=ann&password=a%2Bb%26c&useSSL=false":                {"host": "db", "port": "3306", "database": "shop", "user": "ann", "password": "a+b&c", "tls_mode": "disable"},
		"jdbc:mysql://db/shop?sslMode=REQUIRED&characterEncoding=utf8":                 {"host": "db", "port": "3306", "database": "shop", "tls_mode": "require"},
		"ann:p@s/s:w)(?@tcp(db.example.com:3307)/shop?tls=true&parseTime=true&loc=UTC": {"host": "db.example.com", "port": "3307", "database": "shop", "user": "ann", "password": "p@s/s:w)(?", "tls_mode": "verify-full"},
		"ann@tcp([2001:db8::1])/sh%2Fop?tls=skip-verify":                               {"host": "2001:db8::1", "port": "3306", "database": "sh/op", "user": "ann", "tls_mode": "require"},
		"tcp(db)/": {"host": "db", "port": "3306"},
	} {
		v, s, err := parse(raw)
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
	if v, _, err := Connectors()[1].ParseURL("jdbc:mariadb://db/x?sslMode=verify-ca"); err != nil || v["tls_mode"] != "verify-ca" {
		t.Errorf("MariaDB: %v, %v", v, err)
	}
}

// Every parameter that is not known is refused by its name, and no refusal repeats the password.
func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	parse := Connectors()[0].ParseURL
	for raw, word := range map[string]string{
		"mysql://u:canary@db/x?allowAllFiles=true":              "allowAllFiles",
		"mysql://u:canary@db/x?ALLOWALLFILES=true":              "ALLOWALLFILES",
		"mysql://u:canary@db/x?allow%41llFiles=true":            "allowAllFiles",
		"mysql://u:canary@db/x?allowLoadLocalInfile=true":       "allowLoadLocalInfile",
		"mysql://u:canary@db/x?allowCleartextPasswords=true":    "allowCleartextPasswords",
		"mysql://u:canary@db/x?autoDeserialize=true":            "autoDeserialize",
		"mysql://u:canary@db/x?sessionVariables=sql_mode":       "sessionVariables",
		"mysql://u:canary@db/x?serverPubKey=x":                  "serverPubKey",
		"mysql://u:canary@db/x?a%1bb=1":                         "not known here",
		"mysql://u:canary@db/x?ssl-mode=PREFERRED":              "ssl-mode",
		"mysql://u:canary@db/x?tls=preferred":                   "tls",
		"mysql://u:canary@db/x?tls=custom":                      "tls",
		"mysql://u:canary@db/x?sslMode=DISABLED&ssl-mode=trust": "twice",
		"mysql://u:canary@db/x?host=other":                      "twice",
		"mysql://u:canary@db/x?password=other":                  "twice",
		"mysql://u:canary@a,b/x":                                "host",
		"mysql://u:can%00ary@db/x":                              "more than one line",
		"mysql://u:canary@db:99999/x":                           "port",
		"mysql://u:can ary@db/%zz":                              "Use mysql://",
		"mysql://u:canary@db/x?a=%zz":                           "cannot be read",
		"mariadb://u:canary@db/x":                               "Use mysql://",
		"jdbc:mysql:loadbalance://u:canary@a/x":                 "Use mysql://",
		"jdbc:mysql:canary":                                     "Use mysql://",
		"u:canary@unix(/var/run/mysqld/mysqld.sock)/x":          "Use mysql://",
		"u:canary@custom(db)/x":                                 "Use mysql://",
		"u:canary@tcp(db)/x?allowAllFiles=true":                 "allowAllFiles",
		"u:canary@tcp(/tmp/s)/x":                                "host",
		"u:canary@tcp(db:3306)/x?tls=false&tls=true":            "twice",
		"u:canary@tcp(db:33a6)/x":                               "port",
		"nonsense":                                              "Use mysql://",
		"":                                                      "Use mysql://",
	} {
		v, s, err := parse(raw)
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
	for _, seed := range []string{"mysql://ann:p%40ss@db.example.com:3307/shop?ssl-mode=VERIFY_CA", "jdbc:mysql://[::1]/x?user=a&useSSL=true", "ann:p@ss@tcp(db:3306)/x?tls=false",
		"mysql://a:b@/x?host=/tmp&port=1", "a@tcp(a,b)/x", "mysql://u@h/%00", "tcp([::1])/", "x@y@tcp()/?"} {
		f.Add(seed)
	}
	known := map[string]bool{"host": true, "port": true, "database": true, "user": true, "tls_mode": true}
	parse := Connectors()[0].ParseURL
	f.Fuzz(func(t *testing.T, raw string) {
		v, s, err := parse(raw)
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
