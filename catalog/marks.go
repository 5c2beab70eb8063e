package catalog

import (
	"cmp"
	"slices"
)

// A Mark is what an Admin says of an object to everyone who uses it.
type Mark string

// The marks. The empty Mark says nothing.
const (
	MarkEndorsed   Mark = "endorsed"
	MarkDeprecated Mark = "deprecated"
)

// A Label is what is marked at one object: its mark, and whether agents are asked to leave it out.
type Label struct {
	Mark              Mark
	ExcludeFromAgents bool
}

// Labels are those of one connection's objects, by Path.String. They go down to everything below, and the nearest mark wins.
type Labels map[string]Label

// Of is what holds for the object at path, and at which object its mark stands; from is meaningless without a mark. What is
// excluded somewhere above stays excluded.
func (l Labels) Of(path Path) (holds Label, from Path) {
	for at := path; len(l) > 0; at = at.Parent() {
		own := l[at.String()]
		if holds.Mark == "" && own.Mark != "" {
			holds.Mark, from = own.Mark, at
		}
		holds.ExcludeFromAgents = holds.ExcludeFromAgents || own.ExcludeFromAgents
		if len(at) == 0 {
			break
		}
	}
	return holds, from
}

// SearchLabelled is Search where, within a rank, what is endorsed comes first and what is deprecated last. It looks at the first
// 1,000 hits. Labels holds those of each shard.
func SearchLabelled(shards []*Shard, labels []Labels, q Query) []Hit {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	if slices.ContainsFunc(labels, func(l Labels) bool { return len(l) > 0 }) {
		q.Limit = maxLimit
	}
	hits := Search(shards, q)
	order := map[Mark]int{MarkEndorsed: -1, MarkDeprecated: 1}
	type placed struct {
		hit   Hit
		place int
	}
	all := make([]placed, len(hits))
	for i, h := range hits {
		holds, _ := labels[h.Shard].Of(h.Path)
		all[i] = placed{h, order[holds.Mark]}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.hit.Rank, b.hit.Rank), cmp.Compare(a.place, b.place))
	})
	hits = hits[:min(len(hits), limit)]
	for i := range hits {
		hits[i] = all[i].hit
	}
	return hits
}
