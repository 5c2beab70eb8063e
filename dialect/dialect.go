// Package dialect says how one product spells SQL: quoting, placeholders, limits. It is pure.
package dialect

import "patchbay/catalog"

// A Dialect is one product's way of writing SQL. Its values are data: a new product is a new value.
type Dialect struct {
	Name        string // "postgres", "mysql", "sqlite", "duckdb": also chooses the editor's grammar
	QuoteOpen   string
	QuoteClose  string // doubled inside a quoted name
	Placeholder Placeholder
	Schema      string // where a bare name is looked up, unless someone set it otherwise; empty: nowhere, or there are no schemas
	FoldsCase   bool   // an unquoted name becomes lower case, so that one with capitals must be quoted
	Comments    bool   // the product accepts a /* */ comment before the statement
}

// A Placeholder is how a bound value is written in a statement.
type Placeholder int

// The placeholder styles.
const (
	Question Placeholder = iota // ?
	Dollar                      // $1
	AtP                         // @p1
)

// Quote writes name as a quoted identifier that means exactly these bytes.
func (d *Dialect) Quote(name string) string {
	out := []byte(d.QuoteOpen)
	for i := 0; i < len(name); i++ {
		if d.QuoteClose != "" && name[i] == d.QuoteClose[0] {
			out = append(out, name[i])
		}
		out = append(out, name[i])
	}
	return string(append(out, d.QuoteClose...))
}

// Qualified writes a path with each part quoted and joined by dots.
func (d *Dialect) Qualified(p catalog.Path) string {
	var out []byte
	for i, part := range p {
		if i > 0 {
			out = append(out, '.')
		}
		out = append(out, d.Quote(part)...)
	}
	return string(out)
}

// The dialects of the connectors.
var (
	Postgres = &Dialect{Name: "postgres", QuoteOpen: `"`, QuoteClose: `"`, Placeholder: Dollar, Schema: "public", FoldsCase: true, Comments: true}
	MySQL    = &Dialect{Name: "mysql", QuoteOpen: "`", QuoteClose: "`", Placeholder: Question, Comments: true}
	MariaDB  = &Dialect{Name: "mariadb", QuoteOpen: "`", QuoteClose: "`", Placeholder: Question, Comments: true}
	SQLite   = &Dialect{Name: "sqlite", QuoteOpen: `"`, QuoteClose: `"`, Placeholder: Question, Comments: true}
	DuckDB   = &Dialect{Name: "duckdb", QuoteOpen: `"`, QuoteClose: `"`, Placeholder: Question, Schema: "main", Comments: true}
)
