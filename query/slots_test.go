package query

import (
	"context"
	"errors"
	"testing"
	"time"
)

func testSlots(perUser, perConnection int, wait time.Duration) *slots {
	return newSlots(Limits{PerUser: perUser, PerConnection: perConnection, Wait: wait})
}

func TestSlotsSayWhoIsBusyAndThePlaceInTheQueue(t *testing.T) {
	t.Parallel()
	s := testSlots(2, 3, 30*time.Millisecond)
	for range 2 {
		if _, err := s.acquire(t.Context(), "ann", "a"); err != nil {
			t.Fatal(err)
		}
	}
	var busy *BusyError
	if _, err := s.acquire(t.Context(), "ann", "b"); !errors.As(err, &busy) || busy.ForConnection || busy.Limit != 2 || busy.Place != 1 {
		t.Fatalf("a third query of one person: %v", err)
	}
	release, err := s.acquire(t.Context(), "bob", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.acquire(t.Context(), "bob", "a"); !errors.As(err, &busy) || !busy.ForConnection || busy.Limit != 3 {
		t.Fatalf("a fourth query on one connection: %v", err)
	}
	release()
	if _, err := s.acquire(t.Context(), "bob", "a"); err != nil {
		t.Fatalf("after a release: %v", err)
	}
}

func TestSlotsServeInOrderAndForgetWhoLeft(t *testing.T) {
	t.Parallel()
	s := testSlots(1, 10, time.Minute)
	release, err := s.acquire(t.Context(), "ann", "a")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan int, 3)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 3 {
		ctx := ctx
		if i != 1 {
			ctx = t.Context()
		}
		go func() {
			done, err := s.acquire(ctx, "ann", "a")
			if err != nil {
				served <- -i
				return
			}
			served <- i
			done()
		}()
		waitFor(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.waiting) == i+1 })
	}
	cancel()
	if got := <-served; got != -1 {
		t.Fatalf("%d came first, want the one that left", got)
	}
	release()
	if a, b := <-served, <-served; a != 0 || b != 2 {
		t.Errorf("served %d then %d, want 0 then 2", a, b)
	}
	if s.mu.Lock(); len(s.waiting) != 0 {
		t.Errorf("%d still wait", len(s.waiting))
	}
	s.mu.Unlock()
}

// waitFor waits until ok holds, for at most five seconds.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("it did not happen within 5 s")
}
