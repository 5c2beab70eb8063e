package handlers

import (
	"net/http"
	"testing"

	"pgregory.net/rapid"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
	"patchbay/workspace"
)

// A drawnSite has a project with a connection of its own, a second project, and a group, all of which acts change at random.
type drawnSite struct {
	*site
	t      *rapid.T
	group  string
	c      store.Connection
	p, q   store.Project
	cell   store.Cell
	shared bool // with the workspace
	used   bool // by its project
	gone   bool // the project
}

// draw makes the objects anew.
func (d *drawnSite) draw() {
	w, ctx, admin := d.server.Workspace, d.site.t.Context(), d.actor("admin")
	d.shared, d.used, d.gone = false, true, false
	d.p, d.q = d.project("admin", "P", access.Share{To: "workspace", Access: access.Edit}), d.project("admin", "Q", access.Share{To: "workspace", Access: access.Edit})
	c, err := w.CreateConnection(ctx, admin, workspace.ConnectionInput{Name: "C" + newRequestID(), Type: "sqlite", ProjectID: d.p.ID, Values: connectors.Values{"file": "shop.db"}})
	d.check(err)
	d.c = c
	d.cell = d.sqlCell("admin", d.p.ID, d.c.ID, "select 1")
	if a := d.ran("admin", d.cell); a.status != http.StatusOK {
		d.t.Fatalf("the cell answers %d %s", a.status, a.body)
	}
}

// act is one change, by an Admin, of what decides.
func (d *drawnSite) act() {
	w, ctx, admin := d.server.Workspace, d.site.t.Context(), d.actor("admin")
	groups := func(label string, from ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, len(from), rapid.ID[string]).Draw(d.t, label)
	}
	switch kind := rapid.SampledFrom([]string{"share", "permissions", "shares", "member", "delete", "import", "stop"}).Draw(d.t, "act"); {
	case d.gone && !d.shared:
	case kind == "share" && !d.shared:
		d.check(w.ShareConnection(ctx, admin, d.c.ID, "", ""))
		d.shared = true
	case kind == "permissions" && d.shared:
		d.check(w.SetPermissions(ctx, admin, d.c.ID, workspace.Permissions{CanQuery: groups("query", access.GroupMembers, access.GroupGuests, d.group),
			CanViewResults: groups("results", access.GroupMembers, access.GroupPublic, d.group)}))
	case kind == "shares" && !d.gone:
		var shares []access.Share
		for _, to := range groups("shares", "workspace", "group:"+d.group, "user:"+d.users["guest"].ID, "user:"+d.users["manager"].ID) {
			shares = append(shares, access.Share{To: to, Access: access.Level(rapid.IntRange(1, 4).Draw(d.t, "level"))})
		}
		d.check(w.SetShares(ctx, admin, d.p.ID, shares))
	case kind == "member":
		who := rapid.SampledFrom([]string{"manager", "editor", "explorer", "viewer", "guest"}).Draw(d.t, "who")
		d.check(w.SetMember(ctx, admin, d.group, d.users[who].ID, rapid.Bool().Draw(d.t, "in")))
	case kind == "delete" && !d.gone:
		d.check(w.DeleteProject(ctx, admin, d.p.ID))
		d.gone = true
	case kind == "import" && d.shared:
		d.check(w.Import(ctx, admin, d.q.ID, d.c.ID))
	case kind == "stop" && d.shared && d.used && !d.gone:
		d.check(w.StopImport(ctx, admin, d.p.ID, d.c.ID))
		d.used = false
	}
}

// agree compares what Explain access tells of someone with what they meet.
func (d *drawnSite) agree(name string) {
	meets := func(method, path, body string) bool {
		a := d.do(name, method, path, body)
		if a.status >= http.StatusInternalServerError {
			d.t.Errorf("%s %s as %s answers %d %s", method, path, name, a.status, a.body)
		}
		return a.status < http.StatusBadRequest
	}
	told := func(about string) (answer, bool) {
		a := d.do("admin", "GET", "/api/v1/access?user="+d.users[name].ID+"&"+about, nil)
		if a.status != http.StatusOK && a.status != http.StatusNotFound {
			d.t.Fatalf("explaining %s answers %d %s", about, a.status, a.body)
		}
		return a, a.status == http.StatusOK
	}
	on, exists := told("connection=" + d.c.ID)
	if exists == (d.gone && !d.shared) {
		d.t.Fatalf("the connection is there: %t; its project is gone: %t, it was shared: %t", exists, d.gone, d.shared)
	}
	may := func(permission string) bool {
		if !exists {
			return false
		}
		allowed, _ := on.get(d.site.t, "allowed").(map[string]any)
		return allowed[permission] == true
	}
	if may("can_query") != meets("POST", "/api/v1/query", `{"connection_id":"`+d.c.ID+`","sql":"select 1"}`) || may("can_query") != meets("GET", "/api/v1/connections/"+d.c.ID, "") {
		d.t.Errorf("%s is told %s, and meets something else", name, on.body)
	}
	for _, p := range []store.Project{d.p, d.q} {
		in, there := told("project=" + p.ID)
		if there == (d.gone && p.ID == d.p.ID) {
			d.t.Fatalf("the project is there: %t", there)
		}
		level := access.None
		if there {
			word, _ := in.get(d.site.t, "access").(string)
			level, _ = access.ParseLevel(word)
		}
		path := "/api/v1/projects/" + p.ID
		for _, meet := range []struct {
			need               access.Level
			method, path, body string
		}{{access.View, "GET", path, ""}, {access.Edit, "PATCH", path, `{"name":"P"}`}, {access.Full, "GET", path + "/shares", ""}} {
			if (level >= meet.need) != meets(meet.method, meet.path, meet.body) {
				d.t.Errorf("%s is told %s, and %s %s says something else", name, in.body, meet.method, meet.path)
			}
		}
		if p.ID == d.p.ID && (level >= access.View && may("can_view_results")) != meets("GET", path+"/cells/"+d.cell.ID+"/result", "") {
			d.t.Errorf("%s is told %s and %s, and the result says something else", name, in.body, on.body)
		}
	}
}

// Whatever becomes of a project connection - its project goes away, it is shared with the workspace, imported elsewhere, closed -
// people meet what Explain access tells of them, on the next request.
func TestExplanationsAreWhatPeopleMeet(t *testing.T) {
	s := newSite(t)
	for _, role := range access.Roles {
		s.person(role)
	}
	g, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "Drawn")
	s.check(err)
	rapid.Check(t, func(t *rapid.T) {
		d := &drawnSite{site: s, t: t, group: g.ID}
		d.draw()
		for range rapid.IntRange(0, 5).Draw(t, "acts") {
			d.act()
		}
		for _, role := range access.Roles {
			d.agree(string(role))
		}
	})
}
