package duckdb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	engine "github.com/duckdb/duckdb-go-bindings"
	"golang.org/x/sys/unix"

	"patchbay/catalog"
	"patchbay/connectors"
)

// TestEscapes runs the ways out of the engine (PROMISES appendix E and more), against a file open for reading and one open for
// writing, first as a person would and then past our own guards: the engine's lock must hold alone. Afterwards nothing but the
// file itself may have changed.
func TestEscapes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"true", "false"} {
		t.Run("read_only="+mode, func(t *testing.T) {
			t.Parallel()
			dir, outside := t.TempDir(), t.TempDir()
			secret := filepath.Join(outside, "secret.csv")
			if err := os.WriteFile(secret, []byte("v\ncanary\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			newFile(t, filepath.Join(outside, "other.duckdb"), "create table s as select 'canary' as v")
			newFile(t, filepath.Join(dir, "a.duckdb"), "create table t as select 1 as a",
				"create view way_out as select content from read_text('"+secret+"')",
				"create macro way_out(f) as table select content from read_text(f)")
			to := target(dir, "a.duckdb")
			to.Values["read_only"] = mode
			src := openTarget(t, to)
			before := fingerprint(t, outside)
			for _, sql := range append(escapes(outside, secret), pastTheLock(outside)...) {
				got, err := answerStatement(t.Context(), src, connectors.Statement{SQL: sql})
				checkRefused(t, sql, got, err)
			}
			for _, sql := range escapes(outside, secret) {
				got, err := unguarded(t, filepath.Join(dir, "a.duckdb"), sql, mode == "false")
				checkRefused(t, "past the guard: "+sql, got, err)
			}
			if after := fingerprint(t, outside); after != before {
				t.Errorf("the folder outside changed: %q, was %q", after, before)
			}
			if got, err := answer(t.Context(), src, "select * from t"); err != nil || got[0] != "1" {
				t.Errorf("afterwards: %v, %v", got, err)
			}
		})
	}
}

func checkRefused(t *testing.T, sql string, got []string, err error) {
	t.Helper()
	refused := []connectors.Cause{connectors.CauseDenied, connectors.CauseStatement, connectors.CauseUnsupported, connectors.CauseNotFound}
	if err == nil || !slices.Contains(refused, causeOf(err)) {
		t.Errorf("%s: answered %q, %v", sql, got, err)
	} else if strings.Contains(err.Error(), "canary") {
		t.Errorf("%s: told %v", sql, err)
	}
}

// unguarded runs a text on a locked engine without asking guard and guardKind.
func unguarded(t *testing.T, path, sql string, write bool) ([]string, error) {
	t.Helper()
	in, err := newInstance(t.Context(), path, write, statementBudget)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	r, st := newRows(t.Context(), in), connectors.Statement{SQL: sql}
	count, err := r.parse(st)
	for i := engine.IdxT(0); i < count && err == nil; i++ {
		r.dropAnswer()
		if err = r.prepare(i, st); err == nil {
			err = r.start(st, write)
		}
	}
	if err == nil {
		err = r.describe()
	}
	var got []string
	for err == nil && r.Next() {
		got = append(got, string(r.Row()[0]))
	}
	return got, errors.Join(err, r.Err())
}

func escapes(outside, secret string) []string {
	quoted, other, out := "'"+secret+"'", filepath.Join(outside, "other.duckdb"), filepath.Join(outside, "out")
	return []string{
		"select content from read_text(" + quoted + ")",
		"select * from read_csv(" + quoted + ")",
		"select * from read_blob(" + quoted + ")",
		"select * from read_json(" + quoted + ")",
		"select * from read_parquet(" + quoted + ")",
		"select * from read_duckdb('" + other + "')",
		"select * from sniff_csv(" + quoted + ")",
		"select * from parquet_metadata(" + quoted + ")",
		"select * from " + quoted,
		`from "` + secret + `"`,
		"select * from glob('" + outside + "/*')",
		"with x as (select content from read_text(" + quoted + ")) select * from x",
		"select * from way_out",
		"select * from way_out(" + quoted + ")",
		"create temp macro m() as table select * from read_text(" + quoted + "); select * from m()",
		"create temp view v as select * from read_text(" + quoted + ")",
		"prepare p as select * from read_text(" + quoted + "); execute p",
		"select * from read_text/* */(" + quoted + ")",
		"explain analyze select * from read_text(" + quoted + ")",
		"select * from query('select content from read_text(''" + secret + "'')')",
		"copy t to '" + out + ".csv'",
		"copy (select 1) to '" + out + ".parquet' (format parquet)",
		"copy t from " + quoted,
		"copy/**/t to '" + out + ".csv'",
		"export database '" + out + "'",
		"import database '" + outside + "'",
		"attach '" + other + "' as c",
		"attach/* */'" + other + "' (read_only)",
		"attach 'https://127.0.0.1:9/x.duckdb'",
		"create or replace database c from '" + other + "'",
		"install httpfs",
		"install shellfs from community",
		"force install httpfs from 'http://127.0.0.1:9'",
		"load '/tmp/x.duckdb_extension'",
		"load httpfs",
		"update extensions",
		"select * from read_csv('http://169.254.169.254/latest/meta-data/')",
		"select * from 'https://127.0.0.1:9/x.parquet'",
		"select * from 's3://bucket/x.parquet'",
		"create secret (type s3, key_id 'a', secret 'b')",
		"create persistent secret x (type http, bearer_token 'b')",
		"set enable_external_access = true",
		"set global enable_external_access = true",
		"reset enable_external_access",
		"set allowed_paths = ['" + secret + "']",
		"set allowed_directories = ['/']",
		"set allowed_configs = ['enable_external_access']",
		"set lock_configuration = false",
		"pragma lock_configuration = false",
		"reset lock_configuration",
		"set memory_limit = '100GB'",
		"set max_memory = '100GB'",
		"pragma memory_limit = '100GB'",
		"set threads = 64",
		"set temp_directory = '" + outside + "'",
		"set home_directory = '" + outside + "'",
		"set extension_directory = '" + outside + "'",
		"set log_query_path = '" + out + ".log'",
		"set profiling_output = '" + out + ".json'",
		"pragma profiling_output = '" + out + ".json'",
		"set errors_as_json = false",
		"select set_config('lock_configuration', 'false', false)",
		"select * from duckdb_extensions()",
		"select getenv('HOME')",
	}
}

// pastTheLock are the ways past the engine's lock, which only our guard refuses.
func pastTheLock(outside string) []string {
	out := filepath.Join(outside, "out")
	return []string{
		"call enable_logging()",
		"create temp table x as from enable_logging(storage = 'file', storage_path = '" + out + "'); select 1",
		"create temp table x as from enable_profiling(format = 'json', save_location = '" + out + ".json'); select 1",
		"select * from system.main.\"Enable_Profiling\"()",
		"pragma enable_profiling",
		"pragma enable_profile",
		"set enable_profiling = 'json'",
		"select * from json_execute_serialized_sql('{}')",
		`select * from system.main."JSON_execute_SERIALIZED_sql"('{}')`,
		"pragma json_execute_serialized_sql('{}')",
		"select * from query('select * from json_exe' || 'cute_serialized_sql(''{}'')')",
		"select * from \"Query\" /* x */ ('select 1')",
		"select * from QUERY -- x\n('select 1')",
		"create temp macro m(x) as table select * from query\u00a0(x); select * from m('select 1')",
		"select * from arrow_scan(1, 2, 3)",
		"set variable x = 1",
		"use temp",
		"call checkpoint()",
		"prepare p as select 1",
		"detach a",
	}
}

func TestGuardLetsOthersPass(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table query (query text)", "insert into query values ('x')")
	for _, sql := range []string{"select query from query", `select "query" as "query" from query q where (query) = 'x'`, "select q.query, count(*) from query as q group by query", "from query_table('query')"} {
		if got, err := answer(t.Context(), src, sql); err != nil || !strings.HasPrefix(got[0], "x") {
			t.Errorf("%s: %v, %v", sql, got, err)
		}
	}
}

// TestSettingsTellNothing reads every setting and looks for paths of this machine.
func TestSettingsTellNothing(t *testing.T) {
	t.Parallel()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	got, err := answer(t.Context(), openFile(t), "select name, value from duckdb_settings()")
	if err != nil || len(got) < 50 {
		t.Fatal(len(got), err)
	}
	for _, s := range got {
		if strings.Contains(s, home) || strings.HasPrefix(s, "enable_external_access|true") || strings.HasPrefix(s, "lock_configuration|false") {
			t.Error(s)
		}
	}
}

// TestReadOnlyCannotWrite tries to write in read-only statements, of a connection that may write otherwise (P8).
func TestReadOnlyCannotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newFile(t, filepath.Join(dir, "a.duckdb"), "create table t as select 1 as a", "create sequence s")
	before := fingerprint(t, dir)
	src := openTarget(t, writable(dir, "a.duckdb"))
	for _, sql := range []string{"insert into t values (2)", "insert into t values (2) returning a", "with x as (select 2) insert into t from x",
		"update t set a = 2", "delete from t", "truncate t", "merge into t using (select 1 as a) u on t.a = u.a when matched then delete",
		"create table u (a int)", "create or replace table t as select 2 as a", "drop table t", "alter table t add column b int",
		"commit; drop table t", "begin transaction read write; drop table t", "select 1; drop table t", "select nextval('s')", "explain analyze insert into t values (2)",
		"prepare p as insert into t values (2)", "comment on table t is 'x'", "create view v as select 1",
	} {
		if got, err := answer(t.Context(), src, sql); err == nil {
			t.Errorf("%s: answered %q", sql, got)
		}
	}
	if after := fingerprint(t, dir); after != before {
		t.Errorf("the folder is %q, was %q", after, before)
	}
}

func TestWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newFile(t, filepath.Join(dir, "a.duckdb"), "create table t (a int)")
	src := openTarget(t, writable(dir, "a.duckdb"))
	for _, c := range []struct {
		sql      string
		want     string
		affected int64
	}{
		{"insert into t from range(5)", "", 5},
		{"update t set a = a + 10 where a > 2", "", 2},
		{"insert into t values (7), (8) returning a", "7\n8", -1},
		{"create table u as select 1 as a", "", -1},
		{"drop table u", "", -1},
		{"select sum(a) from t", "45", -1},
	} {
		rows, err := src.Query(t.Context(), connectors.Statement{SQL: c.sql})
		if err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		var got []string
		for rows.Next() {
			got = append(got, string(rows.Row()[0]))
		}
		if rows.Close(); rows.Err() != nil || strings.Join(got, "\n") != c.want || rows.Affected() != c.affected {
			t.Errorf("%s: %q, %d changed, %v", c.sql, got, rows.Affected(), rows.Err())
		}
	}
	if _, err := answerStatement(t.Context(), openTarget(t, target(dir, "a.duckdb")), connectors.Statement{SQL: "delete from t"}); causeOf(err) != connectors.CauseDenied {
		t.Errorf("a connection that is read-only wrote: %v", err)
	}
}

// TestOneWritesAlone runs many writers and readers of one file at once: each sees whole statements, and none is lost.
func TestOneWritesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newFile(t, filepath.Join(dir, "a.duckdb"), "create table t (a int)")
	src, reader := openTarget(t, writable(dir, "a.duckdb")), openTarget(t, target(dir, "a.duckdb"))
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, err := answerStatement(t.Context(), src, connectors.Statement{SQL: "insert into t from range(100)"}); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if got, err := answer(t.Context(), reader, "select count(*) % 100 from t"); err != nil || got[0] != "0" {
				t.Error(got, err)
			}
		})
	}
	all.Wait()
	if got, err := answer(t.Context(), reader, "select count(*) from t"); err != nil || got[0] != "600" {
		t.Error(got, err)
	}
}

// TestWriterWaitsForReaders holds a reading open: writing waits until its deadline.
func TestWriterWaitsForReaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.duckdb")
	newFile(t, path, "create table t as from range(1000000)")
	src := openTarget(t, writable(dir, "a.duckdb"))
	rows, err := src.Query(t.Context(), connectors.Statement{SQL: "from t", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answer(t.Context(), src, "select count(*) from t"); err != nil {
		t.Errorf("a second reader: %v", err)
	}
	if !lockedForReading(t, path) {
		t.Error("another program could write to the file while it is read, after another reader was done")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := answerStatement(ctx, src, connectors.Statement{SQL: "delete from t"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the writer: %v", err)
	}
	rows.Close()
	if _, err := answerStatement(t.Context(), src, connectors.Statement{SQL: "delete from t"}); err != nil {
		t.Errorf("the writer, alone: %v", err)
	}
	if lockedForReading(t, path) {
		t.Error("the file is still held")
	}
}

// lockedForReading tries what another program's writer would do.
func lockedForReading(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}) != nil
}

// TestAnotherProgramWrites has the file locked as by another program's engine.
func TestAnotherProgramWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.duckdb")
	newFile(t, path, "create table t (a int)")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t.Context(), target(dir, "a.duckdb")); causeOf(err) != connectors.CauseLimit {
		t.Errorf("%v, want that the file is in use", err)
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newFile(t, filepath.Join(dir, "real.duckdb"), "create table t (a int)")
	real, err := os.ReadFile(filepath.Join(dir, "real.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"text.duckdb": []byte(strings.Repeat("no database ", 100)), "empty.duckdb": nil, "cut.duckdb": real[:5000]}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("real.duckdb", filepath.Join(dir, "link.duckdb")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]connectors.Cause{
		"missing.duckdb": connectors.CauseNotFound, "text.duckdb": connectors.CauseUnsupported, "empty.duckdb": connectors.CauseUnsupported,
		"cut.duckdb": connectors.CauseUnsupported, "link.duckdb": connectors.CauseRefusedPolicy, ".": connectors.CauseRefusedPolicy,
	} {
		for _, to := range []connectors.Target{target(dir, name), writable(dir, name)} {
			src, err := open(t.Context(), to)
			if name == "cut.duckdb" && err == nil { // which only the engine sees
				if _, err = answer(t.Context(), src, "select 1"); causeOf(err) == want {
					err = src.ReadCatalog(t.Context(), catalog.Filter{}, &sink{})
				}
			}
			if causeOf(err) != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing.duckdb")); !errors.Is(err, os.ErrNotExist) {
		t.Error("opening made the missing file")
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
		all += fmt.Sprintf("%s %x;", e.Name(), sha256.Sum256(content))
	}
	return all
}
