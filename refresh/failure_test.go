package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
	"patchbay/connectors"
	"patchbay/store"
)

// breaking reads these tables, scope by scope, and breaks after n calls of the sink.
func breaking(tables []catalog.Table, n int, err error) func(context.Context, catalog.Filter, catalog.Sink) error {
	return func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
		calls := 0
		step := func(do func() error) error {
			if calls++; calls > n {
				return err
			}
			return do()
		}
		for i, table := range tables {
			if err := step(func() error { return to.Table(table) }); err != nil {
				return err
			}
			if i+1 == len(tables) || tables[i+1].Path[1] != table.Path[1] {
				if err := step(func() error { return to.Done(table.Path.Parent()) }); err != nil {
					return err
				}
			}
		}
		return err
	}
}

// A reading that breaks, wherever it does, removes and changes nothing (P70).
func TestBrokenReadingChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 75)
	b.read = whole(tables)
	b.succeed(t, 75, 0, 0)
	rows, shard := b.rowHash(t), b.mustShard(t)
	other := warehouse(25, 75) // the first schema is gone, every table is another, one is new
	for i := range other {
		other[i].Comment += " (new)"
	}
	other = append(other, catalogtest.Table(5000, 3))
	lost := &connectors.Error{Cause: connectors.CauseLost, Op: "read the catalog", Message: "server closed the connection"}
	for n := range len(other) + 4 {
		b.read = breaking(other, n, lost)
		run := b.refresh(t)
		if run.State != "failed" || run.Cause != "lost" || !strings.Contains(run.Error, "server closed") || run.Hint == "" {
			t.Fatalf("after %d calls: %+v", n, run)
		}
		if run.Added+run.Removed+run.Changed > 0 || len(b.changes(t, run)) > 0 {
			t.Fatalf("after %d calls: a broken run says that it changed something: %+v", n, run)
		}
		if b.rowHash(t) != rows || b.mustShard(t) != shard {
			t.Fatalf("after %d calls the catalog is another", n)
		}
	}
	c, err := b.store.Connection(t.Context(), b.id)
	if err != nil || c.Reach != store.ReachUnreachable || c.ReachCause != "lost" {
		t.Errorf("reach %q %q, %v", c.Reach, c.ReachCause, err)
	}
	b.read = whole(tables)
	b.succeed(t, 0, 0, 0)
	if c, err := b.store.Connection(t.Context(), b.id); err != nil || c.Reach != store.ReachOK || c.ReachWords != "" {
		t.Errorf("reach after it worked again: %q %q, %v", c.Reach, c.ReachWords, err)
	}
}

// Only what was read to its end may lose tables; the rest is marked stale with the reason, until it is read again.
func TestPartialReading(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 50)
	b.read = whole(tables)
	b.succeed(t, 50, 0, 0)
	readable, denied := tables[0].Path[:2], tables[25].Path[:2]
	b.read = func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
		for _, table := range tables[1:25] {
			if err := to.Table(table); err != nil {
				return err
			}
		}
		if err := to.Skipped(denied, &connectors.Error{Cause: connectors.CauseDenied, Message: "permission denied for schema"}); err != nil {
			return err
		}
		return to.Done(nil)
	}
	b.succeed(t, 0, 1, 0)
	if got := b.tables(t); !maps.Equal(got, expected(tables[1:])) {
		t.Fatalf("%d tables, want the 49 others", len(got))
	}
	since := b.clock()
	b.pass(time.Hour)
	b.succeed(t, 0, 0, 0)
	stale, err := b.store.Scopes(t.Context(), b.id)
	if err != nil || len(stale) != 1 || !slices.Equal(stale[0].Path, denied) || !strings.Contains(stale[0].Reason, "permission denied") || !stale[0].Since.Equal(since) {
		t.Fatalf("stale %+v, %v", stale, err)
	}
	b.read = func(_ context.Context, _ catalog.Filter, to catalog.Sink) error { // neither done nor skipped: still unknown
		return errors.Join(to.Table(tables[1]), to.Done(catalog.Path{"elsewhere"}))
	}
	b.succeed(t, 0, 0, 0)
	if stale, err := b.store.Scopes(t.Context(), b.id); err != nil || len(stale) != 2 {
		t.Fatalf("stale %+v, %v", stale, err)
	}
	b.read = whole(tables[1:])
	b.succeed(t, 0, 0, 0)
	if stale, err := b.store.Scopes(t.Context(), b.id); err != nil || len(stale) != 0 {
		t.Errorf("stale after %q and %q were read: %+v, %v", readable, denied, stale, err)
	}
}

func TestReasonsAreSafeToShow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
		return errors.Join(to.Skipped(catalog.Path{"a"}, errors.New("postgres://user:hunter2@host")), to.Done(catalog.Path{"b"}))
	}
	b.succeed(t, 0, 0, 0)
	stale, err := b.store.Scopes(t.Context(), b.id)
	if err != nil || len(stale) != 1 || strings.Contains(stale[0].Reason, "hunter2") {
		t.Errorf("stale %+v, %v", stale, err)
	}
}

func TestReadingsThatSayNothing(t *testing.T) {
	t.Parallel()
	denied := &connectors.Error{Cause: connectors.CauseDenied, Message: "no rights on pg_class"}
	for _, c := range []struct {
		name        string
		read        func(context.Context, catalog.Filter, catalog.Sink) error
		openErr     error
		cause, says string
		reach       store.ReachState
	}{
		{name: "everything skipped", read: func(_ context.Context, _ catalog.Filter, to catalog.Sink) error { return to.Skipped(nil, denied) },
			cause: "denied", says: "no rights", reach: store.ReachRefreshFailed},
		{name: "no scope ended", read: func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
			return to.Table(catalogtest.Table(1, 1))
		},
			cause: "denied", says: "No part", reach: store.ReachRefreshFailed},
		{name: "panic", read: func(context.Context, catalog.Filter, catalog.Sink) error { panic("driver") }, cause: "internal", says: "unexpected",
			reach: store.ReachRefreshFailed},
		{name: "a path of another depth", read: whole([]catalog.Table{{Path: catalog.Path{"a"}}}), cause: "internal", says: "unexpected",
			reach: store.ReachRefreshFailed},
		{name: "nobody there", openErr: &connectors.Error{Cause: connectors.CauseUnreachable}, cause: "unreachable", says: "Nothing answers",
			reach: store.ReachUnreachable},
		{name: "wrong password", openErr: &connectors.Error{Cause: connectors.CauseSignIn}, cause: "sign-in", says: "refused the sign-in",
			reach: store.ReachRefreshFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.read = whole(warehouse(0, 50))
			b.succeed(t, 50, 0, 0)
			rows := b.rowHash(t)
			b.read, b.openErr = c.read, c.openErr
			run := b.refresh(t)
			if run.State != "failed" || run.Cause != c.cause || !strings.Contains(run.Error, c.says) || run.Hint == "" || run.Finished.IsZero() {
				t.Errorf("run %+v", run)
			}
			if b.rowHash(t) != rows {
				t.Error("the catalog is another")
			}
			if con, err := b.store.Connection(t.Context(), b.id); err != nil || con.Reach != c.reach || con.ReachWords != run.Error {
				t.Errorf("reach %q %q, %v", con.Reach, con.ReachWords, err)
			}
		})
	}
}

// The filter explains what is missing: no suspicion, and what it excludes goes even when that part could not be read.
func TestFilterTakesTablesOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 60)
	b.read = whole(tables)
	b.succeed(t, 60, 0, 0)
	only := catalog.Filter{Tables: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{tables[59].Path.Name()}}}}
	err := b.store.Update(t.Context(), store.AuditEntry{Action: "connection.filter"}, func(tx *store.Tx) error { return tx.SetFilter(b.id, only) })
	if err != nil {
		t.Fatal(err)
	}
	b.read = func(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
		if f.Tables.Include == nil {
			return errors.New("the filter did not reach the source")
		}
		return errors.Join(whole(tables)(ctx, f, to), to.Skipped(tables[0].Path[:2], nil))
	}
	if run := b.succeed(t, 0, 0, 0); run.Hidden != 59 {
		t.Errorf("run %+v", run)
	}
	if got := b.tables(t); len(got) != 1 {
		t.Errorf("%d tables, want 1", len(got))
	}
}

// What a filter takes out and lets in again is no change of the schema: it is counted apart, and nobody is told of it.
func TestFilterIsNoChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 60)
	b.read = whole(tables)
	b.succeed(t, 60, 0, 0)
	target := store.NotificationTarget{ID: "hook", ConnectionID: b.id, Kind: "webhook", Shown: "h", Box: []byte("b"), Events: []string{store.EventSchemaChanged}}
	set := func(fn func(tx *store.Tx) error) {
		t.Helper()
		if err := b.store.Update(t.Context(), store.AuditEntry{Action: "connection.filter"}, fn); err != nil {
			t.Fatal(err)
		}
	}
	set(func(tx *store.Tx) error { return tx.CreateTarget(target) })
	only := catalog.Filter{Tables: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{tables[59].Path.Name()}}}}
	set(func(tx *store.Tx) error { return tx.SetFilter(b.id, only) })
	quiet := func(run store.Run, hidden, shown int64) {
		t.Helper()
		if run.Hidden != hidden || run.Shown != shown || len(b.changes(t, run)) > 0 {
			t.Errorf("run %+v with changes %q, want %d hidden and %d shown", run, b.changes(t, run), hidden, shown)
		}
		if due, err := b.store.DueNotifications(t.Context(), b.clock(), 10); err != nil || len(due) > 0 {
			t.Errorf("%+v are to be told, %v", due, err)
		}
	}
	quiet(b.succeed(t, 0, 0, 0), 59, 0)
	var buried int // what the source has still must not be forgotten after 30 days with what people said of it
	if err := b.raw(t).QueryRow(`select count(*) from catalog_tombstone`).Scan(&buried); err != nil || buried > 0 {
		t.Errorf("%d hidden tables have a tombstone, %v", buried, err)
	}
	set(func(tx *store.Tx) error { return tx.SetFilter(b.id, catalog.Filter{}) })
	quiet(b.succeed(t, 0, 0, 0), 0, 59)
	if got := b.tables(t); !maps.Equal(got, expected(tables)) {
		t.Errorf("%d tables, want all 60", len(got))
	}
	b.read = whole(append(tables[1:], catalogtest.Table(5000, 3)))
	b.succeed(t, 1, 1, 0)
	if due, err := b.store.DueNotifications(t.Context(), b.clock(), 10); err != nil || len(due) != 1 {
		t.Errorf("a real change: %+v are to be told, %v", due, err)
	}
}

// A reading in which every part was skipped read nothing, whatever is said of the whole: it failed, and counts (P70).
func TestEverySkippedPartFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 50))
	b.succeed(t, 50, 0, 0)
	rows := b.rowHash(t)
	b.read = func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
		return errors.Join(to.Skipped(catalog.Path{"warehouse"}, &connectors.Error{Cause: connectors.CauseTimeout, Message: "canceling statement"}), to.Done(nil))
	}
	for n := range int64(3) {
		if run := b.refresh(t); run.State != "failed" || run.Cause != "timeout" || !strings.Contains(run.Error, "canceling statement") {
			t.Fatalf("run %+v", run)
		}
		if c, err := b.store.Connection(t.Context(), b.id); err != nil || c.Failures != n+1 || c.ReachWords == "" {
			t.Errorf("connection %+v, %v", c, err)
		}
	}
	if b.rowHash(t) != rows {
		t.Error("the catalog is another")
	}
}

// Where some databases could not be read, the run says how many and why; what nobody ever saw in one that denies is no loss.
func TestRunSaysWhatWasNotRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 10)
	b.read = whole(tables)
	b.succeed(t, 10, 0, 0)
	skip := func(why connectors.Cause) func(context.Context, catalog.Filter, catalog.Sink) error {
		return func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
			for _, table := range tables {
				if err := to.Table(table); err != nil {
					return err
				}
			}
			return errors.Join(to.Done(tables[0].Path[:1]), to.Skipped(catalog.Path{"shop"}, &connectors.Error{Cause: why, Message: "no"}),
				to.Done(catalog.Path{"crm"}), to.Done(nil))
		}
	}
	b.read = skip(connectors.CauseDenied)
	if run := b.succeed(t, 0, 0, 0); run.Cause != "" || run.Error != "" {
		t.Errorf("denied, and never seen: %+v", run)
	}
	b.read = skip(connectors.CauseTimeout)
	run := b.succeed(t, 0, 0, 0)
	if run.Cause != "timeout" || !strings.HasPrefix(run.Error, "Read 2 of 3 databases. shop: ") || run.Hint == "" {
		t.Errorf("run %+v", run)
	}
}

// blocked reports some tables, says that it has, or that it was ended before, and hangs until ctx ends.
func blocked(reached chan<- struct{}) func(context.Context, catalog.Filter, catalog.Sink) error {
	return func(ctx context.Context, _ catalog.Filter, to catalog.Sink) error {
		say := sync.OnceFunc(func() { close(reached) })
		defer say()
		for _, table := range warehouse(1000, 1600) {
			if err := to.Table(table); err != nil {
				return err
			}
		}
		say()
		<-ctx.Done()
		return fmt.Errorf("driver: %w", ctx.Err())
	}
}

func TestEndingARun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, state, cause string
		deadline           time.Duration
		end                func(b *bench, run store.Run) error
	}{
		{name: "cancel", state: "cancelled", end: func(b *bench, run store.Run) error { return b.Cancel(run.ID) }},
		{name: "stop", state: "interrupted", cause: "interrupted", end: func(b *bench, _ store.Run) error { b.Stop(context.Background()); return nil }},
		{name: "deadline", state: "failed", cause: "timeout", deadline: 300 * time.Millisecond, end: func(*bench, store.Run) error { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.read = whole(warehouse(0, 50))
			b.succeed(t, 50, 0, 0)
			rows := b.rowHash(t)
			if c.deadline > 0 {
				b.Stop(t.Context())
				b.Runner = b.runner(c.deadline)
			}
			reached := make(chan struct{})
			b.read = blocked(reached)
			run, err := b.Start(t.Context(), b.id, "manual", "someone")
			if err != nil {
				t.Fatal(err)
			}
			<-reached
			if err := c.end(b, run); err != nil {
				t.Fatal(err)
			}
			run = b.end(t, run)
			if run.State != c.state || run.Cause != c.cause || run.Finished.IsZero() {
				t.Errorf("run %+v", run)
			}
			if b.rowHash(t) != rows {
				t.Error("the catalog is another")
			}
			if b.opened != b.closed {
				t.Errorf("%d sources opened, %d closed", b.opened, b.closed)
			}
		})
	}
}

// A server that answered and is slow can be reached; one that lets nobody in cannot, nor one whose connection broke.
func TestSlowIsNotUnreachable(t *testing.T) {
	t.Parallel()
	slow := &connectors.Error{Cause: connectors.CauseTimeout, Op: "read the catalog", Message: "statement timeout"}
	fails := func(err error) func(context.Context, catalog.Filter, catalog.Sink) error {
		return func(context.Context, catalog.Filter, catalog.Sink) error { return err }
	}
	for name, c := range map[string]struct {
		open     error
		read     func(context.Context, catalog.Filter, catalog.Sink) error
		deadline time.Duration
		want     store.ReachState
		cause    string
	}{
		"no answer":           {open: slow, want: store.ReachUnreachable, cause: "timeout"},
		"a slow statement":    {read: fails(slow), want: store.ReachRefreshFailed, cause: "timeout"},
		"longer than allowed": {read: blocked(make(chan struct{})), deadline: 300 * time.Millisecond, want: store.ReachRefreshFailed, cause: "timeout"},
		"a lost connection":   {read: fails(&connectors.Error{Cause: connectors.CauseLost, Op: "read the catalog"}), want: store.ReachUnreachable, cause: "lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.openErr, b.read = c.open, c.read
			if c.deadline > 0 {
				b.Stop(t.Context())
				b.Runner = b.runner(c.deadline)
			}
			if run := b.refresh(t); run.State != "failed" || run.Cause != c.cause {
				t.Errorf("run %+v", run)
			}
			if got := b.saved(t, b.id); got.Reach != c.want || got.ReachCause != c.cause {
				t.Errorf("it is %s by %s, want %s", got.Reach, got.ReachCause, c.want)
			}
		})
	}
}

func TestCancelWhileQueued(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := make(chan struct{})
	b.read = func(ctx context.Context, _ catalog.Filter, to catalog.Sink) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return to.Done(nil)
	}
	b.destination = "one server"
	var runs []store.Run
	for i := range 64 {
		run, err := b.Start(t.Context(), b.connection(t, fmt.Sprint("c", i), offSchedule), "manual", "")
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	queued := slices.IndexFunc(runs, func(r store.Run) bool {
		live, ok := b.Progress(r.ID)
		return ok && live.State == "queued"
	})
	if queued < 0 {
		t.Fatal("all of 64 runs are running at once")
	}
	last := runs[len(runs)-1]
	if err := b.Cancel(last.ID); err != nil {
		t.Fatal(err)
	}
	if run := b.end(t, last); run.State != "cancelled" {
		t.Errorf("run %+v", run)
	}
	close(release)
	for _, run := range runs[:len(runs)-1] {
		if run := b.end(t, run); run.State != "succeeded" {
			t.Fatalf("run %+v", run)
		}
	}
}
