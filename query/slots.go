package query

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A BusyError is a query that found no slot in time.
type BusyError struct {
	Limit         int  // how many may run at once
	ForConnection bool // the limit is the connection's; otherwise the person's
	Place         int  // in the queue of those who wait, from 1
}

func (e *BusyError) Error() string {
	whose := "of yours are running"
	if e.ForConnection {
		whose = "are running on this connection"
	}
	return fmt.Sprintf("%d queries %s, which is the limit; this one was number %d in the queue", e.Limit, whose, e.Place)
}

// slots limits how many queries run at once, per person and per connection. Who waits is served in the order of arrival,
// except that nobody waits for a slot that only others lack.
type slots struct {
	perUser, perConnection int
	wait                   time.Duration

	mu      sync.Mutex
	users   map[string]int
	conns   map[string]int
	waiting []*waiter
}

// A waiter is one query in the queue. granted is closed when it has its slot.
type waiter struct {
	user, conn string
	granted    chan struct{}
}

func newSlots(l Limits) *slots {
	return &slots{perUser: l.PerUser, perConnection: l.PerConnection, wait: l.Wait, users: map[string]int{}, conns: map[string]int{}}
}

// acquire takes a slot, waiting for one as long as is allowed. The slot must be given back by release.
func (s *slots) acquire(ctx context.Context, user, conn string) (release func(), err error) {
	w := &waiter{user: user, conn: conn, granted: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	s.grant()
	s.mu.Unlock()
	timer := time.NewTimer(s.wait)
	defer timer.Stop()
	select {
	case <-w.granted:
		return func() { s.release(w) }, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		err = s.busy(w)
	}
	if s.leave(w) {
		return nil, err
	}
	return func() { s.release(w) }, nil // it was granted in the meantime
}

// grant gives slots to those who can have one, in their order. The caller holds mu.
func (s *slots) grant() {
	rest := s.waiting[:0]
	for _, w := range s.waiting {
		if s.users[w.user] >= s.perUser || s.conns[w.conn] >= s.perConnection {
			rest = append(rest, w)
			continue
		}
		s.users[w.user]++
		s.conns[w.conn]++
		close(w.granted)
	}
	clear(s.waiting[len(rest):])
	s.waiting = rest
}

func (s *slots) release(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	countDown(s.users, w.user)
	countDown(s.conns, w.conn)
	s.grant()
}

// countDown forgets a key that nobody counts any more.
func countDown(m map[string]int, key string) {
	if m[key]--; m[key] == 0 {
		delete(m, key)
	}
}

// leave takes w out of the queue. It is false when w has been granted already.
func (s *slots) leave(w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.waiting {
		if other == w {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// busy says why w waits, and its place among those who wait for the same.
func (s *slots) busy(w *waiter) *BusyError {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &BusyError{Limit: s.perUser, ForConnection: s.users[w.user] < s.perUser}
	if e.ForConnection {
		e.Limit = s.perConnection
	}
	for _, other := range s.waiting {
		if e.ForConnection && other.conn == w.conn || !e.ForConnection && other.user == w.user {
			e.Place++
		}
		if other == w {
			break
		}
	}
	return e
}
