package catalog

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// A Builder makes a Shard out of tables that may come in any order. It keeps no table, only the names in it.
type Builder struct {
	levels      []Level // outermost first, tables last
	names       *lexiconBuilder
	columns     *lexiconBuilder
	tableNotes  *lexiconBuilder
	columnNotes *lexiconBuilder

	tables     []pendingTable
	path       []uint32 // len(levels) names for each table
	columnName []uint32
	columnType []uint16
	types      map[columnType]uint16
	typeList   []columnType
	columnNote []pendingNote // ascending
}

type pendingTable struct {
	facts              tableFacts
	note               uint32 // plus 1; 0 is none
	firstColumn, count uint32
}

type pendingNote struct{ column, note uint32 }

// maxNote is how much of a comment can be searched, in bytes.
const maxNote = 1000

// CutComment says whether a node's comment may be only the beginning of the one that is stored.
func CutComment(comment string) bool { return len(comment) > maxNote-utf8.UTFMax }

// NewBuilder begins a shard of a product with these levels.
func NewBuilder(levels []Level) *Builder {
	b := &Builder{names: newLexiconBuilder(), columns: newLexiconBuilder(), tableNotes: newLexiconBuilder(), columnNotes: newLexiconBuilder(), types: map[columnType]uint16{}}
	for _, level := range levels {
		if level != LevelColumn {
			b.levels = append(b.levels, level)
		}
	}
	return b
}

// Add takes one table. A path with more or fewer parts than the product has levels is an error.
func (b *Builder) Add(t Table) error {
	if len(t.Path) != len(b.levels) {
		return fmt.Errorf("table %q: path has %d parts, want %d", t.Path, len(t.Path), len(b.levels))
	}
	for _, part := range t.Path {
		b.path = append(b.path, b.names.add(part))
	}
	p := pendingTable{facts: tableFacts{rows: t.Rows, kind: number(kinds, t.Kind), unreadable: t.Unreadable},
		firstColumn: uint32(len(b.columnName)), count: uint32(len(t.Columns))}
	if t.Comment != "" {
		p.note = b.tableNotes.add(cut(t.Comment)) + 1
	}
	b.tables = append(b.tables, p)
	for _, c := range t.Columns {
		if c.Comment != "" {
			b.columnNote = append(b.columnNote, pendingNote{uint32(len(b.columnName)), b.columnNotes.add(cut(c.Comment))})
		}
		b.columnName = append(b.columnName, b.columns.add(c.Name))
		b.columnType = append(b.columnType, b.typeNumber(columnType{c.Type, c.Family}))
	}
	return nil
}

// cut is the part of a comment that can be searched.
func cut(s string) string { return cutText(s, maxNote) }

// cutText is at most the first so many bytes of s, without half a letter at their end.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := most
	for n > most-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// typeNumber numbers the declared types. Past 65,535 of them the rest have only their family, in the last number of it.
func (b *Builder) typeNumber(t columnType) uint16 {
	if n, ok := b.types[t]; ok {
		return n
	}
	if len(b.typeList) >= math.MaxUint16-len(families) {
		t.declared = ""
		if n, ok := b.types[t]; ok {
			return n
		}
	}
	n := uint16(len(b.typeList))
	b.types[t] = n
	b.typeList = append(b.typeList, t)
	return n
}

// Build makes the shard. The builder is spent.
func (b *Builder) Build() *Shard {
	s := &Shard{levels: b.levels, types: b.typeList}
	var nameOrder, columnOrder, tableNoteOrder, columnNoteOrder []uint32
	s.names, nameOrder = b.names.build(true)
	s.columnNames, columnOrder = b.columns.build(true)
	s.tableNotes.texts, tableNoteOrder = b.tableNotes.build(false)
	s.columnNotes.texts, columnNoteOrder = b.columnNotes.build(false)
	b.names, b.columns, b.tableNotes, b.columnNotes = nil, nil, nil, nil
	renumber(b.path, nameOrder)
	renumber(b.columnName, columnOrder)

	order := b.tableOrder()
	s.tiers = b.tiers(order)
	b.layColumns(s, order)
	b.layNotes(s, order, tableNoteOrder, columnNoteOrder)
	s.nameUses()
	s.columnNames.use(s.columnName)
	return s
}

func renumber(ids, order []uint32) {
	for i, id := range ids {
		ids[i] = order[id]
	}
}

func (b *Builder) pathOf(table int) []uint32 {
	return b.path[table*len(b.levels) : (table+1)*len(b.levels)]
}

// tableOrder is the order of the tree. Of tables with the same path the first added stays.
func (b *Builder) tableOrder() []int {
	order := make([]int, len(b.tables))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		if c := slices.Compare(b.pathOf(x), b.pathOf(y)); c != 0 {
			return c
		}
		return cmp.Compare(x, y)
	})
	return slices.CompactFunc(order, func(x, y int) bool { return slices.Equal(b.pathOf(x), b.pathOf(y)) })
}

// tiers are the levels of the tree, each object once, in order.
func (b *Builder) tiers(order []int) []tier {
	tiers := make([]tier, len(b.levels))
	var last []uint32
	for _, table := range order {
		path := b.pathOf(table)
		level := 0
		for level < len(last) && path[level] == last[level] {
			level++
		}
		for ; level < len(path); level++ {
			if level+1 < len(tiers) {
				tiers[level].first = append(tiers[level].first, uint32(len(tiers[level+1].name)))
			}
			tiers[level].name = append(tiers[level].name, path[level])
		}
		last = path
	}
	for i := range len(tiers) - 1 {
		tiers[i].first = append(tiers[i].first, uint32(len(tiers[i+1].name)))
	}
	return tiers
}

// layColumns puts tables and columns in the order of the tree.
func (b *Builder) layColumns(s *Shard, order []int) {
	s.tables = make([]tableFacts, 0, len(order))
	s.columnName = make([]uint32, 0, len(b.columnName))
	s.columnType = make([]uint16, 0, len(b.columnType))
	first := make([]uint32, 0, len(order)+1)
	for _, table := range order {
		p := b.tables[table]
		s.tables = append(s.tables, p.facts)
		first = append(first, uint32(len(s.columnName)))
		s.columnName = append(s.columnName, b.columnName[p.firstColumn:p.firstColumn+p.count]...)
		s.columnType = append(s.columnType, b.columnType[p.firstColumn:p.firstColumn+p.count]...)
	}
	s.tableTier().first = append(first, uint32(len(s.columnName)))
}

// layNotes gives tables and columns their comments.
func (b *Builder) layNotes(s *Shard, order []int, tableNoteOrder, columnNoteOrder []uint32) {
	for i, table := range order {
		if note := b.tables[table].note; note > 0 {
			s.tableNotes.add(uint32(i), tableNoteOrder[note-1])
		}
	}
	for i, table := range order {
		p := b.tables[table]
		at, _ := slices.BinarySearchFunc(b.columnNote, p.firstColumn, func(n pendingNote, column uint32) int { return cmp.Compare(n.column, column) })
		for ; at < len(b.columnNote) && b.columnNote[at].column < p.firstColumn+p.count; at++ {
			n := b.columnNote[at]
			s.columnNotes.add(n.column-p.firstColumn+s.tableTier().first[i], columnNoteOrder[n.note])
		}
	}
	s.tableNotes.laid()
	s.columnNotes.laid()
}
