package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/connectors"
	"patchbay/notebook"
	"patchbay/query"
	"patchbay/refresh"
	"patchbay/store"
	"patchbay/workspace"
)

// A problem is an error as a person or a script sees it. One table makes it; the HTML page and the RFC 9457 document are two
// ways to write the same one, so that a page and its API twin cannot disagree.
type problem struct {
	Status  int               `json:"status"`
	Code    string            `json:"code"`
	Title   string            `json:"title"`
	Detail  string            `json:"detail,omitempty"`
	Hint    string            `json:"hint,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"`
	Because []access.Reason   `json:"because,omitempty"`
	Request string            `json:"request_id,omitempty"`
	// Position is the 1-based character of the statement where the server stopped reading.
	Position int `json:"position,omitempty"`
}

// A badRequest is a request that cannot be understood; words are for people.
type badRequest struct {
	code, words string
}

func (e *badRequest) Error() string { return e.code + ": " + e.words }

// A statusError answers with a plain status and words.
type statusError struct {
	status      int
	code, words string
}

func (e *statusError) Error() string { return e.code + ": " + e.words }

var errNotFound = &statusError{http.StatusNotFound, "not_found", "There is nothing here, or nothing that you may see"}

// problemOf is the one table from errors to what people read. An error that it does not know is internal: its text goes to
// the log alone.
func problemOf(err error) problem {
	for _, match := range problems {
		if p, ok := match(err); ok {
			return p
		}
	}
	return problem{Status: http.StatusInternalServerError, Code: "internal", Title: "Something went wrong on the server",
		Hint: "Try again. If it happens again, give the request id to whoever runs this server"}
}

var problems = []func(error) (problem, bool){
	invalidProblem, deniedProblem, storeProblem, connectorProblem, queryProblem, authProblem, providerProblem, requestProblem,
}

func invalidProblem(err error) (problem, bool) {
	var bad *workspace.Invalid
	var cell *notebook.Invalid
	p := problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Title: "Some fields need a change"}
	switch {
	case errors.As(err, &bad):
		p.Fields = bad.Fields
	case errors.As(err, &cell):
		p.Fields = cell.Fields
	default:
		return problem{}, false
	}
	return p, true
}

func deniedProblem(err error) (problem, bool) {
	var no *access.Denied
	switch {
	case !errors.As(err, &no):
		return problem{}, false
	case no.Hidden:
		p, _ := requestProblem(errNotFound)
		p.Because = visibleReasons(no.Because)
		return p, true
	}
	p := problem{Status: http.StatusForbidden, Code: "denied", Title: "You may not do this", Because: no.Because}
	words := make([]string, len(no.Because))
	for i, r := range no.Because {
		words[i] = r.Words
	}
	p.Detail = strings.Join(words, ". ")
	return p, true
}

// visibleReasons keeps what a locked-out person is told: which connection is why (SPEC section 2, rule 1). Every other
// reason would tell that the object exists.
func visibleReasons(because []access.Reason) []access.Reason {
	var kept []access.Reason
	for _, r := range because {
		if r.Rule == access.RuleLockedOut {
			kept = append(kept, r)
		}
	}
	return kept
}

func storeProblem(err error) (problem, bool) {
	var exists *store.ExistsError
	switch {
	case errors.As(err, &exists):
		return problem{Status: http.StatusUnprocessableEntity, Code: "exists", Title: "Some fields need a change",
			Fields: map[string]string{exists.Field: "This is taken. Choose another"}}, true
	case errors.Is(err, store.ErrNotFound):
		return requestProblem(errNotFound)
	case errors.Is(err, store.ErrConflict):
		return problem{Status: http.StatusConflict, Code: "conflict", Title: "Someone else changed this in the meantime",
			Hint: "Load the page again to see their version, then make your change"}, true
	}
	return problem{}, false
}

func connectorProblem(err error) (problem, bool) {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return problem{}, false
	}
	p := problem{Status: http.StatusBadGateway, Code: string(e.Cause), Title: e.Cause.Words(), Detail: e.Message,
		Hint: e.Hint, Position: e.Position}
	if p.Hint == "" {
		p.Hint = e.Cause.Hint()
	}
	switch e.Cause {
	case connectors.CauseTimeout:
		p.Status = http.StatusGatewayTimeout
	case connectors.CauseStatement, connectors.CauseNotFound, connectors.CauseDenied, connectors.CauseLimit, connectors.CauseUnsupported:
		p.Status = http.StatusUnprocessableEntity
	}
	return p, true
}

func queryProblem(err error) (problem, bool) {
	var busy *query.BusyError
	var value *query.ValueError
	switch {
	case errors.As(err, &busy):
		return problem{Status: http.StatusTooManyRequests, Code: "busy", Title: "Too many queries are running", Detail: busy.Error(),
			Hint: "Wait for one to finish, or cancel one"}, true
	case errors.As(err, &value):
		return problem{Status: http.StatusUnprocessableEntity, Code: "value", Title: "A value does not fit this format", Detail: value.Error()}, true
	case errors.Is(err, query.ErrRowsGone):
		return problem{Status: http.StatusGone, Code: "gone", Title: "The rows of this result are gone", Hint: "Run the cell again"}, true
	}
	return problem{}, false
}

func authProblem(err error) (problem, bool) {
	var field *auth.FieldError
	var slow *auth.LimitedError
	switch {
	case errors.As(err, &field):
		return problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Title: "Some fields need a change",
			Fields: map[string]string{field.Field: field.Words}}, true
	case errors.As(err, &slow):
		return problem{Status: http.StatusTooManyRequests, Code: "too_many_attempts", Title: "Too many attempts",
			Hint: "Wait a few minutes, then try again"}, true
	case errors.Is(err, auth.ErrUsed):
		return problem{Status: http.StatusGone, Code: "gone", Title: "This link was used or has expired",
			Hint: "Ask an Admin for a new one, or restart the server if nobody has signed in yet"}, true
	case errors.As(err, new(*confirmError)):
		return problem{Status: http.StatusForbidden, Code: "reauthenticate", Title: "Give your password again first",
			Hint: "Sign in again, or use an API token"}, true
	case errors.Is(err, errSignedOut), errors.Is(err, auth.ErrBadToken):
		return problem{Status: http.StatusUnauthorized, Code: "unauthenticated", Title: "Sign in first",
			Hint: "Send Authorization: Bearer with a token that has not expired"}, true
	}
	return problem{}, false
}

func requestProblem(err error) (problem, bool) {
	var bad *badRequest
	var status *statusError
	var tooLarge *http.MaxBytesError
	var limited *workspace.LimitError
	switch {
	case errors.As(err, &bad):
		return problem{Status: http.StatusBadRequest, Code: bad.code, Title: bad.words}, true
	case errors.As(err, &status):
		p := problem{Status: status.status, Code: status.code, Title: status.words}
		if status == errNotFound {
			p.Hint = "Check the address. If someone gave it to you, ask them whether it is still there and shared with you"
		}
		return p, true
	case errors.As(err, &limited):
		return problem{Status: http.StatusTooManyRequests, Code: "too_many_attempts", Title: limited.Words}, true
	case errors.As(err, &tooLarge):
		return problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Title: "The request is too large",
			Hint: "Send less than 1 MB"}, true
	case errors.Is(err, query.ErrRowsGone):
		return problem{Status: http.StatusGone, Code: "gone", Title: "The kept rows are gone", Hint: "Run the cell again"}, true
	case errors.Is(err, refresh.ErrStopped):
		return problem{Status: http.StatusServiceUnavailable, Code: "stopping", Title: "The server is stopping", Hint: "Try again in a moment"}, true
	case errors.Is(err, notebook.ErrUnderWay):
		return problem{Status: http.StatusConflict, Code: "under_way", Title: "The notebook runs already", Hint: "Wait for that run to end"}, true
	case errors.Is(err, refresh.ErrUnderWay):
		return problem{Status: http.StatusConflict, Code: "under_way", Title: "A refresh is under way", Hint: "Wait for it to end, or cancel it"}, true
	case errors.Is(err, context.Canceled):
		return problem{Status: 499, Code: "cancelled", Title: "The request was cancelled"}, true
	case errors.Is(err, context.DeadlineExceeded):
		return problem{Status: http.StatusGatewayTimeout, Code: "timeout", Title: "This took too long"}, true
	}
	return problem{}, false
}
