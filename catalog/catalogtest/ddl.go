package catalogtest

import (
	"fmt"
	"iter"
	"strings"

	"patchbay/catalog"
)

// Groups is how many schemas a made-up warehouse is spread over, or databases where the product has no schemas.
const Groups = 40

// Group is the name of a warehouse's i-th schema.
func Group(i int) string { return fmt.Sprintf("%s_%02d", entities[i*3%len(entities)], i) }

// Warehouse is a made-up catalog that a real server takes: the same tables each time, their names unlike within a schema, one
// after another in each schema in turn.
func Warehouse(tables, columns int) iter.Seq[catalog.Table] {
	return func(yield func(catalog.Table) bool) {
		used := map[string]bool{}
		for i := range tables {
			t := Table(i, columns)
			t.Path[1], t.Kind = Group(i%Groups), catalog.KindTable
			if used[t.Path.String()] {
				t.Path[2] += fmt.Sprintf("_%x", i)
			}
			used[t.Path.String()] = true
			if !yield(t) {
				return
			}
		}
	}
}

// A Product is one whose SQL Create writes.
type Product struct {
	quote   string
	inline  bool              // comments stand in the declaration
	instant string            // the default of created_at
	types   map[string]string // those that are declared otherwise than in PostgreSQL
}

// The products that a warehouse can be made in.
var (
	PostgreSQL = Product{quote: `"`, instant: "now()"}
	DuckDB     = Product{quote: `"`, instant: "now()", types: map[string]string{"jsonb": "json"}}
	MariaDB    = Product{quote: "`", inline: true, instant: "current_timestamp(6)", types: map[string]string{"jsonb": "json", "text[]": "text",
		"timestamp with time zone": "datetime(6)", "timestamp without time zone": "datetime"}}
)

// Create are the statements that make a table of two parts, schema and name, with its primary key, defaults and comments. What it
// refers to is left out: the tables are made up.
func (p Product) Create(t catalog.Table) []string {
	name := p.name(t.Path[1], t.Path[2])
	var lines, comments []string
	for _, c := range t.Columns {
		lines = append(lines, p.column(c))
		if c.Comment != "" && !p.inline {
			comments = append(comments, fmt.Sprintf("comment on column %s.%s is '%s'", name, p.name(c.Name), c.Comment))
		}
	}
	made := fmt.Sprintf("create table %s (%s)", name, strings.Join(lines, ", "))
	switch {
	case t.Comment == "":
	case p.inline:
		made += fmt.Sprintf(" comment '%s'", t.Comment)
	default:
		comments = append(comments, fmt.Sprintf("comment on table %s is '%s'", name, t.Comment))
	}
	return append([]string{made}, comments...)
}

func (p Product) column(c catalog.Column) string {
	declared := c.Type
	if other, ok := p.types[c.Type]; ok {
		declared = other
	}
	line := p.name(c.Name) + " " + declared
	switch {
	case c.PrimaryKey > 0:
		line += " primary key"
	case c.Name == "created_at":
		line += " not null default " + p.instant
	case !c.Nullable:
		line += " not null"
	}
	if c.Comment != "" && p.inline {
		line += fmt.Sprintf(" comment '%s'", c.Comment)
	}
	return line
}

// Named is a table's name as a statement writes it.
func (p Product) Named(t catalog.Table) string { return p.name(t.Path[1], t.Path[2]) }

// name quotes the parts of a made-up name, which hold no quote.
func (p Product) name(parts ...string) string {
	return p.quote + strings.Join(parts, p.quote+"."+p.quote) + p.quote
}
