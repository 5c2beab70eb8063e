package catalog

// A Preview says what a filter would keep and drop of a catalog as it is known, level by level.
type Preview struct {
	Level        Level
	Kept         int
	Dropped      int
	KeptNames    []Path // the first few, in order
	DroppedNames []Path
}

// Preview decides m for every database, schema and table. At most names paths are listed each way and level. An object below
// one that is dropped is dropped too, and counted.
func (s *Shard) Preview(m *Matcher, names int) []Preview {
	previews := make([]Preview, len(s.tiers))
	for level := range s.tiers {
		p := &previews[level]
		p.Level = s.levels[level]
		for at := range uint32(len(s.tiers[level].name)) {
			path := s.path(level, at)
			if m.Keeps(path) {
				p.Kept++
				p.KeptNames = appendFirst(p.KeptNames, path, names)
			} else {
				p.Dropped++
				p.DroppedNames = appendFirst(p.DroppedNames, path, names)
			}
		}
	}
	return previews
}

func appendFirst(paths []Path, p Path, most int) []Path {
	if len(paths) >= most {
		return paths
	}
	return append(paths, p)
}
