package catalog

import (
	"bytes"
	"cmp"
	"slices"
)

// Complete proposes names for what is being typed. Where within is empty, they are those of databases, schemas and tables that
// begin with prefix, then those in which a word does. Otherwise they are the children that begin with prefix of every object
// that within names: by its whole path, or by the last parts of it, as SQL leaves out what is clear.
func (s *Shard) Complete(prefix string, within Path, limit int) []Node {
	if len(within) == 0 {
		return s.completeAnywhere(prefix, limit)
	}
	var nodes []Node
	for _, object := range s.named(within) {
		level, at := s.place(object)
		for _, child := range s.childrenWith(level, at, []byte(fold(prefix))) {
			if len(nodes) >= limit {
				return nodes
			}
			nodes = append(nodes, s.node(level+1, child))
		}
	}
	return nodes
}

func (s *Shard) completeAnywhere(prefix string, limit int) []Node {
	var nodes []Node
	if prefix == "" {
		nodes, _, _ = s.Children(nil, 0, limit)
		return nodes
	}
	f := newFinder(searched{Shard: s}, 0, wanted{text: fold(prefix), levels: s.levels})
	f.room = limit
	for rank := RankExact; rank <= RankWord && len(f.found) < limit; rank++ {
		from := len(f.found)
		f.upper(rank)
		slices.SortStableFunc(f.found[from:], func(a, b candidate) int { return cmp.Compare(a.level, b.level) })
		if len(f.found) < limit {
			f.tablesOf(rank)
		}
	}
	f.found = f.found[:min(len(f.found), limit)]
	for _, c := range f.found {
		nodes = append(nodes, s.node(int(c.level), c.at))
	}
	return nodes
}

// named are the objects whose path ends with these parts, case aside.
func (s *Shard) named(parts Path) []uint32 {
	var objects []uint32
	last := []byte(fold(parts.Name()))
	from, before := s.names.prefixed(last)
	for id := from; id < before && bytes.Equal(s.names.fold(id), last); id++ {
		for _, object := range s.names.users(id) {
			level, at := s.place(object)
			if s.endsWith(level, at, parts) {
				objects = append(objects, object)
			}
		}
	}
	slices.Sort(objects)
	return objects
}

// Alone says whether only one object above the columns bears the name, case aside.
func (s *Shard) Alone(name string) bool {
	bearers, folded := 0, []byte(fold(name))
	from, before := s.names.prefixed(folded)
	for id := from; id < before && bytes.Equal(s.names.fold(id), folded); id++ {
		bearers += len(s.names.users(id))
	}
	return bearers == 1
}

func (s *Shard) endsWith(level int, at uint32, parts Path) bool {
	if len(parts) > level+1 {
		return false
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if !bytes.Equal(s.foldedName(level, at), []byte(fold(parts[i]))) {
			return false
		}
		if i > 0 {
			at = s.parent(level, at)
			level--
		}
	}
	return true
}

// childrenWith are the children whose folded name begins with prefix, in order.
func (s *Shard) childrenWith(level int, at uint32, prefix []byte) []uint32 {
	var children []uint32
	from, before := s.below(level, at)
	for child := from; child < before; child++ {
		if bytes.HasPrefix(s.foldedName(level+1, child), prefix) {
			children = append(children, child)
		}
	}
	return children
}
