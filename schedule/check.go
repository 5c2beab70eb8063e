package schedule

import (
	"fmt"
	"slices"
	"time"
)

// maxHours bounds "every N hours": a week.
const maxHours = 168

// Check says what is wrong: words by JSON key, none when all is well. Only what the kind uses is looked at.
func (s Spec) Check() map[string]string {
	bad := map[string]string{}
	switch s.Kind {
	case Off:
		return bad
	case Hourly:
		if s.EveryHours < 1 || s.EveryHours > maxHours {
			bad["every_hours"] = fmt.Sprintf("Enter a whole number of hours from 1 to %d", maxHours)
		}
	case Daily:
		s.checkAt(bad)
	case Weekly:
		s.checkAt(bad)
		s.checkDays(bad)
	case Monthly:
		s.checkAt(bad)
		if s.DayOfMonth < 1 || s.DayOfMonth > 31 {
			bad["day_of_month"] = "Choose a day from 1 to 31"
		}
	case Cron:
		if _, words := parseCron(s.Cron); words != "" {
			bad["cron"] = words
		}
	default:
		bad["kind"] = "Choose off, hourly, daily, weekly, monthly or cron"
		return bad
	}
	s.checkZone(bad)
	return bad
}

func (s Spec) checkAt(bad map[string]string) {
	if _, ok := parseClock(s.At); !ok {
		bad["at"] = "Enter a time from 00:00 to 23:59, such as 04:30"
	}
}

func (s Spec) checkDays(bad map[string]string) {
	if len(s.Days) == 0 {
		bad["days"] = "Choose at least one day"
	}
	for _, d := range s.Days {
		if !slices.Contains(weekdays, d) {
			bad["days"] = "Choose days from mon, tue, wed, thu, fri, sat and sun"
		}
	}
}

// checkZone takes IANA names only: "Local" would mean whatever the server happens to be set to.
func (s Spec) checkZone(bad map[string]string) {
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		bad["time_zone"] = "Choose a time zone by its name, such as Europe/Berlin"
	}
}

// parseClock reads "HH:MM".
func parseClock(s string) (clock, bool) {
	t, err := time.Parse("15:04", s)
	return clock{t.Hour(), t.Minute()}, err == nil && len(s) == len("15:04")
}
