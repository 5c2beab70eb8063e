package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// A line holds the fields of a cron line as sets of bits. The parser only reads fields; when they come is decided here.
type line struct{ *cron.SpecSchedule }

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// fieldNames are the fields of a cron line, in order, with what they take.
var fieldNames = [...]string{"minute takes 0 to 59", "hour takes 0 to 23", "day of month takes 1 to 31",
	"month takes 1 to 12 or jan to dec", "day of week takes 0 (Sunday) to 6 or sun to sat"}

// parseCron reads the five fields of a cron line, or says what is wrong with them. It refuses a zone in front, since the
// schedule has its own, and a line whose days never come.
func parseCron(text string) (l line, wrong string) {
	fields := strings.Fields(text)
	if len(fields) != len(fieldNames) {
		return l, "Enter five fields: minute, hour, day of month, month, day of week, such as 30 4 * * mon-fri"
	}
	for i, f := range fields {
		alone := []string{"*", "*", "*", "*", "*"}
		alone[i] = f
		if _, err := parser.Parse(strings.Join(alone, " ")); err != nil {
			return l, fmt.Sprintf("The %s, *, lists such as 1,2, ranges such as 1-3 and steps such as */2", fieldNames[i])
		}
	}
	parsed, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return l, "This cannot be read as a cron line" // not reached: each field was read alone
	}
	l = line{parsed.(*cron.SpecSchedule)}
	if !l.comes() {
		return l, "The days of this line never come"
	}
	return l, ""
}

// comes says whether the line has any day at all, within the longest wait for a 29 February.
func (l line) comes() bool {
	for i := range horizon {
		if l.on(time.Date(2096, time.January, 1+i, 0, 0, 0, 0, time.UTC)) {
			return true
		}
	}
	return false
}

// star is the bit that the parser sets for a field that is not restricted.
const star = 1 << 63

func has(bits uint64, n int) bool { return bits&(1<<n) != 0 }

func (l line) plan() plan {
	p := plan{on: l.on}
	for h := range 24 {
		for m := range 60 {
			if has(l.Hour, h) && has(l.Minute, m) {
				p.times = append(p.times, clock{h, m})
			}
		}
	}
	if every := uint64(1<<24 - 1); l.Hour&every == every {
		p.everyHour = l.Minute
	}
	return p
}

// on follows cron's rule for days: when both day fields are restricted, either is enough.
func (l line) on(day time.Time) bool {
	if !has(l.Month, int(day.Month())) {
		return false
	}
	ofMonth, ofWeek := has(l.Dom, day.Day()), has(l.Dow, int(day.Weekday()))
	if l.Dom&star != 0 || l.Dow&star != 0 {
		return ofMonth && ofWeek
	}
	return ofMonth || ofWeek
}
