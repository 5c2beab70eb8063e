package handlers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/workspace"
)

// An Admin adds a webhook, sees its key once and its address never again, tests it, and a refresh that finds something tells it.
func TestWebhookOfAConnection(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	var heard []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard = append(heard, string(body))
	}))
	defer receiver.Close()
	c := s.connect("Shop", workspace.ConnectionInput{})
	page := "/settings/connections/" + c.ID + "/notifications"
	hook := url.Values{"kind": {"webhook"}, "address": {receiver.URL + "/T0K3N-canary"}, "events": {"schema_changed"}}
	a := s.do("admin", "POST", page, hook)
	key := strings.TrimSpace(a.page(t).Find(".banner .mono").Text())
	if a.status != http.StatusOK || len(key) < 20 {
		t.Fatalf("adding answers %d, key %q", a.status, key)
	}
	shown := s.do("admin", "GET", page, nil)
	if strings.Contains(shown.body, key) || strings.Contains(shown.body, "canary") || !strings.Contains(shown.body, strings.TrimPrefix(receiver.URL, "http://")) {
		t.Error("the page shows the key or the address again, or not the host")
	}
	test, _ := shown.page(t).Find(`form[action$="/test"]`).Attr("action")
	if a := s.do("admin", "POST", test, nil); a.status != http.StatusOK || len(heard) != 1 || !strings.Contains(heard[0], "This is a test") {
		t.Errorf("the test answers %d, heard %q", a.status, heard)
	}
	s.alter("create table returns (id integer)")
	run, err := s.server.Workspace.StartRefresh(t.Context(), s.actor("admin"), c.ID, "manual")
	s.check(err)
	s.check(s.server.Refresh.Wait(t.Context(), run.ID))
	s.server.Workspace.Notify.SendDue(t.Context())
	if len(heard) != 2 || !strings.Contains(heard[1], "returns") || !strings.Contains(heard[1], "1 added") {
		t.Fatalf("heard %q", heard)
	}
	list := s.do("admin", "GET", page, nil).body
	if !strings.Contains(list, "Delivered") || !strings.Contains(list, "/refreshes/"+run.ID) {
		t.Error("the delivery is not listed")
	}
	for path, want := range map[string]string{"/refreshes": "1 added", "/refreshes?state=failed": "No refresh is like that", "/refreshes?changed=true&trigger=manual": "1 added",
		"/refreshes/" + run.ID: "returns", "/refreshes/" + run.ID + "?q=RETURN": "returns", "/refreshes/" + run.ID + "?q=%3Cscript%3E": "&lt;script&gt;"} {
		if a := s.do("admin", "GET", "/settings/connections/"+c.ID+path, nil); a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s answers %d without %q", path, a.status, want)
		}
	}
	if a := s.do("admin", "GET", "/settings/connections/"+c.ID+"/refreshes?state=%27", nil); a.status != http.StatusBadRequest {
		t.Errorf("a state that is none answers %d", a.status)
	}
	remove, _ := shown.page(t).Find(`form[action$="/remove"]`).Attr("action")
	if a := s.do("admin", "POST", remove, nil); a.status != http.StatusSeeOther {
		t.Errorf("removing answers %d", a.status)
	}
	if strings.Contains(s.logs.String(), "canary") {
		t.Error("the log holds the address")
	}
}

// What cannot be told is refused at the field, with what was typed kept; of another connection's webhook nothing is known.
func TestBadNotificationTargets(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c, other := s.connect("Shop", workspace.ConnectionInput{}), s.connect("Other", workspace.ConnectionInput{})
	page := "/settings/connections/" + c.ID + "/notifications"
	for name, form := range map[string]url.Values{
		"address": {"kind": {"webhook"}, "address": {"http://hooks.example.com/"}, "events": {"schema_changed"}},
		"events":  {"kind": {"webhook"}, "address": {"https://hooks.example.com/"}, "events": {"schema_changed", "drop"}},
		"kind":    {"kind": {"email"}, "address": {"data@example.com"}, "events": {"schema_changed"}}, // no mail server
	} {
		a := s.do("admin", "POST", page, form)
		if a.status != http.StatusUnprocessableEntity || a.page(t).Find("#field-"+name+"-error").Length() != 1 {
			t.Errorf("bad %s answers %d", name, a.status)
		}
		if got, _ := a.page(t).Find("#field-address").Attr("value"); got != form.Get("address") {
			t.Errorf("bad %s: typed %q, kept %q", name, form.Get("address"), got)
		}
	}
	_, err := s.server.Workspace.AddTarget(t.Context(), s.actor("admin"), c.ID, workspace.TargetInput{Kind: "webhook", Address: "https://hooks.example.com/", Events: []string{"schema_changed"}})
	s.check(err)
	test, _ := s.do("admin", "GET", page, nil).page(t).Find(`form[action$="/test"]`).Attr("action")
	for _, act := range []string{test, strings.Replace(test, "/test", "/remove", 1)} {
		if a := s.do("admin", "POST", strings.Replace(act, c.ID, other.ID, 1), nil); a.status != http.StatusNotFound {
			t.Errorf("%s by way of another connection answers %d", act, a.status)
		}
	}
}
