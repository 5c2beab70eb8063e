package views

import (
	"testing"
	"time"
)

func TestNumbersForPeople(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1284): "1,284", Count(-1234567): "-1,234,567", Count(1_000_000): "1,000,000",
		Short(312): "312", Short(1200): "1.2k", Short(84_000): "84k", Short(1_200_000): "1.2M", Short(9_960_000): "10M", Short(2_000_000_000): "2B",
		Bytes(512): "512 B", Bytes(18_200_000): "18.2 MB", Bytes(182_400_000): "182 MB", Bytes(1_500): "1.5 kB", Bytes(2_000_000_000_000): "2 TB",
		Plural(1, "table", "tables"): "1 table", Plural(0, "row", "rows"): "0 rows", Plural(4310, "table", "tables"): "4,310 tables",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDurationsForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 240 * time.Millisecond: "240 ms", 1200 * time.Millisecond: "1.2 s", 42 * time.Second: "42 s",
		245 * time.Second: "4 min 5 s", 2*time.Hour + 3*time.Minute: "2 h 3 min",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestMomentsForPeople(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		10 * time.Second: "just now", 2 * time.Minute: "2 min ago", 59 * time.Minute: "59 min ago", time.Hour: "1 hour ago", 23 * time.Hour: "23 hours ago",
		25 * time.Hour: "1 day ago", 6 * 24 * time.Hour: "6 days ago", 8 * 24 * time.Hour: "15 Nov 2026",
		-20 * time.Second: "in a moment", -3 * time.Hour: "in 3 hours", -10 * 24 * time.Hour: "in 10 days",
	} {
		if got := Relative(now.Add(-ago), now); got != want {
			t.Errorf("%v ago: got %q, want %q", ago, got, want)
		}
	}
	if got := Exact(now); got != "2026-11-23 12:00:00 UTC" {
		t.Errorf("exact: %q", got)
	}
}
