package handlers

import (
	"net/http"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
)

// rowsPage is what the grid reads: a stretch of rows, and whether more can come.
type rowsPage struct {
	Columns  []rowsColumn `json:"columns"`
	Rows     [][]*string  `json:"rows"`
	Offset   int64        `json:"offset"`
	Total    int64        `json:"total"`
	Complete bool         `json:"complete"`
	State    string       `json:"state"`
}

type rowsColumn struct {
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	Family catalog.Family `json:"family"`
}

// maxGridRows bounds one answer of the grid.
const maxGridRows = 1000

// cellRows is a stretch of a cell's result, while it runs too.
func (s *Server) cellRows(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	res, err := s.Notebook.LastResult(r.Context(), who, r.PathValue("project"), r.PathValue("cell"))
	if err != nil {
		return err
	}
	offset, limit := number(r.URL.Query().Get("offset"), 0), min(number(r.URL.Query().Get("limit"), 100), maxGridRows)
	page, err := s.Query.Rows(r.Context(), who, res.ID, int64(offset), int64(limit))
	if err != nil {
		return err
	}
	out := rowsPage{Columns: []rowsColumn{}, Rows: make([][]*string, len(page.Rows)), Offset: page.Offset, Total: page.Total,
		Complete: res.State != "running", State: res.State}
	for _, c := range res.Columns {
		out.Columns = append(out.Columns, rowsColumn(c))
	}
	for i, row := range page.Rows {
		cells := make([]*string, len(row))
		for j := range row {
			if !row[j].Null {
				cells[j] = &row[j].Text
			}
		}
		out.Rows[i] = cells
	}
	return writeJSON(w, http.StatusOK, out)
}

// cellCSV downloads a cell's whole result.
func (s *Server) cellCSV(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	res, err := s.Notebook.LastResult(r.Context(), who, r.PathValue("project"), r.PathValue("cell"))
	if err != nil {
		return err
	}
	c, err := s.Store.Cell(r.Context(), r.PathValue("cell"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+fileName(c.Name)+`.csv"`)
	out := &lateWriter{w: w, format: formatCSV + "; charset=utf-8"}
	err = s.Query.ExportCSV(r.Context(), who, res.ID, out, r.URL.Query().Has("raw"))
	if err != nil && out.begun {
		s.Log.Warn("export broke off", "error", err, "request", requestID(r))
		panic(http.ErrAbortHandler) // nobody takes a part for the whole
	}
	return err
}

// fileName is a name that every file system takes.
func fileName(name string) string {
	kept := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, name)
	if kept == "" {
		return "result"
	}
	return kept
}
