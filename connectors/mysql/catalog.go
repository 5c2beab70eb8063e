package mysql

import (
	"context"
	"database/sql"
	_ "embed" // the catalog queries stand beside this file, as the database's administrator reads them
	"errors"
	"fmt"

	"patchbay/catalog"
)

var (
	//go:embed sql/databases.sql
	databasesSQL string
	//go:embed sql/tables.sql
	tablesSQL string
	//go:embed sql/columns.sql
	columnsSQL string
	//go:embed sql/keys.sql
	keysSQL string
)

var levels = []catalog.Level{catalog.LevelDatabase, catalog.LevelTable}

// ReadCatalog implements connectors.Source: one statement for the databases and three for each that the filter lets through.
// A statement of information_schema without a database would open every table of the server.
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
		read, err := s.readDatabase(ctx, name, match, to)
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
func (s *source) readDatabase(ctx context.Context, name string, match *catalog.Matcher, to catalog.Sink) (read bool, err error) {
	r := &reader{database: name, match: match, to: to}
	err = r.read(ctx, s.db)
	switch {
	case err == nil:
		return true, to.Done(catalog.Path{name})
	case ctx.Err() != nil:
		return false, ctx.Err()
	case r.sinkFailed:
		return false, err
	case s.db.PingContext(ctx) != nil:
		return false, err // the server itself is gone
	}
	return false, to.Skipped(catalog.Path{name}, err)
}

// A reader joins the three answers about one database in memory: names and keys are held, columns stream through.
type reader struct {
	database   string
	match      *catalog.Matcher
	to         catalog.Sink
	tables     map[string]*catalog.Table // those not yet reported
	keys       map[string]map[string]key // table, column
	sinkFailed bool
}

type key struct {
	place int
	ref   *catalog.Ref
}

func (r *reader) read(ctx context.Context, db *sql.DB) error {
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
	return each(ctx, db, tablesSQL, r.database, func(scan func(...any) error) error {
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
	return each(ctx, db, keysSQL, r.database, func(scan func(...any) error) error {
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
	err := each(ctx, db, columnsSQL, r.database, func(scan func(...any) error) error {
		var table string
		var c catalog.Column
		if err := scan(&table, &c.Name, &c.Type, &c.Nullable, &c.Default, &c.Comment); err != nil {
			return err
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

// each runs a catalog query for one database and calls row for each of its rows.
func each(ctx context.Context, db *sql.DB, query, database string, row func(scan func(...any) error) error) (err error) {
	rows, err := db.QueryContext(ctx, query, database)
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
