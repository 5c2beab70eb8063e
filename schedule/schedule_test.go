package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// runs are the next n runs in UTC, as the table writes them.
func runs(s Spec, after, anchor time.Time, n int) string {
	var out []string
	for _, r := range s.Preview(after, anchor, n) {
		out = append(out, r.Format("01-02 15:04"))
	}
	return strings.Join(out, ", ")
}

func TestPreview(t *testing.T) {
	t.Parallel()
	weekly := Spec{Kind: Weekly, At: "09:00", Days: []string{"fri", "mon"}, TimeZone: "America/New_York"}
	monthly := func(day int) Spec { return Spec{Kind: Monthly, At: "12:00", DayOfMonth: day} }
	cronIn := func(zone, line string) Spec { return Spec{Kind: Cron, Cron: line, TimeZone: zone} }
	for _, c := range []struct {
		what        string
		spec        Spec
		after, want string
	}{
		{"daily in UTC when no zone is named", Spec{Kind: Daily, At: "04:30"}, "2026-06-01 04:29", "06-01 04:30, 06-02 04:30, 06-03 04:30"},
		{"strictly after", Spec{Kind: Daily, At: "04:30"}, "2026-06-01 04:30", "06-02 04:30, 06-03 04:30, 06-04 04:30"},
		{"daily, the clock skips 02:30", Spec{Kind: Daily, At: "02:30", TimeZone: "Europe/Berlin"}, "2026-03-28 00:00", "03-28 01:30, 03-29 01:00, 03-30 00:30"},
		{"daily, the clock repeats 02:30", Spec{Kind: Daily, At: "02:30", TimeZone: "Europe/Berlin"}, "2026-10-24 00:00", "10-24 00:30, 10-25 00:30, 10-26 01:30"},
		{"daily, half an hour's shift", Spec{Kind: Daily, At: "01:45", TimeZone: "Australia/Lord_Howe"}, "2026-04-03 20:00", "04-04 14:45, 04-05 15:15, 04-06 15:15"},
		{"daily, midnight is skipped", Spec{Kind: Daily, At: "00:00", TimeZone: "Africa/Cairo"}, "2026-04-23 00:00", "04-23 22:00, 04-24 21:00, 04-25 21:00"},
		{"weekly, in order of days", weekly, "2026-03-05 00:00", "03-06 14:00, 03-09 13:00, 03-13 13:00"},
		{"monthly on the 31st", monthly(31), "2026-01-15 00:00", "01-31 12:00, 02-28 12:00, 03-31 12:00, 04-30 12:00"},
		{"monthly on the 30th of a leap year", monthly(30), "2028-01-31 00:00", "02-29 12:00, 03-30 12:00"},
		{"monthly on the 1st", monthly(1), "2026-12-01 12:00", "01-01 12:00, 02-01 12:00"},
		{"cron by wall clock, spring", cronIn("Europe/Berlin", "0,30 2 * * *"), "2026-03-28 00:00", "03-28 01:00, 03-28 01:30, 03-29 01:00, 03-30 00:00"},
		{"cron by wall clock, autumn: twice, not four times", cronIn("Europe/Berlin", "0,30 2 * * *"), "2026-10-24 12:00", "10-25 00:00, 10-25 00:30, 10-26 01:00"},
		{"cron that names no hour, spring", cronIn("Europe/Berlin", "0 * * * *"), "2026-03-28 23:30", "03-29 00:00, 03-29 01:00, 03-29 02:00"},
		{"cron that names no hour, autumn: no hole", cronIn("Europe/Berlin", "*/30 */1 * * *"), "2026-10-24 23:45", "10-25 00:00, 10-25 00:30, 10-25 01:00, 10-25 01:30, 10-25 02:00"},
		{"cron on weekdays", cronIn("", "15 6 * * mon-fri"), "2026-11-20 12:00", "11-23 06:15, 11-24 06:15"},
		{"cron, either day field", cronIn("", "0 0 13 * fri"), "2026-11-01 00:00", "11-06 00:00, 11-13 00:00, 11-20 00:00"},
		{"cron, both day fields with a star", cronIn("", "0 0 */1 * fri"), "2026-11-01 00:00", "11-06 00:00, 11-13 00:00"},
		{"cron on 29 February", cronIn("", "0 0 29 2 *"), "2026-01-01 00:00", "02-29 00:00, 02-29 00:00"},
		{"the longest wait there is", cronIn("", "0 0 29 2 *"), "2096-03-01 00:00", "02-29 00:00"},
		{"off", Spec{Kind: Off, At: "04:30"}, "2026-01-01 00:00", ""},
		{"the zero spec", Spec{}, "2026-01-01 00:00", ""},
		{"what does not pass Check", Spec{Kind: Daily, At: "25:00"}, "2026-01-01 00:00", ""},
	} {
		n := len(strings.Split(c.want, ","))
		if got := runs(c.spec, instant(t, c.after), time.Time{}, n); got != c.want {
			t.Errorf("%s: %s\n got  %s\n want %s", c.what, c.spec.Words(), got, c.want)
		}
	}
}

// A day on which the clock changes has 23 or 25 hourly runs when the line names no hour.
func TestCronThatNamesNoHourFollowsTheClock(t *testing.T) {
	t.Parallel()
	s := Spec{Kind: Cron, Cron: "5 * * * *", TimeZone: "America/New_York"}
	loc := s.location()
	for day, want := range map[time.Time]int{
		time.Date(2026, time.March, 8, 0, 0, 0, 0, loc):    23,
		time.Date(2026, time.November, 1, 0, 0, 0, 0, loc): 25,
		time.Date(2026, time.June, 1, 0, 0, 0, 0, loc):     24,
	} {
		n := 0
		for next, _ := s.Next(day, time.Time{}); next.Before(day.AddDate(0, 0, 1)); next, _ = s.Next(next, time.Time{}) {
			n++
		}
		if n != want {
			t.Errorf("%s has %d runs, want %d", day.Format(time.DateOnly), n, want)
		}
	}
}

// "Every N hours" counts elapsed time from its anchor, in no zone.
func TestHourlyGoesByElapsedTime(t *testing.T) {
	t.Parallel()
	anchor := instant(t, "2026-10-24 21:17").Add(12 * time.Second)
	s := Spec{Kind: Hourly, EveryHours: 2, TimeZone: "Europe/Berlin"}
	for after, want := range map[string]string{
		"2026-10-24 22:00": "10-24 23:17, 10-25 01:17, 10-25 03:17", // across the change of clocks
		"2026-10-25 01:17": "10-25 01:17, 10-25 03:17, 10-25 05:17", // 12 seconds before
		"2026-10-01 00:00": "10-24 23:17, 10-25 01:17, 10-25 03:17", // the anchor lies ahead
		"2027-01-01 00:00": "01-01 01:17, 01-01 03:17, 01-01 05:17",
	} {
		if got := runs(s, instant(t, after), anchor, 3); got != want {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
	if next, ok := s.Next(anchor.Add(2*time.Hour), anchor); !ok || !next.Equal(anchor.Add(4*time.Hour)) {
		t.Errorf("a run is strictly after: %v", next)
	}
	if next, ok := s.Next(instant(t, "2026-01-01 00:30"), time.Time{}); !ok || !next.Equal(instant(t, "2026-01-01 02:00")) {
		t.Errorf("without an anchor: %v", next)
	}
}

func TestCheckHasWordsAtEachField(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec Spec
		bad  string // the fields, by comma
	}{
		{Spec{Kind: Off}, ""},
		{Spec{Kind: Off, TimeZone: "Nowhere", Cron: "x"}, ""},
		{Spec{}, "kind"},
		{Spec{Kind: "yearly"}, "kind"},
		{Spec{Kind: Hourly, EveryHours: 1}, ""},
		{Spec{Kind: Hourly, EveryHours: 168, TimeZone: "Europe/Berlin"}, ""},
		{Spec{Kind: Hourly}, "every_hours"},
		{Spec{Kind: Hourly, EveryHours: -1}, "every_hours"},
		{Spec{Kind: Hourly, EveryHours: 169}, "every_hours"},
		{Spec{Kind: Daily, At: "00:00"}, ""},
		{Spec{Kind: Daily, At: "23:59", TimeZone: "Asia/Kathmandu"}, ""},
		{Spec{Kind: Daily}, "at"},
		{Spec{Kind: Daily, At: "24:00"}, "at"},
		{Spec{Kind: Daily, At: "4:00"}, "at"},
		{Spec{Kind: Daily, At: "04:00:00"}, "at"},
		{Spec{Kind: Daily, At: "04:00 "}, "at"},
		{Spec{Kind: Daily, At: "nine", TimeZone: "Mars/Olympus"}, "at,time_zone"},
		{Spec{Kind: Daily, At: "04:00", TimeZone: "Local"}, "time_zone"},
		{Spec{Kind: Daily, At: "04:00", TimeZone: "../../etc/passwd"}, "time_zone"},
		{Spec{Kind: Daily, At: "04:00", TimeZone: "+02:00"}, "time_zone"},
		{Spec{Kind: Weekly, At: "04:00", Days: []string{"mon", "sun"}}, ""},
		{Spec{Kind: Weekly, At: "04:00"}, "days"},
		{Spec{Kind: Weekly, At: "04:00", Days: []string{"Monday"}}, "days"},
		{Spec{Kind: Weekly}, "at,days"},
		{Spec{Kind: Monthly, At: "04:00", DayOfMonth: 31}, ""},
		{Spec{Kind: Monthly, At: "04:00"}, "day_of_month"},
		{Spec{Kind: Monthly, At: "04:00", DayOfMonth: 32}, "day_of_month"},
		{Spec{Kind: Cron, Cron: "*/5 0-6 1,15 jan-jun mon"}, ""},
		{Spec{Kind: Cron, Cron: "  0  4 * * ? "}, ""},
		{Spec{Kind: Cron}, "cron"},
		{Spec{Kind: Cron, Cron: "0 4 * *"}, "cron"},
		{Spec{Kind: Cron, Cron: "0 0 4 * * *"}, "cron"},
		{Spec{Kind: Cron, Cron: "@daily"}, "cron"},
		{Spec{Kind: Cron, Cron: "TZ=UTC 4 * * *"}, "cron"},
		{Spec{Kind: Cron, Cron: "TZ=Europe/Berlin"}, "cron"},
		{Spec{Kind: Cron, Cron: "60 4 * * *"}, "cron"},
		{Spec{Kind: Cron, Cron: "0 0 30 2 *"}, "cron"},
		{Spec{Kind: Cron, Cron: "0 4 * * *", TimeZone: "Nowhere"}, "time_zone"},
	} {
		bad := c.spec.Check()
		for _, field := range strings.Split(c.bad, ",") {
			if words := bad[field]; c.bad != "" && (words == "" || strings.HasSuffix(words, ".")) {
				t.Errorf("%+v: %q at %s", c.spec, words, field)
			}
			delete(bad, field)
		}
		if len(bad) > 0 {
			t.Errorf("%+v: %v", c.spec, bad)
		}
	}
}

// What is wrong in a cron line is said by field.
func TestCheckNamesTheCronField(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"60 4 * * *": "The minute takes 0 to 59", "0 x * * *": "The hour takes", "0 4 0 * *": "The day of month takes",
		"0 4 * 13 *": "The month takes", "0 4 * * 8": "The day of week takes", "*/0 4 * * *": "The minute takes", "0 4 31 4,6 *": "never come",
	} {
		if words := (Spec{Kind: Cron, Cron: line}).Check()["cron"]; !strings.Contains(words, want) {
			t.Errorf("%s: %q should say %q", line, words, want)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "Off"},
		{Spec{Kind: Off}, "Off"},
		{Spec{Kind: Hourly, EveryHours: 1}, "Every hour"},
		{Spec{Kind: Hourly, EveryHours: 6}, "Every 6 hours"},
		{Spec{Kind: Daily, At: "04:00", TimeZone: "Europe/Berlin"}, "Daily at 04:00 (Europe/Berlin)"},
		{Spec{Kind: Weekly, At: "04:00", Days: []string{"sun"}}, "Every Sunday at 04:00 (UTC)"},
		{Spec{Kind: Weekly, At: "04:00", Days: []string{"sun", "wed", "mon", "mon"}}, "Every Monday, Wednesday and Sunday at 04:00 (UTC)"},
		{Spec{Kind: Monthly, At: "04:00", DayOfMonth: 31}, "Monthly on day 31 at 04:00 (UTC)"},
		{Spec{Kind: Cron, Cron: "0 4 * * *"}, "Cron 0 4 * * * (UTC)"},
	} {
		if got := c.spec.Words(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestJitter(t *testing.T) {
	t.Parallel()
	buckets := map[int]int{}
	for i := range 1000 {
		id := fmt.Sprintf("0193a1b2-0000-7000-8000-%012d", i)
		long, short := Jitter(id, 24*time.Hour), Jitter(id, time.Hour)
		if long < 0 || long >= 10*time.Minute || short < 0 || short >= 6*time.Minute {
			t.Fatalf("%s: %v and %v are outside their window", id, long, short)
		}
		if long != Jitter(id, 24*time.Hour) {
			t.Fatal("jitter must be stable")
		}
		buckets[int(long/time.Minute)]++
	}
	for minute := range 10 {
		if n := buckets[minute]; n < 50 {
			t.Errorf("minute %d has %d of 1000 ids: they should be spread", minute, n)
		}
	}
	if got := Jitter("connection", 24*time.Hour); got.Round(time.Second) != 7*time.Minute+5*time.Second {
		t.Errorf("jitter of an id changed between versions: %v", got)
	}
	if Jitter("connection", 0) != 0 || Jitter("connection", -time.Hour) != 0 {
		t.Error("without a time between runs there is no jitter")
	}
}

// FuzzNext: for any schedule that passes Check, runs are strictly increasing and lie on a day of the schedule.
func FuzzNext(f *testing.F) {
	f.Add("daily", "02:30", "", 0, "Europe/Berlin", int64(1_774_700_000))
	f.Add("weekly", "00:00", "sun", 0, "America/Santiago", int64(1_774_700_000))
	f.Add("monthly", "23:59", "", 31, "America/Nuuk", int64(1_774_700_000))
	f.Add("cron", "", "", 0, "Australia/Lord_Howe", int64(1_774_700_000))
	f.Add("*/7 1-3 29 2 *", "", "", 0, "Africa/Casablanca", int64(1_774_700_000))
	f.Fuzz(func(t *testing.T, kind, at, day string, number int, zone string, after int64) {
		s := Spec{Kind: Kind(kind), At: at, Days: []string{day}, DayOfMonth: number, EveryHours: number, Cron: kind, TimeZone: zone}
		if strings.Contains(kind, " ") {
			s.Kind = Cron
		}
		from := time.Unix(after%4_000_000_000, 0)
		last := from
		for _, run := range s.Preview(from, time.Time{}, 5) {
			if !run.After(last) {
				t.Fatalf("%s: %s does not come after %s", s.Words(), run, last)
			}
			last = run
		}
		if len(s.Check()) > 0 && !last.Equal(from) {
			t.Fatalf("%+v does not pass Check, and runs", s)
		}
	})
}

func TestWhatWasMissedBeginsLater(t *testing.T) {
	t.Parallel()
	daily := Spec{Kind: Daily, At: "04:00"}
	due := time.Date(2026, 11, 30, 4, 0, 0, 0, time.UTC)
	late := Jitter("warehouse", 24*time.Hour)
	if late <= 0 {
		t.Fatal("this id runs at once")
	}
	for name, c := range map[string]struct{ since, want time.Time }{
		"there all the time":         {due.Add(-time.Hour), due.Add(late)},
		"back before it should have": {due.Add(late), due.Add(late)},
		"back after it should have":  {due.Add(late + 1), due.Add(2*late + 1)},
		"back a day later":           {due.Add(24 * time.Hour), due.Add(24*time.Hour + late)},
	} {
		if got := daily.Begins("warehouse", due, due, c.since); !got.Equal(c.want) {
			t.Errorf("%s: it begins at %s, want %s", name, got, c.want)
		}
	}
	if got := (Spec{}).Begins("warehouse", due, due, due); !got.Equal(due) {
		t.Errorf("with no schedule it begins at %s", got)
	}
}
