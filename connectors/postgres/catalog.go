package postgres

import (
	"context"
	_ "embed" // the catalog queries stand beside this file, as the database's administrator reads them
	"encoding/binary"
	"maps"
	"slices"
	"strconv"

	"patchbay/catalog"
	"patchbay/connectors"
)

var (
	//go:embed sql/databases.sql
	databasesSQL string
	//go:embed sql/schemas.sql
	schemasSQL string
	//go:embed sql/types.sql
	typesSQL string
	//go:embed sql/tables.sql
	tablesSQL string
	//go:embed sql/columns.sql
	columnsSQL string
	//go:embed sql/defaults.sql
	defaultsSQL string
	//go:embed sql/comments.sql
	commentsSQL string
	//go:embed sql/primary_keys.sql
	primaryKeysSQL string
	//go:embed sql/foreign_keys.sql
	foreignKeysSQL string
)

// maxTableOIDs is how many tables a filter may leave over and still be handed to the server one by one.
const maxTableOIDs = 10_000

var levels = []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable}

// ReadCatalog implements connectors.Source: one connection and a fixed few statements for each database that the filter lets
// through, the connection's own first.
func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	match, err := catalog.NewMatcher(f, levels)
	if err != nil {
		return err
	}
	all, err := s.databases(ctx)
	if err != nil {
		return err
	}
	someTables := f.Tables.Include != nil || f.Tables.Exclude != nil
	for _, db := range all {
		name := db.name
		if !match.Keeps(catalog.Path{name}) {
			continue
		}
		if db.closed { // a right that was taken away is no reason to forget what was read with it
			why := &connectors.Error{Cause: connectors.CauseDenied, Op: "read the catalog", Message: "permission denied for database " + name}
			if err := to.Skipped(catalog.Path{name}, why); err != nil {
				return err
			}
			continue
		}
		r := &reader{source: s, database: name, match: match, someTables: someTables, namesOnly: f.NamesOnly, to: to}
		err := r.run(ctx)
		switch {
		case err == nil:
			err = r.done()
		case ctx.Err() != nil:
			return ctx.Err()
		case !r.sinkFailed && serverSaid(err): // about this database; the next may be well
			err = to.Skipped(catalog.Path{name}, skipped(name, err))
		}
		if err != nil {
			return err
		}
	}
	return to.Done(nil)
}

// skipped is why a database could not be read, without the driver's error in it.
func skipped(database string, err error) error {
	why := classify(err)
	why.Op = "read the catalog of " + database
	return why
}

// listed is a database as the server lists it.
type listed struct {
	name   string
	closed bool // the user may not connect to it
}

func (s *source) databases(ctx context.Context) ([]listed, error) {
	se, err := s.acquire(ctx, "")
	if err != nil {
		return nil, err
	}
	defer s.release(se)
	answer := se.conn.ExecParams(ctx, databasesSQL, nil, nil, nil, nil).Read()
	var all []listed
	for _, row := range answer.Rows {
		all = append(all, listed{string(row[0]), string(row[1]) == "f"})
	}
	return all, answer.Err
}

// A reader reads one database: it merges the answers to its queries, each in the order of the tables' oids, table by table.
type reader struct {
	source     *source
	database   string
	match      *catalog.Matcher
	someTables bool // the filter has a rule for tables
	namesOnly  bool
	to         catalog.Sink
	sinkFailed bool

	schemas      map[uint32]string
	everySchema  bool     // all of the database's own are among them
	denied       []string // the schemas that the user may not look into
	types        map[uint32]columnType
	oldEstimates bool // before version 14, a table that was never analysed has 0 rows

	tables, columns, defaults, comments, primaryKeys, foreignKeys *stream
	places                                                        []int               // column number -> place in the table, from 1
	names                                                         map[string]string   // of columns: most tables' are those of others too
	declared                                                      map[uint64]typeInfo // by oid and modifier
	filled                                                        []catalog.Column    // the columns of the current table, while they come
}

// builtIn is declared, which most columns ask the same of.
func (r *reader) builtIn(oid uint32, mod int32) (typeInfo, bool) {
	key := uint64(oid)<<32 | uint64(uint32(mod))
	if t, ok := r.declared[key]; ok {
		return t, true
	}
	t, ok := declared(oid, mod)
	if !ok || len(r.declared) >= maxNames {
		return t, ok
	}
	if r.declared == nil {
		r.declared = map[uint64]typeInfo{}
	}
	r.declared[key] = t
	return t, true
}

// maxNames bounds what is remembered of names and types, so as not to make the same string again.
const maxNames = 1 << 16

// name is a cell as text, which a name of before lends its bytes.
func (r *reader) name(cell []byte) string {
	if known, ok := r.names[string(cell)]; ok {
		return known
	}
	name := string(cell)
	if r.names == nil {
		r.names = map[string]string{}
	}
	if len(r.names) < maxNames {
		r.names[name] = name
	}
	return name
}

func (r *reader) run(ctx context.Context) error {
	se, err := r.source.acquire(ctx, r.database)
	if err != nil {
		return err
	}
	beside, err := r.begin(ctx, se)
	if err != nil {
		se.spoilt.Store(true)
		r.source.release(se)
		return err
	}
	first := newFeed(ctx, r.source, se)
	second := first
	if beside != nil {
		second = newFeed(ctx, r.source, beside)
	}
	err = r.read(first, second)
	for _, f := range []*feed{first, second} {
		if failed := f.close(err == nil); err == nil {
			err = failed
		}
	}
	return err
}

// failedTransaction is the state of a session whose transaction an error has ended: everything else is refused until it is rolled back.
const failedTransaction = 'E'

// begin prepares the session and, where it pays, a second one beside it. A server that refuses what that takes has ended the
// transaction with its refusal, which begins anew.
func (r *reader) begin(ctx context.Context, se *session) (beside *session, err error) {
	if err := r.prepare(ctx, se); err != nil {
		return nil, err
	}
	if beside = r.source.beside(ctx, se); se.conn.TxStatus() != failedTransaction {
		return beside, nil
	}
	if _, err := se.conn.Exec(ctx, "rollback").ReadAll(); err != nil {
		return nil, err
	}
	return nil, r.prepare(ctx, se)
}

// prepare begins the transaction that every query sees the catalog in, and finds the schemas.
func (r *reader) prepare(ctx context.Context, se *session) error {
	if _, err := se.conn.Exec(ctx, beginCatalog+settingsOf(se)).ReadAll(); err != nil {
		return err
	}
	r.oldEstimates = version(se.conn) < "14"
	return r.readSchemas(ctx, se)
}

// done says that everything was read, schema by schema too: one without tables is heard of in no other way.
func (r *reader) done() error {
	for _, name := range slices.Sorted(maps.Values(r.schemas)) {
		if err := r.to.Done(catalog.Path{r.database, name}); err != nil {
			return err
		}
	}
	for _, name := range r.denied { // a right that was taken away is no reason to forget what was read with it
		why := &connectors.Error{Cause: connectors.CauseDenied, Op: "read the catalog", Message: "permission denied for schema " + name}
		if err := r.to.Skipped(catalog.Path{r.database, name}, why); err != nil {
			return err
		}
	}
	return r.to.Done(catalog.Path{r.database})
}

// readSchemas finds the schemas that the filter lets through: their oids are what every other query is limited to.
func (r *reader) readSchemas(ctx context.Context, se *session) error {
	answer := se.conn.ExecParams(ctx, schemasSQL, nil, nil, nil, []int16{binaryFormat}).Read()
	r.schemas, r.everySchema, r.denied = map[uint32]string{}, true, nil
	for _, row := range answer.Rows {
		name := string(row[1])
		switch {
		case !r.match.Keeps(catalog.Path{r.database, name}):
			r.everySchema = false
		case len(row[2]) == 1 && row[2][0] == 1:
			r.schemas[binary.BigEndian.Uint32(row[0])] = name
		default:
			r.everySchema = false
			r.denied = append(r.denied, name)
		}
	}
	return answer.Err
}

// read merges the answers. What takes the server longest, the columns, comes over one feed and all else over the other.
func (r *reader) read(first, second *feed) error {
	schemas := oidArray(r.schemas)
	if r.namesOnly {
		return r.readNames(first, schemas)
	}
	tables := r.chosenTables(first, schemas)
	types := second.open("types", typesSQL)
	r.tables = second.open("tables", tablesSQL, schemas, tables)
	r.columns = first.open("columns", columnsSQL, schemas, tables)
	some := schemas
	if r.everySchema { // what belongs to none of the tables is passed over
		some = nil
	}
	r.defaults = second.open("defaults", defaultsSQL, some, tables)
	r.comments = second.open("comments", commentsSQL, some, tables)
	r.primaryKeys = second.open("primary_keys", primaryKeysSQL, some, tables)
	r.foreignKeys = second.open("foreign_keys", foreignKeysSQL, schemas, tables)
	r.readTypes(types)
	for r.tables.step() {
		t := r.table()
		if !r.match.Keeps(t.Path) {
			continue
		}
		r.fill(&t)
		if first.err != nil || second.err != nil { // the table may lack something
			break
		}
		if err := r.to.Table(t); err != nil {
			r.sinkFailed = true
			return err
		}
	}
	if first.err != nil {
		return first.err
	}
	return second.err
}

// readNames reports the tables without what is in them.
func (r *reader) readNames(f *feed, schemas []byte) error {
	for r.tables = f.open("tables", tablesSQL, schemas, nil); r.tables.step(); {
		if t := r.table(); r.match.Keeps(t.Path) {
			if err := r.to.Table(t); err != nil {
				r.sinkFailed = true
				return err
			}
		}
	}
	return f.err
}

// chosenTables are the oids of the tables that the filter lets through, nil for no limit: where it has no rule for tables, or
// lets so many through that dropping the others here is cheaper.
func (r *reader) chosenTables(f *feed, schemas []byte) []byte {
	if !r.someTables {
		return nil
	}
	kept := map[uint32]bool{}
	for names := f.open("names", tablesSQL, schemas, nil); names.step(); {
		if len(kept) <= maxTableOIDs && r.match.Keeps(catalog.Path{r.database, r.schemas[names.uint32(1)], names.text(2)}) {
			kept[names.uint32(0)] = true
		}
	}
	if len(kept) > maxTableOIDs {
		return nil
	}
	return oidArray(kept)
}

// oidArray writes the keys as PostgreSQL reads an array.
func oidArray[V any](oids map[uint32]V) []byte {
	out := []byte{'{'}
	for oid := range oids {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(oid), 10)
	}
	return append(out, '}')
}

var tableKinds = map[byte]catalog.Kind{
	'r': catalog.KindTable, 'p': catalog.KindPartitioned, 'v': catalog.KindView, 'm': catalog.KindMaterializedView, 'f': catalog.KindForeign,
}

// table is the current row of tables.
func (r *reader) table() catalog.Table {
	t := catalog.Table{
		Path:       catalog.Path{r.database, r.schemas[r.tables.uint32(1)], r.tables.text(2)},
		Kind:       tableKinds[r.tables.char(3)],
		Rows:       r.tables.int64(4),
		Unreadable: !r.tables.bool(6),
	}
	neverAnalysed := t.Rows < 0 || r.oldEstimates && t.Rows == 0 && r.tables.int32(5) == 0
	if neverAnalysed || t.Kind == catalog.KindView {
		t.Rows = catalog.RowsUnknown
	}
	return t
}

// fill adds what the other answers hold about the current table.
func (r *reader) fill(t *catalog.Table) {
	oid := r.tables.uint32(0)
	r.places = r.places[:0]
	r.filled = r.filled[:0]
	for r.columns.of(oid) {
		r.filled = append(r.filled, r.column())
		for number := int(r.columns.int16(1)); len(r.places) <= number; {
			r.places = append(r.places, 0)
		}
		r.places[r.columns.int16(1)] = len(r.filled)
	}
	if len(r.filled) > 0 {
		t.Columns = slices.Clone(r.filled)
	}
	for r.defaults.of(oid) {
		if c := r.columnOf(t, r.defaults); c != nil {
			c.Default = generated(c.Default, r.defaults.text(2))
		}
	}
	for r.comments.of(oid) {
		if r.comments.int16(1) == 0 {
			t.Comment = r.comments.text(2)
		} else if c := r.columnOf(t, r.comments); c != nil {
			c.Comment = r.comments.text(2)
		}
	}
	for r.primaryKeys.of(oid) {
		for i, number := range r.primaryKeys.int16s(1) {
			if c := r.columnNumbered(t, number); c != nil {
				c.PrimaryKey = i + 1
			}
		}
	}
	for r.foreignKeys.of(oid) {
		if c := r.columnOf(t, r.foreignKeys); c != nil && c.References == nil { // of several, the first by name
			c.References = &catalog.Ref{Table: catalog.Path{r.database, r.foreignKeys.text(2), r.foreignKeys.text(3)}, Column: r.foreignKeys.text(4)}
		}
	}
}

// columnOf is the column whose number stands second in the current row of s; nil where the table has none of that number.
func (r *reader) columnOf(t *catalog.Table, s *stream) *catalog.Column {
	return r.columnNumbered(t, s.int16(1))
}

func (r *reader) columnNumbered(t *catalog.Table, number int16) *catalog.Column {
	if number <= 0 || int(number) >= len(r.places) || r.places[number] == 0 {
		return nil
	}
	return &t.Columns[r.places[number]-1]
}

// column is the current row of columns.
func (r *reader) column() catalog.Column {
	c := catalog.Column{Name: r.name(r.columns.now.cell(r.columns.row, 2)), Nullable: !r.columns.bool(5)}
	oid, mod := r.columns.uint32(3), r.columns.int32(4)
	if t, ok := r.builtIn(oid, mod); ok {
		c.Type, c.Family = t.name, t.family
	} else {
		t := r.types[oid]
		c.Type, c.Family = t.name, t.family
		if oid >= firstUserOID {
			c.Type = unqualified(r.columns.text(8))
		}
		c.Nullable = c.Nullable && !t.notNull
		if t.family == "" {
			c.Family = rowFamily(c.Type)
		}
	}
	c.Default = identities[r.columns.char(6)] + generations[r.columns.char(7)]
	return c
}
