package handlers

import (
	"context"
	"net/http"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/workspace"
)

// browserHit is one hit of the data browser's search.
type browserHit struct {
	browserNode
	Connection string   `json:"connection"`
	Trail      []string `json:"trail"`
	Match      [][2]int `json:"match"`         // in UTF-16 code units of the name; empty where the comment matched
	InComment  [][2]int `json:"comment_match"` // the same of the comment

	connectionID string
}

// browserSearch finds objects in all connections of the project that the person may query.
func (s *Server) browserSearch(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	used, err := s.Workspace.ProjectConnections(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	found, err := s.search(r.Context(), used, catalog.Query{Text: r.URL.Query().Get("q"), Limit: 50})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": found.items(), "truncated": found.truncated})
}

// A searched is what a search found: for each shard, whose it is and what is said of its hits.
type searched struct {
	hits      []catalog.Hit
	truncated bool // there are more
	shown     []workspace.ConnectionView
	about     []said
}

// items are the hits as the data browser reads them.
func (found searched) items() []browserHit {
	items := make([]browserHit, len(found.hits))
	for i, h := range found.hits {
		c := found.shown[h.Shard]
		item := browserHit{browserNode: nodeOf(c.ID, h.Node, found.about[h.Shard]), Connection: c.Name, Trail: append([]string{c.Name}, h.Path.Parent()...), Match: [][2]int{}, InComment: [][2]int{},
			connectionID: c.ID}
		if h.Rank == catalog.RankComment {
			item.InComment = append(item.InComment, [2]int{runes(item.Comment[:h.Start]), runes(item.Comment[:h.End])})
		} else {
			item.Match = append(item.Match, [2]int{runes(item.Name[:h.Start]), runes(item.Name[:h.End])})
		}
		items[i] = item
	}
	return items
}

// search asks the shards of the connections that may be queried, for at most as many hits as the query's limit.
func (s *Server) search(ctx context.Context, in []workspace.ConnectionView, q catalog.Query) (searched, error) {
	var found searched
	if words := q.Check(); words != "" {
		return found, &badRequest{"bad_query", words}
	}
	var shards []*catalog.Shard
	var all []catalog.Labels
	for _, c := range in {
		shard, ok := s.Refresh.Shard(c.ID)
		if !ok || !c.Decision.CanQuery {
			continue
		}
		labels, err := s.Store.Labels(ctx, c.ID)
		if err != nil {
			return found, err
		}
		shards, found.shown, all = append(shards, shard), append(found.shown, c), append(all, labels)
	}
	limit := q.Limit
	q.Limit++
	if found.hits = catalog.SearchLabelled(shards, all, q); len(found.hits) > limit {
		found.hits, found.truncated = found.hits[:limit], true
	}
	paths := make([][]catalog.Path, len(shards))
	for _, h := range found.hits {
		paths[h.Shard] = append(paths[h.Shard], h.Path)
	}
	for i, c := range found.shown {
		descriptions, err := s.Store.Descriptions(ctx, c.ID, paths[i])
		if err != nil {
			return found, err
		}
		found.about = append(found.about, said{all[i], descriptions})
	}
	return found, nil
}

// runes counts as JavaScript does: in UTF-16 code units.
func runes(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}
