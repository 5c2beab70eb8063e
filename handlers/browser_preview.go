package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/query"
	"patchbay/views"
)

// previewRows is how many rows the details panel shows.
const previewRows = 20

// browserPreview shows the first rows of a table. It runs a query, so it is posted: a link or a picture on another site starts none (P47).
func (s *Server) browserPreview(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, path, err := s.browserConnection(r, who, r.PostFormValue("path"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	var rows previewSink
	_, err = s.Notebook.Preview(ctx, who, c.ID, s.tableOf(c.ID, path), previewRows, &rows)
	var denied *access.Denied
	if errors.As(err, &denied) {
		return err
	}
	if err != nil {
		p := problemView(problemOf(err))
		return s.page(w, r, http.StatusOK, views.PreviewTable(views.Preview{Problem: &p}))
	}
	return s.page(w, r, http.StatusOK, views.PreviewTable(rows.view))
}

// A previewSink gathers a few rows for a page.
type previewSink struct {
	view    views.Preview
	numbers []bool
}

// Columns implements query.Sink.
func (p *previewSink) Columns(columns []connectors.Column) error {
	for _, c := range columns {
		p.view.Columns = append(p.view.Columns, views.ColumnRow{Name: c.Name, Type: c.Type})
		p.numbers = append(p.numbers, c.Family == catalog.FamilyInteger || c.Family == catalog.FamilyDecimal || c.Family == catalog.FamilyFloat)
	}
	return nil
}

// shownPreview is how much of one value a preview shows.
const shownPreview = 200

// Row implements query.Sink.
func (p *previewSink) Row(cells [][]byte) error {
	row := make([]views.PreviewCell, len(cells))
	for i, cell := range cells {
		row[i] = views.PreviewCell{Text: strings.ToValidUTF8(string(cell[:min(len(cell), shownPreview)]), ""), Null: cell == nil, Number: p.numbers[i]}
	}
	p.view.Rows = append(p.view.Rows, row)
	return nil
}

// End implements query.Sink.
func (p *previewSink) End(query.Outcome) error { return nil }
