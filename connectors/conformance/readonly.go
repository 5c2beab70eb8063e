package conformance

import (
	"fmt"

	"patchbay/connectors"
)

var readOnlyChecks = []check{
	{"read-only", nil, checkReadOnly},
	{"read-only stays", nil, checkReadOnlyStays},
}

// oneRow makes a table of one column n with one row, and returns its name for SQL.
func (t *T) oneRow(s *Subject) string {
	t.Helper()
	table := s.table("guarded")
	t.admin(s, fmt.Sprintf("create table %s (n %s)", table, s.intType()), fmt.Sprintf("insert into %s values (1)", table))
	return table
}

// unchanged checks that a table made by oneRow is as it was.
func (t *T) unchanged(src connectors.Source, table string) {
	t.Helper()
	a, err := t.tryAsk(src, connectors.Statement{SQL: "select n from " + table, ReadOnly: true})
	if err != nil || len(a.rows) != 1 || a.rows[0][0] == nil || *a.rows[0][0] != "1" {
		t.Fatalf("the table was changed: %v, %v", a.rows, err)
	}
}

// A read-only statement changes nothing, whatever it says (PROMISES P8).
func checkReadOnly(t *T, s *Subject) {
	t.fresh(s)
	table := t.oneRow(s)
	src := t.open(s.request())
	must := []string{
		"insert into {t} values (2)", "update {t} set n = 2", "delete from {t}", "drop table {t}", "/* select */ insert into {t} values (2)",
		"-- select\ninsert into {t} values (2)", fmt.Sprintf("create table %s (n %s)", s.table("made"), s.intType()),
	}
	for _, sql := range must {
		if _, err := t.tryAsk(src, connectors.Statement{SQL: fill(sql, table), ReadOnly: true}); err == nil {
			t.Errorf("%s: no error", sql)
		} else {
			t.cause(err, connectors.CauseDenied, connectors.CauseStatement, connectors.CauseUnsupported)
		}
		t.unchanged(src, table)
	}
	may := append([]string{
		"commit; drop table {t}", "commit; delete from {t}; commit", "rollback; insert into {t} values (2)", "select 1; insert into {t} values (2)",
		"begin; insert into {t} values (2); commit",
	}, s.SQL.Hostile...)
	for _, sql := range may { // some of these are no error by themselves; none may write
		_, err := t.tryAsk(src, connectors.Statement{SQL: fill(sql, table), ReadOnly: true})
		if err != nil {
			t.cause(err, connectors.CauseDenied, connectors.CauseStatement, connectors.CauseUnsupported, connectors.CauseNotFound, connectors.CauseLost)
		}
		t.unchanged(src, table)
	}
	if got := t.one(src, "select count(*) from "+table); got != "1" {
		t.Errorf("reading is refused too: %s", got)
	}
}

// What one statement did to its session is not met by the next.
func checkReadOnlyStays(t *T, s *Subject) {
	t.fresh(s)
	table := t.oneRow(s)
	src := t.open(s.request())
	unlock := append([]string{"commit", "rollback", "begin"}, s.SQL.Unlock...)
	for _, sql := range unlock {
		_, _ = t.tryAsk(src, connectors.Statement{SQL: fill(sql, table), ReadOnly: true}) // whether it is an error is the product's own matter
		for range 3 {                                                                     // on whichever connection comes next
			if _, err := t.tryAsk(src, connectors.Statement{SQL: "insert into " + table + " values (2)", ReadOnly: true}); err == nil {
				t.Errorf("after %s a read-only insert is no error", sql)
			}
		}
		t.unchanged(src, table)
	}
}
