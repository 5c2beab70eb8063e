package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

const canary = `c4n@ry:/%?#'"\ž`

// postgresForm is a filled form of a PostgreSQL that is not there.
func postgresForm(more url.Values) url.Values {
	form := url.Values{"type": {"postgres"}, "name": {"Warehouse"}, "host": {"db.invalid"}, "port": {"5432"}, "database": {"sales"}, "auth": {"password"},
		"user": {"patchbay"}, "password": {canary}, "tls_mode": {"verify-full"}}
	for k, v := range more {
		form[k] = v
	}
	return form
}

func TestFormKeepsWhatWasTypedAndNeverASecret(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	a := s.do("admin", "POST", "/settings/new-connection", postgresForm(url.Values{"port": {"many"}, "name": {""}}))
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("a bad form answers %d", a.status)
	}
	page := a.page(t)
	for selector, want := range map[string]string{"[name=host]": "db.invalid", "[name=port]": "many", "[name=database]": "sales", "[name=password]": ""} {
		if got := page.Find(selector).AttrOr("value", ""); got != want {
			t.Errorf("%s holds %q, want %q", selector, got, want)
		}
	}
	for _, field := range []string{"#field-port", "#field-name"} {
		if page.Find(field+"[aria-invalid=true]").Length() != 1 || page.Find(field+"-error").Text() == "" {
			t.Errorf("%s does not say what is wrong", field)
		}
	}
	if strings.Contains(a.body, "c4n@ry") {
		t.Error("the secret came back")
	}
}

func TestUnknownInputIsRefusedByName(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	for _, name := range []string{"sslrootcert", "allowAllFiles", "socketFactory", "passfile"} {
		a := s.do("admin", "POST", "/settings/new-connection", postgresForm(url.Values{name: {"/etc/passwd"}}))
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s answers %d", name, a.status)
		}
	}
}

// The saved secret is shown as saved, is in no answer and no log, and goes to no other place without being typed again.
func TestSavedSecrets(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	if a := s.do("admin", "POST", "/settings/new-connection", postgresForm(nil)); a.status != http.StatusSeeOther {
		t.Fatalf("creating answers %d: %s", a.status, a.page(t).Find(".error").Text())
	}
	c := s.only()
	edit := s.do("admin", "GET", "/settings/connections/"+c.ID+"/edit", nil)
	if !strings.Contains(edit.page(t).Find("[data-field=password]").Text(), "Saved") {
		t.Error("the form does not say that the password is saved")
	}
	// Untouched: the box stays as it is.
	before := s.box(c.ID, "password")
	form := postgresForm(url.Values{"password": {""}, "version": {"1"}})
	if a := s.do("admin", "POST", "/settings/connections/"+c.ID, form); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d: %s", a.status, a.page(t).Find(".error").Text())
	}
	if string(s.box(c.ID, "password")) != string(before) {
		t.Error("an untouched form changed the secret")
	}
	// Another destination: the secret is asked for at its field, and nothing is changed or dialled.
	form.Set("host", "elsewhere.invalid")
	form.Set("version", "")
	for _, path := range []string{"/settings/connections/" + c.ID, "/settings/connections/" + c.ID + "/test"} {
		a := s.do("admin", "POST", path, form)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "has changed") {
			t.Errorf("%s to another host answers %d", path, a.status)
		}
	}
	if got := s.only(); got.Config["host"] != "db.invalid" || string(s.box(c.ID, "password")) != string(before) {
		t.Error("a refused change was kept")
	}
	for _, path := range []string{"/settings/connections/" + c.ID, "/settings/connections", "/api/v1/connections/" + c.ID, "/api/v1/connections", "/api/v1/audit", "/settings/connections/" + c.ID + "/activity"} {
		if a := s.do("admin", "GET", path, nil); a.status != http.StatusOK || strings.Contains(a.body, "c4n@ry") {
			t.Errorf("%s answers %d, with the secret: %v", path, a.status, strings.Contains(a.body, "c4n@ry"))
		}
	}
	if strings.Contains(edit.body+s.logs.String(), "c4n@ry") {
		t.Error("the secret is in the edit form or in the log")
	}
}

// only is the only connection there is.
func (s *site) only() store.Connection {
	s.t.Helper()
	all, err := s.server.Store.Connections(s.t.Context())
	s.check(err)
	if len(all) != 1 {
		s.t.Fatalf("there are %d connections", len(all))
	}
	return all[0]
}

func (s *site) box(id, field string) (box []byte) {
	s.t.Helper()
	s.check(s.server.Store.View(s.t.Context(), func(tx *store.Tx) (err error) {
		box, err = tx.SecretBox(id, field)
		return err
	}))
	return box
}

func TestConnectionTestStreamsItsSteps(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	a := s.do("admin", "POST", "/settings/new-connection/test", postgresForm(nil))
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("testing answers %d %s", a.status, a.header.Get("Content-Type"))
	}
	if !strings.Contains(a.body, "Address looked up") || !strings.Contains(a.body, `class="cause"`) || !strings.Contains(a.body, "Not run") {
		t.Errorf("the stream lacks the failed step: %s", a.body)
	}
	if strings.Contains(a.body, "c4n@ry") {
		t.Error("the report holds the secret")
	}
	for range testLimit {
		a = s.do("admin", "POST", "/settings/new-connection/test", postgresForm(nil))
	}
	if a.status != http.StatusTooManyRequests {
		t.Errorf("the test after %d answers %d (P13)", testLimit, a.status)
	}
}

const testLimit = 10

func TestDraftsAreTheAdminsAlone(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	a := s.do("admin", "POST", "/settings/new-connection", url.Values{"type": {"postgres"}, "name": {"Half"}, "draft": {"true"}})
	if a.status != http.StatusSeeOther {
		t.Fatalf("saving a draft answers %d", a.status)
	}
	c := s.only()
	if !c.Draft {
		t.Fatal("it is no draft")
	}
	if a := s.do("editor", "GET", "/api/v1/connections/"+c.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("an Editor finds the draft: %d", a.status)
	}
	query := `{"connection_id":"` + c.ID + `","sql":"select 1"}`
	if a := s.do("admin", "POST", "/api/v1/query", query); a.status == http.StatusOK {
		t.Error("a draft was queried")
	}
}

func TestDeletingAsksForTheName(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("admin", "Revenue")
	s.check(s.server.Workspace.Import(t.Context(), s.actor("admin"), p.ID, c.ID))
	path := "/settings/connections/" + c.ID + "/delete"
	if a := s.do("admin", "GET", path, nil); !strings.Contains(a.page(t).Find("form.form-card").Text(), "Revenue") {
		t.Error("the page does not say which project loses it")
	}
	if a := s.do("admin", "POST", path, url.Values{"confirm": {"shop"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("another name answers %d", a.status)
	}
	if a := s.do("admin", "POST", path, url.Values{"confirm": {"Shop"}}); a.status != http.StatusSeeOther {
		t.Errorf("the name answers %d", a.status)
	}
	if a := s.do("admin", "GET", "/settings/connections/"+c.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("the deleted connection answers %d", a.status)
	}
}

func TestDuplicateLeavesTheSecretsBehind(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.do("admin", "POST", "/settings/new-connection", postgresForm(nil))
	if a := s.do("admin", "POST", "/settings/connections/"+s.only().ID+"/duplicate", nil); a.status != http.StatusSeeOther {
		t.Fatalf("duplicating answers %d", a.status)
	}
	all, err := s.server.Store.Connections(t.Context())
	s.check(err)
	for _, c := range all {
		if c.Name == "Warehouse copy" && (!c.Draft || len(c.SecretsSet) > 0 || c.Config["host"] != "db.invalid") {
			t.Errorf("the duplicate is %+v", c)
		}
	}
	if len(all) != 2 {
		t.Errorf("there are %d connections", len(all))
	}
}

// What a server's answer, or its silence, tells of the network is for Admins; everyone else sees the cause (P15).
func TestOthersSeeTheCauseOfAFailedRefreshAlone(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	if a := s.do("admin", "POST", "/settings/new-connection", postgresForm(url.Values{"host": {"127.0.0.1"}, "port": {"1"}})); a.status != http.StatusSeeOther {
		t.Fatalf("creating answers %d", a.status)
	}
	c := s.only()
	runs, err := s.server.Store.Runs(t.Context(), c.ID, 1, "")
	s.check(err)
	s.check(s.server.Refresh.Wait(t.Context(), runs[0].ID))
	path := "/api/v1/connections/" + c.ID + "/refreshes"
	if a := s.do("admin", "GET", path, nil); !strings.Contains(a.body, "127.0.0.1") {
		t.Errorf("an Admin reads %s", a.body)
	}
	for _, p := range []string{path, path + "/" + runs[0].ID, "/api/v1/connections/" + c.ID} {
		if a := s.do("editor", "GET", p, nil); a.status != http.StatusOK || strings.Contains(a.body, "127.0.0.1") {
			t.Errorf("an Editor reads %d %s", a.status, a.body)
		}
	}
	query := `{"connection_id":"` + c.ID + `","sql":"select 1"}`
	if a := s.do("editor", "POST", "/api/v1/query", query); a.status != http.StatusBadGateway || strings.Contains(a.body, "127.0.0.1") {
		t.Errorf("an Editor's query answers %d %s", a.status, a.body)
	}
}

// What a draft's form holds of schedule and access counts from the moment when it is finished.
func TestFinishedDraftHasItsScheduleAndAccess(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	form := url.Values{"type": {"sqlite"}, "name": {"Shop"}, "draft": {"true"}, "schedule_kind": {"daily"}, "schedule_at": {"04:00"}, "schedule_time_zone": {"UTC"}}
	if a := s.do("admin", "POST", "/settings/new-connection", form); a.status != http.StatusSeeOther {
		t.Fatalf("saving a draft answers %d: %s", a.status, a.page(t).Find(".error").Text())
	}
	c := s.only()
	if !c.NextRefresh.IsZero() {
		t.Errorf("a draft is due at %v", c.NextRefresh)
	}
	form.Del("draft")
	maps.Copy(form, url.Values{"file": {"shop.db"}, "schedule_at": {"05:30"}, "access": {"true"}, "can_query": {"guests"}, "refresh_admins_only": {"true"}})
	if a := s.do("admin", "POST", "/settings/connections/"+c.ID, form); a.status != http.StatusSeeOther {
		t.Fatalf("finishing answers %d: %s", a.status, a.page(t).Find(".error").Text())
	}
	c = s.only()
	if c.Draft || c.Schedule.At != "05:30" || c.NextRefresh.IsZero() || len(c.CanQuery) != 1 || c.CanQuery[0] != "guests" || len(c.CanViewResults) != 0 || !c.RefreshAdminsOnly {
		t.Errorf("finished, it is %+v", c)
	}
}

// An edit that changes what is read is followed by a refresh, one that changes words is not, and a draft that is finished has one.
func TestEditThatChangesWhatIsReadRefreshes(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	token := s.token("admin", access.ScopeAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	edited := func(id, change string, want int) store.Run {
		t.Helper()
		if a := s.api(token, "PATCH", "/api/v1/connections/"+id, change); a.status != http.StatusOK {
			t.Fatalf("%s answers %d: %s", change, a.status, a.body)
		}
		return s.refreshedTimes(id, change, want)
	}
	edited(c.ID, `{"name":"Store","description":"What we sell","allow_writeback":true}`, 1)
	form := url.Values{"type": {"sqlite"}, "name": {"Shop"}, "file": {"shop.db"}}
	if a := s.do("admin", "POST", "/settings/connections/"+c.ID, form); a.status != http.StatusSeeOther {
		t.Fatalf("an untouched form answers %d: %s", a.status, a.page(t).Find(".error").Text())
	}
	s.refreshedTimes(c.ID, "an untouched form", 1)

	shop(t, filepath.Join(s.dir, "files", "other.db"))
	s.check(os.Remove(filepath.Join(s.dir, "files", "shop.db")))
	if run := edited(c.ID, `{"config":{"file":"other.db"}}`, 2); run.State != "succeeded" || run.Trigger != "manual" || run.StartedBy != s.users["admin"].ID {
		t.Errorf("after another file the refresh is %+v", run)
	}

	draft, err := s.server.Workspace.DuplicateConnection(t.Context(), s.actor("admin"), c.ID)
	s.check(err)
	edited(draft.ID, `{"config":{"file":"none.db"}}`, 0)
	if run := edited(draft.ID, `{"config":{"file":"other.db"},"draft":false}`, 1); run.Trigger != "created" {
		t.Errorf("the first refresh of a finished draft is %+v", run)
	}
}

// A secret that is replaced or removed is a reason to refresh, one that stays saved is none.
func TestAnotherSecretRefreshes(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	if a := s.do("admin", "POST", "/settings/new-connection", postgresForm(nil)); a.status != http.StatusSeeOther {
		t.Fatalf("creating answers %d", a.status)
	}
	id := s.only().ID
	s.refreshedTimes(id, "creating", 1)
	for _, change := range []struct {
		form url.Values
		want int
	}{{url.Values{"password": {""}, "description": {"Words"}}, 1}, {url.Values{"password": {"mended"}}, 2}} {
		if a := s.do("admin", "POST", "/settings/connections/"+id, postgresForm(change.form)); a.status != http.StatusSeeOther {
			t.Fatalf("saving %v answers %d: %s", change.form, a.status, a.page(t).Find(".error").Text())
		}
		s.refreshedTimes(id, change.form.Encode(), change.want)
	}
}

// refreshedTimes waits for the last refresh of a connection that has so many.
func (s *site) refreshedTimes(id, after string, want int) (last store.Run) {
	s.t.Helper()
	runs, err := s.server.Store.Runs(s.t.Context(), id, 10, "")
	s.check(err)
	if len(runs) != want {
		s.t.Fatalf("after %s there are %d refreshes, want %d", after, len(runs), want)
	}
	if want == 0 {
		return last
	}
	s.check(s.server.Refresh.Wait(s.t.Context(), runs[0].ID))
	last, err = s.server.Store.Run(s.t.Context(), runs[0].ID)
	s.check(err)
	return last
}
