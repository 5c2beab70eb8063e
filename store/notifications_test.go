package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
)

// ended makes a run of the warehouse that ends in a state, and says what is due then.
func ended(t *testing.T, s *store.Store, c *clock, n int, run store.Run) []string {
	t.Helper()
	c.add(time.Minute)
	run.ID, run.ConnectionID, run.Queued, run.Finished = fmt.Sprintf("run-%03d", n), "w", c.Now(), c.Now()
	state := run.State
	run.State = "running"
	if run.Trigger == "" {
		run.Trigger = "schedule"
	}
	update(t, s, func(tx *store.Tx) error { return tx.CreateRun(run) })
	run.State = state
	update(t, s, func(tx *store.Tx) error {
		if run.Missing > 0 {
			return tx.KeepDoubt(run, store.StaleScope{Reason: "missing", Since: c.Now()})
		}
		if run.State != "failed" {
			return tx.UpdateRun(run)
		}
		_, err := tx.CountFailure("w")
		return errors.Join(err, tx.UpdateRun(run))
	})
	due, err := s.DueNotifications(ctx, c.Now(), 100)
	check(t, err)
	told := []string{}
	for _, d := range due {
		if d.RunID == run.ID {
			told = append(told, d.Recipient+" "+d.Event)
		}
	}
	slices.Sort(told)
	return told
}

// What the end of a run means is in the outbox with it: changes for who wants them, failures when they are three in a row.
func TestOutbox(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		admin := mira(c)
		admin.Role = access.RoleAdmin
		update(t, s, func(tx *store.Tx) error {
			for _, target := range []store.NotificationTarget{
				{ID: "all", ConnectionID: "w", Kind: "webhook", Shown: "hooks.example.com", Box: []byte("box"), Events: []string{store.EventSchemaChanged, store.EventRefreshFailing, store.EventRefreshRecovered, store.EventRefreshNeedsLook}},
				{ID: "few", ConnectionID: "w", Kind: "email", Shown: "data@example.com", Events: []string{store.EventSchemaChanged}},
			} {
				if err := tx.CreateTarget(target); err != nil {
					return err
				}
			}
			return tx.CreateUser(admin)
		})
		failed, fine, changed, look := store.Run{State: "failed"}, store.Run{State: "succeeded"}, store.Run{State: "succeeded", Added: 1}, store.Run{State: "needs_look", Missing: 30}
		all := []string{"target:all schema_changed", "target:few schema_changed"}
		for i, step := range []struct {
			run  store.Run
			want []string
		}{
			{store.Run{State: "succeeded", Added: 9, Trigger: "created"}, nil}, {fine, nil}, {changed, all},
			{failed, nil}, {failed, nil}, {store.Run{State: "cancelled"}, nil}, {store.Run{State: "interrupted"}, nil},
			{failed, []string{"target:all refresh_failing", "user:" + admin.ID + " refresh_failing"}}, {failed, nil},
			{changed, []string{"target:all refresh_recovered", "target:all schema_changed", "target:few schema_changed", "user:" + admin.ID + " refresh_recovered"}},
			{failed, nil}, {failed, nil}, {fine, nil}, {failed, nil}, {failed, nil},
			{look, []string{"target:all refresh_needs_look", "user:" + admin.ID + " refresh_needs_look"}}, {look, nil},
			{failed, nil}, {failed, nil}, {failed, []string{"target:all refresh_failing", "user:" + admin.ID + " refresh_failing"}}, {look, []string{
				"target:all refresh_recovered", "user:" + admin.ID + " refresh_recovered"}}, {fine, nil}, {failed, nil}, {fine, nil},
		} {
			if step.want == nil {
				step.want = []string{}
			}
			equal(t, ended(t, s, c, i, step.run), step.want)
		}
	})
}

// Of several processes one has an attempt, and a target that is removed is told no more.
func TestNotificationsAreTriedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		update(t, s, func(tx *store.Tx) error {
			return tx.CreateTarget(store.NotificationTarget{ID: "hook", ConnectionID: "w", Kind: "webhook", Shown: "x", Events: []string{store.EventSchemaChanged}})
		})
		ended(t, s, c, 0, store.Run{State: "succeeded", Added: 9}) // the first reading
		ended(t, s, c, 1, store.Run{State: "succeeded", Removed: 1})
		due, err := s.DueNotifications(ctx, c.Now(), 10)
		check(t, err)
		equal(t, len(due), 1)
		next := c.Now().Add(time.Minute)
		for _, want := range []bool{true, false} {
			ok, err := s.ClaimNotification(ctx, due[0], next)
			check(t, err)
			equal(t, ok, want)
		}
		again, err := s.DueNotifications(ctx, c.Now(), 10)
		check(t, err)
		equal(t, len(again), 0)
		again, err = s.DueNotifications(ctx, next, 10)
		check(t, err)
		equal(t, []any{len(again), again[0].Attempts}, []any{1, int64(1)})
		n := again[0]
		n.State, n.Finished, n.Outcome = "sent", next, "200 OK"
		check(t, s.EndNotification(ctx, n))
		check(t, s.PruneNotifications(ctx, next))
		check(t, s.View(ctx, func(tx *store.Tx) error {
			all, err := tx.Notifications("w", 10)
			equal(t, []any{len(all), all[0].Outcome, all[0].Finished}, []any{1, "200 OK", next})
			return err
		}))
		check(t, s.PruneNotifications(ctx, next.Add(time.Millisecond)))
		ended(t, s, c, 2, store.Run{State: "succeeded", Removed: 1})
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.DeleteTarget("other", "hook") }), store.ErrNotFound)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteTarget("w", "hook") })
		again, err = s.DueNotifications(ctx, next.Add(time.Hour), 10)
		check(t, err)
		equal(t, len(again), 0)
	})
}

// However much waits for one host, through one target or many, every other has its turn.
func TestEveryHostIsDue(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		target := func(id, kind, shown string) {
			update(t, s, func(tx *store.Tx) error {
				return tx.CreateTarget(store.NotificationTarget{ID: id, ConnectionID: "w", Kind: kind, Shown: shown, Events: []string{store.EventSchemaChanged}})
			})
		}
		for i := range 4 {
			target(fmt.Sprint("busy", i), "webhook", "busy.example.com")
		}
		for i := range 15 {
			ended(t, s, c, i, store.Run{State: "succeeded", Added: 1}) // the first is no change
		}
		target("quiet", "webhook", "quiet.example.com")
		target("letter", "email", "data@example.com")
		ended(t, s, c, 15, store.Run{State: "succeeded", Removed: 1})
		due, err := s.DueNotifications(ctx, c.Now(), 10)
		check(t, err)
		got := []string{}
		for _, n := range due {
			got = append(got, n.Recipient+" "+n.Host)
		}
		equal(t, got[:4], []string{"target:busy0 busy.example.com", "target:letter ", "target:quiet quiet.example.com", "target:busy1 busy.example.com"})
		equal(t, len(got), 10)
		all, err := s.DueNotifications(ctx, c.Now(), 1000)
		check(t, err)
		equal(t, len(all), 52) // of 60 for the busy host, 50
	})
}

func TestRunsAndChangesAreChosen(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		for i, run := range []store.Run{{State: "succeeded", Trigger: "created"}, {State: "failed"}, {State: "succeeded", Changed: 2}, {State: "failed", Trigger: "api"}} {
			ended(t, s, c, i, run)
		}
		last := c.Now()
		ids := func(f store.RunFilter) (ids []string) {
			f.ConnectionID, f.Limit = "w", 10
			check(t, s.View(ctx, func(tx *store.Tx) error {
				runs, err := tx.RunsWhere(f)
				for _, r := range runs {
					ids = append(ids, r.ID[len(r.ID)-1:])
				}
				return err
			}))
			return ids
		}
		equal(t, ids(store.RunFilter{}), []string{"3", "2", "1", "0"})
		equal(t, ids(store.RunFilter{State: "failed"}), []string{"3", "1"})
		equal(t, ids(store.RunFilter{Trigger: "schedule"}), []string{"2", "1"})
		equal(t, ids(store.RunFilter{Changed: true}), []string{"2"})
		equal(t, ids(store.RunFilter{Since: last}), []string{"3"})
		equal(t, ids(store.RunFilter{State: "failed", Before: "run-003"}), []string{"1"})
		fence, err := s.Acquire(ctx, "refresh:w", "test", time.Minute)
		check(t, err)
		changes := []store.Change{{Change: "added", Path: catalog.Path{"shop", "100%_sure"}}, {Change: "changed", Path: catalog.Path{"shop", "Orders"}, Detail: "column total: integer -> bigint"}}
		run, err := s.Run(ctx, "run-002")
		check(t, err)
		check(t, s.PublishCatalog(ctx, "w", 1, fence, run, store.CatalogState{}, changes, nil))
		for text, want := range map[string]int{"": 2, "orders": 1, "BIGINT": 1, "100%_": 1, "%": 1, "_": 1, `\`: 0, "/": 0, "shop": 2, "shop.ord": 1, "SHOP.orders": 1, "sop.orders": 0, "nothing": 0, "' or 1=1 --": 0} {
			check(t, s.View(ctx, func(tx *store.Tx) error {
				found, err := tx.ChangesLike("run-002", text, 10, 0)
				if len(found) != want {
					t.Errorf("%q finds %v", text, found)
				}
				return err
			}))
		}
	})
}

func TestFirstReadingIsNoChangeThoughOneFailedBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		update(t, s, func(tx *store.Tx) error {
			return tx.CreateTarget(store.NotificationTarget{ID: "all", ConnectionID: "w", Kind: "webhook", Shown: "h", Box: []byte("b"), Events: []string{store.EventSchemaChanged}})
		})
		ended(t, s, c, 0, store.Run{State: "failed", Trigger: "created"})
		if told := ended(t, s, c, 1, store.Run{State: "succeeded", Trigger: "manual", Added: 9000}); len(told) > 0 {
			t.Errorf("the first reading is told as a change: %v", told)
		}
	})
}
