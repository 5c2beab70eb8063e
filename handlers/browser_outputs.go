package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/notebook"
	"patchbay/views"
)

// browserOutputs lists what the project's SQL cells put out, as far as the person may see results.
func (s *Server) browserOutputs(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	page, err := s.Notebook.Open(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	out := views.Outputs{ProjectID: page.Project.ID}
	for _, c := range page.Cells {
		if c.Kind != notebook.KindSQL {
			continue
		}
		o := views.Output{CellID: c.ID, Name: c.Name}
		if c.Result != nil {
			o.State, o.Rows = c.Result.State, c.Result.Rows
			for _, col := range c.Result.Columns {
				o.Columns = append(o.Columns, views.ColumnRow{Name: col.Name, Type: col.Type})
			}
		}
		out.Cells = append(out.Cells, o)
	}
	return s.page(w, r, http.StatusOK, views.BrowserOutputs(out))
}
