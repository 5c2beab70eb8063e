package handlers

import (
	"net/http"
	"strings"

	"patchbay/access"
	"patchbay/notebook"
	"patchbay/query"
	"patchbay/workspace"
)

// defaultQueryRows is how many rows a JSON answer holds unless limit says otherwise; CSV and Arrow are streamed whole.
const defaultQueryRows = 10_000

// apiQueryInput is the body of POST /api/v1/query.
type apiQueryInput struct {
	ConnectionID string         `json:"connection_id"`
	ProjectID    string         `json:"project_id"`
	SQL          string         `json:"sql"`
	Params       map[string]any `json:"params"`
	Limit        int64          `json:"limit"`
}

// The formats of an answer with rows.
const (
	formatJSON  = "application/json"
	formatCSV   = "text/csv"
	formatArrow = "application/vnd.apache.arrow.stream"
)

// apiQuery runs one statement. Values of params are bound where the SQL says {{ name }}.
func (s *Server) apiQuery(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in apiQueryInput
	if err := decodeExact(r, &in); err != nil {
		return err
	}
	switch {
	case in.ConnectionID == "":
		return &workspace.Invalid{Fields: map[string]string{"connection_id": "Name the connection"}}
	case strings.TrimSpace(in.SQL) == "":
		return &workspace.Invalid{Fields: map[string]string{"sql": "Send a statement"}}
	case in.Limit < 0:
		return &workspace.Invalid{Fields: map[string]string{"limit": "limit is a number from 1, or left out"}}
	}
	q := notebook.Question{ConnectionID: in.ConnectionID, ProjectID: in.ProjectID, SQL: in.SQL, Params: in.Params, Limit: in.Limit}
	format := accepted(r)
	if format == formatJSON && q.Limit == 0 {
		q.Limit = defaultQueryRows
	}
	return s.stream(w, format, func(sink query.Sink) error {
		_, err := s.Notebook.Ask(r.Context(), who, q, sink)
		return err
	})
}

// accepted is the format that the caller asks for; JSON unless it is one that we write.
func accepted(r *http.Request) string {
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		switch kind, _, _ := strings.Cut(strings.TrimSpace(part), ";"); kind {
		case formatCSV, formatArrow:
			return kind
		}
	}
	return formatJSON
}

// stream lets run write rows in a format. Nothing is sent before the first byte of an answer, so that a statement that fails
// at once is answered with its error; one that fails later breaks the connection off, so that nobody takes a part for the whole.
func (s *Server) stream(w http.ResponseWriter, format string, run func(query.Sink) error) error {
	out := &lateWriter{w: w, format: format}
	var sink query.Sink
	switch format {
	case formatCSV:
		sink = query.NewCSV(out, true)
	case formatArrow:
		sink = query.NewArrow(out)
	default:
		sink = query.NewJSON(out)
	}
	err := run(sink)
	if err != nil && out.begun {
		s.Log.Warn("query broke off while its rows were sent", "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// A lateWriter sends the headers with the first byte.
type lateWriter struct {
	w      http.ResponseWriter
	format string
	begun  bool
}

// Write implements io.Writer.
func (l *lateWriter) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", l.format)
		l.w.WriteHeader(http.StatusOK)
	}
	return l.w.Write(b)
}

// Flush sends what was written.
func (l *lateWriter) Flush() { _ = http.NewResponseController(l.w).Flush() }
