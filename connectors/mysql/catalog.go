package mysql

import (
	"context"
	"database/sql"
	_ "embed" // the catalog queries stand beside this file, as the database's administrator reads them
	"errors"
	"fmt"
	"strings"

	"patchbay/catalog"
)

var (
	//go:embed sql/databases.sql
	databasesSQL string
	//go:embed sql/names.sql
	namesSQL string
	//go:embed sql/tables.sql
	tablesSQL string
	//go:embed sql/columns.sql
	columnsSQL string
	//go:embed sql/keys.sql
	keysSQL string
)

var levels = []catalog.Level{catalog.LevelDatabase, catalog.LevelTable}

// ReadCatalog implements connectors.Source: one statement for the databases and three for each that the filter lets through,
// four where it names tables. A statement of information_schema without a database would open every table of the server.
func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		return err
	}
	names, err := s.databases(ctx)
	if err != nil {
		return err
	}
	whole := true
	for _, name := range names {
		if !match.Keeps(catalog.Path{name}) {
			continue
		}
		read, err := s.readDatabase(ctx, &reader{database: name, match: match, to: to, mariadb: s.variant.quotesDefaults, picks: f.Tables != catalog.Rule{}})
		if err != nil {
			return err
		}
		whole = whole && read
	}
	if !whole {
		return nil
	}
	return to.Done(nil)
}

func (s *source) databases(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, databasesSQL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// readDatabase reports one database. A failure of its own is reported as skipped, a broken sink or connection is returned.
func (s *source) readDatabase(ctx context.Context, r *reader) (read bool, err error) {
	err = r.read(ctx, s.db)
	switch {
	case err == nil:
		return true, r.to.Done(catalog.Path{r.database})
	case ctx.Err() != nil:
		return false, ctx.Err()
	case r.sinkFailed:
		return false, err
	case s.db.PingContext(ctx) != nil:
		return false, err // the server itself is gone
	}
	return false, r.to.Skipped(catalog.Path{r.database}, err)
}

// A reader joins the three answers about one database in memory: names and keys are held, columns stream through.
type reader struct {
	database   string
	match      *catalog.Matcher
	to         catalog.Sink
	mariadb    bool                      // defaults come as SQL writes them
	picks      bool                      // the filter has a rule for tables
	picked     []any                     // the names that it lets through; nil: not asked for, or too many to name
	tables     map[string]*catalog.Table // those not yet reported
	keys       map[string]map[string]key // table, column
	sinkFailed bool
}

type key struct {
	place int
	ref   *catalog.Ref
}

func (r *reader) read(ctx context.Context, db *sql.DB) error {
	if r.picks {
		if err := r.pick(ctx, db); err != nil {
			return fmt.Errorf("read names: %w", err)
		}
	}
	if err := r.readTables(ctx, db); err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	if err := r.readKeys(ctx, db); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	if err := r.readColumns(ctx, db); err != nil {
		return fmt.Errorf("read columns: %w", err)
	}
	for _, t := range r.tables { // a view whose definer is gone has no columns
		if err := r.report(t); err != nil {
			return err
		}
	}
	return nil
}

// maxPicked is how many names are sent back to the server; beyond them it is asked for all.
const maxPicked = 1000

// pick asks for the names of the tables and keeps those that the filter lets through. The decision is the one in memory, so that
// no rule can mean something else on the server.
func (r *reader) pick(ctx context.Context, db *sql.DB) error {
	picked := []any{}
	err := r.each(ctx, db, namesSQL, func(scan func(...any) error) error {
		var name string
		if err := scan(&name); err != nil {
			return err
		}
		if r.match.Keeps(catalog.Path{r.database, name}) {
			picked = append(picked, name)
		}
		return nil
	})
	if len(picked) <= maxPicked {
		r.picked = picked
	}
	return err
}

func (r *reader) report(t *catalog.Table) error {
	delete(r.tables, t.Path.Name())
	if err := r.to.Table(*t); err != nil {
		r.sinkFailed = true
		return err
	}
	return nil
}

func (r *reader) readTables(ctx context.Context, db *sql.DB) error {
	r.tables = map[string]*catalog.Table{}
	return r.each(ctx, db, tablesSQL, func(scan func(...any) error) error {
		var name, kind, comment string
		var estimate sql.NullInt64
		if err := scan(&name, &kind, &estimate, &comment); err != nil {
			return err
		}
		path := catalog.Path{r.database, name}
		if !r.match.Keeps(path) || kind == "SEQUENCE" {
			return nil
		}
		t := &catalog.Table{Path: path, Kind: catalog.KindTable, Comment: comment, Rows: catalog.RowsUnknown}
		if kind == "VIEW" {
			t.Kind = catalog.KindView
		} else if estimate.Valid {
			t.Rows = estimate.Int64
		}
		r.tables[name] = t
		return nil
	})
}

func (r *reader) readKeys(ctx context.Context, db *sql.DB) error {
	r.keys = map[string]map[string]key{}
	return r.each(ctx, db, keysSQL, func(scan func(...any) error) error {
		var table, column, toDatabase, toTable, toColumn string
		var primary bool
		var place int
		if err := scan(&table, &column, &primary, &place, &toDatabase, &toTable, &toColumn); err != nil {
			return err
		}
		columns := r.keys[table]
		if columns == nil {
			columns = map[string]key{}
			r.keys[table] = columns
		}
		k := columns[column]
		if primary {
			k.place = place
		} else {
			k.ref = &catalog.Ref{Table: catalog.Path{toDatabase, toTable}, Column: toColumn}
		}
		columns[column] = k
		return nil
	})
}

func (r *reader) readColumns(ctx context.Context, db *sql.DB) error {
	var at *catalog.Table
	var last string
	err := r.each(ctx, db, columnsSQL, func(scan func(...any) error) error {
		var table string
		var c catalog.Column
		if err := scan(&table, &c.Name, &c.Type, &c.Nullable, &c.Default, &c.Comment); err != nil {
			return err
		}
		if r.mariadb && c.Default == "NULL" {
			c.Default = "" // MariaDB writes a default as SQL does, and that there is none as NULL
		}
		if table != last {
			if at != nil {
				if err := r.report(at); err != nil {
					return err
				}
			}
			at, last = r.tables[table], table
		}
		if at == nil {
			return nil // filtered, or no table that we list
		}
		k := r.keys[table][c.Name]
		c.Family, c.PrimaryKey, c.References = family(c.Type), k.place, k.ref
		at.Columns = append(at.Columns, c)
		return nil
	})
	if err == nil && at != nil {
		err = r.report(at)
	}
	return err
}

// each runs a catalog query for the database, narrowed to the picked tables, and calls row for each of its rows.
func (r *reader) each(ctx context.Context, db *sql.DB, query string, row func(scan func(...any) error) error) (err error) {
	rows, err := db.QueryContext(ctx, r.narrowed(query), append([]any{r.database}, r.picked...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// narrowed is a catalog query for the picked tables alone: their names are bound, never written. No names at all are no tables.
func (r *reader) narrowed(query string) string {
	switch {
	case r.picked == nil:
		return query
	case len(r.picked) == 0:
		return strings.Replace(query, "/* tables */", "and false", 1)
	}
	names := strings.TrimSuffix(strings.Repeat("?, ", len(r.picked)), ", ")
	return strings.Replace(query, "/* tables */", "and table_name in ("+names+")", 1)
}
