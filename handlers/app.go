package handlers

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/notebook"
	"patchbay/query"
	"patchbay/store"
	"patchbay/views"
)

// appRows is how many rows of a result the app view shows at once.
const appRows = 50

// app is a project's app view for people.
func (s *Server) app(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	page, seen, err := s.openProject(r, who)
	if err != nil {
		return err
	}
	return s.appPage(w, r, who, page, views.AccessStream(page.Project.ID, seen), s.layout(r, who, page.Project.Name, "projects"))
}

// sharedApp is the app view that a web link opens. Whoever follows it, signed in or not, sees what the anonymous visitor may,
// decided at this moment; anything else is not found.
func (s *Server) sharedApp(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	project, err := s.openWebLink(r, who)
	if err != nil {
		return err
	}
	visitor := access.Actor{IP: who.IP, RequestID: who.RequestID}
	page, err := s.Notebook.Open(r.Context(), visitor, project)
	var denied *access.Denied
	if errors.As(err, &denied) {
		return errNotFound // taken away since the link was looked up
	}
	if err != nil {
		return err
	}
	return s.appPage(w, r, visitor, page, r.URL.EscapedPath()+"/access", s.layout(r, visitor, page.Project.Name, ""))
}

// openWebLink is the project that a request's web link opens.
func (s *Server) openWebLink(r *http.Request, who access.Actor) (projectID string, err error) {
	project, err := s.Auth.OpenWebLink(r.Context(), who.IP, r.PathValue("token"))
	if errors.Is(err, store.ErrNotFound) {
		return "", errNotFound
	}
	return project, err
}

// appPage shows texts and kept results, follows the stream of the reader's access, and neither runs anything nor reads a source.
func (s *Server) appPage(w http.ResponseWriter, r *http.Request, who access.Actor, page notebook.Page, follow string, frame views.Page) error {
	v := views.App{Page: frame, Name: page.Project.Name, Follow: follow}
	if page.Decision.Access >= access.Explore {
		v.Back = "/projects/" + page.Project.ID
	}
	if page.Decision.Access >= access.Full {
		v.Share = v.Back + "/share"
	}
	for _, c := range page.Cells {
		switch {
		case c.Kind == notebook.KindText && c.Source != "":
			v.Cells = append(v.Cells, views.AppCell{ID: c.ID, Kind: c.Kind, Text: c.Source})
		case c.Kind == notebook.KindSQL:
			cell, err := s.appCell(r, who, c)
			if err != nil {
				return err
			}
			v.Cells = append(v.Cells, cell)
		}
	}
	return s.page(w, r, http.StatusOK, views.AppPage(v))
}

// appCell is one page of a cell's kept result. What a failed run was told is for those who see the statement.
func (s *Server) appCell(r *http.Request, who access.Actor, c notebook.CellView) (views.AppCell, error) {
	v := views.AppCell{ID: c.ID, Kind: c.Kind, Name: c.Name, Now: s.Now()}
	if c.Result == nil || c.Result.State != "succeeded" || len(c.Result.Columns) == 0 {
		v.Words = "There is no result to show yet"
		return v, nil
	}
	var from int64
	if r.URL.Query().Get("cell") == c.ID {
		from = int64(number(r.URL.Query().Get("from"), 0))
	}
	rows, err := s.Query.Rows(r.Context(), who, c.Result.ID, from, appRows)
	var denied *access.Denied
	if errors.Is(err, query.ErrRowsGone) || errors.Is(err, store.ErrNotFound) || errors.As(err, &denied) {
		v.Words = "The rows of this result are not kept any more"
		return v, nil
	}
	if err != nil {
		return v, err
	}
	fillAppRows(&v, c.Result.Columns, rows)
	v.Finished = c.Result.Finished
	next := from + int64(len(rows.Rows))
	if from > 0 {
		v.Newer = appPlace(r, c.ID, max(from-appRows, 0))
	}
	if next < rows.Total && len(rows.Rows) > 0 {
		v.Older = appPlace(r, c.ID, next)
	}
	if !who.Anonymous() {
		v.CSV = "/projects/" + c.ProjectID + "/cells/" + c.ID + "/csv"
	}
	return v, nil
}

func fillAppRows(v *views.AppCell, columns []store.ResultColumn, page query.Page) {
	numbers := make([]bool, len(columns))
	for i, c := range columns {
		numbers[i] = c.Family == catalog.FamilyInteger || c.Family == catalog.FamilyDecimal || c.Family == catalog.FamilyFloat
		v.Columns = append(v.Columns, views.AppColumn{Name: c.Name, Number: numbers[i]})
	}
	for _, row := range page.Rows {
		cells := make([]views.PreviewCell, len(row))
		for i, cell := range row {
			cells[i] = views.PreviewCell{Text: strings.ToValidUTF8(cell.Text[:min(len(cell.Text), shownPreview)], ""), Null: cell.Null, Number: i < len(numbers) && numbers[i]}
		}
		v.Rows = append(v.Rows, cells)
	}
	v.Summary = views.RowsWords(page.Offset, int64(len(page.Rows)), page.Total)
}

// appPlace is the page that is open, at other rows of one cell.
func appPlace(r *http.Request, cell string, from int64) string {
	return "?cell=" + queryEscape(cell) + "&from=" + strconv.FormatInt(from, 10) + "#cell-" + queryEscape(cell)
}
