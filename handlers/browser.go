package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// browserPage is the number of nodes that one answer of the tree holds, unless limit asks for less.
const browserPage = 200

// browserNode is a node of the tree as the data browser reads it.
type browserNode struct {
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Type       string         `json:"type,omitempty"`
	Family     catalog.Family `json:"family,omitempty"`
	Path       string         `json:"path"`
	Rows       int64          `json:"rows"`
	Comment    string         `json:"comment,omitempty"`
	Said       string         `json:"description,omitempty"` // what Admins say of it, beside the source's comment
	Children   bool           `json:"children"`
	Unreadable bool           `json:"unreadable,omitempty"`
	Key        bool           `json:"pk,omitempty"`
	Mark       catalog.Mark   `json:"mark,omitempty"`
}

// said is what Admins say of a connection's objects: the marks of all, the descriptions of some.
type said struct {
	labels       catalog.Labels
	descriptions map[string]string // by Path.String
}

// saidOf is what is said of these nodes of a connection.
func (s *Server) saidOf(ctx context.Context, connectionID string, nodes []catalog.Node) (said, error) {
	labels, err := s.Store.Labels(ctx, connectionID)
	if err != nil {
		return said{}, err
	}
	paths := make([]catalog.Path, len(nodes))
	for i, n := range nodes {
		paths[i] = n.Path
	}
	descriptions, err := s.Store.Descriptions(ctx, connectionID, paths)
	return said{labels, descriptions}, err
}

// nodeOf is a catalog node below its connection, with the mark that holds for it and what is written of it.
func nodeOf(connectionID string, n catalog.Node, about said) browserNode {
	out := browserNode{Name: n.Name(), Kind: string(n.Level), Type: n.Type, Family: n.Family, Path: connectionID + "/" + n.Path.String(), Rows: -1,
		Comment: n.Comment, Children: n.Children > 0, Unreadable: n.Unreadable}
	if n.Level == catalog.LevelTable {
		out.Kind, out.Rows = string(n.Kind), n.Rows
	}
	holds, _ := about.labels.Of(n.Path)
	out.Mark, out.Said = holds.Mark, about.descriptions[n.Path.String()]
	return out
}

// browserConnection finds the connection that a node's path begins with, among those that the project uses and the person may
// query (SPEC section 2: Can query decides whether anything of a connection shows).
func (s *Server) browserConnection(r *http.Request, who access.Actor, path string) (workspace.ConnectionView, catalog.Path, error) {
	id, rest, _ := strings.Cut(path, "/")
	p, err := catalog.ParsePath(rest)
	if err != nil {
		return workspace.ConnectionView{}, nil, &badRequest{"bad_path", "The path cannot be read"}
	}
	used, err := s.Workspace.ProjectConnections(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return workspace.ConnectionView{}, nil, err
	}
	for _, c := range used {
		if c.ID == id && c.Decision.CanQuery {
			return c, p, nil
		}
	}
	return workspace.ConnectionView{}, nil, errNotFound
}

// browserChildren is one page of the tree: the one at offset, the one that holds the child at, or the one that holds the next
// child from the place from on whose name begins with prefix; found is its place, -1 where there is none.
func (s *Server) browserChildren(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	q := r.URL.Query()
	if q.Get("path") == "" {
		return s.browserRoots(w, r, who)
	}
	c, path, err := s.browserConnection(r, who, q.Get("path"))
	if err != nil {
		return err
	}
	offset, limit := number(q.Get("offset"), 0), min(number(q.Get("limit"), browserPage), browserPage)
	shard, ok := s.Refresh.Shard(c.ID)
	if !ok {
		return writeJSON(w, http.StatusOK, map[string]any{"items": []browserNode{}, "total": 0, "offset": 0})
	}
	found := -1
	if at := q.Get("at"); at != "" {
		offset = s.pageOf(shard, path, at)
	} else if prefix := q.Get("prefix"); prefix != "" {
		offset = 0
		if i, ok := shard.NextWithPrefix(path, number(q.Get("from"), 0), prefix); ok {
			found, offset = i, i/browserPage*browserPage
		}
	}
	nodes, total, ok := shard.Children(path, offset, limit)
	if !ok {
		return errNotFound
	}
	about, err := s.saidOf(r.Context(), c.ID, nodes)
	if err != nil {
		return err
	}
	items := make([]browserNode, len(nodes))
	for i, n := range nodes {
		items[i] = nodeOf(c.ID, n, about)
	}
	if len(nodes) > 0 && nodes[0].Level == catalog.LevelColumn {
		if err := s.addKeys(r.Context(), c.ID, path, items); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items, "total": total, "offset": offset, "found": found})
}

// addKeys marks the columns of a table's primary key, which only the stored table knows.
func (s *Server) addKeys(ctx context.Context, connectionID string, table catalog.Path, columns []browserNode) error {
	t, err := s.Refresh.Table(ctx, connectionID, table)
	if errors.Is(err, store.ErrNotFound) { // it went since its columns were listed
		return nil
	}
	if err != nil {
		return err
	}
	keys := map[string]bool{}
	for _, c := range t.Columns {
		keys[c.Name] = c.PrimaryKey > 0
	}
	for i := range columns {
		columns[i].Key = keys[columns[i].Name]
	}
	return nil
}

// pageOf is the offset of the page that holds the child at, for showing a node that was found elsewhere.
func (s *Server) pageOf(shard *catalog.Shard, path catalog.Path, at string) int {
	_, rest, _ := strings.Cut(at, "/")
	child, err := catalog.ParsePath(rest)
	if err != nil {
		return 0
	}
	i, ok := shard.Position(child)
	if !ok || len(child) != len(path)+1 {
		return 0
	}
	return i / browserPage * browserPage
}

// number reads a count from the address; what is no count is the default.
func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// browserRoots are the project's connections.
func (s *Server) browserRoots(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	used, err := s.Workspace.ProjectConnections(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	items := []browserNode{}
	for _, c := range used {
		if !c.Decision.CanQuery {
			continue
		}
		own, err := s.Store.Annotation(r.Context(), c.ID, nil)
		if err != nil {
			return err
		}
		shard, ok := s.Refresh.Shard(c.ID)
		items = append(items, browserNode{Name: c.Name, Kind: "connection", Type: c.Type, Path: c.ID, Rows: -1, Comment: c.Description,
			Said: own.Description, Children: ok && shard.Tables() > 0, Mark: own.Label.Mark})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items, "total": len(items), "offset": 0})
}

// browserFoot says how fresh the catalogs are.
func (s *Server) browserFoot(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	b, err := s.browser(r, who)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.BrowserFoot(b))
}

// browser is the data browser's frame: the connections with their freshness; the tree loads itself.
func (s *Server) browser(r *http.Request, who access.Actor) (views.Browser, error) {
	p, err := s.Workspace.Project(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return views.Browser{}, err
	}
	b := views.Browser{ProjectID: p.ID, MayAdd: p.Decision.Access >= access.Edit, SelectedNode: r.URL.Query().Get("node"), Now: s.Now()}
	used, err := s.Workspace.ProjectConnections(r.Context(), who, p.ID)
	if err != nil {
		return b, err
	}
	if b.Pinned, err = s.pinned(r, who); err != nil {
		return b, err
	}
	for _, c := range used {
		if !c.Decision.CanQuery {
			continue
		}
		item, err := s.browserConnectionState(r.Context(), c)
		if err != nil {
			return b, err
		}
		if who.IsAdmin() && c.ProjectID == "" && !c.Filter.Empty() {
			item.Hidden = "Some hidden by the filter"
			if n, ok := s.Workspace.HiddenTables(c.Connection); ok {
				item.Hidden = views.Count(int64(n)) + " hidden by the filter"
			}
		}
		b.Connections = append(b.Connections, item)
	}
	return b, nil
}

// browserConnectionState is how fresh a connection's catalog is, and which one the tree shows. A generation is named only once
// the tree has it: whoever reads the tree after being told of one must find it there, or would never look again.
func (s *Server) browserConnectionState(ctx context.Context, c workspace.ConnectionView) (views.BrowserConnection, error) {
	before, err := s.Store.CatalogState(ctx, c.ID)
	if err != nil {
		return views.BrowserConnection{}, err
	}
	row, err := s.connectionRow(ctx, c)
	if err != nil {
		return views.BrowserConnection{}, err
	}
	item := views.BrowserConnection{ID: c.ID, Name: c.Name, State: row.State, Read: row.LastRefresh, MayRefresh: c.Decision.CanRefreshSchema, Changing: row.State.Live}
	runs, err := s.Store.Runs(ctx, c.ID, 1, "")
	if err != nil {
		return item, err
	}
	if len(runs) > 0 {
		_, going := s.Refresh.Progress(runs[0].ID) // it is published, and not yet in the tree
		item.Changing = item.Changing || going
	}
	after, err := s.Store.CatalogState(ctx, c.ID)
	if err != nil {
		return item, err
	}
	item.Changing = item.Changing || after.Generation != before.Generation
	if _, ok := s.Refresh.Shard(c.ID); ok {
		item.Catalog = strconv.FormatInt(before.Generation, 10)
	}
	return item, nil
}

// browserRefresh starts a refresh of one of the project's connections.
func (s *Server) browserRefresh(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, _, err := s.browserConnection(r, who, r.PostFormValue("connection"))
	if err != nil {
		return err
	}
	if _, err := s.Workspace.StartRefresh(r.Context(), who, c.ID, "manual"); err != nil {
		return err
	}
	return s.browserFoot(w, r, who)
}
