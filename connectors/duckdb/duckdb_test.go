package duckdb

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/connectors"

	"database/sql"

	_ "github.com/duckdb/duckdb-go/v2" // makes the files of the tests, with an engine that is not locked
)

// newFile makes a DuckDB file from statements.
func newFile(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// target resolves names below dir, as the registry does.
func target(dir, name string) connectors.Target {
	return connectors.Target{
		Values:   connectors.Values{"file": name, "read_only": "true"},
		OpenFile: func(name string) (string, error) { return filepath.Join(dir, name), nil },
		Step:     func(connectors.Step) {},
	}
}

func writable(dir, name string) connectors.Target {
	to := target(dir, name)
	to.Values["read_only"] = "false"
	return to
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

// openFile opens a new file made of statements.
func openFile(t testing.TB, statements ...string) connectors.Source {
	t.Helper()
	dir := t.TempDir()
	newFile(t, filepath.Join(dir, "a.duckdb"), statements...)
	return openTarget(t, target(dir, "a.duckdb"))
}

// answer runs a read-only statement and gives its rows as text, cells parted by | and NULL as ∅.
func answer(ctx context.Context, src connectors.Source, sql string, args ...any) ([]string, error) {
	return answerStatement(ctx, src, connectors.Statement{SQL: sql, Args: args, ReadOnly: true})
}

func answerStatement(ctx context.Context, src connectors.Source, st connectors.Statement) ([]string, error) {
	rows, err := src.Query(ctx, st)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var cells []string
		for _, c := range rows.Row() {
			if c == nil {
				cells = append(cells, "∅")
			} else {
				cells = append(cells, string(c))
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out, rows.Err()
}

// causeOf is the cause that the registry's guard will find.
func causeOf(err error) connectors.Cause {
	if e := classify(err); e != nil {
		return e.Cause
	}
	return connectors.CauseInternal
}

type oneRow struct{ cells, types []string }

// answerRow runs a statement that answers one row.
func answerRow(t *testing.T, src connectors.Source, sql string) (oneRow, error) {
	t.Helper()
	rows, err := src.Query(t.Context(), connectors.Statement{SQL: sql, ReadOnly: true})
	if err != nil {
		return oneRow{}, err
	}
	defer rows.Close()
	var out oneRow
	for _, c := range rows.Columns() {
		out.types = append(out.types, c.Type)
	}
	if rows.Next() {
		for _, c := range rows.Row() {
			if c == nil {
				c = []byte("∅")
			}
			out.cells = append(out.cells, string(c))
		}
	}
	return out, rows.Err()
}
