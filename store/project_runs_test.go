package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/schedule"
	"patchbay/store"
)

// A project's schedule, runs, targets and outbox are kept on both products, fenced by the lease, and go with the project.
func TestProjectRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		daily := schedule.Spec{Kind: schedule.Daily, At: "04:00", TimeZone: "Europe/Bratislava"}
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(
				tx.CreateUser(mira(c)),
				tx.CreateProject(store.Project{ID: "p", Name: "Sales", OwnerID: "mira", Created: c.Now(), Updated: c.Now()}),
				tx.SetProjectSchedule(store.ProjectSchedule{ProjectID: "p", Spec: daily, Anchor: c.Now(), Next: c.Now().Add(time.Hour), OwnerID: mira(c).ID}),
				tx.CreateProjectTarget(store.ProjectTarget{ID: "1", ProjectID: "p", Kind: "group", Recipient: access.GroupMembers, Attach: true, CreatedBy: "mira", Created: c.Now()}),
				tx.CreateProjectTarget(store.ProjectTarget{ID: "2", ProjectID: "p", Kind: "webhook", Shown: "host", Box: []byte("box"), FailuresOnly: true, CreatedBy: "mira", Created: c.Now()}))
		})
		due, err := s.DueProjects(ctx, c.Now())
		check(t, err)
		if len(due) > 0 {
			t.Errorf("due before its time: %+v", due)
		}
		c.add(time.Hour)
		due, err = s.DueProjects(ctx, c.Now())
		check(t, err)
		if len(due) != 1 || due[0].Spec.Words() != daily.Words() || due[0].OwnerID != mira(c).ID || !due[0].Next.Equal(c.Now()) {
			t.Fatalf("due %+v", due)
		}
		run := store.ProjectRun{ID: "r", ProjectID: "p", Trigger: "schedule", RunBy: mira(c).ID, State: "running", Started: c.Now()}
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.SetProjectNext("p", c.Now().Add(24*time.Hour)), tx.CreateProjectRun(run))
		})
		lost, err := s.Acquire(ctx, "project:p", "one", time.Minute)
		check(t, err)
		c.add(2 * time.Minute)
		fence, err := s.Acquire(ctx, "project:p", "two", time.Minute)
		check(t, err)
		run.State, run.Cells, run.Finished = "succeeded", 2, c.Now()
		kept := []store.ProjectRunResult{{CellName: "b", ResultID: "2"}, {CellName: "a", ResultID: "1"}}
		if err := s.FinishProjectRun(ctx, lost, run, kept); !errors.Is(err, store.ErrReplaced) {
			t.Errorf("whose lease is another's ends a run: %v", err)
		}
		check(t, s.FinishProjectRun(ctx, fence, run, kept))
		if err := s.FinishProjectRun(ctx, fence, run, kept); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a run ends twice: %v", err)
		}
		told := func() string {
			var to []string
			all, err := s.DueNotifications(ctx, c.Now(), 10)
			check(t, err)
			for _, n := range all {
				to = append(to, strings.TrimSpace(n.Recipient+" "+n.Event+" "+n.ProjectID+" "+n.Host))
			}
			return strings.Join(to, ", ")
		}
		if got := told(); got != "user:"+mira(c).ID+" project_ran p" {
			t.Errorf("told: %s", got)
		}
		first, err := s.DueNotifications(ctx, c.Now(), 10)
		check(t, err)
		for range 2 {
			_, err = s.ClaimNotification(ctx, first[0], c.Now().Add(time.Hour))
			check(t, err)
		}
		if told() != "" {
			t.Error("what was claimed is due")
		}
		first[0].State, first[0].Finished, first[0].Outcome = "sent", c.Now(), "Delivered"
		check(t, s.EndNotification(ctx, first[0]))
		check(t, s.View(ctx, func(tx *store.Tx) error {
			all, err := tx.ProjectNotifications("p", 10)
			if len(all) != 1 || all[0].State != "sent" || all[0].Attempts != 1 {
				t.Errorf("told: %+v", all)
			}
			results, err2 := tx.ProjectRunResults("r")
			if len(results) != 2 || results[0] != kept[0] || results[1] != kept[1] {
				t.Errorf("results %+v", results)
			}
			got, err3 := tx.ProjectRun("r")
			if got.Cells != 2 || got.State != "succeeded" || !got.Finished.Equal(c.Now()) {
				t.Errorf("run %+v", got)
			}
			off, err4 := tx.ProjectSchedule("nothing")
			if off.Spec.Kind != schedule.Off || off.OwnerID != "" {
				t.Errorf("a schedule that was never set: %+v", off)
			}
			return errors.Join(err, err2, err3, err4)
		}))
		c.add(time.Hour)
		check(t, s.PruneNotifications(ctx, c.Now()))
		update(t, s, func(tx *store.Tx) error { return tx.DeleteUser(mira(c).ID) })
		run.ID, run.State = "r2", "running"
		update(t, s, func(tx *store.Tx) error { return tx.CreateProjectRun(run) })
		if fence, err = s.Acquire(ctx, "project:p", "two", time.Minute); err != nil {
			t.Fatal(err)
		}
		run.State, run.Finished = "failed", c.Now()
		check(t, s.FinishProjectRun(ctx, fence, run, nil))
		if got := told(); got != "hook:2 project_ran p host" {
			t.Errorf("of a failure, without the person: %s", got)
		}
		update(t, s, func(tx *store.Tx) error { return tx.DeleteProject("p") })
		for _, table := range []string{"project_schedule", "project_run", "project_run_result", "project_target", "project_notification"} {
			left, err := s.Column(ctx, "select '1' from "+table)
			check(t, err)
			if len(left) > 0 {
				t.Errorf("%s keeps %d rows of a project that is gone", table, len(left))
			}
		}
	})
}

// ranFor lets a run of a project end.
func ranFor(t *testing.T, s *store.Store, c *clock, projectID, id string) {
	t.Helper()
	run := store.ProjectRun{ID: id, ProjectID: projectID, Trigger: "manual", RunBy: "mira", State: "running", Started: c.Now()}
	update(t, s, func(tx *store.Tx) error { return tx.CreateProjectRun(run) })
	fence, err := s.Acquire(ctx, "project:"+projectID, "test", time.Minute)
	check(t, err)
	run.State, run.Finished = "succeeded", c.Now()
	check(t, s.FinishProjectRun(ctx, fence, run, nil))
}

// teller makes a project that tells mira of its runs.
func teller(t *testing.T, s *store.Store, c *clock, id string) {
	t.Helper()
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.CreateProject(store.Project{ID: id, Name: id, OwnerID: "mira", Created: c.Now(), Updated: c.Now()}),
			tx.CreateProjectTarget(store.ProjectTarget{ID: "of-" + id, ProjectID: id, Kind: "user", Recipient: mira(c).ID, CreatedBy: "mira", Created: c.Now()}))
	})
}

// A run of which someone is still to be told is not forgotten, however many came after it.
func TestRunsAreKeptUntilTheyAreTold(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error { return tx.CreateUser(mira(c)) })
		teller(t, s, c, "p")
		ranFor(t, s, c, "p", "first")
		c.add(time.Minute)
		update(t, s, func(tx *store.Tx) error {
			for i := range store.ProjectRunsKept {
				if err := tx.CreateProjectRun(store.ProjectRun{ID: fmt.Sprintf("later-%03d", i), ProjectID: "p", Trigger: "manual", State: "failed", Started: c.Now()}); err != nil {
					return err
				}
			}
			return nil
		})
		c.add(time.Minute)
		ranFor(t, s, c, "p", "next")
		read := func(id string) error {
			return s.View(ctx, func(tx *store.Tx) error { _, err := tx.ProjectRun(id); return err })
		}
		check(t, read("first"))
		want(t, read("later-000"), store.ErrNotFound)
		due, err := s.DueNotifications(ctx, c.Now(), 1)
		check(t, err)
		equal(t, []any{len(due), due[0].RunID}, []any{1, "first"})
		due[0].State = "sent"
		check(t, s.EndNotification(ctx, due[0]))
		c.add(time.Minute)
		ranFor(t, s, c, "p", "last")
		want(t, read("first"), store.ErrNotFound)
	})
}

// Mail of connections, and of every project, has its turn at the mail server, however much waits there of one project.
func TestMailOfEveryProjectIsDue(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		update(t, s, func(tx *store.Tx) error { return tx.CreateUser(mira(c)) })
		teller(t, s, c, "busy")
		teller(t, s, c, "quiet")
		for i := range 60 {
			ranFor(t, s, c, "busy", fmt.Sprintf("busy-%03d", i))
			c.add(time.Second)
		}
		ranFor(t, s, c, "quiet", "quiet-000")
		update(t, s, func(tx *store.Tx) error {
			return tx.CreateTarget(store.NotificationTarget{ID: "letter", ConnectionID: "w", Kind: "email", Shown: "data@example.com", Events: []string{store.EventSchemaChanged}})
		})
		ended(t, s, c, 0, store.Run{State: "succeeded", Added: 9}) // the first reading
		ended(t, s, c, 1, store.Run{State: "succeeded", Removed: 1})
		due, err := s.DueNotifications(ctx, c.Now(), 1000)
		check(t, err)
		got := []string{}
		for _, n := range due[:4] {
			got = append(got, n.RunID)
		}
		equal(t, got, []string{"run-001", "busy-000", "quiet-000", "busy-001"})
		equal(t, len(due), 50)
	})
}
