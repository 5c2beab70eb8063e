package schedule

import (
	"time"
	_ "time/tzdata" // zones are known on machines without a zone database too
)

// A clock is a wall-clock time of day.
type clock struct{ hour, minute int }

// at returns the instant of c on a day: a time that the day skips becomes the first instant after the gap; of a time that the
// day repeats, the first. So a daily schedule runs once on every day, whatever the zone does (P66).
func at(y int, m time.Month, d int, c clock, loc *time.Location) time.Time {
	t := time.Date(y, m, d, c.hour, c.minute, 0, 0, loc)
	begins, ends := t.ZoneBounds() // of the period with one offset that t lies in
	want := time.Date(y, m, d, c.hour, c.minute, 0, 0, time.UTC)
	switch got := wall(t); {
	case got.Before(want):
		return ends // time.Date took the offset before the gap
	case got.After(want):
		return begins // and here the one after it
	}
	if begins.IsZero() {
		return t
	}
	_, before := begins.Add(-time.Second).Zone()
	_, now := t.Zone()
	if earlier := t.Add(-time.Duration(before-now) * time.Second); earlier.Before(begins) {
		return earlier // the clock went back, and showed this time before it did
	}
	return t
}

// wall is the wall clock's reading as if it were UTC, so that readings can be compared.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
