package handlers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"patchbay/access"
	"patchbay/connectors/transport"
	"patchbay/notebook"
	"patchbay/notify"
	"patchbay/store"
	"patchbay/workspace"
)

// A letterBox takes mail.
type letterBox struct {
	mu      sync.Mutex
	letters []letter
}

type letter struct{ to, text string }

func (b *letterBox) NewSession(*smtp.Conn) (smtp.Session, error) { return &postman{box: b}, nil }

type postman struct {
	box *letterBox
	to  string
}

func (p *postman) Mail(string, *smtp.MailOptions) error { return nil }
func (p *postman) Rcpt(to string, _ *smtp.RcptOptions) error {
	p.to = to
	return nil
}

func (p *postman) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	p.box.letters = append(p.box.letters, letter{p.to, string(text)})
	return err
}
func (p *postman) Reset()        {}
func (p *postman) Logout() error { return nil }

// takes are the letters since it was last asked, by whom they went to.
func (b *letterBox) takes() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]string{}
	for _, l := range b.letters {
		out[l.to] += l.text
	}
	b.letters = nil
	return out
}

// mailServer gives the site a mail server.
func (s *site) mailServer() *letterBox {
	s.t.Helper()
	box := &letterBox{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	server := smtp.NewServer(box)
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { _ = server.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	s.check(err)
	n, err := strconv.Atoi(port)
	s.check(err)
	sender := s.server.Workspace.Notify
	sender.Mail = notify.Mail{Host: "127.0.0.1", Port: n, From: "patchbay@example.com", TLS: "off"}
	sender.Dial = transport.NewDialer(transport.Policy{AllowPrivate: true}, nil).Dial
	return box
}

// attached are the attachments of a letter by name.
func attached(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return out
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if part.FileName() == "" {
			continue
		}
		body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		if err != nil {
			t.Fatal(err)
		}
		out[part.FileName()] = string(body)
	}
}

// runs runs a project now, as someone, through the page, and waits until it has ended.
func (s *site) runs(as, project string) map[string]any {
	s.t.Helper()
	if a := s.do(as, "POST", "/projects/"+project+"/schedule/run", nil); a.status != http.StatusSeeOther {
		s.t.Fatalf("running answers %d %s", a.status, a.body)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var list struct{ Items []map[string]any }
		if err := json.Unmarshal([]byte(s.do(as, "GET", "/api/v1/projects/"+project+"/runs", nil).body), &list); err != nil || len(list.Items) == 0 {
			s.t.Fatalf("no runs: %v", err)
		}
		if list.Items[0]["state"] != "running" {
			return list.Items[0]
		}
	}
	s.t.Fatal("the run does not end")
	return nil
}

// scheduled is a project of the Editor's that a Viewer may view, over the shop, with a cell that has a formula in its answer.
func (s *site) scheduled() (store.Project, store.Connection, store.Cell) {
	s.t.Helper()
	for _, role := range []access.Role{access.RoleAdmin, access.RoleEditor, access.RoleViewer, access.RoleGuest} {
		s.person(role)
	}
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("editor", "Weekly\r\nBcc: someone@example.com\r\n\r\n<b>", access.Share{To: "user:" + s.users["viewer"].ID, Access: access.View})
	s.check(s.server.Workspace.Import(s.t.Context(), s.actor("editor"), p.ID, c.ID))
	cell, err := s.server.Notebook.CreateCell(s.t.Context(), s.actor("editor"), p.ID,
		notebook.NewCell{Kind: notebook.KindSQL, Name: "orders", ConnectionID: c.ID, Source: "select id, country, total from orders order by id", At: -1})
	s.check(err)
	return p, c, cell
}

// With public on Can view results, messages carry CSV, with formulas kept from running. Once a connection limits it, none does: not
// those that waited, not one of a webhook; the page offers no checkbox and says which connection is why (SPEC section 2, rule 4). Who
// is locked out hears nothing, and the page says so.
func TestResultsGoWithMessagesAsLongAsTheyMay(t *testing.T) {
	s := newSite(t)
	p, c, cell := s.scheduled()
	box := s.mailServer()
	var heard []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard = append(heard, string(body))
	}))
	defer receiver.Close()
	page := "/projects/" + p.ID + "/schedule"
	if s.do("editor", "GET", page, nil).page(t).Find(`input[name="attach"]`).Length() != 1 {
		t.Fatal("the page does not offer results")
	}
	a := s.do("admin", "POST", "/projects/"+p.ID+"/notifications", url.Values{"kind": {"webhook"}, "url": {receiver.URL + "/T0K3N-canary"}, "attach": {"true"}, "when": {"always"}})
	key := strings.TrimSpace(a.page(t).Find(".banner .mono").Text())
	if a.status != http.StatusOK || len(key) < 20 {
		t.Fatalf("adding a webhook answers %d, key %q", a.status, key)
	}
	if a := s.do("editor", "POST", "/projects/"+p.ID+"/notifications", url.Values{"kind": {"user"}, "who": {"viewer@example.com"}, "attach": {"true"}}); a.status != http.StatusSeeOther {
		t.Fatalf("adding a person answers %d %s", a.status, a.words(t))
	}
	shown := s.do("editor", "GET", page, nil)
	if strings.Contains(shown.body, "canary") || strings.Contains(shown.body, key) || !strings.Contains(shown.words(t), "with results as CSV") {
		t.Errorf("the page shows a secret, or not how people are told: %s", shown.words(t))
	}
	test, _ := shown.page(t).Find(`form[action$="/test"]`).Attr("action")
	if a := s.do("editor", "POST", test, nil); a.status != http.StatusOK || len(heard) != 1 || !strings.Contains(heard[0], "This is a test") {
		t.Errorf("the test answers %d, heard %q", a.status, heard)
	}
	send := func() (map[string]string, string) {
		heard = nil
		s.server.Workspace.Notify.SendDue(t.Context())
		return box.takes(), strings.Join(heard, "\n")
	}

	if run := s.runs("editor", p.ID); run["state"] != "succeeded" || run["cells"] != 1.0 {
		t.Fatalf("run %v", run)
	}
	letters, hook := send()
	csv := attached(t, letters["viewer@example.com"])["orders.csv"]
	if want := "id,country,total\r\n1,SK,10.5\r\n2,CZ,\r\n3,'=cmd,7\r\n"; csv != want {
		t.Errorf("attached is %q, want %q: %v", csv, want, letters)
	}
	m, err := mail.ReadMessage(strings.NewReader(letters["viewer@example.com"]))
	if err != nil || m.Header.Get("Bcc") != "" || !strings.HasPrefix(m.Header.Get("Subject"), "[Patchbay] The notebook Weekly") {
		t.Errorf("the letter's head: %v %v", m.Header, err)
	}
	var told struct {
		Project struct{ ID, Name string }
		State   string
		Results []struct{ Cell, CSV string }
	}
	if err := json.Unmarshal([]byte(hook), &told); err != nil || told.State != "succeeded" || told.Project.ID != p.ID || len(told.Results) != 1 || told.Results[0].CSV != csv {
		t.Errorf("the webhook hears %s: %v", hook, err)
	}

	// The cell was run again before the message went: its rows are not those of the run.
	s.runs("editor", p.ID)
	res, err := s.server.Notebook.RunCell(t.Context(), s.actor("editor"), p.ID, cell.ID)
	s.check(err)
	s.check(s.server.Query.Wait(t.Context(), res.ID))
	if letters, hook = send(); len(attached(t, letters["viewer@example.com"])) > 0 || !strings.Contains(hook, "run again") {
		t.Errorf("replaced rows went out: %v %s", letters, hook)
	}

	// Limited between the run and the sending.
	s.runs("editor", p.ID)
	limit := func(results ...string) {
		err := s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanQuery: []string{access.GroupMembers}, CanViewResults: results})
		s.check(err)
	}
	limit(access.GroupMembers)
	letters, hook = send()
	if text := letters["viewer@example.com"]; text == "" || len(attached(t, text)) > 0 || strings.Contains(text, "SK,10.5") || !strings.Contains(text, "not attached") {
		t.Errorf("after it was limited, the letter is %s", text)
	}
	if strings.Contains(hook, "SK,10.5") || !strings.Contains(hook, "not attached") {
		t.Errorf("after it was limited, the webhook hears %s", hook)
	}
	shown = s.do("editor", "GET", page, nil)
	if words := shown.words(t); shown.page(t).Find(`input[name="attach"]`).Length() != 0 || !strings.Contains(words, "Can view results on “Shop” is limited") {
		t.Errorf("the page offers results, or does not say why not: %s", words)
	}
	if a := s.do("editor", "POST", "/projects/"+p.ID+"/notifications", url.Values{"kind": {"webhook"}, "url": {"https://hooks.example.com/x"}, "attach": {"true"}}); a.status != http.StatusUnprocessableEntity ||
		!strings.Contains(a.words(t), "Shop") {
		t.Errorf("results asked for all the same: %d", a.status)
	}

	// The Viewer is locked out after the run.
	s.runs("editor", p.ID)
	err = s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanQuery: []string{}, CanViewResults: []string{access.GroupGuests}})
	s.check(err)
	if letters, _ = send(); len(letters) > 0 {
		t.Errorf("who is locked out is told: %v", letters)
	}
	if words := s.do("admin", "GET", page, nil).words(t); !strings.Contains(words, "Locked out: they may not view results of a connection of this notebook") {
		t.Errorf("the page does not say that nobody was told: %s", words)
	}
	if s.do("editor", "GET", page, nil).status != http.StatusNotFound {
		t.Error("who is locked out opens the schedule")
	}
	if strings.Contains(s.logs.String(), "canary") || strings.Contains(s.logs.String(), "10.5") {
		t.Error("the log holds an address or rows")
	}
	dump, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Limit: 1000})
	s.check(err)
	exports := 0
	for _, row := range dump {
		if row.Action == "result.export" && row.Outcome == "ok" {
			exports++
		}
	}
	if exports != 2 {
		t.Errorf("%d exports are in the audit log, want the letter's and the webhook's", exports)
	}
}

// The page of a schedule: saved, it says as whom it runs; what is wrong stands at its field with what was typed; a failed cell is told
// by its words to those who may see them, and who may not run it any more is said.
func TestProjectSchedulePage(t *testing.T) {
	s := newSite(t)
	p, c, cell := s.scheduled()
	page := "/projects/" + p.ID + "/schedule"
	if words := s.do("editor", "GET", page, nil).words(t); !strings.Contains(words, "It will run as you") || !strings.Contains(words, "Nobody is told") {
		t.Errorf("a schedule that is new says %s", words)
	}
	a := s.do("editor", "POST", page, url.Values{"schedule_kind": {"cron"}, "schedule_cron": {"* * * *"}, "schedule_time_zone": {"Nowhere/\r\nX"}})
	if a.status != http.StatusUnprocessableEntity || a.page(t).Find("#field-cron-error").Length() != 1 || a.page(t).Find("#field-zone-error").Length() != 1 {
		t.Errorf("a cron line that is none answers %d", a.status)
	}
	if got, _ := a.page(t).Find("#field-cron").Attr("value"); got != "* * * *" {
		t.Errorf("typed and not kept: %q", got)
	}
	if a := s.do("editor", "POST", page, url.Values{"schedule_kind": {"weekly"}, "schedule_days": {"mon", "tue", "wed", "thu", "fri"}, "schedule_at": {"07:30"}, "schedule_time_zone": {"Europe/Bratislava"}}); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d %s", a.status, a.words(t))
	}
	shown := s.do("editor", "GET", page, nil)
	if words := shown.words(t); !strings.Contains(words, "It runs as you") || shown.page(t).Find("#next-runs li").Length() != 5 {
		t.Errorf("saved, the page says %s", words)
	}
	if words := s.do("admin", "GET", page, nil).words(t); !strings.Contains(words, "It runs as editor, who saved it last") {
		t.Errorf("to someone else it says %s", words)
	}
	if got := s.do("editor", "GET", "/api/v1/projects/"+p.ID+"/schedule", nil); got.get(t, "kind") != "weekly" || got.get(t, "run_by") != s.users["editor"].ID || len(got.get(t, "next").([]any)) != 5 {
		t.Errorf("the API says %s", got.body)
	}

	source := "select x from nowhere"
	_, err := s.server.Notebook.UpdateCell(t.Context(), s.actor("editor"), p.ID, cell.ID, notebook.CellChange{Version: cell.Version, Source: &source})
	s.check(err)
	run := s.runs("editor", p.ID)
	if run["state"] != "failed" || run["failed"].(map[string]any)["name"] != "orders" || !strings.Contains(run["error"].(map[string]any)["message"].(string), "nowhere") {
		t.Errorf("a cell that fails: %v", run)
	}
	if words := s.do("editor", "GET", page+"/runs", nil); !strings.Contains(words.body, "nowhere") || !strings.Contains(words.body, "In the cell orders") {
		t.Errorf("the page says %s", words.body)
	}
	if got := s.do("editor", "GET", "/api/v1/projects/"+p.ID+"/runs/"+run["id"].(string), nil); got.get(t, "state") != "failed" {
		t.Errorf("the API says %s", got.body)
	}
	other := s.project("editor", "Other")
	if got := s.do("editor", "GET", "/api/v1/projects/"+other.ID+"/runs/"+run["id"].(string), nil); got.status != http.StatusNotFound {
		t.Errorf("by way of another project: %d", got.status)
	}

	// The connection is not the project's any more, and the Editor may not see its results.
	refused := store.ProjectRun{ID: "refused", ProjectID: p.ID, Trigger: "schedule", RunBy: s.users["editor"].ID, State: "refused", ConnectionID: c.ID,
		Error: "Running it needs Can query on “Hidden”", Started: time.Now(), Finished: time.Now()}
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.CreateProjectRun(refused) }))
	if !strings.Contains(s.do("editor", "GET", page, nil).body, "“Hidden”") {
		t.Error("who may query a connection is not told that it is the one")
	}
	s.check(s.server.Workspace.StopImport(t.Context(), s.actor("editor"), p.ID, c.ID))
	err = s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanQuery: []string{}, CanViewResults: []string{}})
	s.check(err)
	for _, path := range []string{page, page + "/runs", "/api/v1/projects/" + p.ID + "/runs", "/api/v1/projects/" + p.ID + "/runs/" + run["id"].(string)} {
		if strings.Contains(s.do("editor", "GET", path, nil).body, "nowhere") {
			t.Errorf("%s tells what a source said that may not be seen", path)
		}
		if !strings.Contains(s.do("admin", "GET", path, nil).body, "nowhere") {
			t.Errorf("%s does not tell an Admin", path)
		}
	}
	for _, path := range []string{page, page + "/runs", "/api/v1/projects/" + p.ID + "/runs", "/api/v1/projects/" + p.ID + "/runs/refused"} {
		if body := s.do("editor", "GET", path, nil).body; strings.Contains(body, "Hidden") || !strings.Contains(body, "Access to a connection is missing") {
			t.Errorf("%s names a connection to who may not query it: %s", path, body)
		}
		if !strings.Contains(s.do("admin", "GET", path, nil).body, "Hidden") {
			t.Errorf("%s does not name it to an Admin", path)
		}
	}
}

// What cannot be told is refused at its field with what was typed kept; guests name groups of the project alone; of another
// project's targets nothing is known.
func TestBadProjectTargets(t *testing.T) {
	s := newSite(t)
	p, _, _ := s.scheduled()
	page := "/projects/" + p.ID + "/notifications"
	if a := s.do("editor", "POST", page, url.Values{"kind": {"user"}, "who": {"viewer@example.com"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a person without a mail server answers %d", a.status)
	}
	if s.do("editor", "GET", "/projects/"+p.ID+"/schedule", nil).page(t).Find("#field-who").Length() != 0 {
		t.Error("people are offered without a mail server")
	}
	s.mailServer()
	s.named("stranger", access.RoleEditor)
	for _, bad := range []struct{ kind, input, field, value string }{
		{"webhook", "url", "url", "http://hooks.example.com/"}, {"webhook", "url", "url", "https://me:pw@hooks.example.com/"}, {"webhook", "url", "url", "file:///etc/passwd"},
		{"webhook", "url", "url", "https://hooks.example.com/\r\nX: y"}, {"user", "who", "who", "nobody@example.com"}, {"user", "who", "who", "stranger@example.com"},
		{"user", "who", "who", "viewer@example.com\r\nBcc: x@y"}, {"user", "who", "who", ""}, {"group", "group", "group", "nothing"}, {"group", "group", "group", access.GroupPublic},
		{"carrier pigeon", "url", "to-kind", "https://hooks.example.com/"},
	} {
		a := s.do("editor", "POST", page, url.Values{"kind": {bad.kind}, bad.input: {bad.value}})
		if a.status != http.StatusUnprocessableEntity || a.page(t).Find("#field-"+bad.field+"-error").Length() != 1 {
			t.Errorf("%s %q answers %d", bad.kind, bad.value, a.status)
		}
		if got, _ := a.page(t).Find("#field-" + bad.input).Attr("value"); bad.kind != "group" && strings.ReplaceAll(got, "\r", "") != strings.ReplaceAll(bad.value, "\r", "") {
			t.Errorf("typed %q, kept %q", bad.value, got)
		}
	}
	if a := s.do("editor", "POST", page, url.Values{"kind": {"group"}, "group": {access.GroupMembers}}); a.status != http.StatusSeeOther {
		t.Errorf("a group answers %d", a.status)
	}
	if a := s.do("editor", "POST", page, url.Values{"kind": {"group"}, "group": {access.GroupMembers}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the same group again answers %d", a.status)
	}
	s.check(s.server.Workspace.Share(t.Context(), s.actor("admin"), p.ID, access.Share{To: "user:" + s.users["guest"].ID, Access: access.Full}))
	err := s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), onlyConnection(s), workspace.Permissions{CanQuery: []string{access.GroupMembers, access.GroupGuests}, CanViewResults: []string{access.GroupPublic}})
	s.check(err)
	if a := s.do("guest", "POST", page, url.Values{"kind": {"group"}, "group": {access.GroupMembers}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a guest who names the whole company is answered %d", a.status)
	}
	if names := s.do("guest", "GET", "/projects/"+p.ID+"/schedule", nil).page(t).Find("strong").Text(); strings.Contains(names, "Members") || !strings.Contains(names, "A group") {
		t.Errorf("a guest reads of the groups %s", names)
	}
	added := s.do("editor", "POST", "/api/v1/projects/"+p.ID+"/notifications", `{"kind":"webhook","to":"https://hooks.example.com/T0K3N-canary","failures_only":true}`)
	if added.status != http.StatusCreated || len(added.get(t, "signing_key").(string)) < 20 || strings.Contains(added.body, "canary") {
		t.Errorf("the API answers %d %s", added.status, added.body)
	}
	list := s.do("editor", "GET", "/api/v1/projects/"+p.ID+"/notifications", nil)
	if strings.Contains(list.body, "signing_key") || strings.Contains(list.body, "canary") || !strings.Contains(list.body, `"to":"hooks.example.com"`) {
		t.Errorf("the API lists %s", list.body)
	}
	id, other := added.get(t, "id").(string), s.project("editor", "Other")
	for _, call := range [][2]string{{"POST", "/projects/" + other.ID + "/notifications/" + id + "/test"}, {"POST", "/projects/" + other.ID + "/notifications/" + id + "/remove"},
		{"DELETE", "/api/v1/projects/" + other.ID + "/notifications/" + id}} {
		if a := s.do("editor", call[0], call[1], nil); a.status != http.StatusNotFound {
			t.Errorf("%s by way of another project answers %d", call[1], a.status)
		}
	}
	if a := s.do("editor", "DELETE", "/api/v1/projects/"+p.ID+"/notifications/"+id, nil); a.status != http.StatusNoContent {
		t.Errorf("removing answers %d", a.status)
	}
	if private := s.do("editor", "POST", page, url.Values{"kind": {"webhook"}, "url": {"http://127.0.0.1:9/"}}); private.status != http.StatusOK {
		t.Errorf("a private address answers %d", private.status)
	}
	shown := s.do("editor", "GET", "/projects/"+p.ID+"/schedule", nil)
	test, _ := shown.page(t).Find(`form[action$="/test"]`).Attr("action")
	if a := s.do("editor", "POST", test, nil); a.status != http.StatusOK || !strings.Contains(a.words(t), "may not be reached") {
		t.Errorf("an Editor's webhook at a private address: %d %s", a.status, a.words(t))
	}
	if bytes.Contains(s.logs.Bytes(), []byte("canary")) {
		t.Error("the log holds an address")
	}
}

func onlyConnection(s *site) string {
	s.t.Helper()
	all, err := s.server.Store.Connections(s.t.Context())
	s.check(err)
	return all[0].ID
}

// A schedule whose owner may not run the project any more says so, with the reason, until someone who may saves it.
func TestRefusedScheduleIsSaid(t *testing.T) {
	s := newSite(t)
	p, _, _ := s.scheduled()
	page := "/projects/" + p.ID + "/schedule"
	save := url.Values{"schedule_kind": {"daily"}, "schedule_at": {"07:30"}, "schedule_time_zone": {"UTC"}}
	if a := s.do("editor", "POST", page, save); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d", a.status)
	}
	run := store.ProjectRun{ID: "r", ProjectID: p.ID, Trigger: "schedule", RunBy: s.users["editor"].ID, State: "running", Started: time.Now()}
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.CreateProjectRun(run) }))
	fence, err := s.server.Store.Acquire(t.Context(), "project:"+p.ID, "other", time.Minute)
	s.check(err)
	run.State, run.Error, run.Finished = "refused", "The account is disabled", time.Now()
	s.check(s.server.Store.FinishProjectRun(t.Context(), fence, run, nil))
	s.check(s.server.Store.Release(t.Context(), fence))
	if words := s.do("admin", "GET", page, nil).words(t); !strings.Contains(words, "It does not run: editor may not run it since just now The account is disabled. Whoever may run it") {
		t.Errorf("the page says %s", words)
	}
	if a := s.api(s.token("admin", access.ScopeRead), "GET", "/api/v1/projects/"+p.ID+"/schedule", ""); a.get(t, "refused_since") == nil {
		t.Errorf("the API says %s", a.body)
	}
	if a := s.do("admin", "POST", page, save); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d", a.status)
	}
	if words := s.do("admin", "GET", page, nil).words(t); strings.Contains(words, "It does not run") || !strings.Contains(words, "It runs as you") {
		t.Errorf("saved again, the page says %s", words)
	}
}
