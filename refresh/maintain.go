package refresh

import (
	"context"
	"fmt"
	"time"

	"github.com/go-co-op/gocron/v2"
)

// What the daily round leaves.
const (
	maintainEvery  = 24 * time.Hour
	keptRuns       = 20                  // of each connection, however old
	tombstonesKept = 30 * 24 * time.Hour // for a table that comes back to be as it was
)

// Maintain lets the scheduler begin a round now and each day: old runs go, tables that were removed long ago are forgotten for
// good, and what is left of deleted connections is swept.
func (r *Runner) Maintain(ctx context.Context, s gocron.Scheduler) error {
	_, err := s.NewJob(gocron.DurationJob(maintainEvery), gocron.NewTask(r.Tidy), gocron.WithName("tidy up after refreshes"),
		gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()), gocron.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("schedule the daily round: %w", err)
	}
	return nil
}

// Tidy is one round. What fails is tried again by the next.
func (r *Runner) Tidy(ctx context.Context) {
	now := r.options.Now()
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"sweep deleted connections", func() error { return r.options.Store.SweepDeleted(ctx) }},
		{"forget old runs", func() error { return r.options.Store.PruneRuns(ctx, now.Add(-r.options.History), keptRuns) }},
		{"forget removed tables", func() error { return r.options.Store.PurgeTombstones(ctx, now.Add(-tombstonesKept), r.options.Purge) }},
	} {
		if err := part.do(); err != nil && ctx.Err() == nil {
			r.options.Log.Error("the daily round could not "+part.name, "error", err)
		}
	}
}
