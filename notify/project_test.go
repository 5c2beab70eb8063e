package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/schedule"
	"patchbay/store"
)

// An office is a desk with a project, people, and a connection whose results everyone may see.
type office struct {
	*desk
	*postOffice
	read []string // results that were read to be attached, with who for
	when func()   // is called while one is read
	n    int
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{desk: newDesk(t), when: func() {}}
	o.postOffice = o.desk.postOffice(true)
	o.CSV = func(_ context.Context, who access.Actor, id string, _ int) ([]byte, string, error) {
		o.read = append(o.read, who.UserID+" "+id)
		o.when()
		return []byte("secret\r\n" + id + "\r\n"), "", nil
	}
	o.maintain(func(tx *store.Tx) error {
		errs := []error{tx.SetPermissions("w", []string{access.GroupMembers}, []string{access.GroupPublic}, false),
			tx.CreateGroup(store.Group{ID: "team", Name: "Team"}),
			tx.CreateProject(store.Project{ID: "p", Name: "Sales\r\nBcc: x@y", OwnerID: "ann", Shares: []access.Share{{To: "user:ann", Access: access.Full}, {To: "workspace", Access: access.View}}}),
			tx.Import("p", "w")}
		for id, role := range map[string]access.Role{"root": access.RoleAdmin, "ann": access.RoleEditor, "vera": access.RoleViewer, "bob": access.RoleViewer} {
			errs = append(errs, tx.CreateUser(store.User{ID: id, Email: id + "@example.com", Name: id, Role: role, Created: o.now, Updated: o.now}))
		}
		return errors.Join(append(errs, tx.AddMember("team", "bob"))...)
	})
	return o
}

func (o *office) tells(t store.ProjectTarget) {
	o.t.Helper()
	t.ProjectID, t.Created = "p", o.now
	if t.CreatedBy == "" {
		t.CreatedBy = "ann"
	}
	o.maintain(func(tx *store.Tx) error { return tx.CreateProjectTarget(t) })
}

// ran lets a run of the project end.
func (o *office) ran(run store.ProjectRun) {
	o.t.Helper()
	o.n++
	run.ID, run.ProjectID, run.Started, run.Finished = "project-run-"+string(rune('a'+o.n)), "p", o.now, o.now
	if run.RunBy == "" {
		run.Trigger, run.RunBy = "manual", "ann"
	}
	state := run.State
	run.State = "running"
	o.maintain(func(tx *store.Tx) error { return tx.CreateProjectRun(run) })
	fence, err := o.Store.Acquire(o.t.Context(), "project:p", "test", time.Minute)
	o.check(err)
	run.State = state
	o.check(o.Store.FinishProjectRun(o.t.Context(), fence, run, []store.ProjectRunResult{{CellName: "query_1", ResultID: "result-1"}}))
}

// outcomes are how telling went, by recipient, of the last run.
func (o *office) outcomes() map[string]string {
	o.t.Helper()
	out := map[string]string{}
	o.check(o.Store.View(o.t.Context(), func(tx *store.Tx) error {
		all, err := tx.ProjectNotifications("p", 100)
		for _, n := range all {
			if n.RunID == "project-run-"+string(rune('a'+o.n)) {
				out[n.Recipient] = n.State + ": " + n.Outcome
			}
		}
		return err
	}))
	return out
}

// sends sends what is due and answers with the letters since.
func (o *office) sends() []string {
	o.t.Helper()
	o.mu.Lock()
	o.letters, o.to = nil, nil
	o.mu.Unlock()
	o.now = o.now.Add(time.Second)
	o.SendDue(o.t.Context())
	return o.letters
}

// People hear of a run by themselves or by their groups, once, with results where they asked for them; a name writes no headers.
func TestProjectMail(t *testing.T) {
	o := newOffice(t)
	o.tells(store.ProjectTarget{ID: "1", Kind: "user", Recipient: "vera", FailuresOnly: true})
	o.tells(store.ProjectTarget{ID: "2", Kind: "group", Recipient: "team", Attach: true})
	o.tells(store.ProjectTarget{ID: "3", Kind: "user", Recipient: "bob"})
	o.ran(store.ProjectRun{State: "succeeded", Cells: 2})
	letters := o.sends()
	if len(letters) != 1 || o.to[0] != "bob@example.com" {
		t.Fatalf("%d letters to %q: %v", len(letters), o.to, o.outcomes())
	}
	head, body, _ := strings.Cut(letters[0], "\r\n\r\n")
	for _, want := range []string{"Sales", "Bcc: x@y", "2 cells", "https://patchbay.example.com/projects/p", "query_1.csv", "text/csv"} {
		if !strings.Contains(letters[0], want) {
			t.Errorf("the letter has no %s:\n%s", want, letters[0])
		}
	}
	if strings.Contains(head, "\nBcc:") || strings.Contains(body, "\nBcc:") {
		t.Errorf("the name writes lines:\n%s", letters[0])
	}
	if len(o.read) != 1 || o.read[0] != "bob result-1" {
		t.Errorf("read %q", o.read)
	}
	o.ran(store.ProjectRun{State: "failed", CellName: "query_2", Cause: "timeout", Error: "10.1.2.3 said " + canary})
	letters = o.sends()
	if len(letters) != 2 || len(o.read) != 1 {
		t.Fatalf("of a failure %d letters to %q, read %q", len(letters), o.to, o.read)
	}
	for _, letter := range letters {
		if strings.Contains(letter, canary) || strings.Contains(letter, "csv") || !strings.Contains(letter, "query_2") {
			t.Errorf("of a failure:\n%s", letter)
		}
	}
}

// As soon as a connection limits Can view results, messages carry no results: also those that were queued before, and one whose
// results were just read (SPEC section 2, rule 4). Webhooks are told the same way.
func TestNoResultsOnceTheyAreLimited(t *testing.T) {
	o := newOffice(t)
	bodies := o.hook("h", "root", true)
	o.tells(store.ProjectTarget{ID: "1", Kind: "user", Recipient: "vera", Attach: true})
	limit := func() {
		o.maintain(func(tx *store.Tx) error {
			return tx.SetPermissions("w", []string{access.GroupMembers}, []string{access.GroupMembers}, false)
		})
	}
	open := func() {
		o.maintain(func(tx *store.Tx) error {
			return tx.SetPermissions("w", []string{access.GroupMembers}, []string{access.GroupPublic}, false)
		})
	}
	for name, c := range map[string]struct{ queued, reading func() }{"while it waits": {limit, func() {}}, "while it is read": {func() {}, limit}} {
		open()
		o.ran(store.ProjectRun{State: "succeeded", Cells: 1})
		c.queued()
		o.when = c.reading
		letters := o.sends()
		if len(letters) != 1 || strings.Contains(letters[0], "csv") || !strings.Contains(letters[0], "not attached") {
			t.Errorf("%s: %d letters %v\n%s", name, len(letters), o.outcomes(), letters)
		}
		body := bodies()
		if strings.Contains(body, "secret") || strings.Contains(body, "results\"") || !strings.Contains(body, "not attached") || !strings.Contains(body, `"state":"succeeded"`) {
			t.Errorf("%s the webhook is told %s", name, body)
		}
	}
	open()
	o.when = func() {}
	o.ran(store.ProjectRun{State: "succeeded", Cells: 1})
	if letters := o.sends(); len(letters) != 1 || !strings.Contains(letters[0], "query_1.csv") {
		t.Errorf("open again: %s", letters)
	}
	if body := bodies(); !strings.Contains(body, `"csv":"secret\r\nresult-1\r\n"`) {
		t.Errorf("open again the webhook is told %s", body)
	}
}

// hook makes a webhook of someone, and answers with what it was told last.
func (o *office) hook(id, by string, attach bool) (last func() string) {
	o.t.Helper()
	body := ""
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		if !strings.HasPrefix(r.Header.Get("Patchbay-Signature"), "t=") {
			body = "unsigned"
		}
	}))
	o.t.Cleanup(receiver.Close)
	box, err := o.Seal(id, Hook{URL: receiver.URL, Key: "signing-key"})
	o.check(err)
	o.tells(store.ProjectTarget{ID: id, Kind: "webhook", Shown: "host-" + id, Box: box, Attach: attach, CreatedBy: by})
	return func() string {
		defer func() { body = "" }()
		return body
	}
}

// Whether someone is told is decided when they would be, and who set it up can read why they were not.
func TestWhoIsToldOfAProject(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*store.Tx) error
		want   string // of vera's outcome
	}{
		"locked out": {func(tx *store.Tx) error { return tx.SetPermissions("w", []string{"team"}, []string{"team"}, false) }, "Locked out: they may not view results of a connection of this notebook. Explain"},
		"not shared": {func(tx *store.Tx) error {
			return tx.SetShares("p", []access.Share{{To: "user:ann", Access: access.Full}})
		}, "not shared with them"},
		"disabled": {func(tx *store.Tx) error {
			u, err := tx.User("vera")
			u.Disabled = true
			return errors.Join(err, tx.UpdateUser(u))
		}, "cannot sign in"},
		"left the group": {func(tx *store.Tx) error { return tx.RemoveMember("team", "vera") }, "No longer among"},
		"removed":        {func(tx *store.Tx) error { return tx.DeleteProjectTarget("p", "1") }, "No longer among"},
		"deleted":        {func(tx *store.Tx) error { return tx.DeleteUser("vera") }, "gone"},
		"group deleted":  {func(tx *store.Tx) error { return tx.DeleteGroup("team") }, "No longer among"},
	} {
		o := newOffice(t)
		o.maintain(func(tx *store.Tx) error { return tx.AddMember("team", "vera") })
		o.tells(store.ProjectTarget{ID: "1", Kind: "group", Recipient: "team", Attach: true})
		o.ran(store.ProjectRun{State: "succeeded"})
		o.maintain(c.change)
		if name == "locked out" {
			o.maintain(func(tx *store.Tx) error { return tx.RemoveMember("team", "vera") })
			o.tells(store.ProjectTarget{ID: "2", Kind: "user", Recipient: "vera", Attach: true})
		}
		o.sends()
		if to := strings.Join(o.to, " "); strings.Contains(to, "vera@") {
			t.Errorf("%s: a letter went to %s", name, to)
		}
		if got := o.outcomes()["user:vera"]; !strings.HasPrefix(got, "given_up: ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", name, got)
		}
		for _, read := range o.read {
			if strings.HasPrefix(read, "vera") {
				t.Errorf("%s: results were read for them", name)
			}
		}
	}
}

// A webhook tells nothing once who added it may not schedule the project, and reaches private addresses only for Admins.
func TestWebhooksStandForWhoAddedThem(t *testing.T) {
	o := newOffice(t)
	private, admins := o.hook("ann-hook", "ann", false), o.hook("root-hook", "root", false)
	o.ran(store.ProjectRun{State: "succeeded"})
	o.sends()
	if got := o.outcomes()["hook:ann-hook"]; private() != "" || !strings.Contains(got, "may not be reached") {
		t.Errorf("an Editor's webhook at a private address: %s", got)
	}
	if body := admins(); !strings.Contains(body, `"project":{"id":"p"`) || strings.Contains(body, `"connection"`) {
		t.Errorf("an Admin's webhook is told %s: %v", body, o.outcomes())
	}
	o.maintain(func(tx *store.Tx) error {
		u, err := tx.User("root")
		u.Role = access.RoleViewer
		return errors.Join(err, tx.UpdateUser(u), tx.SetShares("p", []access.Share{{To: "workspace", Access: access.View}}))
	})
	o.ran(store.ProjectRun{State: "succeeded"})
	o.sends()
	for _, hook := range []string{"hook:ann-hook", "hook:root-hook"} {
		if got := o.outcomes()[hook]; private() != "" || admins() != "" || !strings.Contains(got, "no Full access any more") {
			t.Errorf("%s: %s", hook, got)
		}
	}
}

// The owner of a schedule that does not run any more is told why, and no more of the project than they may see; the others hear that
// it did not run.
func TestOwnerOfARefusedScheduleIsTold(t *testing.T) {
	daily := schedule.Spec{Kind: schedule.Daily, At: "04:00"}
	for name, c := range map[string]struct {
		change      func(*store.Tx) error
		want, never string
	}{
		"downgraded": {func(tx *store.Tx) error {
			return tx.SetPermissions("w", []string{}, []string{access.GroupPublic}, false)
		}, "needs Can query", "Locked"},
		"locked out": {func(tx *store.Tx) error { return tx.SetPermissions("w", []string{}, []string{"team"}, false) }, "Can view results is missing", "Sales"},
		"not shared": {func(tx *store.Tx) error { return tx.SetShares("p", nil) }, "not shared with you", "Sales"},
		"disabled": {func(tx *store.Tx) error {
			u, err := tx.User("ann")
			u.Disabled = true
			return errors.Join(err, tx.UpdateUser(u))
		}, "", "ann@"},
	} {
		o := newOffice(t)
		o.tells(store.ProjectTarget{ID: "1", Kind: "group", Recipient: "team", FailuresOnly: true})
		o.tells(store.ProjectTarget{ID: "2", Kind: "user", Recipient: "ann"})
		o.maintain(func(tx *store.Tx) error {
			return tx.SetProjectSchedule(store.ProjectSchedule{ProjectID: "p", Spec: daily, OwnerID: "ann"})
		})
		o.maintain(c.change)
		for range 2 {
			o.ran(store.ProjectRun{State: "refused", Trigger: "schedule", RunBy: "ann", Error: "why"})
			letters := o.sends()
			to := strings.Join(o.to, " ")
			if o.n == 2 {
				if len(letters) > 0 {
					t.Errorf("%s: told again: %s", name, letters)
				}
				continue
			}
			if told := strings.Count(to, "ann@"); (c.want != "") != (told == 1) {
				t.Errorf("%s: %d letters to the owner, %v", name, told, o.outcomes())
			}
			for i, letter := range letters {
				plain := strings.ReplaceAll(letter, "=\r\n", "")
				if strings.HasPrefix(o.to[i], "ann@") && (!strings.Contains(plain, c.want) || strings.Contains(plain, c.never)) {
					t.Errorf("%s: the owner reads\n%s", name, plain)
				}
				if strings.HasPrefix(o.to[i], "bob@") && (strings.Contains(plain, "Can query") || !strings.Contains(plain, "may not run it any more")) {
					t.Errorf("%s: others read\n%s", name, plain)
				}
			}
		}
	}
}

// Rows of a connection that the project does not use any more are not sent, since nobody asks whether they are limited; nor are rows
// that were read for someone who meanwhile gets none.
func TestNoResultsOfWhatIsUsedNoMore(t *testing.T) {
	o := newOffice(t)
	o.tells(store.ProjectTarget{ID: "1", Kind: "user", Recipient: "bob", Attach: true})
	o.tells(store.ProjectTarget{ID: "2", Kind: "group", Recipient: "team"})
	o.maintain(func(tx *store.Tx) error {
		return errors.Join(
			tx.CreateCell(store.Cell{ID: "cell", ProjectID: "p", Kind: "sql", Name: "query_1", ConnectionID: "w"}),
			tx.CreateResult(store.Result{ID: "result-1", ProjectID: "p", CellID: "cell", ConnectionID: "w", RunBy: "ann", State: "succeeded", Started: o.now, Finished: o.now}))
	})
	o.ran(store.ProjectRun{State: "succeeded", Cells: 1})
	if letters := o.sends(); len(letters) != 1 || !strings.Contains(letters[0], "query_1.csv") {
		t.Fatalf("while it is used: %v %v", letters, o.outcomes())
	}
	o.ran(store.ProjectRun{State: "succeeded", Cells: 1})
	o.when = func() { o.maintain(func(tx *store.Tx) error { return tx.DeleteProjectTarget("p", "1") }) }
	if letters := o.sends(); len(letters) != 1 || strings.Contains(letters[0], "csv") || len(o.read) != 2 {
		t.Errorf("rows that were read go to who gets none any more: %v %v", letters, o.outcomes())
	}
	o.when = func() {}
	bodies := o.hook("h", "root", true)
	o.ran(store.ProjectRun{State: "succeeded", Cells: 1})
	o.maintain(func(tx *store.Tx) error { return tx.StopImport("p", "w") })
	letters := o.sends()
	if body := bodies(); len(letters) != 1 || strings.Contains(body, "secret") || !strings.Contains(body, "not attached: this notebook does not use") {
		t.Errorf("used no more: %s, %v", body, o.outcomes())
	}
}

func (o *office) targets() (targets []store.ProjectTarget, err error) {
	err = o.Store.View(o.t.Context(), func(tx *store.Tx) (err error) { targets, err = tx.ProjectTargets("p"); return err })
	return targets, err
}

// A test of a webhook goes out where a message would.
func TestTestOfAProjectsWebhook(t *testing.T) {
	o := newOffice(t)
	last := o.hook("h", "root", false)
	try := func() error {
		targets, err := o.targets()
		o.check(err)
		return o.TestProject(o.t.Context(), targets[0], store.Project{ID: "p", Name: "Sales"})
	}
	if err := try(); err != nil || !strings.Contains(last(), "This is a test") {
		t.Fatalf("a test of an Admin's webhook: %v", err)
	}
	o.maintain(func(tx *store.Tx) error {
		u, err := tx.User("root")
		u.Role = access.RoleViewer
		return errors.Join(err, tx.UpdateUser(u))
	})
	if err := try(); err == nil || !strings.Contains(err.Error(), "no Full access any more") || last() != "" {
		t.Errorf("a test of someone's who may not: %v", err)
	}
}
