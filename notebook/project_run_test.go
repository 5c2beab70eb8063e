package notebook

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/schedule"
	"patchbay/store"
)

// A timetable is a world with a clock of its own for what is due.
type timetable struct {
	*world
	mu  sync.Mutex
	now time.Time
}

var daily = schedule.Spec{Kind: schedule.Daily, At: "04:00"}

func newTimetable(t *testing.T) *timetable {
	t.Helper()
	return &timetable{world: newWorld(t), now: time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC)}
}

func (tt *timetable) clock() time.Time {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return tt.now
}

func (tt *timetable) pass(d time.Duration) {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	tt.now = tt.now.Add(d)
}

// runner is a runner as a process of its own has it.
func (tt *timetable) runner(holder string) *ProjectRunner {
	r := NewProjectRunner(ProjectRunnerOptions{Store: tt.store, Notebook: tt.Notebook, Query: tt.query, Now: tt.clock, Holder: holder, Log: slog.New(slog.DiscardHandler)})
	tt.Cleanup(r.Stop)
	return r
}

func (tt *timetable) maintain(fn func(*store.Tx) error) {
	tt.Helper()
	if err := tt.store.Maintain(context.WithoutCancel(tt.Context()), fn); err != nil {
		tt.Fatal(err)
	}
}

// saves lets someone schedule the project.
func (tt *timetable) saves(owner string) {
	tt.Helper()
	next, _ := daily.Next(tt.clock(), tt.clock())
	tt.maintain(func(tx *store.Tx) error {
		return tx.SetProjectSchedule(store.ProjectSchedule{ProjectID: sales, Spec: daily, Anchor: tt.clock(), Next: next, OwnerID: owner})
	})
}

// day passes a day, wakes the runners at once and waits for what they started.
func (tt *timetable) day(runners ...*ProjectRunner) {
	tt.Helper()
	tt.pass(24 * time.Hour)
	tt.wakes(runners...)
}

func (tt *timetable) wakes(runners ...*ProjectRunner) {
	var all sync.WaitGroup
	for _, r := range runners {
		all.Go(func() { r.wake(tt.Context()) })
	}
	all.Wait()
	for _, r := range runners {
		r.work.Wait()
	}
}

func (tt *timetable) runs() []store.ProjectRun {
	tt.Helper()
	var runs []store.ProjectRun
	if err := tt.store.View(tt.Context(), func(tx *store.Tx) (err error) { runs, err = tx.ProjectRuns(sales, 100); return err }); err != nil {
		tt.Fatal(err)
	}
	return runs
}

// told are the recipients that the outbox has for a run.
func (tt *timetable) told(run store.ProjectRun) string {
	tt.Helper()
	due, err := tt.store.DueNotifications(tt.Context(), tt.clock().Add(time.Hour), 100)
	if err != nil {
		tt.Fatal(err)
	}
	var to []string
	for _, n := range due {
		if n.RunID == run.ID && n.ProjectID == sales {
			to = append(to, n.Recipient+" "+n.Event)
		}
	}
	slices.Sort(to)
	return strings.Join(to, ", ")
}

// What is due is run once, however many processes ask, as its owner; what was missed is made up for once.
func TestScheduledRunIsOneInTwoProcesses(t *testing.T) {
	tt := newTimetable(t)
	tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: "select 1", At: -1})
	tt.saves("ann")
	one, two := tt.runner("one"), tt.runner("two")
	tt.wakes(one, two)
	if n := len(tt.runs()); n > 0 {
		t.Fatalf("%d runs before anything is due", n)
	}
	for day := 1; day <= 3; day++ {
		tt.day(one, two)
		tt.wakes(one, two)
		if runs := tt.runs(); len(runs) != day || runs[0].State != "succeeded" || runs[0].RunBy != "ann" || runs[0].Trigger != "schedule" || runs[0].Cells != 1 {
			t.Fatalf("after %d days: %+v", day, runs)
		}
	}
	tt.pass(24 * time.Hour)
	due, err := tt.store.DueProjects(t.Context(), tt.clock())
	if err != nil || len(due) != 1 {
		t.Fatalf("due %+v, %v", due, err)
	}
	for _, late := range []*ProjectRunner{one, two} { // the second has asked what is due before the first had the run
		err := late.startScheduled(t.Context(), due[0], tt.clock())
		late.work.Wait()
		if late == two && !errors.Is(err, errNotDue) || late == one && err != nil {
			t.Fatal(err)
		}
	}
	one.Stop()
	two.Stop()
	tt.pass(60 * 24 * time.Hour)
	after := tt.runner("after")
	tt.wakes(after)
	if n := len(tt.runs()); n != 4 {
		t.Fatalf("%d runs: what was missed is made up for before its share of the time", n)
	}
	for range 3 {
		tt.pass(schedule.Window(24 * time.Hour))
		tt.wakes(after)
	}
	if n := len(tt.runs()); n != 5 {
		t.Errorf("%d runs after 60 days down, want one more", n)
	}
	rows, err := tt.store.AuditRows(t.Context(), store.AuditFilter{Action: "project.run", Limit: 100})
	if err != nil || len(rows) != 5 || rows[0].Actor != "Schedule" {
		t.Errorf("audit: %d rows %+v, %v", len(rows), rows, err)
	}
	ran, err := tt.store.AuditRows(t.Context(), store.AuditFilter{Action: "query.run", Limit: 100})
	if err != nil || len(ran) != 5 || ran[0].ActorID != "ann" {
		t.Errorf("the statements: %+v, %v", ran, err)
	}
}

// The schedule of someone who may not run the project does not run it, says why, and they are told once; when the right comes back
// it runs again.
func TestScheduleOfSomeoneWhoMayNotRunIt(t *testing.T) {
	for name, c := range map[string]struct {
		take, give func(*store.Tx) error
		why        string
	}{
		"disabled":   {disabled(true), disabled(false), "The account is disabled"},
		"downgraded": {grants([]string{}, []string{access.GroupPublic}), grants([]string{access.GroupMembers}, []string{access.GroupPublic}), "needs Can query on “Shop”"},
		"locked out": {grants([]string{}, []string{}), grants([]string{access.GroupMembers}, []string{access.GroupPublic}), "Can view results is missing"},
		"not shared": {shares(nil), shares([]access.Share{{To: "user:ann", Access: access.Full}}), "not shared"},
	} {
		t.Run(name, func(t *testing.T) {
			tt := newTimetable(t)
			tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: "select 1", At: -1})
			tt.saves("ann")
			r := tt.runner("one")
			tt.maintain(c.take)
			tt.day(r)
			runs := tt.runs()
			if len(runs) != 1 || runs[0].State != "refused" || !strings.Contains(runs[0].Error, c.why) || runs[0].Cells != 0 {
				t.Fatalf("%+v", runs)
			}
			if names := runs[0].ConnectionID == shop; names != strings.Contains(c.why, "Can ") {
				t.Errorf("%q is not known to be about the connection %q", runs[0].Error, runs[0].ConnectionID)
			}
			if ran, err := tt.store.AuditRows(t.Context(), store.AuditFilter{Action: "query.run", Limit: 10}); err != nil || len(ran) > 0 {
				t.Errorf("a statement ran: %+v, %v", ran, err)
			}
			if to := tt.told(runs[0]); to != "owner:ann project_refused" {
				t.Errorf("told: %s", to)
			}
			tt.day(r)
			if runs = tt.runs(); len(runs) != 2 || runs[0].State != "refused" || tt.told(runs[0]) != "" {
				t.Errorf("the second day: %+v, told: %s", runs[0], tt.told(runs[0]))
			}
			tt.maintain(c.give)
			tt.day(r)
			if runs = tt.runs(); len(runs) != 3 || runs[0].State != "succeeded" {
				t.Errorf("the right is back: %+v", runs[0])
			}
			tt.maintain(c.take)
			tt.day(r)
			if runs = tt.runs(); tt.told(runs[0]) != "owner:ann project_refused" {
				t.Errorf("taken away again, told: %q", tt.told(runs[0]))
			}
		})
	}
}

func disabled(on bool) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		u, err := tx.User("ann")
		u.Disabled = on
		return errors.Join(err, tx.UpdateUser(u))
	}
}

func grants(query, results []string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.SetPermissions(shop, query, results, false) }
}

func shares(to []access.Share) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.SetShares(sales, to) }
}

// The cells run in their order up to the first that fails; who wants to hear of failures alone hears of that.
func TestProjectRunEndsAtTheFirstFailure(t *testing.T) {
	tt := newTimetable(t)
	tt.create(NewCell{Kind: KindText, Source: "# Sales", At: -1})
	first := tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: "select 1", At: -1})
	tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: " ", At: -1})
	tt.maintain(func(tx *store.Tx) error {
		return errors.Join(
			tx.CreateProjectTarget(store.ProjectTarget{ID: "a", ProjectID: sales, Kind: "user", Recipient: "vera", FailuresOnly: true, Attach: true}),
			tx.CreateProjectTarget(store.ProjectTarget{ID: "b", ProjectID: sales, Kind: "webhook", Shown: "host"}),
			tx.CreateProjectTarget(store.ProjectTarget{ID: "c", ProjectID: sales, Kind: "group", Recipient: access.GroupMembers, FailuresOnly: true}))
	})
	r := tt.runner("one")
	run, err := r.Start(t.Context(), ann, sales)
	if err != nil {
		t.Fatal(err)
	}
	r.work.Wait()
	if runs := tt.runs(); runs[0].ID != run.ID || runs[0].State != "succeeded" || runs[0].Cells != 1 || runs[0].Trigger != "manual" || tt.told(run) != "hook:b project_ran" {
		t.Fatalf("%+v, told %s", runs, tt.told(run))
	}
	bad := tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: "select x from nowhere", At: -1})
	last := tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: "select 3", At: -1})
	tt.pass(time.Minute)
	if run, err = r.Start(t.Context(), ann, sales); err != nil {
		t.Fatal(err)
	}
	r.work.Wait()
	got := tt.runs()[0]
	if got.ID != run.ID || got.State != "failed" || got.Cells != 1 || got.CellID != bad.ID || got.CellName != bad.Name || got.ConnectionID != shop || !strings.Contains(got.Error, "nowhere") {
		t.Errorf("%+v", got)
	}
	if to := tt.told(run); to != "hook:b project_ran, user:ann project_ran, user:vera project_ran" {
		t.Errorf("told %s", to)
	}
	if _, err := tt.store.LastResult(t.Context(), last.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a cell after the one that failed ran: %v", err)
	}
	if _, err := tt.store.LastResult(t.Context(), first.ID); err != nil {
		t.Errorf("the first cell did not run: %v", err)
	}
	if _, err := r.Start(t.Context(), vera, sales); !errors.As(err, new(*access.Denied)) {
		t.Errorf("a Viewer runs the project: %v", err)
	}
}

// endless is a statement that does not end by itself.
const endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"

// One run of a project is under way at a time. One that is stopped, or whose process is gone, is interrupted, and not made up for.
func TestProjectRunThatIsInterrupted(t *testing.T) {
	tt := newTimetable(t)
	tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: endless, At: -1})
	r, other := tt.runner("one"), tt.runner("two")
	run, err := r.Start(t.Context(), ann, sales)
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []*ProjectRunner{r, other} {
		if _, err := again.Start(t.Context(), ann, sales); !errors.Is(err, ErrUnderWay) {
			t.Errorf("a second run begins: %v", err)
		}
	}
	if _, err := other.Start(t.Context(), vera, sales); !errors.As(err, new(*access.Denied)) {
		t.Errorf("who may not run it is told whether it runs: %v", err)
	}
	if _, err := other.Start(t.Context(), ann, "nothing"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a project that is not there: %v", err)
	}
	if first, err := tt.store.Acquire(t.Context(), leaseOf("nothing"), "test", time.Minute); err != nil || first.Token != 1 {
		t.Errorf("a project that is not there was taken: %+v, %v", first, err)
	}
	tt.wakes(other) // the lease holds: it runs
	if got := tt.runs(); len(got) != 1 || got[0].State != "running" {
		t.Fatalf("%+v", got)
	}
	r.Stop()
	if got := tt.runs()[0]; got.ID != run.ID || got.State != "interrupted" {
		t.Errorf("stopped: %+v", got)
	}
	if _, err := r.Start(t.Context(), ann, sales); err == nil {
		t.Error("a runner that is stopped begins a run")
	}
	left := store.ProjectRun{ID: "zzz", ProjectID: sales, Trigger: "schedule", RunBy: "ann", State: "running", Started: tt.clock().Add(time.Minute)}
	tt.maintain(func(tx *store.Tx) error { return tx.CreateProjectRun(left) })
	tt.wakes(other)
	if got := tt.runs(); len(got) != 2 || got[0].ID != "zzz" || got[0].State != "interrupted" || got[0].Finished.IsZero() {
		t.Errorf("left by a process that is gone: %+v", got)
	}
}

// A project that is deleted while it runs leaves nothing, and a right that is taken away ends what runs.
func TestProjectRunLosesItsProject(t *testing.T) {
	tt := newTimetable(t)
	tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: endless, At: -1})
	r := tt.runner("one")
	if _, err := r.Start(t.Context(), ann, sales); err != nil {
		t.Fatal(err)
	}
	tt.maintain(grants([]string{}, []string{access.GroupPublic}))
	r.work.Wait()
	if got := tt.runs()[0]; got.State != "failed" && got.State != "refused" {
		t.Errorf("%+v", got)
	}
	tt.maintain(grants([]string{access.GroupMembers}, []string{access.GroupPublic}))
	if _, err := r.Start(t.Context(), ann, sales); err != nil {
		t.Fatal(err)
	}
	tt.maintain(func(tx *store.Tx) error { return tx.DeleteProject(sales) })
	r.work.Wait()
}

// A clock that was ahead for a while delays nothing once it is right again, and one that goes back a little runs nothing twice.
func TestProjectScheduleAfterAClockThatWasWrong(t *testing.T) {
	tt := newTimetable(t)
	tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: "select 1", At: -1})
	tt.saves("ann")
	r := tt.runner("one")
	tt.day(r)
	tt.pass(-5 * time.Minute)
	tt.wakes(r)
	if n := len(tt.runs()); n != 1 {
		t.Fatalf("%d runs, want 1", n)
	}
	tt.pass(365 * 24 * time.Hour)
	tt.wakes(r)
	if n := len(tt.runs()); n != 2 {
		t.Fatalf("%d runs while the clock is ahead, want 2", n)
	}
	tt.pass(-365 * 24 * time.Hour)
	tt.wakes(r)
	for day := 1; day <= 2; day++ {
		tt.day(r)
		if n := len(tt.runs()); n != 2+day {
			t.Errorf("%d runs on day %d after the clock was set right, want %d", n, day, 2+day)
		}
	}
}

func (tt *timetable) next() time.Time {
	tt.Helper()
	var s store.ProjectSchedule
	if err := tt.store.View(tt.Context(), func(tx *store.Tx) (err error) { s, err = tx.ProjectSchedule(sales); return err }); err != nil {
		tt.Fatal(err)
	}
	return s.Next
}

// What is due too late is looked for until that has been done, and by the clock on the wall.
func TestWhatIsDueTooLateIsLookedForAgain(t *testing.T) {
	tt := newTimetable(t)
	tt.saves("ann")
	want := tt.next()
	tt.maintain(func(tx *store.Tx) error { return tx.SetProjectNext(sales, want.AddDate(1, 0, 0)) })
	r := tt.runner("one")
	ended, end := context.WithCancel(t.Context())
	end()
	r.wake(ended)
	if got := tt.next(); got.Equal(want) {
		t.Fatal("it looked without a store")
	}
	tt.wakes(r)
	if got := tt.next(); !got.Equal(want) {
		t.Errorf("due at %s, want %s", got, want)
	}
	r.options.Now = time.Now
	tt.wakes(r)
	if strings.Contains(r.woken.String(), "m=") || strings.Contains(schedule.Wall(time.Now()).String(), "m=") {
		t.Errorf("%s would hide that the clock was set back", r.woken)
	}
}

// A run that someone asks for after the scheduled one does not make that run again when the clock goes back a little.
func TestClockGoesBackAfterARunByHand(t *testing.T) {
	tt := newTimetable(t)
	tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: "select 1", At: -1})
	tt.pass(3*time.Hour - time.Minute)
	tt.saves("ann")
	r := tt.runner("one")
	tt.pass(30 * time.Minute)
	tt.wakes(r)
	if _, err := r.Start(t.Context(), ann, sales); err != nil {
		t.Fatal(err)
	}
	r.work.Wait()
	next := tt.next()
	tt.pass(-30 * time.Minute)
	tt.wakes(r)
	if got := tt.next(); !got.Equal(next) || len(tt.runs()) != 2 {
		t.Errorf("%d runs, the next at %s, want %s", len(tt.runs()), got, next)
	}
}

// A schedule that was saved while the clock was ahead counts from when it is right.
func TestScheduleSavedWhileTheClockWasAhead(t *testing.T) {
	tt := newTimetable(t)
	ahead := tt.clock().AddDate(1, 0, 0)
	spec := schedule.Spec{Kind: schedule.Hourly, EveryHours: 6}
	next, on := spec.Next(ahead, ahead)
	tt.maintain(func(tx *store.Tx) error {
		return tx.SetProjectSchedule(store.ProjectSchedule{ProjectID: sales, Spec: spec, Anchor: ahead, Next: next, OwnerID: "ann"})
	})
	tt.wakes(tt.runner("one"))
	if got, want := tt.next(), tt.clock().Add(6*time.Hour); !on || !got.Equal(want) {
		t.Errorf("due at %s, want %s", got, want)
	}
}

// A cell that was deleted while the notebook ran is nobody's mistake.
func TestCellThatWasDeletedMeanwhile(t *testing.T) {
	tt := newTimetable(t)
	var logged bytes.Buffer
	r := tt.runner("one")
	r.options.Log = slog.New(slog.NewTextHandler(&logged, nil))
	gone := CellView{Cell: store.Cell{ID: "gone", ProjectID: sales, ConnectionID: shop, Name: "orders", Kind: KindSQL, Source: "select 1"}}
	_, err := r.cell(t.Context(), ann, gone)
	var run store.ProjectRun
	r.failed(t.Context(), &run, gone, err)
	if run.State != runFailed || run.Cause != string(connectors.CauseCancelled) || run.Error != "It was deleted while the notebook ran" || logged.Len() > 0 {
		t.Errorf("%v becomes %+v, logged %s", err, run, &logged)
	}
}

// A run ends when the sign-in provider lets its person in no more.
func TestProjectRunEndsWithItsPersonsProvider(t *testing.T) {
	tt := newTimetable(t)
	cell := tt.create(NewCell{Kind: KindSQL, ConnectionID: shop, Source: endless, At: -1})
	id := store.Identity{Issuer: "https://a.example", Subject: "1", UserID: "ann", ProviderID: "okta", Email: "ann@example.com", Created: tt.clock(), Seen: tt.clock()}
	tt.maintain(func(tx *store.Tx) error {
		return errors.Join(tx.CreateProvider(store.Provider{ID: "okta", Name: "Okta", Issuer: id.Issuer, ClientID: "patchbay", Scopes: []string{"openid"}, Enabled: true,
			Created: tt.clock(), Updated: tt.clock(), Version: 1}, nil), tx.PutIdentity(id))
	})
	tt.saves("ann")
	tt.pass(24 * time.Hour)
	r := tt.runner("one")
	for due := tt.clock(); tt.clock().Before(due.Add(time.Hour)) && len(tt.runs()) == 0; tt.pass(time.Minute) {
		r.wake(t.Context())
	}
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if res, err := tt.store.LastResult(t.Context(), cell.ID); err == nil && res.State == runRunning {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("the cell does not run: %+v", tt.runs())
		}
	}
	id.Denied = true
	tt.maintain(func(tx *store.Tx) error { return tx.PutIdentity(id) })
	ended := make(chan struct{})
	go func() {
		r.work.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it runs on")
	}
	if run := tt.runs()[0]; run.State != runFailed || run.Cause != string(connectors.CauseCancelled) || !strings.Contains(run.Error, "Access was taken away") {
		t.Errorf("%+v", run)
	}
}
