// Package refresh keeps catalogs as their sources are. A run takes the lease, opens the source, reads its catalog, compares it
// with what is stored, writes what differs under a generation that nobody sees yet, publishes that in one commit, and swaps the
// connection's search shard. A run that breaks changes nothing that people see and says why.
//
// Of a connection one run is under way at a time; asking again joins it. When runs start is decided by the store and
// schedule.Next; the scheduler only wakes. The package decides nothing about who may ask.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/schedule"
	"patchbay/store"
)

// Options are what a Runner needs from outside.
type Options struct {
	Store    *store.Store
	Open     func(ctx context.Context, c *store.Connection) (connectors.Source, error)
	Levels   func(connectorType string) []catalog.Level // outermost first; none for a type that is not known
	Now      func() time.Time
	Holder   string        // of leases: another text for every process
	Deadline time.Duration // of one run; 0 is 30 minutes
	Log      *slog.Logger

	Held    int                                      // how many bytes of packed tables wait to be written in their order; 0 is 16 MiB
	History time.Duration                            // how long runs are kept; 0 is 90 days
	Purge   func(*store.Tx, []store.Tombstone) error // forgets what else is kept of tables that are gone for good; may be nil
	Waiting func() int64                             // how many people wait for an answer just now: they go first; may be nil
}

const (
	defaultDeadline = 30 * time.Minute
	defaultHistory  = 90 * 24 * time.Hour
	defaultHeld     = 16 << 20
)

// The states of a run.
const (
	stateQueued      = "queued"
	stateRunning     = "running"
	stateSucceeded   = "succeeded"
	stateFailed      = "failed"
	stateCancelled   = "cancelled"
	stateInterrupted = "interrupted"
	stateNeedsLook   = "needs_look" // nothing was changed until someone decides
)

// The phases of a run under way.
const (
	phaseQueued     = "queued"
	phaseConnecting = "connecting"
	phaseReading    = "reading"
	phaseApplying   = "applying"
	phaseIndexing   = "indexing"
)

// ErrStopped says that the runner takes no new work.
var ErrStopped = errors.New("refreshes are stopped")

// Why a run ends before it is done.
var (
	errCancelled = errors.New("cancelled")
	errForgotten = errors.New("the connection is deleted")
)

// A Runner runs refreshes and holds the shards that they make. Its methods may be called from several goroutines.
type Runner struct {
	options Options
	slots   chan struct{} // for working, first come first served; who waits for a source has none
	turns   sync.Map      // destination -> chan struct{}: so many runs at once speak with one
	shards  shards
	life    context.Context // ends with Stop
	end     context.CancelCauseFunc
	work    sync.WaitGroup

	began time.Time   // when this runner was made, or went on after the machine slept; of startDue alone
	woken time.Time   // when it was last asked what is due; of startDue alone
	late  atomic.Bool // something may be due later than its schedule has it

	starting sync.Map     // connection -> *sync.Mutex: makes looking for a run and making one a single act
	living   sync.RWMutex // held while work begins, so that none does after Stop

	mu          sync.Mutex
	jobs        map[string]*job // by connection
	subscribers map[string]map[chan Event]bool
}

// NewRunner makes a runner. Load and Schedule make it begin by itself; Stop ends it.
func NewRunner(o Options) *Runner {
	if o.Deadline == 0 {
		o.Deadline = defaultDeadline
	}
	if o.History == 0 {
		o.History = defaultHistory
	}
	if o.Held == 0 {
		o.Held = defaultHeld
	}
	r := &Runner{options: o, slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), jobs: map[string]*job{},
		subscribers: map[string]map[chan Event]bool{}, began: schedule.Wall(o.Now())}
	r.late.Store(true) // the clock may have been another when the process before set it
	r.life, r.end = context.WithCancelCause(context.Background())
	return r
}

// A job is a run that is queued or under way. What others read of it is guarded by the runner's mu.
type job struct {
	run    store.Run
	known  int64 // tables known from last time
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when all is written

	told, saved time.Time // when progress was last told to subscribers, and to the store
	answered    bool      // the server said what it is
	sweep       bool      // old versions are left to be swept
	outdated    string    // the run that was to be decided on, where this one lists what is missing in its place
	anyway      bool      // someone looked: what is missing is to be removed, however much it is
	failures    int64     // that were in a row, when it ended
}

// Start begins a refresh, or joins the one that is under way. trigger is created, manual, schedule or api; by is the id of who
// asked, empty for the schedule.
func (r *Runner) Start(ctx context.Context, connectionID, trigger, by string) (store.Run, error) {
	defer r.only(connectionID)()
	if run, ok := r.underWay(connectionID); ok {
		return run, nil
	}
	if err := r.parted(ctx, connectionID); err != nil {
		return store.Run{}, err
	}
	return r.start(ctx, connectionID, trigger, by, false, r.create)
}

// ErrUnderWay says that a refresh runs already, which another must wait for.
var ErrUnderWay = errors.New("a refresh is under way")

// StartAnyway is Start for a refresh that removes what is missing, however much it is, since a person looked and wants that. It
// joins no other.
func (r *Runner) StartAnyway(ctx context.Context, connectionID, trigger, by string) (store.Run, error) {
	defer r.only(connectionID)()
	if _, ok := r.underWay(connectionID); ok {
		return store.Run{}, ErrUnderWay
	}
	if err := r.parted(ctx, connectionID); err != nil {
		return store.Run{}, err
	}
	return r.start(ctx, connectionID, trigger, by, true, r.create)
}

// only keeps others from starting a run of the connection until the function that it returns is called.
func (r *Runner) only(connectionID string) (end func()) {
	lock := r.lock(connectionID)
	lock.Lock()
	return lock.Unlock
}

func (r *Runner) lock(connectionID string) *sync.Mutex {
	lock, _ := r.starting.LoadOrStore(connectionID, &sync.Mutex{})
	return lock.(*sync.Mutex)
}

// at is the job of a connection, which may have been told as ended; nil where there is none.
func (r *Runner) at(connectionID string) *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jobs[connectionID]
}

// parted waits until a run that has published, and is told as ended, has closed its source and given the lease back too: another
// in its place would share its lease and lose it then.
func (r *Runner) parted(ctx context.Context, connectionID string) error {
	j := r.at(connectionID)
	if j == nil {
		return nil
	}
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the refresh before: %w", ctx.Err())
	}
}

// create keeps a new run.
func (r *Runner) create(ctx context.Context, run store.Run) error {
	return r.options.Store.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateRun(run) })
}

// start is called within only. create keeps the run; where it fails there is none.
func (r *Runner) start(ctx context.Context, connectionID, trigger, by string, anyway bool, create func(context.Context, store.Run) error) (store.Run, error) {
	r.living.RLock()
	defer r.living.RUnlock()
	if r.life.Err() != nil {
		return store.Run{}, ErrStopped
	}
	id, err := uuid.NewV7()
	if err != nil {
		return store.Run{}, fmt.Errorf("make id: %w", err)
	}
	run := store.Run{ID: id.String(), ConnectionID: connectionID, Trigger: trigger, StartedBy: by, State: stateQueued, Phase: phaseQueued, Queued: r.options.Now()}
	if err := create(ctx, run); err != nil {
		return store.Run{}, fmt.Errorf("create run: %w", err)
	}
	j := &job{run: run, anyway: anyway, saved: time.Now(), done: make(chan struct{})}
	var life context.Context
	life, j.cancel = context.WithCancelCause(r.life)
	r.mu.Lock()
	r.jobs[connectionID] = j
	r.mu.Unlock()
	r.work.Go(func() { r.perform(life, j) })
	return run, nil
}

func (r *Runner) underWay(connectionID string) (store.Run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j := r.jobs[connectionID]; j != nil && j.run.Finished.IsZero() {
		return j.run, true
	}
	return store.Run{}, false
}

// cancelPatience is how long Cancel waits to see its run end.
const cancelPatience = 3 * time.Second

// Cancel ends a run and waits a moment for it to be written as cancelled. A run that has ended already is left as it is.
func (r *Runner) Cancel(runID string) error {
	j := r.job(runID)
	if j == nil {
		return nil
	}
	j.cancel(errCancelled)
	select {
	case <-j.done:
	case <-time.After(cancelPatience):
	}
	return nil
}

// Wait waits until a run has ended and everything about it is written. A run that is not under way has ended.
func (r *Runner) Wait(ctx context.Context, runID string) error {
	j := r.job(runID)
	if j == nil {
		return nil
	}
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Progress is a run under way as it is now, which the store learns only every few seconds.
func (r *Runner) Progress(runID string) (store.Run, bool) {
	j := r.job(runID)
	if j == nil {
		return store.Run{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return j.run, true
}

func (r *Runner) job(runID string) *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.jobs {
		if j.run.ID == runID {
			return j
		}
	}
	return nil
}

// Forget ends the run of a connection that was deleted, drops its shard, and begins to sweep what is left of it.
func (r *Runner) Forget(connectionID string) {
	j := r.at(connectionID)
	if j != nil {
		j.cancel(errForgotten)
	}
	r.shards.drop(connectionID)
	r.living.RLock()
	defer r.living.RUnlock()
	if r.life.Err() != nil {
		return
	}
	r.work.Go(func() {
		if err := r.options.Store.SweepDeleted(r.life); err != nil && r.life.Err() == nil {
			r.options.Log.Warn("cannot sweep a deleted connection; the daily round will", "connection", connectionID, "error", err)
		}
	})
}

// Stop takes no new work, ends what is under way as interrupted, and waits for that until ctx ends.
func (r *Runner) Stop(ctx context.Context) {
	r.living.Lock()
	r.end(ErrStopped)
	r.living.Unlock()
	done := make(chan struct{})
	go func() {
		r.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
