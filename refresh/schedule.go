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

// wakeEvery is how often it is asked what is due. Where it was not asked for longer than asleep, the machine slept.
const (
	wakeEvery = 20 * time.Second
	asleep    = 2 * time.Minute
)

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

// startDue starts the refresh of every connection that is due. It is called by one goroutine at a time.
func (r *Runner) startDue(ctx context.Context) {
	now := schedule.Wall(r.options.Now())
	if now.Before(r.began) || r.slept(now) { // the clock was ahead when this process started
		r.began = now
	}
	if r.late.Swap(false) || now.Before(r.woken) {
		r.bringBack(ctx, now)
	}
	defer func() { r.woken = schedule.Wall(r.options.Now()) }()
	due, err := r.options.Store.DueConnections(ctx, now)
	if err != nil {
		r.options.Log.Error("cannot ask what is due", "error", err)
		return
	}
	for _, c := range due {
		if now.Before(c.Schedule.Begins(c.ID, c.NextRefresh, c.ScheduleAnchor, r.began)) {
			continue
		}
		switch err := r.startScheduled(ctx, c, now); {
		case errors.Is(err, ErrStopped):
			return
		case err != nil:
			r.options.Log.Error("cannot start a scheduled refresh", "connection", c.ID, "error", err)
		}
	}
}

// slept says whether the machine slept until now, and what it missed is to be spread. While the time before is still being made up
// for it is not, so that a machine that sleeps again and again gets to its refreshes.
func (r *Runner) slept(now time.Time) bool {
	return !r.woken.IsZero() && now.Sub(r.woken) > asleep && r.woken.Sub(r.began) > schedule.Window(24*time.Hour)
}

// bringBack brings back what is due later than the schedule has it: a clock was ahead for a while, or the pause after failures is
// over.
func (r *Runner) bringBack(ctx context.Context, now time.Time) {
	all, err := r.options.Store.Connections(ctx)
	if err != nil {
		r.options.Log.Error("cannot look for what is due too late", "error", err)
		r.late.Store(true)
		return
	}
	for _, c := range all {
		next, on := c.Schedule.Next(now.Add(pause(c.Failures)), c.ScheduleAnchor)
		if !on || !c.NextRefresh.After(next) {
			continue
		}
		if last, err := r.options.Store.Runs(ctx, c.ID, 1, ""); err == nil && len(last) > 0 && last[0].Trigger == "schedule" &&
			!last[0].Queued.Before(next) && last[0].Queued.Sub(now) < time.Hour {
			continue // it ran at that time: the clock went back a little
		}
		err := r.options.Store.Maintain(ctx, func(tx *store.Tx) error {
			if fresh, err := tx.Connection(c.ID); err != nil || !fresh.NextRefresh.Equal(c.NextRefresh) {
				return err
			}
			return tx.SetNextRefresh(c.ID, next)
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			r.options.Log.Error("cannot bring back a scheduled refresh", "connection", c.ID, "error", err)
			r.late.Store(true)
		}
	}
}

// NextRuns are the times of a connection's next n scheduled refreshes, without their jitter. The first is kept with the connection:
// after failures it is later than the schedule alone would have it. Of a draft they are those that it would have.
func NextRuns(c store.Connection, now time.Time, n int) []time.Time {
	if c.NextRefresh.IsZero() {
		return c.Schedule.Preview(now, c.ScheduleAnchor, n)
	}
	return append([]time.Time{c.NextRefresh}, c.Schedule.Preview(c.NextRefresh, c.ScheduleAnchor, n-1)...)
}

// After FailuresToPause refreshes that failed in a row, the schedule only probes: first an hour apart at the least, then twice as
// long each time, up to nearly a day, so that a daily refresh is tried on each day all the same. A refresh that anyone asks for is
// made at once, and one that succeeds ends it.
const (
	FailuresToPause = 5
	firstPause      = time.Hour
	longestPause    = 22 * time.Hour // no day is shorter than 23 hours, and no refresh starts more than 10 minutes late
)

// pause is the least time until the schedule tries again after so many failures in a row.
func pause(failures int64) time.Duration {
	if failures < FailuresToPause {
		return 0
	}
	return min(firstPause<<min(failures-FailuresToPause, 10), longestPause)
}

// errNotDue says that another process has the run.
var errNotDue = errors.New("not due any more")

// startScheduled claims one due run and starts it, both in one transaction, so that no run is lost between. However many were
// missed, one is made up. Of several processes on one store the first that moves the time on has the run. It waits for no other run:
// where one is being started, is under way or still closes its source, this one is for a later round.
func (r *Runner) startScheduled(ctx context.Context, c store.Connection, now time.Time) error {
	lock := r.lock(c.ID)
	if !lock.TryLock() {
		return nil
	}
	defer lock.Unlock()
	if r.at(c.ID) != nil {
		return nil // that run may be as good, or break
	}
	claim := func(tx *store.Tx) error {
		fresh, err := tx.Connection(c.ID)
		if err != nil {
			return err
		}
		if !fresh.NextRefresh.Equal(c.NextRefresh) {
			return errNotDue
		}
		next, _ := fresh.Schedule.Next(now.Add(pause(fresh.Failures)), fresh.ScheduleAnchor)
		return tx.SetNextRefresh(c.ID, next)
	}
	state, err := r.options.Store.CatalogState(ctx, c.ID)
	if err != nil {
		return err
	}
	if state.Read.After(c.NextRefresh) && !state.Read.After(now) { // it was read since it was due
		err = r.options.Store.Maintain(ctx, claim)
	} else {
		_, err = r.start(ctx, c.ID, "schedule", "", false, func(ctx context.Context, run store.Run) error {
			entry := store.AuditEntry{Action: "connection.refresh", ObjectType: "connection", ObjectID: c.ID, ObjectName: c.Name,
				Detail: map[string]any{"run": run.ID, "trigger": "schedule"}}
			entry.Who.Name = "Schedule"
			return r.options.Store.Update(ctx, entry, func(tx *store.Tx) error {
				if err := claim(tx); err != nil {
					return err
				}
				return tx.CreateRun(run)
			})
		})
	}
	if errors.Is(err, errNotDue) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// makesUp says whether a run that was interrupted is made up for: what nobody asked for, nobody asks for again.
func makesUp(run store.Run) bool { return run.Trigger == "schedule" || run.Trigger == "created" }
