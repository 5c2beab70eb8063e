package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/a-h/templ"

	"patchbay/access"
	"patchbay/static"
	"patchbay/store"
	"patchbay/views"
)

func withRequestID(r *http.Request) *http.Request {
	return r.WithContext(store.WithRequestID(r.Context(), newRequestID()))
}

func requestID(r *http.Request) string { return store.RequestID(r.Context()) }

func staticHandler() http.Handler { return static.Handler() }

// page renders a whole page into a buffer and then sends it, so that a template that breaks becomes an error page.
func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	buf := buffer()
	defer giveBack(buf)
	if err := c.Render(r.Context(), buf); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "HX-Request")
	w.WriteHeader(status)
	_, err := w.Write(buf.Bytes())
	return ignoreGone(err)
}

// ignoreGone drops the error of a client that went away: there is nobody left to tell.
func ignoreGone(error) error { return nil }

// writeJSON sends v as JSON.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	buf := buffer()
	defer giveBack(buf)
	if err := json.NewEncoder(buf).Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err := w.Write(buf.Bytes())
	return ignoreGone(err)
}

// buffers are kept for the next answers: growing anew for each was half of what a notebook's page allocated.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxKeptBuffer is how large one may be that is kept, in bytes, so that one huge answer does not hold memory for good.
const maxKeptBuffer = 1 << 20

func buffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

// giveBack takes a buffer that nobody reads any more. What it held is not kept where the next answer could show it.
func giveBack(b *bytes.Buffer) {
	if b.Cap() <= maxKeptBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// decode reads a JSON body strictly: an unknown field is refused by name.
func decode(r *http.Request, v any) error { return decodeBody(json.NewDecoder(r.Body), v) }

// decodeExact is decode with numbers kept as they were written.
func decodeExact(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	return decodeBody(dec, v)
}

func decodeBody(dec *json.Decoder, v any) error {
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return &badRequest{"bad_json", "The body is not the JSON that this call takes: " + strings.TrimPrefix(err.Error(), "json: ")}
	}
	return nil
}

// redirect answers a form post: a full load for htmx, 303 for everyone else. The target is a path of ours.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	if isHTMX(r) {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func isHTMX(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// fail is where an error becomes an answer: a problem document for the API, a page or a banner for people.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, who access.Actor, err error) {
	if rec, ok := w.(*recorder); ok && rec.wrote {
		s.Log.Warn("answer broke off", "path", loggedPath(r), "error", err, "request", requestID(r))
		return
	}
	var asked *confirmError
	p := problemOf(err)
	if errors.As(err, &asked) && !isAPI(r) {
		s.auditRefusal(r, who, p, err)
		_ = s.askToConfirm(w, r, who, asked)
		return
	}
	p.Request = requestID(r)
	if p.Status >= http.StatusInternalServerError && p.Code == "internal" {
		s.Log.Error("request failed", "method", r.Method, "path", loggedPath(r), "error", err, "request", p.Request)
	}
	s.auditRefusal(r, who, p, err)
	switch {
	case isAPI(r) || wantsJSON(r):
		writeProblem(w, p)
	case errors.Is(err, errSignedOut) && r.Method == http.MethodGet && !isHTMX(r):
		http.Redirect(w, r, "/sign-in?next="+queryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	case isHTMX(r):
		_ = s.page(w, r, p.Status, views.ProblemBanner(problemView(p)))
	default:
		_ = s.page(w, r, p.Status, views.ProblemPage(s.layout(r, who, p.Title, ""), problemView(p)))
	}
}

func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

// writeProblem writes RFC 9457: application/problem+json.
func writeProblem(w http.ResponseWriter, p problem) {
	body, err := json.Marshal(p)
	if err != nil {
		http.Error(w, p.Title, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

func problemView(p problem) views.Problem {
	v := views.Problem{Title: p.Title, Detail: p.Detail, Hint: p.Hint, Request: p.Request}
	for _, r := range p.Because {
		v.Because = append(v.Because, r.Words)
	}
	return v
}
