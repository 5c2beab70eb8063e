package handlers

// How to add a route: give it a row in matrix below, its class first (the classes are in classes, each a rule of SPEC section 2).
// A route that no class fits needs a class: what it answers to each caller, told by facts, which come from the tables of this file
// and never from package access. A body, where the act needs one to get as far as its rule, stands after the route.

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/notebook"
	"patchbay/store"
	"patchbay/workspace"
)

const matrix = `
open           GET /healthz
open           GET /readyz
adminOnly      GET /metrics
open           GET /setup
open           POST /setup
open           GET /sign-in
open           POST /sign-in
leaves         POST /sign-out
open           GET /invite/{token}
open           POST /invite/{token}
open           POST /theme
signedIn       GET /{$}
signedIn       GET /find                                                     ?q=orders
open           GET /signed-out
open           GET /auth/oidc/{provider}/start
open           GET /auth/oidc/{provider}/callback
open           POST /auth/oidc/{provider}/logout
signedIn       GET /auth/confirmed

adminOnly      GET /settings/sign-in
adminOnly      POST /settings/sign-in/local
adminOnly      GET /settings/sign-in/new-provider
adminOnly      POST /settings/sign-in/new-provider
adminOnly      POST /settings/sign-in/discovery                             issuer=https://idp.invalid
notThere       GET /settings/sign-in/providers/{id}
notThere       POST /settings/sign-in/providers/{id}
notThere       POST /settings/sign-in/providers/{id}/rules
badRequests    POST /settings/sign-in/providers/{id}/rules/arrange
notThere       POST /settings/sign-in/providers/{id}/try
notThere       POST /settings/sign-in/providers/{id}/delete

adminOnly      GET /settings/people
adminOnly      POST /settings/people
adminOnly      POST /settings/people/{user}/role
adminOnly      POST /settings/people/{user}/disabled
adminOnly      POST /settings/people/{user}/invite
leaves         GET /sign-in/code
leaves         POST /sign-in/code
adminOnly      GET /settings/people/{user}
adminOnly      POST /settings/people/{user}
adminOnly      POST /settings/people/{user}/reset
notThere       POST /settings/people/{user}/totp/remove
adminOnly      POST /settings/people/{user}/sessions/end
notThere       POST /settings/people/{user}/tokens/{token}/revoke
adminOnly      GET /settings/people/{user}/delete
adminOnly      POST /settings/people/{user}/delete
adminOnly      GET /settings/groups
adminOnly      POST /settings/groups
adminOnly      GET /settings/groups/{group}
adminOnly      POST /settings/groups/{group}
notThere       POST /settings/groups/{group}/members
adminOnly      POST /settings/groups/{group}/members/{user}/remove
adminOnly      GET /settings/groups/{group}/delete
adminOnly      POST /settings/groups/{group}/delete
signedIn       GET /settings/account
signedIn       POST /settings/account
signedIn       POST /settings/account/password
noResult       POST /settings/account/sessions/end
signedIn       POST /settings/account/sessions/end-others
signedIn       POST /settings/account/totp
signedIn       POST /settings/account/totp/confirm
signedIn       POST /settings/account/totp/off

signedIn       GET /settings/tokens
signedIn       POST /settings/tokens
signedIn       POST /settings/tokens/{token}/revoke
adminOnly      GET /settings/audit
adminOnly      GET /settings/audit/chain
adminOnly      POST /settings/audit/verify
adminOnly      POST /settings/audit/export

adminOnly      GET /settings/workspace
adminOnly      POST /settings/workspace                                     allow_project_connections=true
adminOnly      GET /settings/access
adminOnly      GET /settings/project-connections

adminOnly      GET /settings/connections
adminOnly      GET /settings/new-connection
adminOnly      POST /settings/new-connection                                name=Mine&type=sqlite&file=shop.db
adminOnly      POST /settings/new-connection/url
adminOnly      POST /settings/new-connection/test                           type=sqlite&file=shop.db
adminOnly      GET /settings/new-connection/{type}
adminOnly      GET /settings/connections/{id}
adminOnly      GET /settings/connections/{id}/usage
adminOnly      GET /settings/connections/{id}/activity
adminOnly      GET /settings/connections/{id}/schedule
adminOnly      POST /settings/connections/{id}/schedule
adminOnly      GET /settings/connections/{id}/permissions
adminOnly      POST /settings/connections/{id}/permissions
adminOnly      GET /settings/connections/{id}/share
adminOnly      POST /settings/connections/{id}/share
adminOnly      GET /settings/connections/{id}/filter
adminOnly      POST /settings/connections/{id}/filter                       tables.exclude.match=prefix&tables.exclude.values=tmp_&version=0
adminOnly      GET /settings/connections/{id}/refreshes
runPage        GET /settings/connections/{id}/refreshes/{run}
adminOnly      GET /settings/connections/{id}/notifications
adminOnly      POST /settings/connections/{id}/notifications
notThere       POST /settings/connections/{id}/notifications/{target}/test
notThere       POST /settings/connections/{id}/notifications/{target}/remove
adminOnly      GET /settings/connections/{id}/status
stream         GET /settings/connections/{id}/events
adminOnly      GET /settings/connections/{id}/edit
adminOnly      POST /settings/connections/{id}
adminOnly      POST /settings/connections/{id}/test
adminOnly      POST /settings/connections/{id}/refresh
adminOnly      POST /settings/connections/{id}/runs/{run}/cancel
notThere       POST /settings/connections/{id}/runs/{run}/apply
notThere       POST /settings/connections/{id}/runs/{run}/keep
adminOnly      POST /settings/connections/{id}/duplicate
adminOnly      GET /settings/connections/{id}/delete
adminOnly      POST /settings/connections/{id}/delete
signedIn       GET /settings/schedule-preview

signedIn       GET /projects
makesProjects  POST /projects                                                name=Mine
needsView      GET /projects/{project}
needsEdit      POST /projects/{project}/name                                name=Other
open           GET /share/{token}
needsView      GET /projects/{project}/app
needsFull      GET /projects/{project}/share
needsFull      POST /projects/{project}/share                               to=group:members&access=view
needsFull      GET /projects/{project}/share/people
needsFull      POST /projects/{project}/share/links                         name=Board&days=7
noLink         POST /projects/{project}/share/links/{link}/replace
noLink         POST /projects/{project}/share/links/{link}/revoke
needsFull      GET /projects/{project}/delete
needsFull      POST /projects/{project}/delete
needsView      GET /projects/{project}/connections
imports        POST /projects/{project}/connections/{connection}
needsEdit      POST /projects/{project}/connections/{connection}/remove
connects       GET /projects/{project}/connections/new
connects       POST /projects/{project}/connections/new                      name=Shop&type=sqlite&file=shop.db
connects       POST /projects/{project}/connections/new/url                 url=postgres://db.invalid/x
connects        POST /projects/{project}/connections/new/test                type=sqlite&file=shop.db
connects       GET /projects/{project}/connections/new/{type}

browses        GET /projects/{project}/browser/children
browses        GET /projects/{project}/browser/search                       ?q=orders
queries        GET /projects/{project}/browser/details                      ?path={connection}
queries        GET /projects/{project}/browser/preview                      ?path={connection}/main/orders
browses        GET /projects/{project}/browser/foot
queries        POST /projects/{project}/browser/refresh                     connection={connection}
browses        GET /projects/{project}/browser/pinned
browses        GET /projects/{project}/browser/recent
browses        GET /projects/{project}/browser/changes
browses        GET /projects/{project}/browser/outputs
queries        POST /projects/{project}/browser/pin                         path={connection}&pinned=false
annotates      POST /projects/{project}/browser/annotation                  path={connection}&description=x
queries        GET /projects/{project}/complete                             ?connection={connection}

needsEdit      POST /projects/{project}/cells                                kind=text
needsView      GET /projects/{project}/cells/{cell}
needsEdit      POST /projects/{project}/cells/{cell}                         source=x&version=1
needsEdit      POST /projects/{project}/cells/{cell}/move                   by=1
needsEdit      POST /projects/{project}/cells/{cell}/delete
needsEdit      POST /projects/{project}/cells/{cell}/run
noResult       POST /projects/{project}/cells/{cell}/cancel
needsView      GET /projects/{project}/cells/{cell}/output
noResult       GET /projects/{project}/cells/{cell}/rows
noResult       GET /projects/{project}/cells/{cell}/csv

signedIn       GET /api/v1/openapi.json
signedIn       GET /api/v1/connectors
signedIn       GET /api/v1/connectors/{type}
signedIn       GET /api/v1/connections
adminsAct      POST /api/v1/connections                                      {"name":"Mine","type":"sqlite","config":{"file":"shop.db"}}
adminsAct      POST /api/v1/connections/test                                 {"name":"Mine","type":"sqlite","config":{"file":"shop.db"}}
sees           GET /api/v1/connections/{id}
editsIt        PATCH /api/v1/connections/{id}                                {"description":"x"}
editsIt        DELETE /api/v1/connections/{id}
editsIt        POST /api/v1/connections/{id}/test                            {}
refreshes      POST /api/v1/connections/{id}/refresh
sees           GET /api/v1/connections/{id}/refreshes
sees           GET /api/v1/connections/{id}/refreshes/{run}
sees           GET /api/v1/connections/{id}/refreshes/{run}/changes
refreshes      POST /api/v1/connections/{id}/refreshes/{run}/cancel
seesCatalog    GET /api/v1/connections/{id}/annotations
adminOnly      PUT /api/v1/connections/{id}/annotations                      {"description":"x"}
notThere       POST /api/v1/connections/{id}/refreshes/{run}/apply
notThere       POST /api/v1/connections/{id}/refreshes/{run}/keep
seesCatalog    GET /api/v1/connections/{id}/catalog
signedIn       GET /api/v1/catalog/search
adminOnly      GET /api/v1/connections/{id}/schedule
adminOnly      PUT /api/v1/connections/{id}/schedule                         {"kind":"off"}
adminOnly      GET /api/v1/connections/{id}/filter
adminOnly      PUT /api/v1/connections/{id}/filter                           {"databases":{"include":null,"exclude":null}}
adminOnly      POST /api/v1/connections/{id}/filter/preview                  {"databases":{"include":null,"exclude":null}}
adminOnly      GET /api/v1/connections/{id}/permissions
adminOnly      PUT /api/v1/connections/{id}/permissions                     {"can_query":["members"],"can_view_results":["public"],"can_refresh_schema":"can_query"}
adminsAsk      POST /api/v1/connections/{id}/permissions/preview            {"can_query":["members"],"can_view_results":["public"],"can_refresh_schema":"can_query"}
badRequest     GET /api/v1/access
adminOnly      GET /api/v1/users
adminOnly      POST /api/v1/users                                            {}
adminOnly      GET /api/v1/users/{user}
adminOnly      PATCH /api/v1/users/{user}                                    {}
adminOnly      DELETE /api/v1/users/{user}
adminOnly      GET /api/v1/users/{user}/sessions
adminOnly      DELETE /api/v1/users/{user}/sessions
notThere       DELETE /api/v1/users/{user}/sessions/{session}
adminOnly      GET /api/v1/groups
adminOnly      POST /api/v1/groups                                           {}
adminOnly      PATCH /api/v1/groups/{group}                                  {}
adminOnly      DELETE /api/v1/groups/{group}
adminOnly      GET /api/v1/groups/{group}/members
adminOnly      PUT /api/v1/groups/{group}/members/{user}
adminOnly      DELETE /api/v1/groups/{group}/members/{user}
signedIn       GET /api/v1/projects
makesProjects  POST /api/v1/projects                                         {"name":"Mine"}
needsView      GET /api/v1/projects/{project}
needsEdit      PATCH /api/v1/projects/{project}                             {"name":"Other"}
needsFull      DELETE /api/v1/projects/{project}
needsFull      GET /api/v1/projects/{project}/shares
needsFull      PUT /api/v1/projects/{project}/shares                         {"shares":[]}
needsView      GET /api/v1/projects/{project}/connections
imports        PUT /api/v1/projects/{project}/connections/{connection}
needsEdit      DELETE /api/v1/projects/{project}/connections/{connection}
needsView      GET /api/v1/projects/{project}/cells
needsEdit      POST /api/v1/projects/{project}/cells                         {"kind":"text"}
needsView      GET /api/v1/projects/{project}/cells/{cell}
needsEdit      PATCH /api/v1/projects/{project}/cells/{cell}                {"source":"x","version":1}
needsEdit      DELETE /api/v1/projects/{project}/cells/{cell}
needsEdit      POST /api/v1/projects/{project}/cells/{cell}/run
noResult       GET /api/v1/projects/{project}/cells/{cell}/result
badRequest     POST /api/v1/query
adminOnly      GET /api/v1/settings
adminOnly      PATCH /api/v1/settings                                        {}
adminOnly      GET /api/v1/audit
`

// The project's level for each role, in each world; * is downgraded. All but mine are an Admin's, shared with the workspace as
// Can edit (private: with nobody); mine is the Editor's own. Written from SPEC section 2.
const levelTable = `
#          admin  manager   editor    explorer  viewer  guest
open       full   edit      edit      explore   view    none
results    full   explore*  explore*  explore   view    none
locked     full   none      none      none      none    none
own        full   edit      edit      explore   view    none
private    full   none      none      none      none    none
mine       full   none      full      none      none    none
draft      full   none      none      none      none    none
deleted    none   none      none      none      none    none
`

// Who has Can query on the world's connection, and so sees it: open's default is members, own's is Can edit on the project. A draft
// exists for Admins alone.
const queryTable = `
#          admin  manager  editor  explorer  viewer  guest
open       yes    yes      yes     yes       yes     no
results    yes    no       no      no        no      no
locked     yes    no       no      no        no      no
own        yes    yes      yes     no        no      no
private    yes    yes      yes     yes       yes     no
mine       yes    yes      yes     yes       yes     no
draft      yes    no       no      no        no      no
deleted    no     no       no      no        no      no
`

// facts are what a class decides from.
type facts struct {
	caller       caller
	world, level string
	query        bool
	object       bool // the route names an object
}

func (f facts) admin() bool { return f.caller.role == "admin" }

// atLeast says whether the project's level reaches one.
func (f facts) atLeast(level string) bool {
	order := []string{"none", "view", "explore", "edit", "full"}
	return slices.Index(order, strings.TrimSuffix(f.level, "*")) >= slices.Index(order, level)
}

// needs is an act on a project: hidden without Can view, refused below its level.
func (f facts) needs(level string) string {
	switch {
	case !f.atLeast("view"):
		return "hidden"
	case !f.atLeast(level):
		return "refused"
	}
	return "passes"
}

// refusedUnlessAdmin is an act of Admins: a token must have scope admin for it where it changes anything.
func (f facts) refusedUnlessAdmin() string {
	switch {
	case !f.admin() || f.caller.changing && f.caller.scope == "write":
		return "refused"
	case f.object && f.world == "deleted":
		return "hidden"
	}
	return "passes"
}

// ifSeen hides a connection from who may not query it.
func (f facts) ifSeen(answer string) string {
	if !f.query {
		return "hidden"
	}
	return answer
}

// classes say what callers who are signed in, with a token that may be used for the method, are answered.
var classes = map[string]func(facts) string{
	"open":      func(facts) string { return "any" },
	"signedIn":  func(facts) string { return "passes" },
	"leaves":    nil, // of sessions that begin or end: TestSignOutEndsWhatRuns, TestSignInAsksForTheCode
	"stream":    nil, // does not end; TestAdminRoutesRefuseEveryoneElse has the refusals
	"adminOnly": facts.refusedUnlessAdmin,
	"adminsAct": facts.refusedUnlessAdmin,
	"badRequests": func(f facts) string { // for Admins, told apart before the object is looked for
		if f.refusedUnlessAdmin() == "refused" {
			return "refused"
		}
		return "passes"
	},
	"adminsAsk": func(f facts) string { // it changes nothing, so that any token of an Admin may
		f.caller.changing = false
		return f.refusedUnlessAdmin()
	},
	"runPage": func(f facts) string { // a draft has no runs
		if answer := f.refusedUnlessAdmin(); answer != "passes" || f.world != "draft" {
			return answer
		}
		return "hidden"
	},
	"notThere": func(f facts) string { // for Admins, and the fixture has none of the kind
		if f.refusedUnlessAdmin() == "refused" {
			return "refused"
		}
		return "hidden"
	},
	"makesProjects": func(f facts) string {
		if slices.Contains([]string{"admin", "manager", "editor"}, f.caller.role) {
			return "passes"
		}
		return "refused"
	},
	"needsView": func(f facts) string { return f.needs("view") },
	"needsEdit": func(f facts) string { return f.needs("edit") },
	"needsFull": func(f facts) string { return f.needs("full") },
	"noLink": func(f facts) string { // the fixture's projects have none
		if answer := f.needs("full"); answer != "passes" {
			return answer
		}
		return "hidden"
	},
	"noResult": func(f facts) string { // no cell of the fixture has run, and no session is named
		return "hidden"
	},
	"connects": func(f facts) string {
		return f.needs("edit")
	},
	"imports": func(f facts) string {
		if answer := f.needs("edit"); answer != "passes" {
			return answer
		}
		return f.ifSeen("passes")
	},
	"queries": func(f facts) string { // a connection of the project, in its browser
		if answer := f.needs("view"); answer != "passes" {
			return answer
		}
		return f.ifSeen("passes")
	},
	"annotates": func(f facts) string { // Admins, of a connection that they see in the project
		if answer := f.needs("view"); answer != "passes" {
			return answer
		}
		if f.admin() {
			return "passes"
		}
		return f.ifSeen("refused")
	},
	"browses": func(f facts) string { return f.needs("view") },
	"seesCatalog": func(f facts) string { // a draft has none
		if f.world == "draft" {
			return "hidden"
		}
		return f.ifSeen("passes")
	},
	"sees":       func(f facts) string { return f.ifSeen("passes") },
	"badRequest": func(facts) string { return "passes" }, // it names its objects in the query or the body: TestQueryFormats, TestExplainAccessPage
	"editsIt": func(f facts) string {
		switch {
		case f.world == "own" && f.query && (!f.admin() || f.caller.scope != "write"): // an Admin's connections take a token of scope admin
			return "passes"
		case f.query && (!f.admin() || f.caller.scope == "write"):
			return "refused"
		}
		return f.ifSeen("passes")
	},
	"refreshes": func(f facts) string { return f.ifSeen("passes") },
}

// A caller is someone with a session (scope "") or a token.
type caller struct {
	role, scope string
	changing    bool // the method is not GET
}

// A matrixRow is one line of the table.
type matrixRow struct{ class, pattern, body string }

func matrixRows(t *testing.T) map[string]matrixRow {
	t.Helper()
	rows := map[string]matrixRow{}
	for _, line := range strings.Split(matrix, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		row := matrixRow{class: f[0], pattern: f[1] + " " + f[2], body: strings.Join(f[3:], " ")}
		if _, ok := classes[row.class]; !ok {
			t.Errorf("%s has class %s, which does not exist", row.pattern, row.class)
		}
		if _, twice := rows[row.pattern]; twice {
			t.Errorf("%s has two rows", row.pattern)
		}
		rows[row.pattern] = row
	}
	return rows
}

// tableOf reads a table of worlds by roles.
func tableOf(text string) map[string]map[string]string {
	out := map[string]map[string]string{}
	var roles []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		if f[0] == "#" {
			roles = f[1:]
			continue
		}
		out[f[0]] = map[string]string{}
		for i, role := range roles {
			out[f[0]][role] = f[i+1]
		}
	}
	return out
}

// Every route has a row and every row a route: who adds a route decides who may call it.
func TestMatrixHasEveryRoute(t *testing.T) {
	rows := matrixRows(t)
	for _, rt := range routes {
		if _, ok := rows[rt.pattern]; !ok {
			t.Errorf("%s has no row in the matrix", rt.pattern)
		}
		delete(rows, rt.pattern)
	}
	for pattern := range rows {
		t.Errorf("the matrix has %s, which is no route", pattern)
	}
}

// objects are what one call's path names.
type objects map[string]string

// A matrixSite is a site with a connection for each world.
type matrixSite struct {
	*site
	connections map[string]string
	tokens      map[string]string
	made        int
}

// connection makes the connection of a world; that of own is made with its project.
func (m *matrixSite) connection(world string) string {
	in := workspace.ConnectionInput{}
	switch world {
	case "results":
		in.CanQuery = []string{}
	case "locked":
		in.CanQuery, in.CanViewResults = []string{}, []string{}
	}
	m.made++
	if world == "draft" {
		c, err := m.server.Workspace.CreateConnection(m.t.Context(), m.actor("admin"), workspace.ConnectionInput{Name: fmt.Sprint("Half ", m.made), Type: "postgres", Draft: true})
		m.check(err)
		return c.ID
	}
	c := m.connect(fmt.Sprint("Shop ", world, m.made), in)
	return c.ID
}

// objects makes what a call in a world is about. Acts get objects of their own, so that no call sees what another one left.
func (m *matrixSite) objects(world string, rt route, c caller) objects {
	ctx, admin := m.t.Context(), m.actor("admin")
	m.made++
	o := objects{"{type}": "sqlite", "{$}": "", "{token}": "none", "{user}": m.users["viewer"].ID, "{run}": "none", "{provider}": "none", "{target}": "none", "{link}": "none", "{session}": "none"}
	has := func(part string) bool { return strings.Contains(rt.pattern, part) }
	if has("{user}") && c.changing {
		u, err := m.server.Workspace.CreateUser(ctx, admin, workspace.UserInput{Email: fmt.Sprintf("u%d@example.com", m.made), Name: "U", Role: access.RoleViewer})
		m.check(err)
		o["{user}"] = u.ID
	}
	if has("{group}") {
		g, err := m.server.Workspace.CreateGroup(ctx, admin, fmt.Sprint("g", m.made))
		m.check(err)
		m.check(m.server.Workspace.SetMember(ctx, admin, g.ID, o["{user}"], true))
		o["{group}"] = g.ID
	}
	if has("{token}") && c.role != "" {
		_, id, err := m.server.Auth.CreateAPIToken(ctx, m.actor(c.role), m.users[c.role].ID, "x", access.ScopeRead, time.Now().Add(time.Hour))
		m.check(err)
		o["{token}"] = id.ID
	}
	o["{id}"] = m.connections[world]
	if world == "deleted" {
		o["{project}"], o["{id}"], o["{connection}"], o["{cell}"] = "gone", "gone", "gone", "gone"
		return o
	}
	if has("{id}") && c.changing && c.role == "admin" && world != "own" {
		o["{id}"] = m.connection(world)
	}
	if has("{project}") || world == "own" {
		owner := "admin"
		shares := []access.Share{{To: "workspace", Access: access.Edit}}
		if world == "mine" {
			owner, shares = "editor", nil
		}
		if world == "private" {
			shares = nil
		}
		p := m.project(owner, "P", shares...)
		o["{project}"] = p.ID
		if world == "own" {
			own, err := m.server.Workspace.CreateConnection(ctx, admin, workspace.ConnectionInput{Name: fmt.Sprint("Own", m.made), Type: "sqlite", ProjectID: p.ID, Values: connectors.Values{"file": "shop.db"}})
			m.check(err)
			o["{id}"] = own.ID
			runs, err := m.server.Store.Runs(ctx, own.ID, 1, "")
			m.check(err)
			m.check(m.server.Refresh.Wait(ctx, runs[0].ID))
		} else {
			m.check(m.server.Workspace.Import(ctx, admin, p.ID, o["{id}"]))
		}
		cell, err := m.server.Notebook.CreateCell(ctx, admin, p.ID, notebook.NewCell{Kind: "text"})
		m.check(err)
		o["{cell}"] = cell.ID
	}
	o["{connection}"] = o["{id}"]
	if has("{run}") {
		runs, err := m.server.Store.Runs(ctx, o["{id}"], 1, "")
		m.check(err)
		o["{run}"] = runs[0].ID
	}
	return o
}

// The answer to a call is what its class says, for every role, token and state of its objects (SPEC section 2, P18).
func TestMatrix(t *testing.T) {
	rows, levels, queries := matrixRows(t), tableOf(levelTable), tableOf(queryTable)
	m := &matrixSite{site: newSite(t), connections: map[string]string{}, tokens: map[string]string{}}
	for _, role := range access.Roles {
		m.person(role)
	}
	for _, scope := range []access.Scope{access.ScopeRead, access.ScopeWrite, access.ScopeAdmin} {
		for _, role := range []string{"admin", "editor"} {
			m.tokens[role+string(scope)] = m.token(role, scope)
		}
	}
	for _, world := range []string{"open", "results", "locked", "private", "mine"} {
		m.connections[world] = m.connection(world)
	}
	m.connections["draft"] = m.connection("draft")
	callers := []caller{{}}
	for _, role := range access.Roles {
		callers = append(callers, caller{role: string(role)})
	}
	for _, scope := range []string{"read", "write", "admin"} {
		callers = append(callers, caller{role: "editor", scope: scope}, caller{role: "admin", scope: scope})
	}
	m.server.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	m.check(m.server.Workspace.SetSettings(t.Context(), m.actor("admin"), workspace.Settings{AllowProjectConnections: true}))
	asked := 0
	for _, rt := range routes {
		row := rows[rt.pattern]
		decide := classes[row.class]
		if decide == nil {
			continue // TestMatrixHasEveryRoute
		}
		method, path, _ := strings.Cut(rt.pattern, " ")
		aboutProject := strings.Contains(path, "{project}")
		aboutObject := aboutProject || strings.Contains(path, "{id}")
		for world := range levels {
			if !aboutObject && world != "open" || aboutProject && world == "draft" || strings.Contains(path, "{run}") && world == "draft" || strings.Contains(path, "{connection}") && world == "own" {
				continue // the world makes no difference, or cannot be
			}
			for _, c := range callers {
				api := strings.HasPrefix(path, "/api/")
				if c.scope != "" && !api {
					continue
				}
				c.changing = method != http.MethodGet
				want := ""
				switch {
				case row.class == "open":
					want = "any"
				case c.role == "":
					want = "signed out"
				case c.scope == "read" && c.changing && rt.who != asking:
					want = "refused"
				default:
					want = decide(facts{caller: c, world: world, level: levels[world][c.role], query: queries[world][c.role] == "yes", object: aboutObject})
				}
				o := m.objects(world, rt, c)
				target := parameterPattern.ReplaceAllStringFunc(path, func(p string) string { return o[p] })
				body := parameterPattern.ReplaceAllStringFunc(row.body, func(p string) string { return o[p] })
				if strings.HasPrefix(body, "?") {
					target, body = target+body, ""
				}
				a := m.call(c, method, target, body)
				if c.changing && c.role != "" {
					m.kept(rt.pattern, world, c, a)
				}
				asked++
				if got := answerClass(a); got != want && !(want == "any" && got != "refused" && got != "signed out") {
					t.Errorf("%-60s %-8s %-8s %-5s answers %d (%s), want %s", rt.pattern, world, c.role, c.scope, a.status, got, want)
				}
			}
		}
	}
	t.Logf("%d calls", asked)
}

// call sends a body as its kind: JSON begins with a brace, a form does not.
func (m *matrixSite) call(c caller, method, path, body string) answer {
	header := http.Header{}
	client := m.clients[c.role]
	if c.scope != "" {
		client, header = http.DefaultClient, http.Header{"Authorization": {"Bearer " + m.tokens[c.role+c.scope]}}
	}
	if body == "" || strings.HasPrefix(body, "{") {
		return m.send(client, method, path, body, header)
	}
	form, err := url.ParseQuery(body)
	m.check(err)
	return m.send(client, method, path, form, header)
}

// answerClass is what an answer means for who asked.
func answerClass(a answer) string {
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), "/sign-in"):
		return "signed out"
	case a.status == http.StatusForbidden:
		return "refused"
	case a.status == http.StatusNotFound:
		return "hidden"
	case a.status >= http.StatusInternalServerError && a.status != http.StatusBadGateway:
		return "broken"
	}
	return "passes"
}

// unaudited are acts that keep nothing: they change nothing that is anyone else's, and open nothing.
var unaudited = []string{"POST /api/v1/connections/{id}/filter/preview", "POST /api/v1/connections/{id}/permissions/preview", "POST /settings/new-connection/url", "POST /projects/{project}/connections/new/url", "POST /theme"}

// kept checks that an act left exactly one row in the audit log, and a refusal exactly one that says so (P52).
func (m *matrixSite) kept(pattern, world string, c caller, a answer) {
	m.t.Helper()
	id := a.header.Get("X-Request-Id")
	rows, err := m.server.Store.AuditRows(m.t.Context(), store.AuditFilter{Limit: 30})
	m.check(err)
	var kept, outcomes []string
	for _, row := range rows {
		if row.RequestID == id {
			kept, outcomes = append(kept, row.Action), append(outcomes, row.Outcome)
		}
	}
	switch {
	case id == "":
		m.t.Fatalf("%s answers without a request id", pattern)
	case slices.Contains(unaudited, pattern):
	case a.status < 400 && len(kept) != 1:
		m.t.Errorf("AUDIT %-60s %-8s %-8s %-5s answers %d and keeps %v", pattern, world, c.role, c.scope, a.status, kept)
	case a.status == http.StatusForbidden && !slices.Equal(outcomes, []string{"refused"}):
		m.t.Errorf("AUDIT %-60s %-8s %-8s %-5s is refused and keeps %v %v", pattern, world, c.role, c.scope, kept, outcomes)
	case a.status >= 400 && len(kept) > 1:
		m.t.Errorf("AUDIT %-60s %-8s %-8s %-5s answers %d and keeps %v", pattern, world, c.role, c.scope, a.status, kept)
	}
}
