package catalog

import (
	"cmp"
	"maps"
	"slices"
)

// A standing says where, within a rank and level, a search puts what bears a mark.
type standing int8

// The standings.
const (
	standsFirst standing = iota
	standsBetween
	standsLast
)

func standingOf(m Mark) standing {
	switch m {
	case MarkEndorsed:
		return standsFirst
	case MarkDeprecated:
		return standsLast
	}
	return standsBetween
}

// A span are the objects of a level from one number on and before another that have the same mark.
type span struct {
	from, before uint32
	standing     standing
}

// marked are a shard's objects that have a mark, their own or that of something above. Spans ascend and do not overlap.
type marked struct {
	objects []span // of everything but columns, numbered through all tiers
	columns []span
}

// labelled are what labels mark in a shard.
type labelled struct {
	labels Labels
	marks  *marked
}

// marked is what labels mark. Nil: nothing that is there now.
func (s *Shard) marked(labels Labels) *marked {
	if len(labels) == 0 {
		return nil
	}
	last := s.lastMarks.Load()
	if last == nil || !maps.Equal(last.labels, labels) {
		last = &labelled{maps.Clone(labels), s.findMarked(labels)}
		s.lastMarks.Store(last)
	}
	return last.marks
}

func (s *Shard) findMarked(labels Labels) *marked {
	type own struct {
		path     Path
		standing standing
	}
	var all []own
	for path, label := range labels {
		if p, err := ParsePath(path); err == nil && label.Mark != "" {
			all = append(all, own{p, standingOf(label.Mark)})
		}
	}
	slices.SortFunc(all, func(a, b own) int { return cmp.Compare(len(a.path), len(b.path)) })
	levels := make([][]span, len(s.tiers)+1)
	found := false
	for _, o := range all {
		level, at, ok := s.locate(o.path)
		if !ok {
			continue
		}
		found = true
		here := span{at, at + 1, o.standing}
		if level != root {
			levels[level] = append(levels[level], here)
		}
		for ; level < len(s.tiers); level++ {
			from, before := s.below(level, here.from)
			if last := here.before - 1; last != here.from {
				_, before = s.below(level, last)
			}
			if from == before {
				break
			}
			here.from, here.before = from, before
			levels[level+1] = append(levels[level+1], here)
		}
	}
	if !found {
		return nil
	}
	m := &marked{columns: nearest(levels[len(s.tiers)])}
	base := uint32(0)
	for i, t := range s.tiers {
		for _, sp := range nearest(levels[i]) {
			m.objects = append(m.objects, span{base + sp.from, base + sp.before, sp.standing})
		}
		base += uint32(len(t.name))
	}
	return m
}

// of are the spans of the columns, or of everything else.
func (m *marked) of(columns bool) []span {
	switch {
	case m == nil:
		return nil
	case columns:
		return m.columns
	}
	return m.objects
}

// nearest cuts spans that lie within each other so that everywhere the innermost is left. Of two that are the same, the later is.
func nearest(all []span) []span {
	var out, open []span
	slices.SortStableFunc(all, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.before, a.before)) })
	at := uint32(0)
	upTo := func(next uint32) {
		if inner := open[len(open)-1]; at < next {
			out = append(out, span{at, next, inner.standing})
		}
		at = next
	}
	closeBefore := func(from uint32) {
		for len(open) > 0 && open[len(open)-1].before <= from {
			upTo(open[len(open)-1].before)
			open = open[:len(open)-1]
		}
	}
	for _, sp := range all {
		closeBefore(sp.from)
		if len(open) > 0 {
			upTo(sp.from)
		}
		at, open = sp.from, append(open, sp)
	}
	closeBefore(^uint32(0))
	return out
}

// standingIn is that of an object among spans of its kind.
func standingIn(spans []span, object uint32) standing {
	i, exact := slices.BinarySearchFunc(spans, object, func(s span, o uint32) int { return cmp.Compare(s.from, o) })
	if !exact {
		i--
	}
	if i < 0 || object >= spans[i].before {
		return standsBetween
	}
	return spans[i].standing
}

// byStanding yields ascending objects, the endorsed first and the deprecated last, until yield wants no more.
func byStanding(objects []uint32, spans []span, yield func(object uint32) bool) {
	switch {
	case len(spans) == 0 || len(objects) == 1:
		each(objects, yield)
	case len(objects) <= len(spans):
		for p := standsFirst; p <= standsLast; p++ {
			if !each(objects, func(o uint32) bool { return standingIn(spans, o) != p || yield(o) }) {
				return
			}
		}
	default:
		_ = within(objects, spans, standsFirst, yield) && unmarked(objects, spans, yield) && within(objects, spans, standsLast, yield)
	}
}

func each(objects []uint32, yield func(object uint32) bool) bool {
	for _, object := range objects {
		if !yield(object) {
			return false
		}
	}
	return true
}

// within yields those in a span of that standing.
func within(objects []uint32, spans []span, p standing, yield func(object uint32) bool) bool {
	for _, s := range spans {
		if s.standing != p {
			continue
		}
		from, _ := slices.BinarySearch(objects, s.from)
		before, _ := slices.BinarySearch(objects, s.before)
		if !each(objects[from:before], yield) {
			return false
		}
	}
	return true
}

// unmarked yields those in no span.
func unmarked(objects []uint32, spans []span, yield func(object uint32) bool) bool {
	return each(objects, func(o uint32) bool {
		for len(spans) > 0 && spans[0].before <= o {
			spans = spans[1:]
		}
		return len(spans) > 0 && o >= spans[0].from || yield(o)
	})
}
