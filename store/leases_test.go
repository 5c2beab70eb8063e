package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/store"
)

// A holder whose lease went to another cannot write any more (P82).
func TestStaleHolderIsFencedOff(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		slept, err := s.Acquire(ctx, "refresh/w", "slept", time.Minute)
		check(t, err)
		_, err = s.Acquire(ctx, "refresh/w", "other", time.Minute)
		want(t, err, store.ErrLeaseHeld)
		c.add(2 * time.Minute)
		_, err = s.Acquire(ctx, "refresh/w", "other", time.Minute)
		check(t, err)
		want(t, s.PutTables(ctx, "w", 1, slept, []store.TableRow{row("a", "1", false)}), store.ErrReplaced)
		want(t, s.Renew(ctx, slept, time.Minute), store.ErrReplaced)
	})
}

// Of several who want a lease again and again, there are never two inside, and each one's token is larger than any before (P82).
func TestLeaseContendersNeverMeet(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		var inside, entered, last atomic.Int64
		contend := func(holder string) {
			for entered.Load() < 24 {
				f, err := s.Acquire(ctx, "one", holder, time.Hour)
				if errors.Is(err, store.ErrLeaseHeld) {
					time.Sleep(time.Millisecond)
					continue
				}
				if err != nil {
					t.Errorf("acquire: %v", err)
					return
				}
				entered.Add(1)
				if inside.Add(1) != 1 {
					t.Error("two are inside")
				}
				if before := last.Swap(f.Token); before >= f.Token {
					t.Errorf("token %d after %d", f.Token, before)
				}
				time.Sleep(time.Millisecond)
				inside.Add(-1)
				if err := s.Release(ctx, f); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		}
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() { contend(fmt.Sprint(i)) })
		}
		all.Wait()
	})
}

// A lease that was given back, or that its holder's successor broke, covers nothing, even before anyone takes it again.
func TestEndedLeaseCoversNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		for name, end := range map[string]func(store.Fence) error{
			"release": func(f store.Fence) error { return s.Release(ctx, f) },
			"break": func(f store.Fence) error {
				return s.Maintain(ctx, func(tx *store.Tx) error { return tx.BreakLease(f.Name) })
			},
		} {
			f, err := s.Acquire(ctx, name, "me", time.Minute)
			check(t, err)
			check(t, s.Renew(ctx, f, time.Minute))
			check(t, s.PutTables(ctx, "w", 1, f, []store.TableRow{row(name, "1", false)}))
			check(t, end(f))
			want(t, s.PutTables(ctx, "w", 1, f, []store.TableRow{row(name, "2", false)}), store.ErrReplaced)
			want(t, s.RemoveTables(ctx, "w", 1, f, "run", c.Now(), []string{name}, true), store.ErrReplaced)
			want(t, s.PublishCatalog(ctx, "w", 1, f, store.Run{}, store.CatalogState{}, nil, nil), store.ErrReplaced)
			want(t, s.Renew(ctx, f, time.Minute), store.ErrReplaced)
			again, err := s.Acquire(ctx, name, "me", time.Minute)
			check(t, err)
			equal(t, again.Token > f.Token, true)
		}
	})
}

// Who asks again for a lease that they hold keeps it, and what it covers.
func TestLeaseIsItsHoldersToExtend(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		first, err := s.Acquire(ctx, "one", "me", time.Minute)
		check(t, err)
		c.add(50 * time.Second)
		again, err := s.Acquire(ctx, "one", "me", time.Minute)
		check(t, err)
		equal(t, again, first)
		c.add(50 * time.Second)
		_, err = s.Acquire(ctx, "one", "other", time.Minute)
		want(t, err, store.ErrLeaseHeld)
	})
}

// A lease of a clock that was ahead is free once the clock is right; its holder is fenced off.
func TestLeaseOfAClockThatWasAhead(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		c.add(24 * time.Hour)
		ahead, err := s.Acquire(ctx, "one", "ahead", time.Minute)
		check(t, err)
		c.add(-24 * time.Hour)
		_, err = s.Acquire(ctx, "one", "other", time.Minute)
		check(t, err)
		want(t, s.Renew(ctx, ahead, time.Minute), store.ErrReplaced)
		_, err = s.Acquire(ctx, "one", "third", time.Minute)
		want(t, err, store.ErrLeaseHeld)
	})
}
