package catalog

import (
	"bytes"
	"sort"
)

// NextWithPrefix is the place, among the children of path in the order of Children, of the first from the place from on whose
// name begins with prefix, case aside. Not ok: there is none.
func (s *Shard) NextWithPrefix(path Path, from int, prefix string) (int, bool) {
	level, parent, ok := s.locate(path)
	if !ok || level > len(s.tiers)-1 {
		return 0, false
	}
	folded := []byte(fold(prefix))
	first, before := s.below(level, parent)
	at := first + uint32(min(max(from, 0), int(before-first)))
	if level+1 < len(s.tiers) { // by name; columns stand in their own order
		at += uint32(sort.Search(int(before-at), func(i int) bool { return bytes.Compare(s.foldedName(level+1, at+uint32(i)), folded) >= 0 }))
		before = min(before, at+1)
	}
	for ; at < before; at++ {
		if bytes.HasPrefix(s.foldedName(level+1, at), folded) {
			return int(at - first), true
		}
	}
	return 0, false
}
