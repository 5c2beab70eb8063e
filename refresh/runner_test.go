package refresh_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"

	"patchbay/catalog"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/store"
)

var offSchedule = schedule.Spec{Kind: schedule.Off}

func TestStartJoins(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reached := make(chan struct{})
	b.read = blocked(reached)
	first, err := b.Start(t.Context(), b.id, "manual", "one")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	second, err := b.Start(t.Context(), b.id, "api", "two")
	if err != nil || second.ID != first.ID || second.StartedBy != "one" {
		t.Fatalf("second %+v, %v", second, err)
	}
	if err := b.Cancel(first.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.Cancel(first.ID); err != nil {
		t.Errorf("cancelling what has ended: %v", err)
	}
	if _, ok := b.Progress(first.ID); ok {
		t.Error("a run that has ended still has progress")
	}
	b.read = whole(nil)
	third, err := b.Start(t.Context(), b.id, "manual", "three")
	if err != nil || third.ID == first.ID {
		t.Errorf("third %+v, %v", third, err)
	}
	b.end(t, third)
	b.Stop(t.Context())
	if _, err := b.Start(t.Context(), b.id, "manual", ""); !errors.Is(err, refresh.ErrStopped) {
		t.Errorf("start after stop: %v", err)
	}
}

func TestSubscribersSeeProgressAndTheEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 40))
	b.succeed(t, 40, 0, 0)
	events, stop := b.Subscribe(b.id)
	defer stop()
	reached := make(chan struct{})
	release := make(chan struct{})
	b.read = func(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
		for _, table := range warehouse(0, 40) {
			if err := to.Table(table); err != nil {
				return err
			}
		}
		close(reached)
		<-release
		return to.Done(nil)
	}
	run, err := b.Start(t.Context(), b.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	for e := range events {
		if e.Run.Phase == "reading" && e.Run.State == "running" && e.Known == 40 {
			break
		}
	}
	if live, ok := b.Progress(run.ID); !ok || live.Phase != "reading" {
		t.Errorf("progress %+v, %v", live, ok)
	}
	close(release)
	for e := range events {
		if e.Run.State == "succeeded" {
			if stored, err := b.store.Run(t.Context(), run.ID); err != nil || stored.State != "succeeded" {
				t.Errorf("told of the end before it is written: %+v, %v", stored, err)
			}
			break
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 30)
	b.read = whole(tables)
	b.succeed(t, 30, 0, 0)
	rows := b.rowHash(t)

	// A process ends in the middle: its run is running, and it has written under a generation that was never published.
	b.held = 1
	b.Runner = b.runner(0)
	reached := make(chan struct{})
	b.read = blocked(reached)
	run, err := b.Start(t.Context(), b.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	for b.rows(t) == 30 {
		time.Sleep(time.Millisecond)
	}
	left := copyOf(t, b)
	defer func() { _ = left.store.Close() }()
	defer left.Stop(context.Background())
	if err := left.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for {
		if _, ok := left.Shard(b.id); ok {
			break
		}
		time.Sleep(time.Millisecond)
	}
	left.id = b.id
	if got := left.tables(t); len(got) != 30 || left.rowHash(t) != rows {
		t.Errorf("%d tables after the restart", len(got))
	}
	if got, err := left.store.Run(t.Context(), run.ID); err != nil || got.State != "interrupted" || got.Finished.IsZero() {
		t.Errorf("run %+v, %v", got, err)
	}
	left.read = whole(tables)
	left.succeed(t, 0, 0, 0)
}

// copyOf is a bench on a copy of the store as it is at this moment, as after kill -9.
func copyOf(t *testing.T, b *bench) *bench {
	t.Helper()
	left := &bench{dir: t.TempDir(), now: b.clock()}
	if _, err := b.rawWrite(t, "vacuum into '"+filepath.Join(left.dir, "patchbay.db")+"'"); err != nil {
		t.Fatal(err)
	}
	var err error
	if left.store, err = store.Open(t.Context(), store.Options{Dir: left.dir, Now: left.clock, AuditKey: []byte("key")}); err != nil {
		t.Fatal(err)
	}
	left.Runner = left.runner(0)
	return left
}

func TestForget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 5))
	b.succeed(t, 5, 0, 0)
	reached := make(chan struct{})
	b.read = blocked(reached)
	run, err := b.Start(t.Context(), b.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	err = b.store.Update(t.Context(), store.AuditEntry{Action: "connection.delete"}, func(tx *store.Tx) error { return tx.DeleteConnection(b.id) })
	if err != nil {
		t.Fatal(err)
	}
	b.Forget(b.id)
	if err := b.Wait(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Shard(b.id); ok {
		t.Error("a deleted connection has a shard")
	}
	for deadline := time.Now().Add(5 * time.Second); b.rows(t) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a deleted connection has %d catalog rows", b.rows(t))
		}
	}
}

// Whoever lost the lease writes no more: the run of the other holder decides.
func TestLeaseIsHeldElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.store.Acquire(t.Context(), "refresh:"+b.id, "another process", time.Hour); err != nil {
		t.Fatal(err)
	}
	b.read = whole(warehouse(0, 5))
	if run := b.refresh(t); run.State != "cancelled" || run.Error == "" {
		t.Errorf("run %+v", run)
	}
	if b.opened != 0 {
		t.Error("the source was opened without the lease")
	}
	b.pass(2 * time.Hour)
	b.read = func(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
		b.pass(2 * time.Minute) // this process slept, and another took over
		if _, err := b.store.Acquire(ctx, "refresh:"+b.id, "another process", time.Hour); err != nil {
			return err
		}
		return whole(warehouse(0, 5))(ctx, f, to)
	}
	if run := b.refresh(t); run.State != "cancelled" {
		t.Errorf("run %+v", run)
	}
	if n := len(b.tables(t)); n != 0 {
		t.Errorf("%d tables published without the lease", n)
	}
}

// A run that never had the lease leaves alone what the lease's holder has written and not published yet.
func TestLeaseHoldersWorkStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	fence, err := b.store.Acquire(ctx, "refresh:"+b.id, "another process", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	row := store.TableRow{Key: catalog.PackPath("sales.orders"), Hash: []byte("hash"), Body: []byte("body")}
	if err := b.store.PutTables(ctx, b.id, 1, fence, []store.TableRow{row}); err != nil {
		t.Fatal(err)
	}
	b.read = whole(warehouse(0, 5))
	run := b.refresh(t)
	if run.State != "cancelled" {
		t.Fatalf("run %+v", run)
	}
	if err := b.store.PublishCatalog(ctx, b.id, 1, fence, run, store.CatalogState{Tables: 1, Read: run.Finished}, nil, nil); err != nil {
		t.Fatal(err)
	}
	var paths []string
	if err := b.store.TablesEach(ctx, b.id, func(path string, _ []byte) error {
		paths = append(paths, path)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(paths) != 1 || paths[0] != "sales.orders" {
		t.Errorf("the holder published sales.orders, of which %q is left", paths)
	}
}

func (b *bench) runs(t *testing.T, id string) []store.Run {
	t.Helper()
	runs, err := b.store.Runs(t.Context(), id, 100, "")
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// What was missed is made up once, whatever the gap; two runners on one store make one run; the jitter stays (P67).
func TestSchedule(t *testing.T) {
	t.Parallel()
	daily := schedule.Spec{Kind: schedule.Daily, At: "04:00", TimeZone: "Europe/Berlin"}
	for _, c := range []struct {
		name string
		gap  time.Duration
		want int
	}{
		{"a minute", time.Minute, 0},
		{"a day", 24 * time.Hour, 1},
		{"sixty days", 60 * 24 * time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.read = whole(warehouse(0, 3))
			id := b.connection(t, "daily", daily)
			b.pass(c.gap)
			other := b.runner(0)
			defer other.Stop(context.Background())
			wake(t, b.Runner)
			wake(t, other)
			wake(t, b.Runner)
			runs := b.runs(t, id)
			if len(runs) != c.want {
				t.Fatalf("%d runs, want %d", len(runs), c.want)
			}
			con, err := b.store.Connection(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if next, _ := daily.Next(b.clock(), con.ScheduleAnchor); !con.NextRefresh.Equal(next) {
				t.Errorf("next is %s, want %s", con.NextRefresh, next)
			}
			if c.want == 1 && runs[0].Trigger != "schedule" {
				t.Errorf("run %+v", runs[0])
			}
		})
	}
}

// wake lets a real scheduler wake the runner once, and waits for what it starts.
func wake(t *testing.T, r *refresh.Runner) {
	t.Helper()
	woken := make(chan struct{}, 1)
	s, err := gocron.NewScheduler(gocron.WithGlobalJobOptions(gocron.WithEventListeners(
		gocron.AfterJobRuns(func(_ uuid.UUID, _ string) {
			select {
			case woken <- struct{}{}:
			default:
			}
		}))))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Schedule(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	s.Start()
	<-woken
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
}

func TestScheduleWaitsForItsJitter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(nil)
	hourly := schedule.Spec{Kind: schedule.Hourly, EveryHours: 5}
	id := b.connection(t, "hourly", hourly)
	late := schedule.Jitter(id, 5*time.Hour)
	b.pass(5*time.Hour + late - time.Millisecond)
	wake(t, b.Runner)
	if n := len(b.runs(t, id)); n != 0 {
		t.Fatalf("%d runs before the jitter has passed", n)
	}
	b.pass(time.Millisecond)
	wake(t, b.Runner)
	if n := len(b.runs(t, id)); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
	rows, err := b.store.AuditRows(t.Context(), store.AuditFilter{Action: "connection.refresh", Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].Actor != "Schedule" {
		t.Errorf("audit %+v, %v", rows, err)
	}
}
