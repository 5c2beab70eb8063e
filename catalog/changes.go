package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// Describe says how a table changed, a line for each difference, columns by name. A new row estimate is no difference.
func Describe(old, new Table) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if old.Kind != new.Kind {
		say("kind: %s -> %s", kindWords(old.Kind), kindWords(new.Kind))
	}
	if old.Comment != new.Comment {
		say("comment: %s", fromTo(old.Comment, new.Comment))
	}
	if old.Unreadable != new.Unreadable {
		say("%s", either(new.Unreadable, "can no longer be read", "can be read again"))
	}
	before := columnsByName(old)
	after := columnsByName(new)
	for _, c := range old.Columns {
		if _, ok := after[c.Name]; !ok {
			say("column %s removed", c.Name)
		}
	}
	for _, c := range new.Columns {
		was, ok := before[c.Name]
		if !ok {
			say("column %s added: %s", c.Name, c.Type)
			continue
		}
		for _, line := range describeColumn(was, c) {
			say("column %s: %s", c.Name, line)
		}
	}
	if !slices.Equal(namesIn(old, after), namesIn(new, before)) {
		say("columns in another order")
	}
	return lines
}

func describeColumn(old, new Column) []string {
	var lines []string
	if old.Type != new.Type {
		lines = append(lines, old.Type+" -> "+new.Type)
	}
	if old.Nullable != new.Nullable {
		lines = append(lines, either(new.Nullable, "may be null", "must not be null"))
	}
	if old.Default != new.Default {
		lines = append(lines, "default "+fromTo(old.Default, new.Default))
	}
	if old.Comment != new.Comment {
		lines = append(lines, "comment "+fromTo(old.Comment, new.Comment))
	}
	if old.PrimaryKey != new.PrimaryKey {
		lines = append(lines, "place in the primary key "+fromTo(place(old.PrimaryKey), place(new.PrimaryKey)))
	}
	if a, b := target(old.References), target(new.References); a != b {
		lines = append(lines, "references "+fromTo(a, b))
	}
	return lines
}

func columnsByName(t Table) map[string]Column {
	m := make(map[string]Column, len(t.Columns))
	for _, c := range t.Columns {
		m[c.Name] = c
	}
	return m
}

// namesIn are the names of t's columns, in order, that are also in other.
func namesIn(t Table, other map[string]Column) []string {
	var names []string
	for _, c := range t.Columns {
		if _, ok := other[c.Name]; ok {
			names = append(names, c.Name)
		}
	}
	return names
}

func either(which bool, yes, no string) string {
	if which {
		return yes
	}
	return no
}

// fromTo is "old -> new", each cut to what a line can hold.
func fromTo(old, new string) string { return short(old) + " -> " + short(new) }

const maxShort = 80

func short(s string) string {
	if s == "" {
		return "none"
	}
	if r := []rune(s); len(r) > maxShort {
		return string(r[:maxShort-1]) + "…"
	}
	return s
}

func place(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func target(r *Ref) string {
	if r == nil {
		return ""
	}
	return strings.Join(r.Table, ".") + "." + r.Column
}

func kindWords(k Kind) string { return strings.ReplaceAll(string(k), "_", " ") }
