package mysql

import (
	"errors"
	"strings"
	"testing"

	"patchbay/connectors"
)

func TestParseURL(t *testing.T) {
	parse := Connectors()[0].ParseURL
	v, s, err := parse("mysql://me:p%40ss@db.example.com:3307/sales?ssl-mode=VERIFY_IDENTITY")
	if err != nil || v["host"] != "db.example.com" || v["port"] != "3307" || v["database"] != "sales" || v["user"] != "me" || v["tls_mode"] != "verify-full" {
		t.Errorf("read as %v, error %v", v, err)
	}
	if s["password"].Reveal() != "p@ss" {
		t.Error("the password is read wrong")
	}
	if v, _, err := parse("jdbc:mysql://db.example.com/sales?user=me&useSSL=false"); err != nil || v["user"] != "me" || v["tls_mode"] != "disable" {
		t.Errorf("a JDBC URL is read as %v, error %v", v, err)
	}
	for _, name := range []string{"allowAllFiles", "allowLoadLocalInfile", "autoDeserialize", "socketFactory", "ALLOWALLFILES", "allow%41llFiles", "sessionVariables", "tls-config"} {
		_, _, err := parse("mysql://me:hunter22@db.example.com/sales?" + name + "=true")
		var bad *connectors.FieldError
		if !errors.As(err, &bad) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is pasted, only declared fields come of it, and no refusal repeats the password.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"mysql://me:hunter22@h/d", "mysql://h:1?tls=true", "jdbc:mysql://h/d?password=hunter22", "mysql://[::1]:3306/", "mysql://%", "mysql://h/?a=b"} {
		f.Add(seed)
	}
	known := map[string]bool{"host": true, "port": true, "database": true, "user": true, "tls_mode": true}
	parse := Connectors()[0].ParseURL
	f.Fuzz(func(t *testing.T, raw string) {
		v, s, err := parse(raw)
		if err != nil && strings.Contains(err.Error(), "hunter22") && !strings.Contains(raw, "hunter22=") {
			t.Errorf("the refusal repeats the password: %v", err)
		}
		for key := range v {
			if !known[key] {
				t.Errorf("%q sets %s", raw, key)
			}
		}
		for key := range s {
			if key != "password" {
				t.Errorf("%q sets the secret %s", raw, key)
			}
		}
	})
}
