package handlers

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// noted keeps one row in the log.
func (s *site) noted(e store.AuditEntry) {
	s.t.Helper()
	s.check(s.server.Store.Audit(s.t.Context(), e))
}

// Each filter narrows the page and the API alike, and they add up.
func TestAuditFilters(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.noted(store.AuditEntry{Who: access.Actor{UserID: "u1", Email: "mira@example.com", IP: "192.0.2.7", RequestID: "r-77"}, Action: "query.run",
		ObjectType: "connection", ObjectID: "c1", ObjectName: "Shop_100%", Outcome: "failed", Detail: map[string]any{"hash": "abc123"}})
	s.noted(store.AuditEntry{Who: access.Actor{UserID: "u2", Email: "noa@example.com"}, Action: "query.run", ObjectType: "connection", ObjectID: "c2", ObjectName: "ShopX100Y"})
	today := time.Now().UTC().Format(time.DateOnly)
	for filter, want := range map[string]int{
		"actor=u1": 1, "action=query.run": 2, "object_type=connection&object_id=c1": 1, "object_id=c2": 1, "outcome=failed": 1,
		"q=SHOP_100%25": 1, "q=abc123": 1, "q=192.0.2.7": 1, "q=r-77": 1, "q=nothing+such": 0, "q=!": 0, "q='%20or%201=1--": 0,
		"action=query.run&from=" + today + "&to=" + today: 2, "action=query.run&to=2020-01-01": 0, "from=2999-01-01T00:00:00Z": 0,
		"action=query.run&actor=u2&outcome=ok": 1, "action=query.run&actor=u2&outcome=refused": 0,
	} {
		a := s.do("admin", "GET", "/api/v1/audit?"+filter, nil)
		if items, _ := a.get(t, "items").([]any); a.status != http.StatusOK || len(items) != want {
			t.Errorf("the API with %s answers %d with %d rows, want %d", filter, a.status, len(items), want)
		}
		if n := s.do("admin", "GET", "/settings/audit?"+filter, nil).page(t).Find("tbody details").Length(); n != want {
			t.Errorf("the page with %s shows %d rows, want %d", filter, n, want)
		}
	}
	for _, bad := range []string{"outcome=maybe", "from=yesterday", "to=2026-13-01", "cursor=x", "cursor=-1", "cursor=9999999999999999999", "q=%00", "q=" + strings.Repeat("x", 501)} {
		if a := s.do("admin", "GET", "/api/v1/audit?"+bad, nil); a.status != http.StatusBadRequest {
			t.Errorf("the API with %.30s answers %d", bad, a.status)
		}
		if a := s.do("admin", "GET", "/settings/audit?"+bad, nil); a.status != http.StatusUnprocessableEntity {
			t.Errorf("the page with %.30s answers %d", bad, a.status)
		}
	}
}

// Rows that come while someone pages neither repeat rows nor leave any out.
func TestAuditPagesByCursor(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	for i := range 120 {
		s.noted(store.AuditEntry{Action: "query.run", ObjectType: "connection", ObjectID: fmt.Sprint(i)})
	}
	seen, path := map[string]bool{}, "/settings/audit?action=query.run"
	for path != "" {
		doc := s.do("admin", "GET", path, nil).page(t)
		for _, row := range doc.Find("summary").EachIter() {
			if seen[row.Text()] {
				t.Errorf("%s is shown twice", row.Text())
			}
			seen[row.Text()] = true
		}
		s.noted(store.AuditEntry{Action: "query.run", ObjectType: "connection", ObjectID: "new"})
		path, _ = doc.Find("nav.pages a").Attr("href")
	}
	if len(seen) != 120 {
		t.Errorf("%d rows were shown", len(seen))
	}
}

// The export has the rows of the filter and no others, is safe to open in a spreadsheet, and is itself kept in the log, once.
func TestAuditExport(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	hostile := "=cmd|' /C calc'!A0\n{\"level\":\"ERROR\"}"
	for range 1500 { // more than one read of the store
		s.noted(store.AuditEntry{Action: "query.run", ObjectType: "connection", ObjectID: "c", ObjectName: hostile})
	}
	a := s.do("admin", "POST", "/settings/audit/export", url.Values{"format": {"csv"}, "object_id": {"c"}})
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	s.check(err)
	if len(rows) != 1501 || rows[1][7] != "'"+hostile || !strings.Contains(a.header.Get("Content-Disposition"), ".csv") {
		t.Errorf("the CSV has %d lines, the first %q", len(rows), rows[1])
	}
	a = s.do("admin", "POST", "/settings/audit/export", url.Values{"format": {"jsonl"}, "q": {"=CMD"}})
	lines := strings.Split(strings.TrimSpace(a.body), "\n")
	var first apiAuditRow
	if err := json.Unmarshal([]byte(lines[0]), &struct {
		*apiAuditRow
		Detail any `json:"detail"`
	}{apiAuditRow: &first}); err != nil || len(lines) != 1501 { // the export's own row names what it looked for
		t.Errorf("%d JSON lines, %v", len(lines), err)
	}
	if a := s.do("admin", "POST", "/settings/audit/export", url.Values{"format": {"xlsx"}}); a.status != http.StatusBadRequest {
		t.Errorf("an unknown format answers %d", a.status)
	}
	kept, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Action: "audit.export", Limit: 10})
	s.check(err)
	if len(kept) != 2 || !strings.Contains(kept[1].Detail, `"object_id":"c"`) {
		t.Errorf("the log holds %d exports", len(kept))
	}
}

// Verify now runs, and says that the log is whole.
func TestVerifyNow(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	if a := s.do("admin", "POST", "/settings/audit/verify", url.Values{}); a.status != http.StatusSeeOther {
		t.Fatalf("it answers %d", a.status)
	}
	_, head, err := s.server.Store.AuditHead(t.Context())
	s.check(err)
	for range 500 {
		page := s.do("admin", "GET", "/settings/audit/chain", nil).body
		if strings.Contains(page, "Whole") {
			if !strings.Contains(page, fmt.Sprintf("%x", head)) {
				t.Error("the head hash is not shown")
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the check did not end")
}

// Whatever people call things, a row of the log is one row, a line of the server's log is one line, and the page shows text (P53).
func TestNamesForgeNoLogs(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	evil := "x\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\r\n\x1b[31m<script>alert(1)</script>\u2028"
	before, _, err := s.server.Store.AuditHead(t.Context())
	s.check(err)
	for _, name := range []string{evil, strings.ReplaceAll(evil, "\n", "\\n")} {
		_, _ = s.server.Workspace.CreateProject(t.Context(), s.actor("admin"), name)
		_, _ = s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), name)
		_, _ = s.server.Workspace.CreateUser(t.Context(), s.actor("admin"), workspace.UserInput{Email: name, Name: name, Role: access.RoleViewer})
		_ = s.do("", "POST", "/sign-in", url.Values{"email": {name}, "password": {name}})
		_ = s.do("admin", "GET", "/projects/"+url.PathEscape(name), nil)
		s.noted(store.AuditEntry{Who: access.Actor{Email: name}, Action: "query.run", ObjectName: name, Detail: map[string]any{"name": name}})
	}
	s.server.Log.Error("a message", "name", evil)
	after, _, err := s.server.Store.VerifyAudit(t.Context())
	s.check(err)
	if after <= before {
		t.Fatal("nothing was kept")
	}
	for _, line := range strings.Split(strings.TrimSpace(s.logs.String()), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == "forged" || strings.Contains(line, "\x1b") {
			t.Errorf("the log has the line %q", line)
		}
	}
	page := s.do("admin", "GET", "/settings/audit", nil)
	if strings.Contains(page.body, "<script>alert") {
		t.Error("a name is markup on the page")
	}
	a := s.do("admin", "POST", "/settings/audit/export", url.Values{"format": {"jsonl"}})
	for _, line := range strings.Split(strings.TrimSpace(a.body), "\n") {
		if !json.Valid([]byte(line)) || !strings.Contains(line, `"seq"`) {
			t.Errorf("the export has the line %q", line)
		}
	}
}
