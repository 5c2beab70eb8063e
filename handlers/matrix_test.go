package handlers

// How to add a route: give it a row in matrix below, its class first (the classes are in classes, each a rule of SPEC section 2).
// A route that no class fits needs a class: what it answers to each caller, told by facts, which come from the tables of this file
// and never from package access. A body, where the act needs one to get as far as its rule, stands after the route.

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/auth"
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
adminOnly      POST /settings/sign-in/local                                 on=true
adminOnly      GET /settings/sign-in/new-provider
adminOnly      POST /settings/sign-in/new-provider                          id=p{new}&name=New{new}&issuer=https://idp.invalid&client_id=x&scopes=openid&default_role=viewer
adminOnly      POST /settings/sign-in/discovery                             issuer=https://idp.invalid
adminOnly      GET /settings/sign-in/providers/{id}
adminOnly      POST /settings/sign-in/providers/{id}                        name=Provider&issuer=https://idp.invalid&client_id=y&scopes=openid&default_role=viewer
adminOnly      POST /settings/sign-in/providers/{id}/rules                  claim=groups&value=staff&role=editor&group=
adminOnly      POST /settings/sign-in/providers/{id}/rules/arrange          act=add
adminOnly      POST /settings/sign-in/providers/{id}/try                    token={"groups":"staff"}
adminOnly      POST /settings/sign-in/providers/{id}/delete                 confirm={name}

adminOnly      GET /settings/people
adminOnly      POST /settings/people                                        email=p{new}@example.com&name=P&role=viewer
adminOnly      POST /settings/people/{user}/role                            role=editor
adminOnly      POST /settings/people/{user}/disabled                        disabled=true
adminOnly      POST /settings/people/{user}/invite
leaves         GET /sign-in/code
leaves         POST /sign-in/code
adminOnly      GET /settings/people/{user}
adminOnly      POST /settings/people/{user}                                 email=p{new}@example.com&name=P&role=viewer
adminOnly      POST /settings/people/{user}/reset
notThere       POST /settings/people/{user}/totp/remove
adminOnly      POST /settings/people/{user}/sessions/end
adminOnly      POST /settings/people/{user}/tokens/{token}/revoke
adminOnly      GET /settings/people/{user}/delete
adminOnly      POST /settings/people/{user}/delete                          confirm={name}
adminOnly      GET /settings/groups
adminOnly      POST /settings/groups                                        name=new{new}
adminOnly      GET /settings/groups/{group}
adminOnly      POST /settings/groups/{group}                                name=new{new}
adminOnly      POST /settings/groups/{group}/members                        user={user}
adminOnly      POST /settings/groups/{group}/members/{user}/remove
adminOnly      GET /settings/groups/{group}/delete
adminOnly      POST /settings/groups/{group}/delete                         confirm={name}
signedIn       GET /settings/account
signedIn       POST /settings/account                                       name=Someone
signedIn       POST /settings/account/password                              current=correct-horse-battery&password=correct-horse-battery
signedIn       POST /settings/account/sessions/end                          session={session}
signedIn       POST /settings/account/sessions/end-others
signedIn       POST /settings/account/totp
signedIn       POST /settings/account/totp/confirm
signedIn       POST /settings/account/totp/off

signedIn       GET /settings/tokens
signedIn       POST /settings/tokens                                        name=x&days=7&scope=read
signedIn       POST /settings/tokens/{token}/revoke
adminOnly      GET /settings/audit
adminOnly      GET /settings/audit/chain
adminOnly      POST /settings/audit/verify
adminOnly      POST /settings/audit/export                                  format=csv&action=none

adminOnly      GET /settings/workspace
adminOnly      POST /settings/workspace                                     allow_project_connections=true
adminOnly      GET /settings/access
adminOnly      GET /settings/project-connections

adminOnly      GET /settings/connections
adminOnly      GET /settings/new-connection
adminOnly      POST /settings/new-connection                                name=new{new}&type=sqlite&file=shop.db
adminOnly      POST /settings/new-connection/url                            url=postgres://db.invalid/x
adminOnly      POST /settings/new-connection/test                           type=sqlite&file=shop.db
adminOnly      GET /settings/new-connection/{type}
adminOnly      GET /settings/connections/{id}
adminOnly      GET /settings/connections/{id}/usage
adminOnly      GET /settings/connections/{id}/activity
adminOnly      GET /settings/connections/{id}/schedule
adminOnly      POST /settings/connections/{id}/schedule                     schedule_kind=off
adminOnly      GET /settings/connections/{id}/permissions
adminOnly      POST /settings/connections/{id}/permissions                  can_query=members&can_view_results=public&step=save&seen={seen}&shown={shown}
adminOnly      GET /settings/connections/{id}/share
adminOnly      POST /settings/connections/{id}/share                        name=new{new}
adminOnly      GET /settings/connections/{id}/filter
adminOnly      POST /settings/connections/{id}/filter                       tables.exclude.match=prefix&tables.exclude.values=tmp_&version=0
adminOnly      GET /settings/connections/{id}/refreshes
runPage        GET /settings/connections/{id}/refreshes/{run}
adminOnly      GET /settings/connections/{id}/notifications
adminOnly      POST /settings/connections/{id}/notifications                kind=webhook&address=http://127.0.0.1:1/x&events=schema_changed
tells          POST /settings/connections/{id}/notifications/{target}/test
tells          POST /settings/connections/{id}/notifications/{target}/remove
adminOnly      GET /settings/connections/{id}/status
stream         GET /settings/connections/{id}/events
adminOnly      GET /settings/connections/{id}/edit
adminOnly      POST /settings/connections/{id}                              name=new{new}&file=shop.db
adminOnly      POST /settings/connections/{id}/test
adminOnly      POST /settings/connections/{id}/refresh
adminOnly      POST /settings/connections/{id}/runs/{run}/cancel
notThere       POST /settings/connections/{id}/runs/{run}/apply
notThere       POST /settings/connections/{id}/runs/{run}/keep
adminOnly      POST /settings/connections/{id}/duplicate
adminOnly      GET /settings/connections/{id}/delete
adminOnly      POST /settings/connections/{id}/delete                       confirm={name}
signedIn       GET /settings/schedule-preview

signedIn       GET /projects
makesProjects  POST /projects                                                name=Mine
needsView      GET /projects/{project}
needsEdit      POST /projects/{project}/name                                name=Other
open           GET /share/{token}
open           GET /share/{token}/access
needsView      GET /projects/{project}/app
stream         GET /projects/{project}/access
needsFull      GET /projects/{project}/share
needsFull      POST /projects/{project}/share                               to=group:members&access=view
needsFull      GET /projects/{project}/share/people
needsFull      POST /projects/{project}/share/links                         name=Board&days=7
ofLink         POST /projects/{project}/share/links/{link}/replace
ofLink         POST /projects/{project}/share/links/{link}/revoke
needsFull      GET /projects/{project}/schedule
needsFull      POST /projects/{project}/schedule                            schedule_kind=off
needsFull      GET /projects/{project}/schedule/runs
needsFull      POST /projects/{project}/schedule/run
needsFull      POST /projects/{project}/notifications                       kind=webhook&url=http://127.0.0.1:1/x
needsFull      POST /projects/{project}/notifications/{target}/test
needsFull      POST /projects/{project}/notifications/{target}/remove
needsFull      GET /projects/{project}/delete
needsFull      POST /projects/{project}/delete                              confirm=P
needsView      GET /projects/{project}/connections
imports        POST /projects/{project}/connections/{connection}
needsEdit      POST /projects/{project}/connections/{connection}/remove
begins         GET /projects/{project}/connections/new
connects       POST /projects/{project}/connections/new                      name=Shop&type=sqlite&file=shop.db
begins         POST /projects/{project}/connections/new/url                 url=postgres://db.invalid/x
connects       POST /projects/{project}/connections/new/test                type=sqlite&file=shop.db
begins         GET /projects/{project}/connections/new/{type}

browses        GET /projects/{project}/browser/children
browses        GET /projects/{project}/browser/search                       ?q=orders
queries        GET /projects/{project}/browser/details                      ?path={connection}/orders
queries        POST /projects/{project}/browser/visit                       path={connection}/orders
queries        POST /projects/{project}/browser/preview                     path={connection}/orders
browses        GET /projects/{project}/browser/foot
refreshesHere  POST /projects/{project}/browser/refresh                     connection={connection}
browses        GET /projects/{project}/browser/pinned
browses        GET /projects/{project}/browser/recent
browses        GET /projects/{project}/browser/changes
browses        GET /projects/{project}/browser/outputs
queries        POST /projects/{project}/browser/pin                         path={connection}&pinned=false
annotates      POST /projects/{project}/browser/annotation                  path={connection}&description=x&updated=
queries        GET /projects/{project}/complete                             ?connection={connection}

needsEdit      POST /projects/{project}/cells                                kind=text
needsView      GET /projects/{project}/cells/{cell}
needsEdit      POST /projects/{project}/cells/{cell}                         source=x&version=1
needsEdit      POST /projects/{project}/cells/{cell}/move                   by=1
needsEdit      POST /projects/{project}/cells/{cell}/delete
needsEdit      POST /projects/{project}/cells/{cell}/run
needsEdit      POST /projects/{project}/cells/{cell}/cancel
needsView      GET /projects/{project}/cells/{cell}/output
needsView      GET /projects/{project}/cells/{cell}/rows
needsView      GET /projects/{project}/cells/{cell}/csv

signedIn       GET /api/v1/openapi.json
signedIn       GET /api/v1/connectors
signedIn       GET /api/v1/connectors/{type}
signedIn       GET /api/v1/connections
adminsAct      POST /api/v1/connections                                     {"name":"new{new}","type":"sqlite","config":{"file":"shop.db"}}
connects       POST /api/v1/connections                                     {"name":"Here","type":"sqlite","project_id":"{project}","config":{"file":"shop.db"}}
adminsAct      POST /api/v1/connections/test                                {"type":"sqlite","config":{"file":"shop.db"}}
connects       POST /api/v1/connections/test                                {"type":"sqlite","project_id":"{project}","config":{"file":"shop.db"}}
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
explains       GET /api/v1/access                                           ?user={user}&connection={connection}
explainsHere   GET /api/v1/access                                           ?user={user}&project={project}
adminOnly      GET /api/v1/users
adminOnly      POST /api/v1/users                                           {"email":"p{new}@example.com","name":"P","role":"viewer"}
adminOnly      GET /api/v1/users/{user}
adminOnly      PATCH /api/v1/users/{user}                                   {"name":"Other"}
adminOnly      DELETE /api/v1/users/{user}
adminOnly      GET /api/v1/users/{user}/sessions
adminOnly      DELETE /api/v1/users/{user}/sessions
adminOnly      DELETE /api/v1/users/{user}/sessions/{session}
adminOnly      GET /api/v1/groups
adminOnly      POST /api/v1/groups                                          {"name":"new{new}"}
adminOnly      PATCH /api/v1/groups/{group}                                 {"name":"new{new}"}
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
needsFull      GET /api/v1/projects/{project}/schedule
needsFull      PUT /api/v1/projects/{project}/schedule                       {"kind":"off"}
needsFull      GET /api/v1/projects/{project}/notifications
needsFull      POST /api/v1/projects/{project}/notifications                 {"kind":"webhook","to":"http://127.0.0.1:1/x"}
needsFull      DELETE /api/v1/projects/{project}/notifications/{target}
needsFull      GET /api/v1/projects/{project}/runs
needsFull      POST /api/v1/projects/{project}/runs
needsFull      GET /api/v1/projects/{project}/runs/{run}
needsView      GET /api/v1/projects/{project}/connections
imports        PUT /api/v1/projects/{project}/connections/{connection}
needsEdit      DELETE /api/v1/projects/{project}/connections/{connection}
needsView      GET /api/v1/projects/{project}/cells
needsEdit      POST /api/v1/projects/{project}/cells                         {"kind":"text"}
needsView      GET /api/v1/projects/{project}/cells/{cell}
needsEdit      PATCH /api/v1/projects/{project}/cells/{cell}                {"source":"x","version":1}
needsEdit      DELETE /api/v1/projects/{project}/cells/{cell}
needsEdit      POST /api/v1/projects/{project}/cells/{cell}/run
needsView      GET /api/v1/projects/{project}/cells/{cell}/result
runs           POST /api/v1/query                                           {"connection_id":"{connection}","sql":"select 1"}
runsHere       POST /api/v1/query                                           {"connection_id":"{connection}","project_id":"{project}","sql":"select 1"}
adminOnly      GET /api/v1/settings
adminOnly      PATCH /api/v1/settings                                       {"allow_project_connections":true}
adminOnly      GET /api/v1/audit
`

// The project's level for each role, in each world; * is downgraded. All but mine are an Admin's, shared with the workspace as
// Can edit (private: with nobody; guested: with the guest alone); mine is the Editor's own. Written from SPEC section 2.
const levelTable = `
#          admin  manager   editor    explorer  viewer  guest
open       full   edit      edit      explore   view    none
results    full   explore*  explore*  explore   view    none
locked     full   none      none      none      none    none
own        full   edit      edit      explore   view    none
off        full   edit      edit      explore   view    none
byadmins   full   edit      edit      explore   view    none
guested    full   none      none      none      none    edit
private    full   none      none      none      none    none
mine       full   none      full      none      none    none
draft      full   none      none      none      none    none
deleted    none   none      none      none      none    none
`

// Who has Can query on the world's connection, and so sees it: open's default is members, own's is Can edit on the project, and
// guested's is guests. off is own while the workspace allows no project connections, byadmins is open where Admins alone refresh. A
// draft exists for Admins alone.
const queryTable = `
#          admin  manager  editor  explorer  viewer  guest
open       yes    yes      yes     yes       yes     no
results    yes    no       no      no        no      no
locked     yes    no       no      no        no      no
own        yes    yes      yes     no        no      no
off        yes    yes      yes     no        no      no
byadmins   yes    yes      yes     yes       yes     no
guested    yes    no       no      no        no      yes
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

// runs is a statement on the connection: nobody's on a draft; and whom the project is open to that a connection belongs to is told
// that they may not query it.
func (f facts) runs() string {
	switch {
	case f.world == "draft":
		return f.ifSeen("refused")
	case f.world == "own" && !f.query && f.atLeast("view"):
		return "refused"
	}
	return f.ifSeen("passes")
}

// only names the worlds that are asked about some classes alone.
var only = map[string][]string{"off": {"begins", "connects", "editsIt"}, "byadmins": {"refreshes", "refreshesHere"}}

// classes say what callers who are signed in, with a token that may be used for the method, are answered.
var classes = map[string]func(facts) string{
	"open":      func(facts) string { return "any" },
	"signedIn":  func(facts) string { return "passes" },
	"leaves":    nil, // of sessions that begin or end: TestSignOutEndsWhatRuns, TestTwoStepSignIn
	"stream":    nil, // does not end; TestAdminRoutesRefuseEveryoneElse and TestAccessStream have the refusals
	"adminOnly": facts.refusedUnlessAdmin,
	"adminsAct": facts.refusedUnlessAdmin,
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
	"ofLink": func(f facts) string { // whoever may see the results may view what is shared with the web
		if !f.atLeast("view") && f.world != "locked" && f.world != "deleted" {
			return "refused"
		}
		return f.needs("full")
	},
	"tells": func(f facts) string { // project connections tell nobody
		if answer := f.refusedUnlessAdmin(); answer != "passes" || f.world != "own" {
			return answer
		}
		return "hidden"
	},
	"begins": func(f facts) string { return f.needs("edit") }, // makes nothing yet
	"connects": func(f facts) string { // not guests, whatever they may edit, and nobody while the setting is off
		if answer := f.needs("edit"); answer != "passes" || f.caller.role != "guest" && f.world != "off" {
			return answer
		}
		return "refused"
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
	"sees": func(f facts) string { return f.ifSeen("passes") },
	"editsIt": func(f facts) string {
		switch {
		case f.admin() && f.caller.scope == "write": // an Admin's connections take a token of scope admin
			return f.ifSeen("refused")
		case f.admin() || f.world == "own":
			return f.ifSeen("passes")
		}
		return f.ifSeen("refused")
	},
	"refreshes": func(f facts) string {
		if f.world == "byadmins" && !f.admin() {
			return f.ifSeen("refused")
		}
		return f.ifSeen("passes")
	},
	"refreshesHere": func(f facts) string {
		if answer := f.needs("view"); answer != "passes" {
			return answer
		}
		if f.world == "byadmins" && !f.admin() {
			return f.ifSeen("refused")
		}
		return f.ifSeen("passes")
	},
	"runs": facts.runs,
	"runsHere": func(f facts) string {
		if answer := f.runs(); answer != "passes" {
			return answer
		}
		return f.needs("edit")
	},
	"explains": func(f facts) string { // about the Viewer
		if f.admin() || f.caller.role == "viewer" {
			return f.ifSeen("passes")
		}
		return "refused"
	},
	"explainsHere": func(f facts) string { // whoever is locked out is told why
		switch {
		case f.caller.role == "viewer" && f.world == "locked":
			return "passes"
		case f.admin() || f.caller.role == "viewer":
			return f.needs("view")
		}
		return "refused"
	},
}

// A caller is someone with a session (scope "") or a token.
type caller struct {
	role, scope string
	changing    bool // the method is not GET
}

// A matrixRow is one line of the table.
type matrixRow struct{ class, pattern, body string }

// about says whether the row's call names an object of a kind, in its path or its body.
func (r matrixRow) about(part string) bool { return strings.Contains(r.pattern+" "+r.body, part) }

// matrixRows are the rows of each route: one, or one for each kind of object that its body can name.
func matrixRows(t *testing.T) map[string][]matrixRow {
	t.Helper()
	rows := map[string][]matrixRow{}
	for _, line := range strings.Split(matrix, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		row := matrixRow{class: f[0], pattern: f[1] + " " + f[2], body: strings.Join(f[3:], " ")}
		if _, ok := classes[row.class]; !ok {
			t.Errorf("%s has class %s, which does not exist", row.pattern, row.class)
		}
		if slices.ContainsFunc(rows[row.pattern], func(other matrixRow) bool { return other.class == row.class }) {
			t.Errorf("%s has two rows of class %s", row.pattern, row.class)
		}
		rows[row.pattern] = append(rows[row.pattern], row)
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

// objects are what one call's path and body name.
type objects map[string]string

// fill puts the objects in their places.
func (o objects) fill(text string) string {
	return parameterPattern.ReplaceAllStringFunc(text, func(part string) string {
		if v, ok := o[part]; ok {
			return v
		}
		return part
	})
}

// A matrixSite is a site with a connection for each world.
type matrixSite struct {
	*site
	connections map[string]string
	tokens      map[string]string
	made        int
	read        map[string]objects // of calls that change nothing
	done        map[string]bool    // acts that somebody was let do, and did
}

// connection makes the connection of a world; that of own is made with its project.
func (m *matrixSite) connection(world string) string {
	in := workspace.ConnectionInput{}
	switch world {
	case "results":
		in.CanQuery = []string{}
	case "locked":
		in.CanQuery, in.CanViewResults = []string{}, []string{}
	case "guested":
		in.CanQuery = []string{access.GroupGuests}
	case "byadmins":
		in.RefreshAdminsOnly = true
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
func (m *matrixSite) objects(world string, row matrixRow, c caller) objects {
	key := world + row.pattern + row.body
	if o, ok := m.read[key]; ok && !c.changing {
		return o
	}
	m.made++
	o := objects{"{type}": "sqlite", "{$}": "", "{token}": "none", "{user}": m.users["viewer"].ID, "{run}": "none", "{provider}": "none", "{target}": "none", "{link}": "none",
		"{session}": "none", "{name}": "none", "{seen}": "none", "{shown}": "none", "{new}": fmt.Sprint(m.made)}
	m.people(o, row, c)
	o["{id}"] = m.connections[world]
	switch {
	case row.about("/providers/"):
		m.provider(o)
	case world == "deleted":
		o["{project}"], o["{id}"], o["{connection}"], o["{cell}"] = "gone", "gone", "gone", "gone"
	default:
		if row.about("{id}") && c.changing && c.role == "admin" && world != "own" && world != "off" {
			o["{id}"] = m.connection(world)
		}
		if row.about("{project}") || world == "own" || world == "off" {
			m.inProject(o, world, row)
		}
		m.ofConnection(o, world, row, c)
	}
	if !c.changing {
		m.read[key] = o
	}
	return o
}

// people makes whom a call is about: acts change an account of their own.
func (m *matrixSite) people(o objects, row matrixRow, c caller) {
	ctx, admin := m.t.Context(), m.actor("admin")
	if row.about("{user}") && c.changing && !row.about("{session}") && !row.about("{token}") {
		in := workspace.UserInput{Email: fmt.Sprintf("u%d@example.com", m.made), Name: "U", Role: access.RoleViewer}
		if row.about("/reset") {
			in.PasswordHash = "of no password"
		}
		u, err := m.server.Workspace.CreateUser(ctx, admin, in)
		m.check(err)
		o["{user}"], o["{name}"] = u.ID, u.Email
	}
	if row.about("{group}") {
		g, err := m.server.Workspace.CreateGroup(ctx, admin, fmt.Sprint("g", m.made))
		m.check(err)
		m.check(m.server.Workspace.SetMember(ctx, admin, g.ID, o["{user}"], true))
		o["{group}"], o["{name}"] = g.ID, g.Name
	}
	whose := c.role
	if row.about("{user}") {
		whose = "viewer"
	}
	if row.about("{token}") && c.role != "" {
		_, token, err := m.server.Auth.CreateAPIToken(ctx, m.actor(whose), m.users[whose].ID, "x", access.ScopeRead, time.Now().Add(time.Hour))
		m.check(err)
		o["{token}"] = token.ID
	}
	if row.about("{session}") && c.role != "" && (!row.about("{user}") || c.role == "admin") {
		o["{session}"] = m.session(whose)
	}
}

// session signs someone in once more.
func (m *matrixSite) session(name string) string {
	m.t.Helper()
	ids := func() (ids []string) {
		all, err := m.server.Store.UserSessions(m.t.Context(), m.users[name].ID)
		m.check(err)
		for _, one := range all {
			ids = append(ids, one.ID)
		}
		return ids
	}
	before := ids()
	m.send(client(), "POST", "/sign-in", url.Values{"email": {m.users[name].Email}, "password": {password}}, nil)
	for _, id := range ids() {
		if !slices.Contains(before, id) {
			return id
		}
	}
	m.t.Fatalf("%s has no new session", name)
	return ""
}

func (m *matrixSite) provider(o objects) {
	o["{id}"], o["{name}"] = fmt.Sprint("idp", m.made), fmt.Sprint("Provider ", m.made)
	_, err := m.server.Auth.CreateProvider(m.t.Context(), m.actor("admin"), auth.ProviderInput{ID: o["{id}"], Name: o["{name}"], Issuer: "https://idp.invalid",
		ClientID: "x", Scopes: "openid", DefaultRole: access.RoleViewer})
	m.check(err)
}

// inProject makes a project that uses the world's connection, with a cell that has run where the call is about its result.
func (m *matrixSite) inProject(o objects, world string, row matrixRow) {
	ctx, admin := m.t.Context(), m.actor("admin")
	owner := "admin"
	shares := []access.Share{{To: "workspace", Access: access.Edit}}
	switch world {
	case "mine":
		owner, shares = "editor", nil
	case "private":
		shares = nil
	case "guested":
		shares = []access.Share{{To: "user:" + m.users["guest"].ID, Access: access.Edit}}
	}
	p := m.project(owner, "P", shares...)
	o["{project}"] = p.ID
	if world == "own" || world == "off" {
		own, err := m.server.Workspace.CreateConnection(ctx, admin, workspace.ConnectionInput{Name: fmt.Sprint("Own", m.made), Type: "sqlite", ProjectID: p.ID, Values: connectors.Values{"file": "shop.db"}})
		m.check(err)
		o["{id}"] = own.ID
		runs, err := m.server.Store.Runs(ctx, own.ID, 1, "")
		m.check(err)
		m.check(m.server.Refresh.Wait(ctx, runs[0].ID))
	} else {
		m.check(m.server.Workspace.Import(ctx, admin, p.ID, o["{id}"]))
	}
	cell, err := m.server.Notebook.CreateCell(ctx, admin, p.ID, notebook.NewCell{Kind: notebook.KindSQL, ConnectionID: o["{id}"], Source: "select 1 as one"})
	m.check(err)
	o["{cell}"] = cell.ID
	if slices.Contains([]string{"rows", "csv", "result", "cancel"}, path.Base(row.pattern)) {
		res, err := m.server.Notebook.RunCell(ctx, admin, p.ID, cell.ID)
		m.check(err)
		states, err := m.server.Query.Follow(ctx, admin, res.ID)
		m.check(err)
		for range states { // until it has ended
		}
	}
	if row.about("{target}") {
		target, _, err := m.server.Workspace.AddProjectTarget(ctx, admin, p.ID, workspace.ProjectTargetInput{Kind: "webhook", To: "http://127.0.0.1:1/x"})
		m.check(err)
		o["{target}"] = target.ID
	}
	if row.about("{run}") {
		run, err := m.server.Projects.Start(ctx, admin, p.ID)
		m.check(err)
		o["{run}"] = run.ID
	}
	if row.about("{link}") {
		_, err := m.server.Auth.CreateWebLink(ctx, m.actor(owner), p.ID, "Board", time.Time{})
		m.check(err)
		links, err := m.server.Store.WebLinks(ctx, p.ID)
		m.check(err)
		o["{link}"] = links[0].ID
	}
}

// ofConnection adds what belongs to the call's connection.
func (m *matrixSite) ofConnection(o objects, world string, row matrixRow, c caller) {
	ctx, admin := m.t.Context(), m.actor("admin")
	o["{connection}"] = o["{id}"]
	if row.about("{run}") && !row.about("{project}") {
		runs, err := m.server.Store.Runs(ctx, o["{id}"], 1, "")
		m.check(err)
		o["{run}"] = runs[0].ID
	}
	if row.about("/connections/{id}") && row.about("{name}") {
		kept, err := m.server.Store.Connection(ctx, o["{id}"])
		m.check(err)
		o["{name}"] = kept.Name
	}
	if row.about("{shown}") && world != "own" {
		var err error
		o["{seen}"], err = m.server.Workspace.PermissionsSeen(ctx, o["{id}"])
		m.check(err)
		found, err := m.server.Workspace.PreviewPermissions(ctx, admin, o["{id}"], workspace.Permissions{CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupPublic}})
		m.check(err)
		o["{shown}"], err = found.Mark()
		m.check(err)
	}
	if row.about("{target}") && !row.about("{project}") && world != "own" && c.role == "admin" {
		_, err := m.server.Workspace.AddTarget(ctx, admin, o["{id}"], workspace.TargetInput{Kind: "webhook", Address: "http://127.0.0.1:1/x", Events: []string{store.EventSchemaChanged}})
		m.check(err)
		m.check(m.server.Store.View(ctx, func(tx *store.Tx) error {
			targets, err := tx.Targets(o["{id}"])
			o["{target}"] = targets[len(targets)-1].ID
			return err
		}))
	}
}

// The answer to a call is what its class says, for every role, token and state of its objects (SPEC section 2, P18).
func TestMatrix(t *testing.T) {
	rows, levels, queries := matrixRows(t), tableOf(levelTable), tableOf(queryTable)
	m := &matrixSite{site: newSite(t), connections: map[string]string{}, tokens: map[string]string{}, read: map[string]objects{}, done: map[string]bool{}}
	for _, role := range access.Roles {
		m.person(role)
	}
	for _, scope := range []access.Scope{access.ScopeRead, access.ScopeWrite, access.ScopeAdmin} {
		for _, role := range []string{"admin", "editor"} {
			m.tokens[role+string(scope)] = m.token(role, scope)
		}
	}
	for _, world := range []string{"open", "results", "locked", "byadmins", "guested", "private", "mine", "draft"} {
		m.connections[world] = m.connection(world)
	}
	callers := []caller{{}}
	for _, role := range access.Roles {
		callers = append(callers, caller{role: string(role)})
	}
	for _, scope := range []string{"read", "write", "admin"} {
		callers = append(callers, caller{role: "editor", scope: scope}, caller{role: "admin", scope: scope})
	}
	m.server.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	var later atomic.Int64
	m.server.Workspace.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	asked, began := 0, time.Now()
	for _, rt := range routes {
		for _, row := range rows[rt.pattern] {
			decide := classes[row.class]
			if decide == nil {
				continue // TestMatrixHasEveryRoute
			}
			method, path, _ := strings.Cut(rt.pattern, " ")
			aboutObject := row.about("{project}") || row.about("{connection}") || row.about("/connections/{id}")
			for world := range levels {
				if !aboutObject && world != "open" || world == "draft" && (row.about("{project}") || row.about("{run}")) ||
					(world == "own" || world == "off") && strings.Contains(path, "{connection}") || only[world] != nil && !slices.Contains(only[world], row.class) {
					continue // the world makes no difference, or cannot be
				}
				for _, c := range callers {
					if c.scope != "" && !strings.HasPrefix(path, "/api/") {
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
					o := m.objects(world, row, c)
					m.site.later.Store(-int64(time.Since(began))) // however long it takes, everyone proved a moment ago who they are
					if strings.Contains(path, "test") {
						later.Add(int64(time.Minute)) // everyone may test a few times a minute
					}
					if world == "off" {
						m.allowProjectConnections(false)
					}
					a := m.call(c, method, o.fill(path), o.fill(row.body))
					if world == "off" {
						m.allowProjectConnections(true)
					}
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
	}
	m.allDone(rows)
	t.Logf("%d calls", asked)
}

func (m *matrixSite) allowProjectConnections(on bool) {
	m.check(m.server.Workspace.SetSettings(m.t.Context(), m.actor("admin"), workspace.Settings{AllowProjectConnections: on}))
}

// call sends a body as its kind: a query begins with a question mark, JSON with a brace, a form with neither.
func (m *matrixSite) call(c caller, method, path, body string) answer {
	header := http.Header{}
	client := m.clients[c.role]
	if c.scope != "" {
		client, header = http.DefaultClient, http.Header{"Authorization": {"Bearer " + m.tokens[c.role+c.scope]}}
	}
	if strings.HasPrefix(body, "?") {
		path, body = path+body, ""
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
var unaudited = []string{"POST /api/v1/connections/{id}/filter/preview", "POST /api/v1/connections/{id}/permissions/preview", "POST /settings/new-connection/url",
	"POST /projects/{project}/connections/new/url", "POST /projects/{project}/browser/visit", "POST /settings/sign-in/providers/{id}/rules/arrange",
	"POST /settings/sign-in/providers/{id}/try", "POST /theme"}

// elsewhere are the acts that need more than a fixture to be let through, with the test that does them.
var elsewhere = map[string]string{
	"POST /settings/people/{user}/totp/remove":            "TestTwoStepSignIn",
	"POST /settings/account/totp/confirm":                 "TestTwoStepSignIn",
	"POST /settings/account/totp/off":                     "TestTwoStepSignIn",
	"POST /settings/connections/{id}/runs/{run}/apply":    "TestRefreshThatNeedsALook",
	"POST /settings/connections/{id}/runs/{run}/keep":     "TestRefreshThatNeedsALook",
	"POST /api/v1/connections/{id}/refreshes/{run}/apply": "TestRefreshThatNeedsALook",
	"POST /api/v1/connections/{id}/refreshes/{run}/keep":  "TestRefreshThatNeedsALook",
}

// allDone checks that somebody was let do each act, so that what it keeps in the audit log was looked at.
func (m *matrixSite) allDone(rows map[string][]matrixRow) {
	m.t.Helper()
	for pattern, of := range rows {
		class := of[0].class
		if strings.HasPrefix(pattern, "GET ") || class == "open" || classes[class] == nil || slices.Contains(unaudited, pattern) {
			continue
		}
		if m.done[pattern] == (elsewhere[pattern] != "") {
			m.t.Errorf("%s: somebody was let do it: %v, it is done elsewhere: %q", pattern, m.done[pattern], elsewhere[pattern])
		}
	}
	files, err := filepath.Glob("*_test.go")
	m.check(err)
	var tests strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		m.check(err)
		tests.Write(source)
	}
	for pattern, test := range elsewhere {
		if !strings.Contains(tests.String(), "\nfunc "+test+"(") {
			m.t.Errorf("%s is done in %s, which does not exist", pattern, test)
		}
	}
}

// kept checks that an act left exactly one row in the audit log, and a refusal exactly one that says so (P52).
func (m *matrixSite) kept(pattern, world string, c caller, a answer) {
	m.t.Helper()
	id := a.header.Get("X-Request-Id")
	kept, outcomes := m.auditOf(id)
	for end := time.Now().Add(time.Minute); strings.HasSuffix(pattern, "/run") && a.status < 400 && len(kept) == 0 && time.Now().Before(end); kept, outcomes = m.auditOf(id) {
		time.Sleep(5 * time.Millisecond) // a cell runs on after the answer, and its row is written before its first row of a result
	}
	m.done[pattern] = m.done[pattern] || a.status < 400
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

// auditOf are the actions and outcomes that the audit log has of one request, the latest first.
func (m *matrixSite) auditOf(requestID string) (actions, outcomes []string) {
	m.t.Helper()
	rows, err := m.server.Store.AuditRows(m.t.Context(), store.AuditFilter{Limit: 30})
	m.check(err)
	for _, row := range rows {
		if row.RequestID == requestID {
			actions, outcomes = append(actions, row.Action), append(outcomes, row.Outcome)
		}
	}
	return actions, outcomes
}
