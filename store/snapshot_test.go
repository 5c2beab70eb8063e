package store_test

import (
	"context"
	"errors"
	"testing"

	"patchbay/store"
)

func withTwoProjects(t *testing.T, s *store.Store, c *clock) {
	t.Helper()
	withWarehouse(t, s, c)
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.CreateProject(store.Project{ID: "p", Name: "P"}), tx.CreateProject(store.Project{ID: "q", Name: "Q"}), tx.Import("p", "w"))
	})
}

func TestSnapshotSeesOneMoment(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withTwoProjects(t, s, c)
		inside, end := s.Snapshot(ctx)
		p, err := s.Project(inside, "p")
		check(t, err)
		p.Name = "Renamed"
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.UpdateProject(p), tx.SetShares("q", nil), tx.DeleteProject("q"))
		})
		again, err := s.Project(inside, "p")
		check(t, err)
		equal(t, again.Name, "P")
		q, err := s.Project(inside, "q") // not read before
		check(t, err)
		equal(t, q.Name, "Q")
		outside, err := s.Project(ctx, "p")
		check(t, err)
		equal(t, outside.Name, "Renamed")
		end()
		if _, err := s.Project(inside, "p"); !errors.Is(err, context.Canceled) {
			t.Errorf("after its end it answers %v", err)
		}
	})
}

// What one caller does with what it read is not seen by the next.
func TestSnapshotIsNotChangedByItsReaders(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withTwoProjects(t, s, c)
		inside, end := s.Snapshot(ctx)
		defer end()
		read := func() (list []store.Connection) {
			check(t, s.View(inside, func(tx *store.Tx) (err error) { list, err = tx.ProjectUses("p"); return err }))
			return list
		}
		want, err := s.Connection(ctx, "w")
		check(t, err)
		if len(want.SecretsSet) == 0 || len(want.CanQuery) == 0 {
			t.Fatalf("nothing that could be added twice: %+v", want)
		}
		first := read()
		first[0].Name = "another"
		equal(t, read()[0], want)
		equal(t, read()[0], want)
	})
}

// A View that fails takes the next ones nothing, and one inside another has a transaction of its own.
func TestSnapshotAfterAFailure(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withTwoProjects(t, s, c)
		inside, end := s.Snapshot(ctx)
		defer end()
		_, err := s.Project(inside, "none")
		want(t, err, store.ErrNotFound)
		if err := s.View(inside, func(tx *store.Tx) error { return tx.Fail() }); err == nil {
			t.Fatal("a statement that cannot be read succeeds")
		}
		func() {
			defer func() { _ = recover() }()
			_ = s.View(inside, func(*store.Tx) error { panic("a reader's fault") })
		}()
		p, err := s.Project(inside, "p")
		check(t, err)
		equal(t, p.Name, "P")
		check(t, s.View(inside, func(tx *store.Tx) error {
			q, err := s.Project(inside, "q")
			equal(t, q.Name, "Q")
			return err
		}))
	})
}
