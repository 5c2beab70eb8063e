package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

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
	params, err := paramsOf(in.Params)
	if err != nil {
		return err
	}
	req := query.Request{ConnectionID: in.ConnectionID, ProjectID: in.ProjectID, Limit: in.Limit, Write: true, Purpose: "api",
		Prepare: func(connectionType string) (query.Statement, error) {
			connector, ok := s.Registry.Get(connectionType)
			if !ok {
				return query.Statement{}, fmt.Errorf("no connector %q", connectionType)
			}
			return notebook.Compile(connector.Dialect, in.SQL, params)
		}}
	format := accepted(r)
	if format == formatJSON && req.Limit == 0 {
		req.Limit = defaultQueryRows
	}
	return s.stream(w, format, func(sink query.Sink) error {
		_, err := s.Query.Stream(r.Context(), who, req, sink)
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
	begun  bool // written under mu, by the goroutine that writes

	mu     sync.Mutex
	broken bool
}

// Write implements io.Writer.
func (l *lateWriter) Write(b []byte) (int, error) {
	if !l.begun {
		if err := l.begin(); err != nil {
			return 0, err
		}
	}
	return l.w.Write(b)
}

func (l *lateWriter) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return errBroken
	}
	l.begun = true
	l.w.Header().Set("Content-Type", l.format)
	l.w.WriteHeader(http.StatusOK)
	return nil
}

// Break makes a Write that waits for its reader, and all to come, return with an error. Where nothing was sent yet, the answer can
// still be the reason. It may be called by another goroutine while the request lasts.
func (l *lateWriter) Break() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	if l.begun {
		_ = http.NewResponseController(l.w).SetWriteDeadline(time.Now())
	}
}

var errBroken = errors.New("the answer was broken off before it began")

// Flush sends what was written.
func (l *lateWriter) Flush() { _ = http.NewResponseController(l.w).Flush() }

var errNotBindable = errors.New("not a value that can be bound")

// paramsOf turns JSON values into what can be bound; numbers stay exact.
func paramsOf(in map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(in))
	for name, v := range in {
		bound, err := paramOf(v)
		if err != nil {
			return nil, &workspace.Invalid{Fields: map[string]string{"params." + name: "Send text, a number, true, false, null, or a list of these"}}
		}
		out[name] = bound
	}
	return out, nil
}

func paramOf(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, bool:
		return v, nil
	case json.Number:
		return notebook.Number(v.String()), nil
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			if _, nested := item.([]any); nested {
				return nil, errNotBindable
			}
			bound, err := paramOf(item)
			if err != nil {
				return nil, err
			}
			list[i] = bound
		}
		return list, nil
	}
	return nil, errNotBindable
}
