package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/schedule"
	"patchbay/store"
)

// warehouse is a connection with one secret.
func warehouse(c *clock) store.Connection {
	return store.Connection{ID: "w", Name: "Warehouse", Type: "postgres", Config: map[string]string{"host": "db"}, Destination: "digest-1",
		CanQuery: []string{"members"}, CanViewResults: []string{"public"}, Schedule: schedule.Spec{Kind: schedule.Daily, At: "04:00"},
		CreatedBy: "mira", Created: c.Now(), Updated: c.Now(), ScheduleAnchor: c.Now()}
}

func withWarehouse(t *testing.T, s *store.Store, c *clock) {
	t.Helper()
	update(t, s, func(tx *store.Tx) error {
		return tx.CreateConnection(warehouse(c), map[string][]byte{"password": []byte("box-1")})
	})
}

// An edit takes nothing back of when the connection is due, which the schedule moves on meanwhile.
func TestUpdateKeepsWhenItIsDue(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		edited, err := s.Connection(ctx, "w")
		check(t, err)
		due := c.Now().Add(24 * time.Hour)
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.SetNextRefresh("w", due) }))
		edited.Description = "edited"
		update(t, s, func(tx *store.Tx) error { return tx.UpdateConnection(edited, nil, nil) })
		got, err := s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{got.Description, got.NextRefresh}, []any{"edited", due})
	})
}

func TestConnections(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		got, err := s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{got.Config, got.SecretsSet, got.CanQuery, got.CanViewResults, got.Schedule.At, got.Reach},
			[]any{map[string]string{"host": "db"}, []string{"password"}, []string{"members"}, []string{"public"}, "04:00", "unknown"})
		twin := warehouse(c)
		twin.ID, twin.Name = "w2", "WAREHOUSE"
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.CreateConnection(twin, nil) }), store.ErrExists)
		update(t, s, func(tx *store.Tx) error {
			return tx.SetReach("w", store.ReachUnreachable, "timeout", "timed out", c.Now())
		})
		since := c.Now()
		c.add(time.Hour)
		update(t, s, func(tx *store.Tx) error {
			return tx.SetReach("w", store.ReachUnreachable, "timeout", "timed out", c.Now())
		})
		got, err = s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{got.ReachSince, got.ReachChecked}, []any{since, c.Now()})
		update(t, s, func(tx *store.Tx) error { return tx.SetPermissions("w", []string{"g"}, nil, true) })
		got, err = s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{got.CanQuery, got.CanViewResults, got.RefreshAdminsOnly}, []any{[]string{"g"}, []string{}, true})
	})
}

// The destination rule stands in the store, so that no door can pass it (P12).
func TestDestinationChangeNeedsSecrets(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		moved, err := s.Connection(ctx, "w")
		check(t, err)
		moved.Destination, moved.Config = "digest-2", map[string]string{"host": "evil"}
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateConnection(moved, nil, nil) }), store.ErrSecretsNeeded)
		kept, err := s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{kept.Destination, kept.Config["host"]}, []any{"digest-1", "db"})
		update(t, s, func(tx *store.Tx) error {
			return tx.UpdateConnection(moved, map[string][]byte{"password": []byte("box-2")}, nil)
		})
		var box []byte
		check(t, s.View(ctx, func(tx *store.Tx) (err error) { box, err = tx.SecretBox("w", "password"); return err }))
		equal(t, string(box), "box-2")
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateConnection(moved, nil, nil) }), store.ErrConflict)
	})
}

// Whatever an update brings along, it is taken only when no saved secret would follow to another destination (P12).
func TestNoSecretFollowsToAnotherDestination(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		for _, destination := range []string{"digest-1", "elsewhere"} {
			for choice := range 9 { // each of two secrets is kept, replaced or removed
				set, remove, kept := map[string][]byte{}, []string(nil), 0
				for field, what := range map[string]int{"password": choice % 3, "key": choice / 3} {
					switch what {
					case 0:
						kept++
					case 1:
						set[field] = []byte("new")
					default:
						remove = append(remove, field)
					}
				}
				saved := warehouse(c)
				saved.ID = fmt.Sprint(destination, choice)
				saved.Name, saved.Version = saved.ID, 1
				update(t, s, func(tx *store.Tx) error {
					return tx.CreateConnection(saved, map[string][]byte{"password": []byte("old"), "key": []byte("old")})
				})
				before, err := s.Connection(ctx, saved.ID)
				check(t, err)
				saved.Destination = destination
				err = s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateConnection(saved, set, remove) })
				after, readErr := s.Connection(ctx, saved.ID)
				check(t, readErr)
				if destination == "elsewhere" && kept > 0 {
					want(t, err, store.ErrSecretsNeeded)
					equal(t, after, before)
					continue
				}
				check(t, err)
				equal(t, []any{after.Destination, len(after.SecretsSet)}, []any{destination, kept + len(set)})
			}
		}
	})
}

func TestConnectionFields(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		full := warehouse(c)
		full.Description, full.AllowWriteback, full.HideFromAgents, full.RefreshAdminsOnly, full.NextRefresh = "d", true, true, true, c.Now()
		update(t, s, func(tx *store.Tx) error { return tx.CreateConnection(full, nil) })
		filter := catalog.Filter{Schemas: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchGlob, Values: []string{"public"}}}}
		spec := schedule.Spec{Kind: schedule.Daily, At: "05:00"}
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.SetFilter("w", filter), tx.SetSchedule("w", spec, c.Now(), c.Now().Add(time.Hour)), tx.SetServer("w", "MySQL", "8.4", catalog.CaseLetters))
		})
		got, err := s.Connection(ctx, "w")
		check(t, err)
		equal(t, *got.Filter.Schemas.Include, *filter.Schemas.Include)
		equal(t, got.Filter.Names, catalog.CaseLetters)
		full.Filter, full.Schedule, full.NextRefresh, full.ServerProduct, full.ServerVersion = got.Filter, spec, c.Now().Add(time.Hour), "MySQL", "8.4"
		full.Reach, full.Version = store.ReachUnknown, 3
		equal(t, got, full)
		list, err := s.Connections(ctx)
		check(t, err)
		equal(t, []any{len(list), list[0].ID, list[0].ServerVersion}, []any{1, "w", "8.4"})
		equal(t, got.Access().ID, "w")
	})
}

// Due are those whose time has come; drafts and those that are never refreshed are not.
func TestDueConnections(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			for name, next := range map[string]time.Time{"now": c.Now(), "later": c.Now().Add(time.Millisecond), "never": {}, "draft": c.Now()} {
				due := warehouse(c)
				due.ID, due.Name, due.NextRefresh, due.Draft = name, name, next, name == "draft"
				if err := tx.CreateConnection(due, nil); err != nil {
					return err
				}
			}
			return nil
		})
		due, err := s.DueConnections(ctx, c.Now())
		check(t, err)
		equal(t, []any{len(due), due[0].ID}, []any{1, "now"})
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.SetNextRefresh("now", c.Now().Add(time.Hour)) }))
		due, err = s.DueConnections(ctx, c.Now())
		check(t, err)
		equal(t, len(due), 0)
	})
}

// A connection that is deleted takes along everything that is of it.
func TestDeletedConnectionLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		published(t, s, c, row("a", "1", false))
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateProject(store.Project{ID: "p"}), tx.Import("p", "w"))
		})
		update(t, s, func(tx *store.Tx) error { return tx.DeleteConnection("w") })
		equal(t, len(tables(t, s, "w")), 0) // at once
		check(t, s.SweepDeleted(ctx))
		for _, table := range []string{"connection_secret", "connection_grant", "project_connection", "catalog_state", "catalog_table", "catalog_number",
			"catalog_tombstone", "refresh_run", "refresh_change"} {
			n, err := s.Column(ctx, `select cast(count(*) as text) from `+table)
			check(t, err)
			if n[0] != "0" {
				t.Errorf("%s keeps %s rows", table, n[0])
			}
		}
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.DeleteConnection("w") }), store.ErrNotFound)
	})
}

// A project connection that is shared keeps its secrets and its project, and has grants; a name that is taken stops all of it.
func TestShareConnection(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		own := warehouse(c)
		own.ID, own.ProjectID, own.CanQuery, own.CanViewResults = "own", "p", nil, nil
		update(t, s, func(tx *store.Tx) error {
			return tx.CreateConnection(own, map[string][]byte{"password": []byte("box-own")})
		})
		to := own
		to.ProjectID, to.CanQuery, to.CanViewResults = "", []string{"members"}, []string{"public"}
		to.Schedule = schedule.Spec{Kind: schedule.Off}
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.ShareConnection(to) }), store.ErrExists)
		got, err := s.Connection(ctx, "own")
		check(t, err)
		equal(t, []any{got.ProjectID, got.Name}, []any{"p", "Warehouse"})
		to.Name = "Till"
		update(t, s, func(tx *store.Tx) error { return tx.ShareConnection(to) })
		got, err = s.Connection(ctx, "own")
		check(t, err)
		equal(t, []any{got.ProjectID, got.Name, got.SecretsSet, got.CanQuery, got.CanViewResults}, []any{"", "Till", []string{"password"}, []string{"members"}, []string{"public"}})
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.ShareConnection(to) }), store.ErrNotFound)
	})
}
