package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-co-op/gocron/v2"

	"patchbay/schedule"
	"patchbay/store"
)

// wakeEvery is how often it is asked what is due.
const wakeEvery = 20 * time.Second

// Schedule lets the scheduler wake the runner, which starts what is due. The scheduler remembers nothing: what is due is in the
// store, so that a restart, or a clock that jumped, makes up for one missed run and no more (P67).
func (r *Runner) Schedule(ctx context.Context, s gocron.Scheduler) error {
	_, err := s.NewJob(gocron.DurationJob(wakeEvery), gocron.NewTask(r.startDue), gocron.WithName("refresh what is due"),
		gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()), gocron.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("schedule refreshes: %w", err)
	}
	return nil
}

// startDue starts the refresh of every connection that is due.
func (r *Runner) startDue(ctx context.Context) {
	now := r.options.Now()
	due, err := r.options.Store.DueConnections(ctx, now)
	if err != nil {
		r.options.Log.Error("cannot ask what is due", "error", err)
		return
	}
	for _, c := range due {
		if now.Before(c.NextRefresh.Add(jitter(c))) {
			continue
		}
		if err := r.startScheduled(ctx, c, now); err != nil && !errors.Is(err, ErrStopped) {
			r.options.Log.Error("cannot start a scheduled refresh", "connection", c.ID, "error", err)
		}
	}
}

// jitter is how much after its time a connection's refresh starts, so that those of one time do not all start at once.
func jitter(c store.Connection) time.Duration {
	after, ok := c.Schedule.Next(c.NextRefresh, c.ScheduleAnchor)
	if !ok {
		return 0
	}
	return schedule.Jitter(c.ID, after.Sub(c.NextRefresh))
}

// After FailuresToPause refreshes that failed in a row, the schedule only probes: first an hour apart at the least, then twice as
// long each time, up to a day. A refresh that anyone asks for is made at once, and one that succeeds ends it.
const (
	FailuresToPause = 5
	firstPause      = time.Hour
	longestPause    = 24 * time.Hour
)

// pause is the least time until the schedule tries again after so many failures in a row.
func pause(failures int64) time.Duration {
	if failures < FailuresToPause {
		return 0
	}
	return min(firstPause<<min(failures-FailuresToPause, 10), longestPause)
}

// startScheduled claims one due run and starts it. However many were missed, one is made up. Of several processes on one store
// the first that moves the time on has the run.
func (r *Runner) startScheduled(ctx context.Context, c store.Connection, now time.Time) error {
	next, on := c.Schedule.Next(now.Add(pause(c.Failures)), c.ScheduleAnchor)
	claimed := false
	err := r.options.Store.Maintain(ctx, func(tx *store.Tx) error {
		fresh, err := tx.Connection(c.ID)
		if claimed = err == nil && fresh.NextRefresh.Equal(c.NextRefresh); !claimed {
			return err
		}
		return tx.SetNextRefresh(c.ID, next)
	})
	if err != nil {
		return fmt.Errorf("claim due run: %w", err)
	}
	if !claimed || !on {
		return nil
	}
	run, err := r.Start(ctx, c.ID, "schedule", "")
	if err != nil {
		return err
	}
	entry := store.AuditEntry{Action: "connection.refresh", ObjectType: "connection", ObjectID: c.ID, ObjectName: c.Name,
		Detail: map[string]any{"run": run.ID, "trigger": "schedule"}}
	entry.Who.Name = "Schedule"
	if err := r.options.Store.Audit(ctx, entry); err != nil {
		return fmt.Errorf("audit scheduled refresh: %w", err)
	}
	return nil
}
