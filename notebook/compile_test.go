package notebook

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"patchbay/connectors"
	"patchbay/dialect"
)

var values = map[string]any{"name": "O'Neil", "n": int64(7), "f": 0.5, "ok": true, "none": nil, "list": []any{"a", "b"}, "numbers": []any{int64(1), int64(2)}, "empty": []any{}}

func TestParametersAreBound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialect      *dialect.Dialect
		source, want string
		args         []any
	}{
		{dialect.Postgres, "select {{ name }}, {{n}}", "select $1, $2", []any{"O'Neil", int64(7)}},
		{dialect.Postgres, "select {{ n }} group by {{ n }}", "select $1 group by $1", []any{int64(7)}},
		{dialect.MySQL, "select {{ n }} group by {{ n }}", "select ? group by ?", []any{int64(7), int64(7)}},
		{dialect.SQLite, "select {{ none }}, {{ ok }}, {{f}};", "select ?, ?, ?", []any{nil, true, 0.5}},
		{dialect.Postgres, "x in ({{ list | array }})", "x in ($1, $2)", []any{"a", "b"}},
		{dialect.Postgres, "x = any({{ list | array }})", "x = any($1)", []any{[]string{"a", "b"}}},
		{dialect.Postgres, "x = any({{ numbers | array }}) or y in ({{numbers|array}})", "x = any($1) or y in ($2, $3)", []any{[]string{"1", "2"}, int64(1), int64(2)}},
		{dialect.Postgres, "x = any({{ empty | array }})", "x = any($1)", []any{[]string{}}},
		{dialect.DuckDB, "x NOT IN ( 1, {{ list | array }} )", "x NOT IN ( 1, ?, ? )", []any{"a", "b"}},
		{dialect.MySQL, "x in /* why */ (\n{{ list | array }})", "x in /* why */ (\n?, ?)", []any{"a", "b"}},
		{dialect.Postgres, "select 1 -- {{ gone }}\n, '{{1,2},{3,4}}'::int[] ; -- done", "select 1 -- {{ gone }}\n, '{{1,2},{3,4}}'::int[] ", nil},
		{dialect.Postgres, "select $$ a;b $$, 'a;b', \"c;d\" /* ; */;", "select $$ a;b $$, 'a;b', \"c;d\" /* ; */", nil},
		{dialect.MySQL, `select 'it\'s;', "x\";"; # end`, `select 'it\'s;', "x\";"`, nil},
		{dialect.Postgres, `select E'it\'s;', 'a\'`, `select E'it\'s;', 'a\'`, nil},
		{dialect.SQLite, "select [a;b], `c;d` from t;", "select [a;b], `c;d` from t", nil},
		{dialect.Postgres, "select /* /* ; */ ; */ 1", "select /* /* ; */ ; */ 1", nil},
		{dialect.SQLite, "select ? ", "select ? ", nil},
		{dialect.Postgres, "select data ? 'key' and {{ ok }}", "select data ? 'key' and $1", []any{true}},
		{dialect.Postgres, "select 'é' || {{ name }}", "select 'é' || $1", []any{"O'Neil"}},
		{dialect.Postgres, "select a{{ n }}b, {{ n }}{{ n }}", "select a $1 b, $1 $1", []any{int64(7)}},
		{dialect.Postgres, "select a$b, $1 from x$", "select a$b, $1 from x$", nil},
		{dialect.Postgres, `select * from "{{ other }} ${x}" where a = {{ n }}`, `select * from "{{ other }} ${x}" where a = $1`, []any{int64(7)}},
		{dialect.MySQL, "select '{{ other | array }}'", "select '{{ other | array }}'", nil},
	} {
		got, err := Compile(c.dialect, c.source, values)
		if err != nil {
			t.Errorf("%s %q: %v", c.dialect.Name, c.source, err)
			continue
		}
		if got.SQL != c.want || !reflect.DeepEqual(got.Args, c.args) {
			t.Errorf("%s %q:\n got %q %#v\nwant %q %#v", c.dialect.Name, c.source, got.SQL, got.Args, c.want, c.args)
		}
	}
}

func TestWhatCannotBeBoundIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialect *dialect.Dialect
		source  string
		at      int
		words   string
	}{
		{dialect.Postgres, "select 'é {{ name }}'", 11, "inside quotes"},
		{dialect.Postgres, `select "{{ name }}"`, 9, "inside quotes"},
		{dialect.Postgres, "select $x$ {{name}} $x$", 12, "inside quotes"},
		{dialect.MySQL, "select `{{name}}`", 9, "inside quotes"},
		{dialect.Postgres, "select {{ gone }}", 8, "There is no parameter gone. There are empty, f, list"},
		{dialect.Postgres, "select {{ name | upper }}", 8, "upper is not known"},
		{dialect.Postgres, "select {{ name | array }}", 8, "no list"},
		{dialect.Postgres, "select {{ list }}", 8, "Write {{ list | array }}"},
		{dialect.Postgres, "select {{ 1 }}", 8, "Write a parameter like"},
		{dialect.Postgres, "select {{ name ", 8, "Write a parameter like"},
		{dialect.MySQL, "select {{ list | array }}", 8, "only inside in"},
		{dialect.MySQL, "x in (1 + f({{ list | array }}))", 13, "only inside in"},
		{dialect.Postgres, "x in ({{ empty | array }})", 7, "empty list"},
		{dialect.Postgres, "select 1; select 2", 11, "one statement"},
		{dialect.Postgres, "select 1; 'x'", 11, "one statement"},
		{dialect.Postgres, "select 1; {{ n }}", 11, "one statement"},
		{dialect.SQLite, "select ?, {{ n }}", 8, "in place of ?"},
		{dialect.SQLite, "", 1, "no statement"},
		{dialect.SQLite, " -- only words\n ; ", 1, "no statement"},
	} {
		_, err := Compile(c.dialect, c.source, values)
		var e *connectors.Error
		if !errors.As(err, &e) || e.Cause != connectors.CauseStatement || e.Position != c.at || !strings.Contains(e.Message, c.words) {
			t.Errorf("%s %q: %v at %d, want %q at %d", c.dialect.Name, c.source, err, position(e), c.words, c.at)
		}
	}
}

func position(e *connectors.Error) int {
	if e == nil {
		return -1
	}
	return e.Position
}

func TestPositionsComeBackToWhatWasTyped(t *testing.T) {
	t.Parallel()
	source := "select 'é', {{ name }}, x in ({{ list | array }}) frm"
	st, err := Compile(dialect.Postgres, source, values)
	if err != nil {
		t.Fatal(err)
	}
	if st.SQL != "select 'é', $1, x in ($2, $3) frm" {
		t.Fatal(st.SQL)
	}
	for _, part := range []string{"select", "'é'", ", x", "frm"} {
		sent, typed := at(st.SQL, part), at(source, part)
		if got := st.Position(sent); got != typed {
			t.Errorf("%q at %d of the statement is at %d of the source, want %d", part, sent, got, typed)
		}
	}
	for _, part := range []string{"$2", "$3"} {
		if got := st.Position(at(st.SQL, part)); got != at(source, "{{ list") {
			t.Errorf("%s is at %d of the source", part, got)
		}
	}
}

// at is the 1-based place of part in text, in characters.
func at(text, part string) int {
	return utf8.RuneCountInString(text[:strings.Index(text, part)]) + 1
}

// Whatever is typed: a value never enters the text, each placeholder has its value, what is no parameter stays as it is and
// every place in it is found again.
func FuzzParamBinding(f *testing.F) {
	for _, s := range []string{"select {{ v }}", "in ({{ l | array }})", "'{{ v }}'", "$$ {{v}} $$ {{ v }}", "E'\\'' {{v}}", "-- {{ v\n{{v}}", "/*{{v}}*/ {{v}};", "[{{v}}]", "a$b${{v}}$b$", "é{{v}}ü"} {
		f.Add(s)
	}
	const secret = "zQ9'\"\\;--x"
	in := map[string]any{"v": secret, "l": []any{secret, secret}}
	dialects := []*dialect.Dialect{dialect.Postgres, dialect.MySQL, dialect.SQLite, dialect.DuckDB}
	f.Fuzz(func(t *testing.T, source string) {
		if strings.Contains(source, "zQ9") || !utf8.ValidString(source) {
			return
		}
		for _, d := range dialects {
			st, err := Compile(d, source, in)
			if err != nil {
				continue
			}
			checkBinding(t, d, source, st.SQL, st.Args, st.Position)
		}
	})
}

func checkBinding(t *testing.T, d *dialect.Dialect, source, sql string, args []any, position func(int) int) {
	if strings.Contains(sql, "zQ9") {
		t.Fatalf("%s: the value is in %q", d.Name, sql)
	}
	marks := 0
	for _, s := range grammarOf(d).spans(sql) {
		part := sql[s.start:s.end]
		if s.kind == code && strings.Contains(part, "{{") {
			t.Fatalf("%s: a parameter is left in %q", d.Name, sql)
		}
		if s.kind == code {
			marks += strings.Count(part, mark(d.Placeholder, 1))
		}
	}
	if len(args) > 0 && d.Placeholder == dialect.Question && marks != len(args) {
		t.Fatalf("%s: %d placeholders for %d values in %q", d.Name, marks, len(args), sql)
	}
	sent, typed := []rune(sql), []rune(source)
	for i := range sent {
		at := position(i + 1)
		if at < 1 || at > len(typed) {
			t.Fatalf("%s: character %d of %q is at %d of %q", d.Name, i+1, sql, at, source)
		}
		if typed[at-1] != sent[i] && typed[at-1] != '{' {
			t.Fatalf("%s: character %d of %q is %q of %q", d.Name, i+1, sql, typed[at-1], source)
		}
	}
}
