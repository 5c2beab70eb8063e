package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/workspace"
)

// apiCatalog answers the children of a node.
func (s *Server) apiCatalog(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	c, err := s.catalogConnection(r, who)
	if err != nil {
		return err
	}
	path, err := catalog.ParsePath(r.URL.Query().Get("path"))
	if err != nil {
		return &badRequest{"bad_path", "path is DB/SCHEMA/TABLE, each part URL-encoded"}
	}
	offset := number(r.URL.Query().Get("cursor"), 0)
	shard, ok := s.Refresh.Shard(c.ID)
	if !ok {
		return writeList(w, []apiNode{}, "")
	}
	nodes, total, ok := shard.Children(path, offset, limit)
	if !ok {
		return errNotFound
	}
	about, err := s.saidOf(r.Context(), c.ID, nodes)
	if err != nil {
		return err
	}
	items := make([]apiNode, len(nodes))
	for i, n := range nodes {
		items[i] = apiNodeOf(n, about)
	}
	if len(nodes) > 0 && nodes[0].Level == catalog.LevelColumn {
		if err := s.addColumns(r.Context(), c.ID, path, items); err != nil {
			return err
		}
	}
	for i, n := range nodes {
		if n.Level == catalog.LevelTable {
			if items[i].Comment, err = s.wholeComment(r.Context(), c.ID, n); err != nil {
				return err
			}
		}
	}
	next := ""
	if offset+len(nodes) < total {
		next = strconv.Itoa(offset + len(nodes))
	}
	return writeList(w, items, next)
}

// catalogConnection is the connection of the address, for someone who may query it.
func (s *Server) catalogConnection(r *http.Request, who access.Actor) (workspace.ConnectionView, error) {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err == nil && !c.Decision.CanQuery {
		err = store.ErrNotFound
	}
	return c, err
}

// apiNode is a node of the catalog as the API writes it.
type apiNode struct {
	Kind         string         `json:"kind"`
	Name         string         `json:"name"`
	Path         string         `json:"path"`
	Type         string         `json:"type,omitempty"`
	Family       catalog.Family `json:"family,omitempty"`
	Nullable     *bool          `json:"nullable,omitempty"`
	Default      string         `json:"default,omitempty"`
	PrimaryKey   int            `json:"primary_key,omitempty"`
	References   string         `json:"references,omitempty"`
	Comment      string         `json:"comment"`
	Description  string         `json:"description"`
	RowsEstimate *int64         `json:"rows_estimate,omitempty"`
	Readable     *bool          `json:"readable,omitempty"`
	ConnectionID string         `json:"connection_id,omitempty"`
	Mark         catalog.Mark   `json:"mark"`
	Excluded     bool           `json:"exclude_from_agents"`
}

func apiNodeOf(n catalog.Node, about said) apiNode {
	holds, _ := about.labels.Of(n.Path)
	out := apiNode{Kind: string(n.Level), Name: n.Name(), Path: n.Path.String(), Type: n.Type, Family: n.Family, Comment: n.Comment,
		Description: about.descriptions[n.Path.String()], Mark: holds.Mark, Excluded: holds.ExcludeFromAgents}
	if n.Level == catalog.LevelTable {
		out.Kind = string(n.Kind)
		readable := !n.Unreadable
		out.Readable = &readable
		if n.Rows >= 0 {
			out.RowsEstimate = &n.Rows
		}
	}
	return out
}

// addColumns tells of columns what only the stored table knows.
func (s *Server) addColumns(ctx context.Context, id string, table catalog.Path, items []apiNode) error {
	t, err := s.Refresh.Table(ctx, id, table)
	if errors.Is(err, store.ErrNotFound) { // it went since its columns were listed
		return nil
	}
	if err != nil {
		return err
	}
	byName := map[string]catalog.Column{}
	for _, c := range t.Columns {
		byName[c.Name] = c
	}
	for i := range items {
		c := byName[items[i].Name]
		items[i].Nullable, items[i].Default, items[i].PrimaryKey, items[i].Comment = &c.Nullable, c.Default, c.PrimaryKey, c.Comment
		if c.References != nil {
			items[i].References = append(append(catalog.Path{}, c.References.Table...), c.References.Column).String()
		}
	}
	return nil
}

// wholeComment is the comment of a table or column, from the stored table where the node has only its beginning.
func (s *Server) wholeComment(ctx context.Context, id string, n catalog.Node) (string, error) {
	if !catalog.CutComment(n.Comment) {
		return n.Comment, nil
	}
	path := n.Path
	if n.Level == catalog.LevelColumn {
		path = path.Parent()
	}
	t, err := s.Refresh.Table(ctx, id, path)
	switch {
	case errors.Is(err, store.ErrNotFound): // it went while we looked
		return n.Comment, nil
	case err != nil || n.Level != catalog.LevelColumn:
		return t.Comment, err
	}
	for _, c := range t.Columns {
		if c.Name == n.Name() {
			return c.Comment, nil
		}
	}
	return n.Comment, nil
}

// apiSearch finds objects in everything that the caller may query, or in one connection of it. It has no pages: where there are more
// hits than the limit, it says so.
func (s *Server) apiSearch(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	all, err := s.Workspace.Connections(r.Context(), who)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if only := q.Get("connection"); only != "" {
		kept := all[:0]
		for _, c := range all {
			if c.ID == only {
				kept = append(kept, c)
			}
		}
		all = kept
	}
	found, err := s.search(r.Context(), all, catalog.Query{Text: q.Get("q"), Limit: limit})
	if err != nil {
		return err
	}
	items := make([]apiNode, len(found.hits))
	for i, h := range found.hits {
		items[i] = apiNodeOf(h.Node, found.about[h.Shard])
		items[i].ConnectionID = found.shown[h.Shard].ID
		if items[i].Comment, err = s.wholeComment(r.Context(), items[i].ConnectionID, h.Node); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items, "next_cursor": nil, "truncated": found.truncated})
}
