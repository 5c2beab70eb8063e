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
	"patchbay/connectors"
	"patchbay/notebook"
	"patchbay/query"
	"patchbay/store"
	"patchbay/views"
)

// notebook is a project's page.
func (s *Server) notebook(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	page, err := s.Notebook.Open(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	v := views.Notebook{Page: s.layout(r, who, page.Project.Name, "projects"), ID: page.Project.ID, Name: page.Project.Name,
		MayEdit: page.Decision.Access >= access.Edit, MayRename: page.Decision.Access >= access.Edit,
		MayDelete: page.Decision.Access >= access.Full, Notice: downgradeWords(page.Decision)}
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

// previewRows is how many rows the details panel shows.
const previewRows = 20

// browserPreview shows the first rows of a table.
func (s *Server) browserPreview(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, path, err := s.browserConnection(r, who, r.URL.Query().Get("path"))
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
