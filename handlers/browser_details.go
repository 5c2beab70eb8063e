package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

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
