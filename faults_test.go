package main

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
	before   atomic.Pointer[func(sent int64)]
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

// begin counts anew; limit and before hold until the next begin.
func (k *link) begin(limit int64, before func(sent int64)) {
	k.received.Store(0)
	k.sent.Store(0)
	k.limit.Store(limit)
	k.before.Store(&before)
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
		if before := *k.before.Load(); before != nil {
			before(k.sent.Add(1))
		} else {
			k.sent.Add(1)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// endBackends ends the processes that serve a user's connections to the source, and waits until they are gone: a process that only
// was told to end may answer first.
const endBackends = `do $$ begin
	perform pg_terminate_backend(pid) from pg_stat_activity where datname = 'big' and usename = '%[1]s';
	while exists (select from pg_stat_activity where datname = 'big' and usename = '%[1]s') loop
		perform pg_sleep(0.002);
		perform pg_stat_clear_snapshot();
	end loop;
end $$`

// However a refresh of a real PostgreSQL is broken, it removes nothing, changes nothing that people see, and says why (P70): the
// link cut after every so many bytes of the whole stream, and the server's process ended before anything that is said to it. The
// source is another one meanwhile, so that any part that were taken over would show.
func TestBrokenPostgresRefreshRemovesNothing(t *testing.T) {
	server := servers.Postgres(t, servers.Options{Name: "refresh faults"})
	server.Exec(t, "postgres", "create database big owner "+server.User)
	makeSchemas(t, server, "create table %[1]s.t%[2]d(id bigint primary key, total numeric(12,2), note text)")
	k := newLink(t, server)
	r := newRefreshBench(t, server, k.port())
	k.begin(0, nil)
	if run := r.refresh(t); run.State != "succeeded" {
		t.Fatalf("the first refresh: %+v", run)
	}
	received, sent := k.received.Load(), k.sent.Load()
	known := r.known(t)
	if len(known) != 60 {
		t.Fatalf("%d tables, want 60", len(known))
	}
	// From here on every table is another, a third are gone, and there are new ones.
	makeSchemas(t, server, "alter table %[1]s.t%[2]d add column extra int")
	server.Exec(t, "big", "drop schema two cascade; create table one.fresh(a int)")
	again := 0
	broken := func(what string) (yes bool) {
		t.Helper()
		run := r.refresh(t)
		if run.State == "succeeded" { // the fault came too early or too late
			known = r.known(t)
			again++
			makeSchemas(t, server, fmt.Sprintf("alter table if exists %%[1]s.t%%[2]d add column again%d int", again))
			return false
		}
		if run.State != "failed" || run.Cause == "" || run.Cause == "internal" || run.Error == "" || run.Hint == "" {
			t.Errorf("%s: %+v", what, run)
		}
		r.unchanged(t, what, known)
		return true
	}

	for at := int64(1); at < received*9/10; at += received/60 + 1 {
		k.begin(at, nil)
		if !broken(fmt.Sprintf("cut after %d bytes", at)) {
			t.Fatalf("a refresh of about %d bytes succeeds with %d", received, at)
		}
	}
	c, err := r.store.Connection(t.Context(), r.id)
	if err != nil || c.Failures < 50 || c.ReachWords == "" {
		t.Errorf("after that the connection has %d failures, %q, %v", c.Failures, c.ReachWords, err)
	}
	ended := 0
	for n := range sent + 1 {
		k.begin(0, func(at int64) {
			if at == n {
				server.Exec(t, "postgres", fmt.Sprintf(endBackends, server.User))
			}
		})
		if broken(fmt.Sprintf("ended before packet %d", n)) {
			ended++
		}
	}
	if ended < 4 {
		t.Errorf("the server's process was ended in %d refreshes only, of about %d packets", ended, sent)
	}
	r.runner.Stop(t.Context())

	// On another store, which knows the source as it is now.
	r = newRefreshBench(t, server, k.port())
	k.begin(0, nil)
	if run := r.refresh(t); run.State != "succeeded" || run.Added == 0 {
		t.Fatalf("unbroken: %+v", run)
	}
	known = r.known(t)
	server.Exec(t, "big", "revoke all on all tables in schema one from "+server.User, "revoke usage on schema one from "+server.User)
	if run := r.refresh(t); run.State != "succeeded" || run.Removed > 0 {
		t.Errorf("a schema's right taken away: %+v", run)
	}
	r.subset(t, "a schema's right taken away", known)
	stale, err := r.store.Scopes(t.Context(), r.id)
	if err != nil || len(stale) != 1 || stale[0].Path.String() != "big/one" || !strings.Contains(stale[0].Reason, "permission denied") {
		t.Errorf("a schema's right taken away leaves stale %+v, %v", stale, err)
	}
	server.Exec(t, "big", "grant usage on schema one to "+server.User)
	if run := r.refresh(t); run.State != "succeeded" || run.Removed > 0 {
		t.Errorf("a right given back: %+v", run)
	}
	server.Exec(t, "big", "drop schema one cascade; drop schema three cascade")
	if run := r.refresh(t); run.State != "needs_look" || run.Missing != int64(len(known)) {
		t.Errorf("an empty list: %+v", run)
	}
	r.subset(t, "an empty list", known)
	stale, err = r.store.Scopes(t.Context(), r.id)
	if err != nil || len(stale) == 0 || !strings.Contains(stale[0].Reason, "missing") {
		t.Errorf("an empty list leaves stale %+v, %v", stale, err)
	}
}

// makeSchemas runs a statement for twenty tables of each of three schemas.
func makeSchemas(t *testing.T, server *servers.Server, statement string) {
	t.Helper()
	var sql strings.Builder
	for _, schema := range []string{"one", "two", "three"} {
		fmt.Fprintf(&sql, "create schema if not exists %[1]s; grant usage on schema %[1]s to %[2]s;", schema, server.User)
		for i := range 20 {
			fmt.Fprintf(&sql, statement+";", schema, i)
		}
		fmt.Fprintf(&sql, "grant select on all tables in schema %s to %s;", schema, server.User)
	}
	server.Exec(t, "big", sql.String())
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
