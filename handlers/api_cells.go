package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/notebook"
	"patchbay/query"
	"patchbay/store"
	"patchbay/workspace"
)

// apiCell is a cell as the API writes it.
type apiCell struct {
	ID           string         `json:"id"`
	Kind         string         `json:"kind"`
	Name         string         `json:"name"`
	Source       string         `json:"source"`
	ConnectionID string         `json:"connection_id"`
	Config       map[string]any `json:"config"`
	Version      int64          `json:"version"`
}

func apiCellOf(c store.Cell) apiCell {
	if c.Config == nil {
		c.Config = map[string]any{}
	}
	return apiCell{c.ID, c.Kind, c.Name, c.Source, c.ConnectionID, c.Config, c.Version}
}

func (s *Server) apiCells(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	page, err := s.Notebook.Open(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	items := make([]apiCell, len(page.Cells))
	for i, c := range page.Cells {
		items[i] = apiCellOf(c.Cell)
	}
	return writeList(w, items, "")
}

// apiCellInput is what POST and PATCH take. Nil leaves a part as it is.
type apiCellInput struct {
	Kind         string         `json:"kind"`
	Name         *string        `json:"name"`
	Source       *string        `json:"source"`
	ConnectionID *string        `json:"connection_id"`
	Config       map[string]any `json:"config"`
	Position     *int           `json:"position"`
	Version      int64          `json:"version"`
}

func (s *Server) apiAddCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in apiCellInput
	if err := decode(r, &in); err != nil {
		return err
	}
	cell := notebook.NewCell{Kind: in.Kind, Config: in.Config, At: -1}
	take(&cell.Name, in.Name)
	take(&cell.Source, in.Source)
	take(&cell.ConnectionID, in.ConnectionID)
	take(&cell.At, in.Position)
	c, err := s.Notebook.CreateCell(r.Context(), who, r.PathValue("project"), cell)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, apiCellOf(c))
}

// cellOf finds a cell of a project that the caller may view.
func (s *Server) cellOf(r *http.Request, who access.Actor) (store.Cell, error) {
	page, err := s.Notebook.Open(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return store.Cell{}, err
	}
	for _, c := range page.Cells {
		if c.ID == r.PathValue("cell") {
			return c.Cell, nil
		}
	}
	return store.Cell{}, store.ErrNotFound
}

func (s *Server) apiCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.cellOf(r, who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiCellOf(c))
}

func (s *Server) apiUpdateCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in apiCellInput
	if err := decode(r, &in); err != nil {
		return err
	}
	c, err := s.cellOf(r, who)
	if err != nil {
		return err
	}
	if in.Kind != "" && in.Kind != c.Kind {
		return &workspace.Invalid{Fields: map[string]string{"kind": "The kind of a cell cannot be changed"}}
	}
	if in.Version == 0 {
		in.Version = c.Version // whatever is there
	}
	if in.Name != nil || in.Source != nil || in.ConnectionID != nil || in.Config != nil {
		c, err = s.Notebook.UpdateCell(r.Context(), who, r.PathValue("project"), c.ID, notebook.CellChange{Version: in.Version, Name: in.Name,
			Source: in.Source, ConnectionID: in.ConnectionID, Config: in.Config})
		if err != nil {
			return err
		}
	}
	if in.Position != nil {
		if err := s.Notebook.MoveCell(r.Context(), who, r.PathValue("project"), c.ID, *in.Position); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, apiCellOf(c))
}

func (s *Server) apiDeleteCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Notebook.DeleteCell(r.Context(), who, r.PathValue("project"), r.PathValue("cell")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiRunCell(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	res, err := s.Notebook.RunCell(r.Context(), who, r.PathValue("project"), r.PathValue("cell"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, map[string]string{"id": res.ID, "state": res.State})
}

// apiCellResult is a cell's last result: while it runs its state alone, then its rows in the format that was asked for; one
// that failed is the problem that it failed with. CSV and Arrow are exports, and kept in the audit log as such.
func (s *Server) apiCellResult(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	res, err := s.Notebook.LastResult(r.Context(), who, r.PathValue("project"), r.PathValue("cell"))
	if err != nil {
		return err
	}
	switch res.State {
	case "running":
		return writeJSON(w, http.StatusAccepted, map[string]any{"id": res.ID, "state": res.State, "rows": res.Rows})
	case "failed", "cancelled":
		writeProblem(w, problem{Status: http.StatusUnprocessableEntity, Code: orCode(res.Cause, res.State), Title: "The last run of the cell was " + res.State,
			Detail: res.Error, Hint: res.Hint, Position: res.ErrorPosition, Request: requestID(r)})
		return nil
	}
	format := accepted(r)
	return s.stream(w, format, func(sink query.Sink) error {
		if format == formatJSON {
			return s.Query.Copy(r.Context(), who, res.ID, sink)
		}
		return s.Query.Export(r.Context(), who, res.ID, format, sink)
	})
}

func orCode(cause, otherwise string) string {
	if cause == "" {
		return otherwise
	}
	return cause
}
