package handlers

import (
	"net/http"

	"patchbay/access"
)

// A route is one address, who may call it, and what answers. Rules about single objects are asked by the act itself, with the
// object named (SPEC section 2).
type route struct {
	pattern string
	who     rule
	handle  handler
}

type handler = func(*Server, http.ResponseWriter, *http.Request, access.Actor) error

// atOnce answers from one moment of the store, in which each thing is read once however many parts of the answer ask for it. It is
// over before the answer leaves: whoever takes that slowly holds none of the store's few connections.
func atOnce(answer handler) handler {
	return func(s *Server, w http.ResponseWriter, r *http.Request, who access.Actor) error {
		ctx, end := s.Store.Snapshot(r.Context())
		defer end()
		return answer(s, &endsBefore{w, end}, r.WithContext(ctx), who)
	}
}

// An endsBefore ends something before the first byte of an answer leaves.
type endsBefore struct {
	http.ResponseWriter
	end func()
}

// WriteHeader implements http.ResponseWriter.
func (e *endsBefore) WriteHeader(status int) {
	e.end()
	e.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (e *endsBefore) Write(b []byte) (int, error) {
	e.end()
	return e.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (e *endsBefore) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// A rule says who may call a route at all.
type rule int

const (
	anyone        rule = iota // before sign-in: must never open an outgoing connection (P2)
	signedIn                  // every user; what they may do with the object, the act decides
	asking                    // signedIn, and a token of scope read is enough for a POST: it asks, and changes nothing
	admin                     // Admins only
	signedInFresh             // signedIn, and the password was given within minutes (P45)
	adminFresh                // admin, likewise
)

// forAdmins says whether the rule lets Admins alone in.
func (who rule) forAdmins() bool { return who == admin || who == adminFresh }

// fresh says whether the rule asks for the password again where it was given long ago.
func (who rule) fresh() bool { return who == signedInFresh || who == adminFresh }

// allow refuses a caller that the rule does not let in, and a token whose scope is too small for the method.
func (who rule) allow(a access.Actor, r *http.Request) error {
	if who == anyone {
		return nil
	}
	if a.Anonymous() {
		return errSignedOut
	}
	need := access.ScopeRead
	if r.Method != http.MethodGet && who != asking {
		need = access.ScopeWrite
		if who.forAdmins() {
			need = access.ScopeAdmin
		}
	}
	if err := access.ScopeAllows(a, need); err != nil {
		return err
	}
	if who.forAdmins() {
		return access.AdminOnly(a, r.Method+" "+r.URL.Path)
	}
	return nil
}

// routes is every address of the server, static files excepted.
var routes = []route{
	{"GET /healthz", anyone, (*Server).healthz},
	{"GET /readyz", anyone, (*Server).readyz},
	{"GET /metrics", admin, (*Server).metrics},

	// Signing in.
	{"GET /setup", anyone, (*Server).setupPage},
	{"POST /setup", anyone, (*Server).completeSetup},
	{"GET /sign-in", anyone, (*Server).signInPage},
	{"POST /sign-in", anyone, (*Server).signIn},
	{"GET /sign-in/code", anyone, (*Server).codePage},
	{"POST /sign-in/code", anyone, (*Server).signInWithCode},
	{"POST /sign-out", signedIn, (*Server).signOut},
	{"GET /signed-out", anyone, (*Server).signedOut},
	{"GET /auth/oidc/{provider}/start", anyone, (*Server).startProvider},
	{"GET /auth/oidc/{provider}/callback", anyone, (*Server).finishProvider},
	{"POST /auth/oidc/{provider}/logout", anyone, (*Server).backchannelLogout},
	{"GET /auth/confirmed", signedIn, (*Server).confirmedPage},
	{"GET /invite/{token}", anyone, (*Server).invitePage},
	{"POST /invite/{token}", anyone, (*Server).acceptInvite},
	{"GET /share/{token}", anyone, (*Server).sharedApp},
	{"GET /share/{token}/access", anyone, (*Server).sharedAccess},
	{"POST /theme", anyone, (*Server).setTheme},
	{"GET /{$}", signedIn, atOnce((*Server).home)},
	{"GET /find", signedIn, (*Server).findAnything},

	// Settings: people, groups, the own account and its tokens.
	{"GET /settings/people", admin, (*Server).people},
	{"POST /settings/people", adminFresh, (*Server).invite},
	{"GET /settings/people/{user}", admin, (*Server).person},
	{"POST /settings/people/{user}", adminFresh, (*Server).updatePerson},
	{"POST /settings/people/{user}/role", adminFresh, (*Server).setRole},
	{"POST /settings/people/{user}/disabled", adminFresh, (*Server).setDisabled},
	{"POST /settings/people/{user}/invite", adminFresh, (*Server).reinvite},
	{"POST /settings/people/{user}/reset", adminFresh, (*Server).resetPassword},
	{"POST /settings/people/{user}/totp/remove", adminFresh, (*Server).removeTOTP},
	{"POST /settings/people/{user}/sessions/end", admin, (*Server).endSession},
	{"POST /settings/people/{user}/tokens/{token}/revoke", admin, (*Server).revokePersonToken},
	{"GET /settings/people/{user}/delete", admin, (*Server).deletePersonPage},
	{"POST /settings/people/{user}/delete", adminFresh, (*Server).deletePerson},
	{"GET /settings/groups", admin, (*Server).groups},
	{"POST /settings/groups", admin, (*Server).createGroup},
	{"GET /settings/groups/{group}", admin, (*Server).group},
	{"POST /settings/groups/{group}", admin, (*Server).renameGroup},
	{"POST /settings/groups/{group}/members", admin, (*Server).addMember},
	{"POST /settings/groups/{group}/members/{user}/remove", admin, (*Server).removeMember},
	{"GET /settings/groups/{group}/delete", admin, (*Server).deleteGroupPage},
	{"POST /settings/groups/{group}/delete", admin, (*Server).deleteGroup},
	{"GET /settings/account", signedIn, (*Server).account},
	{"POST /settings/account", signedIn, (*Server).renameAccount},
	{"POST /settings/account/password", signedIn, (*Server).changePassword},
	{"POST /settings/account/sessions/end", signedIn, (*Server).endOwnSession},
	{"POST /settings/account/sessions/end-others", signedIn, (*Server).endOtherSessions},
	{"POST /settings/account/totp", signedInFresh, (*Server).beginTOTP},
	{"POST /settings/account/totp/confirm", signedInFresh, (*Server).confirmTOTP},
	{"POST /settings/account/totp/off", signedIn, (*Server).turnOffTOTP},
	{"GET /settings/tokens", signedIn, (*Server).tokens},
	{"POST /settings/tokens", signedInFresh, (*Server).createToken},
	{"POST /settings/tokens/{token}/revoke", signedIn, (*Server).revokeToken},

	// Settings: how people sign in.
	{"GET /settings/sign-in", admin, (*Server).signInSettings},
	{"POST /settings/sign-in/local", adminFresh, (*Server).setLocalSignIn},
	{"GET /settings/sign-in/new-provider", admin, (*Server).newProvider},
	{"POST /settings/sign-in/new-provider", adminFresh, (*Server).createProvider},
	{"POST /settings/sign-in/discovery", admin, (*Server).testDiscovery},
	{"GET /settings/sign-in/providers/{id}", admin, (*Server).providerPage},
	{"POST /settings/sign-in/providers/{id}", adminFresh, (*Server).updateProvider},
	{"POST /settings/sign-in/providers/{id}/rules", adminFresh, (*Server).saveRules},
	{"POST /settings/sign-in/providers/{id}/rules/arrange", admin, (*Server).arrangeRules},
	{"POST /settings/sign-in/providers/{id}/try", admin, (*Server).tryToken},
	{"POST /settings/sign-in/providers/{id}/delete", adminFresh, (*Server).deleteProvider},

	// Settings: the audit log.
	{"GET /settings/audit", admin, (*Server).audit},
	{"GET /settings/audit/chain", admin, (*Server).auditChain},
	{"POST /settings/audit/verify", admin, (*Server).verifyAudit},
	{"POST /settings/audit/export", admin, (*Server).exportAudit},
	// Settings: the workspace, and why someone may or may not.
	{"GET /settings/workspace", admin, (*Server).workspaceSettings},
	{"POST /settings/workspace", admin, (*Server).saveWorkspaceSettings},
	{"GET /settings/access", admin, (*Server).explainAccess},

	// Settings: data sources.
	{"GET /settings/project-connections", admin, (*Server).allProjectConnections},
	{"GET /settings/connections", admin, atOnce((*Server).connections)},
	{"GET /settings/new-connection", admin, (*Server).newConnection},
	{"POST /settings/new-connection", admin, (*Server).createConnection},
	{"POST /settings/new-connection/url", admin, (*Server).connectionByURL},
	{"POST /settings/new-connection/test", admin, (*Server).testConnection},
	{"GET /settings/new-connection/{type}", admin, (*Server).newConnectionForm},
	{"GET /settings/connections/{id}", admin, connectionTab("overview")},
	{"GET /settings/connections/{id}/usage", admin, connectionTab("usage")},
	{"GET /settings/connections/{id}/activity", admin, connectionTab("activity")},
	{"GET /settings/connections/{id}/schedule", admin, connectionTab("schedule")},
	{"POST /settings/connections/{id}/schedule", admin, (*Server).saveSchedule},
	{"GET /settings/connections/{id}/permissions", admin, connectionTab("permissions")},
	{"POST /settings/connections/{id}/permissions", admin, (*Server).savePermissions},
	{"GET /settings/connections/{id}/share", admin, (*Server).shareConnectionPage},
	{"POST /settings/connections/{id}/share", admin, (*Server).shareConnection},
	{"GET /settings/connections/{id}/filter", admin, (*Server).filterTab},
	{"POST /settings/connections/{id}/filter", admin, (*Server).saveFilter},
	{"GET /settings/connections/{id}/refreshes", admin, (*Server).refreshes},
	{"GET /settings/connections/{id}/refreshes/{run}", admin, (*Server).refreshPage},
	{"GET /settings/connections/{id}/notifications", admin, (*Server).notifications},
	{"POST /settings/connections/{id}/notifications", admin, (*Server).addTarget},
	{"POST /settings/connections/{id}/notifications/{target}/test", admin, (*Server).testTarget},
	{"POST /settings/connections/{id}/notifications/{target}/remove", admin, (*Server).removeTarget},
	{"GET /settings/connections/{id}/status", admin, (*Server).connectionStatus},
	{"GET /settings/connections/{id}/events", admin, (*Server).connectionEvents},
	{"GET /settings/connections/{id}/edit", admin, (*Server).editConnection},
	{"POST /settings/connections/{id}", admin, (*Server).updateConnection},
	{"POST /settings/connections/{id}/test", admin, (*Server).testEdited},
	{"POST /settings/connections/{id}/refresh", admin, (*Server).refreshConnection},
	{"POST /settings/connections/{id}/runs/{run}/cancel", admin, (*Server).cancelRun},
	{"POST /settings/connections/{id}/runs/{run}/apply", admin, (*Server).applyRemovals},
	{"POST /settings/connections/{id}/runs/{run}/keep", admin, (*Server).keepCatalog},
	{"POST /settings/connections/{id}/duplicate", admin, (*Server).duplicateConnection},
	{"GET /settings/connections/{id}/delete", admin, (*Server).deleteConnectionPage},
	{"POST /settings/connections/{id}/delete", admin, (*Server).deleteConnection},
	{"GET /settings/schedule-preview", signedIn, (*Server).schedulePreview},

	// Projects.
	{"GET /projects", signedIn, atOnce((*Server).projects)},
	{"POST /projects", signedIn, (*Server).createProject},
	{"GET /projects/{project}", signedIn, atOnce((*Server).notebook)},
	{"GET /projects/{project}/app", signedIn, atOnce((*Server).app)},
	{"GET /projects/{project}/access", signedIn, (*Server).projectAccess},
	{"GET /projects/{project}/share", signedIn, (*Server).sharing},
	{"POST /projects/{project}/share", signedIn, (*Server).share},
	{"GET /projects/{project}/share/people", signedIn, (*Server).findPeople},
	{"POST /projects/{project}/share/links", signedInFresh, (*Server).createWebLink},
	{"POST /projects/{project}/share/links/{link}/replace", signedInFresh, (*Server).replaceWebLink},
	{"POST /projects/{project}/share/links/{link}/revoke", signedIn, (*Server).revokeWebLink},
	{"GET /projects/{project}/schedule", signedIn, (*Server).projectSchedule},
	{"POST /projects/{project}/schedule", signedIn, (*Server).saveProjectSchedule},
	{"GET /projects/{project}/schedule/runs", signedIn, (*Server).projectRuns},
	{"POST /projects/{project}/schedule/run", signedIn, (*Server).runProject},
	{"POST /projects/{project}/notifications", signedIn, (*Server).addProjectTarget},
	{"POST /projects/{project}/notifications/{target}/test", signedIn, (*Server).testProjectTarget},
	{"POST /projects/{project}/notifications/{target}/remove", signedIn, (*Server).removeProjectTarget},
	{"POST /projects/{project}/name", signedIn, (*Server).renameProject},
	{"GET /projects/{project}/delete", signedIn, (*Server).deleteProjectPage},
	{"POST /projects/{project}/delete", signedIn, (*Server).deleteProject},
	{"GET /projects/{project}/connections", signedIn, atOnce((*Server).projectConnections)},
	{"POST /projects/{project}/connections/{connection}", signedIn, (*Server).importConnection},
	{"POST /projects/{project}/connections/{connection}/remove", signedIn, (*Server).stopImport},
	{"GET /projects/{project}/connections/new", signedIn, (*Server).newConnection},
	{"POST /projects/{project}/connections/new", signedIn, (*Server).createConnection},
	{"POST /projects/{project}/connections/new/url", signedIn, (*Server).connectionByURL},
	{"POST /projects/{project}/connections/new/test", signedIn, (*Server).testConnection},
	{"GET /projects/{project}/connections/new/{type}", signedIn, (*Server).newConnectionForm},

	// The data browser of a project.
	{"GET /projects/{project}/browser/children", signedIn, atOnce((*Server).browserChildren)},
	{"GET /projects/{project}/browser/search", signedIn, atOnce((*Server).browserSearch)},
	{"GET /projects/{project}/browser/details", signedIn, (*Server).browserDetails},
	{"POST /projects/{project}/browser/visit", signedIn, (*Server).browserVisit},
	{"POST /projects/{project}/browser/preview", signedIn, (*Server).browserPreview},
	{"GET /projects/{project}/browser/foot", signedIn, atOnce((*Server).browserFoot)},
	{"POST /projects/{project}/browser/refresh", signedIn, (*Server).browserRefresh},
	{"GET /projects/{project}/browser/pinned", signedIn, atOnce((*Server).browserPinned)},
	{"POST /projects/{project}/browser/pin", signedIn, (*Server).browserPin},
	{"GET /projects/{project}/browser/recent", signedIn, atOnce((*Server).browserRecent)},
	{"GET /projects/{project}/browser/changes", signedIn, atOnce((*Server).browserChanges)},
	{"GET /projects/{project}/browser/outputs", signedIn, atOnce((*Server).browserOutputs)},
	{"POST /projects/{project}/browser/annotation", signedIn, (*Server).browserAnnotate},
	{"GET /projects/{project}/complete", signedIn, atOnce((*Server).complete)},

	// Cells.
	{"POST /projects/{project}/cells", signedIn, (*Server).addCell},
	{"GET /projects/{project}/cells/{cell}", signedIn, atOnce((*Server).cell)},
	{"POST /projects/{project}/cells/{cell}", signedIn, (*Server).saveCell},
	{"POST /projects/{project}/cells/{cell}/move", signedIn, (*Server).moveCell},
	{"POST /projects/{project}/cells/{cell}/delete", signedIn, (*Server).deleteCell},
	{"POST /projects/{project}/cells/{cell}/run", signedIn, (*Server).runCell},
	{"POST /projects/{project}/cells/{cell}/cancel", signedIn, (*Server).cancelCell},
	{"GET /projects/{project}/cells/{cell}/output", signedIn, (*Server).cellOutput},
	{"GET /projects/{project}/cells/{cell}/rows", signedIn, (*Server).cellRows},
	{"GET /projects/{project}/cells/{cell}/csv", signedIn, (*Server).cellCSV},

	// The API (SPEC section 10); openapi.go describes it.
	{"GET /api/v1/openapi.json", signedIn, (*Server).apiDocument},
	{"GET /api/v1/connectors", signedIn, (*Server).apiConnectors},
	{"GET /api/v1/connectors/{type}", signedIn, (*Server).apiConnector},
	{"GET /api/v1/connections", signedIn, atOnce((*Server).apiConnections)},
	{"POST /api/v1/connections", signedIn, (*Server).apiCreateConnection},
	{"POST /api/v1/connections/test", signedIn, (*Server).apiTestConnection},
	{"GET /api/v1/connections/{id}", signedIn, atOnce((*Server).apiConnection)},
	{"PATCH /api/v1/connections/{id}", signedIn, (*Server).apiUpdateConnection},
	{"DELETE /api/v1/connections/{id}", signedIn, (*Server).apiDeleteConnection},
	{"POST /api/v1/connections/{id}/test", signedIn, (*Server).apiTestSaved},
	{"POST /api/v1/connections/{id}/refresh", signedIn, (*Server).apiStartRefresh},
	{"GET /api/v1/connections/{id}/refreshes", signedIn, (*Server).apiRefreshes},
	{"GET /api/v1/connections/{id}/refreshes/{run}", signedIn, (*Server).apiRefresh},
	{"GET /api/v1/connections/{id}/refreshes/{run}/changes", signedIn, (*Server).apiChanges},
	{"POST /api/v1/connections/{id}/refreshes/{run}/cancel", signedIn, (*Server).apiCancelRefresh},
	{"POST /api/v1/connections/{id}/refreshes/{run}/apply", admin, (*Server).apiApplyRemovals},
	{"POST /api/v1/connections/{id}/refreshes/{run}/keep", admin, (*Server).apiKeepCatalog},
	{"GET /api/v1/connections/{id}/catalog", signedIn, atOnce((*Server).apiCatalog)},
	{"GET /api/v1/catalog/search", signedIn, atOnce((*Server).apiSearch)},
	{"GET /api/v1/connections/{id}/annotations", signedIn, (*Server).apiGetAnnotation},
	{"PUT /api/v1/connections/{id}/annotations", admin, (*Server).apiSetAnnotation},
	{"GET /api/v1/connections/{id}/schedule", admin, (*Server).apiGetSchedule},
	{"PUT /api/v1/connections/{id}/schedule", admin, (*Server).apiSetSchedule},
	{"GET /api/v1/connections/{id}/filter", admin, (*Server).apiGetFilter},
	{"PUT /api/v1/connections/{id}/filter", admin, (*Server).apiSetFilter},
	{"POST /api/v1/connections/{id}/filter/preview", admin, (*Server).apiPreviewFilter},
	{"GET /api/v1/connections/{id}/permissions", admin, (*Server).apiGetPermissions},
	{"PUT /api/v1/connections/{id}/permissions", admin, (*Server).apiSetPermissions},
	{"POST /api/v1/connections/{id}/permissions/preview", asking, (*Server).apiPreviewPermissions},
	{"GET /api/v1/access", signedIn, (*Server).apiAccess},
	{"GET /api/v1/users", admin, (*Server).apiUsers},
	{"POST /api/v1/users", adminFresh, (*Server).apiCreateUser},
	{"GET /api/v1/users/{user}", admin, (*Server).apiUser},
	{"PATCH /api/v1/users/{user}", adminFresh, (*Server).apiUpdateUser},
	{"DELETE /api/v1/users/{user}", adminFresh, (*Server).apiDeleteUser},
	{"GET /api/v1/users/{user}/sessions", admin, (*Server).apiSessions},
	{"DELETE /api/v1/users/{user}/sessions", admin, (*Server).apiEndSessions},
	{"DELETE /api/v1/users/{user}/sessions/{session}", admin, (*Server).apiEndSession},
	{"GET /api/v1/groups", admin, (*Server).apiGroups},
	{"POST /api/v1/groups", admin, (*Server).apiCreateGroup},
	{"PATCH /api/v1/groups/{group}", admin, (*Server).apiUpdateGroup},
	{"DELETE /api/v1/groups/{group}", admin, (*Server).apiDeleteGroup},
	{"GET /api/v1/groups/{group}/members", admin, (*Server).apiGroupMembers},
	{"PUT /api/v1/groups/{group}/members/{user}", admin, (*Server).apiAddMember},
	{"DELETE /api/v1/groups/{group}/members/{user}", admin, (*Server).apiRemoveMember},
	{"GET /api/v1/projects", signedIn, atOnce((*Server).apiProjects)},
	{"POST /api/v1/projects", signedIn, (*Server).apiCreateProject},
	{"GET /api/v1/projects/{project}", signedIn, atOnce((*Server).apiProject)},
	{"PATCH /api/v1/projects/{project}", signedIn, (*Server).apiUpdateProject},
	{"DELETE /api/v1/projects/{project}", signedIn, (*Server).apiDeleteProject},
	{"GET /api/v1/projects/{project}/shares", signedIn, (*Server).apiGetShares},
	{"PUT /api/v1/projects/{project}/shares", signedInFresh, (*Server).apiSetShares},
	{"GET /api/v1/projects/{project}/schedule", signedIn, (*Server).apiGetProjectSchedule},
	{"PUT /api/v1/projects/{project}/schedule", signedIn, (*Server).apiSetProjectSchedule},
	{"GET /api/v1/projects/{project}/notifications", signedIn, (*Server).apiProjectTargets},
	{"POST /api/v1/projects/{project}/notifications", signedIn, (*Server).apiAddProjectTarget},
	{"DELETE /api/v1/projects/{project}/notifications/{target}", signedIn, (*Server).apiRemoveProjectTarget},
	{"GET /api/v1/projects/{project}/runs", signedIn, (*Server).apiProjectRuns},
	{"POST /api/v1/projects/{project}/runs", signedIn, (*Server).apiRunProject},
	{"GET /api/v1/projects/{project}/runs/{run}", signedIn, (*Server).apiProjectRun},
	{"GET /api/v1/projects/{project}/connections", signedIn, atOnce((*Server).apiProjectConnections)},
	{"PUT /api/v1/projects/{project}/connections/{connection}", signedIn, (*Server).apiImport},
	{"DELETE /api/v1/projects/{project}/connections/{connection}", signedIn, (*Server).apiStopImport},
	{"GET /api/v1/projects/{project}/cells", signedIn, atOnce((*Server).apiCells)},
	{"POST /api/v1/projects/{project}/cells", signedIn, (*Server).apiAddCell},
	{"GET /api/v1/projects/{project}/cells/{cell}", signedIn, atOnce((*Server).apiCell)},
	{"PATCH /api/v1/projects/{project}/cells/{cell}", signedIn, (*Server).apiUpdateCell},
	{"DELETE /api/v1/projects/{project}/cells/{cell}", signedIn, (*Server).apiDeleteCell},
	{"POST /api/v1/projects/{project}/cells/{cell}/run", signedIn, (*Server).apiRunCell},
	{"GET /api/v1/projects/{project}/cells/{cell}/result", signedIn, (*Server).apiCellResult},
	{"POST /api/v1/query", asking, (*Server).apiQuery},
	{"GET /api/v1/settings", admin, (*Server).apiSettings},
	{"PATCH /api/v1/settings", admin, (*Server).apiSetSettings},
	{"GET /api/v1/audit", admin, (*Server).apiAudit},
}
