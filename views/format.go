package views

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Count writes n with separators: 1,284.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, parts...), ",")
}

// Plural writes n with the right form of its noun: 1 table, 1,284 tables.
func Plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Short writes a number in little room: 312, 84k, 1.2M.
func Short(n int64) string {
	for _, unit := range []struct {
		size   float64
		letter string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if v := float64(n) / unit.size; v >= 1 {
			return strings.TrimSuffix(strconv.FormatFloat(v, 'f', decimals(v), 64), ".0") + unit.letter
		}
	}
	return strconv.FormatInt(n, 10)
}

// capital writes a word of the API as one of the screen: read is Read.
func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// Bytes writes a size: 512 B, 18.2 MB.
func Bytes(n int64) string {
	v, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	if unit == "B" {
		return strconv.FormatInt(n, 10) + " B"
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', decimals(v/10), 64), ".0") + " " + unit
}

// decimals is one below ten and none from there on.
func decimals(v float64) int {
	if v < 9.95 {
		return 1
	}
	return 0
}

// Duration writes how long something took: 240 ms, 1.2 s, 4 min 5 s, 2 h 3 min.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// Relative writes a moment as people say it: just now, 2 min ago, in 3 hours, 4 Mar 2026. static/src/js/time.js
// says the same words.
func Relative(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return "in " + span(-d)
	}
	if d < 45*time.Second {
		return "just now"
	}
	if d >= 7*24*time.Hour {
		return t.UTC().Format("2 Jan 2006")
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	minutes := int64(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes < 1:
		return "a moment"
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case minutes < 24*60:
		return Plural(minutes/60, "hour", "hours")
	}
	return Plural(minutes/(24*60), "day", "days")
}

// Exact writes a moment in full, in UTC.
func Exact(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
