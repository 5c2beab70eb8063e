package sqlite

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mattn/go-sqlite3"

	"patchbay/connectors"
)

// TestEscapes runs the ways out of the engine (PROMISES appendix E and more). Each must be refused by the engine, and afterwards
// the file must hold the same bytes, with nothing new beside it.
func TestEscapes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.db")
	newFile(t, secret, "create table s (v text)", "insert into s values ('canary')")
	newFile(t, filepath.Join(dir, "a.db"), "create table t (a int)", "create index t_a on t (a)", "insert into t values (1)",
		"create view way_out as select load_extension('x')", "create view paths as select file from pragma_database_list",
		"create view temp_dir as select * from pragma_temp_store_directory")
	src := openTarget(t, target(dir, "a.db"))
	before := fingerprint(t, dir)
	for _, sql := range escapes(secret) {
		got, _, err := answer(t.Context(), src, sql)
		if err == nil {
			t.Errorf("%s: answered %q", sql, got)
			continue
		}
		if refused := new(sqlite3.Error); !errors.As(err, refused) && connectors.CauseOf(err) != connectors.CauseStatement {
			t.Errorf("%s: %v is no refusal of the engine", sql, err)
		}
	}
	if after := fingerprint(t, dir); after != before {
		t.Errorf("the folder changed: %q, was %q", after, before)
	}
}

func escapes(secret string) []string {
	return []string{
		"attach '" + secret + "' as c",
		"ATTACH/**/DATABASE '" + secret + "' AS c",
		"att/**/ach '" + secret + "' as c",
		"explain attach '" + secret + "' as c",
		"select v from c.s",
		"detach main",
		"select load_extension('/tmp/x.so')",
		"with x as (select load_extension('/tmp/x.so') as y) select y from x",
		"select * from way_out",
		"select \"load_extension\"('x', 'y')",
		"select LOAD_EXTENSION(?)",
		"pragma query_only = 0",
		"pragma main.query_only(0)",
		"pragma/* */query_only=0",
		"pragma writable_schema = 1",
		"pragma trusted_schema = on",
		"pragma temp_store_directory = '/tmp'",
		"pragma journal_mode = delete",
		"pragma locking_mode = exclusive",
		"pragma user_version = 5",
		"pragma hard_heap_limit = 1",
		"pragma mmap_size = 1000000000",
		"pragma wal_checkpoint(truncate)",
		"pragma database_list",
		"select * from pragma_database_list",
		"select file from paths",
		"select * from temp_dir",
		"insert into t values (2)",
		"with x as (select 2 as a) insert into t select a from x",
		"insert into t values (2) returning a",
		"update t set a = 2",
		"delete from t",
		"replace into t values (3)",
		"drop table t",
		"create table u (a int)",
		"create temp table u (a int)",
		"create temp view u as select 1",
		"create temp trigger u after insert on t begin select 1; end",
		"create virtual table u using fts4(a)",
		"alter table t rename to u",
		"reindex",
		"analyze",
		"vacuum",
		"vacuum into '" + filepath.Join(filepath.Dir(secret), "out.db") + "'",
		"begin immediate",
		"begin",
		"savepoint a",
		"commit",
		"select 1; insert into t values (2)",
		"insert into sqlite_schema values (1,2,3,4,5)",
		"select writefile('/tmp/x', 'y')",
		"select readfile('/etc/passwd')",
		"select * from fsdir('/etc')",
		"select fts3_tokenizer('simple', x'0000000000000000')",
		"select zeroblob(1000000000)",
	}
}

// fingerprint is the names and contents of a folder.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		all += e.Name() + string(sum[:])
	}
	return all
}

func TestReadingPragmasAreAllowed(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table t (a int primary key, b text)", "create index i on t (b)")
	for _, sql := range []string{
		"pragma table_info(t)", "select name from pragma_table_info('t')", "select * from pragma_table_list", "pragma index_list(t)",
		"pragma index_xinfo(i)", "pragma user_version", "pragma encoding", "pragma page_count", "pragma integrity_check", "explain select 1",
		"explain query plan select * from t", "select value from json_each('[1,2]')", "pragma compile_options",
	} {
		if rows, _, err := answer(t.Context(), src, sql); err != nil || len(rows) == 0 {
			t.Errorf("%s: %v, %v", sql, rows, err)
		}
	}
}
