package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"patchbay/connectors"
	"patchbay/store"
)

// How long a lease holds, and how often it is renewed while a run is under way.
const (
	leaseLasts = time.Minute
	leaseRenew = 20 * time.Second
)

// finishTime is for writing down how a run ended, whatever ended it.
const finishTime = 10 * time.Second

// perTurn is how many runs at once speak with one destination.
const perTurn = 2

// perform waits for its turn, runs the job and writes down how it ended.
func (r *Runner) perform(ctx context.Context, j *job) {
	defer j.cancel(nil)
	err := r.inTurn(ctx, j)
	if ended := context.Cause(ctx); err != nil && ended != nil {
		err = ended // the error is only what followed from it
	}
	r.finish(j, err)
	close(j.done)
	if j.sweep {
		if err := r.options.Store.SweepCatalog(ctx, j.run.ConnectionID); err != nil && ctx.Err() == nil {
			r.options.Log.Warn("cannot sweep old versions; the next change will", "connection", j.run.ConnectionID, "error", err)
		}
	}
	if j.outdated != "" {
		if err := r.options.Store.SweepMissing(ctx, j.outdated); err != nil && ctx.Err() == nil {
			r.options.Log.Warn("what an older run missed stays listed until that run goes", "connection", j.run.ConnectionID, "error", err)
		}
	}
}

// inTurn runs the job when its destination is not busy with others. Nothing else is waited for: a source that hangs keeps back
// only those of the same destination.
func (r *Runner) inTurn(ctx context.Context, j *job) error {
	c, err := r.options.Store.Connection(ctx, j.run.ConnectionID)
	if err != nil {
		return fmt.Errorf("read connection: %w", err)
	}
	if c.Destination != "" {
		turn, _ := r.turns.LoadOrStore(c.Destination, make(chan struct{}, perTurn))
		turns := turn.(chan struct{})
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.change(j, func(run *store.Run) {
		run.State, run.Started, run.Phase = stateRunning, r.options.Now(), phaseConnecting
	})
	ctx, cancel := context.WithTimeoutCause(ctx, r.options.Deadline, r.tooLong())
	defer cancel()
	err = r.leased(ctx, j)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}

// working does what keeps a core busy when a slot for that is free. do must not wait for a source.
func (r *Runner) working(ctx context.Context, do func() error) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Runner) tooLong() error {
	return &connectors.Error{Cause: connectors.CauseTimeout, Op: "refresh", Message: fmt.Sprintf("not done after %s", r.options.Deadline),
		Hint: "Narrow the schema filter, or ask why the server is slow. The catalog is as it was before"}
}

func leaseOf(connectionID string) string { return "refresh:" + connectionID }

// leased runs the job while it holds the connection's lease. Whoever loses the lease stops.
func (r *Runner) leased(ctx context.Context, j *job) error {
	begun, _ := r.Progress(j.run.ID)
	fence, err := r.options.Store.AcquireWith(ctx, leaseOf(begun.ConnectionID), r.options.Holder, leaseLasts, func(tx *store.Tx) error { return tx.UpdateRun(begun) })
	if err != nil {
		return fmt.Errorf("take lease: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
		defer cancel()
		if err := r.options.Store.Release(ctx, fence); err != nil {
			r.options.Log.Warn("cannot give a lease back; it runs out by itself", "lease", fence.Name, "error", err)
		}
	}()
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	stop := r.renewing(ctx, fence, lose)
	defer stop()
	err = caught(r.options.Log, func() error { return r.refresh(ctx, j, fence) })
	if err != nil && errors.Is(context.Cause(ctx), store.ErrReplaced) {
		return store.ErrReplaced
	}
	return err
}

// renewing keeps the lease until it is stopped.
func (r *Runner) renewing(ctx context.Context, fence store.Fence, lose context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(leaseRenew)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := r.options.Store.Renew(ctx, fence, leaseLasts); errors.Is(err, store.ErrReplaced) {
					lose(err)
					return
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// refresh is one whole run.
func (r *Runner) refresh(ctx context.Context, j *job, fence store.Fence) error {
	c, err := r.options.Store.Connection(ctx, j.run.ConnectionID)
	if err != nil {
		return fmt.Errorf("read connection: %w", err)
	}
	src, err := r.options.Open(ctx, &c)
	if err != nil {
		return err
	}
	defer func() {
		if err := src.Close(); err != nil {
			r.options.Log.Warn("close a source", "connection", c.ID, "error", err)
		}
	}()
	server, err := src.Server(ctx)
	if err != nil {
		return err
	}
	j.answered = true
	if err := r.rememberServer(ctx, c, server); err != nil {
		return err
	}
	c.Filter.Names = server.Names
	a, err := r.begin(ctx, j, c, fence)
	if err != nil {
		return err
	}
	r.enter(j, phaseReading)
	if err := a.read(ctx, src, c.Filter); err != nil {
		return err
	}
	r.enter(j, phaseApplying)
	err = a.publish(ctx)
	if err == nil && c.Failures > 0 {
		r.late.Store(true)
	}
	return err
}

func (r *Runner) rememberServer(ctx context.Context, c store.Connection, server connectors.Server) error {
	if server.Product == c.ServerProduct && server.Version == c.ServerVersion && server.Names == c.Filter.Names {
		return nil
	}
	err := r.options.Store.Maintain(ctx, func(tx *store.Tx) error { return tx.SetServer(c.ID, server.Product, server.Version, server.Names) })
	if err != nil {
		return fmt.Errorf("remember server: %w", err)
	}
	return nil
}

// finish writes down why a run broke, takes back what it wrote, and tells the subscribers how it ended.
func (r *Runner) finish(j *job, err error) {
	run := j.run // nobody else changes it any more
	var failures int64
	if err != nil {
		f := failureOf(err, j.answered)
		run.State, run.Cause, run.Error, run.Hint, run.Finished = f.state, f.cause, f.words, f.hint, r.options.Now()
		if f.doubt != nil {
			run.Missing = int64(len(f.doubt.gone))
		}
		if !errors.Is(err, errForgotten) {
			failures = r.writeFailure(run, f, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	j.run, j.failures = run, failures
	if r.jobs[run.ConnectionID] == j {
		delete(r.jobs, run.ConnectionID)
	}
	r.tell(j)
}

// writeFailure writes down how a run broke, and returns how many have failed in a row.
func (r *Runner) writeFailure(run store.Run, f failure, err error) (failures int64) {
	ctx, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	log := r.options.Log.With("connection", run.ConnectionID, "run", run.ID)
	if f.state == stateFailed {
		log.Warn("refresh failed", "error", err)
	}
	write := r.options.Store.Maintain(ctx, func(tx *store.Tx) (err error) {
		if f.doubt != nil {
			return tx.KeepDoubt(run, store.StaleScope{Reason: f.words, Since: run.Finished})
		}
		if f.reach != "" {
			if err := tx.SetReach(run.ConnectionID, f.reach, f.cause, f.words, run.Finished); err != nil {
				return err
			}
		}
		if f.state == stateFailed {
			if failures, err = tx.CountFailure(run.ConnectionID); err != nil {
				return err
			}
		}
		if f.state == stateInterrupted && makesUp(run) {
			if err := tx.SetNextRefresh(run.ConnectionID, run.Finished); err != nil {
				return err
			}
		}
		return tx.UpdateRun(run)
	})
	if write = errors.Join(write, r.takeBack(ctx, run.ConnectionID)); write != nil && !errors.Is(write, store.ErrNotFound) { // not found: deleted meanwhile
		log.Error("cannot write down how a refresh ended", "error", write)
	}
	return failures
}

// missing are the tables that a reading would have removed, by name, as many as are listed.
func missing(keys []string) []store.Change {
	var changes []store.Change
	for _, path := range paths(keys[:min(len(keys), maxListed)]) {
		changes = append(changes, store.Change{Change: "missing", Path: path})
	}
	return changes
}

// takeBack drops what a run that broke off has written, under the lease. Where another has it, what is unpublished is that one's
// work, and it has dropped what this run left.
func (r *Runner) takeBack(ctx context.Context, connectionID string) error {
	fence, err := r.options.Store.Acquire(ctx, leaseOf(connectionID), r.options.Holder, leaseLasts)
	if errors.Is(err, store.ErrLeaseHeld) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take lease: %w", err)
	}
	if err := r.options.Store.DropUnpublished(ctx, connectionID, fence); err != nil {
		return fmt.Errorf("take back what was written: %w", err)
	}
	return r.options.Store.Release(ctx, fence)
}
