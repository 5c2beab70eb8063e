package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"patchbay/access"
	"patchbay/schedule"
)

// The events that a project tells of.
const (
	EventProjectRan     = "project_ran"     // a run came to its end, well or not
	EventProjectRefused = "project_refused" // its schedule's owner may not run it any more
)

// A ProjectSchedule says when a project is run by itself, and as whom.
type ProjectSchedule struct {
	ProjectID string
	Spec      schedule.Spec
	Anchor    time.Time // from when "every N hours" counts
	Next      time.Time // zero: never
	OwnerID   string    // who saved it last: it is run as them
	Refused   time.Time // since when they may not run it; zero: they may, as far as is known
}

// A ProjectRun is one run of all cells of a project.
type ProjectRun struct {
	ID, ProjectID                  string
	Trigger                        string // schedule, manual
	RunBy                          string // user id
	State                          string // running, succeeded, failed, refused, interrupted
	Cells                          int64  // that ran to their end
	CellID, CellName, ConnectionID string // of the cell that failed
	Cause, Error                   string // why it failed or was refused
	Started, Finished              time.Time
}

// A ProjectRunResult is the kept result of one cell of a run. A later run of the cell takes it away.
type ProjectRunResult struct{ CellName, ResultID string }

// A ProjectTarget is whom a project tells of its runs.
type ProjectTarget struct {
	ID, ProjectID string
	Kind          string // webhook, user, group
	Recipient     string // a user's or group's id
	Shown         string // the host of a webhook
	Box           []byte // of a webhook: its address and signing key, sealed
	FailuresOnly  bool
	Attach        bool // results as CSV, where access allows it at the moment of sending
	CreatedBy     string
	Created       time.Time
}

// Wants says whether the target is to be told of a run that ended so.
func (t ProjectTarget) Wants(run ProjectRun) bool { return !t.FailuresOnly || run.State != "succeeded" }

// Reaches says whether the target means someone, as themselves or by a group of theirs.
func (t ProjectTarget) Reaches(u User) bool {
	return t.Kind == "user" && t.Recipient == u.ID || t.Kind == "group" && u.Actor().InGroup(t.Recipient)
}

const projectScheduleColumns = `project_id, schedule, anchor_ms, next_ms, owner_id, refused_ms`

func scanProjectSchedule(r scanner) (ProjectSchedule, error) {
	var s ProjectSchedule
	var spec []byte
	var anchor, next, refused int64
	if err := r.Scan(&s.ProjectID, &spec, &anchor, &next, &s.OwnerID, &refused); err != nil {
		return s, err
	}
	s.Anchor, s.Next, s.Refused = at(anchor), at(next), at(refused)
	if err := json.Unmarshal(spec, &s.Spec); err != nil {
		return s, fmt.Errorf("read schedule of project %s: %w", s.ProjectID, err)
	}
	return s, nil
}

// ProjectSchedule is when a project is run; one that has never been set is off.
func (tx *Tx) ProjectSchedule(projectID string) (ProjectSchedule, error) {
	s, err := one(tx, scanProjectSchedule, `select `+projectScheduleColumns+` from project_schedule where project_id = $1`, projectID)
	if errors.Is(err, ErrNotFound) {
		return ProjectSchedule{ProjectID: projectID, Spec: schedule.Spec{Kind: schedule.Off}}, nil
	}
	return s, err
}

// SetProjectSchedule replaces when a project is run, and as whom.
func (tx *Tx) SetProjectSchedule(s ProjectSchedule) error {
	spec, err := json.Marshal(s.Spec)
	if err != nil {
		return fmt.Errorf("encode schedule: %w", err)
	}
	_, err = tx.exec(`insert into project_schedule(`+projectScheduleColumns+`) values($1,$2,$3,$4,$5,$6) on conflict(project_id) do update set
		schedule=excluded.schedule, anchor_ms=excluded.anchor_ms, next_ms=excluded.next_ms, owner_id=excluded.owner_id, refused_ms=excluded.refused_ms`,
		s.ProjectID, string(spec), ms(s.Anchor), ms(s.Next), s.OwnerID, ms(s.Refused))
	return err
}

// SetProjectNext keeps when a project is run next.
func (tx *Tx) SetProjectNext(projectID string, next time.Time) error {
	return tx.must(`update project_schedule set next_ms=$1 where project_id=$2`, ms(next), projectID)
}

// ProjectSchedules are all schedules that are on.
func (tx *Tx) ProjectSchedules() ([]ProjectSchedule, error) {
	return collect(tx, scanProjectSchedule, `select `+projectScheduleColumns+` from project_schedule where next_ms > 0 order by project_id`)
}

// DueProjects are the schedules that are due by now, the longest due first.
func (s *Store) DueProjects(ctx context.Context, now time.Time) ([]ProjectSchedule, error) {
	return view(ctx, s, func(tx *Tx) ([]ProjectSchedule, error) {
		return collect(tx, scanProjectSchedule, `select `+projectScheduleColumns+` from project_schedule where next_ms > 0 and next_ms <= $1 order by next_ms, project_id`, ms(now))
	})
}

const projectRunColumns = `id, project_id, trigger, run_by, state, cells, cell_id, cell_name, connection_id, cause, error, started_ms, finished_ms`

func scanProjectRun(r scanner) (ProjectRun, error) {
	var run ProjectRun
	var started, finished int64
	err := r.Scan(&run.ID, &run.ProjectID, &run.Trigger, &run.RunBy, &run.State, &run.Cells, &run.CellID, &run.CellName, &run.ConnectionID, &run.Cause, &run.Error,
		&started, &finished)
	run.Started, run.Finished = at(started), at(finished)
	return run, err
}

// CreateProjectRun keeps a run that begins.
func (tx *Tx) CreateProjectRun(r ProjectRun) error {
	_, err := tx.exec(`insert into project_run(`+projectRunColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)`, r.ID, r.ProjectID, r.Trigger, r.RunBy, r.State,
		r.Cells, r.CellID, r.CellName, r.ConnectionID, r.Cause, r.Error, ms(r.Started), ms(r.Finished))
	return err
}

// ProjectRunsKept is how many runs of one project are remembered, besides those of which someone is still to be told.
const ProjectRunsKept = 200

// FinishProjectRun writes down how a run ended and puts what is to be told of it into the outbox, in one transaction that is refused
// when the lease went to someone else.
func (s *Store) FinishProjectRun(ctx context.Context, f Fence, r ProjectRun, results []ProjectRunResult) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		if err := tx.fenced(f); err != nil {
			return err
		}
		err := tx.must(`update project_run set state=$1, cells=$2, cell_id=$3, cell_name=$4, connection_id=$5, cause=$6, error=$7, finished_ms=$8 where id=$9 and state='running'`,
			r.State, r.Cells, r.CellID, r.CellName, r.ConnectionID, r.Cause, r.Error, ms(r.Finished), r.ID)
		if err != nil {
			return err
		}
		for i, kept := range results {
			if _, err := tx.exec(`insert into project_run_result(run_id, seq, cell_name, result_id) values($1,$2,$3,$4)`, r.ID, i, kept.CellName, kept.ResultID); err != nil {
				return err
			}
		}
		if err := tx.tellOfProject(r); err != nil {
			return err
		}
		_, err = tx.exec(`delete from project_run where project_id=$1 and state <> 'running' and id not in
			(select id from project_run where project_id=$1 order by started_ms desc, id desc limit cast($2 as integer))
			and not exists (select 1 from project_notification n where n.run_id = project_run.id and n.state='waiting')`, r.ProjectID, ProjectRunsKept)
		return err
	})
}

// ProjectRun is the run with this id.
func (tx *Tx) ProjectRun(id string) (ProjectRun, error) {
	return one(tx, scanProjectRun, `select `+projectRunColumns+` from project_run where id = $1`, id)
}

// ProjectRuns are a project's runs, the latest first.
func (tx *Tx) ProjectRuns(projectID string, limit int) ([]ProjectRun, error) {
	return collect(tx, scanProjectRun, `select `+projectRunColumns+` from project_run where project_id = $1 order by started_ms desc, id desc limit cast($2 as integer)`, projectID, limit)
}

// ProjectRunResults are the kept results of a run, in the order of its cells.
func (tx *Tx) ProjectRunResults(runID string) ([]ProjectRunResult, error) {
	return collect(tx, func(r scanner) (ProjectRunResult, error) {
		var kept ProjectRunResult
		err := r.Scan(&kept.CellName, &kept.ResultID)
		return kept, err
	}, `select cell_name, result_id from project_run_result where run_id = $1 order by seq`, runID)
}

// RunningProjects are the runs that have not ended.
func (s *Store) RunningProjects(ctx context.Context) ([]ProjectRun, error) {
	return view(ctx, s, func(tx *Tx) ([]ProjectRun, error) {
		return collect(tx, scanProjectRun, `select `+projectRunColumns+` from project_run where state = 'running' order by id`)
	})
}

const projectTargetColumns = `id, project_id, kind, recipient, shown, box, failures_only, attach, created_by, created_ms`

func scanProjectTarget(r scanner) (ProjectTarget, error) {
	var t ProjectTarget
	var failures, attach, created int64
	err := r.Scan(&t.ID, &t.ProjectID, &t.Kind, &t.Recipient, &t.Shown, &t.Box, &failures, &attach, &t.CreatedBy, &created)
	t.FailuresOnly, t.Attach, t.Created = failures == 1, attach == 1, at(created)
	return t, err
}

// CreateProjectTarget keeps a new target.
func (tx *Tx) CreateProjectTarget(t ProjectTarget) error {
	if t.Box == nil {
		t.Box = []byte{}
	}
	_, err := tx.exec(`insert into project_target(`+projectTargetColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`, t.ID, t.ProjectID, t.Kind, t.Recipient, t.Shown, t.Box,
		bit(t.FailuresOnly), bit(t.Attach), t.CreatedBy, ms(t.Created))
	return err
}

// DeleteProjectTarget removes a target of a project, with what a webhook has not been told yet. People are asked about when they
// are told.
func (tx *Tx) DeleteProjectTarget(projectID, id string) error {
	if err := tx.must(`delete from project_target where project_id=$1 and id=$2`, projectID, id); err != nil {
		return err
	}
	_, err := tx.exec(`delete from project_notification where recipient = $1`, "hook:"+id)
	return err
}

// ProjectTarget is the target with this id.
func (tx *Tx) ProjectTarget(id string) (ProjectTarget, error) {
	return one(tx, scanProjectTarget, `select `+projectTargetColumns+` from project_target where id = $1`, id)
}

// ProjectTargets are whom a project tells, in the order in which they were added.
func (tx *Tx) ProjectTargets(projectID string) ([]ProjectTarget, error) {
	return collect(tx, scanProjectTarget, `select `+projectTargetColumns+` from project_target where project_id = $1 order by id`, projectID)
}

// forgetTarget ends telling a user or group that is deleted.
func (tx *Tx) forgetTarget(kind, id string) error {
	_, err := tx.exec(`delete from project_target where kind=$1 and recipient=$2`, kind, id)
	return err
}

// tellOfProject puts the end of a run into the outbox: for each target that wants to know, and each person that a group of the
// targets means, once. A run that was refused is told of when it is the first in a row, to the schedule's owner too; one that is not
// refused ends that row.
func (tx *Tx) tellOfProject(r ProjectRun) error {
	event, owner := EventProjectRan, ""
	if r.Trigger == "schedule" {
		s, err := tx.ProjectSchedule(r.ProjectID)
		if err != nil {
			return err
		}
		if r.State == "refused" && !s.Refused.IsZero() {
			return nil
		}
		refused := time.Time{}
		if r.State == "refused" {
			event, owner, refused = EventProjectRefused, r.RunBy, r.Finished
		}
		if _, err := tx.exec(`update project_schedule set refused_ms=$1 where project_id=$2 and owner_id=$3`, ms(refused), r.ProjectID, r.RunBy); err != nil {
			return err
		}
	}
	recipients, err := tx.projectRecipients(r)
	if err != nil {
		return err
	}
	if owner != "" {
		recipients = append(recipients, "owner:"+owner)
	}
	for _, recipient := range recipients {
		if recipient == "user:"+owner {
			continue // told as the owner
		}
		if _, err := tx.exec(`insert into project_notification(recipient, run_id, event, project_id, next_ms) values($1,$2,$3,$4,$5) on conflict do nothing`,
			recipient, r.ID, event, r.ProjectID, ms(r.Finished)); err != nil {
			return err
		}
	}
	return nil
}

// projectRecipients are those to be told of a run. Whether they still may be is decided when they are told.
func (tx *Tx) projectRecipients(r ProjectRun) ([]string, error) {
	targets, err := tx.ProjectTargets(r.ProjectID)
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	users, err := tx.Users()
	if err != nil {
		return nil, err
	}
	var recipients []string
	for _, t := range targets {
		if t.Kind == "webhook" && t.Wants(r) {
			recipients = append(recipients, "hook:"+t.ID)
		}
	}
	for _, u := range users {
		for _, t := range targets {
			if !u.Disabled && t.Reaches(u) && t.Wants(r) {
				recipients = append(recipients, "user:"+u.ID)
				break
			}
		}
	}
	return recipients, nil
}

// ProjectNotifications are what a project told, the latest first.
func (tx *Tx) ProjectNotifications(projectID string, limit int) ([]Notification, error) {
	return collect(tx, scanNotification, `select `+projectNotificationColumns+`, '' from project_notification where project_id=$1 order by next_ms desc, recipient limit $2`,
		projectID, limit)
}

// MayAct says whether the server does something for a user while they are not there: not for an account that is disabled, nor for
// one that its sign-in provider lets in no more.
func (tx *Tx) MayAct(u User) (bool, error) {
	if u.Disabled || !u.External {
		return !u.Disabled, nil
	}
	return tx.KnownToAProvider(u.ID)
}

// Actor is the user without a session: for deciding what they may do.
func (u User) Actor() access.Actor {
	return access.Actor{UserID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, Groups: u.Groups}
}
