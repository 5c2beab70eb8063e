package duckdb

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"patchbay/connectors"
)

func TestStatementsAndValues(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table t (a integer, b varchar, d date)", "insert into t values (1, 'x;y', '2026-01-01'), (2, 'it''s', '2026-02-01'), (3, null, null)")
	for _, c := range []struct {
		name, sql, want string
		args            []any
	}{
		{"plain", "select a, b from t order by a", "1|x;y\n2|it's\n3|∅", nil},
		{"comments and semicolons", "/* a; b */ select a from t where b = 'x;y' ;; -- done;", "1", nil},
		{"bound", "select ?, ?, ?, ?, ?", "x'; drop--|1|2.5|∅|true", []any{"x'; drop--", int64(1), 2.5, nil, true}},
		{"empty text", "select ? || '|'", "|", []any{""}},
		{"by number", "select $2, $1", "2|1", []any{int64(1), int64(2)}},
		{"text for a number", "select a from t where a = ?", "2", []any{"2"}},
		{"text for a date", "select a from t where d > ?", "2", []any{"2026-01-15"}},
		{"list", "select a from t where list_contains(?, b)", "1", []any{[]string{"x;y", "none"}}},
		{"list by any", "select a from t where b = any(?)", "2", []any{[]string{"it's"}}},
		{"empty list", "select len(?::varchar[])", "0", []any{[]string{}}},
		{"pivot, which is two statements", "pivot t on b using sum(a)", "∅|∅|3\n", nil},
		{"no rows", "select a from t where a > 9", "", nil},
		{"explain", "explain select 1", "", nil},
		{"show", "show tables", "t", nil},
		{"pragma that asks", "select name from pragma_table_info('t')", "a\nb\nd", nil},
		{"describe", "select column_name from (describe t)", "a\nb\nd", nil},
		{"many columns with one name", "select 1 as a, 2 as a", "1|2", nil},
	} {
		got, err := answer(t.Context(), src, c.sql, c.args...)
		if strings.HasPrefix(c.name, "pivot") || c.name == "explain" {
			if err != nil || len(got) == 0 {
				t.Errorf("%s: %q, %v", c.name, got, err)
			}
		} else if err != nil || strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestErrorsAreToldApart(t *testing.T) {
	t.Parallel()
	src := openFile(t, "create table t (a integer)", "insert into t values (1)")
	for _, c := range []struct {
		sql      string
		want     connectors.Cause
		position int
		args     []any
	}{
		{"select form t", connectors.CauseStatement, 8, nil},
		{"select 'ü' || nosuch from t", connectors.CauseStatement, 15, nil},
		{"select\n1,\n nosuch from t", connectors.CauseStatement, 12, nil},
		{"selec 1", connectors.CauseStatement, 1, nil},
		{"select * from nosuch", connectors.CauseNotFound, 15, nil},
		{"select 1; select 2", connectors.CauseStatement, 0, nil},
		{"set variable x = 1; select 2", connectors.CauseStatement, 0, nil},
		{"select 'x'::integer", connectors.CauseStatement, 11, nil},
		{"select 1/a, error('no') from t", connectors.CauseStatement, 0, nil},
		{"insert into t values (2)", connectors.CauseDenied, 0, nil},
		{"create table u (a int)", connectors.CauseDenied, 0, nil},
		{"set memory_limit = '9GB'", connectors.CauseDenied, 0, nil},
		{"select * from read_text('/etc/passwd')", connectors.CauseDenied, 15, nil},
		{"select list(i) from range(1000000000) r(i)", connectors.CauseLimit, 0, nil},
		{"", connectors.CauseStatement, 0, nil},
		{"-- nothing", connectors.CauseStatement, 0, nil},
		{"select ?", connectors.CauseStatement, 0, nil},
		{"select ? + ?", connectors.CauseStatement, 0, []any{int64(1)}},
		{"select a from t where a = ?", connectors.CauseStatement, 0, []any{"x"}},
	} {
		got, err := answer(t.Context(), src, c.sql, c.args...)
		if err == nil {
			t.Errorf("%q: answered %q", c.sql, got)
			continue
		}
		e := classify(err)
		if e == nil || e.Cause != c.want || e.Position != c.position {
			t.Errorf("%q: %+v, want %s at %d", c.sql, e, c.want, c.position)
		}
		if e != nil && (strings.ContainsAny(e.Message, "{}") || strings.Contains(e.Message, "Stack Trace") || e.Message == "") {
			t.Errorf("%q: the message is %q", c.sql, e.Message)
		}
	}
}

func TestEndlessQueryStopsAtTheDeadline(t *testing.T) {
	t.Parallel()
	src := openFile(t)
	for _, sql := range []string{
		"with recursive r(x) as (select 1::hugeint union all select x+1 from r) select count(*) from r",
		"select count(*) from range(1000000000) a, range(1000000000) b",
		"select a.range from range(1000000000000) a where a.range < 0",
		"select * from range(1000000000000)",
		"select sum(a.range * b.range) over (order by b.range) from range(3000000) a, range(1000) b",
		"select levenshtein(repeat('a', 200000), repeat('b', 200000))", // deaf to the interrupt for half a minute
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		began := time.Now()
		_, err := answer(ctx, src, sql)
		cancel()
		if took := time.Since(began); took > 3*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v after %v", sql, err, took)
		}
	}
}

func TestCancelledBetweenRows(t *testing.T) {
	t.Parallel()
	src := openFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := src.Query(ctx, connectors.Statement{SQL: "select * from range(1000000000000)", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() || string(rows.Row()[0]) != "0" {
		t.Fatal(rows.Err())
	}
	cancel()
	n := 0
	for rows.Next() {
		n++
	}
	if !errors.Is(rows.Err(), context.Canceled) || n > 100_000 {
		t.Errorf("%v after %d rows", rows.Err(), n)
	}
}

func TestRowsCanBeLeftUnread(t *testing.T) {
	t.Parallel()
	src := openFile(t)
	for range 5 {
		rows, err := src.Query(t.Context(), connectors.Statement{SQL: "select * from range(1000000000000)", ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		if err := rows.Close(); err != nil || rows.Next() || rows.Close() != nil {
			t.Fatal("rows go on after Close", err)
		}
	}
}

// TestMessageOfAFailedEngine has a message as the engine writes it when it fails from inside, with addresses of this process.
func TestMessageOfAFailedEngine(t *testing.T) {
	t.Parallel()
	e := classify(&queryError{message: "INTERNAL Error: Attempted to dereference unique_ptr that is NULL!\nMore words.\n\nStack Trace:\n\n/a/b.test(x+0x5b) [0x1b4168b]"})
	if e.Cause != connectors.CauseInternal || e.Code != "INTERNAL" || e.Message != "Attempted to dereference unique_ptr that is NULL!\nMore words." {
		t.Errorf("%+v", e)
	}
}

func BenchmarkMillionRows(b *testing.B) {
	src := openFile(b, "create table t as select i, 'name ' || i as name, (i / 7)::decimal(18,4) as x, timestamp '2020-01-01' + interval (i) second as t from range(1000000) r(i)")
	for b.Loop() {
		rows, err := src.Query(b.Context(), connectors.Statement{SQL: "select * from t", ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if rows.Close(); n != 1000000 || rows.Err() != nil {
			b.Fatal(n, rows.Err())
		}
	}
}
