package handlers

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// wide is a statement whose rows are far more than what a network keeps on its way.
const wide = "with recursive n(x) as (select 1 union all select x + 1 from n where x < 40000) select x, printf('%.1000c', 'x') as filler from n"

// wideBytes is less than the rows of wide in any format, and more than what is on its way to a reader that has stopped.
const wideBytes = 32 << 20

// A stalled reader has begun to read an answer and waits.
type stalled struct {
	body io.ReadCloser
	door string
}

// stall begins to read an answer and stops, as a browser on a bad line does.
func (s *site) stall(door string, header http.Header, cookies http.CookieJar, method, path, body string) stalled {
	s.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(256 << 10)
		}
		return c, err
	}}
	s.t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, strings.NewReader(body))
	s.check(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, header)
	resp, err := (&http.Client{Transport: transport, Jar: cookies}).Do(r)
	s.check(err)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s answers %d", door, resp.StatusCode)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		s.t.Fatalf("%s: %v", door, err)
	}
	return stalled{resp.Body, door}
}

// rest reads on to the end, and says whether it came.
func (r stalled) rest() (n int64, whole bool) {
	n, err := io.Copy(io.Discard, r.body)
	return n, err == nil
}

// The audit log on its way ends with the session, and whoever was an Admin gets no more of it.
func TestExportOfTheAuditLogEndsWithTheRole(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.named("second", access.RoleAdmin)
	for range 700 {
		s.noted(store.AuditEntry{Who: s.actor("admin"), Action: "query.run", ObjectName: strings.Repeat("x", 60_000)})
	}
	export := s.stall("the audit log", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, s.clients["second"].Jar, "POST", "/settings/audit/export", "format=csv")
	_, err := s.server.Workspace.UpdateUser(t.Context(), s.actor("admin"), s.users["second"].ID, workspace.UserChange{Role: ptr(access.RoleManager)})
	s.check(err)
	time.Sleep(time.Second)
	if n, whole := export.rest(); whole || n > wideBytes {
		t.Errorf("the export goes on for %d bytes, to its end: %t", n, whole)
	}
}

// A download by the API is an export, which the audit log keeps; reading a result as JSON is none (P52).
func TestExportsByTheAPIAreAudited(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("admin", "Revenue")
	s.check(s.server.Workspace.Import(t.Context(), s.actor("admin"), p.ID, c.ID))
	cell := s.sqlCell("admin", p.ID, c.ID, "select * from orders")
	s.ran("admin", cell)
	token := s.token("admin", access.ScopeRead)
	for format, want := range map[string]int{formatJSON: 0, formatCSV: 1, formatArrow: 1} {
		a := s.send(client(), "GET", "/api/v1/projects/"+p.ID+"/cells/"+cell.ID+"/result", nil, http.Header{"Authorization": {"Bearer " + token}, "Accept": {format}})
		rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Action: "result.export", Text: a.header.Get("X-Request-Id"), Limit: 5})
		s.check(err)
		if a.status != http.StatusOK || len(rows) != want {
			t.Errorf("%s answers %d and keeps %v, want %d", format, a.status, rows, want)
		}
	}
}

// Rows on their way to someone end within a second of whatever takes the right to them away, by every door, and even where their
// reader has stopped reading: nobody takes the part for the whole, and nothing is held for a reader who may not read on (P44).
func TestRowsOnTheirWayEndWithTheirRight(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	w, admin := s.server.Workspace, s.actor("admin")
	for cause, end := range map[string]func(editor store.User, token string, c store.Connection, p store.Project) error{
		"sessions and token end": func(editor store.User, token string, _ store.Connection, _ store.Project) error {
			if err := w.EndSessions(t.Context(), admin, editor.ID); err != nil {
				return err
			}
			return w.RevokeToken(t.Context(), admin, editor.ID, token)
		},
		"disabled": func(editor store.User, _ string, _ store.Connection, _ store.Project) error {
			_, err := w.UpdateUser(t.Context(), admin, editor.ID, workspace.UserChange{Disabled: ptr(true)})
			return err
		},
		"Can view results taken away": func(_ store.User, _ string, c store.Connection, _ store.Project) error {
			return w.SetPermissions(t.Context(), admin, c.ID, workspace.Permissions{})
		},
		"share taken back": func(_ store.User, _ string, _ store.Connection, p store.Project) error {
			return w.SetShares(t.Context(), admin, p.ID, p.Shares)
		},
		"connection deleted": func(_ store.User, _ string, c store.Connection, _ store.Project) error {
			return w.DeleteConnection(t.Context(), admin, c.ID, c.Name)
		},
	} {
		name := strings.ReplaceAll(cause, " ", "-")
		s.named(name, access.RoleEditor)
		editor := s.users[name]
		c := s.connect(cause, workspace.ConnectionInput{})
		p := s.project("admin", cause, access.Share{To: "user:" + editor.ID, Access: access.Edit})
		s.check(w.Import(t.Context(), admin, p.ID, c.ID))
		cell := s.sqlCell("admin", p.ID, c.ID, wide)
		if a := s.ran("admin", cell); a.status != http.StatusOK || len(a.body) < wideBytes {
			t.Fatalf("the cell answers %d with %d bytes", a.status, len(a.body))
		}
		plain, token, err := s.server.Auth.CreateAPIToken(t.Context(), s.actor(name), editor.ID, "x", access.ScopeWrite, time.Now().Add(time.Hour))
		s.check(err)
		bearer := func(accept string) http.Header {
			return http.Header{"Authorization": {"Bearer " + plain}, "Accept": {accept}}
		}
		result := "/api/v1/projects/" + p.ID + "/cells/" + cell.ID + "/result"
		download := "/projects/" + p.ID + "/cells/" + cell.ID + "/csv"
		query := `{"connection_id":"` + c.ID + `","project_id":"` + p.ID + `","sql":"` + wide + `"}`
		readers := []stalled{
			s.stall("the download of a cell", nil, s.clients[name].Jar, "GET", download, ""),
			s.stall("a result as JSON", bearer(formatJSON), nil, "GET", result, ""),
			s.stall("a result as CSV", bearer(formatCSV), nil, "GET", result, ""),
			s.stall("a result as Arrow", bearer(formatArrow), nil, "GET", result, ""),
			s.stall("a query", bearer(formatCSV), nil, "POST", "/api/v1/query", query),
		}
		goesOn := s.stall("an Admin's download", nil, s.clients["admin"].Jar, "GET", download, "")
		time.Sleep(100 * time.Millisecond)
		s.check(end(editor, token.ID, c, p))
		time.Sleep(time.Second)
		for _, r := range readers {
			if n, whole := r.rest(); whole || n > wideBytes {
				t.Errorf("%s: %s goes on for %d bytes, to its end: %t", cause, r.door, n, whole)
			}
		}
		if n, whole := goesOn.rest(); (!whole || n < wideBytes) && cause != "connection deleted" {
			t.Errorf("%s: the download of someone who may broke off after %d bytes", cause, n)
		}
	}
}
