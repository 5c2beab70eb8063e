package refresh_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
)

// generated reports a made-up warehouse as fast as it can be made. Every so many tables one has another comment; 0: none has.
func generated(tables, every int) func(context.Context, catalog.Filter, catalog.Sink) error {
	return func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
		for i := range tables {
			table := catalogtest.Table(i, 10)
			if every > 0 && i%every == 0 {
				table.Comment += "!"
			}
			if err := to.Table(table); err != nil {
				return err
			}
		}
		return to.Done(nil)
	}
}

// BenchmarkRefresh runs the first refresh, one that finds nothing, and one that finds 1 % changed, and tells the time of each,
// of the first one's phases, what a column takes on disk, and the most memory in use beyond what a shard takes.
func BenchmarkRefresh(b *testing.B) {
	for _, tables := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(tables), func(b *testing.B) {
			for b.Loop() {
				benchmarkRefresh(b, tables)
			}
		})
	}
}

func benchmarkRefresh(b *testing.B, tables int) {
	start := time.Now()
	source := generated(tables, 0)
	if err := source(b.Context(), catalog.Filter{}, ignore{}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(start).Seconds(), "source-s")

	bench := newBench(b)
	peak := watchHeap()
	phases := bench.watchPhases()
	bench.read = source
	start = time.Now()
	bench.succeed(b, int64(tables), 0, 0)
	b.ReportMetric(time.Since(start).Seconds(), "first-s")
	for phase, took := range phases() {
		b.ReportMetric(took.Seconds(), phase+"-s")
	}
	b.ReportMetric(float64(peak())/1e6, "peak-MB")
	b.ReportMetric(float64(bench.fileSize(b))/float64(tables*10), "stored-B/column")

	start = time.Now()
	bench.succeed(b, 0, 0, 0)
	b.ReportMetric(time.Since(start).Seconds(), "same-s")
	bench.read = generated(tables, 100)
	start = time.Now()
	bench.succeed(b, 0, 0, int64(tables/100))
	b.ReportMetric(time.Since(start).Seconds(), "1%-s")
}

type ignore struct{}

func (ignore) Table(catalog.Table) error         { return nil }
func (ignore) Done(catalog.Path) error           { return nil }
func (ignore) Skipped(catalog.Path, error) error { return nil }

// fileSize is the size of the store after its log was folded in.
func (b *bench) fileSize(t testing.TB) int64 {
	t.Helper()
	if _, err := b.rawWrite(t, `pragma wal_checkpoint(truncate)`); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(b.dir, "patchbay.db"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// watchHeap samples how much more of the heap is in use than now, until the function that it returns is called.
func watchHeap() (peak func() uint64) {
	var mu sync.Mutex
	var most uint64
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	base := heap()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				mu.Lock()
				most = max(most, heap())
				mu.Unlock()
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return most - min(base, most)
	}
}

// watchPhases tells how long each phase of the next run lasts.
func (b *bench) watchPhases() (took func() map[string]time.Duration) {
	events, stop := b.Subscribe(b.id)
	durations := map[string]time.Duration{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		phase, since := "", time.Now()
		for e := range events {
			if e.Run.Phase == phase {
				continue
			}
			if phase != "" {
				durations[phase] += time.Since(since)
			}
			if phase, since = e.Run.Phase, time.Now(); phase == "" {
				return
			}
		}
	}()
	return func() map[string]time.Duration {
		<-done
		stop()
		return durations
	}
}
