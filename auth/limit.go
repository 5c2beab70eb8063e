package auth

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Wrong passwords are counted over a window. An account may be tried a few times freely; then each attempt waits longer than
// the one before, and is never refused for good, since that would let anybody lock anybody out.
const (
	window       = 15 * time.Minute
	freeFailures = 5
	firstDelay   = 30 * time.Second
	perNetwork   = 50
	maxCounted   = 20_000 // keys in memory; beyond it the map forgets at random
)

// What an attempt is counted by.
const (
	accountKey = "account "
	networkKey = "network "
	deviceKey  = "device "
)

// A limiter counts failed attempts by account, by network, and by known browser, in this process only.
type limiter struct {
	mu       sync.Mutex
	failures map[string][]time.Time // key -> within the window, ascending
}

func newLimiter() *limiter { return &limiter{failures: map[string][]time.Time{}} }

// An attempt is what one try is counted by: key by key the rule that says how long to wait.
type attempt map[string]func(failures []time.Time, now time.Time) time.Duration

// accountDelay lets five failures pass, then asks for 30 s, 1 min, 2 min ... after the last one.
func accountDelay(failures []time.Time, now time.Time) time.Duration {
	over := len(failures) - freeFailures
	if over < 0 {
		return 0
	}
	delay := min(firstDelay<<min(over, 10), window)
	return failures[len(failures)-1].Add(delay).Sub(now)
}

// networkDelay lets fifty failures pass in the window.
var networkDelay = atMost(perNetwork)

// atMost lets so many pass in the window.
func atMost(n int) func(earlier []time.Time, now time.Time) time.Duration {
	return func(earlier []time.Time, now time.Time) time.Duration {
		if len(earlier) < n {
			return 0
		}
		return earlier[len(earlier)-n].Add(window).Sub(now)
	}
}

// begin counts an attempt as failed before it is made, so that attempts side by side cannot outrun the count; or says how
// long to wait, and counts nothing.
func (l *limiter) begin(a attempt, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	for key, delay := range a {
		wait = max(wait, delay(l.recent(key, now), now))
	}
	if wait > 0 {
		return wait
	}
	l.makeRoom(now)
	for key := range a {
		l.failures[key] = append(l.failures[key], now)
	}
	return 0
}

// undo takes back an attempt that was not made after all.
func (l *limiter) undo(a attempt, when time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range a {
		if i := slices.Index(l.failures[key], when); i >= 0 {
			l.failures[key] = slices.Delete(l.failures[key], i, i+1)
		}
	}
}

// succeed forgets the failures before an attempt that was right. Those of a network stay, but for this one: one good password
// makes the others from there no better.
func (l *limiter) succeed(a attempt, when time.Time) {
	l.undo(a, when)
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range a {
		if !strings.HasPrefix(key, networkKey) {
			delete(l.failures, key)
		}
	}
}

// recent drops failures that are older than the window and returns the others.
func (l *limiter) recent(key string, now time.Time) []time.Time {
	kept := slices.DeleteFunc(l.failures[key], func(t time.Time) bool { return now.Sub(t) >= window })
	if len(kept) == 0 {
		delete(l.failures, key)
		return nil
	}
	l.failures[key] = kept
	return kept
}

// makeRoom bounds the memory that somebody with many addresses can take.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.failures) < maxCounted {
		return
	}
	for key := range l.failures {
		l.recent(key, now)
	}
	for key := range l.failures {
		if len(l.failures) < maxCounted {
			return
		}
		delete(l.failures, key)
	}
}
