package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
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
	return writeJSON(w, http.StatusOK, map[string]any{"items": found.items()})
}

// A searched is what a search found: for each shard, whose it is and what is said of its hits.
type searched struct {
	hits  []catalog.Hit
	shown []workspace.ConnectionView
	about []said
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

// search asks the shards of the connections that may be queried.
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
	found.hits = catalog.SearchLabelled(shards, all, q)
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

// browserDetails is the details panel of a node.
func (s *Server) browserDetails(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	full := r.URL.Query().Get("path")
	c, path, err := s.browserConnection(r, who, full)
	if err != nil {
		return err
	}
	d, err := s.details(r, who, c, path, full)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.Details(d))
}

// details gathers what is known of a node.
func (s *Server) details(r *http.Request, who access.Actor, c workspace.ConnectionView, path catalog.Path, full string) (views.NodeDetails, error) {
	d := views.NodeDetails{ProjectID: r.PathValue("project"), Path: full, Name: c.Name, Kind: "connection", Comment: c.Description, Now: s.Now()}
	state, err := s.Store.CatalogState(r.Context(), c.ID)
	if err != nil {
		return d, err
	}
	d.Read = state.Read
	if len(path) > 0 {
		err = s.nodeDetails(r.Context(), &d, c, path)
	} else {
		d.Facts = []views.Fact{{Label: "Tables", Value: views.Count(state.Tables)}, {Label: "Columns", Value: views.Count(state.Columns)}}
		if !state.Read.IsZero() {
			d.Facts = append(d.Facts, views.Fact{Label: "Read", Value: views.Relative(state.Read, s.Now())})
		}
	}
	if err != nil {
		return d, err
	}
	pins, err := s.Store.Pins(r.Context(), who.UserID)
	if err != nil {
		return d, err
	}
	d.Pinned = slices.ContainsFunc(pins, func(n store.NodeRef) bool { return n.ConnectionID == c.ID && n.Path.String() == path.String() })
	d.Link = nodeAddress(d.ProjectID, full)
	if err := s.staleParts(r.Context(), &d, c.ID, path); err != nil {
		return d, err
	}
	return d, s.annotations(r.Context(), &d, who, c, path)
}

// staleParts adds what the last refresh could not read of a node, or around it.
func (s *Server) staleParts(ctx context.Context, d *views.NodeDetails, connectionID string, path catalog.Path) error {
	scopes, err := s.Store.Scopes(ctx, connectionID)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		if shared := min(len(scope.Path), len(path)); slices.Equal(scope.Path[:shared], path[:shared]) {
			d.Stale = append(d.Stale, views.StalePart{Name: strings.Join(scope.Path, "."), Reason: scope.Reason, Since: scope.Since})
		}
	}
	return nil
}

// nodeAddress is the page of a project with the data browser open at a node.
func nodeAddress(project, node string) string {
	return "/projects/" + project + "?" + url.Values{"node": {node}}.Encode()
}

// nodeDetails fills the details of a database, schema, table or column.
func (s *Server) nodeDetails(ctx context.Context, d *views.NodeDetails, c workspace.ConnectionView, path catalog.Path) error {
	shard, ok := s.Refresh.Shard(c.ID)
	if !ok {
		return errNotFound
	}
	node, ok := shard.Node(path)
	if !ok {
		return errNotFound
	}
	connector, ok := s.Registry.Get(c.Type)
	if !ok {
		return errNotFound
	}
	d.Name, d.Kind, d.Comment, d.Unreadable = node.Name(), string(node.Level), node.Comment, node.Unreadable
	d.Qualified = connector.Dialect.Qualified(path)
	tablePath := path
	d.Visit = node.Level == catalog.LevelTable || node.Level == catalog.LevelColumn
	switch node.Level {
	case catalog.LevelColumn:
		tablePath = path.Parent()
		d.Facts = append(d.Facts, views.Fact{Label: "Type", Value: node.Type})
		table, _ := shard.Node(tablePath)
		d.MayQuery = !table.Unreadable
	case catalog.LevelTable:
		d.MayQuery = !node.Unreadable
	default:
		d.Facts = append(d.Facts, views.Fact{Label: "Contains", Value: views.Count(int64(node.Children))})
		return nil
	}
	t, err := s.Refresh.Table(ctx, c.ID, tablePath)
	if err != nil {
		return err
	}
	tableDetails(d, connector, t, node)
	if !d.Read.IsZero() {
		d.Facts = append(d.Facts, views.Fact{Label: "Read", Value: views.Relative(d.Read, s.Now())})
	}
	return nil
}

// tableDetails adds the columns of a table, or of a column's table that one column.
func tableDetails(d *views.NodeDetails, connector *connectors.Connector, t catalog.Table, node catalog.Node) {
	var names []string
	for _, col := range t.Columns {
		if node.Level == catalog.LevelColumn && col.Name != node.Name() {
			continue
		}
		row := views.ColumnRow{Name: col.Name, Type: col.Type, Family: string(col.Family), Comment: col.Comment, Key: col.PrimaryKey > 0,
			NotNull: !col.Nullable, Default: col.Default}
		if col.References != nil {
			row.Reference = strings.Join(append(append([]string{}, col.References.Table...), col.References.Column), ".")
		}
		d.Columns = append(d.Columns, row)
		names = append(names, connector.Dialect.Quote(col.Name))
	}
	if node.Level == catalog.LevelColumn {
		for _, row := range d.Columns { // the node has only a long comment's beginning
			d.Comment = row.Comment
		}
		return
	}
	d.Comment, d.Insert = t.Comment, strings.Join(names, ", ")
	d.Facts = append(d.Facts, views.Fact{Label: "Kind", Value: kindWords[t.Kind]}, views.Fact{Label: "Columns", Value: views.Count(int64(len(t.Columns)))})
	if t.Rows >= 0 {
		d.Facts = append(d.Facts, views.Fact{Label: "Rows, estimated", Value: views.Count(t.Rows)})
	}
}

var kindWords = map[catalog.Kind]string{catalog.KindTable: "Table", catalog.KindView: "View", catalog.KindMaterializedView: "Materialized view",
	catalog.KindExternal: "External table", catalog.KindForeign: "Foreign table", catalog.KindPartitioned: "Partitioned table"}

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
