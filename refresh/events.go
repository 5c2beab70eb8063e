package refresh

import (
	"context"
	"time"

	"patchbay/store"
)

// An Event says how far a run is, or, when its state is a last one, how it ended.
type Event struct {
	Run     store.Run
	Known   int64 // tables known from last time; 0 at the first reading
	Elapsed time.Duration

	Failures int64 // of a run that failed: how many that makes since one succeeded
}

// How often progress is told: to subscribers, and to the store, whose readers are other requests.
const (
	tellEvery = 200 * time.Millisecond
	saveEvery = 2 * time.Second
)

// Subscribe tells of every run of a connection. Who is slow misses what is outdated, never the last event. The function ends it.
func (r *Runner) Subscribe(connectionID string) (<-chan Event, func()) {
	events := make(chan Event, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.subscribers[connectionID] == nil {
		r.subscribers[connectionID] = map[chan Event]bool{}
	}
	r.subscribers[connectionID][events] = true
	return events, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(r.subscribers[connectionID], events); len(r.subscribers[connectionID]) == 0 {
			delete(r.subscribers, connectionID)
		}
	}
}

// change changes a run and tells its subscribers.
func (r *Runner) change(j *job, how func(*store.Run)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how(&j.run)
	r.tell(j)
}

// tell is called with mu held. The channels hold one event: a newer one takes its place.
func (r *Runner) tell(j *job) {
	e := Event{Run: j.run, Known: j.known, Failures: j.failures}
	if !j.run.Started.IsZero() {
		e.Elapsed = r.options.Now().Sub(j.run.Started)
	}
	for events := range r.subscribers[j.run.ConnectionID] {
		select {
		case <-events:
		default:
		}
		events <- e
	}
}

// enter begins a phase.
func (r *Runner) enter(j *job, phase string) {
	r.change(j, func(run *store.Run) { run.Phase = phase })
}

// counted notes that so many tables were read, and tells of it now and then.
func (r *Runner) counted(ctx context.Context, j *job, read int64) error {
	r.mu.Lock()
	j.run.Read = read
	run := j.run
	now := time.Now()
	if now.Sub(j.told) >= tellEvery {
		j.told = now
		r.tell(j)
	}
	r.mu.Unlock()
	if now.Sub(j.saved) < saveEvery {
		return nil
	}
	j.saved = now
	return r.options.Store.Maintain(ctx, func(tx *store.Tx) error { return tx.UpdateRun(run) })
}
