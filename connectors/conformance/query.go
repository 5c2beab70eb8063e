package conformance

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/connectors"
)

var queryChecks = []check{
	{"types", nil, checkTypes},
	{"null and empty", nil, checkNullAndEmpty},
	{"big value", nil, checkBigValue},
	{"rows stream", nil, checkRowsStream},
	{"parameters", nil, checkParameters},
	{"lists", needsText(func(s *Subject) string { return s.SQL.List }, "no lists"), checkLists},
	{"mistake", nil, checkMistake},
	{"missing table", nil, checkMissingTable},
	{"several statements", nil, checkSeveral},
	{"at once", nil, checkAtOnce},
	{"writes", needsWrites, checkWrites},
}

func needsWrites(s *Subject) string {
	if !s.SQL.Writes {
		return "no writing at all"
	}
	return ""
}

// statement is the case as a whole statement.
func (c TypeCase) statement() string {
	head, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(c.SQL)), " ")
	if head == "select" || head == "with" {
		return c.SQL
	}
	return "select " + c.SQL
}

func checkTypes(t *T, s *Subject) {
	t.fresh(s)
	t.admin(s, s.Catalog.Make...)
	if len(s.Types) < 8 {
		t.Errorf("%d values are too few to speak for a product's types", len(s.Types))
	}
	src := t.open(s.request())
	for _, c := range s.Types {
		a, err := t.tryAsk(src, connectors.Statement{SQL: c.statement(), ReadOnly: true})
		if err != nil || len(a.rows) != 1 || len(a.columns) != 1 {
			t.Errorf("%s: %d rows, %v", c.SQL, len(a.rows), err)
			continue
		}
		cell, column := a.rows[0][0], a.columns[0]
		switch {
		case (cell == nil) != c.Null:
			t.Errorf("%s: NULL %v, want %v", c.SQL, cell == nil, c.Null)
		case cell != nil && *cell != c.Want:
			t.Errorf("%s is %q, want %q", c.SQL, *cell, c.Want)
		}
		if c.Type != "" && column.Type != c.Type {
			t.Errorf("%s has the type %q, want %q", c.SQL, column.Type, c.Type)
		}
		if c.Family != "" && column.Family != c.Family {
			t.Errorf("%s is of the family %s, want %s", c.SQL, column.Family, c.Family)
		}
	}
}

func checkNullAndEmpty(t *T, s *Subject) {
	a := t.ask(t.open(s.request()), connectors.Statement{SQL: "select null, '', 'x', null", ReadOnly: true})
	if len(a.rows) != 1 || len(a.rows[0]) != 4 {
		t.Fatalf("%d rows", len(a.rows))
	}
	r := a.rows[0]
	if r[0] != nil || r[1] == nil || *r[1] != "" || r[2] == nil || *r[2] != "x" || r[3] != nil {
		t.Errorf("got %v", r)
	}
}

func checkBigValue(t *T, s *Subject) {
	src := t.open(s.request())
	for _, n := range []int{1, 65535, 1 << 20, 5_000_000} {
		if got := t.one(src, "select "+fill(s.SQL.Repeat, "", n)); got != strings.Repeat("x", n) {
			t.Errorf("%d characters come as %d", n, len(got))
		}
	}
}

// Rows arrive as they are made: a result far larger than the memory that it takes, its first row before its last, and an end
// in the middle that costs nothing.
func checkRowsStream(t *T, s *Subject) {
	const rows = 300_000
	src := t.open(s.request())
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	peak := watchHeap()
	began := time.Now()
	answer, err := src.Query(ctx, connectors.Statement{SQL: fill(s.SQL.Series, "", rows), ReadOnly: true})
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { _ = answer.Close() }()
	if len(answer.Columns()) != 2 {
		t.Fatalf("columns %v before the first row", answer.Columns())
	}
	var first time.Duration
	n := 0
	for answer.Next() {
		n++
		if n == 1 {
			first = time.Since(began)
		}
		if got := string(answer.Row()[0]); got != fmt.Sprint(n) {
			t.Fatalf("row %d is %s", n, got)
		}
	}
	if answer.Err() != nil || n != rows {
		t.Errorf("%d of %d rows: %v", n, rows, answer.Err())
	}
	if whole := time.Since(began); first > whole/2 {
		t.Errorf("the first row took %v of %v", first, whole)
	}
	if grown := peak(); grown > 24<<20 {
		t.Errorf("%d MB of memory for a result read row by row", grown>>20)
	}
	t.closesEarly(src, fill(s.SQL.Series, "", 50*rows))
}

// watchHeap returns a function that says how far the heap has grown at most.
func watchHeap() (peak func() int64) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	runtime.GC()
	before := heap()
	var most atomic.Int64
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				most.Store(max(most.Load(), heap()))
			}
		}
	}()
	return func() int64 {
		close(done)
		return most.Load() - before
	}
}

func (t *T) closesEarly(src connectors.Source, sql string) {
	t.Helper()
	rows, err := src.Query(t.Context(), connectors.Statement{SQL: sql, ReadOnly: true})
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !rows.Next() {
		t.Errorf("no first row: %v", rows.Err())
	}
	began := time.Now()
	if err := rows.Close(); err != nil {
		t.Errorf("closing in the middle: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("closing in the middle took %v", took)
	}
	if rows.Next() {
		t.Errorf("a row after Close")
	}
	if got := t.one(src, "select 'after'"); got != "after" {
		t.Errorf("got %s", got)
	}
}

// Values are bound: whatever they hold, they are data.
func checkParameters(t *T, s *Subject) {
	src := t.open(s.request())
	for _, text := range []string{"plain", "", `we"ird\n'; drop table x; --<script>`, "null", "$1 ? :a @p1 %s {{ x }}", "naïve 🦆", "\\'; select 1 --"} {
		a := t.ask(src, connectors.Statement{SQL: s.SQL.Params, Args: []any{text, int64(9007199254740993), 2.5, true, nil}, ReadOnly: true})
		if len(a.rows) != 1 || len(a.rows[0]) != 5 {
			t.Fatalf("%d rows", len(a.rows))
		}
		var got []string
		for _, cell := range a.rows[0][:4] {
			if cell == nil {
				t.Fatalf("%q: a NULL came back", text)
			}
			got = append(got, *cell)
		}
		if want := append([]string{text}, s.SQL.ParamsWant[1:4]...); !slices.Equal(got, want) || a.rows[0][4] != nil {
			t.Errorf("got %q, NULL %v; want %q", got, a.rows[0][4] == nil, want)
		}
	}
}

func checkLists(t *T, s *Subject) {
	src := t.open(s.request())
	for want, list := range map[string][]string{"0": {}, "1": {"3"}, "2": {"5", "1", "', 2 --", `"`, "{}", `\`, "x,4"}} {
		a := t.ask(src, connectors.Statement{SQL: s.SQL.List, Args: []any{list}, ReadOnly: true})
		if len(a.rows) != 1 || a.rows[0][0] == nil || *a.rows[0][0] != want {
			t.Errorf("%q: %v, want %s", list, a.rows, want)
		}
	}
}

// A mistake is told with the server's words and its place in the statement as it was written, whatever comment stands before.
func checkMistake(t *T, s *Subject) {
	src := t.open(s.request())
	for _, comment := range []string{"", "by somebody, trace 4711"} {
		_, err := t.tryAsk(src, connectors.Statement{SQL: s.SQL.Mistake, ReadOnly: true, Comment: comment})
		if e := t.cause(err, connectors.CauseStatement); e.Position != s.SQL.MistakeAt {
			t.Errorf("with the comment %q the mistake is at %d, want %d: %v", comment, e.Position, s.SQL.MistakeAt, e)
		}
	}
	if got := t.one(src, "select 'after'"); got != "after" {
		t.Errorf("got %s", got)
	}
}

func checkMissingTable(t *T, s *Subject) {
	_, err := t.tryAsk(t.open(s.request()), connectors.Statement{SQL: "select * from no_such_table_4711", ReadOnly: true})
	t.cause(err, connectors.CauseNotFound, connectors.CauseStatement, connectors.CauseDenied)
}

// A text of several statements is run to its last, or refused before its first.
func checkSeveral(t *T, s *Subject) {
	t.fresh(s)
	table := t.oneRow(s)
	src := t.open(s.request())
	a, err := t.tryAsk(src, connectors.Statement{SQL: "select 1; select 2"})
	if s.SQL.Several {
		if err != nil || len(a.rows) != 1 || a.rows[0][0] == nil || *a.rows[0][0] != "2" {
			t.Errorf("%v, %v: the last result is wanted", a.rows, err)
		}
	} else {
		t.cause(err, connectors.CauseStatement, connectors.CauseUnsupported)
		_, err = t.tryAsk(src, connectors.Statement{SQL: "select 1; drop table " + table})
		t.cause(err, connectors.CauseStatement, connectors.CauseUnsupported, connectors.CauseDenied)
		t.unchanged(src, table)
	}
	for _, sql := range []string{"select 'one';", "select 'one' ;\n -- the end\n", "/* first */ select 'one'"} {
		if got := t.one(src, sql); got != "one" {
			t.Errorf("%q gives %s", sql, got)
		}
	}
}

// Several goroutines use one source.
func checkAtOnce(t *T, s *Subject) {
	src := t.open(s.request())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				want := fmt.Sprintf("%d-%d", i, j)
				a, err := t.tryAsk(src, connectors.Statement{SQL: "select '" + want + "'", ReadOnly: true})
				if err != nil || len(a.rows) != 1 || *a.rows[0][0] != want {
					t.Errorf("%s: %v, %v", want, a.rows, err)
				}
			}
		})
	}
	all.Wait()
}

func checkWrites(t *T, s *Subject) {
	t.fresh(s)
	src := t.open(s.request())
	table := s.table("written")
	for _, c := range []struct {
		sql     string
		changed int64
	}{
		{fmt.Sprintf("create table %s (n %s)", table, s.intType()), -1},
		{fmt.Sprintf("insert into %s values (1), (2), (3)", table), 3},
		{fmt.Sprintf("update %s set n = n + 10 where n > 1", table), 2},
	} {
		a := t.ask(src, connectors.Statement{SQL: c.sql, Comment: "by somebody"})
		if s.SQL.Uncounted {
			c.changed = -1
		}
		if len(a.columns) != 0 || len(a.rows) != 0 || (c.changed >= 0 || s.SQL.Uncounted) && a.changed != c.changed {
			t.Errorf("%s: columns %v, changed %d, want %d", c.sql, a.columns, a.changed, c.changed)
		}
	}
	if got := t.one(src, "select sum(n) from "+table); got != "26" {
		t.Errorf("the sum is %s, want 26", got)
	}
	if got := t.one(t.open(s.request()), "select sum(n) from "+table); got != "26" {
		t.Errorf("another connection sees %s: nothing was committed", got)
	}
}
