package handlers

import (
	"net/http"
	"time"

	"patchbay/access"
	"patchbay/schedule"
	"patchbay/store"
	"patchbay/workspace"
)

// apiProjectSchedule is a project's schedule with its next five runs. It runs as run_by, who saved it last.
type apiProjectSchedule struct {
	schedule.Spec
	Next         []time.Time `json:"next"`
	RunBy        string      `json:"run_by,omitempty"`
	RefusedSince *time.Time  `json:"refused_since,omitempty"` // since when run_by may not run it
}

func (s *Server) apiGetProjectSchedule(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.Workspace.ProjectScheduling(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	out := apiProjectSchedule{Spec: p.Schedule.Spec, Next: []time.Time{}, RunBy: p.Schedule.OwnerID, RefusedSince: instant(p.Schedule.Refused)}
	for _, t := range p.NextRuns(s.Now(), shownNextRuns) {
		out.Next = append(out.Next, t.UTC())
	}
	return writeJSON(w, http.StatusOK, out)
}

// instant is a time as the API writes one that may be missing.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// apiSetProjectSchedule replaces the schedule, which runs as the caller from now on. What GET answers beside it is not read.
func (s *Server) apiSetProjectSchedule(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in apiProjectSchedule
	if err := decode(r, &in); err != nil {
		return err
	}
	if err := s.Workspace.SetProjectSchedule(r.Context(), who, r.PathValue("project"), in.Spec); err != nil {
		return err
	}
	return s.apiGetProjectSchedule(w, r, who)
}

// apiProjectTarget is whom a project tells. To is a user's or group's id, or the host of a webhook.
type apiProjectTarget struct {
	ID           string    `json:"id"`
	Kind         string    `json:"kind"`
	To           string    `json:"to"`
	Name         string    `json:"name"`
	FailuresOnly bool      `json:"failures_only"`
	Attach       bool      `json:"attach"`
	CreatedAt    time.Time `json:"created_at"`
	SigningKey   string    `json:"signing_key,omitempty"` // of a webhook, once
}

func apiProjectTargetOf(t store.ProjectTarget, name string) apiProjectTarget {
	return apiProjectTarget{ID: t.ID, Kind: t.Kind, To: t.Recipient + t.Shown, Name: name, FailuresOnly: t.FailuresOnly, Attach: t.Attach, CreatedAt: t.Created.UTC()}
}

func (s *Server) apiProjectTargets(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.Workspace.ProjectScheduling(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	page, err := paged(r, p.Targets, func(t workspace.ProjectTarget) string { return t.ID })
	if err != nil {
		return err
	}
	items := make([]apiProjectTarget, len(page.items))
	for i, t := range page.items {
		items[i] = apiProjectTargetOf(t.ProjectTarget, t.Name)
	}
	return writeList(w, items, page.next)
}

type projectTargetInput struct {
	Kind         string `json:"kind"`
	To           string `json:"to"`
	FailuresOnly bool   `json:"failures_only"`
	Attach       bool   `json:"attach"`
}

func (s *Server) apiAddProjectTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in projectTargetInput
	if err := decode(r, &in); err != nil {
		return err
	}
	t, key, err := s.Workspace.AddProjectTarget(r.Context(), who, r.PathValue("project"), workspace.ProjectTargetInput(in))
	if err != nil {
		return err
	}
	p, err := s.Workspace.ProjectScheduling(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	out := apiProjectTargetOf(t, t.Shown)
	for _, known := range p.Targets {
		if known.ID == t.ID {
			out.Name = known.Name
		}
	}
	out.SigningKey = key
	return writeJSON(w, http.StatusCreated, out)
}

func (s *Server) apiRemoveProjectTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.RemoveProjectTarget(r.Context(), who, r.PathValue("project"), r.PathValue("target")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiProjectRun is one run of a project.
type apiProjectRun struct {
	ID         string      `json:"id"`
	State      string      `json:"state"`
	Trigger    string      `json:"trigger"`
	RunBy      string      `json:"run_by"`
	Cells      int64       `json:"cells"`
	Failed     *failedCell `json:"failed,omitempty"`
	Error      *runError   `json:"error,omitempty"`
	StartedAt  time.Time   `json:"started_at"`
	FinishedAt *time.Time  `json:"finished_at,omitempty"`
}

type failedCell struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type runError struct {
	Cause   string `json:"cause,omitempty"`
	Message string `json:"message,omitempty"`
}

func apiProjectRunOf(run store.ProjectRun) apiProjectRun {
	out := apiProjectRun{ID: run.ID, State: run.State, Trigger: run.Trigger, RunBy: run.RunBy, Cells: run.Cells, StartedAt: run.Started.UTC(), FinishedAt: instant(run.Finished)}
	if run.CellID != "" {
		out.Failed = &failedCell{run.CellID, run.CellName}
	}
	if run.Cause != "" || run.Error != "" {
		out.Error = &runError{run.Cause, run.Error}
	}
	return out
}

func (s *Server) apiProjectRuns(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.Workspace.ProjectScheduling(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	page, err := paged(r, p.Runs, func(run store.ProjectRun) string { return run.ID })
	if err != nil {
		return err
	}
	items := make([]apiProjectRun, len(page.items))
	for i, run := range page.items {
		items[i] = apiProjectRunOf(run)
	}
	return writeList(w, items, page.next)
}

func (s *Server) apiProjectRun(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	run, err := s.Workspace.ProjectRun(r.Context(), who, r.PathValue("project"), r.PathValue("run"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiProjectRunOf(run))
}

// apiRunProject runs a project now, as the caller.
func (s *Server) apiRunProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	run, err := s.Projects.Start(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, apiProjectRunOf(run))
}
