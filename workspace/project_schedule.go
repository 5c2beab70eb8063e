package workspace

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/notify"
	"patchbay/schedule"
	"patchbay/store"
)

// What of a project's runs and messages its page shows, and how many targets a project may have.
const (
	shownProjectRuns     = 50
	shownProjectMessages = 50
	maxProjectTargets    = 50
)

// A ProjectScheduling is when a project is run, whom it tells, and how that went, as someone sees it who may change it.
type ProjectScheduling struct {
	ProjectView
	Schedule store.ProjectSchedule
	Owner    store.User // of the schedule; the zero User: nobody has saved it, or the account is gone
	Targets  []ProjectTarget
	Runs     []store.ProjectRun // what a source said of a failure is with those runs alone where the reader may see it
	Messages []ProjectMessage
	Groups   []store.Group // that may be told
	// NoAttachments is why no message carries results, by access.Attach: which connections. Empty: they may.
	NoAttachments []access.Reason
	names         map[string]string
}

// A ProjectTarget is whom a project tells, with the name of whom it means.
type ProjectTarget struct {
	store.ProjectTarget
	Name string
}

// A ProjectMessage is one message with the name of whom it was for.
type ProjectMessage struct {
	store.Notification
	To string
}

// NextRuns are the times of the next n runs.
func (p ProjectScheduling) NextRuns(now time.Time, n int) []time.Time {
	if p.Schedule.Next.IsZero() {
		return nil
	}
	return append([]time.Time{p.Schedule.Next}, p.Schedule.Spec.Preview(p.Schedule.Next, p.Schedule.Anchor, n-1)...)
}

// ProjectRun is one run of a project, for someone who may schedule it.
func (w *Workspace) ProjectRun(ctx context.Context, who access.Actor, projectID, runID string) (store.ProjectRun, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (store.ProjectRun, error) {
		if _, _, err := scheduled(tx, who, projectID); err != nil {
			return store.ProjectRun{}, err
		}
		run, err := tx.ProjectRun(runID)
		if err == nil && run.ProjectID != projectID {
			err = store.ErrNotFound
		}
		if err != nil {
			return store.ProjectRun{}, err
		}
		return asSeen(tx, who, run)
	})
}

// ProjectScheduling is a project's schedule for someone who may change it.
func (w *Workspace) ProjectScheduling(ctx context.Context, who access.Actor, projectID string) (ProjectScheduling, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (out ProjectScheduling, err error) {
		var facts access.Project
		if out.ProjectView, facts, err = scheduled(tx, who, projectID); err != nil {
			return out, err
		}
		if out.Schedule, err = tx.ProjectSchedule(projectID); err != nil {
			return out, err
		}
		var denied *access.Denied
		if errors.As(access.Attach(facts), &denied) {
			out.NoAttachments = denied.Because
		}
		if err := out.addPeople(tx, who, facts); err != nil {
			return out, err
		}
		return out, out.addHistory(tx, who)
	})
}

// scheduled is a project for someone who may schedule it.
func scheduled(tx *store.Tx, who access.Actor, projectID string) (ProjectView, access.Project, error) {
	p, err := tx.Project(projectID)
	if err != nil {
		return ProjectView{}, access.Project{}, err
	}
	v, facts, err := projectView(tx, who, p)
	if err == nil {
		err = access.ShareProject(who, facts)
	}
	return v, facts, err
}

// addPeople adds whom the project tells by name, and which groups it could.
func (p *ProjectScheduling) addPeople(tx *store.Tx, who access.Actor, facts access.Project) error {
	users, err := tx.Users()
	if err != nil {
		return err
	}
	groups, err := tx.Groups()
	if err != nil {
		return err
	}
	targets, err := tx.ProjectTargets(p.ID)
	if err != nil {
		return err
	}
	p.names = map[string]string{}
	for _, u := range users {
		if u.ID == p.Schedule.OwnerID {
			p.Owner = u
		}
		if who.InGroup(access.GroupMembers) || u.ID == p.Schedule.OwnerID || u.ID == who.UserID || sharedWithPerson(facts, u.ID) {
			p.names["user:"+u.ID], p.names["owner:"+u.ID] = u.Name, u.Name
		}
	}
	for _, g := range append([]store.Group{{ID: access.GroupMembers}, {ID: access.GroupGuests}}, groups...) {
		g.Name = sharedGroup(g.ID, groups)
		if mayTell(who, facts, g.ID) {
			p.names["group:"+g.ID] = g.Name
			p.Groups = append(p.Groups, g)
		}
	}
	for _, t := range targets {
		p.names["hook:"+t.ID] = t.Shown
		name, known := p.names[t.Kind+":"+t.Recipient]
		switch {
		case t.Kind == "webhook":
			name = t.Shown
		case !known && t.Kind == "group":
			name = "A group"
		case !known:
			name = "Someone"
		}
		p.Targets = append(p.Targets, ProjectTarget{t, name})
	}
	return nil
}

// sharedWithPerson says whether a share names someone: those a guest knows of (FindPeople).
func sharedWithPerson(p access.Project, userID string) bool {
	return slices.ContainsFunc(p.Shares, func(s access.Share) bool { return s.To == "user:"+userID })
}

// mayTell says whether someone may name a group: a guest those alone that the project is shared with.
func mayTell(who access.Actor, facts access.Project, group string) bool {
	return who.InGroup(access.GroupMembers) || sharedWith(facts, group)
}

// addHistory adds the last runs and messages.
func (p *ProjectScheduling) addHistory(tx *store.Tx, who access.Actor) error {
	runs, err := tx.ProjectRuns(p.ID, shownProjectRuns)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run, err = asSeen(tx, who, run); err != nil {
			return err
		}
		p.Runs = append(p.Runs, run)
	}
	told, err := tx.ProjectNotifications(p.ID, shownProjectMessages)
	for _, n := range told {
		to, ok := p.names[n.Recipient]
		if !ok {
			to = "Someone"
		}
		p.Messages = append(p.Messages, ProjectMessage{n, to})
	}
	return err
}

// PersonName is what a user who has to do with the project is called.
func (p ProjectScheduling) PersonName(userID string) string {
	if name, ok := p.names["user:"+userID]; ok {
		return name
	}
	return "someone"
}

// asSeen is a run without what a source said, where the reader may not see the results of that connection any more; what tells of the
// network around a server is for Admins. A refusal, which has no cause, names its connection to those alone who may query it.
func asSeen(tx *store.Tx, who access.Actor, run store.ProjectRun) (store.ProjectRun, error) {
	if run.ConnectionID == "" {
		return run, nil
	}
	may, hidden := access.ViewResults, ""
	if run.Cause == "" {
		may, hidden = access.Query, "Access to a connection is missing"
		if who.IsAdmin() {
			return run, nil
		}
	}
	if connectors.Cause(run.Cause).AboutReaching() && !who.IsAdmin() {
		run.Error = ""
		return run, nil
	}
	c, err := tx.Connection(run.ConnectionID)
	if errors.Is(err, store.ErrNotFound) {
		run.Error = hidden
		return run, nil
	}
	if err != nil {
		return run, err
	}
	facts, owner, err := connectionFacts(tx, c)
	if err == nil && may(who, facts, owner) != nil {
		run.Error = hidden
	}
	return run, err
}

// SetProjectSchedule replaces when a project is run. It is run as who saved it last.
func (w *Workspace) SetProjectSchedule(ctx context.Context, who access.Actor, projectID string, spec schedule.Spec) error {
	if spec.Kind == "" {
		spec.Kind = schedule.Off
	}
	now := w.Now()
	return w.changeProject(ctx, who, projectID, "project.schedule",
		func(p access.Project) error { return access.ShareProject(who, p) },
		func(tx *store.Tx, _ store.Project, detail map[string]any) error {
			if bad := spec.Check(); len(bad) > 0 {
				return &Invalid{Fields: bad}
			}
			before, err := tx.ProjectSchedule(projectID)
			if err != nil {
				return err
			}
			detail["before"], detail["schedule"], detail["run_by_before"] = before.Spec.Words(), spec.Words(), before.OwnerID
			next, _ := spec.Next(now, now)
			return tx.SetProjectSchedule(store.ProjectSchedule{ProjectID: projectID, Spec: spec, Anchor: now, Next: next, OwnerID: who.UserID})
		})
}

// A ProjectTargetInput is whom a project is to tell, as a form or API body has it.
type ProjectTargetInput struct {
	Kind         string // webhook, user, group
	To           string // a URL, an e-mail address of a user or their id, or a group's id
	FailuresOnly bool
	Attach       bool
}

// AddProjectTarget makes a project tell someone of its runs. Of a webhook it returns the key that signs what is sent, which is never
// told again. Results may be asked for only while access lets messages carry them; whether one does is decided when it is sent.
func (w *Workspace) AddProjectTarget(ctx context.Context, who access.Actor, projectID string, in ProjectTargetInput) (t store.ProjectTarget, key string, err error) {
	in.To = strings.TrimSpace(in.To)
	t = store.ProjectTarget{ProjectID: projectID, Kind: in.Kind, FailuresOnly: in.FailuresOnly, Attach: in.Attach, CreatedBy: who.UserID, Created: w.Now()}
	if t.ID, err = newID(); err != nil {
		return t, "", err
	}
	wrong := ""
	if in.Kind == "webhook" {
		if t.Shown, err = notify.ParseURL(in.To); err != nil {
			wrong = err.Error()
		} else {
			key = rand.Text()
			if t.Box, err = w.Notify.Seal(t.ID, notify.Hook{URL: in.To, Key: key}); err != nil {
				return t, "", err
			}
		}
	}
	err = w.changeProject(ctx, who, projectID, "project.notify",
		func(p access.Project) error { return access.ShareProject(who, p) },
		func(tx *store.Tx, _ store.Project, detail map[string]any) error {
			if wrong != "" {
				return invalid("to", wrong)
			}
			if err := w.checkProjectTarget(tx, who, projectID, in, &t); err != nil {
				return err
			}
			targetDetail(detail, t)
			return tx.CreateProjectTarget(t)
		})
	return t, key, err
}

func targetDetail(detail map[string]any, t store.ProjectTarget) {
	detail["kind"], detail["to"], detail["failures_only"], detail["attach"] = t.Kind, t.Recipient+t.Shown, t.FailuresOnly, t.Attach
}

// checkProjectTarget checks whom a project is to tell, and finds the person.
func (w *Workspace) checkProjectTarget(tx *store.Tx, who access.Actor, projectID string, in ProjectTargetInput, t *store.ProjectTarget) error {
	facts, err := tx.ProjectFacts(projectID)
	if err != nil {
		return err
	}
	if in.Attach {
		var denied *access.Denied
		if errors.As(access.Attach(facts), &denied) {
			return invalid("attach", denied.Because[0].Words)
		}
	}
	switch {
	case in.Kind == "webhook":
	case !w.Notify.Mail.On() || in.Kind != "user" && in.Kind != "group":
		return invalid("kind", "Choose webhook, or user or group where a mail server is set up")
	case in.Kind == "user":
		if t.Recipient, err = personToTell(tx, facts, in.To); err != nil {
			return err
		}
	default:
		if t.Recipient = in.To; !slices.Contains([]string{access.GroupMembers, access.GroupGuests}, in.To) {
			if _, err = tx.Group(in.To); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		if err != nil || !mayTell(who, facts, in.To) {
			return invalid("to", "Choose a group from the list")
		}
	}
	there, err := tx.ProjectTargets(projectID)
	switch {
	case err != nil:
		return err
	case len(there) >= maxProjectTargets:
		return invalid("to", fmt.Sprintf("This notebook tells %d already. Remove one first", maxProjectTargets))
	case t.Kind != "webhook" && slices.ContainsFunc(there, func(o store.ProjectTarget) bool { return o.Kind == t.Kind && o.Recipient == t.Recipient }):
		return invalid("to", "They are told already. Remove them first to change how")
	}
	return nil
}

// personToTell finds someone by their e-mail address or id. Nobody is told who may not view the project.
func personToTell(tx *store.Tx, facts access.Project, to string) (id string, err error) {
	u, err := tx.UserByEmail(to)
	if errors.Is(err, store.ErrNotFound) {
		u, err = tx.User(to)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	if err != nil || u.Disabled || access.ViewProject(u.Actor(), facts) != nil { // the same words for all: no list of accounts is read off them
		return "", invalid("to", "Enter the e-mail address of someone who may view this notebook. Share it with them first")
	}
	return u.ID, nil
}

// RemoveProjectTarget ends telling someone.
func (w *Workspace) RemoveProjectTarget(ctx context.Context, who access.Actor, projectID, targetID string) error {
	return w.changeProject(ctx, who, projectID, "project.notify_remove",
		func(p access.Project) error { return access.ShareProject(who, p) },
		func(tx *store.Tx, _ store.Project, detail map[string]any) error {
			t, err := projectTargetOf(tx, projectID, targetID)
			if err != nil {
				return err
			}
			targetDetail(detail, t)
			return tx.DeleteProjectTarget(projectID, targetID)
		})
}

func projectTargetOf(tx *store.Tx, projectID, targetID string) (store.ProjectTarget, error) {
	t, err := tx.ProjectTarget(targetID)
	if err == nil && t.ProjectID != projectID {
		err = store.ErrNotFound
	}
	return t, err
}

// TestProjectTarget sends a webhook a message that says that it is a test. failed is why it did not arrive, in words.
func (w *Workspace) TestProjectTarget(ctx context.Context, who access.Actor, projectID, targetID string) (failed, err error) {
	var p ProjectView
	var t store.ProjectTarget
	err = w.Store.View(ctx, func(tx *store.Tx) (err error) {
		if p, _, err = scheduled(tx, who, projectID); err != nil {
			return err
		}
		t, err = projectTargetOf(tx, projectID, targetID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if t.Kind != "webhook" {
		return nil, invalid("target", "Only webhooks are tested")
	}
	done, err := w.tests.begin(who.UserID, w.Now())
	if err != nil {
		return nil, err
	}
	defer done()
	failed = w.Notify.TestProject(ctx, t, p.Project)
	entry := projectEntry(who, "project.notify_test", p.Project)
	targetDetail(entry.Detail, t)
	if failed != nil {
		entry.Outcome = "failed"
	}
	return failed, w.Store.Audit(context.WithoutCancel(ctx), entry)
}
