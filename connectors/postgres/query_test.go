package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/e2e/servers"
)

// Cells are what the server itself writes, to the last digit.
func TestCells(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.Postgres(t, servers.Options{}), "create type mood as enum ('sad', 'glad')", "create type pair as (a int, b text)",
		"create domain email as varchar(40)", "create table moods (m mood, e email)", "insert into moods values ('glad', 'a@b')")
	for _, c := range []struct {
		expression, want, kind string
		family                 catalog.Family
	}{
		{"9223372036854775807", "9223372036854775807", "bigint", catalog.FamilyInteger},
		{"123456789012345678901234567890.123456789::numeric(40,9)", "123456789012345678901234567890.123456789", "numeric(40,9)", catalog.FamilyDecimal},
		{"'NaN'::numeric", "NaN", "numeric", catalog.FamilyDecimal},
		{"0.1::float8 + 0.2", "0.30000000000000004", "double precision", catalog.FamilyFloat},
		{"1234.5::money", "$1,234.50", "money", catalog.FamilyDecimal},
		{"true", "t", "boolean", catalog.FamilyBool},
		{`'\xdeadbeef'::bytea`, `\xdeadbeef`, "bytea", catalog.FamilyBinary},
		{"date '4713-01-01 BC'", "4713-01-01 BC", "date", catalog.FamilyDate},
		{"'-infinity'::timestamptz(3)", "-infinity", "timestamp(3) with time zone", catalog.FamilyDateTime},
		{"timestamp '294276-12-31 23:59:59.999999'", "294276-12-31 23:59:59.999999", "timestamp without time zone", catalog.FamilyDateTime},
		{"time '24:00'", "24:00:00", "time without time zone", catalog.FamilyTime},
		{"interval '1 year 2 days 3.5 seconds'", "1 year 2 days 00:00:03.5", "interval", catalog.FamilyInterval},
		{`'{"b": 1, "a": 2}'::json`, `{"b": 1, "a": 2}`, "json", catalog.FamilyJSON},
		{`'{"b": 1, "a": [2]}'::jsonb`, `{"a": [2], "b": 1}`, "jsonb", catalog.FamilyJSON},
		{"'11111111-2222-3333-4444-555555555555'::uuid", "11111111-2222-3333-4444-555555555555", "uuid", catalog.FamilyUUID},
		{`array['a,b', null, '']`, `{"a,b",NULL,""}`, "text[]", catalog.FamilyArray},
		{"array[1.50]::numeric(5,2)[]", "{1.50}", "numeric(5,2)[]", catalog.FamilyArray},
		{"int4range(1, 5)", "[1,5)", "int4range", catalog.FamilyOther},
		{"inet '10.0.0.1/8'", "10.0.0.1/8", "inet", catalog.FamilyOther},
		{"point '(1,2)'", "(1,2)", "point", catalog.FamilyGeo},
		{"m from moods", "glad", "mood", catalog.FamilyText},
		{"e from moods", "a@b", "character varying(40)", catalog.FamilyText},
		{"array_agg(m) from moods", "{glad}", "mood[]", catalog.FamilyArray},
		{"row(1, 'x y')::pair", `(1,"x y")`, "pair", catalog.FamilyStruct},
		{"'x'::char(3)", "x  ", "character(3)", catalog.FamilyText},
		{"null::int", "NULL", "integer", catalog.FamilyInteger},
		{"''", "", "text", catalog.FamilyText},
	} {
		columns, cells, err := run(t.Context(), src, connectors.Statement{SQL: "select " + c.expression, ReadOnly: true})
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if cells[0][0] != c.want || columns[0].Type != c.kind || columns[0].Family != c.family {
			t.Errorf("%s: %q of %s, %s; want %q of %s, %s", c.expression, cells[0][0], columns[0].Type, columns[0].Family, c.want, c.kind, c.family)
		}
	}
}

// Types are named as format_type names them.
func TestDeclaredTypes(t *testing.T) {
	t.Parallel()
	kinds := strings.Split("bit|bit(3)|varbit|varbit(7)|char|char(3)|bpchar|varchar|varchar(20)|numeric|numeric(5)|numeric(12,2)|numeric(3,-2)|numeric(2,5)|"+
		"time|time(0)|timetz|timetz(2)|timestamp|timestamp(6)|timestamptz|timestamptz(0)|interval|interval(3)|interval year|interval month|interval day|interval hour|"+
		"interval minute|interval second|interval second(2)|interval year to month|interval day to hour|interval day to minute|interval day to second(4)|"+
		"interval hour to minute|interval hour to second|interval minute to second|\"char\"|name|oid|xml|money|inet", "|")
	for oid := range builtin {
		kinds = append(kinds, fmt.Sprintf("%d", oid))
	}
	server := servers.Postgres(t, servers.Options{})
	src, db := database(t, server)
	admin := server.DB(t, db)
	for _, kind := range kinds {
		if oid, err := strconv.Atoi(kind); err == nil {
			if err := admin.QueryRow("select format_type($1, null)", oid).Scan(&kind); err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []string{kind, kind + "[]"} {
			var want string
			name := strings.NewReplacer(`"`, "", " ", "_", "(", "_", ")", "", ",", "_", "-", "m", "[]", "s").Replace(kind)
			if _, err := admin.Exec("create table \"k_" + name + "\" (c " + kind + ")"); err != nil {
				continue // named twice
			}
			if err := admin.QueryRow("select format_type(atttypid, atttypmod) from pg_attribute where attnum = 1 and attrelid = $1::regclass", `"k_`+name+`"`).Scan(&want); err != nil {
				t.Fatal(err)
			}
			columns, _, err := run(t.Context(), src, connectors.Statement{SQL: "select c from \"k_" + name + "\""})
			if err == nil && columns[0].Type != want {
				t.Errorf("%s: %q in a result, want %q", kind, columns[0].Type, want)
			}
		}
	}
	rows, err := admin.Query("select relname, format_type(atttypid, atttypmod) from pg_attribute join pg_class c on c.oid = attrelid where attnum = 1 and relname like 'k\\_%'")
	if err != nil {
		t.Fatal(err)
	}
	n := read(t, src, catalog.Filter{Databases: exact(db)})
	count := 0
	for rows.Next() {
		var table, want string
		if err := rows.Scan(&table, &want); err != nil {
			t.Fatal(err)
		}
		count++
		if got := n.tables[catalog.Path{db, "public", table}.String()].Columns[0].Type; got != want {
			t.Errorf("%s: %q in the catalog, want %q", table, got, want)
		}
	}
	if count < 100 {
		t.Errorf("only %d types compared", count)
	}
}

func TestBinding(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.Postgres(t, servers.Options{}), "create table n (i int, big bigint, s text, at date)", "insert into n values (5, 5, '5', '2026-01-05')")
	hostile := `'; drop table n; -- $1 \ "`
	for _, c := range []struct {
		sql  string
		args []any
		want string
	}{
		{"select $1", []any{hostile}, hostile},
		{"select count(*) from n where i = $1 and big = $1", []any{int64(5)}, "1"},
		{"select left('abc', $1)", []any{int64(2)}, "ab"},
		{"select count(*) from n where at > $1", []any{"2026-01-01"}, "1"},
		{"select count(*) from n where i = any($1) and s = any($2)", []any{[]string{"5", "6"}, []string{`a"\,{}`, "5"}}, "1"},
		{"select $1::text[]", []any{[]string{`a"\,{}`, "", "NULL"}}, `{"a\"\\,{}","","NULL"}`},
		{"select $1::int is null", []any{nil}, "t"},
		{"select $1 and true", []any{true}, "t"},
		{"select round($1, 1)", []any{1.25}, "1.3"},
		{"select 9223372036854775807 = $1", []any{int64(9223372036854775807)}, "t"},
	} {
		if got := one(t, src, c.sql, c.args...); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.sql, c.args, got, c.want)
		}
	}
	if _, _, err := run(t.Context(), src, connectors.Statement{SQL: "select $1", Args: []any{struct{}{}}}); err == nil {
		t.Error("a struct was bound")
	}
}

// No statement writes where it is read only, and none makes a later one able to (P8).
func TestReadOnly(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.Postgres(t, servers.Options{}), "create table kept (n int)", "insert into kept values (1)",
		"create function add() returns int language sql as 'insert into kept values (2) returning n'")
	for _, sql := range []string{
		"insert into kept values (2)", "with x as (insert into kept values (2) returning n) select * from x", "select add()", "drop table kept", "truncate kept",
		"commit; insert into kept values (2)", "rollback; drop table kept", "create table other (n int)", "select n into other from kept",
		"do $$ begin commit; insert into kept values (2); end $$", "do $$ begin perform set_config('transaction_read_only', 'off', false); insert into kept values (2); end $$",
		"explain analyze insert into kept values (2)", "select nextval('none')", "copy kept from stdin", "copy kept to stdout",
	} {
		if _, _, err := run(t.Context(), src, connectors.Statement{SQL: sql, ReadOnly: true}); err == nil {
			t.Errorf("%s: no error", sql)
		}
	}
	for _, sql := range []string{
		"commit", "rollback", "set session characteristics as transaction read write", "set default_transaction_read_only = off", "set transaction read write",
		"set role none", "listen x", "select pg_advisory_lock(1)", "prepare p as insert into kept values (2)", "declare c cursor with hold for select 1",
	} {
		_, _, _ = run(t.Context(), src, connectors.Statement{SQL: sql, ReadOnly: true}) // may fail or not; what counts is what comes after
		for _, write := range []string{"insert into kept values (2)", "execute p"} {
			if _, _, err := run(t.Context(), src, connectors.Statement{SQL: write, ReadOnly: true}); err == nil {
				t.Errorf("%s: after %s, no error", write, sql)
			}
		}
	}
	if got := one(t, src, "select string_agg(n::text, ',') from kept"); got != "1" {
		t.Errorf("the table holds %s", got)
	}
}

// What a statement sets is gone when the next runs on the same connection.
func TestSessionForgets(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.Postgres(t, servers.Options{}))
	before := one(t, src, "select pg_backend_pid()")
	for _, sql := range []string{"set timezone = 'Asia/Tokyo'", "create temp table scratch (n int)", "begin", "select pg_advisory_lock(7)", "listen x", "set statement_timeout = 1"} {
		if _, _, err := run(t.Context(), src, connectors.Statement{SQL: sql}); err != nil {
			t.Fatal(err)
		}
	}
	got := one(t, src, `select concat_ws(' ', pg_backend_pid(), current_setting('timezone'), to_regclass('scratch'),
		(select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), (select count(*) from pg_listening_channels()), current_setting('statement_timeout'))`)
	if got != before+" UTC 0 0 0" {
		t.Errorf("%q; the connection was %s", got, before)
	}
}

func TestAffected(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.Postgres(t, servers.Options{}), "create table n (i int)")
	for sql, want := range map[string]int64{"insert into n select generate_series(1, 5)": 5, "update n set i = 0 where i > 100": 0, "select 1": -1, "create table m (i int)": -1, "": -1} {
		rows, err := src.Query(t.Context(), connectors.Statement{SQL: sql})
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if rows.Affected() != want {
			t.Errorf("%s: %d rows, want %d", sql, rows.Affected(), want)
		}
		_ = rows.Close()
	}
}

// Places of mistakes are counted in what the caller wrote, in characters.
func TestErrorPosition(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.Postgres(t, servers.Options{}))
	_, _, err := run(t.Context(), src, connectors.Statement{SQL: "select 'ééé',\n nope from nothing", Comment: "run by ünü", ReadOnly: true})
	if e := classify(err); e == nil || e.Cause != connectors.CauseStatement || e.Code != "42P01" || e.Position != 26 {
		t.Errorf("%+v", e)
	}
	_, _, err = run(t.Context(), src, connectors.Statement{SQL: "select 1/(3 - g) from generate_series(1, 5) g"})
	if e := classify(err); e == nil || e.Code != "22012" {
		t.Errorf("in mid-result: %v", err)
	}
}

// A cancelled statement ends at once here and soon on the server, and its connection serves nobody else.
func TestCancel(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	src, db := database(t, server)
	for name, sql := range map[string]string{"sleeping": "select pg_sleep(60) /* mark */", "computing": "select sum(a.i * b.i) from generate_series(1, 1000000) a(i), generate_series(1, 1000000) b(i) /* mark */"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		began := time.Now()
		_, _, err := run(ctx, src, connectors.Statement{SQL: sql, ReadOnly: true})
		cancel()
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 1200*time.Millisecond {
			t.Errorf("%s: %v after %v", name, err, took)
		}
		gone(t, server, db)
	}
	if got := one(t, src, "select 1"); got != "1" {
		t.Errorf("after cancelling: %s", got)
	}
}

// Rows that nobody wants any more are not made either.
func TestCloseEarly(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	src, db := database(t, server)
	rows, err := src.Query(t.Context(), connectors.Statement{SQL: "select generate_series(1, 100000000), repeat('x', 100) /* mark */"})
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() || string(rows.Row()[0]) != "1" {
		t.Fatalf("no first row: %v", rows.Err())
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	gone(t, server, db)
}

// gone waits until the server runs no marked statement in the database.
func gone(t *testing.T, server *servers.Server, db string) {
	t.Helper()
	admin := server.DB(t, "postgres")
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var n int
		if err := admin.QueryRow("select count(*) from pg_stat_activity where datname = $1 and state = 'active' and query like '%mark%'", db).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the statement still runs on the server")
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.Postgres(t, servers.Options{}), "create type mood as enum ('sad')")
	errs := make(chan error)
	for i := range 3 * maxSessions {
		go func() {
			_, cells, err := run(t.Context(), src, connectors.Statement{SQL: fmt.Sprintf("select %d, 'sad'::mood, pg_sleep(0.01)", i)})
			if err == nil && cells[0][0] != fmt.Sprint(i) {
				err = fmt.Errorf("%s, want %d", cells[0][0], i)
			}
			errs <- err
		}()
	}
	for range 3 * maxSessions {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(src.(*source).idle); n > maxSessions {
		t.Errorf("%d sessions", n)
	}
}

func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{})
	src, own := database(t, server)
	_, other := database(t, server)
	for _, name := range []string{"", other, own, other} {
		_, cells, err := run(t.Context(), src, connectors.Statement{SQL: "select current_database()", Database: name})
		if want := strings.TrimSpace(name); err != nil || cells[0][0] != want && (name != "" || cells[0][0] != own) {
			t.Errorf("%q: %v, %v", name, cells, err)
		}
	}
}
