package sqlite

import (
	"context"
	"database/sql/driver"
	_ "embed" // the catalog queries
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/mattn/go-sqlite3"

	"patchbay/catalog"
)

// The catalog queries, one per kind of thing.
var (
	//go:embed sql/tables.sql
	tablesSQL string
	//go:embed sql/columns.sql
	columnsSQL string
	//go:embed sql/one_table.sql
	oneTableSQL string
	//go:embed sql/keys.sql
	keysSQL string
	//go:embed sql/rows.sql
	rowsSQL string
)

// ReadCatalog reports the tables and views of the file, in four statements. SQLite cannot describe a view whose tables are gone
// or a virtual table whose module we lack, and then fails for the whole file: the tables are asked for one by one, and what
// cannot be described is reported as skipped.
func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		return err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := &reading{conn: conn, tables: map[string]*catalog.Table{}, broken: map[string]error{}}
	if err := r.read(ctx, match); err != nil {
		return err
	}
	return r.report(to)
}

// A reading gathers a file's tables by name before any is reported: each query knows one part of them.
type reading struct {
	conn   *sqlite3.SQLiteConn
	tables map[string]*catalog.Table
	broken map[string]error // what SQLite could not describe
}

func (r *reading) read(ctx context.Context, match *catalog.Matcher) error {
	err := each(ctx, r.conn, tablesSQL, func(v []driver.Value) error {
		if path := (catalog.Path{text(v[0])}); match.Keeps(path) {
			r.tables[path.Name()] = &catalog.Table{Path: path, Kind: kind(text(v[1])), Rows: catalog.RowsUnknown}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.columns(ctx); err != nil {
		return err
	}
	if err := each(ctx, r.conn, keysSQL, r.key); err != nil {
		return err
	}
	err = each(ctx, r.conn, rowsSQL, r.estimate)
	if failed := new(sqlite3.Error); errors.As(err, failed) && failed.Code == sqlite3.ErrError {
		return nil // no ANALYZE has run: there is no such table
	}
	return err
}

// columns reads the columns of all tables, at once where that works.
func (r *reading) columns(ctx context.Context) error {
	err := each(ctx, r.conn, columnsSQL, r.column)
	if !undescribable(err) {
		return err
	}
	for name, table := range r.tables {
		table.Columns = nil
		err := r.oneTable(ctx, name)
		if undescribable(err) {
			r.broken[name] = err
		} else if err != nil {
			return err
		}
	}
	return nil
}

// undescribable says that SQLite could not make out an object's columns, rather than not read the file.
func undescribable(err error) bool {
	failed := new(sqlite3.Error)
	return errors.As(err, failed) && (failed.Code == sqlite3.ErrError || failed.Code == sqlite3.ErrAuth)
}

func (r *reading) oneTable(ctx context.Context, name string) error {
	return each(ctx, r.conn, oneTableSQL, r.column, name)
}

// column takes table, column, type, not null, default and place in the primary key.
func (r *reading) column(v []driver.Value) error {
	table := r.tables[text(v[0])]
	if table == nil {
		return nil
	}
	declared := text(v[2])
	place, _ := v[5].(int64)
	table.Columns = append(table.Columns, catalog.Column{
		Name:       text(v[1]),
		Type:       declared,
		Family:     family(declared),
		Nullable:   v[3] == int64(0),
		Default:    text(v[4]),
		PrimaryKey: int(place),
	})
	return nil
}

// key takes table, column, referenced table, referenced column and place in the key.
func (r *reading) key(v []driver.Value) error {
	table, target := r.tables[text(v[0])], r.named(text(v[2]))
	if table == nil {
		return nil
	}
	to := text(v[3])
	if v[3] == nil {
		place, _ := v[4].(int64)
		to = primaryKey(target, int(place)+1)
	}
	for i := range table.Columns {
		if c := &table.Columns[i]; strings.EqualFold(c.Name, text(v[1])) {
			c.References = &catalog.Ref{Table: target.Path, Column: to}
		}
	}
	return nil
}

// named finds a table as SQLite does, whatever the case of its letters; a key may point to a table that is not there.
func (r *reading) named(name string) *catalog.Table {
	for _, table := range r.tables {
		if strings.EqualFold(table.Path.Name(), name) {
			return table
		}
	}
	return &catalog.Table{Path: catalog.Path{name}}
}

func primaryKey(table *catalog.Table, place int) string {
	for _, c := range table.Columns {
		if c.PrimaryKey == place {
			return c.Name
		}
	}
	return ""
}

func (r *reading) estimate(v []driver.Value) error {
	if table, rows := r.tables[text(v[0])], v[1]; table != nil {
		if n, ok := rows.(int64); ok {
			table.Rows = max(table.Rows, n)
		}
	}
	return nil
}

// report hands over the tables by name. The file is one scope: all but the skipped has been read.
func (r *reading) report(to catalog.Sink) error {
	for _, name := range slices.Sorted(maps.Keys(r.tables)) {
		err := r.broken[name]
		if err != nil {
			err = to.Skipped(catalog.Path{name}, classify(err))
		} else {
			err = to.Table(*r.tables[name])
		}
		if err != nil {
			return err
		}
	}
	return to.Done(nil)
}

func kind(declared string) catalog.Kind {
	if declared == "view" {
		return catalog.KindView
	}
	return catalog.KindTable
}

// text is a value that the catalog keeps as text; NULL is empty.
func text(v driver.Value) string {
	s, _ := v.(string)
	return s
}
