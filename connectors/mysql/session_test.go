package mysql

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/e2e/servers"
)

// What a statement leaves behind on a connection is not met by the next one, which uses the same connection (P8).
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		src, db := database(t, server, "create table n (i int)")
		mine := one(t, src, "select connection_id()")
		for _, c := range []struct{ leave, look, want string }{
			{"set @a = 1", "select @a is null", "1"},
			{"set session sql_mode = 'ansi_quotes'", "select \"text\"", "text"},
			{"set session time_zone = '+09:00'", "select @@session.time_zone = @@global.time_zone", "1"},
			{"set names latin1", "select hex('é')", "C3A9"},
			{"set autocommit = 0", "select @@autocommit", "1"},
			{"use information_schema", "select database()", db},
			{"create temporary table tmp (i int)", "select count(*) from information_schema.tables where table_name = 'tmp'", "0"},
			{"select get_lock('leak', 0)", "select is_free_lock('leak')", "1"},
			{"lock tables n read", "select 'unlocked' from information_schema.schemata limit 1", "unlocked"},
			{"start transaction read only", "select @@autocommit", "1"},
			{"prepare p from 'select 1'", "select 'fresh'", "fresh"},
		} {
			for _, readOnly := range []bool{false, true} {
				_, _, err := run(t.Context(), src, connectors.Statement{SQL: c.leave, ReadOnly: readOnly})
				if err != nil && !readOnly {
					t.Errorf("%s: %s: %v", name, c.leave, err)
				}
				if got := one(t, src, c.look); got != c.want {
					t.Errorf("%s: after %s, %s is %s", name, c.leave, c.look, got)
				}
			}
		}
		if _, _, err := run(t.Context(), src, connectors.Statement{SQL: "insert into n values (1)"}); err != nil || one(t, src, "select count(*) from n") != "1" {
			t.Errorf("%s: after read-only statements nothing is written: %v", name, err)
		}
		if got := one(t, src, "select connection_id()"); got != mine {
			t.Errorf("%s: the connection was not used again", name)
		}
	}
}

// A connection without a database keeps none that a statement chose.
func TestNoDatabase(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		where := target(t, server)
		delete(where.Values, "database")
		src := opened(t, where)
		for _, st := range []connectors.Statement{{SQL: "use information_schema"}, {SQL: "select 1", Database: "information_schema"}} {
			if _, _, err := run(t.Context(), src, st); err != nil {
				t.Fatal(err)
			}
			if got := one(t, src, "select database()"); got != "NULL" {
				t.Errorf("%s: %+v leaves %s", name, st, got)
			}
		}
		if got := one(t, src, "select 1"); got != "1" {
			t.Error(got)
		}
		_, rows, err := run(t.Context(), src, connectors.Statement{SQL: "select database()", Database: server.Database})
		if err != nil || rows[0][0] != server.Database {
			t.Errorf("%s: %v, %v", name, rows, err)
		}
		_, _, err = run(t.Context(), src, connectors.Statement{SQL: "select 1", Database: "no`such; drop"})
		if e := classify(err); e == nil || e.Cause != connectors.CauseNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// More statements at once than connections are kept wait for one another, and all end.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.MariaDB(t, servers.Options{}))
	errs := make(chan error)
	for i := range 3 * maxSessions {
		go func() {
			_, cells, err := run(t.Context(), src, connectors.Statement{SQL: fmt.Sprintf("select %d, sleep(0.01)", i)})
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

// A statement that was cancelled at any moment of its beginning is gone from the server.
func TestCancelledAnyTime(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		src, db := database(t, server)
		for i := range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*300*time.Microsecond)
			_, _, err := run(ctx, src, connectors.Statement{SQL: "select sleep(30) /* any-" + db + " */", ReadOnly: true})
			cancel()
			if err == nil {
				t.Errorf("%s: it ran to its end", name)
			}
		}
		watcher := server.DB(t, server.Database)
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			var n int
			if err := watcher.QueryRow("select count(*) from information_schema.processlist where id <> connection_id() and info like '%any-" + db + "%'").Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d statements run on", name, n)
			}
		}
	}
}

// A session is killed only on the server that it is on: elsewhere its number is another's.
func TestKillsNobodyElse(t *testing.T) {
	t.Parallel()
	src, _ := database(t, servers.MariaDB(t, servers.Options{}))
	s := src.(*source)
	se, err := s.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := &session{id: se.id, node: "another host"}
	s.kill(elsewhere)
	if got, err := se.cell("select 'alive'"); err != nil || got != "alive" {
		t.Errorf("%s, %v", got, err)
	}
	elsewhere.node = se.node
	s.kill(elsewhere)
	if _, err := se.cell("select 'alive'"); err == nil {
		t.Error("it was not killed")
	}
	se.spoilt.Store(true)
	s.release(se)
}

// A procedure's first result is shown, whatever follows it; an error at its end is told.
func TestProcedures(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		src, _ := database(t, server, "create table n (i int)", "create procedure several() begin insert into n values (1); select 'first' as a; select 'second' as b, 2; end",
			"create procedure fails() begin select 'first' as a; signal sqlstate '45000' set message_text = 'on purpose'; end",
			"create procedure silent(x int) begin insert into n values (x), (x); end")
		for range 2 {
			if got := one(t, src, "call several()"); got != "first" {
				t.Errorf("%s: %s", name, got)
			}
			_, rows, err := run(t.Context(), src, connectors.Statement{SQL: "call fails()"})
			if e := classify(err); e == nil || !strings.Contains(e.Message, "on purpose") || len(rows) != 1 {
				t.Errorf("%s: %v, %v", name, rows, err)
			}
			answer, err := src.Query(t.Context(), connectors.Statement{SQL: "call silent(?)", Args: []any{int64(7)}})
			if err != nil || answer.Next() || answer.Err() != nil || len(answer.Columns()) != 0 {
				t.Fatalf("%s: %v", name, err)
			}
			if err := answer.Close(); err != nil {
				t.Error(err)
			}
		}
		if got := one(t, src, "select count(*) from n"); got != "6" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The place of a mistake is found by the server's words, counted in characters of the caller's text.
func TestPlaceOfMistake(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for name, server := range both(t) {
		src, _ := database(t, server)
		for sql, want := range map[string]int{
			"selec 1": 1, "select 1 fromm x y": 16, "select 'é🦆' + + ) from t": 17, "select 1\nfrom t\nwhere )": 23, "select (1": 10,
			"select 1 from ) '" + long + "'": 15, "select ) , ) '" + long + "'": 8, "select 1;\nselect 2": 11, "select * from t where 'near ''x'' at line 1' )": 46,
		} {
			_, _, err := run(t.Context(), src, connectors.Statement{SQL: sql, Comment: "by somebody"})
			if e := classify(err); e == nil || e.Position != want {
				t.Errorf("%s: %s: %+v, want %d", name, sql, e, want)
			}
		}
	}
}
