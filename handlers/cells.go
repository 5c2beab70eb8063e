package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/notebook"
	"patchbay/store"
	"patchbay/views"
)

// addCell adds a cell at the end; with a node of the data browser, one that queries its table.
func (s *Server) addCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in := notebook.NewCell{Kind: r.PostFormValue("kind"), At: -1}
	if in.Kind == notebook.KindInput {
		in.Config = map[string]any{"type": "text", "label": "", "value": ""}
	}
	if in.Kind == notebook.KindSQL {
		if err := s.firstStatement(r, who, &in); err != nil {
			return err
		}
	}
	c, err := s.Notebook.CreateCell(r.Context(), who, r.PathValue("project"), in)
	if err != nil {
		return err
	}
	r.SetPathValue("cell", c.ID)
	v, err := s.oneCell(r, who)
	if err != nil {
		return err
	}
	v.Editing = in.Kind == notebook.KindText
	return s.page(w, r, http.StatusOK, views.CellBlock(v))
}

// firstStatement fills a new SQL cell: the table of the node that was chosen, or the project's only connection.
func (s *Server) firstStatement(r *http.Request, who access.Actor, in *notebook.NewCell) error {
	if node := r.PostFormValue("node"); node != "" {
		c, path, err := s.browserConnection(r, who, node)
		if err != nil {
			return err
		}
		connector, ok := s.Registry.Get(c.Type)
		if !ok {
			return errNotFound
		}
		path = s.tableOf(c.ID, path)
		in.ConnectionID = c.ID
		in.Source = "select *\nfrom " + connector.Dialect.Readable(path) + "\nlimit 100"
		return nil
	}
	choices, err := s.cellConnections(r, who)
	if err == nil && len(choices) > 0 {
		in.ConnectionID = choices[0].ID
	}
	return err
}

// tableOf is the table of a node: a column's own, else the node itself.
func (s *Server) tableOf(connectionID string, path catalog.Path) catalog.Path {
	if shard, ok := s.Refresh.Shard(connectionID); ok {
		if n, found := shard.Node(path); found && n.Level == catalog.LevelColumn {
			return path.Parent()
		}
	}
	return path
}

// saveCell keeps what was typed. Two people who edit one cell are told so; nothing is overwritten.
func (s *Server) saveCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	v, err := s.oneCell(r, who)
	if err != nil {
		return err
	}
	saved, err := s.save(r, who, v)
	if err != nil {
		return s.cellRefused(w, r, v, err)
	}
	v.Version, v.Source, v.Name = saved.Version, saved.Source, saved.Name
	if v.Kind == notebook.KindText {
		return s.page(w, r, http.StatusOK, views.CellBlock(v))
	}
	return s.page(w, r, http.StatusOK, views.CellSaved(v))
}

// cellRefused shows at the cell why it was not saved; what was typed stays in the page.
func (s *Server) cellRefused(w http.ResponseWriter, r *http.Request, v views.Cell, err error) error {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		return err
	}
	v.Version, _ = strconv.ParseInt(r.PostFormValue("version"), 10, 64) // the version that the page still has
	v.Errors = p.Fields
	if len(p.Fields) == 0 {
		problem := problemView(p)
		v.Problem = &problem
	}
	if v.Kind == notebook.KindText {
		v.Editing, v.Source = true, r.PostFormValue("source")
		return s.page(w, r, p.Status, views.CellBlock(v))
	}
	return s.page(w, r, p.Status, views.CellSaved(v))
}

// save applies the posted form to a cell.
func (s *Server) save(r *http.Request, who access.Actor, v views.Cell) (store.Cell, error) {
	if err := r.ParseForm(); err != nil {
		return store.Cell{}, &badRequest{"bad_form", "The form cannot be read"}
	}
	f := r.PostForm
	version, err := strconv.ParseInt(f.Get("version"), 10, 64)
	if err != nil {
		return store.Cell{}, &badRequest{"bad_version", "The form lacks the version that it edits"}
	}
	change := notebook.CellChange{Version: version}
	for key, to := range map[string]**string{"name": &change.Name, "source": &change.Source, "connection": &change.ConnectionID} {
		if f.Has(key) {
			text := strings.ReplaceAll(f.Get(key), "\r\n", "\n")
			*to = &text
		}
	}
	if v.Kind == notebook.KindInput {
		change.Config = inputConfig(f.Get("type"), f.Get("value"), v.Label)
	}
	saved, err := s.Notebook.UpdateCell(r.Context(), who, r.PathValue("project"), v.ID, change)
	if errors.Is(err, store.ErrConflict) {
		return s.savedAlready(r.Context(), v.ID, change, err)
	}
	return saved, err
}

// savedAlready lets a change pass that is what the cell holds already: leaving the editor by pressing Run saves twice at once,
// and neither is in the other's way.
func (s *Server) savedAlready(ctx context.Context, id string, change notebook.CellChange, conflict error) (store.Cell, error) {
	c, err := s.Store.Cell(ctx, id)
	if err != nil {
		return c, err
	}
	for _, part := range []struct {
		to   *string
		held string
	}{{change.Name, c.Name}, {change.Source, c.Source}, {change.ConnectionID, c.ConnectionID}} {
		if part.to != nil && *part.to != part.held {
			return c, conflict
		}
	}
	if change.Config != nil {
		return c, conflict
	}
	return c, nil
}

// inputConfig is a parameter as the form posts it. An empty value is none, which is bound as NULL.
func inputConfig(kind, value, label string) map[string]any {
	config := map[string]any{"type": kind, "label": label}
	switch {
	case kind == "list":
		list := []any{}
		for line := range strings.Lines(value) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				list = append(list, line)
			}
		}
		config["value"] = list
	case value == "" && kind != "text":
		config["value"] = nil
	default:
		config["value"] = value
	}
	return config
}

func (s *Server) moveCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	by, err := strconv.Atoi(r.PostFormValue("by"))
	if err != nil {
		return &badRequest{"bad_move", "Say by how many places the cell moves"}
	}
	project := r.PathValue("project")
	cells, err := s.Store.Cells(r.Context(), project)
	if err != nil {
		return err
	}
	for i, c := range cells {
		if c.ID == r.PathValue("cell") {
			if err := s.Notebook.MoveCell(r.Context(), who, project, c.ID, i+by); err != nil {
				return err
			}
			return s.notebook(w, r, who)
		}
	}
	return store.ErrNotFound
}

func (s *Server) deleteCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Notebook.DeleteCell(r.Context(), who, r.PathValue("project"), r.PathValue("cell")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// runCell saves what is in the editor and runs it. A refusal is shown where the result would be.
func (s *Server) runCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	v, err := s.oneCell(r, who)
	if err != nil {
		return err
	}
	if r.PostFormValue("version") != "" && r.PostForm.Has("source") && r.PostForm.Get("source") != v.Source {
		if _, err := s.save(r, who, v); err != nil {
			return s.runRefused(w, r, who, err)
		}
	}
	res, err := s.Notebook.RunCell(r.Context(), who, r.PathValue("project"), v.ID)
	if err != nil {
		return s.runRefused(w, r, who, err)
	}
	if err := s.awaitQuick(r.Context(), who, res.ID); err != nil {
		return err
	}
	if v, err = s.oneCell(r, who); err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.CellRan(v))
}

// quick is how long the answer to running a cell waits for its result: most are there by then and show without a second request.
const quick = 60 * time.Millisecond

func (s *Server) awaitQuick(ctx context.Context, who access.Actor, resultID string) error {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	states, err := s.Query.Follow(ctx, who, resultID)
	if err != nil {
		return err
	}
	for res := range states {
		if res.State != "running" || res.Rows > 0 {
			return nil
		}
	}
	return nil
}

func (s *Server) runRefused(w http.ResponseWriter, r *http.Request, who access.Actor, err error) error {
	p := problemOf(err)
	v, failed := s.oneCell(r, who)
	if failed != nil || p.Status >= http.StatusInternalServerError && p.Code == "internal" {
		return err
	}
	problem := problemView(p)
	for _, words := range p.Fields {
		problem.Detail = words
	}
	v.Result, v.Problem = nil, &problem
	return s.page(w, r, p.Status, views.CellOutput(v))
}

// cellOutput is the result of a cell as it is now, with the badge in the cell's bar. The version stays out: what is being typed
// may have been saved since this was asked for.
func (s *Server) cellOutput(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	v, err := s.oneCell(r, who)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.CellProgress(v))
}

func (s *Server) cancelCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Notebook.CancelCell(r.Context(), who, r.PathValue("project"), r.PathValue("cell")); err != nil {
		return err
	}
	return s.cellOutput(w, r, who)
}
