package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"patchbay/connectors"
)

// A check is one thing that every connector must do.
type check struct {
	name string
	// needs says what the subject lacks for this check, and so why it is skipped; empty where it lacks nothing. Nil: nothing.
	needs func(*Subject) string
	run   func(*T, *Subject)
}

// checks are all of them, in the order in which a reader meets a database.
var checks = joined(reachingChecks, hostileChecks, tlsChecks, tunnelChecks, catalogChecks, queryChecks, readOnlyChecks, endingChecks, faultChecks)

func joined(lists ...[]check) []check {
	var all []check
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// T is the test of one check. Where the subject says that the check does not hold, its failures are counted instead of shown.
type T struct {
	*testing.T
	expected string // why a failure is expected; empty: it is not
	mu       sync.Mutex
	failures []string
}

// Errorf fails the check and goes on. It may be called from any goroutine.
func (t *T) Errorf(format string, args ...any) {
	t.T.Helper()
	if t.expected == "" {
		t.T.Errorf(format, args...)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

// Fatalf fails the check and ends it.
func (t *T) Fatalf(format string, args ...any) {
	t.T.Helper()
	t.Errorf(format, args...)
	if t.expected == "" {
		t.FailNow()
	}
	t.Skipf("%s (as expected: %s)", t.expected, t.failures[0])
}

// Run runs every check on the subject, and prints at its end what was skipped and why. Run one with -run 'NAME/check'.
func Run(t *testing.T, s *Subject) {
	t.Helper()
	for name := range s.Skip {
		if !slices.ContainsFunc(checks, func(c check) bool { return c.name == name }) {
			t.Errorf("there is no check of the name %q to skip", name)
		}
	}
	if _, err := connectors.NewRegistry([]*connectors.Connector{s.Connector}, nil); err != nil {
		t.Fatal(err)
	}
	matrix := &strings.Builder{}
	for _, c := range checks {
		state := "passed"
		ok := t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) { state = c.try(t, s) })
		if !ok {
			state = "FAILED"
		}
		fmt.Fprintf(matrix, "%-28s %s\n", c.name, state)
	}
	t.Logf("%s on %s\n%s", s.Connector.Type, s.Name, matrix)
}

// try runs one check and says how it went.
func (c check) try(t *testing.T, s *Subject) (state string) {
	if c.needs != nil {
		if lacks := c.needs(s); lacks != "" {
			if s.Skip[c.name] != "" {
				t.Errorf("%s is in Skip and does not apply: the subject has %s", c.name, lacks)
			}
			return "no need: " + lacks
		}
	}
	v := &T{T: t, expected: s.Skip[c.name]}
	c.run(v, s)
	switch {
	case v.expected == "":
		return "passed"
	case len(v.failures) == 0:
		t.Errorf("%s is in Skip (%s) and passes: take it out", c.name, v.expected)
	}
	return "skipped: " + v.expected
}

// The needs that several checks share.

func network(s *Subject) string {
	if !s.Connector.Tunnel {
		return "no network"
	}
	return ""
}

func embedded(s *Subject) string {
	if s.Connector.Tunnel {
		return "no files"
	}
	return ""
}

func needsTLS(s *Subject) string {
	if s.TLS == nil {
		return "no TLS"
	}
	return ""
}

func needsSecond(s *Subject) string {
	if s.Limited == nil {
		return "no second user"
	}
	return ""
}

func needsText(text func(*Subject) string, lacks string) func(*Subject) string {
	return func(s *Subject) string {
		if text(s) == "" {
			return lacks
		}
		return ""
	}
}
