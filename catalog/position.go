package catalog

// Position is the place of an object among its siblings, from 0, in the order of Children.
func (s *Shard) Position(path Path) (int, bool) {
	if len(path) == 0 {
		return 0, false
	}
	_, at, ok := s.locate(path)
	if !ok {
		return 0, false
	}
	level, parent, ok := s.locate(path.Parent())
	if !ok {
		return 0, false
	}
	from, _ := s.below(level, parent)
	return int(at - from), true
}
