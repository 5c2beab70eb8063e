package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"patchbay/catalog"
	"patchbay/connectors"
)

var catalogChecks = []check{
	{"catalog", nil, checkCatalog},
	{"catalog scopes", nil, checkCatalogScopes},
	{"catalog filter", nil, checkCatalogFilter},
	{"catalog filter rules", nil, checkCatalogFilterRules},
	{"catalog traffic", network, checkCatalogTraffic},
	{"catalog rows", embedded, checkCatalogRows},
	{"catalog sink error", nil, checkCatalogSinkError},
	{"hostile names", nil, checkHostileNames},
	{"unreadable table", needsSecond, checkUnreadableTable},
	{"unreadable scope", needsUnreadableScope, checkUnreadableScope},
}

func needsUnreadableScope(s *Subject) string {
	if s.Limited == nil || len(s.Limited.Unreadable) == 0 {
		return "no scope that is seen and not read"
	}
	return ""
}

func checkCatalog(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...)
	got := t.catalog(t.open(s.request()), s.onlyScope()).in(s.Scope)
	for _, want := range s.Catalog.Want {
		have, ok := got[want.Path.String()]
		delete(got, want.Path.String())
		if !ok {
			t.Errorf("%s is missing", want.Path)
			continue
		}
		t.compare(have, want)
	}
	for path, table := range got {
		t.Errorf("%s is not wanted: %+v", path, table)
	}
}

// compare reports each difference of a table on its own.
func (t *T) compare(have, want catalog.Table) {
	t.Helper()
	columns := func(table catalog.Table) []string {
		var out []string
		for _, c := range table.Columns {
			ref := "nothing"
			if c.References != nil {
				ref = c.References.Table.String() + "." + c.References.Column
			}
			c.References = nil
			out = append(out, fmt.Sprintf("%+v to %s", c, ref))
		}
		return out
	}
	h, w := columns(have), columns(want)
	for i := range max(len(h), len(w)) {
		var a, b string
		if i < len(h) {
			a = h[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s, column %d:\n got %s\nwant %s", want.Path, i+1, a, b)
		}
	}
	have.Columns, want.Columns = nil, nil
	if want.Rows == catalog.RowsUnknown {
		have.Rows = want.Rows
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("got  %+v\nwant %+v", have, want)
	}
}

// Each table is reported once; the whole and each part that was read to its end is done; nothing is skipped that can be read.
func checkCatalogScopes(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...)
	r := t.catalog(t.open(s.request()), catalog.Filter{})
	seen := map[string]bool{}
	for _, table := range r.tables {
		if len(table.Path) != len(s.Connector.Levels) {
			t.Errorf("path %s has %d parts for the levels %v", table.Path, len(table.Path), s.Connector.Levels)
		}
		if seen[table.Path.String()] {
			t.Errorf("%s is reported twice", table.Path)
		}
		seen[table.Path.String()] = true
	}
	if len(r.skipped) > 0 {
		t.Errorf("skipped %v", r.skipped)
	}
	if len(r.done) == 0 || r.done[len(r.done)-1] != "" {
		t.Errorf("done %q, want the whole source at the end", r.done)
	}
	for _, scope := range r.done {
		path, err := catalog.ParsePath(scope)
		if err != nil || len(path) >= len(s.Connector.Levels) {
			t.Errorf("%s is done and is no scope", scope)
		}
	}
}

func checkCatalogFilter(t *T, s *Subject) {
	t.fresh(s)
	for _, name := range []string{"sale_a", "sale_b", "stock_a"} {
		t.admin(s, fmt.Sprintf("create table %s (n %s)", s.table(name), s.intType()))
	}
	src := t.open(s.request())
	match := func(kind catalog.MatchKind, values ...string) *catalog.Match {
		return &catalog.Match{Match: kind, Values: values}
	}
	for _, c := range []struct {
		rule catalog.Rule
		want string
	}{
		{catalog.Rule{}, "sale_a sale_b stock_a"},
		{catalog.Rule{Include: match(catalog.MatchExact, "sale_a", "stock_a")}, "sale_a stock_a"},
		{catalog.Rule{Include: match(catalog.MatchPrefix, "sale")}, "sale_a sale_b"},
		{catalog.Rule{Include: match(catalog.MatchSuffix, "_a"), Exclude: match(catalog.MatchExact, "stock_a")}, "sale_a"},
		{catalog.Rule{Include: match(catalog.MatchGlob, "s*_?")}, "sale_a sale_b stock_a"},
		{catalog.Rule{Include: match(catalog.MatchGlob, "sale_%")}, ""},
		{catalog.Rule{Include: match(catalog.MatchRegexp, "s(ale|tock)_a")}, "sale_a stock_a"},
		{catalog.Rule{Exclude: match(catalog.MatchGlob, "*")}, ""},
		{catalog.Rule{Exclude: match(catalog.MatchPrefix, "sale", "x' or 1=1 --")}, "stock_a"},
	} {
		f := s.onlyScope()
		f.Tables = c.rule
		var names []string
		for _, table := range t.catalog(src, f).in(s.Scope) {
			names = append(names, table.Path.Name())
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s %s: %s, want %s", words(c.rule.Include), words(c.rule.Exclude), got, c.want)
		}
	}
	if len(s.Scope) > 0 {
		f := catalog.Filter{Databases: catalog.Rule{Include: match(catalog.MatchExact, "no such database")}}
		if r := t.catalog(src, f); slices.Contains(s.Connector.Levels, catalog.LevelDatabase) && len(r.tables) > 0 {
			t.Errorf("%d tables of databases that are filtered out", len(r.tables))
		}
	}
}

func words(m *catalog.Match) string {
	if m == nil {
		return "-"
	}
	return fmt.Sprint(m.Match, m.Values)
}

// The number of statements does not grow with the number of tables, and what is filtered out is not sent.
func checkCatalogTraffic(t *T, s *Subject) {
	t.fresh(s)
	p := startProxy(t, s)
	src := t.open(s.request(p.values()))
	read := func(f catalog.Filter) (sent, received int64) {
		sent, received = p.sent.Load(), p.received.Load()
		t.catalog(src, f)
		return p.sent.Load() - sent, p.received.Load() - received
	}
	f := s.onlyScope()
	read(f) // what a first reading prepares
	few, empty := read(f)
	const tables = 120
	for i := range tables {
		t.admin(s, fmt.Sprintf("create table %s (a %s, b %s, c %s, d %s)", s.table(fmt.Sprintf("many_%03d", i)), s.intType(), s.intType(), s.intType(), s.intType()))
	}
	many, whole := read(f)
	if many > few+few/2+2000 {
		t.Errorf("%d bytes are sent for %d tables, and %d for none: it asks table by table", many, tables, few)
	}
	f.Tables.Include = &catalog.Match{Match: catalog.MatchExact, Values: []string{"many_007"}}
	if _, part := read(f); part-empty > (whole-empty)/2 {
		t.Errorf("%d bytes arrive for one of %d tables, %d for all, %d for none: the filter is not pushed down", part, tables, whole, empty)
	}
}

// What is filtered out is not fetched, told by what is allocated: an embedded engine sends nothing that could be counted, and each
// row that it hands over allocates its cells.
func checkCatalogRows(t *T, s *Subject) {
	t.fresh(s)
	const tables = 120
	var made []string
	for i := range tables {
		var columns []string
		for c := range 20 {
			columns = append(columns, fmt.Sprintf("c%d %s", c, s.intType()))
		}
		made = append(made, fmt.Sprintf("create table %s (%s)", s.table(fmt.Sprintf("many_%03d", i)), strings.Join(columns, ", ")))
	}
	t.admin(s, made...)
	src := t.open(s.request())
	read := func(f catalog.Filter, want int) (allocated int64) {
		least := int64(0)
		for i := range 3 { // others of the process allocate too
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := t.catalog(src, f)
			runtime.ReadMemStats(&after)
			if got := len(r.in(s.Scope)); got != want {
				t.Errorf("%d tables, want %d", got, want)
			}
			if n := int64(after.Mallocs - before.Mallocs); i == 0 || n < least {
				least = n
			}
		}
		return least
	}
	f := s.onlyScope()
	whole := read(f, tables)
	f.NamesOnly = true
	if names := read(f, tables); names > whole/2 {
		t.Errorf("%d allocations for names alone, %d for everything: columns are read", names, whole)
	}
	f.NamesOnly = false
	f.Tables.Include = &catalog.Match{Match: catalog.MatchExact, Values: []string{"many_007"}}
	if part := read(f, 1); part > whole/2 {
		t.Errorf("%d allocations for one of %d tables, %d for all: the filter is not pushed down", part, tables, whole)
	}
}

func checkCatalogSinkError(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...)
	src := t.open(s.request())
	full := errors.New("the disk is full")
	r := &reading{skipped: map[string]error{}, sinkErr: full}
	if err := src.ReadCatalog(t.Context(), s.onlyScope(), r); !errors.Is(err, full) {
		t.Errorf("%v, want the sink's own error", err)
	}
	if len(r.tables) != 1 || len(r.done) != 0 || len(r.skipped) != 0 {
		t.Errorf("after the sink failed it reports on: %d tables, done %v, skipped %v", len(r.tables), r.done, r.skipped)
	}
	if got := t.one(src, "select 'alive'"); got != "alive" {
		t.Errorf("the source is broken after it")
	}
}

// HostileNames are names that break what is put together by hand. The last two are one name to a reader who ignores case.
func HostileNames(longest int) map[string]string {
	return map[string]string{
		"quotes": `we"ird'na` + "`me", "payload": "we\"ird\\n'; drop table x--<script>alert(1)</script>", "newline": "two\nlines\ttab",
		"emoji": "naïve 🦆 数据", "right to left": "שלום \u202Etxt.exe", "longest": strings.Repeat("n", longest-1) + "1", "wide": wide(longest),
		"trailing space": "ends ", "leading space": " begins", "percent": "100%s %d ?", "dollar": "a$1$b", "backslash": `c:\temp\`, "dots": "a.b/c..d",
		"reserved": "select", "comment": "a/*b*/--c", "braces": "{{ name }} ${x}", "composed": "caf\u00e9", "decomposed": "cafe\u0301",
		"digits": "1234", "empty to trim": "\u00a0", "Twin": "CaseTwin", "twin": "casetwin",
	}
}

// hostileNames are those of every product and the subject's own.
func (s *Subject) hostileNames() map[string]string {
	names := HostileNames(s.Names.Longest)
	maps.Copy(names, s.Names.More)
	return names
}

// wide is a name of as many bytes as the longest has, in characters of three.
func wide(longest int) string { return strings.Repeat("数", longest/3) }

// Names arrive byte for byte, and what quotes them leads back to the same table: in the catalog, in statements, in columns.
func checkHostileNames(t *T, s *Subject) {
	t.fresh(s)
	names := s.hostileNames()
	for key := range s.Names.Refused {
		if _, known := names[key]; !known {
			t.Fatalf("there is no case %q to be refused", key)
		}
	}
	made := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(names)) {
		name := names[key]
		err := tryAdmin(t, s, fmt.Sprintf("create table %s (%s %s)", s.table(name), s.Connector.Dialect.Quote(name), s.intType()))
		made[key] = err == nil
		if err != nil && s.Names.Refused[key] == "" {
			t.Errorf("%s: %q cannot be made: %v", key, name, err)
		}
	}
	src := t.open(s.request())
	tables := t.catalog(src, s.onlyScope()).in(s.Scope)
	for key, name := range names {
		table, found := tables[append(slices.Clone(s.Scope), name).String()]
		switch {
		case s.Names.Refused[key] != "" && found:
			t.Errorf("%s: the product keeps this name: take it out of Refused", key)
		case s.Names.Refused[key] == "" && made[key]:
			t.leadsBack(src, s, key, name, table)
		}
	}
	t.found(s, names, tables)
	if want := len(slices.DeleteFunc(slices.Collect(maps.Values(made)), func(ok bool) bool { return !ok })); len(tables) != want {
		t.Errorf("%d tables in the catalog, %d were made", len(tables), want)
	}
}

// found checks that each table, and its column, is found by its own name, as people type it and in quotes. Of a name that is no text
// they type what is around the bytes that are none, and for no name at all they do not search.
func (t *T) found(s *Subject, names map[string]string, tables map[string]catalog.Table) {
	t.Helper()
	b := catalog.NewBuilder(s.Connector.Levels)
	for _, table := range tables {
		if err := b.Add(table); err != nil {
			t.Fatalf("%v", err)
		}
	}
	shards := []*catalog.Shard{b.Build()}
	for _, key := range slices.Sorted(maps.Keys(names)) {
		name := names[key]
		path := append(slices.Clone(s.Scope), name)
		if _, made := tables[path.String()]; !made {
			continue
		}
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		typed := []string{name, "table:" + quoted, "column:" + quoted}
		switch {
		case name == "":
			continue
		case !utf8.ValidString(name):
			typed = []string{strings.ToValidUTF8(name, " ")}
		}
		for _, text := range typed {
			want := path
			if strings.HasPrefix(text, "column:") {
				want = append(slices.Clone(path), name)
			}
			q := catalog.Query{Text: text, Limit: 1000}
			hits := catalog.Search(shards, q)
			if q.Check() != "" || !slices.ContainsFunc(hits, func(h catalog.Hit) bool { return slices.Equal(h.Path, want) }) {
				t.Errorf("%s: the search for %q does not find %s among %d hits", key, text, want, len(hits))
			}
		}
	}
}

// leadsBack checks that a name came as it is, with its column's, and that a statement with both finds them.
func (t *T) leadsBack(src connectors.Source, s *Subject, key, name string, table catalog.Table) {
	t.Helper()
	if len(table.Columns) != 1 || table.Columns[0].Name != name {
		t.Errorf("%s: %q is not in the catalog as it is: %+v", key, name, table)
		return
	}
	quote := s.Connector.Dialect.Quote
	a := t.ask(src, connectors.Statement{SQL: "select " + quote(name) + " from " + s.Connector.Dialect.Qualified(table.Path), ReadOnly: true})
	if len(a.columns) != 1 || a.columns[0].Name != name {
		t.Errorf("%s: the column comes as %+v", key, a.columns)
	}
}

func checkUnreadableTable(t *T, s *Subject) {
	t.fresh(s)
	t.limit(s)
	src := t.open(s.as(s.Limited.User))
	table, shown := t.catalog(src, s.onlyScope()).in(s.Scope)[append(slices.Clone(s.Scope), "closed").String()]
	if shown == s.Limited.Hidden || shown && !table.Unreadable {
		t.Errorf("shown %v, marked %v", shown, table.Unreadable)
	}
	_, err := t.tryAsk(src, connectors.Statement{SQL: "select * from " + s.table("closed"), ReadOnly: true})
	t.cause(err, connectors.CauseDenied)
	own := t.catalog(t.open(s.request()), s.onlyScope()).in(s.Scope)
	for _, table := range own {
		if table.Unreadable {
			t.Errorf("%s is marked for a user who may read it", table.Path)
		}
	}
}

// What cannot be read is skipped with its reason and is not done; the rest is read.
func checkUnreadableScope(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...)
	t.limit(s)
	t.admin(s, s.Limited.Unreadable...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := &reading{skipped: map[string]error{}}
	if err := t.open(s.as(s.Limited.User)).ReadCatalog(ctx, catalog.Filter{}, r); err != nil {
		t.Fatalf("%v", err)
	}
	why := r.skipped[s.Limited.Skipped.String()]
	if why == nil {
		t.Fatalf("skipped %v, want %s among them", r.skipped, s.Limited.Skipped)
	}
	t.cause(why, connectors.CauseDenied, connectors.CauseSignIn, connectors.CauseUnsupported, connectors.CauseLimit)
	for _, scope := range r.done {
		if scope == s.Limited.Skipped.String() {
			t.Errorf("%q is done though it was skipped", scope)
		}
	}
	if len(r.tables) == 0 {
		t.Errorf("nothing else was read")
	}
}
