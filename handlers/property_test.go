package handlers

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

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
	open   map[access.Role]*running
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

// told is what Explain access says of someone, and whether what it is asked about is there.
func (d *drawnSite) told(name, about string) (answer, bool) {
	a := d.do("admin", "GET", "/api/v1/access?user="+d.users[name].ID+"&"+about, nil)
	if a.status != http.StatusOK && a.status != http.StatusNotFound {
		d.t.Fatalf("explaining %s answers %d %s", about, a.status, a.body)
	}
	exists := a.status == http.StatusOK
	if about == "connection="+d.c.ID && exists == (d.gone && !d.shared) {
		d.t.Fatalf("the connection is there: %t; its project is gone: %t, it was shared: %t", exists, d.gone, d.shared)
	}
	return a, exists
}

// allows reads a permission on a connection out of an explanation.
func allows(t *testing.T, explained answer, permission string) bool {
	t.Helper()
	allowed, _ := explained.get(t, "allowed").(map[string]any)
	return allowed[permission] == true
}

// level is what Explain access says of someone and a project.
func (d *drawnSite) level(name string, p store.Project) (answer, access.Level) {
	in, there := d.told(name, "project="+p.ID)
	if there == (d.gone && p.ID == d.p.ID) {
		d.t.Fatalf("the project is there: %t", there)
	}
	if !there {
		return in, access.None
	}
	word, _ := in.get(d.site.t, "access").(string)
	level, _ := access.ParseLevel(word)
	return in, level
}

// running are the query on the connection and the stream of the project that someone has open; nil: none.
type running struct {
	query  <-chan answer
	cancel context.CancelFunc
	stream *follower
}

// await ends in time what Explain access says no to, wants the rest to go on, and begins what it says yes to.
func (d *drawnSite) await() {
	limit := time.After(inTime)
	for _, role := range access.Roles {
		name, r := string(role), d.open[role]
		if r == nil {
			r = &running{}
			d.open[role] = r
		}
		on, exists := d.told(name, "connection="+d.c.ID)
		queries := exists && allows(d.site.t, on, "can_query")
		_, level := d.level(name, d.p)
		if d.endedInTime(name+"'s query", r.query != nil, queries, limit, func(stop <-chan time.Time) bool { return hasEnded(r.query, stop) }) {
			r.cancel()
			r.query = nil
		}
		if d.endedInTime(name+"'s stream", r.stream != nil, level > access.None, limit, func(stop <-chan time.Time) bool { return hasEnded(r.stream.levels, stop) }) {
			r.stream = nil
		}
		if queries && r.query == nil {
			r.query, r.cancel = d.waits(name)
		}
		if level > access.None && r.stream == nil {
			r.stream = d.follow(name, "/projects/"+d.p.ID)
		}
	}
}

// endedInTime says whether something that was open has ended, and wants it to have where it is not allowed any more, and only then.
func (d *drawnSite) endedInTime(what string, open, allowed bool, limit <-chan time.Time, over func(<-chan time.Time) bool) bool {
	if !open {
		return false
	}
	at := limit
	if allowed {
		at = time.After(0)
	}
	done := over(at)
	if done == allowed {
		d.t.Fatalf("%s has ended: %t; Explain access allows it: %t", what, done, allowed)
	}
	return done
}

// hasEnded reads a channel until it ends - an answer, the level none, or its closing - or until stop.
func hasEnded[T any](from <-chan T, stop <-chan time.Time) bool {
	for {
		select {
		case got, open := <-from:
			if level, ok := any(got).(string); !ok || !open || level == access.None.String() {
				return true
			}
		case <-stop:
			return false
		}
	}
}

// waits begins a query of someone's that runs until it is cancelled.
func (d *drawnSite) waits(name string) (<-chan answer, context.CancelFunc) {
	ctx, cancel := context.WithCancel(d.site.t.Context())
	over := make(chan answer, 1)
	twin := client()
	maps.Copy(twin.Jar.(jar), d.clients[name].Jar.(jar))
	r, err := http.NewRequestWithContext(ctx, "POST", d.http.URL+"/api/v1/query", strings.NewReader(`{"connection_id":"`+d.c.ID+`","sql":"`+wait+`"}`))
	d.check(err)
	r.Header.Set("Content-Type", "application/json")
	go func() {
		a := answer{}
		if resp, err := twin.Do(r); err == nil {
			a.status = resp.StatusCode
			_ = resp.Body.Close()
		}
		over <- a
	}()
	select {
	case <-d.waiting:
	case a := <-over:
		d.t.Fatalf("%s's query answers %d at once", name, a.status)
	}
	return over, cancel
}

// close ends what is open still.
func (d *drawnSite) close() {
	for _, r := range d.open {
		if r.query != nil {
			r.cancel()
			<-r.query
		}
		if r.stream != nil {
			r.stream.stop()
		}
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
	on, exists := d.told(name, "connection="+d.c.ID)
	may := func(permission string) bool { return exists && allows(d.site.t, on, permission) }
	if may("can_query") != meets("POST", "/api/v1/query", `{"connection_id":"`+d.c.ID+`","sql":"select 1"}`) || may("can_query") != meets("GET", "/api/v1/connections/"+d.c.ID, "") {
		d.t.Errorf("%s is told %s, and meets something else", name, on.body)
	}
	for _, p := range []store.Project{d.p, d.q} {
		in, level := d.level(name, p)
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
// people meet what Explain access tells of them, on the next request. What they have open ends in time exactly when it tells them no;
// looking at that takes its time, so that only the first histories do.
func TestExplanationsAreWhatPeopleMeet(t *testing.T) {
	s := newSite(t)
	for _, role := range access.Roles {
		s.person(role)
	}
	g, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "Drawn")
	s.check(err)
	histories := 0
	rapid.Check(t, func(t *rapid.T) {
		d := &drawnSite{site: s, t: t, group: g.ID, open: map[access.Role]*running{}}
		defer d.close()
		histories++
		d.draw()
		watched := histories <= 15
		if watched {
			d.await()
		}
		for range rapid.IntRange(0, 5).Draw(t, "acts") {
			d.act()
			if watched {
				d.await()
			}
		}
		for _, role := range access.Roles {
			d.agree(string(role))
		}
	})
}
