package sqlite

import (
	"context"
	"database/sql/driver"
	_ "embed" // the catalog queries
	"errors"
	"slices"
	"strings"

	"github.com/mattn/go-sqlite3"

	"patchbay/catalog"
)

// The catalog queries, one per kind of thing.
var (
	//go:embed sql/tables.sql
	tablesSQL string
	//go:embed sql/shadow.sql
	shadowSQL string
	//go:embed sql/columns.sql
	columnsSQL string
	//go:embed sql/keys.sql
	keysSQL string
	//go:embed sql/rows.sql
	rowsSQL string
)

// chunk is how many tables are described at once.
const chunk = 500

// ReadCatalog reports the tables and views of the file, in two statements and two more for each chunk of those that the filter
// keeps. SQLite cannot describe a view whose tables are gone or a virtual table whose module we lack, and then fails for the
// whole statement: the chunk is halved until what cannot be described stands alone, and that is reported as skipped.
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
	r := &reading{conn: conn, match: match, to: to, spelt: map[string]string{}, rows: map[string]int64{}}
	return r.read(ctx, f.NamesOnly)
}

// A reading is one file's catalog under way. It holds the names of all tables, and the rest of one chunk. The filter decides in
// memory, by names alone, and what it keeps is asked for by name.
type reading struct {
	conn  querier
	match *catalog.Matcher
	to    catalog.Sink

	kept    []catalog.Table   // by name, without columns
	spelt   map[string]string // every table by its name in small letters, as its declaration spells it
	virtual bool              // the file holds a virtual table
	rows    map[string]int64  // of kept tables, as far as they were counted
}

func (r *reading) read(ctx context.Context, namesOnly bool) error {
	if err := each(ctx, r.conn, tablesSQL, r.table); err != nil {
		return err
	}
	if r.virtual {
		if err := r.dropShadows(ctx); err != nil {
			return err
		}
	}
	if !namesOnly {
		if err := r.estimate(ctx); err != nil {
			return err
		}
	}
	for tables := range slices.Chunk(r.kept, chunk) {
		if !namesOnly {
			if err := r.describe(ctx, tables); err != nil {
				return err
			}
			continue
		}
		for _, table := range tables {
			if err := r.to.Table(table); err != nil {
				return err
			}
		}
	}
	return r.to.Done(nil) // the file is one scope: all but the skipped has been read
}

// table takes name, type and whether it is a virtual table.
func (r *reading) table(v []driver.Value) error {
	name := text(v[0])
	r.spelt[small(name)] = name
	r.virtual = r.virtual || v[2] == int64(1)
	if path := (catalog.Path{name}); r.match.Keeps(path) {
		r.kept = append(r.kept, catalog.Table{Path: path, Kind: kind(text(v[1])), Rows: catalog.RowsUnknown})
	}
	return nil
}

func (r *reading) dropShadows(ctx context.Context) error {
	shadows := map[string]bool{}
	err := each(ctx, r.conn, shadowSQL, func(v []driver.Value) error {
		shadows[text(v[0])] = true
		return nil
	})
	r.kept = slices.DeleteFunc(r.kept, func(t catalog.Table) bool { return shadows[t.Path.Name()] })
	return err
}

// estimate reads the row counts of the last ANALYZE, all at once: they stand in a table without an index.
func (r *reading) estimate(ctx context.Context) error {
	if len(r.kept) == 0 {
		return nil
	}
	err := each(ctx, r.conn, rowsSQL, func(v []driver.Value) error {
		if n, ok := v[1].(int64); ok {
			r.rows[text(v[0])] = n
		}
		return nil
	})
	if failed := new(sqlite3.Error); errors.As(err, failed) && failed.Code == sqlite3.ErrError {
		return nil // no ANALYZE has run: there is no such table
	}
	return err
}

// describe reads the columns and keys of some tables and hands them over.
func (r *reading) describe(ctx context.Context, tables []catalog.Table) error {
	columns, err := gather(ctx, r.conn, columnsSQL, tables, column)
	switch {
	case undescribable(err) && len(tables) == 1:
		return r.to.Skipped(tables[0].Path, classify(err))
	case undescribable(err):
		if err := r.describe(ctx, tables[:len(tables)/2]); err != nil {
			return err
		}
		return r.describe(ctx, tables[len(tables)/2:])
	case err != nil:
		return err
	}
	keys, err := r.keys(ctx, tables)
	if err != nil {
		return err
	}
	for _, t := range tables {
		name := t.Path.Name()
		if len(columns[name]) == 0 {
			continue // dropped since it was listed: no table is without columns
		}
		t.Columns = columns[name]
		if n, counted := r.rows[name]; counted {
			t.Rows = n
		}
		for _, k := range keys[name] {
			r.refer(t.Columns, k)
		}
		if err := r.to.Table(t); err != nil {
			return err
		}
	}
	return nil
}

// keys reads the foreign keys of some tables. One that leads to what cannot be described is left out with the others of its table.
func (r *reading) keys(ctx context.Context, tables []catalog.Table) (map[string][]key, error) {
	keys, err := gather(ctx, r.conn, keysSQL, tables, foreignKey)
	switch half := len(tables) / 2; {
	case !undescribable(err):
		return keys, err
	case half == 0:
		return nil, nil
	default:
		first, err := r.keys(ctx, tables[:half])
		if err != nil {
			return nil, err
		}
		second, err := r.keys(ctx, tables[half:])
		if err != nil {
			return nil, err
		}
		for name, of := range second {
			if first == nil {
				first = second
				break
			}
			first[name] = of
		}
		return first, nil
	}
}

// undescribable says that SQLite could not make out an object's columns, rather than not read the file.
func undescribable(err error) bool {
	failed := new(sqlite3.Error)
	return errors.As(err, failed) && (failed.Code == sqlite3.ErrError || failed.Code == sqlite3.ErrAuth)
}

// gather runs a statement about some tables, whose names are bound, and gives what it says of each.
func gather[T any](ctx context.Context, conn querier, sql string, tables []catalog.Table, read func(v []driver.Value) T) (map[string][]T, error) {
	names := make([]any, len(tables))
	for i, t := range tables {
		names[i] = t.Path.Name()
	}
	places := "(?)" + strings.Repeat(", (?)", len(tables)-1)
	said := map[string][]T{}
	err := each(ctx, conn, strings.Replace(sql, "/* names */", places, 1), func(v []driver.Value) error {
		name := text(v[0])
		said[name] = append(said[name], read(v))
		return nil
	}, names...)
	return said, err
}

// column takes table, column, type, not null, default and place in the primary key.
func column(v []driver.Value) catalog.Column {
	declared := text(v[2])
	place, _ := v[5].(int64)
	return catalog.Column{
		Name:       text(v[1]),
		Type:       declared,
		Family:     family(declared),
		Nullable:   v[3] == int64(0),
		Default:    text(v[4]),
		PrimaryKey: int(place),
	}
}

// A key is a column and what it refers to, as the declaration spells them.
type key struct{ column, table, to string }

// foreignKey takes table, column, referenced table and referenced column.
func foreignKey(v []driver.Value) key {
	return key{column: text(v[1]), table: text(v[2]), to: text(v[3])}
}

// refer adds a key to its column. SQLite finds a table whatever the case of its letters; a key may lead to one that is not there.
func (r *reading) refer(columns []catalog.Column, k key) {
	target := k.table
	if name, there := r.spelt[small(target)]; there {
		target = name
	}
	for i := range columns {
		if c := &columns[i]; strings.EqualFold(c.Name, k.column) {
			c.References = &catalog.Ref{Table: catalog.Path{target}, Column: k.to}
		}
	}
}

// small is a name as SQLite compares it: its ASCII letters in small.
func small(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, name)
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
