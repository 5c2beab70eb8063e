package handlers

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/views"
)

// stepWords are the steps of a test as people read them.
var stepWords = map[connectors.StepName]string{
	connectors.StepAddress: "Address looked up", connectors.StepSSH: "SSH host reached", connectors.StepSSHHostKey: "SSH host key checked",
	connectors.StepSSHSignIn: "Signed in to SSH", connectors.StepPort: "Port open", connectors.StepTLS: "TLS", connectors.StepFile: "File readable",
	connectors.StepSignIn: "Signed in", connectors.StepVersion: "Server version", connectors.StepSchemas: "Can list schemas",
}

// testConnection tests what the form of a new connection holds, streaming each step as it ends.
func (s *Server) testConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, err := s.parseConnection(r)
	if err != nil {
		return err
	}
	if r.PostFormValue("share") != "true" {
		in.ProjectID = r.PathValue("project") // where it will be kept says who may make it, and so try it
	}
	return s.streamTest(w, r, in.Type, in.Values, func(ctx context.Context, step func(connectors.Step)) (connectors.Report, error) {
		return s.Workspace.TestConnection(ctx, who, "", in, step)
	})
}

// testEdited tests what the form of a saved connection holds; on its own page, where there is no form, the connection as it is.
func (s *Server) testEdited(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("id")
	saved, err := s.Workspace.Connection(r.Context(), who, id)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &badRequest{"bad_form", "The form cannot be read"}
	}
	if !r.PostForm.Has("type") {
		return s.streamTest(w, r, saved.Type, saved.Config, func(ctx context.Context, step func(connectors.Step)) (connectors.Report, error) {
			return s.Workspace.TestSaved(ctx, who, id, step)
		})
	}
	r.PostForm.Set("type", saved.Type)
	in, err := s.parseConnection(r)
	if err != nil {
		return err
	}
	return s.streamTest(w, r, saved.Type, in.Values, func(ctx context.Context, step func(connectors.Step)) (connectors.Report, error) {
		return s.Workspace.TestConnection(ctx, who, id, in, step)
	})
}

// streamTest runs a test and sends the list of its steps again each time one ends. A refusal before the first step is an
// ordinary answer. It ends with the right to see it (P44).
func (s *Server) streamTest(w http.ResponseWriter, r *http.Request, kind string, values connectors.Values,
	run func(context.Context, func(connectors.Step)) (connectors.Report, error)) error {
	connector, ok := s.Registry.Get(kind)
	if !ok {
		return errNotFound
	}
	t := &testStream{server: s, w: w, r: r, plan: connector.Steps(values), name: connector.Name, host: connector.Host(values)}
	report, err := run(r.Context(), t.step)
	if err != nil && !t.started {
		return s.testRefused(w, r, err)
	}
	if err != nil && problemOf(err).Status >= http.StatusInternalServerError {
		s.Log.Error("record connection test", "error", err, "request", requestID(r))
	}
	t.finish(report.OK)
	return nil
}

// testRefused shows in the panel which fields stop the test.
func (s *Server) testRefused(w http.ResponseWriter, r *http.Request, err error) error {
	p := problemOf(err)
	if len(p.Fields) == 0 {
		return err
	}
	v := views.Problem{Title: "Fill these in first"}
	keys := make([]string, 0, len(p.Fields))
	for k := range p.Fields {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		v.Because = append(v.Because, strings.ReplaceAll(k, "_", " ")+": "+p.Fields[k])
	}
	return s.page(w, r, p.Status, views.ProblemBanner(v))
}

// A testStream writes the steps of one test as server-sent events.
type testStream struct {
	server     *Server
	w          http.ResponseWriter
	r          *http.Request
	plan       []connectors.StepName // the steps that this connection will go through
	name, host string
	mu         sync.Mutex
	started    bool
	steps      []connectors.Step
}

// step reports one step that ended. It may be called from any goroutine.
func (t *testStream) step(st connectors.Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
	t.steps = append(t.steps, st)
	t.send(false, false)
}

func (t *testStream) begin() {
	if t.started {
		return
	}
	t.started = true
	h := t.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	t.w.WriteHeader(http.StatusOK)
}

func (t *testStream) finish(ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
	t.send(true, ok)
}

func (t *testStream) send(done, ok bool) {
	var buf bytes.Buffer
	if err := views.TestSteps(t.shown(done), t.report(), done, ok).Render(t.r.Context(), &buf); err != nil {
		return // the reader went away
	}
	sendEvent(t.w, "", buf.String())
}

// shown are the steps as the list draws them: ended, running, to come.
func (t *testStream) shown(done bool) []views.TestStep {
	ended := map[connectors.StepName]connectors.Step{}
	failed := false
	for _, st := range t.steps {
		ended[st.Name] = st
		failed = failed || !st.OK
	}
	running := !done && !failed
	var out []views.TestStep
	for _, name := range t.plan {
		v := views.TestStep{Name: stepWords[name], State: "idle"}
		switch st, ok := ended[name]; {
		case ok && st.OK:
			v.State, v.MS, v.Detail = "ok", st.MS, st.Detail
		case ok:
			v.State, v.MS, v.Detail, v.Hint = "bad", st.MS, st.Detail, st.Hint
			if st.Err != nil {
				v.Words = st.Err.Cause.Words()
			}
		case running:
			v.State, running = "busy", false
		}
		out = append(out, v)
	}
	return out
}

// report is the test as text without secrets, for a message to whoever runs the database.
func (t *testStream) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Connection test of %s at %s, %s\n", t.name, t.host, t.server.Now().UTC().Format(time.RFC3339))
	for _, st := range t.steps {
		word := "ok"
		if !st.OK {
			word = "FAILED"
		}
		fmt.Fprintf(&b, "%-22s %-6s %6d ms  %s\n", stepWords[st.Name], word, st.MS, st.Detail)
		if !st.OK {
			fmt.Fprintf(&b, "  %s\n", st.Hint)
		}
	}
	return b.String()
}

// sendEvent writes one server-sent event (HTML standard, section 9.2) and flushes it.
func sendEvent(w http.ResponseWriter, event, data string) {
	var b strings.Builder
	if event != "" {
		fmt.Fprintf(&b, "event: %s\n", event)
	}
	for line := range strings.Lines(data) {
		fmt.Fprintf(&b, "data: %s\n", strings.TrimRight(line, "\r\n"))
	}
	if data == "" {
		b.WriteString("data:\n")
	}
	b.WriteString("\n")
	_, _ = w.Write([]byte(b.String()))
	_ = http.NewResponseController(w).Flush()
}
