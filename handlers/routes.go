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
	handle  func(*Server, http.ResponseWriter, *http.Request, access.Actor) error
}

// A rule says who may call a route at all.
type rule int

const (
	anyone   rule = iota // before sign-in: must never open an outgoing connection (P2)
	signedIn             // every user; what they may do with the object, the act decides
	admin                // Admins only
)

// allow refuses a caller that the rule does not let in, and a token whose scope is too small for the method.
func (who rule) allow(a access.Actor, r *http.Request) error {
	if who == anyone {
		return nil
	}
	if a.Anonymous() {
		return errSignedOut
	}
	need := access.ScopeRead
	if r.Method != http.MethodGet {
		need = access.ScopeWrite
		if who == admin {
			need = access.ScopeAdmin
		}
	}
	if err := access.ScopeAllows(a, need); err != nil {
		return err
	}
	if who == admin {
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
	{"POST /sign-out", signedIn, (*Server).signOut},
	{"GET /invite/{token}", anyone, (*Server).invitePage},
	{"POST /invite/{token}", anyone, (*Server).acceptInvite},
	{"POST /theme", anyone, (*Server).setTheme},
	{"GET /{$}", signedIn, (*Server).home},

	// Settings: people and tokens.
	{"GET /settings/people", admin, (*Server).people},
	{"POST /settings/people", admin, (*Server).invite},
	{"POST /settings/people/{user}/role", admin, (*Server).setRole},
	{"POST /settings/people/{user}/disabled", admin, (*Server).setDisabled},
	{"POST /settings/people/{user}/invite", admin, (*Server).reinvite},
	{"GET /settings/tokens", signedIn, (*Server).tokens},
	{"POST /settings/tokens", signedIn, (*Server).createToken},
	{"POST /settings/tokens/{token}/revoke", signedIn, (*Server).revokeToken},

	// Settings: data sources.
	{"GET /settings/connections", admin, (*Server).connections},
	{"GET /settings/connections/new", admin, (*Server).newConnection},
	{"POST /settings/connections/new", admin, (*Server).createConnection},
	{"POST /settings/connections/new/url", admin, (*Server).connectionByURL},
	{"POST /settings/connections/new/test", admin, (*Server).testConnection},
	{"GET /settings/connections/new/{type}", admin, (*Server).newConnectionForm},
	{"GET /settings/connections/{id}", admin, connectionTab("overview")},
	{"GET /settings/connections/{id}/usage", admin, connectionTab("usage")},
	{"GET /settings/connections/{id}/activity", admin, connectionTab("activity")},
	{"GET /settings/connections/{id}/schedule", admin, connectionTab("schedule")},
	{"POST /settings/connections/{id}/schedule", admin, (*Server).saveSchedule},
	{"GET /settings/connections/{id}/permissions", admin, connectionTab("permissions")},
	{"POST /settings/connections/{id}/permissions", admin, (*Server).savePermissions},
	{"GET /settings/connections/{id}/status", admin, (*Server).connectionStatus},
	{"GET /settings/connections/{id}/events", admin, (*Server).connectionEvents},
	{"GET /settings/connections/{id}/edit", admin, (*Server).editConnection},
	{"POST /settings/connections/{id}", admin, (*Server).updateConnection},
	{"POST /settings/connections/{id}/test", admin, (*Server).testEdited},
	{"POST /settings/connections/{id}/refresh", admin, (*Server).refreshConnection},
	{"POST /settings/connections/{id}/runs/{run}/cancel", admin, (*Server).cancelRun},
	{"POST /settings/connections/{id}/duplicate", admin, (*Server).duplicateConnection},
	{"GET /settings/connections/{id}/delete", admin, (*Server).deleteConnectionPage},
	{"POST /settings/connections/{id}/delete", admin, (*Server).deleteConnection},
	{"GET /settings/schedule-preview", signedIn, (*Server).schedulePreview},
}
