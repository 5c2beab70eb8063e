package duckdb

import (
	"context"
	_ "embed" // the catalog queries
	"slices"
	"strconv"

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

// ReadCatalog reports the one database that a file is, in four statements of one instance: they see the same file.
func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		return err
	}
	in, err := s.instance(ctx, false)
	if err != nil {
		return err
	}
	defer in.close()
	r := &reading{match: match, tables: map[tableName]*catalog.Table{}}
	for _, part := range []struct {
		sql string
		row func(cells []string)
	}{{schemasSQL, r.schema}, {tablesSQL, r.table}, {columnsSQL, r.column}, {keysSQL, r.key}} {
		if err := each(ctx, in, part.sql, part.row); err != nil {
			return err
		}
	}
	return r.report(to)
}

// each hands over the rows of a statement of our own, NULL as the empty text.
func each(ctx context.Context, in *instance, sql string, row func(cells []string)) error {
	r := newRows(ctx, in)
	if err := r.run(connectors.Statement{SQL: sql}, false); err != nil {
		return err
	}
	for r.Next() {
		cells := make([]string, len(r.Row()))
		for i, c := range r.Row() {
			cells[i] = string(c)
		}
		row(cells)
	}
	return r.Err()
}

// A reading gathers a file's tables before any is reported: each query knows one part of them.
type reading struct {
	match    *catalog.Matcher
	database string
	tables   map[tableName]*catalog.Table
	order    []*catalog.Table
}

type tableName struct{ schema, table string }

// schema takes the database and a schema.
func (r *reading) schema(cells []string) { r.database = cells[0] }

// table takes schema, table, kind, estimated rows and comment.
func (r *reading) table(cells []string) {
	path := catalog.Path{r.database, cells[0], cells[1]}
	if !r.match.Keeps(path) {
		return
	}
	table := &catalog.Table{Path: path, Kind: catalog.Kind(cells[2]), Comment: cells[4], Rows: catalog.RowsUnknown}
	if n, err := strconv.ParseInt(cells[3], 10, 64); err == nil {
		table.Rows = n
	}
	r.tables[tableName{cells[0], cells[1]}] = table
	r.order = append(r.order, table)
}

// column takes schema, table, column, type, nullable, default and comment.
func (r *reading) column(cells []string) {
	if table := r.tables[tableName{cells[0], cells[1]}]; table != nil {
		table.Columns = append(table.Columns, catalog.Column{
			Name: cells[2], Type: cells[3], Family: family(cells[3]), Nullable: cells[4] == "true", Default: cells[5], Comment: cells[6],
		})
	}
}

// key takes schema, table, kind, column, place, referenced table and referenced column.
func (r *reading) key(cells []string) {
	table := r.tables[tableName{cells[0], cells[1]}]
	if table == nil {
		return
	}
	at := slices.IndexFunc(table.Columns, func(c catalog.Column) bool { return c.Name == cells[3] })
	if at < 0 {
		return
	}
	if cells[2] == "PRIMARY KEY" {
		table.Columns[at].PrimaryKey, _ = strconv.Atoi(cells[4])
		return
	}
	table.Columns[at].References = &catalog.Ref{Table: catalog.Path{r.database, cells[0], cells[5]}, Column: cells[6]}
}

// report hands over the tables by schema and name, and closes each scope that was read.
func (r *reading) report(to catalog.Sink) error {
	for _, table := range r.order {
		if err := to.Table(*table); err != nil {
			return err
		}
	}
	return to.Done(nil)
}
