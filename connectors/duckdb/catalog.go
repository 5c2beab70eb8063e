package duckdb

import (
	"context"
	_ "embed" // the catalog queries
	"slices"
	"strconv"
	"strings"

	"patchbay/catalog"
	"patchbay/connectors"
)

// The catalog queries, one per kind of thing.
var (
	//go:embed sql/schemas.sql
	schemasSQL string
	//go:embed sql/tables.sql
	tablesSQL string
	//go:embed sql/columns.sql
	columnsSQL string
	//go:embed sql/keys.sql
	keysSQL string
)

// ReadCatalog reports the one database that a file is, in at most four statements of one instance: they see the same file.
func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		return err
	}
	in, err := s.instance(ctx, false, catalogBudget)
	if err != nil {
		return err
	}
	defer in.close()
	r := &reading{match: match, namesOnly: f.NamesOnly, to: to, ask: func(st connectors.Statement, row func(cells []string) error) error {
		return each(ctx, in, st, row)
	}}
	return r.read()
}

// each hands over the rows of a statement of our own, NULL as the empty text.
func each(ctx context.Context, in *instance, st connectors.Statement, row func(cells []string) error) error {
	r := newRows(ctx, in) // which the instance frees
	if err := r.run(st, false); err != nil {
		return err
	}
	var cells []string
	for r.Next() {
		cells = cells[:0]
		for _, c := range r.Row() {
			cells = append(cells, string(c))
		}
		if err := row(cells); err != nil {
			return err
		}
	}
	return r.Err()
}

// A reading is one file's catalog under way. The kept tables and their keys are held; columns stream through, and a table is
// handed over with the last of its own. The filter decides in memory, by names alone, so that no rule can mean something else to
// the engine: what it keeps is then asked for by name, or by the engine's number.
type reading struct {
	match     *catalog.Matcher
	namesOnly bool
	to        catalog.Sink
	ask       func(st connectors.Statement, row func(cells []string) error) error

	database string
	schemas  []string
	tables   map[string]*pending // those not yet handed over, by number
	dropped  bool                // the filter dropped a table of the kept schemas, or a schema
}

// A pending is a table whose columns are not all there.
type pending struct {
	table catalog.Table
	keys  []key
	want  int // columns; 0: nobody knows
	have  int
}

// A key is a column's part in a primary key, or what it refers to.
type key struct {
	column string
	place  int
	ref    *catalog.Ref
}

func (r *reading) read() error {
	if err := r.ask(connectors.Statement{SQL: schemasSQL}, r.schema); err != nil {
		return err
	}
	if err := r.readTables(); err != nil {
		return err
	}
	for _, name := range r.schemas { // one without tables is heard of in no other way
		if err := r.to.Done(catalog.Path{r.database, name}); err != nil {
			return err
		}
	}
	if err := r.to.Done(catalog.Path{r.database}); err != nil {
		return err
	}
	return r.to.Done(nil)
}

// schema takes the database and a schema.
func (r *reading) schema(cells []string) error {
	r.database = cells[0]
	if r.match.Keeps(catalog.Path{cells[0], cells[1]}) {
		r.schemas = append(r.schemas, cells[1])
	} else {
		r.dropped = true
	}
	return nil
}

func (r *reading) readTables() error {
	if len(r.schemas) == 0 {
		return nil
	}
	r.tables = map[string]*pending{}
	if err := r.ask(connectors.Statement{SQL: tablesSQL, Args: []any{r.schemas, r.schemas}}, r.table); err != nil {
		return err
	}
	if r.namesOnly || len(r.tables) == 0 {
		return r.rest()
	}
	for _, part := range []struct {
		sql string
		row func(cells []string) error
	}{{keysSQL, r.key}, {columnsSQL, r.column}} {
		if err := r.ask(r.narrowed(part.sql), part.row); err != nil {
			return err
		}
	}
	return r.rest()
}

// narrowed is a statement about the kept tables alone.
func (r *reading) narrowed(sql string) connectors.Statement {
	if !r.dropped {
		return connectors.Statement{SQL: sql}
	}
	var numbers []string
	for number := range r.tables {
		numbers = append(numbers, number)
	}
	return connectors.Statement{SQL: strings.Replace(sql, "/* tables */", "AND table_oid IN (SELECT unnest(?::BIGINT[]))", 1), Args: []any{numbers}}
}

// table takes number, schema, table, kind, number of columns, estimated rows and comment.
func (r *reading) table(cells []string) error {
	path := catalog.Path{r.database, cells[1], cells[2]}
	if !r.match.Keeps(path) {
		r.dropped = true
		return nil
	}
	p := &pending{table: catalog.Table{Path: path, Kind: catalog.Kind(cells[3]), Comment: cells[6], Rows: catalog.RowsUnknown}}
	p.want, _ = strconv.Atoi(cells[4])
	if n, err := strconv.ParseInt(cells[5], 10, 64); err == nil {
		p.table.Rows = n
	}
	r.tables[cells[0]] = p
	return nil
}

// key takes number, kind, column, place, schema, referenced table and referenced column.
func (r *reading) key(cells []string) error {
	p := r.tables[cells[0]]
	switch {
	case p == nil:
	case cells[1] == "PRIMARY KEY":
		place, _ := strconv.Atoi(cells[3])
		p.keys = append(p.keys, key{column: cells[2], place: place})
	default:
		p.keys = append(p.keys, key{column: cells[2], ref: &catalog.Ref{Table: catalog.Path{r.database, cells[4], cells[5]}, Column: cells[6]}})
	}
	return nil
}

// column takes number, place, column, type, nullable, default and comment. The engine promises no order.
func (r *reading) column(cells []string) error {
	p := r.tables[cells[0]]
	place, err := strconv.Atoi(cells[1])
	if p == nil || err != nil || place < 1 {
		return nil
	}
	if missing := max(place, p.want) - len(p.table.Columns); missing > 0 {
		p.table.Columns = append(p.table.Columns, make([]catalog.Column, missing)...)
	}
	p.table.Columns[place-1] = catalog.Column{
		Name: cells[2], Type: cells[3], Family: family(cells[3]), Nullable: cells[4] == "true", Default: cells[5], Comment: cells[6],
	}
	if p.have++; p.have != p.want {
		return nil
	}
	delete(r.tables, cells[0])
	return r.to.Table(p.done())
}

// rest hands over the tables whose columns nobody counted: all where only names are wanted, and views of what is gone.
func (r *reading) rest() error {
	for _, p := range r.tables {
		if err := r.to.Table(p.done()); err != nil {
			return err
		}
	}
	return nil
}

// done is the table with its keys.
func (p *pending) done() catalog.Table {
	p.table.Columns = slices.DeleteFunc(p.table.Columns, func(c catalog.Column) bool { return c.Name == "" })
	for _, k := range p.keys {
		at := slices.IndexFunc(p.table.Columns, func(c catalog.Column) bool { return c.Name == k.column })
		switch {
		case at < 0:
		case k.ref == nil:
			p.table.Columns[at].PrimaryKey = k.place
		default:
			p.table.Columns[at].References = k.ref
		}
	}
	return p.table
}
