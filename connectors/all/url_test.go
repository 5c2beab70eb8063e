package all

import (
	"testing"

	"patchbay/connectors"
)

func TestPastedAddressesFindTheirConnector(t *testing.T) {
	r, err := connectors.NewRegistry(Connectors(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		"postgres://me:pw@db.example.com/sales":             "postgres",
		"jdbc:postgresql://db.example.com:5433/sales":       "postgres",
		"host=db.example.com dbname=sales user=me":          "postgres",
		"mysql://me:pw@db.example.com/sales":                "mysql",
		"jdbc:mysql://db.example.com:3307/sales":            "mysql",
		"mariadb://me@db.example.com":                       "mariadb",
		"mongodb://db.example.com":                          "",
		"me and my database":                                "",
		"postgres://db.example.com/x?sslrootcert=/etc/pass": "postgres!",
	} {
		c, v, _, err := r.FromURL(raw)
		switch {
		case want == "" && err == nil:
			t.Errorf("%s is read as %s", raw, c.Type)
		case want == "postgres!" && err == nil:
			t.Errorf("%s is read with a path in it", raw)
		case want != "" && want != "postgres!" && (err != nil || c.Type != want || v["host"] != "db.example.com"):
			t.Errorf("%s gives %v, %v, error %v", raw, c, v, err)
		}
	}
}
