package catalog

import (
	"bytes"
	"slices"
	"strings"
)

// A Diff compares one reading of a source with what is known of it, table by table, and holds one hash for each. It is used by
// one goroutine: first Know for everything known, then the sink of Into, then Outcome.
type Diff struct {
	keep     *Matcher
	tables   map[string]*compared // by key
	known    int
	reported int
	done     scopes
	skipped  scopes
	parts    scopes // of those that were skipped, the ones that hold tables
	stale    []Skip
}

type compared struct {
	hash  []byte // nil: was not known
	found bool   // this reading reported it
}

// A Difference is a table that is new or not as it was known.
type Difference struct {
	Table    Table
	Key      string // Table.Path as text
	Hash     Hash   // of Table
	Replaces bool   // it was known
}

// A Skip is a scope that the source could not read.
type Skip struct {
	Scope Path
	Why   error
}

// An Outcome is what a whole reading means for what was known.
type Outcome struct {
	Known    int      // tables known before
	Reported int      // tables that the reading reported and the filter keeps
	Gone     []string // keys of the tables to remove since the source has them no more, sorted
	Hidden   []string // keys of the tables to remove since the filter drops them, sorted
	Kept     []string // keys of the tables that stay though they were not reported, sorted
	Stale    []Skip   // what stays as it was because it could not be read

	// Read says that at least a part was read: without it the reading says nothing at all. Where parts were skipped, that the
	// rest was gone through is no reading of anything.
	Read bool

	// Unlisted are those of Kept that no scope explains: the source neither lists them any more nor says that they would be listed
	// if they were there. They were dropped, or the right to see them was taken away, which looks the same.
	Unlisted []string

	// Suspicious says that nothing would be left, or nearly nothing of much, as after a revoked grant, which looks exactly like
	// an empty database. Nothing may be removed then.
	Suspicious bool

	done, skipped, parts scopes
}

// That a catalog is empty at a stroke is never believed of more than one table; of many tables, nine in ten may not go either.
const (
	suspiciousEmpty = 2
	suspiciousKnown = 20
	suspiciousShare = 10 // the catalog shrinks to one in so many
)

// NewDiff begins a comparison. Tables that keep does not let through are not taken over, and go when they are known.
func NewDiff(keep *Matcher) *Diff {
	return &Diff{keep: keep, tables: map[string]*compared{}, done: scopes{}, skipped: scopes{}, parts: scopes{}}
}

// Know tells of one stored table: its path as text and its hash.
func (d *Diff) Know(key string, hash []byte) {
	d.tables[key] = &compared{hash: bytes.Clone(hash)}
	d.known++
}

// Into is the sink for the reading. It hands each table that the filter keeps to each, once, and what is new or changed to next
// as well, and forgets every table at once. An error of theirs ends the reading.
func (d *Diff) Into(each func(Table) error, next func(Difference) error) Sink {
	return comparison{d, each, next}
}

type comparison struct {
	*Diff
	each func(Table) error
	next func(Difference) error
}

func (c comparison) Table(t Table) error {
	if !c.keep.Keeps(t.Path) {
		return nil
	}
	key := t.Path.String()
	at := c.tables[key]
	if at == nil {
		at = &compared{}
		c.tables[key] = at
	}
	if at.found {
		return nil
	}
	at.found = true
	c.reported++
	if err := c.each(t); err != nil {
		return err
	}
	hash := HashOf(t)
	if bytes.Equal(at.hash, hash[:]) {
		return nil
	}
	return c.next(Difference{Table: t, Key: key, Hash: hash, Replaces: at.hash != nil})
}

func (c comparison) Done(scope Path) error {
	c.done.add(scope)
	return nil
}

func (c comparison) Skipped(scope Path, why error) error {
	c.skipped.add(scope)
	if len(scope) < len(c.keep.levels) { // a single table is no part
		c.parts.add(scope)
	}
	c.stale = append(c.stale, Skip{slices.Clone(scope), why})
	return nil
}

// Outcome is what follows from the whole reading. A known table that was not reported goes when it lies in a scope that was
// done and in none that was skipped, or when the filter does not keep it; any other stays.
func (d *Diff) Outcome() Outcome {
	o := Outcome{Known: d.known, Reported: d.reported, Stale: d.stale, done: d.done, skipped: d.skipped, parts: d.parts}
	o.Read = len(d.done) > 0 && (len(d.parts) == 0 || d.reported > 0 || d.readWithin())
	for key, at := range d.tables {
		switch {
		case at.found:
		case !d.keeps(key):
			o.Hidden = append(o.Hidden, key)
		case o.Covers(key):
			o.Gone = append(o.Gone, key)
		default:
			o.Kept = append(o.Kept, key)
			if !o.skipped.hold(key) {
				o.Unlisted = append(o.Unlisted, key)
			}
		}
	}
	for _, keys := range [][]string{o.Gone, o.Hidden, o.Kept, o.Unlisted} {
		slices.Sort(keys)
	}
	before, after := d.known-len(o.Hidden), len(d.tables)-len(o.Hidden)-len(o.Gone)
	o.Suspicious = len(o.Gone) > 0 &&
		(after == 0 && before >= suspiciousEmpty || before > suspiciousKnown && after*suspiciousShare <= before)
	return o
}

// Anyway is the outcome when someone looked: what nobody can tell of is gone.
func (o Outcome) Anyway() Outcome {
	o.Gone = slices.Sorted(slices.Values(append(o.Gone, o.Unlisted...)))
	o.Kept = slices.DeleteFunc(o.Kept, func(key string) bool { return !o.skipped.hold(key) })
	o.Unlisted, o.Suspicious = nil, false
	return o
}

// readWithin says whether a part of the source was read to its end.
func (d *Diff) readWithin() bool {
	for scope := range d.done {
		if scope != wholeSource && !d.skipped.hold(scope) {
			return true
		}
	}
	return false
}

// ReadOf says how many of the source's outermost parts were read to their end, and how many there are.
func (o Outcome) ReadOf() (read, all int) {
	parts := map[string]bool{}
	for scope := range o.done {
		if scope != wholeSource {
			parts[outermost(scope)] = true
		}
	}
	for scope := range o.parts {
		if scope != wholeSource {
			parts[outermost(scope)] = true
		}
	}
	for part := range parts {
		if !o.parts[wholeSource] && !o.parts[part] {
			read++
		}
	}
	return read, len(parts)
}

// outermost is the part of the source in which the object at key lies.
func outermost(key string) string {
	part, _, _ := strings.Cut(key, "/")
	return part
}

func (d *Diff) keeps(key string) bool {
	path, err := ParseTablePath(key)
	return err != nil || d.keep.Keeps(path)
}

// Covers says whether what lies at key was read: within a scope that was done, and within none that was skipped.
func (o Outcome) Covers(key string) bool { return o.done.hold(key) && !o.skipped.hold(key) }

// Keeps says whether a table stays that lies within a scope and was not reported.
func (o Outcome) Keeps(scope Path) bool {
	within := scopes{}
	within.add(scope)
	return slices.ContainsFunc(o.Kept, within.hold)
}

// scopes is a set of scopes by their path as text; The whole source, whose path has the text that a nameless
// database has too, has one that no path has.
type scopes map[string]bool

const wholeSource = "\x00"

func (s scopes) add(scope Path) {
	if len(scope) == 0 {
		s[wholeSource] = true
		return
	}
	s[scope.String()] = true
}

// hold says whether the object at key is one of the scopes or lies within one.
func (s scopes) hold(key string) bool {
	if s[wholeSource] || s[key] {
		return true
	}
	for i := strings.LastIndexByte(key, '/'); i >= 0; i = strings.LastIndexByte(key[:i], '/') {
		if s[key[:i]] {
			return true
		}
	}
	return false
}
