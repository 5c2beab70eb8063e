package refresh_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
	"patchbay/refresh"
)

// However many sources report at once, no more of them are worked on than two for each core.
func TestSourcesShareTheCores(t *testing.T) {
	t.Parallel()
	limit := int64(2 * runtime.GOMAXPROCS(0))
	var inside, most, entered atomic.Int64
	b := newBench(t)
	o := b.options(0)
	o.Waiting = func() int64 { // asked by what works, between two steps
		entered.Add(1)
		now := inside.Add(1)
		defer inside.Add(-1)
		for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
		}
		for until := time.Now().Add(300 * time.Millisecond); inside.Load() <= limit && time.Now().Before(until); {
			time.Sleep(time.Millisecond) // so that others come too, if they may
		}
		return 0
	}
	b.Stop(t.Context())
	b.Runner = refresh.NewRunner(o)
	b.read = func(ctx context.Context, _ catalog.Filter, to catalog.Sink) error {
		for i := 0; ctx.Err() == nil; i++ {
			if err := to.Table(catalogtest.Table(i, 5)); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	for i := range 4 * limit {
		if _, err := b.Start(t.Context(), b.connection(t, fmt.Sprint("source ", i), offSchedule), "manual", ""); err != nil {
			t.Fatal(err)
		}
	}
	b.until(t, func() bool { return entered.Load() >= 3*limit })
	if n := most.Load(); n > limit {
		t.Errorf("%d were worked on at once, want %d at most", n, limit)
	}
}
