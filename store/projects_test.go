package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
)

func TestProjectsSharesImports(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		p := store.Project{ID: "p", Name: "Revenue", OwnerID: "mira", Created: c.Now(), Updated: c.Now(), Shares: []access.Share{{To: "user:mira", Access: access.Full}}}
		own := warehouse(c)
		own.ID, own.ProjectID = "own", "p"
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateProject(p), tx.Import("p", "w"), tx.Import("p", "w"), tx.CreateConnection(own, nil))
		})
		got, err := s.Project(ctx, "p")
		check(t, err)
		equal(t, got.Shares, p.Shares)
		var uses []string
		check(t, s.View(ctx, func(tx *store.Tx) error {
			list, err := tx.ProjectUses("p")
			for _, c := range list {
				uses = append(uses, c.ID)
			}
			return err
		}))
		slices.Sort(uses)
		equal(t, uses, []string{"own", "w"})
		using, err := s.ImportsOf(ctx, "w")
		check(t, err)
		equal(t, len(using), 1)
	})
}

func TestCellsKeepTheirOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			if err := tx.CreateProject(store.Project{ID: "p", Name: "P", OwnerID: "mira"}); err != nil {
				return err
			}
			for i, id := range []string{"a", "b", "c"} {
				if err := tx.CreateCell(store.Cell{ID: id, ProjectID: "p", Position: int64(i), Kind: "sql", Config: map[string]any{"k": id}}); err != nil {
					return err
				}
			}
			return errors.Join(tx.CreateCell(store.Cell{ID: "first", ProjectID: "p", Kind: "text"}), tx.MoveCell("c", 1))
		})
		cells, err := s.Cells(ctx, "p")
		check(t, err)
		var ids []string
		for _, cell := range cells {
			ids = append(ids, cell.ID)
		}
		equal(t, ids, []string{"first", "c", "a", "b"})
		stale := cells[0]
		update(t, s, func(tx *store.Tx) error { return tx.UpdateCell(stale) })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateCell(stale) }), store.ErrConflict)
	})
}

func TestProjectChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateProject(store.Project{ID: "old", Name: "Old", Updated: c.Now()}),
				tx.CreateProject(store.Project{ID: "p", Name: "P", Updated: c.Now().Add(-time.Hour)}),
				tx.Import("p", "w"), tx.SetShares("p", []access.Share{{To: "group:members", Access: access.Edit}}))
		})
		p, err := s.Project(ctx, "p")
		check(t, err)
		p.Name, p.Updated = "Revenue", c.Now().Add(time.Hour)
		update(t, s, func(tx *store.Tx) error { return tx.UpdateProject(p) })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateProject(p) }), store.ErrConflict)
		check(t, s.View(ctx, func(tx *store.Tx) error {
			all, err := tx.Projects()
			equal(t, []any{len(all), all[0].Name, all[0].Shares, all[1].Shares}, []any{2, "Revenue", p.Shares, []access.Share{}})
			facts, factsErr := tx.ProjectFacts("p")
			equal(t, []any{facts.ID, len(facts.Uses), facts.Uses[0].ID}, []any{"p", 1, "w"})
			return errors.Join(err, factsErr)
		}))
		update(t, s, func(tx *store.Tx) error { return tx.StopImport("p", "w") })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.StopImport("p", "w") }), store.ErrNotFound)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteProject("p") })
		_, err = s.Project(ctx, "p")
		want(t, err, store.ErrNotFound)
	})
}

// A project connection is decided on with its project, a workspace connection with none.
func TestOwnerOfAConnection(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		own := warehouse(c)
		own.ProjectID = "p"
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateProject(store.Project{ID: "p"}), tx.CreateConnection(own, nil))
		})
		check(t, s.View(ctx, func(tx *store.Tx) error {
			project, err := tx.Owner(own)
			equal(t, []any{project.ID, len(project.Uses)}, []any{"p", 1})
			own.ProjectID = ""
			none, err2 := tx.Owner(own)
			equal(t, none == nil, true)
			return errors.Join(err, err2)
		}))
	})
}

func TestResults(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateProject(store.Project{ID: "p"}), tx.CreateCell(store.Cell{ID: "a", ProjectID: "p", Kind: "sql"}),
				tx.CreateResult(store.Result{ID: "r1", ProjectID: "p", CellID: "a", State: "succeeded", Started: c.Now()}),
				tx.CreateResult(store.Result{ID: "r2", ProjectID: "p", CellID: "a", State: "running", Started: c.Now().Add(time.Minute)}),
				tx.CreateResult(store.Result{ID: "orphan", ProjectID: "p", CellID: "gone", State: "failed", Started: c.Now().Add(time.Hour)}))
		})
		ids := func(read func(*store.Tx) ([]store.Result, error)) (ids []string) {
			check(t, s.View(ctx, func(tx *store.Tx) error {
				list, err := read(tx)
				for _, r := range list {
					ids = append(ids, r.ID)
				}
				return err
			}))
			return ids
		}
		stale := func(tx *store.Tx) ([]store.Result, error) { return tx.StaleResults(c.Now()) }
		equal(t, ids(stale), []string{"orphan"}) // began at that moment: not before it
		c.add(time.Hour)
		equal(t, ids(stale), []string{"orphan", "r1"}) // r2 is running, however old
		equal(t, ids((*store.Tx).RunningResults), []string{"r2"})
		equal(t, ids(func(tx *store.Tx) ([]store.Result, error) { return tx.OlderResults("a", "r2") }), []string{"r1"})
		last, err := s.LastResult(ctx, "a")
		check(t, err)
		last.State, last.Rows, last.Finished = "succeeded", 3, c.Now()
		last.Columns = []store.ResultColumn{{Name: "n", Type: "int8", Family: catalog.Family("integer")}}
		update(t, s, func(tx *store.Tx) error { return errors.Join(tx.FinishResult(last), tx.DeleteResult("r1")) })
		got, err := s.ResultByID(ctx, "r2")
		check(t, err)
		equal(t, got, last)
		_, err = s.ResultByID(ctx, "r1")
		want(t, err, store.ErrNotFound)
		check(t, s.View(ctx, func(tx *store.Tx) error {
			all, err := tx.ResultIDs()
			equal(t, all, []string{"orphan", "r2"})
			return err
		}))
	})
}
