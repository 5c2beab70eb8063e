package mysql

import (
	"context"
	_ "embed" // the catalog queries stand beside this file, as the database's administrator reads them
	"errors"
	"fmt"
	"strconv"
	"strings"

	"patchbay/catalog"
	"patchbay/connectors"
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
// four where it has a rule for tables. A statement of information_schema without a database would open every table of a
// MariaDB server.
func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		return err
	}
	se, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	stop := s.watch(ctx, se)
	err = s.reason(ctx, se, se.readCatalog(match, f.Tables != catalog.Rule{}, to))
	if !stop() {
		se.spoilt.Store(true)
	}
	s.release(se)
	return err
}

func (se *session) readCatalog(match *catalog.Matcher, someTables bool, to catalog.Sink) error {
	var names []string
	err := se.each(databasesSQL, nil, func(row []string) error {
		if match.Keeps(catalog.Path{row[0]}) {
			names = append(names, row[0])
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		r := &reader{session: se, database: name, match: match, someTables: someTables, to: to}
		err := r.read()
		var own *serverError
		switch {
		case err == nil:
			err = to.Done(catalog.Path{name})
		case errors.As(err, &own) && fromServer(own).Cause != connectors.CauseLost: // about this database; the next may be well
			err = to.Skipped(catalog.Path{name}, err)
		}
		if err != nil {
			return err
		}
	}
	return to.Done(nil)
}

// A reader joins the answers about one database in memory: tables and keys are held, columns stream through.
type reader struct {
	session    *session
	database   string
	match      *catalog.Matcher
	someTables bool // the filter has a rule for tables
	to         catalog.Sink

	picked []any                     // the names that the filter lets through; nil: all, or too many to name
	tables map[string]*catalog.Table // those not yet reported
	keys   map[[2]string]key         // by table and column
	at     *catalog.Table            // the table whose columns are being read
}

type key struct {
	place int
	ref   *catalog.Ref
}

func (r *reader) read() error {
	if r.someTables {
		if err := r.pick(); err != nil {
			return fmt.Errorf("read the names of tables: %w", err)
		}
	}
	r.tables, r.keys = map[string]*catalog.Table{}, map[[2]string]key{}
	if err := r.each(tablesSQL, r.table); err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	if len(r.tables) == 0 {
		return nil
	}
	if err := r.each(keysSQL, r.key); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	if err := r.each(columnsSQL, r.column); err != nil {
		return fmt.Errorf("read columns: %w", err)
	}
	if err := r.report(); err != nil {
		return err
	}
	for _, t := range r.tables { // views of something that is gone, or without any right to their columns
		if err := r.to.Table(*t); err != nil {
			return err
		}
	}
	return nil
}

// maxPicked is how many names are sent back to the server; beyond them it is asked for all.
const maxPicked = 10_000

// pick asks for the names of the tables and keeps those that the filter lets through. The decision is the one in memory, so that
// no rule can mean something else on the server.
func (r *reader) pick() error {
	picked := []any{}
	err := r.each(namesSQL, func(row []string) error {
		if r.match.Keeps(catalog.Path{r.database, row[0]}) && len(picked) <= maxPicked {
			picked = append(picked, row[0])
		}
		return nil
	})
	if len(picked) <= maxPicked {
		r.picked = picked
	}
	return err
}

// table takes a row of tables.
func (r *reader) table(row []string) error {
	path := catalog.Path{r.database, row[0]}
	if !r.match.Keeps(path) {
		return nil
	}
	t := &catalog.Table{Path: path, Kind: catalog.KindTable, Comment: row[3], Rows: catalog.RowsUnknown, Unreadable: true} // until a column says otherwise
	switch {
	case row[1] == "VIEW":
		t.Kind = catalog.KindView
	case row[4] == "1":
		t.Kind = catalog.KindPartitioned
	}
	if n, err := strconv.ParseInt(row[2], 10, 64); err == nil && t.Kind != catalog.KindView {
		t.Rows = n
	}
	r.tables[row[0]] = t
	return nil
}

// key takes a row of keys. Columns are named as the key's declaration wrote them, whose case may be another than the column's.
func (r *reader) key(row []string) error {
	at := [2]string{row[0], strings.ToLower(row[1])}
	k := r.keys[at]
	if row[2] == "1" {
		k.place, _ = strconv.Atoi(row[3])
	} else if k.ref == nil {
		k.ref = &catalog.Ref{Table: catalog.Path{row[4], row[5]}, Column: row[6]}
	}
	r.keys[at] = k
	return nil
}

// column takes a row of columns, and reports the table before it when another begins.
func (r *reader) column(row []string) error {
	if r.at != nil && r.at.Path.Name() != row[0] {
		if err := r.report(); err != nil {
			return err
		}
	}
	if r.at == nil {
		r.at = r.tables[row[0]]
	}
	if r.at == nil {
		return nil // filtered, or no table that we list
	}
	k := r.keys[[2]string{row[0], strings.ToLower(row[1])}]
	r.at.Columns = append(r.at.Columns, catalog.Column{Name: row[1], Type: row[2], Family: family(row[2]), Nullable: row[3] == "1",
		Default: r.defaultOf(row[4], row[6], row[7]), Comment: row[5], PrimaryKey: k.place, References: k.ref})
	if row[8] == "1" {
		r.at.Unreadable = false
	}
	return nil
}

// defaultOf is how a column gets its value where none is given.
func (r *reader) defaultOf(value, extra, expression string) string {
	kind, _, generated := strings.Cut(extra, " GENERATED")
	switch {
	case generated && expression != "":
		return "generated always as (" + expression + ") " + strings.ToLower(kind)
	case strings.Contains(extra, "auto_increment"):
		return "auto_increment"
	case r.session.product.mariadb && value == "NULL":
		return "" // MariaDB writes a default as SQL does, and that there is none as NULL
	}
	return value
}

// report hands over the table whose columns were read.
func (r *reader) report() error {
	t := r.at
	if r.at = nil; t == nil {
		return nil
	}
	delete(r.tables, t.Path.Name())
	return r.to.Table(*t)
}

// each runs a catalog query for the database, narrowed to the picked tables: their names are bound, never written. No names at
// all are no tables.
func (r *reader) each(query string, row func([]string) error) error {
	narrow := ""
	switch {
	case r.picked == nil:
	case len(r.picked) == 0:
		narrow = "and false"
	default:
		narrow = "and table_name in (?" + strings.Repeat(", ?", len(r.picked)-1) + ")"
	}
	return r.session.each(strings.Replace(query, "/* tables */", narrow, 1), append([]any{r.database}, r.picked...), row)
}
