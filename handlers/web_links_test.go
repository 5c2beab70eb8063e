package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/store"
	"patchbay/workspace"
)

// reported is a project of the Editor's with a text, a result, and a link for visitors.
type reported struct {
	*site
	connection store.Connection
	project    store.Project
	cell       store.Cell
}

const reportSQL = "select id, country, total from orders where 'hidden_marker' <> '' order by id"

func newReport(t *testing.T) *reported {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	r := &reported{site: s, connection: s.connect("Shop", workspace.ConnectionInput{})}
	r.project = s.project("editor", "Confidential")
	s.check(s.server.Workspace.Import(t.Context(), s.actor("editor"), r.project.ID, r.connection.ID))
	r.cell = s.sqlCell("editor", r.project.ID, r.connection.ID, reportSQL)
	s.ran("editor", r.cell)
	if a := s.do("editor", "POST", "/api/v1/projects/"+r.project.ID+"/cells", `{"kind":"text","source":"# Said in **words**"}`); a.status != http.StatusCreated {
		t.Fatalf("adding a text answers %d %s", a.status, a.body)
	}
	return r
}

// link makes a link and returns its path.
func (r *reported) link(days string) string {
	r.t.Helper()
	a := r.do("editor", "POST", "/projects/"+r.project.ID+"/share/links", url.Values{"name": {"Board"}, "days": {days}})
	made := regexp.MustCompile(`/share/[A-Za-z0-9_-]{43}\b`).FindString(a.body)
	if a.status != http.StatusOK || made == "" {
		r.t.Fatalf("making a link answers %d %s", a.status, a.body)
	}
	return made
}

// visit follows a link as somebody unknown.
func (r *reported) visit(path string) answer {
	r.t.Helper()
	return r.send(client(), "GET", path, nil, nil)
}

// A visitor sees texts and kept results, never SQL, and no answer about the link is kept or passed on (P20).
func TestWebLinkShowsStoredResultsOnly(t *testing.T) {
	r := newReport(t)
	link := r.link("30")
	a := r.visit(link)
	if a.status != http.StatusOK || !strings.Contains(a.body, "<strong>words</strong>") || !strings.Contains(a.body, "=cmd") {
		t.Fatalf("the link answers %d %s", a.status, a.body)
	}
	for _, secret := range []string{"hidden_marker", "select", r.connection.ID, "Shop", "editor@example.com", "/projects/", "hx-get", "hx-post", "pb-editor"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("a visitor reads %q", secret)
		}
	}
	for name, want := range map[string]string{"X-Robots-Tag": "noindex", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		for _, path := range []string{link, "/share/wrong", "/share/"} {
			if got := r.visit(path).header.Get(name); got != want {
				t.Errorf("%s of %s is %q", name, path, got)
			}
		}
	}
	if a := r.do("editor", "GET", link, nil); a.status != http.StatusOK || strings.Contains(a.body, "editor@example.com") {
		t.Errorf("someone who is signed in gets %d, and more than a visitor", a.status)
	}
	links, err := r.server.Store.WebLinks(t.Context(), r.project.ID)
	r.check(err)
	if len(links) != 1 || links[0].Used.IsZero() || strings.Contains(string(links[0].Hash), link) {
		t.Errorf("the link is kept as %+v", links)
	}
}

// Pages of rows lead on and back.
func TestWebLinkPages(t *testing.T) {
	r := newReport(t)
	many := r.sqlCell("editor", r.project.ID, r.connection.ID, "with recursive n(x) as (select 1 union all select x + 1 from n where x < 120) select x from n")
	r.ran("editor", many)
	link := r.link("30")
	older, _ := r.visit(link).page(t).Find("#cell-" + many.ID + " .cell-foot a").Attr("href")
	a := r.visit(link + strings.Split(older, "#")[0]).page(t).Find("#cell-" + many.ID)
	if !strings.Contains(a.Text(), "Rows 51 to 100 of 120 rows") || a.Find("td").First().Text() != "51" {
		t.Errorf("the second page is %s", a.Text())
	}
	for _, from := range []string{"-1", "99999999", "x", "9223372036854775807", "120"} {
		if a := r.visit(link + "?cell=" + many.ID + "&from=" + from); a.status != http.StatusOK {
			t.Errorf("from %s answers %d", from, a.status)
		}
	}
}

var requestWords = regexp.MustCompile(`[0-9a-z]{16}`)

// Wrong, revoked, expired, replaced and forbidden look the same.
func TestWebLinkRefusalsAreAlike(t *testing.T) {
	r := newReport(t)
	w, admin, path := r.server.Workspace, r.actor("admin"), "/projects/"+r.project.ID+"/share"
	want := r.visit("/share/" + strings.Repeat("A", 43))
	same := func(what, link string) {
		t.Helper()
		for _, address := range []string{link, link + "/access"} {
			a := r.visit(address)
			if a.status != http.StatusNotFound || requestWords.ReplaceAllString(a.body, "") != requestWords.ReplaceAllString(want.body, "") {
				t.Errorf("%s answers %d %s", what, a.status, a.body)
			}
		}
	}
	open := func(what, link string) {
		t.Helper()
		if a := r.visit(link); a.status != http.StatusOK {
			t.Errorf("%s answers %d", what, a.status)
		}
	}
	first := r.link("7")
	links, err := r.server.Store.WebLinks(t.Context(), r.project.ID)
	r.check(err)
	a := r.do("editor", "POST", path+"/links/"+links[0].ID+"/replace", nil)
	second := regexp.MustCompile(`/share/[A-Za-z0-9_-]{43}\b`).FindString(a.body)
	same("a link that was replaced", first)
	open("its replacement", second)

	r.check(w.SetPermissions(t.Context(), admin, r.connection.ID, workspace.Permissions{CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupMembers}}))
	same("a connection whose results are not public", second)
	if a := r.do("editor", "GET", path, nil); !strings.Contains(a.body, "Links open nothing now") || !strings.Contains(a.body, "“Shop”") {
		t.Error("the page does not say why the link opens nothing")
	}
	r.check(w.SetPermissions(t.Context(), admin, r.connection.ID, workspace.Permissions{CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupPublic}}))
	open("the link, public again", second)

	closed := r.connect("Payroll", workspace.ConnectionInput{CanQuery: []string{}, CanViewResults: []string{}})
	r.check(w.Import(t.Context(), admin, r.project.ID, closed.ID))
	same("a project that imports a closed connection", second)
	r.check(w.StopImport(t.Context(), admin, r.project.ID, closed.ID))

	r.later.Store(int64(8 * 24 * time.Hour))
	same("an expired link", second)
	r.later.Store(0)
	open("the link, in time", second)
	if a := r.do("editor", "POST", path+"/links/"+links[0].ID+"/revoke", nil); a.status != http.StatusSeeOther {
		t.Errorf("revoking answers %d", a.status)
	}
	same("a revoked link", second)

	third := r.link("0")
	if a := r.do("editor", "POST", path, url.Values{"to": {"web"}, "access": {"none"}}); a.status != http.StatusSeeOther {
		t.Errorf("unsharing answers %d %s", a.status, a.body)
	}
	same("a link of a project that is not shared with the web any more", third)
	r.check(w.SetShares(t.Context(), admin, r.project.ID, append(r.project.Shares, access.Share{To: "web", Access: access.View})))
	same("a link from before the project was shared with the web again", third)
	fourth := r.link("0")
	r.check(w.DeleteProject(t.Context(), admin, r.project.ID))
	same("a link of a deleted project", fourth)
}

// An open page that a link opened is told in time when it opens nothing any more, whatever the reason; and nothing while it does.
func TestOpenSharedPageFollowsItsLink(t *testing.T) {
	r := newReport(t)
	w, admin, path := r.server.Workspace, r.actor("admin"), "/projects/"+r.project.ID+"/share"
	public := workspace.Permissions{CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupPublic}}
	linkOf := func() string {
		links, err := r.server.Store.WebLinks(t.Context(), r.project.ID)
		r.check(err)
		return path + "/links/" + links[0].ID
	}
	r.clients["visitor"] = client()
	for _, taken := range []struct {
		how        string
		take, back func()
	}{
		{"a connection whose results are not public any more", func() {
			r.check(w.SetPermissions(t.Context(), admin, r.connection.ID, workspace.Permissions{CanQuery: []string{access.GroupMembers}, CanViewResults: []string{}}))
		}, func() { r.check(w.SetPermissions(t.Context(), admin, r.connection.ID, public)) }},
		{"a link that was replaced", func() { r.do("editor", "POST", linkOf()+"/replace", nil) }, func() {}},
		{"an expired link", func() { r.later.Store(int64(31 * 24 * time.Hour)) }, func() { r.later.Store(0) }},
		{"a revoked link", func() { r.do("editor", "POST", linkOf()+"/revoke", nil) }, func() {}},
		{"a project that is not shared with the web any more", func() { r.do("editor", "POST", path, url.Values{"to": {"web"}, "access": {"none"}}) }, func() {}},
		{"a deleted project", func() { r.check(w.DeleteProject(t.Context(), admin, r.project.ID)) }, func() {}},
	} {
		link := r.link("30")
		page := r.follow("visitor", link)
		page.quiet("before " + taken.how)
		taken.take()
		page.hears(taken.how, "none")
		page.hears(taken.how, "end")
		if a := r.visit(link); a.status != http.StatusNotFound {
			t.Errorf("%s: the page that is loaded then answers %d", taken.how, a.status)
		}
		taken.back()
	}
}

// Strangers hold so many streams open and no more, from one network and in all; whoever found no place is told to ask again, and
// places that are left are there for others.
func TestOpenSharedPagesAreBounded(t *testing.T) {
	r := newReport(t)
	link := r.link("30")
	var leave []func()
	for range maxFollowedPerNetwork {
		free, ok := r.server.visitors.enter(auth.Network("127.0.0.1"))
		if !ok {
			t.Fatal("there is no place where there should be one")
		}
		leave = append(leave, free)
	}
	visitor := client()
	visitor.Timeout = inTime // a stream that is let in does not end
	if a := r.send(visitor, "GET", link+"/access", nil, nil); a.status != http.StatusOK || !strings.Contains(a.body, "retry: 10000\n") || strings.Contains(a.body, "event: access") {
		t.Errorf("one stream too many answers %d %q", a.status, a.body)
	}
	if a := r.visit("/share/" + strings.Repeat("A", 43) + "/access"); a.status != http.StatusNotFound {
		t.Errorf("a wrong link answers %d where there is no place", a.status)
	}
	leave[0]()
	page := r.listen("editor", link+"/access")
	page.quiet("with a place")
	for i := range maxFollowed {
		if _, ok := r.server.visitors.enter(strconv.Itoa(i)); ok != (i < maxFollowed-maxFollowedPerNetwork) {
			t.Fatalf("after %d others there is a place: %t", i, ok)
		}
	}
	page.stop()
	page.hears("who goes", "end")
	for deadline := time.Now().Add(inTime); ; time.Sleep(10 * time.Millisecond) {
		if _, ok := r.server.visitors.enter(auth.Network("127.0.0.1")); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a page that was closed keeps its place")
		}
	}
}

// Refusals of a link take the same time, whatever the reason (P20). The kinds take turns, so that a busy machine slows them all, and
// each is known by its quicker visits, as by whoever measures from outside: the slowest kind may take three times the quickest and
// a millisecond. Noise passes one of three rounds; more work for one kind passes none.
func TestWebLinkRefusalsTakeTheSameTime(t *testing.T) {
	r := newReport(t)
	ctx, editor := t.Context(), r.actor("editor")
	links, closing := map[string]string{"wrong": strings.Repeat("A", 43)}, ""
	for _, kind := range []string{"revoked", "expired", "forbidden"} {
		p := r.project
		var expires time.Time
		switch kind {
		case "forbidden":
			p = r.site.project("editor", "Closed")
			closing = p.ID
		case "expired":
			expires = time.Now().Add(time.Hour)
		}
		token, err := r.server.Auth.CreateWebLink(ctx, editor, p.ID, kind, expires)
		r.check(err)
		links[kind] = token
	}
	closed := r.connect("Payroll", workspace.ConnectionInput{CanQuery: []string{}, CanViewResults: []string{}})
	r.check(r.server.Workspace.Import(ctx, r.actor("admin"), closing, closed.ID))
	kept, err := r.server.Store.WebLinks(ctx, r.project.ID)
	r.check(err)
	for _, l := range kept {
		if l.Name == "revoked" {
			r.check(r.server.Auth.RevokeWebLink(ctx, editor, r.project.ID, l.ID))
		}
	}
	var quick map[string]time.Duration
	for range 3 {
		took := map[string][]time.Duration{}
		for range 200 {
			for kind, token := range links {
				r.later.Add(int64(time.Hour)) // what was counted against guessing is forgotten
				start := time.Now()
				a := r.visit("/share/" + token)
				took[kind] = append(took[kind], time.Since(start))
				if a.status != http.StatusNotFound {
					t.Fatalf("a %s link answers %d", kind, a.status)
				}
			}
		}
		quick = map[string]time.Duration{}
		for kind, times := range took {
			slices.Sort(times)
			quick[kind] = times[len(times)/5]
		}
		of := slices.Sorted(maps.Values(quick))
		if of[len(of)-1] <= 3*of[0]+time.Millisecond {
			return
		}
	}
	t.Errorf("refusals take %v", quick)
}

// Guessing is stopped, and neither a right link nor signing in counts as a guess.
func TestWebLinkGuessesAreCounted(t *testing.T) {
	r := newReport(t)
	link := r.link("30")
	for range 100 {
		if a := r.visit(link); a.status != http.StatusOK {
			t.Fatalf("the link answers %d", a.status)
		}
	}
	statuses := map[int]int{}
	for range 100 {
		statuses[r.visit("/share/"+strings.Repeat("B", 43)).status]++
	}
	if statuses[http.StatusNotFound] == 0 || statuses[http.StatusTooManyRequests] == 0 || len(statuses) != 2 {
		t.Errorf("100 guesses answer %v", statuses)
	}
	if a := r.send(client(), "POST", "/sign-in", url.Values{"email": {"editor@example.com"}, "password": {password}}, nil); a.status != http.StatusSeeOther {
		t.Errorf("signing in after guesses answers %d", a.status)
	}
}

// A page that was opened asks again when its link is revoked. That is no guess: the others in its network keep their links.
func TestRevokedWebLinkIsNoGuess(t *testing.T) {
	r := newReport(t)
	revoked, other := r.link("30"), r.link("30")
	r.visit(revoked)
	links, err := r.server.Store.WebLinks(t.Context(), r.project.ID)
	r.check(err)
	for _, l := range links {
		if l.Used.IsZero() {
			continue
		}
		if a := r.do("editor", "POST", "/projects/"+r.project.ID+"/share/links/"+l.ID+"/revoke", nil); a.status != http.StatusSeeOther {
			t.Fatalf("revoking answers %d", a.status)
		}
	}
	for range 100 {
		if a := r.visit(revoked); a.status != http.StatusNotFound {
			t.Fatalf("the revoked link answers %d", a.status)
		}
	}
	if a := r.visit(other); a.status != http.StatusOK {
		t.Errorf("the other link answers %d", a.status)
	}
}

// Strange tokens are harmless.
func TestStrangeWebLinks(t *testing.T) {
	r := newReport(t)
	r.link("30")
	for _, token := range []string{":token", "{token}", "", "%20", "%C3%A9%F0%9F%92%A9", "%FF%FE", strings.Repeat("x", 4000), "..", "x;y", "x%2fy", "x'%20or%20'1'='1", "x/y", "x%0d%0aSet-Cookie:a=b"} {
		if a := r.visit("/share/" + token); a.status != http.StatusNotFound {
			t.Errorf("the token %.40q answers %d", token, a.status)
		}
	}
}

// The token of a link opens that link and no other address, wherever it is put, and nothing writes it down (P20).
func TestWebLinkOpensNothingElse(t *testing.T) {
	r := newReport(t)
	link := r.link("30")
	token := strings.TrimPrefix(link, "/share/")
	before := r.state()
	for _, rt := range routes {
		for _, id := range []string{token, r.project.ID} {
			method, path := rt.address(id)
			if rt.who == anyone {
				continue
			}
			for _, header := range []http.Header{nil, {"Authorization": {"Bearer " + token}}, {"Cookie": {"patchbay=" + token}}} {
				a := r.send(client(), method, path, nil, header)
				if a.status != http.StatusUnauthorized && (a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in")) {
					t.Errorf("%s answers %d to the token of a web link", rt.pattern, a.status)
				}
			}
		}
	}
	if after := r.state(); after != before {
		t.Error("the walk changed the store")
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		if a := r.send(client(), method, link, nil, nil); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s of the link answers %d", method, a.status)
		}
	}
	r.visit(link)
	r.do("editor", "GET", link, nil)
	r.check(r.server.Workspace.SetPermissions(t.Context(), r.actor("admin"), r.connection.ID, workspace.Permissions{}))
	r.do("editor", "GET", link, nil)
	if strings.Contains(r.logs.String(), token) {
		t.Error("the token is in the log")
	}
	if audit := r.do("admin", "GET", "/api/v1/audit?limit=200", nil); strings.Contains(audit.body, token) || !strings.Contains(audit.body, "project.web_link_create") {
		t.Error("the audit holds the token, or not the act")
	}
}

// A link for the web is made by someone with Full access who gave the password within minutes (P45).
func TestWebLinkNeedsFullAccessAndThePassword(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleManager)
	path := "/projects/" + r.project.ID + "/share/links"
	form := url.Values{"name": {"Board"}, "days": {"30"}}
	if a := r.do("manager", "POST", path, form); a.status != http.StatusNotFound {
		t.Errorf("a stranger gets %d", a.status)
	}
	r.check(r.server.Workspace.Share(t.Context(), r.actor("editor"), r.project.ID, access.Share{To: "user:" + r.users["manager"].ID, Access: access.Edit}))
	if a := r.do("manager", "POST", path, form); a.status != http.StatusForbidden {
		t.Errorf("someone with Can edit gets %d", a.status)
	}
	for _, bad := range []url.Values{{"name": {""}, "days": {"30"}}, {"name": {"x"}, "days": {"-1"}}, {"name": {"x"}, "days": {"z"}}, {"name": {strings.Repeat("x", 5000)}, "days": {"1"}}} {
		if a := r.do("editor", "POST", path, bad); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%.40v answers %d", bad, a.status)
		}
	}
	r.later.Store(int64(6 * time.Minute))
	if a := r.do("editor", "POST", path, form); a.status != http.StatusForbidden || !strings.Contains(a.body, "confirm_password") {
		t.Errorf("an old session gets %d", a.status)
	}
	if a := r.do("editor", "PUT", "/api/v1/projects/"+r.project.ID+"/shares", `{"shares":[{"to":"web","access":"view"}]}`); a.status != http.StatusForbidden {
		t.Errorf("an old session shares with the web by the API: %d", a.status)
	}
	form.Set("confirm_password", password)
	if a := r.do("editor", "POST", path, form); a.status != http.StatusOK {
		t.Errorf("with the password it answers %d", a.status)
	}
}
