package dialect

import (
	"testing"

	"patchbay/catalog"
)

func TestQualifiedDoublesQuotes(t *testing.T) {
	path := catalog.Path{`we"ird`, "back`tick", "plain"}
	for want, d := range map[string]*Dialect{
		`"we""ird"."back` + "`" + `tick"."plain"`: Postgres,
		"`we\"ird`.`back``tick`.`plain`":          MySQL,
	} {
		if got := d.Qualified(path); got != want {
			t.Errorf("%s writes %s, want %s", d.Name, got, want)
		}
	}
}

func TestQuoteIfNeeded(t *testing.T) {
	for _, c := range []struct {
		d          *Dialect
		name, want string
	}{
		{Postgres, "orders", "orders"}, {Postgres, "Orders", `"Orders"`}, {DuckDB, "Orders", "Orders"}, {Postgres, "order", `"order"`},
		{MySQL, "SELECT", "`SELECT`"}, {Postgres, "2x", `"2x"`}, {Postgres, "größe", `"größe"`}, {Postgres, "", `""`}, {Postgres, "a b", `"a b"`},
	} {
		if got := c.d.QuoteIfNeeded(c.name); got != c.want {
			t.Errorf("%s writes %q as %s, want %s", c.d.Name, c.name, got, c.want)
		}
	}
}
