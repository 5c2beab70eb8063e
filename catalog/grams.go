package catalog

import (
	"encoding/binary"
	"slices"
)

// A gramIndex says which names hold which three bytes in a row. Bytes are put into 63 classes, so that all the grams there can
// be are few; names whose classes agree and whose bytes do not are left to the caller to tell apart. The last two bytes of a
// name and its last one count as grams as well, padded by class 0, so that a shorter query is a range of grams.
type gramIndex struct {
	keys   []uint32 // the grams that occur, ascending
	starts []uint32 // where each one's names begin in lists, and one more
	lists  []byte   // ascending names, each as uvarint of the distance from the one before
}

const (
	classBits = 6
	gramCount = 1 << (3 * classBits)
)

// classes is the class of each byte: letters and digits and what joins them have one of their own.
var classes = func() (c [256]uint32) {
	for b := range c {
		switch {
		case b >= 'a' && b <= 'z':
			c[b] = uint32(b-'a') + 1
		case b >= '0' && b <= '9':
			c[b] = uint32(b-'0') + 27
		case b == '_':
			c[b] = 37
		case b == ' ':
			c[b] = 38
		case b == '-':
			c[b] = 39
		default:
			c[b] = 40 + uint32(b)%24
		}
	}
	return c
}()

// gramsOf yields the grams of a name, each place once.
func gramsOf(name []byte, yield func(gram uint32)) {
	for i := range name {
		gram := classes[name[i]] << (2 * classBits)
		if i+1 < len(name) {
			gram |= classes[name[i+1]] << classBits
		}
		if i+2 < len(name) {
			gram |= classes[name[i+2]]
		}
		yield(gram)
	}
}

// newGramIndex goes over the names twice: once to know how long each list becomes, once to write them in place.
func newGramIndex(l *lexicon) gramIndex {
	size := make([]uint32, gramCount)
	last := make([]uint32, gramCount) // the last name of each list, plus 1
	l.eachGram(last, func(gram, distance uint32) { size[gram] += uint32(uvarintLen(distance)) })
	var g gramIndex
	var total uint32
	at := size // from here on: where the next one goes
	for gram, n := range size {
		if n == 0 {
			continue
		}
		g.keys = append(g.keys, uint32(gram))
		g.starts = append(g.starts, total)
		at[gram] = total
		total += n
	}
	g.starts = append(g.starts, total)
	g.lists = make([]byte, total)
	clear(last)
	l.eachGram(last, func(gram, distance uint32) {
		at[gram] += uint32(binary.PutUvarint(g.lists[at[gram]:], uint64(distance)))
	})
	g.keys, g.starts = slices.Clip(g.keys), slices.Clip(g.starts)
	return g
}

// eachGram yields each gram of each name once, with the distance from the last name that has it.
func (l *lexicon) eachGram(last []uint32, yield func(gram, distance uint32)) {
	for id := range uint32(l.len()) {
		gramsOf(l.fold(id), func(gram uint32) {
			if last[gram] != id+1 {
				yield(gram, id+1-last[gram])
				last[gram] = id + 1
			}
		})
	}
}

func uvarintLen(n uint32) int {
	size := 1
	for n >= 0x80 {
		n >>= 7
		size++
	}
	return size
}

// each yields the names that may hold q: the list of its rarest gram, or those of all grams that begin with a shorter q.
func (g *gramIndex) each(q []byte, yield func(id uint32) bool) {
	if len(q) == 0 {
		return
	}
	from, to := 0, 0 // of keys
	if len(q) < 3 {
		low := classes[q[0]] << (2 * classBits)
		span := uint32(1 << (2 * classBits))
		if len(q) == 2 {
			low |= classes[q[1]] << classBits
			span = 1 << classBits
		}
		from, _ = slices.BinarySearch(g.keys, low)
		to, _ = slices.BinarySearch(g.keys, low+span)
	} else if at := g.rarest(q); at >= 0 {
		from, to = at, at+1
	}
	for i := from; i < to; i++ {
		if !g.walk(i, yield) {
			return
		}
	}
}

// rarest is the place in keys of q's gram with the shortest list, -1 where one of them does not occur.
func (g *gramIndex) rarest(q []byte) int {
	best, size := -1, uint32(0)
	for i := range len(q) - 2 {
		gram := classes[q[i]]<<(2*classBits) | classes[q[i+1]]<<classBits | classes[q[i+2]]
		at, ok := slices.BinarySearch(g.keys, gram)
		if !ok {
			return -1
		}
		if n := g.starts[at+1] - g.starts[at]; best < 0 || n < size {
			best, size = at, n
		}
	}
	return best
}

func (g *gramIndex) walk(i int, yield func(id uint32) bool) bool {
	list := g.lists[g.starts[i]:g.starts[i+1]]
	next := uint64(0) // the name after the last
	for len(list) > 0 {
		distance, n := binary.Uvarint(list)
		list = list[n:]
		next += distance
		if !yield(uint32(next - 1)) {
			return false
		}
	}
	return true
}
