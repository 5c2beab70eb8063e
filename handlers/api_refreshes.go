package handlers

import (
	"net/http"
	"strconv"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

// apiRun is a schema refresh as the API writes it.
type apiRun struct {
	ID         string           `json:"id"`
	State      string           `json:"state"`
	Trigger    string           `json:"trigger"`
	Phase      string           `json:"phase"`
	Counts     map[string]int64 `json:"counts"`
	Error      *apiRunError     `json:"error"`
	QueuedAt   time.Time        `json:"queued_at"`
	StartedAt  *time.Time       `json:"started_at"`
	FinishedAt *time.Time       `json:"finished_at"`
}

type apiRunError struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

// apiRunOf is a run as who may see it: the server's own words about reaching it are for Admins (P15).
func (s *Server) apiRunOf(who access.Actor, run store.Run) apiRun {
	if !who.IsAdmin() && connectors.Cause(run.Cause).AboutReaching() {
		run.Error = connectors.Cause(run.Cause).Words()
	}

	if live, ok := s.Refresh.Progress(run.ID); ok && run.Finished.IsZero() {
		run.Phase, run.Read = live.Phase, live.Read
	}
	out := apiRun{ID: run.ID, State: run.State, Trigger: run.Trigger, Phase: run.Phase, QueuedAt: run.Queued.UTC(), StartedAt: when(run.Started),
		FinishedAt: when(run.Finished),
		Counts: map[string]int64{"read": run.Read, "added": run.Added, "removed": run.Removed, "changed": run.Changed,
			"hidden": run.Hidden, "shown": run.Shown, "missing": run.Missing}}
	if run.Cause != "" || run.Error != "" {
		out.Error = &apiRunError{run.Cause, run.Error, run.Hint}
	}
	return out
}

func (s *Server) apiStartRefresh(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	run, err := s.Workspace.StartRefresh(r.Context(), who, r.PathValue("id"), "api")
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, map[string]string{"id": run.ID, "state": run.State})
}

func (s *Server) apiRefreshes(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	runs, err := s.Store.Runs(r.Context(), c.ID, limit+1, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	next := ""
	if len(runs) > limit {
		runs, next = runs[:limit], runs[limit-1].ID
	}
	items := make([]apiRun, len(runs))
	for i, run := range runs {
		items[i] = s.apiRunOf(who, run)
	}
	return writeList(w, items, next)
}

// runOf finds a run of a connection that exists for the caller.
func (s *Server) runOf(r *http.Request, who access.Actor) (store.Run, error) {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return store.Run{}, err
	}
	run, err := s.Store.Run(r.Context(), r.PathValue("run"))
	if err == nil && run.ConnectionID != c.ID {
		err = store.ErrNotFound
	}
	return run, err
}

func (s *Server) apiRefresh(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	run, err := s.runOf(r, who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.apiRunOf(who, run))
}

// apiChanges pages through what a run added, removed and changed, for others than Admins without what the filter hides by now; the
// cursor is the number of changes before the page.
func (s *Server) apiChanges(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	run, err := s.runOf(r, who)
	if err != nil {
		return err
	}
	c, err := s.Workspace.Connection(r.Context(), who, run.ConnectionID)
	if err != nil {
		return err
	}
	filter, err := s.Workspace.Matcher(c.Connection)
	if err != nil {
		return err
	}
	after := 0
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		if after, err = strconv.Atoi(cursor); err != nil || after < 0 {
			return &badRequest{"bad_cursor", "The cursor is not one of this list. Start again without it"}
		}
	}
	changes, err := s.Store.Changes(r.Context(), run.ID, limit+1, after)
	if err != nil {
		return err
	}
	next := ""
	if len(changes) > limit {
		changes, next = changes[:limit], strconv.Itoa(after+limit)
	}
	items := []map[string]string{}
	for _, c := range changes {
		if who.IsAdmin() || filter.Keeps(c.Path) {
			items = append(items, map[string]string{"change": c.Change, "path": c.Path.String(), "name": pathWords(c.Path), "detail": c.Detail})
		}
	}
	return writeList(w, items, next)
}

// apiApplyRemovals and apiKeepCatalog decide on a refresh that needs a look.
func (s *Server) apiApplyRemovals(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	run, err := s.Workspace.ApplyRemovals(r.Context(), who, r.PathValue("id"), r.PathValue("run"), "api")
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, map[string]string{"id": run.ID, "state": run.State})
}

func (s *Server) apiKeepCatalog(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.KeepCatalog(r.Context(), who, r.PathValue("id"), r.PathValue("run")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiCancelRefresh(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	run, err := s.runOf(r, who)
	if err != nil {
		return err
	}
	if err := s.Workspace.CancelRefresh(r.Context(), who, run.ConnectionID, run.ID); err != nil {
		return err
	}
	if run, err = s.Store.Run(r.Context(), run.ID); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.apiRunOf(who, run))
}
