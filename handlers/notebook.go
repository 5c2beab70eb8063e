package handlers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/notebook"
	"patchbay/store"
	"patchbay/views"
)

// notebook is a project's page; for those who may only view, its app view.
func (s *Server) notebook(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	page, seen, err := s.openProject(r, who)
	if err != nil {
		return err
	}
	if page.Decision.Access < access.Explore {
		return s.appPage(w, r, who, page, views.AccessStream(page.Project.ID, seen), s.layout(r, who, page.Project.Name, "projects"))
	}
	v := views.Notebook{Page: s.layout(r, who, page.Project.Name, "projects"), ID: page.Project.ID, Name: page.Project.Name,
		MayEdit: page.Decision.Access >= access.Edit, MayRename: page.Decision.Access >= access.Edit,
		MayDelete: page.Decision.Access >= access.Full, MayShare: page.Decision.Access >= access.Full, Notice: downgradeWords(page.Decision), Seen: seen}
	v.Page.Nonce = styleNonce(w)
	if v.Browser, err = s.browser(r, who); err != nil {
		return err
	}
	if v.Connections, err = s.cellConnections(r, who); err != nil {
		return err
	}
	for _, c := range page.Cells {
		v.Cells = append(v.Cells, s.cellView(page, c, v.Connections))
	}
	return s.page(w, r, http.StatusOK, views.NotebookPage(v))
}

// openProject is a project's page, with a mark of what its reader may do. The mark is the older of the two: a page is loaded once
// too often rather than once too little.
func (s *Server) openProject(r *http.Request, who access.Actor) (page notebook.Page, seen string, err error) {
	at, err := s.standing(r.Context(), who, r.PathValue("project"))
	if err == nil {
		page, err = s.Notebook.Open(r.Context(), who, r.PathValue("project"))
	}
	return page, at.mark, err
}

// cellConnections are the connections that a cell of the project can use.
func (s *Server) cellConnections(r *http.Request, who access.Actor) ([]views.ConnectionChoice, error) {
	used, err := s.Workspace.ProjectConnections(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return nil, err
	}
	var out []views.ConnectionChoice
	for _, c := range used {
		out = append(out, s.choice(c))
	}
	return out, nil
}

// cellView is a cell as it is drawn.
func (s *Server) cellView(page notebook.Page, c notebook.CellView, choices []views.ConnectionChoice) views.Cell {
	v := views.Cell{ProjectID: c.ProjectID, ID: c.ID, Kind: c.Kind, Name: c.Name, Source: c.Source, Version: c.Version,
		MayEdit: page.Decision.Access >= access.Edit, Connections: choices}
	for _, choice := range choices {
		if choice.ID == c.ConnectionID {
			v.Connection = choice
		}
	}
	if v.Connection.ID == "" && c.ConnectionID != "" {
		v.Connection = unnamedConnection(page, c.ConnectionID)
	}
	v.Type, _ = c.Config["type"].(string)
	v.Label, _ = c.Config["label"].(string)
	v.Value = inputText(c.Config["value"])
	if c.Result != nil {
		v.Result = s.resultView(c.Cell, *c.Result)
	}
	return v
}

// unnamedConnection stands for a connection that the reader may not query, or that is gone. Its id is kept, so that saving
// the cell does not lose it.
func unnamedConnection(page notebook.Page, id string) views.ConnectionChoice {
	for _, c := range page.Connections {
		if c.ID == id {
			return views.ConnectionChoice{ID: id, Name: c.Name, Type: c.Type}
		}
	}
	return views.ConnectionChoice{ID: id, Name: "A connection that is not in this notebook any more"}
}

// inputText is a parameter's value as its input shows it; a list has a value a line.
func inputText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case []any:
		lines := make([]string, len(v))
		for i, item := range v {
			lines[i] = inputText(item)
		}
		return strings.Join(lines, "\n")
	}
	return ""
}

func (s *Server) resultView(c store.Cell, res store.Result) *views.CellResult {
	v := &views.CellResult{ProjectID: c.ProjectID, CellID: c.ID, ID: res.ID, Name: c.Name, State: res.State, Rows: res.Rows, Bytes: res.Bytes,
		Columns: len(res.Columns), Truncated: res.Truncated, Affected: res.Affected, Finished: res.Finished, ErrorAt: res.ErrorPosition,
		Detail: res.Error, Hint: res.Hint, Now: s.Now()}
	end := res.Finished
	if end.IsZero() {
		end = s.Now()
	}
	v.Took = max(end.Sub(res.Started), time.Millisecond)
	if res.Cause != "" {
		v.Words = connectors.Cause(res.Cause).Words()
		if v.Hint == "" {
			v.Hint = connectors.Cause(res.Cause).Hint()
		}
	}
	if res.State == "cancelled" && v.Words == "" {
		v.Words = "Cancelled"
	}
	return v
}

// oneCell finds a cell of a project that the person may view, with what its view needs.
func (s *Server) oneCell(r *http.Request, who access.Actor) (views.Cell, error) {
	page, err := s.Notebook.Open(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return views.Cell{}, err
	}
	choices, err := s.cellConnections(r, who)
	if err != nil {
		return views.Cell{}, err
	}
	for _, c := range page.Cells {
		if c.ID == r.PathValue("cell") {
			return s.cellView(page, c, choices), nil
		}
	}
	return views.Cell{}, store.ErrNotFound
}

// cell is one cell, of text also as it is edited.
func (s *Server) cell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	v, err := s.oneCell(r, who)
	if err != nil {
		return err
	}
	v.Editing = r.URL.Query().Has("edit")
	return s.page(w, r, http.StatusOK, views.CellBlock(v))
}
