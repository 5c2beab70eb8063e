package mysql

import (
	"context"
	"database/sql"
	_ "embed" // the catalog queries stand beside this file, as the database's administrator reads them
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

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

// ReadCatalog implements connectors.Source: one statement for the databases, two for the rights, and three for each database that the
// filter lets through, four where it has a rule for tables. A statement of information_schema without a database would open every
// table of a MariaDB server. The rights are read before everything and after: what was listed while one of them was taken away tells
// of nothing that it is gone.
func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		return err
	}
	rights, err := s.readGrants(ctx)
	if err != nil {
		return cancelled(ctx, err)
	}
	names, err := s.databases(ctx, match)
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, name := range names {
		r := &reader{database: name, match: match, to: to, whole: rights.whole(name), mariadb: s.mariadb, picks: f.Tables != catalog.Rule{}, namesOnly: f.NamesOnly}
		err := r.read(ctx, s.db)
		var own *mysql.MySQLError
		switch {
		case err == nil:
			listed[name] = true
		case errors.As(err, &own) && causes[own.Number] != connectors.CauseLost && ctx.Err() == nil: // about this database; the next may be well
			listed[name] = false
			err = to.Skipped(catalog.Path{name}, err)
		}
		if err != nil {
			return cancelled(ctx, err)
		}
	}
	after, err := s.readGrants(ctx)
	if err != nil {
		return cancelled(ctx, err)
	}
	rights = rights.and(after)
	for _, name := range names {
		if listed[name] && rights.whole(name) {
			if err := to.Done(catalog.Path{name}); err != nil {
				return err
			}
		}
	}
	return rights.done(listed, to)
}

func (s *source) databases(ctx context.Context, match *catalog.Matcher) ([]string, error) {
	var names []string
	err := each(ctx, s.db, databasesSQL, nil, func(scan func(...any) error) error {
		var name string
		if err := scan(&name); err != nil {
			return err
		}
		if match.Keeps(catalog.Path{name}) {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// A reader joins the answers about one database in memory: tables and keys are held, columns stream through.
type reader struct {
	database string
	match    *catalog.Matcher
	to       catalog.Sink
	mariadb  bool
	picks    bool // the filter has a rule for tables
	whole    bool // all tables are listed, not only those that the user has a right to

	namesOnly bool

	picked []any                     // the names that it lets through; nil: all, or too many to name
	tables map[string]*catalog.Table // those not yet reported
	keys   map[[2]string]key         // by table and column
	at     *catalog.Table            // the table whose columns are being read
}

type key struct {
	place int
	ref   *catalog.Ref
}

func (r *reader) read(ctx context.Context, db *sql.DB) error {
	if r.namesOnly {
		return r.readNames(ctx, db)
	}
	if r.picks {
		if err := r.pick(ctx, db); err != nil {
			return fmt.Errorf("read the names of tables: %w", err)
		}
	}
	r.tables, r.keys = map[string]*catalog.Table{}, map[[2]string]key{}
	if err := r.each(ctx, db, tablesSQL, r.table); err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	if len(r.tables) < len(r.picked) { // MariaDB takes two names that differ in case for one, and answers with one of them
		r.picked = nil
		if err := r.each(ctx, db, tablesSQL, r.table); err != nil {
			return fmt.Errorf("read tables: %w", err)
		}
	}
	if len(r.tables) == 0 {
		return nil
	}
	if err := r.each(ctx, db, keysSQL, r.key); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	if err := r.each(ctx, db, columnsSQL, r.column); err != nil {
		return fmt.Errorf("read columns: %w", err)
	}
	if err := r.report(); err != nil {
		return err
	}
	return r.bare(ctx, db)
}

// bare reports the tables of which no column was read: views of something that is gone, or without any right to their columns. The
// queries see no common snapshot, so what was dropped between them looks the same, and is looked for once more.
func (r *reader) bare(ctx context.Context, db *sql.DB) error {
	if len(r.tables) == 0 {
		return nil
	}
	var there []*catalog.Table
	err := each(ctx, db, namesSQL, []any{r.database}, func(scan func(...any) error) error {
		var name string
		if err := scan(&name); err != nil {
			return err
		}
		if t := r.tables[name]; t != nil {
			there = append(there, t)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the names of tables: %w", err)
	}
	for _, t := range there {
		if err := r.hand(*t); err != nil {
			return err
		}
	}
	return nil
}

// hand hands over a table. Where only tables with a right are listed, each is a part that was read.
func (r *reader) hand(t catalog.Table) error {
	if err := r.to.Table(t); err != nil || r.whole {
		return err
	}
	return r.to.Done(t.Path)
}

// readNames reports the tables without what is in them.
func (r *reader) readNames(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, namesSQL, []any{r.database}, func(scan func(...any) error) error {
		t := catalog.Table{Path: catalog.Path{r.database, ""}, Kind: catalog.KindTable, Rows: catalog.RowsUnknown}
		if err := scan(&t.Path[1]); err != nil || !r.match.Keeps(t.Path) {
			return err
		}
		return r.hand(t)
	})
}

// maxPicked is how many names are sent back to the server; beyond them it is asked for all.
const maxPicked = 10_000

// pick asks for the names of the tables and keeps those that the filter lets through. The decision is the one in memory, so that
// no rule can mean something else on the server.
func (r *reader) pick(ctx context.Context, db *sql.DB) error {
	picked := []any{}
	err := each(ctx, db, namesSQL, []any{r.database}, func(scan func(...any) error) error {
		var name string
		if err := scan(&name); err != nil {
			return err
		}
		if r.match.Keeps(catalog.Path{r.database, name}) && len(picked) <= maxPicked {
			picked = append(picked, name)
		}
		return nil
	})
	if len(picked) <= maxPicked {
		r.picked = picked
	}
	return err
}

// table takes a row of tables.
func (r *reader) table(scan func(...any) error) error {
	var name, kind, comment string
	var estimate sql.NullString // as text: the estimates of some engines are above what a number holds
	var partitioned bool
	if err := scan(&name, &kind, &estimate, &comment, &partitioned); err != nil {
		return err
	}
	path := catalog.Path{r.database, name}
	if !r.match.Keeps(path) {
		return nil
	}
	t := &catalog.Table{Path: path, Kind: catalog.KindTable, Comment: comment, Rows: catalog.RowsUnknown, Unreadable: true} // until a column says otherwise
	switch {
	case kind == "VIEW":
		t.Kind = catalog.KindView
	case partitioned:
		t.Kind = catalog.KindPartitioned
	}
	if n, err := strconv.ParseInt(estimate.String, 10, 64); err == nil && t.Kind != catalog.KindView {
		t.Rows = n
	}
	r.tables[name] = t
	return nil
}

// key takes a row of keys. Columns are named as the key's declaration wrote them, whose case may be another than the column's.
func (r *reader) key(scan func(...any) error) error {
	var table, column, toDatabase, toTable, toColumn string
	var primary bool
	var place int
	if err := scan(&table, &column, &primary, &place, &toDatabase, &toTable, &toColumn); err != nil {
		return err
	}
	at := [2]string{table, strings.ToLower(column)}
	k := r.keys[at]
	if primary {
		k.place = place
	} else if k.ref == nil {
		k.ref = &catalog.Ref{Table: catalog.Path{toDatabase, toTable}, Column: toColumn}
	}
	r.keys[at] = k
	return nil
}

// column takes a row of columns, and reports the table before it when another begins.
func (r *reader) column(scan func(...any) error) error {
	var table, value, extra, expression string
	var c catalog.Column
	var readable bool
	if err := scan(&table, &c.Name, &c.Type, &c.Nullable, &value, &c.Comment, &extra, &expression, &readable); err != nil {
		return err
	}
	if r.at != nil && r.at.Path.Name() != table {
		if err := r.report(); err != nil {
			return err
		}
	}
	if r.at == nil {
		r.at = r.tables[table]
	}
	if r.at == nil {
		return nil // filtered, or no table that we list
	}
	k := r.keys[[2]string{table, strings.ToLower(c.Name)}]
	c.Family, c.Default, c.PrimaryKey, c.References = family(c.Type), r.defaultOf(value, extra, expression), k.place, k.ref
	r.at.Columns = append(r.at.Columns, c)
	if readable {
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
	case r.mariadb && value == "NULL":
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
	return r.hand(*t)
}

// each runs a catalog query for the database, narrowed to the picked tables: their names are bound, never written. No names at
// all are no tables.
func (r *reader) each(ctx context.Context, db *sql.DB, query string, row func(scan func(...any) error) error) error {
	narrow := ""
	switch {
	case r.picked == nil:
	case len(r.picked) == 0:
		narrow = "and false"
	default:
		narrow = "and table_name in (?" + strings.Repeat(", ?", len(r.picked)-1) + ")"
	}
	return each(ctx, db, strings.Replace(query, "/* tables */", narrow, 1), append([]any{r.database}, r.picked...), row)
}

// each calls row for each row of a query.
func each(ctx context.Context, db *sql.DB, query string, args []any, row func(scan func(...any) error) error) (err error) {
	rows, err := db.QueryContext(ctx, query, args...)
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
