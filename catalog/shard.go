package catalog

import (
	"slices"
	"sort"
	"sync/atomic"
)

// A Shard holds one connection's catalog for the tree and for search: names, types, comments and row estimates, in about 40
// bytes a column. It never changes, so that any number of goroutines may read it; a refresh makes a new one. Everything else
// about a table is decoded from the store when it is asked for.
type Shard struct {
	levels []Level // outermost first, tables last
	tiers  []tier  // one for each level

	names       *lexicon // of everything but columns; objects are numbered through all tiers, outermost first
	upperNames  *lexicon // of what holds tables, numbered as in names
	columnNames *lexicon // objects are the columns

	tables     []tableFacts
	columnName []uint32
	columnType []uint16
	types      []columnType

	tableNotes, columnNotes notes

	lastMarks atomic.Pointer[labelled] // remembered, since marks change seldom and are looked up by every search
}

// A tier is one level of the tree, in order: objects with the same parent stand together, by name.
type tier struct {
	name  []uint32
	first []uint32 // the first child of each in the next tier (columns, for tables), and one more
}

type tableFacts struct {
	rows       int64
	kind       byte
	unreadable bool
}

// A Node is one object of the tree.
type Node struct {
	Level      Level
	Path       Path
	Comment    string // of a table or column; its beginning, where CutComment says so
	Children   int    // how many objects lie directly below
	Kind       Kind   // of a table
	Rows       int64  // of a table: an estimate, RowsUnknown where there is none
	Unreadable bool   // of a table
	Type       string // of a column, as declared
	Family     Family // of a column
}

// Name is the node's own name.
func (n Node) Name() string { return n.Path.Name() }

// Tables and Columns are how many the shard holds.
func (s *Shard) Tables() int  { return len(s.tables) }
func (s *Shard) Columns() int { return len(s.columnName) }

func (s *Shard) tableTier() *tier { return &s.tiers[len(s.tiers)-1] }

// Node finds the object at path, a column included. The empty path is the shard itself, whose node has only children.
func (s *Shard) Node(path Path) (Node, bool) {
	level, at, ok := s.locate(path)
	if !ok {
		return Node{}, false
	}
	return s.node(level, at), true
}

// Children are the objects directly below path, in order, from the offset on and at most limit of them, and how many there are
// in all. Not ok: there is nothing at path.
func (s *Shard) Children(path Path, offset, limit int) (nodes []Node, total int, ok bool) {
	level, at, ok := s.locate(path)
	if !ok || level > len(s.tiers)-1 {
		return nil, 0, ok
	}
	from, before := s.below(level, at)
	total = int(before - from)
	offset = min(max(offset, 0), total)
	for i := offset; i < min(offset+max(limit, 0), total); i++ {
		nodes = append(nodes, s.node(level+1, from+uint32(i)))
	}
	return nodes, total, true
}

// root is the level above all others, with one object.
const root = -1

// below are the children of an object, in the next level.
func (s *Shard) below(level int, at uint32) (from, before uint32) {
	if level == root {
		return 0, uint32(len(s.tiers[0].name))
	}
	return s.tiers[level].first[at], s.tiers[level].first[at+1]
}

// locate finds the level and the number of the object at path. The level after the tables' is that of columns.
func (s *Shard) locate(path Path) (level int, at uint32, ok bool) {
	level = root
	for _, part := range path {
		if level == len(s.tiers) {
			return 0, 0, false
		}
		from, before := s.below(level, at)
		level++
		if at, ok = s.child(level, from, before, part); !ok {
			return 0, 0, false
		}
	}
	return level, at, true
}

// child finds the object of that name among some objects of a level with the same parent.
func (s *Shard) child(level int, from, before uint32, name string) (at uint32, ok bool) {
	if level == len(s.tiers) {
		id, ok := s.columnNames.find(name)
		i := slices.Index(s.columnName[from:before], id)
		return from + uint32(i), ok && i >= 0
	}
	id, ok := s.names.find(name)
	i, found := slices.BinarySearch(s.tiers[level].name[from:before], id)
	return from + uint32(i), ok && found
}

// parent is the number, one level up, of the object that holds the at-th of a level.
func (s *Shard) parent(level int, at uint32) uint32 {
	first := s.tiers[level-1].first
	return uint32(sort.Search(len(first), func(i int) bool { return first[i] > at })) - 1
}

func (s *Shard) path(level int, at uint32) Path {
	p := make(Path, level+1)
	for ; level >= 0; level-- {
		p[level] = s.nameOf(level, at)
		if level > 0 {
			at = s.parent(level, at)
		}
	}
	return p
}

func (s *Shard) nameOf(level int, at uint32) string {
	if level == len(s.tiers) {
		return s.columnNames.name(s.columnName[at])
	}
	return s.names.name(s.tiers[level].name[at])
}

func (s *Shard) levelName(level int) Level {
	if level == len(s.tiers) {
		return LevelColumn
	}
	return s.levels[level]
}

func (s *Shard) node(level int, at uint32) Node {
	if level == root {
		return Node{Children: len(s.tiers[0].name)}
	}
	n := Node{Level: s.levelName(level), Path: s.path(level, at), Rows: RowsUnknown}
	switch {
	case level == len(s.tiers):
		t := s.types[s.columnType[at]]
		n.Type, n.Family, n.Comment = t.declared, t.family, s.columnNotes.of(at)
		return n
	case level == len(s.tiers)-1:
		facts := s.tables[at]
		n.Kind, n.Rows, n.Unreadable, n.Comment = kinds[facts.kind], facts.rows, facts.unreadable, s.tableNotes.of(at)
	}
	from, before := s.below(level, at)
	n.Children = int(before - from)
	return n
}

func (s *Shard) foldedName(level int, at uint32) []byte {
	if level == len(s.tiers) {
		return s.columnNames.fold(s.columnName[at])
	}
	return s.names.fold(s.tiers[level].name[at])
}

// notes are the comments of tables, or of columns. Those of each have an index of their own, so that looking for a table by what is
// said of it does not pass all that is said of columns.
type notes struct {
	texts *lexicon // the comments; objects are places in noted
	noted []uint32 // what has a comment, ascending
	text  []uint32 // the comment of each
}

func (n *notes) add(object, text uint32) {
	n.noted, n.text = append(n.noted, object), append(n.text, text)
}

// laid ends adding.
func (n *notes) laid() {
	n.noted, n.text = slices.Clip(n.noted), slices.Clip(n.text)
	n.texts.use(n.text)
}

// of is the comment of an object.
func (n *notes) of(object uint32) string {
	i, ok := slices.BinarySearch(n.noted, object)
	if !ok {
		return ""
	}
	return n.texts.name(n.text[i])
}

// nameUses numbers the objects of all tiers through, and gives those above the tables a lexicon of their own too.
func (s *Shard) nameUses() {
	var all, upper []uint32
	own := newLexiconBuilder()
	for level, t := range s.tiers {
		all = append(all, t.name...)
		if level == len(s.tiers)-1 {
			break
		}
		for _, id := range t.name {
			upper = append(upper, own.add(s.names.name(id)))
		}
	}
	s.names.use(all)
	var order []uint32
	s.upperNames, order = own.build(true)
	renumber(upper, order)
	s.upperNames.use(upper)
}

// firstObject is the number of a tier's first object.
func (s *Shard) firstObject(level int) uint32 {
	n := uint32(0)
	for _, t := range s.tiers[:level] {
		n += uint32(len(t.name))
	}
	return n
}

// place is the level and number there of an object that is numbered through all tiers.
func (s *Shard) place(object uint32) (level int, at uint32) {
	for object >= uint32(len(s.tiers[level].name)) {
		object -= uint32(len(s.tiers[level].name))
		level++
	}
	return level, object
}
