package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/e2e/servers"
	"patchbay/store"
)

// A link stands between a connection and its server. It closes everything after so many bytes of the server's, and says before
// each thing that the client sends how many there were.
type link struct {
	target   string
	listener net.Listener
	received atomic.Int64
	limit    atomic.Int64 // 0: none
	sent     atomic.Int64
	telling  sync.RWMutex // held for reading by who calls before
	before   func(sent int64)
	work     sync.WaitGroup
}

func newLink(t testing.TB, server *servers.Server) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{target: net.JoinHostPort(server.Host, strconv.Itoa(server.Port)), listener: l}
	k.work.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			k.work.Go(func() { k.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		k.work.Wait()
	})
	return k
}

func (k *link) port() string {
	_, port, _ := net.SplitHostPort(k.listener.Addr().String())
	return port
}

// begin counts anew; limit and before hold until the next begin, which waits until the one of before has returned.
func (k *link) begin(limit int64, before func(sent int64)) {
	k.telling.Lock()
	defer k.telling.Unlock()
	k.received.Store(0)
	k.sent.Store(0)
	k.limit.Store(limit)
	k.before = before
}

// tell says that something is about to be sent.
func (k *link) tell() {
	k.telling.RLock()
	defer k.telling.RUnlock()
	sent := k.sent.Add(1)
	if k.before != nil {
		k.before(sent)
	}
}

func (k *link) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", k.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var both sync.WaitGroup
	both.Go(func() {
		defer func() { _, _ = server.Close(), client.Close() }()
		k.down(client, server)
	})
	both.Go(func() {
		defer func() { _, _ = server.Close(), client.Close() }()
		k.up(server, client)
	})
	both.Wait()
}

func (k *link) down(client, server net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		left := int64(n)
		if limit := k.limit.Load(); limit > 0 {
			left = min(left, limit-k.received.Load())
		}
		k.received.Add(int64(n))
		if _, err := client.Write(buf[:max(left, 0)]); err != nil || left < int64(n) {
			return
		}
	}
}

func (k *link) up(server, client net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		k.tell()
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A faulty is a product whose refresh is broken: a server with three schemas (databases of MySQL) of some tables each.
type faulty struct {
	server *servers.Server
	tables int  // of each schema
	wide   bool // tables of many columns, so that the catalog is read over two feeds
	to     func(port string) benchConnection
	end    func(t *testing.T) // ends the server's side of the source's connections, and waits until it is gone
	cuts   int64              // how often the link is cut over the whole stream
}

var faultyParts = []string{"faults_one", "faults_two", "faults_three"}

// exec runs statements as the administrator.
func (f *faulty) exec(t *testing.T, statements ...string) {
	t.Helper()
	database := ""
	if f.server.Product == "postgres" {
		database = "big"
	}
	f.server.Exec(t, database, strings.Join(statements, ";"))
}

// each runs a statement for every table of these schemas.
func (f *faulty) each(t *testing.T, statement string, schemas ...string) {
	t.Helper()
	var all []string
	for _, schema := range schemas {
		for i := range f.tables {
			all = append(all, fmt.Sprintf(statement, schema, i))
		}
	}
	f.exec(t, all...)
}

// make makes the schemas and their tables.
func (f *faulty) make(t *testing.T, columns string) {
	t.Helper()
	for _, schema := range faultyParts {
		f.exec(t, "create schema "+schema)
		if f.server.Product == "postgres" {
			f.exec(t, fmt.Sprintf("grant usage on schema %s to %s; alter default privileges in schema %[1]s grant select on tables to %[2]s", schema, f.server.User))
		}
	}
	f.each(t, "create table %s.t%d("+columns+")", faultyParts...)
}

// drop drops schemas with all that is in them.
func (f *faulty) drop(t *testing.T, schemas ...string) {
	t.Helper()
	how := ""
	if f.server.Product == "postgres" {
		how = " cascade"
	}
	for _, schema := range schemas {
		f.exec(t, "drop schema "+schema+how)
	}
}

func faultyPostgres(t *testing.T, name string, tables int) *faulty {
	server := servers.Postgres(t, servers.Options{Name: name})
	server.Exec(t, "postgres", "create database big owner "+server.User)
	return &faulty{server: server, tables: tables, cuts: 60, to: func(port string) benchConnection { return bigPostgres(server, port) },
		end: func(t *testing.T) { server.Exec(t, "postgres", fmt.Sprintf(endBackends, server.User)) }}
}

func faultyMySQL(t *testing.T, kind string, server *servers.Server) *faulty {
	return &faulty{server: server, tables: 20, cuts: 30,
		to: func(port string) benchConnection {
			values := connectors.Values{"host": server.Host, "port": port, "user": server.User, "tls_mode": "verify-full", "tls_ca": server.CA}
			if kind == "mysql" { // the old server that there is offers nothing with forward secrecy
				values["tls_mode"] = "disable"
				delete(values, "tls_ca")
			}
			return benchConnection{kind: kind, password: server.Password, values: values,
				filter: catalog.Filter{Databases: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchPrefix, Values: []string{"faults_"}}}}}
		},
		end: func(t *testing.T) {
			db := server.DB(t, "")
			defer func() { _ = db.Close() }()
			for {
				var id int64
				err := db.QueryRowContext(t.Context(), "select id from information_schema.processlist where user = '"+server.User+"' limit 1").Scan(&id)
				if errors.Is(err, sql.ErrNoRows) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = db.ExecContext(t.Context(), fmt.Sprint("kill ", id)) // it may have ended by itself
			}
		}}
}

// endBackends ends the processes that serve a user's connections to the source, and waits until they are gone: a process that only
// was told to end may answer first.
const endBackends = `do $$ begin
	while exists (select from pg_stat_activity where datname = 'big' and usename = '%[1]s') loop
		perform pg_terminate_backend(pid) from pg_stat_activity where datname = 'big' and usename = '%[1]s';
		perform pg_sleep(0.002);
		perform pg_stat_clear_snapshot();
	end loop;
end $$`

// However a refresh of a real server is broken, it removes nothing, changes nothing that people see, and says why (P70): the link cut
// after every so many bytes of the whole stream, and the server's side ended before anything that is said to it. The source is
// another one meanwhile, so that any part that were taken over would show.
func TestBrokenRefreshRemovesNothing(t *testing.T) {
	for name, of := range map[string]func(t *testing.T) *faulty{
		"postgres": func(t *testing.T) *faulty { return faultyPostgres(t, "refresh faults", 20) },
		"postgres with two feeds": func(t *testing.T) *faulty {
			f := faultyPostgres(t, "refresh faults, big", 200)
			f.cuts = 15
			f.wide = true
			return f
		},
		"mysql": func(t *testing.T) *faulty {
			return faultyMySQL(t, "mysql", servers.MySQL(t, servers.Options{Name: "refresh faults"}))
		},
		"mariadb": func(t *testing.T) *faulty {
			return faultyMySQL(t, "mariadb", servers.MariaDB(t, servers.Options{Name: "refresh faults"}))
		},
	} {
		t.Run(name, func(t *testing.T) { breakRefreshes(t, of(t)) })
	}
}

func breakRefreshes(t *testing.T, f *faulty) {
	columns := "id bigint primary key, total numeric(12,2), note varchar(100)"
	if f.wide {
		for i := range 60 {
			columns += fmt.Sprintf(", c%d int", i)
		}
	}
	f.make(t, columns)
	if f.wide && count(t, f.server.DB(t, "big"), "select pg_relation_size('pg_attribute')") < 4<<20 {
		t.Fatal("the catalog is too small for two feeds")
	}
	k := newLink(t, f.server)
	r := openRefreshBench(t, f.to(k.port()))
	k.begin(0, nil)
	if run := r.refresh(t); run.State != "succeeded" || run.Error != "" {
		t.Fatalf("the first refresh: %+v", run)
	}
	known := r.known(t)
	if len(known) != 3*f.tables {
		t.Fatalf("%d tables, want %d", len(known), 3*f.tables)
	}
	// From here on every table is another, a third are gone, and there are new ones.
	f.drop(t, "faults_two")
	left := []string{"faults_one", "faults_three"}
	f.each(t, "alter table %s.t%d add column extra int", left...)
	f.exec(t, "create table faults_one.fresh(a int)")
	k.begin(0, nil)
	if run := openRefreshBench(t, f.to(k.port())).refresh(t); run.State != "succeeded" { // on another store, for its length
		t.Fatalf("the second refresh: %+v", run)
	}
	received, sent := k.received.Load(), k.sent.Load()
	again := 0
	broken := func(what string) (yes bool) {
		t.Helper()
		run := r.refresh(t)
		if run.State == "succeeded" { // the fault came too early or too late
			known = r.known(t)
			again++
			f.each(t, fmt.Sprintf("alter table %%s.t%%d add column again%d int", again), left...)
			return false
		}
		if run.State != "failed" || run.Cause == "" || run.Cause == "internal" || run.Error == "" || run.Hint == "" {
			t.Errorf("%s: %+v", what, run)
		}
		r.unchanged(t, what, known)
		return true
	}

	for at := int64(1); at < received; at += received/f.cuts + 1 {
		k.begin(at, nil)
		if !broken(fmt.Sprintf("cut after %d bytes", at)) && at < received*9/10 { // later it may have all that matters
			t.Fatalf("a refresh of about %d bytes succeeds with %d", received, at)
		}
	}
	c, err := r.store.Connection(t.Context(), r.id)
	if err != nil || again == 0 && c.Failures < f.cuts*9/10-1 || c.ReachWords == "" && again == 0 {
		t.Errorf("after that the connection has %d failures, %q, %v", c.Failures, c.ReachWords, err)
	}
	// Ended once, a session that was idle until then is opened anew, and the refresh may go on; ended again and again, it may not.
	for _, always := range []bool{false, true} {
		ended := 0
		for n := int64(0); n <= sent; n += 1 + sent/f.cuts {
			k.begin(0, func(at int64) {
				if at == n || always && at > n {
					f.end(t)
				}
			})
			if broken(fmt.Sprintf("ended before packet %d, again and again %t", n, always)) {
				ended++
			}
		}
		if always && ended < 8 || ended == 0 {
			t.Errorf("the server's side was ended in %d refreshes only, of about %d packets, again and again %t", ended, sent, always)
		}
	}
	k.begin(0, nil)
	r.runner.Stop(t.Context())
}

// A right that was taken away removes nothing and is named as the reason, until an Admin says that it is gone; what is dropped while
// the right is there goes (P70).
func TestRevokedRightRemovesNothing(t *testing.T) {
	t.Run("postgres", revokedOnPostgres)
	for kind, start := range map[string]func(testing.TB, servers.Options) *servers.Server{"mysql": servers.MySQL, "mariadb": servers.MariaDB} {
		t.Run(kind, func(t *testing.T) {
			revokedOnMySQL(t, faultyMySQL(t, kind, start(t, servers.Options{Name: "refresh rights"})))
		})
	}
}

func revokedOnPostgres(t *testing.T) {
	f := faultyPostgres(t, "refresh rights", 20)
	f.make(t, "a int")
	r := openRefreshBench(t, f.to(strconv.Itoa(f.server.Port)))
	if run := r.refresh(t); run.State != "succeeded" || run.Added != 60 {
		t.Fatalf("unbroken: %+v", run)
	}
	known := r.known(t)
	f.exec(t, "revoke all on all tables in schema faults_one from "+f.server.User, "revoke usage on schema faults_one from "+f.server.User)
	r.keeps(t, "a schema's right taken away", known, "big/faults_one", "permission denied")
	f.exec(t, "grant usage on schema faults_one to "+f.server.User)
	r.keeps(t, "a right given back", known, "", "")

	// A server that ends every statement says nothing of any database: that is no refresh, and Admins are told after three.
	admin := store.User{ID: "admin", Email: "a@example.com", Name: "A", Role: access.RoleAdmin, Created: time.Now()}
	if err := r.store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(admin) }); err != nil {
		t.Fatal(err)
	}
	f.exec(t, "alter role "+f.server.User+" set statement_timeout = '1ms'")
	for range store.FailingAfter {
		if run := r.refresh(t); run.State != "failed" || run.Cause == "" || run.Removed > 0 {
			t.Errorf("with a limit of 1 ms: %+v", run)
		}
	}
	r.subset(t, "with a limit of 1 ms", known)
	due, err := r.store.DueNotifications(t.Context(), time.Now().Add(time.Minute), 10)
	if err != nil || len(due) != 1 || due[0].Event != store.EventRefreshFailing || due[0].Recipient != "user:admin" {
		t.Errorf("due %+v, %v", due, err)
	}
	f.exec(t, "alter role "+f.server.User+" reset statement_timeout")

	f.drop(t, "faults_two")
	if run := r.refresh(t); run.State != "succeeded" || run.Removed != 20 || run.Missing != 0 {
		t.Errorf("a schema that was dropped: %+v", run)
	}
	known = r.known(t)
	f.drop(t, "faults_one", "faults_three")
	if run := r.refresh(t); run.State != "needs_look" || run.Missing != 40 {
		t.Errorf("an empty list: %+v", run)
	}
	r.subset(t, "an empty list", known)
}

// keeps runs a refresh that has to keep everything, with one part of it stale or none.
func (r *refreshBench) keeps(t *testing.T, what string, known map[string][]byte, part, reason string) store.Run {
	t.Helper()
	run := r.refresh(t)
	if run.State != "succeeded" || run.Removed > 0 || !strings.Contains(run.Error, reason) || (run.Error == "") != (part == "") {
		t.Errorf("%s: %+v", what, run)
	}
	r.subset(t, what, known)
	stale, err := r.store.Scopes(t.Context(), r.id)
	if err != nil || len(stale) > 1 || (len(stale) == 0) != (part == "") || len(stale) == 1 && (stale[0].Path.String() != part || !strings.Contains(stale[0].Reason, reason)) {
		t.Errorf("%s leaves stale %+v, %v", what, stale, err)
	}
	return run
}

func revokedOnMySQL(t *testing.T, f *faulty) {
	f.make(t, "a int")
	few := "few"
	f.exec(t, "create user few identified by '"+f.server.Password+"'", "grant select on faults_one.* to few", "grant select on faults_two.* to few",
		"grant select on faults_three.t1 to few", "grant select on faults_three.t2 to few", "grant select on faults_three.t3 to few")
	to := f.to(strconv.Itoa(f.server.Port))
	to.values["user"] = few
	r := openRefreshBench(t, to)
	if run := r.refresh(t); run.State != "succeeded" || run.Added != 43 || run.Error != "" {
		t.Fatalf("unbroken: %+v", run)
	}
	known := r.known(t)
	f.exec(t, "revoke select on faults_one.* from few")
	run := r.keeps(t, "a database's right taken away", known, "faults_one", "20 tables are not listed any more")
	if run.Missing != 20 {
		t.Errorf("nobody is asked: %+v", run)
	}
	f.exec(t, "grant select on faults_one.* to few")
	r.keeps(t, "a right given back", known, "", "")
	f.exec(t, "revoke select on faults_three.t1 from few")
	r.keeps(t, "a table's right taken away", known, "faults_three", "1 table is not listed any more")
	f.exec(t, "grant select on faults_three.t1 to few")
	r.keeps(t, "a table's right given back", known, "", "")

	// The rights are still there: what is not listed was dropped.
	f.drop(t, "faults_two")
	f.exec(t, "drop table faults_three.t1", "drop table faults_one.t0")
	if run := r.refresh(t); run.State != "succeeded" || run.Removed != 22 || run.Missing != 0 {
		t.Errorf("what was dropped: %+v", run)
	}
	// Dropped, and the right too: an Admin says so.
	f.exec(t, "revoke select on faults_one.* from few")
	f.drop(t, "faults_one")
	if run := r.refresh(t); run.State != "succeeded" || run.Removed != 0 || run.Missing != 19 {
		t.Errorf("dropped with its right: %+v", run)
	}
	run, err := r.runner.StartAnyway(t.Context(), r.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.runner.Wait(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	if left := r.known(t); len(left) != 2 {
		t.Errorf("%d tables are left, want 2", len(left))
	}
	known = r.known(t)
	f.exec(t, "revoke select on faults_three.t1 from few", "revoke select on faults_three.t2 from few", "revoke select on faults_three.t3 from few", "revoke select on faults_two.* from few")
	if run := r.refresh(t); run.State != "failed" || run.Cause != "denied" {
		t.Errorf("no right is left: %+v", run)
	}
	r.subset(t, "no right is left", known)
}

// A table that is dropped while it is read is gone, or is whole: none is kept without its columns.
func TestTableDroppedWhileItIsRead(t *testing.T) {
	for kind, start := range map[string]func(testing.TB, servers.Options) *servers.Server{"mysql": servers.MySQL, "mariadb": servers.MariaDB} {
		t.Run(kind, func(t *testing.T) {
			f := faultyMySQL(t, kind, start(t, servers.Options{Name: "refresh drops"}))
			f.tables = 2
			f.make(t, "a int")
			k := newLink(t, f.server)
			r := openRefreshBench(t, f.to(k.port()))
			k.begin(0, nil)
			r.refresh(t)
			sent := k.sent.Load()
			gone := 0
			for n := range sent + 1 {
				f.exec(t, "create table if not exists faults_one.fleeting(a int, b int)")
				var once sync.Once
				k.begin(0, func(at int64) {
					if at == n {
						once.Do(func() { f.exec(t, "drop table if exists faults_one.fleeting") })
					}
				})
				run := r.refresh(t)
				once.Do(func() {}) // a drop that has begun is waited for; one that has not comes too late
				if run.State != "succeeded" {
					t.Fatalf("dropped before packet %d: %+v", n, run)
				}
				table, err := r.runner.Table(t.Context(), r.id, catalog.Path{"faults_one", "fleeting"})
				switch {
				case errors.Is(err, store.ErrNotFound):
					gone++
				case err != nil || len(table.Columns) != 2 || table.Unreadable:
					t.Errorf("dropped before packet %d: %+v, %v", n, table, err)
				}
			}
			k.begin(0, nil)
			if gone == 0 {
				t.Error("no drop met a refresh")
			}
		})
	}
}

// refresh runs one refresh, however it ends.
func (r *refreshBench) refresh(t testing.TB) store.Run {
	t.Helper()
	run, err := r.runner.Start(t.Context(), r.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.runner.Wait(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	if run, err = r.store.Run(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	return run
}

// known is what everyone sees: the hash of each table.
func (r *refreshBench) known(t testing.TB) map[string][]byte {
	t.Helper()
	known := map[string][]byte{}
	if err := r.store.KnownHashes(t.Context(), r.id, func(path string, hash []byte) { known[path] = bytes.Clone(hash) }); err != nil {
		t.Fatal(err)
	}
	return known
}

func (r *refreshBench) subset(t testing.TB, what string, before map[string][]byte) {
	t.Helper()
	after := r.known(t)
	for path := range before {
		if after[path] == nil {
			t.Errorf("%s: %s is gone", what, path)
		}
	}
}

func (r *refreshBench) unchanged(t testing.TB, what string, before map[string][]byte) {
	t.Helper()
	after := r.known(t)
	if len(after) != len(before) {
		t.Errorf("%s: %d tables, want %d", what, len(after), len(before))
	}
	for path, hash := range before {
		if !bytes.Equal(after[path], hash) {
			t.Errorf("%s: %s is another", what, path)
		}
	}
}
