package notebook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-co-op/gocron/v2"

	"patchbay/access"
	"patchbay/schedule"
	"patchbay/store"
)

// wakeEvery is how often it is asked what is due.
const wakeEvery = 20 * time.Second

// errNotDue says that another process has the run.
var errNotDue = errors.New("not due any more")

// Schedule lets the scheduler wake the runner, which starts what is due. What is due is in the store, so that a restart makes up for
// one missed run and no more.
func (r *ProjectRunner) Schedule(ctx context.Context, s gocron.Scheduler) error {
	_, err := s.NewJob(gocron.DurationJob(wakeEvery), gocron.NewTask(r.wake), gocron.WithName("run the projects that are due"),
		gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()), gocron.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("schedule projects: %w", err)
	}
	return nil
}

// wake ends what a process that is gone has left, and starts what is due. It is called by one goroutine at a time.
func (r *ProjectRunner) wake(ctx context.Context) {
	if err := r.interrupt(ctx); err != nil {
		r.options.Log.Error("cannot look for runs that were interrupted", "error", err)
	}
	now := schedule.Wall(r.options.Now())
	if now.Before(r.began) { // the clock was ahead when this process started
		r.began = now
	}
	late := r.woken.IsZero() || now.Before(r.woken)
	r.woken = now
	if late {
		if err := r.bringBack(ctx, now); err != nil {
			r.options.Log.Error("cannot look for projects that are due too late", "error", err)
			r.woken = time.Time{} // the next time it is woken it looks again
		}
	}
	due, err := r.options.Store.DueProjects(ctx, now)
	if err != nil {
		r.options.Log.Error("cannot ask which projects are due", "error", err)
		return
	}
	for _, s := range due {
		if now.Before(s.Spec.Begins(s.ProjectID, s.Next, s.Anchor, r.began)) {
			continue
		}
		switch err := r.startScheduled(ctx, s, now); {
		case r.life.Err() != nil:
			return
		case errors.Is(err, ErrUnderWay), errors.Is(err, errNotDue), errors.Is(err, store.ErrNotFound):
			// it stays due until the run that is under way has ended; another process has it; the project is gone
		case err != nil:
			r.options.Log.Error("cannot start a scheduled run", "project", s.ProjectID, "error", err)
		}
	}
}

// bringBack brings back what is due later than its schedule has it: a clock was ahead for a while. What ran at its time and less than
// an hour from now stays: the clock went back a little. A schedule that was saved while the clock was ahead counts from now.
func (r *ProjectRunner) bringBack(ctx context.Context, now time.Time) error {
	return r.options.Store.Maintain(ctx, func(tx *store.Tx) error {
		all, err := tx.ProjectSchedules()
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Anchor.After(now) {
				s.Anchor = now
			}
			next, on := s.Spec.Next(now, s.Anchor)
			if !on || !s.Next.After(next) {
				continue
			}
			runs, err := tx.ProjectRuns(s.ProjectID, store.ProjectRunsKept)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(runs, func(run store.ProjectRun) bool {
				return run.Trigger == "schedule" && !run.Started.Before(next) && run.Started.Sub(now) < time.Hour
			}) {
				continue
			}
			s.Next = next
			if err := tx.SetProjectSchedule(s); err != nil {
				return err
			}
		}
		return nil
	})
}

// startScheduled claims one due run and starts it, both in one transaction. However many were missed, one is made up. Of several
// processes on one store the first that moves the time on has the run.
func (r *ProjectRunner) startScheduled(ctx context.Context, s store.ProjectSchedule, now time.Time) error {
	select {
	case r.slots <- struct{}{}:
	default:
		return ErrUnderWay // as many as may run at once
	}
	run, err := r.newRun(s.ProjectID, "schedule", s.OwnerID)
	if err == nil {
		err = r.begin(ctx, run, access.Actor{UserID: s.OwnerID}, func(tx *store.Tx) (entry store.AuditEntry, err error) {
			fresh, err := tx.ProjectSchedule(s.ProjectID)
			if err != nil {
				return entry, err
			}
			if !fresh.Next.Equal(s.Next) || fresh.OwnerID != s.OwnerID {
				return entry, errNotDue
			}
			p, err := tx.Project(s.ProjectID)
			if err != nil {
				return entry, err
			}
			next, _ := fresh.Spec.Next(now, fresh.Anchor)
			return runEntry(access.Actor{Name: "Schedule"}, p, run), tx.SetProjectNext(s.ProjectID, next)
		})
	}
	if err != nil {
		<-r.slots
	}
	return err
}

// interrupt marks runs as interrupted whose process is gone: nobody keeps their lease. They are not made up for, since their cells may
// have written; who is told of failures is told.
func (r *ProjectRunner) interrupt(ctx context.Context) error {
	running, err := r.options.Store.RunningProjects(ctx)
	if err != nil {
		return err
	}
	for _, run := range running {
		if !r.take(run.ProjectID) {
			continue
		}
		err := r.interruptOne(ctx, run)
		r.give(run.ProjectID)
		if err != nil && !errors.Is(err, store.ErrLeaseHeld) && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (r *ProjectRunner) interruptOne(ctx context.Context, run store.ProjectRun) error {
	fence, err := r.options.Store.Acquire(ctx, leaseOf(run.ProjectID), r.options.Holder, leaseTime)
	if err != nil {
		return err
	}
	defer r.release(fence)
	run.State, run.Error, run.Finished = runInterrupted, "The server stopped while this ran", r.options.Now()
	return r.options.Store.FinishProjectRun(ctx, fence, run, nil)
}
