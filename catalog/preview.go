package catalog

import (
	"bytes"
	"slices"
	"strings"
)

// A Preview says what a filter would keep and drop of a catalog as it is known, level by level.
type Preview struct {
	Level        Level
	Kept         int
	Dropped      int
	KeptNames    []Path // the first few, in order
	DroppedNames []Path
}

// Preview decides m for every database, schema and table. At most names paths are listed each way and level. An object below
// one that is dropped is dropped too, and so is one that keeps nothing below it: nobody would see it.
func (s *Shard) Preview(m *Matcher, names int) []Preview {
	previews := make([]Preview, len(s.tiers))
	kept := s.kept(m)
	for level := range s.tiers {
		p := &previews[level]
		p.Level = s.levels[level]
		for at := range uint32(len(s.tiers[level].name)) {
			count, listed := &p.Dropped, &p.DroppedNames
			if kept[level][at] {
				count, listed = &p.Kept, &p.KeptNames
			}
			if *count++; len(*listed) < names {
				*listed = append(*listed, s.path(level, at))
			}
		}
	}
	return previews
}

// Dropped lists the objects of a level that m drops and whose path, written with dots, holds find, case aside: from the place from
// on and at most limit of them, and how many there are in all.
func (s *Shard) Dropped(m *Matcher, level Level, find string, from, limit int) (paths []Path, found int) {
	tier := slices.Index(s.levels, level)
	if tier < 0 {
		return nil, 0
	}
	folded := []byte(fold(find))
	var name []byte
	for at, kept := range s.kept(m)[tier] {
		if kept {
			continue
		}
		path := s.path(tier, uint32(at))
		if name = appendFolded(name[:0], strings.Join(path, ".")); !bytes.Contains(name, folded) {
			continue
		}
		if found >= from && len(paths) < limit {
			paths = append(paths, path)
		}
		found++
	}
	return paths, found
}

// kept says of every object, level by level, whether m keeps it, or something below it.
func (s *Shard) kept(m *Matcher) [][]bool {
	kept := make([][]bool, len(s.tiers))
	for level := len(s.tiers) - 1; level >= 0; level-- {
		kept[level] = make([]bool, len(s.tiers[level].name))
		for at := range kept[level] {
			if level == len(s.tiers)-1 {
				kept[level][at] = m.Keeps(s.path(level, uint32(at)))
				continue
			}
			from, before := s.below(level, uint32(at))
			kept[level][at] = slices.Contains(kept[level+1][from:before], true)
		}
	}
	return kept
}
