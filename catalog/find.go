package catalog

import (
	"bytes"
	"slices"
)

// A finder looks for one thing in one shard. Every look takes at most room candidates.
type finder struct {
	searched
	number int32
	text   []byte
	wants  []bool // by level, columns last: whether hits may be of it
	depth  []uint64
	within bitset // tables within all conditions; nil where there is none
	least  int    // the deepest level that a condition names: objects above it answer none

	found []candidate
	room  int
	nth   int
}

func newFinder(s searched, number int, w wanted) *finder {
	f := &finder{searched: s, number: int32(number), text: []byte(w.text)}
	for level := range len(s.tiers) + 1 {
		name := s.levelName(level)
		f.wants = append(f.wants, len(w.levels) == 0 || slices.Contains(w.levels, name))
		f.depth = append(f.depth, levelDepth(name))
	}
	if len(w.within) > 0 {
		f.within, f.least = s.tablesWithin(w.within)
	}
	return f
}

func levelDepth(l Level) uint64 {
	return uint64(slices.Index(allLevels, l))
}

// allLevels are the levels, outermost first.
var allLevels = []Level{LevelDatabase, LevelSchema, LevelTable, LevelColumn}

// upper finds what holds tables and whose name is of that rank. It takes all of them, whatever the room: they are few, and the
// outermost come first, which names in order would not show.
func (f *finder) upper(rank Rank) {
	last := len(f.tiers) - 1
	if !slices.Contains(f.wants[:last], true) {
		return
	}
	f.upperNames.eachOfRank(f.text, rank, func(id uint32, start int) bool {
		for _, object := range f.upperNames.users(id) {
			if level, at := f.place(object); f.wants[level] && f.holds(level, at) {
				f.take(level, at, rank, start, f.upperNames.fold(id))
			}
		}
		return true
	})
}

// tablesOf finds the tables whose name is of that rank.
func (f *finder) tablesOf(rank Rank) {
	level := len(f.tiers) - 1
	if !f.wants[level] {
		return
	}
	first := f.firstObject(level)
	f.names.eachOfRank(f.text, rank, func(id uint32, start int) bool {
		users := f.names.users(id)
		for len(users) > 0 && users[0] < first {
			users = users[1:]
		}
		enough := false
		byStanding(users, f.marks.of(false), func(object uint32) bool {
			at := object - first
			enough = f.holds(level, at) && f.take(level, at, rank, start, f.names.fold(id))
			return !enough
		})
		return !enough
	})
}

// columns finds the columns whose name is of that rank.
func (f *finder) columns(rank Rank) {
	level := len(f.tiers)
	if !f.wants[level] {
		return
	}
	f.columnNames.eachOfRank(f.text, rank, func(id uint32, start int) bool {
		enough := false
		byStanding(f.columnNames.users(id), f.marks.of(true), func(at uint32) bool {
			enough = f.holds(level, at) && f.take(level, at, rank, start, f.columnNames.fold(id))
			return !enough
		})
		return !enough
	})
}

// tableComments finds tables by comment, columnComments columns.
func (f *finder) tableComments(rank Rank)  { f.comments(rank, len(f.tiers)-1, &f.tableNotes) }
func (f *finder) columnComments(rank Rank) { f.comments(rank, len(f.tiers), &f.columnNotes) }

// comments finds objects of a level by comment, except those whose name holds the text too.
func (f *finder) comments(rank Rank, level int, notes *notes) {
	if !f.wants[level] {
		return
	}
	notes.texts.eachPart(f.text, func(id uint32, start int) bool {
		for _, i := range notes.texts.users(id) {
			at := notes.noted[i]
			name := f.foldedName(level, at)
			if bytes.Contains(name, f.text) || !f.holds(level, at) || f.has(level, at) {
				continue
			}
			if f.take(level, at, rank, start, name) {
				return false
			}
		}
		return true
	})
}

// has says whether this look took the object already: a short text may bring a comment more than once.
func (f *finder) has(level int, at uint32) bool {
	return slices.ContainsFunc(f.found[len(f.found)-f.nth:], func(c candidate) bool { return int(c.level) == level && c.at == at })
}

// take notes a candidate and says whether that is enough.
func (f *finder) take(level int, at uint32, rank Rank, start int, name []byte) bool {
	f.found = append(f.found, candidate{order: f.depth[level]<<60 | uint64(f.standingAt(level, at))<<nameBits | sortKey(name)>>8, name: name, at: at, start: uint32(start),
		end: uint32(start + len(f.text)), shard: f.number, nth: int16(f.nth), level: int8(level), rank: rank})
	f.nth++
	return f.nth >= f.room
}

// nameBits are how much of the order of candidates is the beginning of the name.
const nameBits = 56

// standingAt is that of an object by its mark.
func (f *finder) standingAt(level int, at uint32) standing {
	switch {
	case f.marks == nil:
		return standsBetween
	case level == len(f.tiers):
		return standingIn(f.marks.columns, at)
	}
	return standingIn(f.marks.objects, f.firstObject(level)+at)
}

// holds says whether every condition holds for the object. One above the tables lies within something only with all of its
// tables.
func (f *finder) holds(level int, at uint32) bool {
	switch {
	case f.within == nil:
		return true
	case level < f.least:
		return false
	case level == len(f.tiers):
		return f.within.has(f.parent(level, at))
	}
	from, before := f.tablesBelow(level, at)
	for table := from; table < before; table++ {
		if !f.within.has(table) {
			return false
		}
	}
	return true
}

// tablesBelow are the tables of an object above the columns: itself, where it is one.
func (s *Shard) tablesBelow(level int, at uint32) (from, before uint32) {
	from, before = at, at+1
	for ; level < len(s.tiers)-1; level++ {
		from, before = s.tiers[level].first[from], s.tiers[level].first[before]
	}
	return from, before
}

// tablesWithin are the tables for which all conditions hold, and the deepest level that one names.
func (s *Shard) tablesWithin(conditions []condition) (tables bitset, deepest int) {
	tables = newBitset(len(s.tables))
	tables.set(0, uint32(len(s.tables)))
	for _, c := range conditions {
		here := newBitset(len(s.tables))
		s.names.eachPart([]byte(c.text), func(id uint32, _ int) bool {
			for _, object := range s.names.users(id) {
				if level, at := s.place(object); c.level == "" || s.levels[level] == c.level {
					here.set(s.tablesBelow(level, at))
				}
			}
			return true
		})
		tables.and(here)
		deepest = max(deepest, slices.Index(s.levels, c.level))
	}
	return tables, deepest
}

type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) set(from, before uint32) {
	for i := from; i < before; i++ {
		b[i/64] |= 1 << (i % 64)
	}
}

func (b bitset) and(other bitset) {
	for i := range b {
		b[i] &= other[i]
	}
}
