package refresh

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/store"
)

// A reading is three stages that work at once: the source reports, the comparison tells what differs, and that is packed in batches
// and written when much of it waits. Between them stand short queues, so that whichever is slowest holds back the others and no more than
// a few hundred tables are in memory.
const (
	reportQueue = 256
	batchQueue  = 2
)

// A report is one call of the sink.
type report struct {
	table catalog.Table
	scope catalog.Path
	why   error
	is    reportKind
}

type reportKind byte

const (
	isTable reportKind = iota
	isDone
	isSkipped
)

// read reads the whole catalog and writes what differs, unpublished, or leaves it to writeHeld.
func (a *apply) read(ctx context.Context, src connectors.Source, f catalog.Filter) error {
	g, ctx := errgroup.WithContext(ctx)
	reports := make(chan report, reportQueue)
	batches := make(chan []catalog.Difference, batchQueue)
	g.Go(func() error {
		defer close(reports)
		return caught(a.options.Log, func() error { return src.ReadCatalog(ctx, f, pipe{ctx, reports}) })
	})
	g.Go(func() error {
		defer close(batches)
		return caught(a.options.Log, func() error { return a.compare(ctx, reports, batches) })
	})
	g.Go(func() error {
		return caught(a.options.Log, func() error { return a.write(ctx, batches) })
	})
	return g.Wait()
}

// A pipe is the sink that the source sees. It hands on and forgets.
type pipe struct {
	ctx context.Context
	to  chan<- report
}

func (p pipe) Table(t catalog.Table) error { return p.send(report{is: isTable, table: t}) }

func (p pipe) Done(scope catalog.Path) error { return p.send(report{is: isDone, scope: scope}) }

func (p pipe) Skipped(scope catalog.Path, why error) error {
	return p.send(report{is: isSkipped, scope: scope, why: why})
}

func (p pipe) send(r report) error {
	select {
	case p.to <- r:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// compare tells what differs, in batches.
func (a *apply) compare(ctx context.Context, reports <-chan report, batches chan<- []catalog.Difference) error {
	var found []catalog.Difference
	sink := a.diff.Into(a.builder.Add, func(d catalog.Difference) error {
		found = append(found, d)
		return nil
	})
	flush := func(least int) error {
		for len(found) >= least {
			n := min(len(found), store.MaxBatch)
			select {
			case batches <- found[:n:n]:
				found = found[n:]
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	for r := range reports { // who waits here, or to hand on a batch, has no slot
		if err := a.working(ctx, func() error { return a.takeAll(ctx, sink, r, reports) }); err != nil {
			return err
		}
		if err := flush(store.MaxBatch); err != nil {
			return err
		}
	}
	return flush(1)
}

// takeAll takes a report and those that wait behind it.
func (a *apply) takeAll(ctx context.Context, sink catalog.Sink, r report, reports <-chan report) error {
	for range reportQueue {
		if err := a.take(ctx, sink, r); err != nil {
			return err
		}
		a.comparing.give()
		select {
		case next, open := <-reports:
			if !open {
				return nil
			}
			r = next
		default:
			return nil
		}
	}
	return a.take(ctx, sink, r)
}

func (a *apply) take(ctx context.Context, sink catalog.Sink, r report) error {
	switch r.is {
	case isDone:
		return sink.Done(r.scope)
	case isSkipped:
		return sink.Skipped(r.scope, r.why)
	}
	a.tables++
	if err := a.counted(ctx, a.job, a.tables); err != nil {
		return err
	}
	return sink.Table(r.table)
}

// write packs what differs, and writes when too much of it waits.
func (a *apply) write(ctx context.Context, batches <-chan []catalog.Difference) error {
	for batch := range batches {
		if err := a.working(ctx, func() error { return a.hold(ctx, batch) }); err != nil {
			return err
		}
		if a.heldSize < a.options.Held {
			continue
		}
		if err := a.writeHeld(ctx); err != nil {
			return err
		}
	}
	return nil
}

// caught is do with a panic made an error, so that a fault in one run ends that run only (P68).
func caught(log *slog.Logger, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("a refresh panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in refresh: %v", p)
		}
	}()
	return do()
}
