package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

// How much CSV goes with one message, of all its results together.
const (
	mailCSV = 5 << 20
	hookCSV = 1 << 20
)

// A result is what one cell of a run answered.
type result struct {
	Cell string `json:"cell"`
	CSV  string `json:"csv"`
	Note string `json:"note,omitempty"` // why it is not all
}

// A telling is what may be told of a project's run to one recipient, at one moment.
type telling struct {
	run      store.ProjectRun
	project  store.Project
	reader   access.Actor         // who sees what is told: the person, or who added the webhook
	hook     *store.ProjectTarget // nil: an e-mail to the reader
	named    bool                 // the reader may see the project, and so its name
	reasons  []string             // of one that is refused, for the schedule's owner
	results  []store.ProjectRunResult
	withheld string // why results that were to be attached are not; empty: nothing keeps them back
}

// sendOfProject tells one recipient of a run. Who may be told, and with which results, is decided at this moment, and again when the
// results were read: nothing that was queued while it was allowed goes out when it is not.
func (s *Sender) sendOfProject(ctx context.Context, n store.Notification) error {
	t, err := s.telling(ctx, n)
	if err != nil {
		return err
	}
	var results []result
	note := ""
	if len(t.results) > 0 {
		if results, note, err = s.attachments(ctx, t); err != nil {
			return err
		}
		if t, err = s.telling(ctx, n); err != nil {
			return err
		}
	}
	if len(t.results) == 0 {
		results, note = nil, t.withheld
	}
	m := s.projectMessage(n, t, results, note)
	if t.hook == nil {
		return s.mail(ctx, t.reader.Email, m)
	}
	return s.postTo(ctx, *t.hook, t.reader, m)
}

// postTo sends to a project's webhook. One that no Admin stands for reaches no private address (SPEC section 4).
func (s *Sender) postTo(ctx context.Context, t store.ProjectTarget, adder access.Actor, m Message) error {
	h, err := s.unseal(t.Box, t.ID)
	if err != nil {
		return err
	}
	client := s.outside
	if adder.IsAdmin() {
		client = s.http
	}
	return s.post(ctx, client, h, m)
}

// TestProject sends a message to a project's webhook that says that it is a test, where the webhook would be told of a run. The error
// is for the one who asked.
func (s *Sender) TestProject(ctx context.Context, t store.ProjectTarget, p store.Project) error {
	var as telling
	err := s.Store.View(ctx, func(tx *store.Tx) error {
		facts, err := tx.ProjectFacts(p.ID)
		if err == nil {
			_, err = as.forHook(tx, facts, t.ID)
		}
		return err
	})
	var never *neverError
	switch {
	case errors.As(err, &never):
		return Words(never.words)
	case errors.Is(err, store.ErrNotFound):
		return Words("The notebook or the webhook is gone")
	case err != nil:
		s.Log.Error("cannot decide about a webhook", "project", p.ID, "error", err)
		return Words("Something went wrong on the server")
	}
	return s.postTo(ctx, *as.hook, as.reader, Message{ID: "test-" + t.ID, Event: "test", At: s.Now().UTC(), Text: "This is a test: the notebook " + oneLine(p.Name) + " tells here how its runs end.",
		Project: s.aboutProject(p)})
}

func (s *Sender) aboutProject(p store.Project) *about {
	a := &about{ID: p.ID, Name: oneLine(p.Name)}
	if s.BaseURL != "" {
		a.URL = s.BaseURL + "/projects/" + p.ID
	}
	return a
}

// telling decides what may be told to a notification's recipient by the facts of this moment. A *neverError is for who set it up.
func (s *Sender) telling(ctx context.Context, n store.Notification) (t telling, err error) {
	err = s.Store.View(ctx, func(tx *store.Tx) error {
		t = telling{}
		if t.run, err = tx.ProjectRun(n.RunID); err != nil {
			return err
		}
		if t.project, err = tx.Project(n.ProjectID); err != nil {
			return err
		}
		facts, err := tx.ProjectFacts(n.ProjectID)
		if err != nil {
			return err
		}
		kind, id, _ := strings.Cut(n.Recipient, ":")
		attach := false
		switch kind {
		case "hook":
			attach, err = t.forHook(tx, facts, id)
		case "owner":
			err = t.forOwner(tx, facts, id)
		default:
			attach, err = t.forPerson(tx, facts, id)
		}
		if err != nil || !attach || t.run.State != "succeeded" {
			return err
		}
		if access.Attach(facts) != nil {
			t.withheld = "Results are not attached: a connection of this notebook limits who may view them."
			return nil
		}
		return t.addResults(tx, facts)
	})
	if errors.Is(err, store.ErrNotFound) {
		return t, &neverError{"The notebook, the run or the recipient is gone"}
	}
	return t, err
}

// addResults adds the run's kept results, or none where one is of a connection that the project does not use any more: access.Attach
// knows of those that it uses.
func (t *telling) addResults(tx *store.Tx, facts access.Project) error {
	results, err := tx.ProjectRunResults(t.run.ID)
	if err != nil {
		return err
	}
	for _, kept := range results {
		res, err := tx.ResultByID(kept.ResultID)
		if errors.Is(err, store.ErrNotFound) {
			continue // nothing is left of it to be told
		}
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(facts.Uses, func(c access.Connection) bool { return c.ID == res.ConnectionID }) {
			t.withheld = "Results are not attached: this notebook does not use one of their connections any more."
			return nil
		}
	}
	t.results = results
	return nil
}

// forHook decides about a webhook. It stands for whoever added it, and tells nothing once they may not schedule the project.
func (t *telling) forHook(tx *store.Tx, facts access.Project, id string) (attach bool, err error) {
	hook, err := tx.ProjectTarget(id)
	if err != nil {
		return false, err
	}
	u, err := tx.User(hook.CreatedBy)
	if errors.Is(err, store.ErrNotFound) {
		return false, &neverError{"Who added it has no account any more. Remove it and add it again"}
	}
	if err != nil {
		return false, err
	}
	may, err := tx.MayAct(u)
	if err != nil {
		return false, err
	}
	if !may || access.ShareProject(u.Actor(), facts) != nil {
		return false, &neverError{"Who added it has no Full access any more. Remove it and add it again"}
	}
	t.hook, t.reader, t.named = &hook, u.Actor(), true
	return hook.Attach, nil
}

// person is a user who is told, as they are now.
func (t *telling) person(tx *store.Tx, id string) (u store.User, err error) {
	u, err = tx.User(id)
	if err != nil {
		return u, err
	}
	may, err := tx.MayAct(u)
	if err == nil && !may {
		err = &neverError{"This account cannot sign in any more"}
	}
	t.reader = u.Actor()
	return u, err
}

// forPerson decides about someone whom a target means, by themselves or by a group. Who may not view the project is told nothing.
func (t *telling) forPerson(tx *store.Tx, facts access.Project, id string) (attach bool, err error) {
	u, err := t.person(tx, id)
	if err != nil {
		return false, err
	}
	targets, err := tx.ProjectTargets(t.project.ID)
	if err != nil {
		return false, err
	}
	meant := false
	for _, target := range targets {
		if target.Reaches(u) && target.Wants(t.run) {
			meant, attach = true, attach || target.Attach
		}
	}
	if !meant {
		return false, &neverError{"No longer among those who are told"}
	}
	if d := access.OnProject(t.reader, facts); d.Access < access.View {
		words := "The notebook is not shared with them any more"
		if d.LockedOut {
			words = "Locked out: they may not view results of a connection of this notebook. Explain access says which"
		}
		return false, &neverError{words}
	}
	t.named = true
	return attach, nil
}

// forOwner decides about the owner of a schedule whose run was refused. Who may not see the project is told no more of it than its
// page tells them.
func (t *telling) forOwner(tx *store.Tx, facts access.Project, id string) error {
	if _, err := t.person(tx, id); err != nil {
		return err
	}
	s, err := tx.ProjectSchedule(t.project.ID)
	if err != nil {
		return err
	}
	if s.OwnerID != id {
		return &neverError{"The schedule is someone else's now"}
	}
	d := access.OnProject(t.reader, facts)
	t.named = d.Access >= access.View
	var denied *access.Denied
	switch err := access.RunCells(t.reader, facts); {
	case errors.As(err, &denied) && t.named:
		for _, because := range denied.Because {
			t.reasons = append(t.reasons, because.Words)
		}
	case errors.As(err, &denied) && d.LockedOut:
		t.reasons = []string{lockedOut(d.Because)}
	case errors.As(err, &denied):
		t.reasons = []string{"It is not shared with you any more"}
	default:
		return &neverError{"The right to run it came back before this was told"}
	}
	return nil
}

// lockedOut is which connections lock someone out.
func lockedOut(because []access.Reason) string {
	var words []string
	for _, r := range because {
		if r.Rule == access.RuleLockedOut {
			words = append(words, r.Words)
		}
	}
	return strings.Join(words, ". ")
}

// attachments reads the results of a run for its reader, as much as one message takes. note says what is missing.
func (s *Sender) attachments(ctx context.Context, t telling) (results []result, note string, err error) {
	left := mailCSV
	if t.hook != nil {
		left = hookCSV
	}
	var notes []string
	for _, kept := range t.results {
		cell := oneLine(kept.CellName)
		if left <= 0 {
			notes = append(notes, fmt.Sprintf("The rows of %s are not attached: there is no room left in this message.", cell))
			continue
		}
		csv, why, err := s.CSV(ctx, t.reader, kept.ResultID, left)
		var denied *access.Denied
		switch {
		case errors.As(err, &denied):
			notes = append(notes, fmt.Sprintf("The rows of %s are not attached: they may not be seen.", cell))
			continue
		case err != nil:
			return nil, "", fmt.Errorf("read result to attach: %w", err)
		case csv == nil:
			notes = append(notes, fmt.Sprintf("The rows of %s are not attached. %s.", cell, oneLine(why)))
			continue
		}
		if why != "" {
			notes = append(notes, fmt.Sprintf("The rows of %s were cut. %s.", cell, oneLine(why)))
		}
		left -= len(csv)
		results = append(results, result{Cell: cell, CSV: string(csv), Note: why})
	}
	return results, strings.Join(notes, "\n"), nil
}

// projectMessage is what a recipient is told. What a server said about a failure stays at home, as with refreshes: whoever may see it
// finds it on the project's page.
func (s *Sender) projectMessage(n store.Notification, t telling, results []result, note string) Message {
	m := Message{ID: t.run.ID + "-" + n.Event + "-" + strings.ReplaceAll(n.Recipient, ":", "-"), Event: n.Event, At: t.run.Finished, State: t.run.State,
		Run: &about{ID: t.run.ID}, Project: s.aboutProject(t.project), Results: results, Note: note}
	name := "The notebook " + m.Project.Name
	if !t.named {
		name, m.Project.Name = "A notebook that you scheduled", ""
	}
	when := t.run.Started.UTC().Format("2 Jan 2006, 15:04 UTC")
	switch {
	case n.Event == store.EventProjectRefused && len(t.reasons) > 0:
		m.Text = fmt.Sprintf("%s does not run any more, since you may not run it. It was due on %s.\n%s.", name, when, strings.Join(t.reasons, ". "))
	case t.run.State == "refused":
		m.Text = fmt.Sprintf("%s did not run on %s: the person whose schedule it is may not run it any more. Someone with Full access can save the schedule again.", name, when)
	case t.run.State == "succeeded":
		m.Text = fmt.Sprintf("%s ran on %s: %s.", name, when, cellWords(t.run.Cells))
	case t.run.State == "interrupted":
		m.Text = fmt.Sprintf("%s did not run to its end on %s: the server stopped meanwhile.", name, when)
	default:
		m.Cell = oneLine(t.run.CellName)
		m.Text = fmt.Sprintf("%s failed on %s", name, when)
		if m.Cell != "" {
			m.Text += " in the cell " + m.Cell
		}
		if t.run.Cause != "" {
			m.Cause = connectors.Cause(t.run.Cause).Words()
			m.Text += ": " + m.Cause
		}
		m.Text += "."
	}
	if note != "" {
		m.Text += "\n" + note
	}
	if m.Project.URL != "" {
		m.Text += "\n" + m.Project.URL
	}
	return m
}

func cellWords(n int64) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}
