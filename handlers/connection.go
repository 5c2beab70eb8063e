package handlers

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/query"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// The length of the lists on a connection's page.
const (
	shownRuns     = 20
	shownChanges  = 50
	shownActivity = 100
)

// connectionPage loads what every tab shows, and the tab's own part.
func (s *Server) connectionPage(r *http.Request, who access.Actor, tab string) (views.ConnectionPage, error) {
	ctx := r.Context()
	c, err := s.Workspace.Connection(ctx, who, r.PathValue("id"))
	if err != nil {
		return views.ConnectionPage{}, err
	}
	row, err := s.connectionRow(ctx, c)
	if err != nil {
		return views.ConnectionPage{}, err
	}
	p := views.ConnectionPage{Page: s.layout(r, who, c.Name, "connections"), Row: row, Tab: tab, Description: c.Description, Now: s.Now(),
		MayEdit: who.IsAdmin(), MayRefresh: c.Decision.CanRefreshSchema && !c.Draft,
		InProject: c.ProjectID != ""}
	switch tab {
	case "overview":
		p.TestNow = r.URL.Query().Has("test")
		return p, s.addOverview(ctx, &p, c)
	case "usage":
		return p, s.addUsage(ctx, who, &p)
	case "activity":
		return p, s.addActivity(ctx, &p)
	case "schedule":
		p.Schedule = scheduleForm(c.Schedule, refresh.NextRuns(c.Connection, s.Now(), shownNextRuns))
	case "permissions":
		if r.URL.Query().Has("saved") {
			p.Saved = "Saved. These permissions hold at once."
		}
		p.Permissions, err = s.permissionsForm(ctx, c.Connection)
	}
	return p, err
}

func (s *Server) addOverview(ctx context.Context, p *views.ConnectionPage, c workspace.ConnectionView) error {
	p.Facts = []views.Fact{{Label: "Refresh", Value: c.Schedule.Words()}, {Label: "Made by", Value: p.Row.Maker}, {Label: "Made", Value: views.Exact(c.Created)}}
	runs, err := s.Store.Runs(ctx, c.ID, shownRuns, "")
	if err != nil {
		return err
	}
	state, err := s.Store.CatalogState(ctx, c.ID)
	if err != nil {
		return err
	}
	p.Facts = append([]views.Fact{{Label: "Tables", Value: views.Count(state.Tables)}, {Label: "Columns", Value: views.Count(state.Columns)}}, p.Facts...)
	for _, run := range runs {
		row, err := s.runRow(ctx, run, state.Tables)
		if err != nil {
			return err
		}
		p.Runs = append(p.Runs, row)
	}
	if err := s.addDoubt(ctx, p, c); err != nil {
		return err
	}
	stale, err := s.Store.Scopes(ctx, c.ID)
	for _, scope := range stale {
		p.Stale = append(p.Stale, views.StaleRow{Path: pathWords(scope.Path), Reason: scope.Reason, Since: scope.Since})
	}
	if p.Row.State.Key == "unreachable" || p.Row.State.Key == "refresh_failed" {
		p.Row.State.Hint = "The catalog that you see is the last one that was read. Test the connection to see where it stops"
		if p.Row.Tables < 0 {
			p.Row.State.Hint = "Its catalog has not been read yet. Test the connection to see where it stops"
		}
		if c.Failures >= refresh.FailuresToPause && !c.NextRefresh.IsZero() {
			p.Row.State.Hint += ". The schedule tries less often until a refresh succeeds"
		}
	}
	return err
}

// addDoubt lists what a reading that nobody has decided on would remove.
func (s *Server) addDoubt(ctx context.Context, p *views.ConnectionPage, c workspace.ConnectionView) error {
	var doubt store.Doubt
	var missing []store.Change
	err := s.Store.View(ctx, func(tx *store.Tx) (err error) {
		if doubt, err = tx.Doubt(c.ID); err == nil {
			missing, err = tx.Missing(doubt.RunID, shownChanges)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p.Doubt = &views.Doubt{RunID: doubt.RunID, Missing: doubt.Missing, Since: doubt.Since, More: doubt.Missing - int64(len(missing))}
	for _, table := range missing {
		p.Doubt.Names = append(p.Doubt.Names, pathWords(table.Path))
	}
	return nil
}

// pathWords is a path as people read it; the whole source has no path.
func pathWords(path []string) string {
	if len(path) == 0 {
		return "everything"
	}
	return strings.Join(path, ".")
}

func (s *Server) runRow(ctx context.Context, run store.Run, known int64) (views.RunRow, error) {
	by, err := s.personName(ctx, run.StartedBy)
	if err != nil {
		return views.RunRow{}, err
	}
	row := runRow(run, by)
	row.Known = known
	if row.Active {
		if live, ok := s.Refresh.Progress(run.ID); ok {
			row.Phase, row.Read = phaseWords(live.Phase), live.Read
		}
		return row, nil
	}
	changes, err := s.Store.Changes(ctx, run.ID, shownChanges, 0)
	for _, c := range changes {
		row.Changes = append(row.Changes, views.ChangeRow{Kind: c.Change, Path: pathWords(c.Path), Detail: c.Detail})
	}
	row.More = run.Added + run.Removed + run.Changed + run.Missing - int64(len(changes))
	return row, err
}

// runStates are the states of a refresh as people read them.
var runStates = map[string]views.ConnectionState{
	"queued": {Kind: "busy", Word: "Queued"}, "running": {Kind: "busy", Word: "Running"}, "succeeded": {Kind: "ok", Word: "Done"},
	"failed": {Kind: "bad", Word: "Failed"}, "cancelled": {Kind: "", Word: "Cancelled"}, "interrupted": {Kind: "warn", Word: "Interrupted"},
	"needs_look": {Kind: "warn", Word: "Needs a look"},
}

var triggers = map[string]string{"created": "after creation", "manual": "by ", "schedule": "on schedule", "api": "by API, "}

func runRow(run store.Run, by string) views.RunRow {
	row := views.RunRow{ID: run.ID, ConnectionID: run.ConnectionID, State: runStates[run.State], Trigger: triggers[run.Trigger], By: by,
		Phase: phaseWords(run.Phase), Read: run.Read, Added: run.Added, Removed: run.Removed, Changed: run.Changed, Hidden: run.Hidden, Shown: run.Shown, Missing: run.Missing,
		Error: run.Error, Hint: run.Hint, Started: run.Started, Finished: run.Finished, Active: run.State == "queued" || run.State == "running"}
	if row.Started.IsZero() {
		row.Started = run.Queued
	}
	if run.State == "succeeded" && run.Cause != "" {
		row.State = views.ConnectionState{Kind: "warn", Word: "Partly read"}
	}
	if run.Trigger == "manual" || run.Trigger == "api" {
		row.Trigger += by
	}
	return row
}

var phases = map[string]string{"queued": "Waiting for its turn", "connecting": "Connecting", "reading": "Reading the catalog", "applying": "Applying", "indexing": "Making it searchable"}

func phaseWords(phase string) string {
	if words, ok := phases[phase]; ok {
		return words
	}
	return "Starting"
}

// progressWords say how far a running refresh is: "1,902 of 4,310 tables".
func (s *Server) progressWords(run store.Run, known int64) string {
	read := run.Read
	if live, ok := s.Refresh.Progress(run.ID); ok {
		read = live.Read
	}
	if known > 0 {
		return views.Count(read) + " of " + views.Count(known) + " tables"
	}
	return views.Plural(read, "table", "tables")
}

func changeWords(run store.Run) string {
	var parts []string
	for _, c := range []struct {
		n    int64
		verb string
	}{{run.Added, "added"}, {run.Removed, "removed"}, {run.Changed, "changed"}} {
		if c.n > 0 {
			parts = append(parts, views.Count(c.n)+" "+c.verb)
		}
	}
	return strings.Join(parts, ", ")
}

func (s *Server) addUsage(ctx context.Context, who access.Actor, p *views.ConnectionPage) error {
	named, others, err := s.Workspace.Usage(ctx, who, p.Row.ID)
	for _, project := range named {
		p.Usage = append(p.Usage, views.UsageRow{Name: project.Name, Href: "/projects/" + project.ID, About: "project:" + project.ID})
	}
	p.Others = others
	return err
}

func (s *Server) addActivity(ctx context.Context, p *views.ConnectionPage) error {
	rows, err := s.Store.AuditRows(ctx, store.AuditFilter{ObjectType: "connection", ObjectID: p.Row.ID, Limit: shownActivity})
	for _, row := range rows {
		p.Activity = append(p.Activity, views.ActivityRow{At: row.At, Who: row.Actor, What: labelOf(auditActions, row.Action, actionWords(row.Action)), Outcome: row.Outcome,
			Word: labelOf(auditOutcomes, row.Outcome, row.Outcome)})
	}
	return err
}

// actionWords is an audit action as people read it: "connection.refresh_cancel" is "Refresh cancel".
func actionWords(action string) string {
	_, verb, _ := strings.Cut(action, ".")
	verb = strings.ReplaceAll(verb, "_", " ")
	if verb == "" {
		return action
	}
	return strings.ToUpper(verb[:1]) + verb[1:]
}

// connectionTab answers with one tab of a connection's page.
func connectionTab(tab string) func(*Server, http.ResponseWriter, *http.Request, access.Actor) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request, who access.Actor) error {
		p, err := s.connectionPage(r, who, tab)
		if err != nil {
			return err
		}
		return s.page(w, r, http.StatusOK, views.Connection(p))
	}
}

// refreshConnection starts a refresh, or joins the one that runs.
func (s *Server) refreshConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("id")
	if _, err := s.Workspace.StartRefresh(r.Context(), who, id, "manual"); err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+id)
}

func (s *Server) cancelRun(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("id")
	if err := s.Workspace.CancelRefresh(r.Context(), who, id, r.PathValue("run")); err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+id)
}

// applyRemovals begins the refresh that removes what is missing.
func (s *Server) applyRemovals(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("id")
	if _, err := s.Workspace.ApplyRemovals(r.Context(), who, id, r.PathValue("run"), "manual"); err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+id)
}

// keepCatalog leaves what is known as it is.
func (s *Server) keepCatalog(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("id")
	if err := s.Workspace.KeepCatalog(r.Context(), who, id, r.PathValue("run")); err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+id)
}

// askAgain is how often a stream on which nothing happens asks whether its reader may still see it: it ends within a second (P44).
const askAgain = query.AskAgain

// connectionEvents streams the state of a connection while a refresh runs. Who may see it is asked again for each event (P19).
func (s *Server) connectionEvents(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if _, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id")); err != nil {
		return err
	}
	events, stop := s.Refresh.Subscribe(r.PathValue("id"))
	defer stop()
	startEvents(w)
	for shown := ""; ; {
		picture, done, err := s.livePicture(r, who)
		if err == nil && picture != shown {
			sendEvent(w, "", picture)
			shown = picture
		}
		if err != nil && problemOf(err).Status < http.StatusInternalServerError {
			sendEvent(w, "access", access.None.String()) // the page goes with the right to it
			return nil
		}
		if err != nil || done {
			sendEvent(w, "done", "")
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.draining:
			return nil
		case <-events:
			settle(events)
		case <-time.After(askAgain):
		}
	}
}

// settle waits a moment and drops the events that came meanwhile, so that a busy refresh sends at most four pictures a second.
func settle(events <-chan refresh.Event) {
	time.Sleep(250 * time.Millisecond)
	for {
		select {
		case _, open := <-events:
			if !open {
				return
			}
		default:
			return
		}
	}
}

// livePicture is the live part as it is now, for someone who may still see it. done: nothing changes by itself any more.
func (s *Server) livePicture(r *http.Request, who access.Actor) (html string, done bool, err error) {
	who, err = s.asNow(r.Context(), who)
	if err == nil {
		err = admin.allow(who, r)
	}
	if err != nil {
		return "", true, err
	}
	p, err := s.connectionPage(r, who, "overview")
	if err != nil {
		return "", true, err
	}
	var buf bytes.Buffer
	if err := views.ConnectionLive(p).Render(r.Context(), &buf); err != nil {
		return "", true, err
	}
	return buf.String(), !p.Row.State.Live, nil
}

func startEvents(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
}

// saveSchedule replaces the refresh schedule.
func (s *Server) saveSchedule(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	spec, bad := parseSchedule(r)
	id := r.PathValue("id")
	err := error(nil)
	if len(bad) == 0 {
		err = s.Workspace.SetSchedule(r.Context(), who, id, spec)
	} else {
		err = &workspace.Invalid{Fields: bad}
	}
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		page, err := s.connectionPage(r, who, "schedule")
		if err != nil {
			return err
		}
		page.Schedule = scheduleForm(spec, spec.Preview(s.Now(), s.Now(), shownNextRuns))
		page.Schedule.Errors = p.Fields
		return s.page(w, r, p.Status, views.Connection(page))
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+id)
}

// schedulePreview shows the next runs of a schedule as it is being edited.
func (s *Server) schedulePreview(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	spec, bad := parseSchedule(r)
	form := scheduleForm(spec, spec.Preview(s.Now(), s.Now(), shownNextRuns))
	if len(bad) > 0 {
		form.Next = nil
	}
	return s.page(w, r, http.StatusOK, views.NextRuns(form))
}

// scheduleForm is a schedule as it is edited, with its next runs.
func scheduleForm(spec schedule.Spec, next []time.Time) views.ScheduleForm {
	form := views.ScheduleForm{Spec: spec, Zones: zones}
	if len(spec.Check()) > 0 {
		return form
	}
	loc := time.UTC
	if spec.TimeZone != "" {
		if l, err := time.LoadLocation(spec.TimeZone); err == nil {
			loc = l
		}
	}
	if len(next) > 1 {
		form.Late = schedule.Window(next[1].Sub(next[0])).Round(time.Minute)
	}
	for _, t := range next {
		form.Next = append(form.Next, t.In(loc).Format("Mon 2 Jan 2006, 15:04 MST"))
	}
	return form
}

// deleteConnectionPage says what goes.
func (s *Server) deleteConnectionPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.deletePage(w, r, who, http.StatusOK, "")
}

func (s *Server) deletePage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, wrong string) error {
	p, err := s.connectionPage(r, who, "usage")
	if err != nil {
		return err
	}
	p.DeleteError = wrong
	return s.page(w, r, status, views.ConnectionDelete(p))
}

func (s *Server) deleteConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	err := s.Workspace.DeleteConnection(r.Context(), who, r.PathValue("id"), r.PostFormValue("confirm"))
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.deletePage(w, r, who, p.Status, firstOf(p.Fields))
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections")
}
