package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// browserAnnotate keeps what an Admin says of a node, and shows its details again.
func (s *Server) browserAnnotate(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	full := r.PostFormValue("path")
	c, path, err := s.browserConnection(r, who, full)
	if err != nil {
		return err
	}
	var replaces time.Time
	if updated := r.PostFormValue("updated"); updated != "" {
		replaces, err = time.Parse(time.RFC3339Nano, updated)
	}
	if err != nil || !r.PostForm.Has("updated") {
		return &badRequest{"bad_form", "The form is not one of this page. Load it again"}
	}
	in := workspace.AnnotationInput{Description: r.PostFormValue("description"), Replaces: &replaces,
		Label: catalog.Label{Mark: catalog.Mark(r.PostFormValue("mark")), ExcludeFromAgents: r.PostFormValue("exclude_from_agents") == "true"}}
	_, err = s.Workspace.Annotate(r.Context(), who, c.ID, path, in)
	bad, conflict := problemOf(err), errors.Is(err, store.ErrConflict)
	if err != nil && len(bad.Fields) == 0 && !conflict {
		return err
	}
	if err == nil && !isHTMX(r) {
		return redirect(w, r, nodeAddress(r.PathValue("project"), full))
	}
	d, failed := s.details(r, who, c, path, full)
	if failed != nil {
		return failed
	}
	if d.Form == nil {
		return err
	}
	d.Form.Open = true
	if err != nil {
		d.Form.Description, d.Form.Mark, d.Form.Excluded, d.Form.Errors = in.Description, string(in.Label.Mark), in.Label.ExcludeFromAgents, bad.Fields
		if d.Form.Conflict = conflict; !conflict { // else what is said now stands above, and saving again replaces it
			d.Form.Updated = replaces
		}
		return s.page(w, r, bad.Status, views.Details(d))
	}
	d.Form.Saved = true
	w.Header().Set("HX-Trigger", "pb:catalog") // the tree shows marks
	return s.page(w, r, http.StatusOK, views.Details(d))
}

// annotations adds to the details of a node what is said of it and, for Admins, the form to say it.
func (s *Server) annotations(ctx context.Context, d *views.NodeDetails, who access.Actor, c workspace.ConnectionView, path catalog.Path) error {
	own, err := s.Store.Annotation(ctx, c.ID, path)
	if err != nil {
		return err
	}
	labels, err := s.Store.Labels(ctx, c.ID)
	if err != nil {
		return err
	}
	holds, from := labels.Of(path)
	d.Description, d.Mark, d.Excluded = own.Description, string(holds.Mark), holds.ExcludeFromAgents
	if len(from) < len(path) && holds.Mark != "" {
		d.MarkFrom = from.Name()
		if len(from) == 0 {
			d.MarkFrom = c.Name
		}
	}
	if !own.Updated.IsZero() {
		if d.SaidBy, err = s.personName(ctx, own.By); err != nil {
			return err
		}
		d.Said = own.Updated
	}
	if who.IsAdmin() && c.ProjectID == "" {
		d.Form = &views.AnnotationForm{Description: own.Description, Mark: string(own.Label.Mark), Excluded: own.Label.ExcludeFromAgents, Updated: own.Updated}
	}
	return s.columnAnnotations(ctx, d, c.ID, path, labels)
}

// columnAnnotations adds to the columns of a table what is said of each.
func (s *Server) columnAnnotations(ctx context.Context, d *views.NodeDetails, connectionID string, path catalog.Path, labels catalog.Labels) error {
	if d.Kind != string(catalog.LevelTable) {
		return nil
	}
	inside, err := s.Store.AnnotationsBelow(ctx, connectionID, path)
	if err != nil {
		return err
	}
	said := map[string]string{}
	for _, a := range inside {
		said[a.Path.Name()] = a.Description
	}
	for i := range d.Columns {
		column := &d.Columns[i]
		column.Description = said[column.Name]
		column.Mark = string(labels[append(append(catalog.Path{}, path...), column.Name).String()].Mark) // the table's own is said above
	}
	return nil
}

// apiAnnotation is what is said of an object, and what holds for it.
type apiAnnotation struct {
	Path              string       `json:"path"`
	Description       string       `json:"description"`
	Mark              catalog.Mark `json:"mark"`
	ExcludeFromAgents bool         `json:"exclude_from_agents"`
	UpdatedBy         string       `json:"updated_by,omitempty"`
	UpdatedAt         *time.Time   `json:"updated_at,omitempty"`
	Effective         struct {
		Mark              catalog.Mark `json:"mark"`
		From              string       `json:"from"`
		ExcludeFromAgents bool         `json:"exclude_from_agents"`
	} `json:"effective"`
}

// apiGetAnnotation answers whoever may query the connection; of an object that is gone, or hidden by the filter, only Admins.
func (s *Server) apiGetAnnotation(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.catalogConnection(r, who)
	if err != nil {
		return err
	}
	path, err := annotatedPath(r)
	if err != nil {
		return err
	}
	a, err := s.Store.Annotation(r.Context(), c.ID, path)
	if err != nil {
		return err
	}
	if _, known := s.node(c.ID, path); !known && (a.Updated.IsZero() || !who.IsAdmin()) {
		return errNotFound
	}
	return s.writeAnnotation(w, r, c.ID, a)
}

func annotatedPath(r *http.Request) (catalog.Path, error) {
	path, err := catalog.ParsePath(r.URL.Query().Get("path"))
	if err != nil {
		return nil, &badRequest{"bad_path", "path is DB/SCHEMA/TABLE/COLUMN, each part URL-encoded"}
	}
	return path, nil
}

// node is an object as it is known now. The empty path is the connection.
func (s *Server) node(connectionID string, path catalog.Path) (catalog.Node, bool) {
	if len(path) == 0 {
		return catalog.Node{}, true
	}
	shard, ok := s.Refresh.Shard(connectionID)
	if !ok {
		return catalog.Node{}, false
	}
	return shard.Node(path)
}

func (s *Server) apiSetAnnotation(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in struct {
		Description       string       `json:"description"`
		Mark              catalog.Mark `json:"mark"`
		ExcludeFromAgents bool         `json:"exclude_from_agents"`
		UpdatedAt         *time.Time   `json:"updated_at"` // of what it replaces; without it, it replaces whatever is there
	}
	path, err := annotatedPath(r)
	if err != nil {
		return err
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	a, err := s.Workspace.Annotate(r.Context(), who, r.PathValue("id"), path, workspace.AnnotationInput{Description: in.Description, Replaces: in.UpdatedAt,
		Label: catalog.Label{Mark: in.Mark, ExcludeFromAgents: in.ExcludeFromAgents}})
	if err != nil {
		return err
	}
	return s.writeAnnotation(w, r, r.PathValue("id"), a)
}

func (s *Server) writeAnnotation(w http.ResponseWriter, r *http.Request, connectionID string, a store.Annotation) error {
	labels, err := s.Store.Labels(r.Context(), connectionID)
	if err != nil {
		return err
	}
	out := apiAnnotation{Path: a.Path.String(), Description: a.Description, Mark: a.Label.Mark, ExcludeFromAgents: a.Label.ExcludeFromAgents,
		UpdatedBy: a.By, UpdatedAt: when(a.Updated)}
	holds, from := labels.Of(a.Path)
	out.Effective.Mark, out.Effective.From, out.Effective.ExcludeFromAgents = holds.Mark, from.String(), holds.ExcludeFromAgents
	return writeJSON(w, http.StatusOK, out)
}
