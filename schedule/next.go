package schedule

import (
	"slices"
	"time"
)

// horizon is how far ahead a day is looked for. 29 February is up to eight years away (2096 to 2104).
const horizon = 9 * 366

// Next is the first run strictly after an instant; false: there is none, because the schedule is off or does not pass Check.
// Hourly schedules go by elapsed time from anchor; all others by the wall clock of their zone.
func (s Spec) Next(after, anchor time.Time) (time.Time, bool) {
	if s.Kind == Off || len(s.Check()) > 0 {
		return time.Time{}, false
	}
	if s.Kind == Hourly {
		return s.nextHourly(after, anchor), true
	}
	return s.plan().next(after, s.location())
}

// Preview is the next n runs, fewer if there are no more.
func (s Spec) Preview(after, anchor time.Time, n int) []time.Time {
	var runs []time.Time
	for len(runs) < n {
		next, ok := s.Next(after, anchor)
		if !ok {
			break
		}
		runs = append(runs, next)
		after = next
	}
	return runs
}

func (s Spec) nextHourly(after, anchor time.Time) time.Time {
	if anchor.IsZero() {
		anchor = time.Unix(0, 0) // a duration cannot reach back to year 1
	}
	if after.Before(anchor) {
		after = anchor
	}
	every := time.Duration(s.EveryHours) * time.Hour
	return anchor.Add((after.Sub(anchor)/every + 1) * every).UTC()
}

func (s Spec) location() *time.Location {
	loc, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC // not reached: Check refuses unknown zones
	}
	return loc
}

// A plan is a schedule by wall clock: days, and times on such a day.
type plan struct {
	on    func(day time.Time) bool // asked with midnight UTC of the day
	times []clock                  // ascending
	// everyHour is set for cron lines that name no hour, to the minutes that they name. They follow the clock as it runs: an
	// hour that a day skips is left out, one that it repeats is kept twice, so that "every 15 minutes" stays that.
	everyHour uint64
}

// next is the first run after an instant.
func (p plan) next(after time.Time, loc *time.Location) (time.Time, bool) {
	y, m, d := after.In(loc).Date()
	for i := range horizon {
		day := time.Date(y, m, d+i, 0, 0, 0, 0, time.UTC)
		if !p.on(day) {
			continue
		}
		for _, t := range p.instants(day, loc) {
			if t.After(after) {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// instants are the runs of one day, ascending.
func (p plan) instants(day time.Time, loc *time.Location) []time.Time {
	y, m, d := day.Date()
	if p.everyHour != 0 {
		return p.running(at(y, m, d, clock{}, loc), at(y, m, d+1, clock{}, loc))
	}
	runs := make([]time.Time, len(p.times))
	for i, c := range p.times {
		runs[i] = at(y, m, d, c, loc)
	}
	return runs
}

// running walks the clock minute by minute from one midnight to the next.
func (p plan) running(from, to time.Time) []time.Time {
	var runs []time.Time
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		if has(p.everyHour, t.Minute()) {
			runs = append(runs, t)
		}
	}
	return runs
}

// plan turns a checked spec into days and times.
func (s Spec) plan() plan {
	if s.Kind == Cron {
		line, _ := parseCron(s.Cron) // checked
		return line.plan()
	}
	c, _ := parseClock(s.At) // checked
	p := plan{on: func(time.Time) bool { return true }, times: []clock{c}}
	switch s.Kind {
	case Weekly:
		p.on = func(day time.Time) bool { return slices.Contains(s.Days, weekdays[day.Weekday()]) }
	case Monthly:
		p.on = func(day time.Time) bool { return day.Day() == min(s.DayOfMonth, lastOfMonth(day)) }
	}
	return p
}

func lastOfMonth(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
