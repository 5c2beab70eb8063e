package handlers

import (
	"net/http"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// What the screens say reads as sentences: no word runs into the next, nothing is said twice, nothing is said in the API's terms.
func TestWordsOfScreens(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleViewer)
	c := s.connect("Shop", workspace.ConnectionInput{})
	draft, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Half", Type: "postgres", Draft: true})
	s.check(err)
	runs, err := s.server.Store.Runs(t.Context(), c.ID, 1, "")
	s.check(err)
	base := "/settings/connections/" + c.ID

	seen := map[string]bool{}
	for _, link := range s.do("admin", "GET", "/projects", nil).page(t).Find(".sidebar-nav .nav-link").EachIter() {
		if label := strings.TrimSpace(link.Text()); seen[label] {
			t.Errorf("the sidebar has %q twice", label)
		} else {
			seen[label] = true
		}
	}
	if len(seen) < 9 {
		t.Errorf("the sidebar of an Admin has only %d entries", len(seen))
	}
	run := strings.Join(strings.Fields(s.do("admin", "GET", base+"/refreshes/"+runs[0].ID, nil).page(t).Find("main").Text()), " ")
	if !strings.Contains(run, "Started after creation just now and took ") {
		t.Errorf("the page of a refresh says %s", run)
	}
	if words := s.do("admin", "GET", base+"/activity", nil).words(t); !strings.Contains(words, "Created a connection Done") {
		t.Errorf("the activity says %s", words)
	}
	if row := s.do("admin", "GET", "/settings/connections", nil).page(t).Find("#row-" + draft.ID).Text(); strings.Contains(row, "5432") || !strings.Contains(row, "PostgreSQL") {
		t.Errorf("a draft without a host is %s", row)
	}

	refused := s.do("viewer", "GET", "/settings/people", nil)
	if words := refused.words(t); refused.status != http.StatusForbidden || strings.Count(words, "Only an Admin may do this") != 1 {
		t.Errorf("a refusal is %d %s", refused.status, words)
	}
	missing := s.do("viewer", "GET", "/projects/nothing", nil)
	if words := missing.words(t); missing.status != http.StatusNotFound || !strings.Contains(words, "Check the address") {
		t.Errorf("what is not there is %d %s", missing.status, words)
	}
}

// The banner of a source that fails says which, why, since when, and what still works.
func TestBannerOfFailingSource(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	at := s.server.Workspace.Now()
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error {
		return tx.SetReach(c.ID, store.ReachUnreachable, "refused", "Nothing answers", at)
	}))
	words := s.do("admin", "GET", "/settings/connections", nil).words(t)
	if want := "Shop · Unreachable Nothing answers · since just now What you can browse is the catalog as it was read just now View details"; !strings.Contains(words, want) {
		t.Errorf("the banner is not %q: %s", want, words)
	}
}
