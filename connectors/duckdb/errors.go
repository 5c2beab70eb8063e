package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	engine "github.com/duckdb/duckdb-go-bindings"

	"patchbay/connectors"
)

// A queryError is what the engine said of a statement.
type queryError struct {
	sql      string
	message  string
	kind     engine.StatementType // of the statement that failed
	readOnly bool                 // the file was open for reading only
}

func (e *queryError) Error() string { return e.message }

// An openError is what the engine said when it opened the file.
type openError struct{ queryError }

// report is the engine's message with errors_as_json.
type report struct {
	Type     string `json:"exception_type"`
	Message  string `json:"exception_message"`
	Subtype  string `json:"error_subtype"`
	Object   string `json:"type"`
	Position string `json:"position"`
}

// read takes the message apart. Where the engine had no time to write JSON it wrote "Type Error: message".
func (e *queryError) read() report {
	var r report
	if at := strings.IndexByte(e.message, '{'); at >= 0 && json.Unmarshal([]byte(e.message[at:]), &r) == nil && r.Type != "" {
		return r
	}
	kind, message, found := strings.Cut(e.message, " Error: ")
	if !found {
		return report{Message: e.message}
	}
	message, _, _ = strings.Cut(message, "\n\nStack Trace") // addresses of our own memory
	return report{Type: kind, Message: message}
}

// position counts characters up to the byte that the engine names.
func (e *queryError) position(r report) int {
	at, err := strconv.Atoi(r.Position)
	if err != nil || at > len(e.sql) {
		return 0
	}
	return utf8.RuneCountInString(e.sql[:at]) + 1
}

// classify tells what went wrong by the engine's class of exception.
func classify(err error) *connectors.Error {
	var known *connectors.Error
	var opening *openError
	var query *queryError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &opening):
		return opening.explain()
	case errors.As(err, &query):
		return query.explain()
	case errors.Is(err, context.Canceled):
		return &connectors.Error{Cause: connectors.CauseCancelled}
	case errors.Is(err, context.DeadlineExceeded):
		return &connectors.Error{Cause: connectors.CauseTimeout}
	case errors.Is(err, fs.ErrNotExist):
		return &connectors.Error{Cause: connectors.CauseNotFound, Message: "there is no such file"}
	case errors.Is(err, fs.ErrPermission):
		return &connectors.Error{Cause: connectors.CauseDenied, Message: "the file may not be read"}
	}
	return nil
}

// explain tells why the engine would not open a file that has a DuckDB head: it is locked elsewhere, or was made by an engine
// that is too new, is encrypted or damaged.
func (e *openError) explain() *connectors.Error {
	r := e.read()
	return &connectors.Error{Cause: connectors.CauseUnsupported, Op: "open the file", Message: r.Message, Code: r.Type}
}

func (e *queryError) explain() *connectors.Error {
	r := e.read()
	cause, known := causes[r.Type]
	switch {
	case r.Subtype == "MISSING_ENTRY" && (r.Object == "Table" || r.Object == "View" || r.Object == "Schema"):
		cause = connectors.CauseNotFound
	case r.Type == "Invalid Input" && e.forbidden():
		cause = connectors.CauseDenied
	case !known:
		cause = connectors.CauseStatement
	}
	return &connectors.Error{Cause: cause, Message: r.Message, Code: r.Type, Position: e.position(r)}
}

// forbidden says that it is the writing which the engine minded. It has one class for that and for a bad argument.
func (e *queryError) forbidden() bool {
	return e.readOnly && slices.Contains(writingKinds, e.kind)
}

// causes are the engine's classes of exception with a cause of their own; every other class is the statement's.
var causes = map[string]connectors.Cause{
	"Permission":            connectors.CauseDenied,
	"Interrupt":             connectors.CauseCancelled,
	"INTERRUPT":             connectors.CauseCancelled,
	"Out of Memory":         connectors.CauseLimit,
	"Object Size":           connectors.CauseLimit,
	"Not implemented":       connectors.CauseUnsupported,
	"Missing Extension":     connectors.CauseUnsupported,
	"Extension Autoloading": connectors.CauseUnsupported,
	"IO":                    connectors.CauseLost,
	"FATAL":                 connectors.CauseInternal,
	"INTERNAL":              connectors.CauseInternal,
}
