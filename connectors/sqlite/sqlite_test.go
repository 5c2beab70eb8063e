package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/connectors"
)

// newFile makes a SQLite file from statements, with an unlocked engine.
func newFile(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range append(statements, "pragma user_version = 1") {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// target resolves names below dir, as the registry does.
func target(dir, name string) connectors.Target {
	return connectors.Target{
		Values:   connectors.Values{"file": name},
		OpenFile: func(name string) (string, error) { return filepath.Join(dir, name), nil },
		Step:     func(connectors.Step) {},
	}
}

// openFile opens a new file made of statements.
func openFile(t testing.TB, statements ...string) connectors.Source {
	t.Helper()
	dir := t.TempDir()
	newFile(t, filepath.Join(dir, "a.db"), statements...)
	return openTarget(t, target(dir, "a.db"))
}

func openTarget(t testing.TB, to connectors.Target) connectors.Source {
	t.Helper()
	src, err := open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// answer runs a statement and gives its rows as text, cells parted by | and NULL as ∅.
func answer(ctx context.Context, src connectors.Source, sql string, args ...any) ([]string, []connectors.Column, error) {
	rows, err := src.Query(ctx, connectors.Statement{SQL: sql, Args: args})
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		cells := []string{}
		for _, c := range rows.Row() {
			if c == nil {
				cells = append(cells, "∅")
			} else {
				cells = append(cells, string(c))
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out, rows.Columns(), rows.Err()
}

func TestCellsAreExact(t *testing.T) {
	t.Parallel()
	src := openFile(t,
		"create table t (i integer, d date, ts timestamp, b boolean, n decimal(10,2), r real, x blob, s text)",
		"insert into t values (9223372036854775807, 'soon', 1700000000, 2, 1.10, 0.1, x'00ff', 'é'||char(10)||'x')",
		"insert into t values (null, null, null, null, null, null, null, null)",
		"insert into t values ('text', 5, '2026-11-23', 'yes', 3, 3, 'abc', '')")
	got, columns, err := answer(t.Context(), src, "select * from t")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"9223372036854775807|soon|1700000000|2|1.1|0.1|X'00FF'|é\nx", "∅|∅|∅|∅|∅|∅|∅|∅", "text|5|2026-11-23|yes|3|3.0|abc|"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	families := []catalog.Family{catalog.FamilyInteger, catalog.FamilyDate, catalog.FamilyDateTime, catalog.FamilyBool, catalog.FamilyDecimal,
		catalog.FamilyFloat, catalog.FamilyBinary, catalog.FamilyText}
	for i, f := range families {
		if columns[i].Family != f {
			t.Errorf("column %s is %s, want %s", columns[i].Name, columns[i].Family, f)
		}
	}
}

func TestColumnsWithoutDeclaredTypeShowTheirFirstValue(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table t (a int)")
	_, columns, err := answer(t.Context(), src, "select count(*) as n, 1.5, 'x', x'00', null from t")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"INTEGER", "REAL", "TEXT", "BLOB", ""}
	for i, c := range columns {
		if c.Type != want[i] {
			t.Errorf("column %d has the type %q, want %q", i, c.Type, want[i])
		}
	}
	if rows, columns, err := answer(t.Context(), src, "select a from t"); err != nil || len(rows) != 0 || len(columns) != 1 {
		t.Errorf("an empty result: %v rows, %v columns, %v", rows, columns, err)
	}
}

func TestStatementsAndValues(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table t (a int, b text)", "insert into t values (1, 'x;y'), (2, 'it''s')")
	for _, c := range []struct {
		name, sql, want string
		args            []any
	}{
		{"comment behind the semicolon", "select a from t where a = 1; -- done; really\n", "1", nil},
		{"block comment before", "/* a; b */ select a from t where b = 'x;y' ;;", "1", nil},
		{"quoted names", "select \"a\" as [x;y], `b` from t where b = 'it''s'", "2|it's", nil},
		{"bound", "select ? || ?, ?, ?", "x'; drop--1|2.5|∅", []any{"x'; drop--", int64(1), 2.5, nil}},
		{"bound bool", "select a from t where (a = 1) = ?", "1", []any{true}},
		{"explain", "select count(*) > 0 from (select 1)", "1", nil},
	} {
		if got, _, err := answer(t.Context(), src, c.sql, c.args...); err != nil || strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for _, sql := range []string{"select 1; select 2", "", " -- nothing", "select 1; /* x */ drop table t", "select ?", "select nosuch from t"} {
		if _, _, err := answer(t.Context(), src, sql); err == nil || causeOfAny(err) != connectors.CauseStatement {
			t.Errorf("%q: %v, want a refused statement", sql, err)
		}
	}
}

// causeOfAny is the cause that the registry's guard will find.
func causeOfAny(err error) connectors.Cause {
	if e := classify(err); e != nil {
		return e.Cause
	}
	return connectors.CauseStatement
}

func TestEndlessQueryStopsAtTheDeadline(t *testing.T) {
	t.Parallel()
	src := openFile(t)
	for _, sql := range []string{
		"with recursive r(x) as (select 1 union all select x+1 from r) select count(*) from r",
		"with recursive r(x) as (select 1 union all select x+1 from r) select x from r",
		"with recursive r(x) as (select 1 union all select x+1 from r) select max(length(hex(randomblob(1000000)))) from r",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		began := time.Now()
		_, _, err := answer(ctx, src, sql)
		cancel()
		if took := time.Since(began); took > 2*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v after %v", sql, err, took)
		}
	}
}

func TestRowsCanBeLeftUnread(t *testing.T) {
	t.Parallel()
	src := openFile(t)
	for range 50 {
		rows, err := src.Query(t.Context(), connectors.Statement{SQL: "with recursive r(x) as (select 1 union all select x+1 from r) select x from r"})
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() || string(rows.Row()[0]) != "1" {
			t.Fatalf("the first row is missing: %v", rows.Err())
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		if rows.Next() || rows.Close() != nil {
			t.Fatal("rows go on after Close")
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text.db"), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	newFile(t, filepath.Join(dir, "real.db"), "create table t (a int)")
	if err := os.Symlink("real.db", filepath.Join(dir, "link.db")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]connectors.Cause{
		"missing.db": connectors.CauseNotFound, "text.db": connectors.CauseUnsupported, "link.db": connectors.CauseRefusedPolicy,
		"folder.db": connectors.CauseRefusedPolicy,
	} {
		if _, err := open(t.Context(), target(dir, name)); causeOfAny(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing.db")); !errors.Is(err, os.ErrNotExist) {
		t.Error("opening made the missing file")
	}
}

// TestFileIsReadAsItIsNow replaces a file under an open source, and checks names that mean something to SQLite's URIs.
func TestFileIsReadAsItIsNow(t *testing.T) {
	t.Parallel()
	dir, name := t.TempDir(), "odd %41?mode=rwc#x.db"
	newFile(t, filepath.Join(dir, "first.db"), "create table t (a int)", "insert into t values (1)")
	newFile(t, filepath.Join(dir, "second.db"), "create table t (a int)", "insert into t values (2)")
	move := func(from string) {
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	move("first.db")
	src := openTarget(t, target(dir, name))
	if got, _, err := answer(t.Context(), src, "select a from t"); err != nil || got[0] != "1" {
		t.Errorf("%v, %v", got, err)
	}
	move("second.db")
	if got, _, err := answer(t.Context(), src, "select a from t"); err != nil || got[0] != "2" {
		t.Errorf("after the file was replaced: %v, %v", got, err)
	}
}
