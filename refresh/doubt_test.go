package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/store"
)

// A reading in which nearly everything is missing removes nothing, says what it missed by name, and is asked about, until a
// reading is as it should be or someone wants it so (P70).
func TestNearlyEverythingMissing(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]int{"all": 0, "nine in ten": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tables := warehouse(0, 50)
			b.read = whole(tables)
			b.succeed(t, 50, 0, 0)
			rows, shard := b.rowHash(t), b.mustShard(t)
			b.pass(time.Hour)
			b.read = whole(tables[:left])
			run := b.refresh(t)
			if run.State != "needs_look" || run.Cause != "suspicious" || run.Removed != 0 || run.Missing != int64(50-left) || run.Hint == "" {
				t.Fatalf("run %+v", run)
			}
			if b.rowHash(t) != rows || b.mustShard(t) != shard {
				t.Fatal("the catalog is another")
			}
			want := "missing " + tables[49].Path.Name()
			if got := b.changes(t, run); len(got) != 50-left || !slices.Contains(got, want) {
				t.Errorf("changes %q, want %d with %q", got, 50-left, want)
			}
			doubt, err := b.store.Doubt(t.Context(), b.id)
			if err != nil || doubt.RunID != run.ID || doubt.Missing != int64(50-left) || !doubt.Since.Equal(b.clock()) {
				t.Fatalf("doubt %+v, %v", doubt, err)
			}
			stale, err := b.store.Scopes(t.Context(), b.id)
			if err != nil || len(stale) != 1 || len(stale[0].Path) != 0 || !strings.Contains(stale[0].Reason, "missing") {
				t.Errorf("stale %+v, %v", stale, err)
			}
			c, err := b.store.Connection(t.Context(), b.id)
			if err != nil || c.Reach != store.ReachOK || c.Failures != 0 {
				t.Errorf("connection %+v, %v", c, err)
			}
			since := b.clock()
			b.pass(time.Hour)
			if again := b.refresh(t); again.State != "needs_look" {
				t.Fatalf("asked again: %+v", again)
			}
			if doubt, err := b.store.Doubt(t.Context(), b.id); err != nil || !doubt.Since.Equal(since) {
				t.Errorf("doubt %+v, %v: not since %s", doubt, err, since)
			}

			b.read = whole(tables)
			b.succeed(t, 0, 0, 0)
			b.noDoubt(t)

			b.read = whole(tables[:left])
			b.refresh(t)
			run, err = b.StartAnyway(t.Context(), b.id, "manual", "someone")
			if err != nil {
				t.Fatal(err)
			}
			if run = b.end(t, run); run.State != "succeeded" || run.Removed != int64(50-left) {
				t.Fatalf("applied anyway: %+v", run)
			}
			if got := len(b.tables(t)); got != left {
				t.Errorf("%d tables, want %d", got, left)
			}
			b.noDoubt(t)
		})
	}
}

// A part that is not listed any more, of which the source does not say that it would be, stays until an Admin decides; everything
// else is taken over (P70).
func TestUnlistedPartWaitsForAnAdmin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 75)
	b.read = whole(tables)
	b.succeed(t, 75, 0, 0)
	gone, kept := tables[0].Path[:2], map[string]bool{}
	listed := func(tables []catalog.Table) func(context.Context, catalog.Filter, catalog.Sink) error {
		return func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
			for _, table := range tables {
				if err := to.Table(table); err != nil {
					return err
				}
				kept[table.Path[:2].String()] = true
			}
			for scope := range kept {
				path, _ := catalog.ParsePath(scope)
				if err := to.Done(path); err != nil {
					return err
				}
			}
			return nil
		}
	}
	b.read = listed(tables[26:]) // the first schema is not there, nor is one table of the second
	run := b.succeed(t, 0, 1, 0)
	if run.Missing != 25 || run.Cause != "suspicious" || !strings.Contains(run.Error, "25 tables are not listed any more") || run.Hint == "" {
		t.Fatalf("run %+v", run)
	}
	if got := len(b.tables(t)); got != 74 {
		t.Errorf("%d tables, want 74", got)
	}
	if got := b.changes(t, run); len(got) != 26 || !slices.Contains(got, "missing "+tables[0].Path.Name()) {
		t.Errorf("changes %q", got)
	}
	stale, err := b.store.Scopes(t.Context(), b.id)
	if err != nil || len(stale) != 1 || !slices.Equal(stale[0].Path, gone) {
		t.Errorf("stale %+v, %v", stale, err)
	}
	if doubt, err := b.store.Doubt(t.Context(), b.id); err != nil || doubt.RunID != run.ID || doubt.Missing != 25 {
		t.Fatalf("doubt %+v, %v", doubt, err)
	}
	b.pass(time.Hour)
	if run = b.succeed(t, 0, 0, 0); run.Missing != 25 {
		t.Errorf("not asked again while nobody has decided: %+v", run)
	}
	// Whoever keeps it is not asked again, unless more goes.
	err = b.store.Update(t.Context(), store.AuditEntry{Action: "connection.keep"}, func(tx *store.Tx) error { return tx.EndDoubt(b.id, run.ID) })
	if err != nil {
		t.Fatal(err)
	}
	if run = b.succeed(t, 0, 0, 0); run.Missing != 0 {
		t.Errorf("asked again: %+v", run)
	}
	if _, err := b.store.Doubt(t.Context(), b.id); !errors.Is(err, store.ErrNotFound) || len(b.tables(t)) != 74 {
		t.Errorf("doubt %v, %d tables", err, len(b.tables(t)))
	}
	clear(kept)
	b.read = listed(tables[50:])
	if run = b.succeed(t, 0, 0, 0); run.Missing != 49 {
		t.Fatalf("more went: %+v", run)
	}
	run, err = b.StartAnyway(t.Context(), b.id, "manual", "someone")
	if err != nil {
		t.Fatal(err)
	}
	if run = b.end(t, run); run.State != "succeeded" || run.Removed != 49 || run.Missing != 0 || len(b.tables(t)) != 25 {
		t.Errorf("applied anyway: %+v, %d tables", run, len(b.tables(t)))
	}
	b.noDoubt(t)
}

// While nobody decides, what is missing is listed once and not again with each refresh, and in commits that keep nobody waiting (P72).
func TestUndecidedDoubtDoesNotGrow(t *testing.T) {
	t.Parallel()
	tables := warehouse(0, 3000)
	for name, read := range map[string]func(context.Context, catalog.Filter, catalog.Sink) error{
		"nearly everything": whole(tables[:10]),
		"a part": func(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
			return whole(tables[1000:])(ctx, f, dumb{to})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.read = whole(tables)
			b.succeed(t, 3000, 0, 0)
			b.set(read)
			var run store.Run
			for range 3 {
				b.pass(time.Hour)
				if _, err := b.rawWrite(t, `pragma wal_checkpoint(truncate)`); err != nil {
					t.Fatal(err)
				}
				if run = b.refresh(t); run.Missing < 1000 {
					t.Fatalf("run %+v", run)
				}
				b.until(t, func() bool {
					return b.count(t, `select count(distinct run_id) from refresh_change where change = 'missing'`) == 1
				})
				if size := b.largestCommit(t); size > 100<<10 {
					t.Errorf("one commit of %d bytes", size)
				}
			}
			if got := b.changes(t, run); len(got) != int(run.Missing) || !strings.HasPrefix(got[0], "missing ") {
				t.Errorf("the last run lists %d of %d", len(got), run.Missing)
			}
			if doubt, err := b.store.Doubt(t.Context(), b.id); err != nil || doubt.RunID != run.ID {
				t.Errorf("doubt %+v, %v", doubt, err)
			}
		})
	}
}

// What a reading missed is not left behind where the doubt about it could not be kept, and the doubt of before keeps its list.
func TestDoubtThatIsNotKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 300)
	b.read = whole(tables)
	b.succeed(t, 300, 0, 0)
	b.read = whole(tables[:5])
	run := b.refresh(t)
	if _, err := b.rawWrite(t, `create trigger no_doubt before update on catalog_doubt begin select raise(abort, 'not now'); end`); err != nil {
		t.Fatal(err)
	}
	b.refresh(t)
	b.Stop(t.Context())
	if n := b.count(t, `select count(*) from refresh_change where change = 'missing'`); n != 295 || len(b.changes(t, run)) != 295 {
		t.Errorf("%d tables are listed as missing, %d of them with the run that is asked about; want 295", n, len(b.changes(t, run)))
	}
}

// A dumb sink is not told what was read to its end but where something was found.
type dumb struct{ catalog.Sink }

func (d dumb) Table(t catalog.Table) error {
	return errors.Join(d.Sink.Table(t), d.Sink.Done(t.Path.Parent()))
}

func (dumb) Done(catalog.Path) error { return nil }

func (b *bench) noDoubt(t *testing.T) {
	t.Helper()
	if doubt, err := b.store.Doubt(t.Context(), b.id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("doubt %+v, %v", doubt, err)
	}
	if stale, err := b.store.Scopes(t.Context(), b.id); err != nil || len(stale) != 0 {
		t.Errorf("stale %+v, %v", stale, err)
	}
}

// What is to be removed anyway waits for what is under way, and does not make a reading of nothing believable.
func TestAnywayIsNoBlankCheque(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 50))
	b.succeed(t, 50, 0, 0)
	reached := make(chan struct{})
	b.read = blocked(reached)
	run, err := b.Start(t.Context(), b.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	if _, err := b.StartAnyway(t.Context(), b.id, "manual", ""); err == nil {
		t.Error("it joined a refresh that was asked for otherwise")
	}
	if err := b.Cancel(run.ID); err != nil {
		t.Fatal(err)
	}
	b.read = func(context.Context, catalog.Filter, catalog.Sink) error { return nil } // nothing was read
	run, err = b.StartAnyway(t.Context(), b.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	if run = b.end(t, run); run.State != "failed" || len(b.tables(t)) != 50 {
		t.Errorf("run %+v", run)
	}
}

// A table that went is remembered for 30 days, unless it comes back; what was taken back with a broken run is not remembered.
func TestTombstones(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 40)
	b.read = whole(tables)
	b.succeed(t, 40, 0, 0)
	gone := tables[0].Path.String()
	stone := func() (store.Tombstone, error) {
		var s store.Tombstone
		err := b.store.View(t.Context(), func(tx *store.Tx) (err error) { s, err = tx.Tombstone(b.id, gone); return err })
		return s, err
	}
	b.read = whole(tables[1:])
	run := b.succeed(t, 0, 1, 0)
	s, err := stone()
	if err != nil || s.Path != gone || s.RunID != run.ID || s.ConnectionID != b.id || !s.Removed.Equal(b.clock()) {
		t.Fatalf("tombstone %+v, %v", s, err)
	}
	b.read = whole(tables)
	b.succeed(t, 1, 0, 0)
	if s, err := stone(); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a table that is back has tombstone %+v, %v", s, err)
	}
	b.read = whole(tables[2:])
	b.succeed(t, 0, 2, 0)
	var purged []string
	r := b.tidier(func(_ *store.Tx, stones []store.Tombstone) error {
		for _, s := range stones {
			purged = append(purged, s.Path)
		}
		return nil
	})
	defer r.Stop(context.Background())
	b.pass(30 * 24 * time.Hour)
	r.Tidy(t.Context())
	if _, err := stone(); err != nil || len(purged) > 0 {
		t.Fatalf("forgotten on the 30th day: %v, %q", err, purged)
	}
	b.pass(time.Minute)
	r.Tidy(t.Context())
	if _, err := stone(); !errors.Is(err, store.ErrNotFound) || len(purged) != 2 || !slices.Contains(purged, gone) {
		t.Errorf("after 30 days: %v, %q", err, purged)
	}
}

// The daily round keeps the last 20 runs, the last that succeeded, and those of the last 90 days.
func TestOldRunsGo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 3))
	first := b.succeed(t, 3, 0, 0)
	b.read = func(context.Context, catalog.Filter, catalog.Sink) error { return errors.New("no") }
	for range 30 {
		b.refresh(t)
	}
	b.Tidy(t.Context())
	if n := len(b.runs(t, b.id)); n != 31 {
		t.Fatalf("%d runs on the day itself", n)
	}
	b.pass(91 * 24 * time.Hour)
	b.Tidy(t.Context())
	runs := b.runs(t, b.id)
	if len(runs) != 21 || runs[20].ID != first.ID {
		t.Errorf("%d runs are left, the oldest %+v", len(runs), runs[len(runs)-1])
	}
	if len(b.changes(t, first)) != 3 {
		t.Error("the changes of a run that stays are gone")
	}
}

// Sources that hang, however many, hold back no other (P68).
func TestHangingSourcesHoldBackNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	hanging := func(ctx context.Context, _ catalog.Filter, to catalog.Sink) error {
		if err := to.Table(warehouse(0, 1)[0]); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	b.read = hanging
	for i := range 40 {
		b.destination = fmt.Sprint("server ", i%10)
		if _, err := b.Start(t.Context(), b.connection(t, fmt.Sprint("hangs", i), offSchedule), "schedule", ""); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); b.openedSoFar() < 20; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d sources are open, want two of each of ten servers", b.openedSoFar())
		}
	}
	b.set(whole(warehouse(0, 300)))
	b.destination = "another server"
	b.id = b.connection(t, "answers", offSchedule)
	b.succeed(t, 300, 0, 0)
	if n := b.openedSoFar(); n != 21 {
		t.Errorf("%d sources were opened, want 21: two at once of each server", n)
	}
}

// After five failures in a row the schedule tries less and less often; one success ends that.
func TestScheduleOfAFailingSource(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = func(context.Context, catalog.Filter, catalog.Sink) error { return errors.New("no") }
	hourly := offSchedule
	hourly.Kind, hourly.EveryHours = "hourly", 1
	b.id = b.connection(t, "hourly", hourly)
	hours := func() (tried []int) {
		for hour := range 72 {
			before := len(b.runs(t, b.id))
			b.pass(time.Hour)
			wake(t, b.Runner)
			for _, run := range b.runs(t, b.id) {
				b.end(t, run)
			}
			if len(b.runs(t, b.id)) > before {
				tried = append(tried, hour)
			}
		}
		return tried
	}
	tried := hours()
	if len(tried) < 9 || len(tried) > 14 {
		t.Errorf("in three days it was tried at hours %v", tried)
	}
	events, stop := b.Subscribe(b.id)
	defer stop()
	b.refresh(t)
	for e := range events {
		if e.Run.State == "failed" {
			if e.Failures != int64(len(tried)+1) {
				t.Errorf("the event tells of %d failures, want %d", e.Failures, len(tried)+1)
			}
			break
		}
	}
	b.set(whole(warehouse(0, 2)))
	b.succeed(t, 2, 0, 0)
	if c, err := b.store.Connection(t.Context(), b.id); err != nil || c.Failures != 0 {
		t.Errorf("%d failures, %v", c.Failures, err)
	}
}
