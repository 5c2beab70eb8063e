package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/store"
)

func (b *bench) saved(t *testing.T, id string) store.Connection {
	t.Helper()
	c, err := b.store.Connection(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ends waits until every run of a connection has ended, and returns them.
func (b *bench) ends(t *testing.T, id string) []store.Run {
	t.Helper()
	runs := b.runs(t, id)
	for i, run := range runs {
		runs[i] = b.end(t, run)
	}
	return runs
}

// A process that is stopping claims nothing: what is due stays due for the next one.
func TestStoppedRunnerClaimsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 3))
	id := b.connection(t, "daily", schedule.Spec{Kind: schedule.Daily, At: "04:00"})
	due := b.saved(t, id).NextRefresh
	b.pass(24 * time.Hour)
	b.Stop(t.Context())
	wake(t, b.Runner)
	if c := b.saved(t, id); !c.NextRefresh.Equal(due) || len(b.runs(t, id)) > 0 {
		t.Fatalf("next is %s, was %s, with %d runs", c.NextRefresh, due, len(b.runs(t, id)))
	}
	next := b.runner(0)
	defer next.Stop(context.Background())
	b.pass(schedule.Window(24 * time.Hour))
	wake(t, next)
	if n := len(b.runs(t, id)); n != 1 {
		t.Errorf("%d runs after the restart, want 1", n)
	}
}

// A run that nobody asked for and that was interrupted, by a stop or by a kill, is made up for once; one that someone asked for is
// not (P61, P67).
func TestInterruptedRunIsMadeUpFor(t *testing.T) {
	t.Parallel()
	daily := schedule.Spec{Kind: schedule.Daily, At: "04:00"}
	for _, c := range []struct {
		name, trigger string
		spec          schedule.Spec
		killed        bool
		want          int // runs after the restart
	}{
		{"schedule, stopped", "schedule", daily, false, 2}, {"schedule, killed", "schedule", daily, true, 2},
		{"created, stopped", "created", offSchedule, false, 2}, {"created, killed", "created", offSchedule, true, 2},
		{"manual, stopped", "manual", daily, false, 1}, {"manual, killed", "manual", daily, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			id := b.connection(t, "source", c.spec)
			reached := make(chan struct{})
			b.read = blocked(reached)
			if c.trigger == "schedule" {
				b.pass(24*time.Hour + schedule.Window(24*time.Hour))
				wake(t, b.Runner)
			} else if _, err := b.Start(t.Context(), id, c.trigger, ""); err != nil {
				t.Fatal(err)
			}
			<-reached
			left := b
			if c.killed {
				left = copyOf(t, b)
				defer func() { _ = left.store.Close() }()
			} else {
				b.Stop(t.Context())
				left.Runner = left.runner(0)
			}
			defer left.Stop(context.Background())
			left.set(whole(warehouse(0, 3)))
			if err := left.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				left.pass(schedule.Window(24 * time.Hour))
				wake(t, left.Runner)
				left.ends(t, id)
			}
			runs := left.ends(t, id)
			if len(runs) != c.want || runs[len(runs)-1].State != "interrupted" || c.want == 2 && runs[0].State != "succeeded" {
				t.Fatalf("runs %+v", runs)
			}
			if next, _ := c.spec.Next(left.clock(), left.clock()); !left.saved(t, id).NextRefresh.Equal(next) {
				t.Errorf("next is %s, want %s", left.saved(t, id).NextRefresh, next)
			}
		})
	}
}

// What was missed while no process ran, or while the machine slept, is made up for once each, and not all at once.
func TestMakingUpIsSpread(t *testing.T) {
	t.Parallel()
	for _, slept := range []bool{false, true} {
		b := newBench(t)
		b.read = whole(nil)
		const connections = 50
		var ids []string
		for i := range connections {
			ids = append(ids, b.connection(t, fmt.Sprint("c", i), schedule.Spec{Kind: schedule.Daily, At: "04:00"}))
		}
		if slept {
			b.pass(time.Hour)
			wake(t, b.Runner)
		} else {
			b.Stop(t.Context())
		}
		b.pass(24 * time.Hour)
		if !slept {
			b.Runner = b.runner(0)
		}
		begun := func() (n int) {
			for _, id := range ids {
				n += len(b.ends(t, id))
			}
			return n
		}
		most, before := 0, 0
		for range 10 {
			wake(t, b.Runner)
			n := begun()
			most, before = max(most, n-before), n
			b.pass(time.Minute)
		}
		wake(t, b.Runner)
		if before = begun(); before != connections {
			t.Errorf("slept %t: %d runs within the window, want %d", slept, before, connections)
		}
		if most > connections/2 {
			t.Errorf("slept %t: %d of them began in one minute of ten", slept, most)
		}
		b.pass(time.Hour)
		wake(t, b.Runner)
		if n := begun(); n != connections {
			t.Errorf("slept %t: %d runs in the end", slept, n)
		}
	}
}

// A machine that sleeps for an hour again and again makes its hourly refreshes all the same.
func TestSleepingAgainAndAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(nil)
	id := b.connection(t, "hourly", schedule.Spec{Kind: schedule.Hourly, EveryHours: 1})
	for range 10 {
		wake(t, b.Runner)
		b.ends(t, id) // a run that is due makes room for one that is under way
		b.pass(time.Hour)
	}
	if n := len(b.ends(t, id)); n < 3 {
		t.Errorf("%d runs in ten hours", n)
	}
}

// A run that is due waits for the refresh that is under way: one that breaks leaves it due.
func TestDueRunWaitsForTheOneUnderWay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.connection(t, "daily", schedule.Spec{Kind: schedule.Daily, At: "04:00"})
	b.pass(24*time.Hour + schedule.Window(24*time.Hour))
	due, reached := b.saved(t, id).NextRefresh, make(chan struct{})
	b.set(blocked(reached))
	asked, err := b.Start(t.Context(), id, "manual", "someone")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		wake(t, b.Runner)
	}()
	select {
	case <-woken:
	case <-time.After(time.Minute):
		b.Stop(context.WithoutCancel(t.Context()))
		t.Fatal("the schedule waits for the run under way, and with it all that is due")
	}
	if c := b.saved(t, id); len(b.runs(t, id)) != 1 || !c.NextRefresh.Equal(due) {
		t.Fatalf("beside the run under way there are %d runs, next is %s, was %s", len(b.runs(t, id)), c.NextRefresh, due)
	}
	b.set(whole(warehouse(0, 3)))
	if err := b.Cancel(asked.ID); err != nil {
		t.Fatal(err)
	}
	if run := b.end(t, asked); run.State != "cancelled" {
		t.Fatalf("the run that was cancelled is %s", run.State)
	}
	wake(t, b.Runner)
	if runs := b.ends(t, id); len(runs) != 2 || runs[0].Trigger != "schedule" || runs[0].State != "succeeded" {
		t.Errorf("after the run that was cancelled: %+v", runs)
	}
}

// A run that is due is not made where the source was read since: its time moves on.
func TestDueRunIsSkippedWhereTheSourceWasReadSince(t *testing.T) {
	t.Parallel()
	daily := schedule.Spec{Kind: schedule.Daily, At: "04:00"}
	b := newBench(t)
	b.read = whole(warehouse(0, 3))
	id := b.connection(t, "daily", daily)
	b.pass(24*time.Hour + schedule.Window(24*time.Hour))
	asked, err := b.Start(t.Context(), id, "manual", "someone")
	if err != nil {
		t.Fatal(err)
	}
	if run := b.end(t, asked); run.State != "succeeded" {
		t.Fatalf("%+v", run)
	}
	b.pass(time.Minute)
	wake(t, b.Runner)
	c := b.saved(t, id)
	if next, _ := daily.Next(b.clock(), c.ScheduleAnchor); len(b.runs(t, id)) != 1 || !c.NextRefresh.Equal(next) {
		t.Errorf("there are %d runs, next is %s, want %s", len(b.runs(t, id)), c.NextRefresh, next)
	}
	b.pass(24 * time.Hour)
	wake(t, b.Runner) // it seems to have slept, and what was missed is spread
	b.pass(schedule.Window(24 * time.Hour))
	wake(t, b.Runner)
	if runs := b.ends(t, id); len(runs) != 2 || runs[0].Trigger != "schedule" {
		t.Errorf("a day later: %+v", runs)
	}
}

// A clock that goes back a little, past a time at which a run was made, makes no second one.
func TestClockThatGoesBackALittle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 3))
	id := b.connection(t, "daily", schedule.Spec{Kind: schedule.Daily, At: "04:00"})
	due := b.saved(t, id).NextRefresh
	b.pass(due.Sub(b.clock()) + schedule.Window(24*time.Hour))
	wake(t, b.Runner)
	if n := len(b.ends(t, id)); n != 1 {
		t.Fatalf("%d runs", n)
	}
	next := b.saved(t, id).NextRefresh
	b.pass(-schedule.Window(24*time.Hour) - 5*time.Minute)
	for range 5 {
		wake(t, b.Runner)
		b.pass(5 * time.Minute)
	}
	if n, c := len(b.ends(t, id)), b.saved(t, id); n != 1 || !c.NextRefresh.Equal(next) {
		t.Errorf("%d runs for one time; next is %s, was %s", n, c.NextRefresh, next)
	}
}

// A clock that was ahead for a while leaves nothing due in a far future, whether the process was started before that, meanwhile or
// after.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	for _, started := range []string{"before", "meanwhile", "after"} {
		b := newBench(t)
		b.read = whole(nil)
		id := b.connection(t, "daily", schedule.Spec{Kind: schedule.Daily, At: "04:00"})
		const year = 365 * 24 * time.Hour
		restart := func(when string) {
			if started == when {
				b.Stop(t.Context())
				b.Runner = b.runner(0)
			}
		}
		b.pass(year)
		restart("meanwhile")
		b.pass(schedule.Window(24 * time.Hour))
		wake(t, b.Runner)
		if n := len(b.ends(t, id)); n != 1 {
			t.Fatalf("%d runs", n)
		}
		b.pass(-year)
		restart("after")
		wake(t, b.Runner)
		b.pass(24 * time.Hour)
		wake(t, b.Runner)
		if n := len(b.ends(t, id)); n != 2 {
			t.Errorf("started %s: %d runs a day after, want 2; next is %s", started, n, b.saved(t, id).NextRefresh)
		}
	}
}

// The next five runs that are shown are the five that happen, each later by its jitter, in Berlin over the end of summer time, and
// while refreshes fail (P66).
func TestForetoldRunsHappen(t *testing.T) {
	t.Parallel()
	at := func(day, hour int) time.Time { return time.Date(2026, 10, day, hour, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name  string
		from  time.Time
		spec  schedule.Spec
		fails bool
	}{
		{"daily", at(23, 9), schedule.Spec{Kind: schedule.Daily, At: "02:30"}, false},
		{"daily, failing", at(23, 9), schedule.Spec{Kind: schedule.Daily, At: "02:30"}, true},
		{"weekly", at(1, 9), schedule.Spec{Kind: schedule.Weekly, At: "02:30", Days: []string{"sun", "wed"}}, false},
		{"monthly", at(1, 9), schedule.Spec{Kind: schedule.Monthly, At: "02:30", DayOfMonth: 25}, false},
		{"cron", at(24, 21), schedule.Spec{Kind: schedule.Cron, Cron: "30 */2 * * *"}, false},
		{"hourly", at(24, 21), schedule.Spec{Kind: schedule.Hourly, EveryHours: 1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.read = whole(nil)
			b.Stop(t.Context())
			b.now = c.from
			b.Runner = b.runner(0)
			c.spec.TimeZone = "Europe/Berlin"
			id := b.connection(t, c.name, c.spec)
			if c.fails {
				b.read = func(context.Context, catalog.Filter, catalog.Sink) error { return errors.New("no") }
				for b.id = id; b.saved(t, id).Failures < 12; {
					b.refresh(t)
				}
			}
			con, before := b.saved(t, id), len(b.runs(t, id))
			foretold := refresh.NextRuns(con, b.clock(), 6)
			if len(foretold) != 6 {
				t.Fatalf("foretold %v", foretold)
			}
			for i, due := range foretold[:5] {
				begins := due.Add(schedule.Jitter(id, foretold[i+1].Sub(due)))
				for _, step := range []struct {
					at   time.Time
					want int
				}{{begins.Add(-time.Second), i}, {begins, i + 1}, {begins.Add(20 * time.Minute), i + 1}} {
					b.pass(step.at.Sub(b.clock()))
					wake(t, b.Runner)
					if n := len(b.ends(t, id)) - before; n != step.want {
						t.Fatalf("at %s there were %d runs, want %d of those foretold for %v", step.at, n, step.want, foretold)
					}
				}
			}
		})
	}
}

// One refresh that succeeds ends the pause of the schedule.
func TestSuccessEndsThePause(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = func(context.Context, catalog.Filter, catalog.Sink) error { return errors.New("no") }
	b.id = b.connection(t, "hourly", schedule.Spec{Kind: schedule.Hourly, EveryHours: 1})
	for b.saved(t, b.id).Failures < 12 {
		b.refresh(t)
	}
	b.pass(time.Hour + 6*time.Minute)
	wake(t, b.Runner)
	b.ends(t, b.id)
	if next := b.saved(t, b.id).NextRefresh; next.Sub(b.clock()) < 20*time.Hour {
		t.Fatalf("next is %s though it fails again and again", next)
	}
	b.set(whole(nil))
	b.succeed(t, 0, 0, 0)
	wake(t, b.Runner)
	if next := b.saved(t, b.id).NextRefresh; next.Sub(b.clock()) > time.Hour {
		t.Errorf("next is %s though it works again", next)
	}
}
