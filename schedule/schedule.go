// Package schedule says when: the spec of a schedule, its check, and the next instants by wall clock in a named zone, right
// across daylight saving. It is pure: no clock, no store.
package schedule

import "time"

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

// Placeholder signatures that the package promises:
//
//	func (s Spec) Check() map[string]string                        // JSON key -> words; empty: fine
//	func (s Spec) Next(after, anchor time.Time) (time.Time, bool)  // strictly after; false: never
//	func (s Spec) Preview(after, anchor time.Time, n int) []time.Time
//	func (s Spec) Words() string                                   // "Daily at 04:00 (Europe/Berlin)"
//	func Jitter(id string, every time.Duration) time.Duration      // stable: hash of id over min(10 %, 10 min)
var _ = time.Time{}
