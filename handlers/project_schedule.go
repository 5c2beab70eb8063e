package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/schedule"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// projectRunStates are the states of a project's run as people read them.
var projectRunStates = map[string]views.ConnectionState{
	"running": {Kind: "busy", Word: "Running"}, "succeeded": {Kind: "ok", Word: "Succeeded"}, "failed": {Kind: "bad", Word: "Failed"},
	"refused": {Kind: "bad", Word: "Did not run"}, "interrupted": {Kind: "warn", Word: "Interrupted"},
}

// projectSchedule is when a project is run, whom it tells, and how that went.
func (s *Server) projectSchedule(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.projectSchedulePage(w, r, who, http.StatusOK, views.ProjectSchedule{}, nil)
}

// projectSchedulePage shows the page; spec is a schedule that was refused, in place of the one that is kept.
func (s *Server) projectSchedulePage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, v views.ProjectSchedule, spec *schedule.Spec) error {
	p, err := s.Workspace.ProjectScheduling(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	bad := v.Schedule.Errors
	if spec == nil {
		v.Schedule = scheduleForm(p.Schedule.Spec, p.NextRuns(s.Now(), shownNextRuns))
	} else {
		v.Schedule = scheduleForm(*spec, spec.Preview(s.Now(), s.Now(), shownNextRuns))
	}
	v.Schedule.Label, v.Schedule.Errors = "Run the notebook", bad
	s.fillProjectSchedule(r, who, p, &v)
	return s.page(w, r, status, views.ProjectSchedulePage(v))
}

// fillProjectSchedule writes what is kept of a project into its page.
func (s *Server) fillProjectSchedule(r *http.Request, who access.Actor, p workspace.ProjectScheduling, v *views.ProjectSchedule) {
	v.Page, v.ID, v.Name, v.Now = s.layout(r, who, "Schedule "+p.Name, "projects"), p.ID, p.Name, s.Now()
	v.MailOn = s.Workspace.Notify.Mail.On()
	if p.Schedule.OwnerID != "" {
		v.Owner, v.Yours = p.PersonName(p.Schedule.OwnerID), p.Schedule.OwnerID == who.UserID
	}
	v.NoAttachments = reasonWords(p.NoAttachments, "")
	for _, t := range p.Targets {
		v.Targets = append(v.Targets, views.ProjectTarget{ID: t.ID, Kind: t.Kind, Name: t.Name, FailuresOnly: t.FailuresOnly, Attach: t.Attach})
	}
	for _, g := range p.Groups {
		v.Groups = append(v.Groups, views.TargetChoice{To: g.ID, Name: g.Name})
	}
	words := map[string]string{}
	for _, run := range p.Runs {
		row := views.ProjectRunRow{ID: run.ID, State: projectRunStates[run.State], Trigger: "on schedule, as " + p.PersonName(run.RunBy), Cells: run.Cells, Cell: run.CellName,
			Error: failureWords(run), Started: run.Started, Finished: run.Finished}
		if run.Trigger == "manual" {
			row.Trigger = "by " + p.PersonName(run.RunBy)
		}
		words[run.ID] = row.State.Word
		v.Running = v.Running || run.State == "running"
		v.Runs = append(v.Runs, row)
		if run.State == "refused" && v.Refused == nil && !p.Schedule.Refused.IsZero() && p.Schedule.Spec.Kind != schedule.Off {
			v.Refused = &views.RefusedRun{Since: p.Schedule.Refused, Words: run.Error}
		}
	}
	for _, m := range p.Messages {
		about := words[m.RunID]
		if about == "" {
			about = "A run"
		}
		v.Messages = append(v.Messages, views.ProjectMessage{To: m.To, About: about, State: m.State, Outcome: m.Outcome, Next: m.Next, Finished: m.Finished})
	}
}

// failureWords are why a run failed: what the source said where the reader may see it, else what kind of failure it was.
func failureWords(run store.ProjectRun) string {
	if run.Error == "" && run.Cause != "" {
		return connectors.Cause(run.Cause).Words()
	}
	return run.Error
}

// projectRuns is the part of the page that changes while a project runs.
func (s *Server) projectRuns(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.Workspace.ProjectScheduling(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	var v views.ProjectSchedule
	s.fillProjectSchedule(r, who, p, &v)
	return s.page(w, r, http.StatusOK, views.ProjectRuns(v))
}

// saveProjectSchedule replaces when a project is run.
func (s *Server) saveProjectSchedule(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	spec, bad := parseSchedule(r)
	var err error = &workspace.Invalid{Fields: bad}
	if len(bad) == 0 {
		err = s.Workspace.SetProjectSchedule(r.Context(), who, r.PathValue("project"), spec)
	}
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.projectSchedulePage(w, r, who, p.Status, views.ProjectSchedule{Schedule: views.ScheduleForm{Errors: p.Fields}}, &spec)
	}
	if err != nil {
		return err
	}
	return s.toProjectSchedule(w, r)
}

func (s *Server) toProjectSchedule(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, "/projects/"+r.PathValue("project")+"/schedule")
}

// runProject runs a project now.
func (s *Server) runProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if _, err := s.Projects.Start(r.Context(), who, r.PathValue("project")); err != nil {
		return err
	}
	return s.toProjectSchedule(w, r)
}

// addProjectTarget makes a project tell a person, a group or a webhook. The key of a webhook is shown this once.
func (s *Server) addProjectTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	f := views.ProjectTargetForm{Kind: r.PostFormValue("kind"), Who: r.PostFormValue("who"), URL: r.PostFormValue("url"), Group: r.PostFormValue("group"),
		FailuresOnly: r.PostFormValue("when") == "failed", Attach: r.PostFormValue("attach") == "true"}
	field := map[string]string{"user": "who", "group": "group"}[f.Kind]
	to := map[string]string{"who": f.Who, "group": f.Group}[field]
	if field == "" {
		field, to = "url", f.URL
	}
	_, key, err := s.Workspace.AddProjectTarget(r.Context(), who, r.PathValue("project"),
		workspace.ProjectTargetInput{Kind: f.Kind, To: to, FailuresOnly: f.FailuresOnly, Attach: f.Attach})
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		f.Errors = p.Fields
		f.Errors[field] = p.Fields["to"]
		return s.projectSchedulePage(w, r, who, p.Status, views.ProjectSchedule{Form: f}, nil)
	}
	if err != nil {
		return err
	}
	if key == "" {
		return s.toProjectSchedule(w, r)
	}
	return s.projectSchedulePage(w, r, who, http.StatusOK, views.ProjectSchedule{Key: key}, nil)
}

func (s *Server) removeProjectTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.RemoveProjectTarget(r.Context(), who, r.PathValue("project"), r.PathValue("target")); err != nil {
		return err
	}
	return s.toProjectSchedule(w, r)
}

// testProjectTarget sends a webhook a test and says how it went.
func (s *Server) testProjectTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	failed, err := s.Workspace.TestProjectTarget(r.Context(), who, r.PathValue("project"), r.PathValue("target"))
	if err != nil {
		return err
	}
	v := views.ProjectSchedule{Tested: "The test was delivered."}
	if failed != nil {
		v.Tested, v.TestFailed = "The test was not delivered. "+failed.Error()+".", true
	}
	return s.projectSchedulePage(w, r, who, http.StatusOK, v, nil)
}
