package catalog

import (
	"bytes"
	"cmp"
	"slices"
)

// A Rank says how well an object answers a query, best first.
type Rank int8

// The ranks.
const (
	RankExact   Rank = iota // the name is the text
	RankPrefix              // the name begins with it
	RankWord                // a word of the name begins with it
	RankPart                // the name holds it
	RankComment             // the comment holds it
)

// A Hit is one object that answers a query. The text stands at [Start, End) of Name, or of Comment where Rank is RankComment.
type Hit struct {
	Node
	Shard      int // which of the shards searched
	Rank       Rank
	Start, End int // in bytes
}

// The number of hits unless a query has a limit, and at most; one more may be asked for, to learn whether there are more.
const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Search finds what answers q in all the shards together: by rank, then databases before schemas, tables and columns, then by
// name.
func Search(shards []*Shard, q Query) []Hit {
	return SearchLabelled(shards, make([]Labels, len(shards)), q)
}

// SearchLabelled is Search where, within a rank and level, what is endorsed comes first and what is deprecated last. It looks for
// marks at all that bears the same name, and at the first 1,000 hits in all. Labels holds those of each shard.
func SearchLabelled(shards []*Shard, labels []Labels, q Query) []Hit {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	in := make([]searched, len(shards))
	for i, s := range shards {
		in[i] = searched{s, s.marked(labels[i])}
	}
	found := searchAll(in, q.parse(), min(limit, maxLimit+1))
	hits := make([]Hit, len(found))
	for i, c := range found {
		hits[i] = Hit{Node: shards[c.shard].node(int(c.level), c.at), Shard: int(c.shard), Rank: c.rank, Start: int(c.start), End: int(c.end)}
	}
	return hits
}

// A searched is a shard with what is marked in it.
type searched struct {
	*Shard
	marks *marked // nil: nothing
}

// searchAll puts together what every reading of the query finds, each object once, at its best.
func searchAll(in []searched, readings []wanted, limit int) []candidate {
	if len(readings) == 1 {
		return search(in, readings[0], limit)
	}
	var all []candidate
	for _, w := range readings {
		for _, c := range search(in, w, limit) {
			known := func(k candidate) bool { return k.shard == c.shard && k.level == c.level && k.at == c.at }
			if !slices.ContainsFunc(all, known) {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.order>>nameBits, b.order>>nameBits))
	})
	return all[:min(len(all), limit)]
}

// A candidate is a hit before anything is spelt out. Columns have the level after the tables'.
type candidate struct {
	order      uint64 // depth of the level, its standing, then the beginning of the name: most comparisons end here
	name       []byte // folded
	at         uint32
	start, end uint32
	shard      int32
	nth        int16 // of its shard, at its rank: equal names of several shards take turns
	level      int8
	rank       Rank
}

func compareCandidates(a, b candidate) int {
	if a.order != b.order {
		return cmp.Compare(a.order, b.order)
	}
	return cmp.Or(bytes.Compare(a.name, b.name), cmp.Compare(a.nth, b.nth), cmp.Compare(a.shard, b.shard))
}

// search looks for one thing in all shards, rank by rank until there is enough. Where something is marked it looks further, at
// maxLimit in all, since what comes first by name is not first then.
func search(in []searched, w wanted, limit int) []candidate {
	finders, marks := make([]*finder, len(in)), 0
	for i, s := range in {
		finders[i] = newFinder(s, i, w)
		if s.marks != nil {
			marks++
		}
	}
	var found []candidate
	for rank := RankExact; rank <= RankComment && len(found) < limit; rank++ {
		room := limit - len(found)
		for _, f := range finders {
			if f.room = room; f.marks != nil {
				f.room = max(room, maxLimit/marks)
			}
		}
		found = append(found, best(ofRank(finders, rank, room), room)...)
	}
	return found
}

// best are the first n of all, in order. Sorting keys alone first leaves few whole candidates to be moved.
func best(all []candidate, n int) []candidate {
	if len(all) > n {
		orders := make([]uint64, len(all))
		for i, c := range all {
			orders[i] = c.order
		}
		slices.Sort(orders)
		all = slices.DeleteFunc(all, func(c candidate) bool { return c.order > orders[n-1] })
	}
	slices.SortFunc(all, compareCandidates)
	return all[:min(len(all), n)]
}

// ofRank are the candidates of one rank, at least as many as there is room for, or all. Levels are looked through from the
// outermost on, each only while there is room.
func ofRank(finders []*finder, rank Rank, room int) []candidate {
	steps := []func(*finder, Rank){(*finder).upper, (*finder).tablesOf, (*finder).columns}
	if rank == RankComment {
		steps = []func(*finder, Rank){(*finder).tableComments, (*finder).columnComments}
	}
	var here []candidate
	for _, step := range steps {
		for _, f := range finders {
			f.found, f.nth = here, 0
			step(f, rank)
			here = f.found
		}
		if len(here) >= room {
			break
		}
	}
	return here
}
