package refresh_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
)

// While tables wait in their packed form to be written, what the source reported of them is not in memory any more: of 100,000 tables it
// would be most of it (SPEC section 12: 200 MB).
func TestWhatWaitsKeepsNoTableInMemory(t *testing.T) {
	t.Parallel()
	const reported, most = 4000, 1000 // the queues between the stages hold some hundreds
	b := newBench(t)
	left := int64(-1)
	b.set(func(ctx context.Context, _ catalog.Filter, to catalog.Sink) error {
		var alive atomic.Int64
		for i := range reported {
			table := catalogtest.Table(i, 5)
			alive.Add(1)
			runtime.SetFinalizer(&table.Columns[0], func(*catalog.Column) { alive.Add(-1) })
			if err := to.Table(table); err != nil {
				return err
			}
		}
		for until := time.Now().Add(time.Minute); alive.Load() > most && time.Now().Before(until) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			runtime.GC()
		}
		left = alive.Load()
		return to.Done(nil)
	})
	b.succeed(t, reported, 0, 0)
	if left > most {
		t.Errorf("%d of %d tables are still in memory after they were packed", left, reported)
	}
}
