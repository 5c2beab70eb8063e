// Package schedule says when: the spec of a schedule, its check, and the next instants by wall clock in a named zone, right
// across daylight saving. It is pure: no clock, no store.
package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Kind is a way to repeat.
type Kind string

// The kinds of schedule.
const (
	Off     Kind = "off"
	Hourly  Kind = "hourly" // every EveryHours hours of elapsed time
	Daily   Kind = "daily"
	Weekly  Kind = "weekly" // on Days
	Monthly Kind = "monthly"
	Cron    Kind = "cron"
)

// A Spec is a schedule as it is stored and as the API writes it.
type Spec struct {
	Kind       Kind     `json:"kind"`
	EveryHours int      `json:"every_hours,omitempty"`
	At         string   `json:"at,omitempty"`           // "HH:MM"
	Days       []string `json:"days,omitempty"`         // "mon" to "sun"
	DayOfMonth int      `json:"day_of_month,omitempty"` // 1 to 31; a shorter month runs on its last day
	Cron       string   `json:"cron,omitempty"`         // five fields
	TimeZone   string   `json:"time_zone,omitempty"`    // IANA name; empty is UTC
}

// Words is the schedule as people read it: "Daily at 04:00 (Europe/Berlin)".
func (s Spec) Words() string {
	zone := s.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	switch s.Kind {
	case Hourly:
		if s.EveryHours == 1 {
			return "Every hour"
		}
		return fmt.Sprintf("Every %d hours", s.EveryHours)
	case Daily:
		return fmt.Sprintf("Daily at %s (%s)", s.At, zone)
	case Weekly:
		return fmt.Sprintf("Every %s at %s (%s)", dayNames(s.Days), s.At, zone)
	case Monthly:
		return fmt.Sprintf("Monthly on day %d at %s (%s)", s.DayOfMonth, s.At, zone)
	case Cron:
		return fmt.Sprintf("Cron %s (%s)", s.Cron, zone)
	default:
		return "Off"
	}
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday

// dayNames lists days from Monday on: "Monday, Wednesday and Friday".
func dayNames(days []string) string {
	var names []string
	for i := range weekdays {
		day := time.Weekday((i + 1) % 7)
		if slices.Contains(days, weekdays[day]) {
			names = append(names, day.String())
		}
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Window is how much later than due something runs at the most.
func Window(every time.Duration) time.Duration { return min(every/10, 10*time.Minute) }

// Jitter is how much later than due something runs, so that what is due together does not start together: a share of the time
// between two runs, at most 10 % and 10 minutes, and always the same for the same id.
func Jitter(id string, every time.Duration) time.Duration {
	window := Window(every)
	if window <= 0 {
		return 0
	}
	hash := sha256.Sum256([]byte(id))
	return time.Duration(binary.BigEndian.Uint64(hash[:8]) % uint64(window))
}

// Begins is when what is due begins: its Jitter later. What should have begun before since, when whoever starts it was not there or
// slept, counts from then, so that not everything that was missed is made up for at once.
func (s Spec) Begins(id string, due, anchor, since time.Time) time.Time {
	var late time.Duration
	if after, on := s.Next(due, anchor); on {
		late = Jitter(id, after.Sub(due))
	}
	if begins := due.Add(late); !begins.Before(since) {
		return begins
	}
	return since.Add(late)
}

// Wall is a time without its monotonic reading, which stands still while the machine sleeps and knows nothing of a clock that is set.
func Wall(t time.Time) time.Time { return t.Round(0) }
