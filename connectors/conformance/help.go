package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/catalog"
	"patchbay/connectors"
)

// patience is how long anything that should work may take, on a machine that does other things too.
const patience = 30 * time.Second

// request reaches the subject's server, with some fields changed. A field that is changed to "" is left out.
func (s *Subject) request(changes ...connectors.Values) connectors.Request {
	v := maps.Clone(s.Values)
	for _, c := range changes {
		maps.Copy(v, c)
	}
	maps.DeleteFunc(v, func(_, value string) bool { return value == "" })
	return connectors.Request{Connector: s.Connector, Values: v, Secrets: maps.Clone(s.Secrets), AllowPrivate: true, FilesDir: s.FilesDir}
}

// try opens what a request says, as the product does.
func try(ctx context.Context, req connectors.Request) (connectors.Source, error) {
	r, err := connectors.NewRegistry([]*connectors.Connector{req.Connector}, nil)
	if err != nil {
		return nil, err
	}
	return r.Open(ctx, req)
}

// test runs a connection test of a request.
func (t *T) test(req connectors.Request) connectors.Report {
	t.Helper()
	r, err := connectors.NewRegistry([]*connectors.Connector{req.Connector}, nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r.Test(t.Context(), req)
}

// open opens a source that ends with the check.
func (t *T) open(req connectors.Request) connectors.Source {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	src, err := try(ctx, req)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.T.Errorf("close: %v", err)
		}
	})
	return src
}

// refused opens a source that must not open, and checks that the error is one that can be shown.
func (t *T) refused(req connectors.Request, want ...connectors.Cause) *connectors.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	src, err := try(ctx, req)
	if err == nil {
		_ = src.Close()
		t.Fatalf("it opens, and should fail with %v", want)
	}
	return t.cause(err, want...)
}

// cause checks that an error is of one of the wanted causes and fit to be shown.
func (t *T) cause(err error, want ...connectors.Cause) *connectors.Error {
	t.Helper()
	e := (*connectors.Error)(nil)
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *connectors.Error", err)
	}
	if !slices.Contains(want, e.Cause) {
		t.Errorf("%v: the cause is %s, want %v", e, e.Cause, want)
	}
	if e.Op == "" || e.Advice() == "" || e.Message == "" && e.Cause != connectors.CauseCancelled {
		t.Errorf("%+v does not say what was done, what went wrong and what to do", e)
	}
	return e
}

// An answer is a result read to its end. NULL is nil.
type answer struct {
	columns []connectors.Column
	rows    [][]*string
	changed int64
}

// ask runs a statement that must work, and reads its result.
func (t *T) ask(src connectors.Source, st connectors.Statement) answer {
	t.Helper()
	a, err := t.tryAsk(src, st)
	if err != nil {
		t.Fatalf("%.300s: %v", st.SQL, err)
	}
	return a
}

func (t *T) tryAsk(src connectors.Source, st connectors.Statement) (answer, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rows, err := src.Query(ctx, st)
	if err != nil {
		return answer{}, err
	}
	a := answer{columns: slices.Clone(rows.Columns())}
	for rows.Next() {
		row := make([]*string, len(rows.Row()))
		for i, cell := range rows.Row() {
			if cell != nil {
				text := string(cell)
				row[i] = &text
			}
		}
		a.rows = append(a.rows, row)
	}
	err = rows.Err()
	a.changed = rows.Affected()
	if closed := rows.Close(); err == nil && closed != nil {
		t.Errorf("%.300s: close: %v", st.SQL, closed)
	}
	if again := rows.Close(); again != nil {
		t.Errorf("%.300s: closing again: %v", st.SQL, again)
	}
	return a, err
}

// one is the only cell of a statement's result.
func (t *T) one(src connectors.Source, sql string) string {
	t.Helper()
	a := t.ask(src, connectors.Statement{SQL: sql, ReadOnly: true})
	if len(a.rows) != 1 || len(a.rows[0]) != 1 || a.rows[0][0] == nil {
		t.Fatalf("%s: %d rows, want one cell", sql, len(a.rows))
	}
	return *a.rows[0][0]
}

// admin runs statements as the administrator.
func (t *T) admin(s *Subject, statements ...string) {
	t.Helper()
	if err := tryAdmin(t, s, statements...); err != nil {
		t.Fatalf("administrator: %v", err)
	}
}

func tryAdmin(t *T, s *Subject, statements ...string) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.Admin(ctx, statements...)
}

// fresh makes the subject's scope anew, and drops it after the check.
func (t *T) fresh(s *Subject) {
	t.Helper()
	t.admin(s, s.DropScope...)
	t.admin(s, s.MakeScope...)
	t.Cleanup(func() {
		if err := s.Admin(context.WithoutCancel(t.Context()), s.DropScope...); err != nil {
			t.T.Errorf("drop the scope: %v", err)
		}
	})
}

// table is a table of the scope as SQL writes it.
func (s *Subject) table(name string) string {
	return s.Connector.Dialect.Qualified(append(slices.Clone(s.Scope), name))
}

func (s *Subject) intType() string {
	if s.SQL.Int == "" {
		return "int"
	}
	return s.SQL.Int
}

// A reading is a catalog in memory.
type reading struct {
	tables  []catalog.Table
	done    []string
	skipped map[string]error
	sinkErr error
}

// Table implements catalog.Sink.
func (r *reading) Table(t catalog.Table) error {
	t.Columns = slices.Clone(t.Columns)
	r.tables = append(r.tables, t)
	return r.sinkErr
}

// Done implements catalog.Sink.
func (r *reading) Done(scope catalog.Path) error {
	r.done = append(r.done, scope.String())
	return nil
}

// Skipped implements catalog.Sink.
func (r *reading) Skipped(scope catalog.Path, why error) error {
	r.skipped[scope.String()] = why
	return nil
}

// in are the tables below scope, by path.
func (r *reading) in(scope catalog.Path) map[string]catalog.Table {
	out := map[string]catalog.Table{}
	for _, t := range r.tables {
		if len(t.Path) > len(scope) && slices.Equal(t.Path[:len(scope)], scope) {
			out[t.Path.String()] = t
		}
	}
	return out
}

// catalog reads a source's catalog.
func (t *T) catalog(src connectors.Source, f catalog.Filter) *reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := &reading{skipped: map[string]error{}}
	if err := src.ReadCatalog(ctx, f, r); err != nil {
		t.Fatalf("read the catalog: %v", err)
	}
	return r
}

// onlyScope is the filter that lets the subject's scope through and nothing else.
func (s *Subject) onlyScope() catalog.Filter {
	var f catalog.Filter
	for i, name := range s.Scope {
		rule := catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{name}}}
		switch s.Connector.Levels[i] {
		case catalog.LevelDatabase:
			f.Databases = rule
		case catalog.LevelSchema:
			f.Schemas = rule
		}
	}
	return f
}

// fill writes a table and a number into the places that a statement of the subject leaves for them.
func fill(sql, table string, numbers ...any) string {
	sql = strings.ReplaceAll(sql, "{t}", table)
	if len(numbers) > 0 {
		sql = fmt.Sprintf(sql, numbers...)
	}
	return sql
}
