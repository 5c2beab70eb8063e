package schedule

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The years that the table of all zones covers (P66).
var (
	firstDay = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	lastDay  = time.Date(2029, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// zones are all zones of the embedded database, by what their clocks do in those years: aliases are tried once.
func zones(t *testing.T) map[string]*time.Location {
	t.Helper()
	text, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(text))
	if len(names) < 590 {
		t.Fatalf("only %d zones are listed", len(names))
	}
	byClock := map[string]*time.Location{}
	for _, name := range names {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		byClock[behaviour(loc)] = loc
	}
	return byClock
}

// behaviour is every change of offset, with the offset at the start.
func behaviour(loc *time.Location) string {
	s := ""
	for at := firstDay.AddDate(0, 0, -3).In(loc); !at.IsZero() && at.Before(lastDay.AddDate(0, 0, 3)); {
		_, offset := at.Zone()
		s += fmt.Sprint(at.Unix(), offset, " ")
		_, at = at.ZoneBounds()
	}
	return s
}

// firstReached is the rule by its meaning, with no arithmetic on offsets: the first minute at which the clock on the wall
// shows that time of that day or a later one.
func firstReached(day time.Time, c clock, loc *time.Location) time.Time {
	want := time.Date(day.Year(), day.Month(), day.Day(), c.hour, c.minute, 0, 0, time.UTC)
	for t := want.Add(-26 * time.Hour); ; t = t.Add(time.Minute) {
		local := t.In(loc)
		y, m, d := local.Date()
		if shown := time.Date(y, m, d, local.Hour(), local.Minute(), 0, 0, time.UTC); !shown.Before(want) {
			return t
		}
	}
}

// steady says whether the zone keeps one offset for two days around the day, so that the table need not walk minutes there.
func steady(day time.Time, loc *time.Location) bool {
	begins, ends := day.In(loc).ZoneBounds()
	return (begins.IsZero() || begins.Before(day.AddDate(0, 0, -2))) && (ends.IsZero() || ends.After(day.AddDate(0, 0, 3)))
}

// Every zone x three years x five times of day: each scheduled day has exactly one run, at the instant that the rule means.
func TestDailyRunsOnceOnEveryDayInEveryZone(t *testing.T) {
	t.Parallel()
	all := zones(t)
	if len(all) < 60 {
		t.Fatalf("only %d different zones", len(all))
	}
	var running sync.WaitGroup
	for _, loc := range all {
		running.Go(func() {
			for _, c := range []clock{{0, 0}, {0, 30}, {1, 30}, {2, 30}, {23, 59}} {
				checkZone(t, loc, c)
			}
		})
	}
	running.Wait()
}

func checkZone(t *testing.T, loc *time.Location, c clock) {
	s := Spec{Kind: Daily, At: fmt.Sprintf("%02d:%02d", c.hour, c.minute), TimeZone: loc.String()}
	p := s.plan()
	last := firstReached(firstDay.AddDate(0, 0, -1), c, loc)
	for day := firstDay; day.Before(lastDay); day = day.AddDate(0, 0, 1) {
		want := time.Date(day.Year(), day.Month(), day.Day(), c.hour, c.minute, 0, 0, loc)
		if !steady(day, loc) {
			want = firstReached(day, c, loc)
		}
		got, ok := p.next(last, loc)
		if !ok || !got.Equal(want) {
			t.Errorf("%s, day %s: after %s comes %s, want %s", s.Words(), day.Format(time.DateOnly), last, got.In(loc), want.In(loc))
			return
		}
		if gap := got.Sub(last); gap <= 0 || gap > 26*time.Hour {
			t.Errorf("%s: %s after the run before", s.Words(), gap)
		}
		last = got
	}
}

// Zones that crossed the date line: the day that never was has no run of its own, and nothing runs twice at once.
func TestASkippedDay(t *testing.T) {
	t.Parallel()
	for zone, skipped := range map[string]time.Time{
		"Pacific/Apia":      time.Date(2011, time.December, 30, 0, 0, 0, 0, time.UTC),
		"Pacific/Fakaofo":   time.Date(2011, time.December, 30, 0, 0, 0, 0, time.UTC),
		"Pacific/Kwajalein": time.Date(1993, time.August, 21, 0, 0, 0, 0, time.UTC),
	} {
		for _, c := range []clock{{0, 0}, {4, 0}, {23, 59}} {
			s := Spec{Kind: Daily, At: fmt.Sprintf("%02d:%02d", c.hour, c.minute), TimeZone: zone}
			last := skipped.AddDate(0, 0, -3)
			seen := map[string]bool{}
			for _, run := range s.Preview(last, time.Time{}, 8) {
				if !run.After(last) {
					t.Errorf("%s: %s comes after %s", s.Words(), run, last)
				}
				last = run
				seen[run.In(s.location()).Format(time.DateOnly)] = true
			}
			if seen[skipped.Format(time.DateOnly)] || !seen[skipped.AddDate(0, 0, 1).Format(time.DateOnly)] || !seen[skipped.AddDate(0, 0, 2).Format(time.DateOnly)] {
				t.Errorf("%s around %s ran on %v", s.Words(), skipped.Format(time.DateOnly), seen)
			}
		}
	}
}
