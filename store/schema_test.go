package store_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"patchbay/store"
)

// What describes a schema in words that both products share: columns, foreign keys, unique sets and indexes.
var (
	sqliteSchema = []string{
		`select 'column ' || m.name || '.' || p.name || ' ' || p.type || case when p."notnull" = 1 or p.pk > 0 then ' not null' else '' end
			|| ' default ' || coalesce(p.dflt_value, 'none') || ' key ' || p.pk
			from sqlite_schema m, pragma_table_info(m.name) p where m.type = 'table'`,
		`select 'reference ' || m.name || '.' || f."from" || ' ' || f."table" || '.' || f."to" || ' ' || f.on_delete
			from sqlite_schema m, pragma_foreign_key_list(m.name) f where m.type = 'table'`,
		`select 'unique ' || m.name || ' ' || (select group_concat(name, ',') from pragma_index_info(l.name))
			from sqlite_schema m, pragma_index_list(m.name) l where m.type = 'table' and l.origin = 'u'`,
		`select 'index ' || name || ' ' || tbl_name || ' ' || (select group_concat(name, ',') from pragma_index_info(m.name))
			from sqlite_schema m where type = 'index' and sql is not null`,
	}
	postgresSchema = []string{
		`select 'column ' || c.table_name || '.' || c.column_name || ' ' || case data_type when 'bigint' then 'INTEGER' when 'bytea' then 'BLOB' else upper(data_type) end
			|| case is_nullable when 'NO' then ' not null' else '' end || ' default ' || coalesce(column_default, 'none')
			|| ' key ' || coalesce((select k.ordinal_position from information_schema.table_constraints t join information_schema.key_column_usage k using (constraint_name)
				where t.constraint_type = 'PRIMARY KEY' and k.table_name = c.table_name and k.column_name = c.column_name), 0)
			from information_schema.columns c where c.table_schema = 'public'`,
		`select 'reference ' || k.table_name || '.' || k.column_name || ' ' || u.table_name || '.' || u.column_name || ' ' || r.delete_rule
			from information_schema.referential_constraints r join information_schema.key_column_usage k using (constraint_name)
			join information_schema.constraint_column_usage u using (constraint_name)`,
		`select 'unique ' || t.table_name || ' ' || string_agg(k.column_name, ',' order by k.ordinal_position)
			from information_schema.table_constraints t join information_schema.key_column_usage k using (constraint_name)
			where t.constraint_type = 'UNIQUE' and t.table_schema = 'public' group by t.constraint_name, t.table_name`,
		`select 'index ' || indexname || ' ' || tablename || ' ' || replace(substring(indexdef from '\((.*)\)'), ', ', ',') from pg_indexes
			where schemaname = 'public' and indexname not in (select constraint_name from information_schema.table_constraints)`,
	}
)

// schema is what a store's tables are like. Defaults lose what only one product writes: casts, quotes and parentheses.
func schema(t *testing.T, s *store.Store, queries []string) []string {
	t.Helper()
	plain := strings.NewReplacer("::text", "", "::integer", "", "::bigint", "", "'", "", `"`, "", "(", "", ")", "")
	var lines []string
	for _, query := range queries {
		found, err := s.Column(ctx, query)
		check(t, err)
		n := len(lines)
		for _, line := range found {
			if !strings.Contains(line, "goose_") && !strings.Contains(line, "sqlite_") {
				lines = append(lines, plain.Replace(line))
			}
		}
		if len(lines) == n {
			t.Fatalf("nothing is found by %s", query)
		}
	}
	slices.Sort(lines)
	return lines
}

// Both folders of migrations end in the same tables.
func TestSchemasAreTheSame(t *testing.T) {
	t.Parallel()
	c := newClock()
	lite := schema(t, open(t, t.TempDir(), c), sqliteSchema)
	postgres := schema(t, openPostgres(t, c), postgresSchema)
	for _, line := range lite {
		if !slices.Contains(postgres, line) {
			t.Errorf("only in sqlite: %s", line)
		}
	}
	for _, line := range postgres {
		if !slices.Contains(lite, line) {
			t.Errorf("only in postgres: %s", line)
		}
	}
}

// A command beside a server must not change the tables under it.
func TestCommandBesideAServerDoesNotMigrate(t *testing.T) {
	t.Parallel()
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	check(t, s.Exec(ctx, `delete from goose_db_version where version_id > 0`))
	check(t, s.Close())
	_, err := store.Open(ctx, store.Options{Dir: dir, Now: c.Now, Shared: true})
	if err == nil || !strings.Contains(err.Error(), "start patchbay serve there first") {
		t.Fatalf("an older schema is opened: %v", err)
	}
}

// sources are the files whose SQL both products run.
func sources(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	check(t, err)
	files := map[string]string{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") && e.Name() != "sqlite.go" {
			text, err := os.ReadFile(e.Name())
			check(t, err)
			files[e.Name()] = string(text)
		}
	}
	return files
}

// SQL keeps to what both products know (P81).
func TestSQLIsPortable(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile(`(?i)rowid|\bpragma\b|datetime\(|\bilike\b|::|pg_advisory|autoincrement|last_insert|\bglob\b|now\(\)|insert or `)
	literal := regexp.MustCompile("(?s)`[^`]*`")
	for name, text := range sources(t) {
		for _, statement := range literal.FindAllString(text, -1) {
			if found := word.FindString(statement); found != "" {
				t.Errorf("%s has %q in %s", name, found, statement)
			}
		}
	}
}

// SQLite numbers $1, $2, ... by where they first appear, whatever they are called. A statement that has them in another order
// would get its arguments in another order than on PostgreSQL, and nothing would say so.
func TestPlaceholdersAppearInOrder(t *testing.T) {
	t.Parallel()
	literal, placeholder, statements := regexp.MustCompile("(?s)`[^`]*`"), regexp.MustCompile(`\$\d+`), 0
	for name, text := range sources(t) {
		for _, statement := range literal.FindAllString(text, -1) {
			var first []string
			for _, p := range placeholder.FindAllString(statement, -1) {
				if !slices.Contains(first, p) {
					first = append(first, p)
				}
			}
			if len(first) > 0 {
				statements++
			}
			byNumber := func(a, b string) int { return len(a)*100 + strings.Compare(a, b) - len(b)*100 }
			if !slices.IsSortedFunc(first, byNumber) {
				t.Errorf("%s: placeholders appear as %v in %s", name, first, statement)
			}
		}
	}
	if statements < 80 {
		t.Fatalf("only %d statements were looked at", statements)
	}
}
