package catalog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
)

// A lexicon is a set of distinct names in the order in which people look for them (case aside, then by case), made to be
// searched by prefix, by the start of a word, and by any part, and to take little memory: bytes in one piece, numbers of 32
// bits. A name's number is its place. Each name knows the objects that bear it.
type lexicon struct {
	folded []byte   // the names, folded, each ended by a zero byte
	starts []uint32 // where each begins in folded, and one more: its length

	raw       []byte   // the names as they are, where folding changes any
	rawStarts []uint32 // where each begins in raw, and one more; nil where folding changes none

	words []uint32 // places in folded where a word begins inside a name, ordered by what stands from there
	grams gramIndex

	useStarts []uint32 // where the objects of each name begin in uses, and one more
	uses      []uint32 // numbers of objects, ascending for each name
}

func (l *lexicon) len() int { return len(l.starts) - 1 }

// fold is the name's folded form.
func (l *lexicon) fold(id uint32) []byte { return l.folded[l.starts[id] : l.starts[id+1]-1] }

// bytes is the name as it is.
func (l *lexicon) bytes(id uint32) []byte {
	if l.rawStarts == nil {
		return l.fold(id)
	}
	return l.raw[l.rawStarts[id]:l.rawStarts[id+1]]
}

func (l *lexicon) name(id uint32) string { return string(l.bytes(id)) }

// users are the objects that bear a name.
func (l *lexicon) users(id uint32) []uint32 { return l.uses[l.useStarts[id]:l.useStarts[id+1]] }

// find is the number of a name.
func (l *lexicon) find(name string) (id uint32, ok bool) {
	q := []byte(fold(name))
	for id := l.firstFrom(q); int(id) < l.len() && bytes.Equal(l.fold(id), q); id++ {
		if l.name(id) == name {
			return id, true
		}
	}
	return 0, false
}

// firstFrom is the number of the first name that is not before q.
func (l *lexicon) firstFrom(q []byte) uint32 {
	return uint32(sort.Search(l.len(), func(i int) bool { return bytes.Compare(l.fold(uint32(i)), q) >= 0 }))
}

// prefixed are the names, from and before, that begin with q. Those that are q itself come first.
func (l *lexicon) prefixed(q []byte) (from, before uint32) {
	from = l.firstFrom(q)
	n := sort.Search(l.len()-int(from), func(i int) bool { return !bytes.HasPrefix(l.fold(from+uint32(i)), q) })
	return from, from + uint32(n)
}

// eachWord yields the names in which a word other than the first begins with q, ordered by what stands from there, and where
// it begins. A name may come again for a later word.
func (l *lexicon) eachWord(q []byte, yield func(id uint32, at int) bool) {
	i := sort.Search(len(l.words), func(i int) bool { return bytes.Compare(l.from(l.words[i], len(q)), q) >= 0 })
	for ; i < len(l.words) && bytes.Equal(l.from(l.words[i], len(q)), q); i++ {
		id := l.nameAt(l.words[i])
		if !yield(id, int(l.words[i]-l.starts[id])) {
			return
		}
	}
}

// from is at most n bytes of folded. The zero byte that ends a name is before every byte of a query.
func (l *lexicon) from(at uint32, n int) []byte { return l.folded[at:min(int(at)+n, len(l.folded))] }

// nameAt is the number of the name that the place in folded belongs to.
func (l *lexicon) nameAt(at uint32) uint32 {
	i, exact := slices.BinarySearch(l.starts, at)
	if !exact {
		i--
	}
	return uint32(i)
}

// eachOfRank yields the names that hold q just as well as rank says, each once, and where. RankComment is no rank of a name.
func (l *lexicon) eachOfRank(q []byte, rank Rank, yield func(id uint32, at int) bool) {
	switch rank {
	case RankExact:
		for id := l.firstFrom(q); int(id) < l.len() && bytes.Equal(l.fold(id), q) && yield(id, 0); id++ {
		}
	case RankPrefix:
		from, before := l.prefixed(q)
		for id := from; id < before; id++ {
			if len(l.fold(id)) > len(q) && !yield(id, 0) {
				return
			}
		}
	case RankWord:
		l.eachWord(q, func(id uint32, at int) bool { return l.firstWord(id, q) != at || yield(id, at) })
	case RankPart:
		seen := map[uint32]bool{}
		l.eachPart(q, func(id uint32, at int) bool {
			if l.firstWord(id, q) >= 0 || seen[id] {
				return true
			}
			seen[id] = len(q) < 3
			return yield(id, at)
		})
	}
}

// firstWord is where the first word of the name that begins with q begins; -1 where none does.
func (l *lexicon) firstWord(id uint32, q []byte) int {
	folded, name := l.fold(id), l.bytes(id)
	for from := 0; ; {
		i := bytes.Index(folded[from:], q)
		if i < 0 {
			return -1
		}
		if i += from; i == 0 || beginsWord(name, i) {
			return i
		}
		from = i + 1
	}
}

// eachPart yields the names that hold q anywhere, and where it begins first. The order is that of the names for q of three
// bytes or more. A name may come again for a shorter one.
func (l *lexicon) eachPart(q []byte, yield func(id uint32, at int) bool) {
	l.grams.each(q, func(id uint32) bool {
		at := bytes.Index(l.fold(id), q)
		return at < 0 || yield(id, at)
	})
}

// A lexiconBuilder collects names and numbers them as they come.
type lexiconBuilder struct {
	ids   map[string]uint32
	names []string
}

func newLexiconBuilder() *lexiconBuilder { return &lexiconBuilder{ids: map[string]uint32{}} }

func (b *lexiconBuilder) add(name string) uint32 {
	id, ok := b.ids[name]
	if !ok {
		id = uint32(len(b.names))
		b.ids[name] = id
		b.names = append(b.names, name)
	}
	return id
}

// build makes the lexicon, and renumbers: the name added as i is number order[i] in it. Uses are set later. What it makes is made in its
// size, since names can be comments, a catalog of which is as large as all else together.
func (b *lexiconBuilder) build(withWords bool) (l *lexicon, order []uint32) {
	sorted := b.sorted()
	size := 0
	for _, name := range b.names {
		size += len(name) + 1
	}
	order = make([]uint32, len(sorted))
	l = &lexicon{folded: make([]byte, 0, size), starts: make([]uint32, 1, len(sorted)+1)}
	changed := false
	for i, s := range sorted {
		order[s.id] = uint32(i)
		name, start := b.names[s.id], len(l.folded)
		l.folded = appendFolded(l.folded, name)
		changed = changed || string(l.folded[start:]) != name
		l.folded = append(l.folded, 0)
		l.starts = append(l.starts, uint32(len(l.folded)))
	}
	if changed {
		l.raw, l.rawStarts = make([]byte, 0, size-len(sorted)), make([]uint32, 1, len(sorted)+1)
		for _, s := range sorted {
			l.raw = append(l.raw, b.names[s.id]...)
			l.rawStarts = append(l.rawStarts, uint32(len(l.raw)))
		}
	}
	if withWords {
		l.words = l.findWords()
	}
	l.grams = newGramIndex(l)
	return l, order
}

// maxSorted is how much of a folded name is kept for sorting, in bytes. Most names are shorter; of comments the rest is seldom asked for.
const maxSorted = 64

type sortedName struct {
	key    uint64 // its first eight bytes: most comparisons end here
	id     uint32
	folded string // its beginning
	cut    bool   // folded is not all of it
}

func (b *lexiconBuilder) sorted() []sortedName {
	sorted := make([]sortedName, len(b.names))
	for i, name := range b.names {
		start := cutText(name, maxSorted)
		if needsFolding(start) {
			start = fold(start)
		}
		sorted[i] = sortedName{sortKey(start), uint32(i), start, len(start) < len(name)}
	}
	slices.SortFunc(sorted, func(x, y sortedName) int {
		if c := cmp.Compare(x.key, y.key); c != 0 {
			return c
		}
		both := min(len(x.folded), len(y.folded))
		if c := cmp.Compare(x.folded[:both], y.folded[:both]); c != 0 {
			return c
		}
		if c := cmp.Compare(b.foldedName(x), b.foldedName(y)); c != 0 {
			return c
		}
		return cmp.Compare(b.names[x.id], b.names[y.id])
	})
	return sorted
}

func (b *lexiconBuilder) foldedName(s sortedName) string {
	if s.cut {
		return fold(b.names[s.id])
	}
	return s.folded
}

func needsFolding(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == 0 || c >= 'A' && c <= 'Z' || c >= 0x80 {
			return true
		}
	}
	return false
}

// sortKey orders texts as their first eight bytes do. Folded texts hold no zero byte, so that a shorter one is before.
func sortKey[T string | []byte](s T) uint64 {
	var first [8]byte
	copy(first[:], s)
	return binary.BigEndian.Uint64(first[:])
}

// findWords finds and orders the places where words begin inside names.
func (l *lexicon) findWords() []uint32 {
	type place struct {
		key uint64
		at  uint32
	}
	var places []place
	for id := range uint32(l.len()) {
		name, start := l.bytes(id), l.starts[id]
		for i := 1; i < len(name); i++ {
			if beginsWord(name, i) {
				places = append(places, place{sortKey(l.folded[start+uint32(i) : l.starts[id+1]-1]), start + uint32(i)})
			}
		}
	}
	slices.SortFunc(places, func(x, y place) int {
		if c := cmp.Compare(x.key, y.key); c != 0 {
			return c
		}
		if c := bytes.Compare(l.toEnd(x.at), l.toEnd(y.at)); c != 0 {
			return c
		}
		return cmp.Compare(x.at, y.at)
	})
	words := make([]uint32, len(places))
	for i, p := range places {
		words[i] = p.at
	}
	return words
}

// toEnd is what stands from a place to the end of its name.
func (l *lexicon) toEnd(at uint32) []byte {
	n := bytes.IndexByte(l.folded[at:], 0)
	return l.folded[at : int(at)+n]
}

// use notes which objects bear which name: object i bears the name numbered names[i].
func (l *lexicon) use(names []uint32) {
	starts := make([]uint32, l.len()+2)
	for _, id := range names {
		starts[id+2]++
	}
	for i := 2; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	l.uses = make([]uint32, len(names))
	for object, id := range names {
		l.uses[starts[id+1]] = uint32(object)
		starts[id+1]++
	}
	l.useStarts = starts[:l.len()+1]
}
