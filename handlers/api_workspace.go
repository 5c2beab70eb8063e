package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/store"
)

func (s *Server) apiSettings(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	settings, err := s.Workspace.Settings(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, settings)
}

func (s *Server) apiSetSettings(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	to, err := s.Workspace.Settings(r.Context(), who)
	if err != nil {
		return err
	}
	if err := decode(r, &to); err != nil { // what was not sent stays as it is
		return err
	}
	if err := s.Workspace.SetSettings(r.Context(), who, to); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, to)
}

// apiAccess explains what a user may do with a connection or a project, by the decision that the acts themselves ask.
func (s *Server) apiAccess(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	q := r.URL.Query()
	switch {
	case q.Get("user") == "", (q.Get("connection") == "") == (q.Get("project") == ""):
		return &badRequest{"bad_query", "Send user, and either connection or project"}
	case q.Get("connection") != "":
		d, err := s.Workspace.ExplainConnection(r.Context(), who, q.Get("user"), q.Get("connection"))
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"because": reasons(d.Because),
			"allowed": map[string]bool{"can_query": d.CanQuery, "can_view_results": d.CanViewResults, "can_refresh_schema": d.CanRefreshSchema}})
	}
	d, err := s.Workspace.ExplainProject(r.Context(), who, q.Get("user"), q.Get("project"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"access": d.Access.String(), "locked_out": d.LockedOut, "downgraded": d.Downgraded,
		"can_explore": d.CanExplore, "because": reasons(d.Because)})
}

// reasons is never null in JSON.
func reasons(because []access.Reason) []access.Reason { return append([]access.Reason{}, because...) }

// auditRefusal keeps a row of each refusal. Of those whom nobody knows only so many are kept, and not that they have to sign in
// first, which everyone has. A refusal of the store to keep it only goes to the log: the answer stands.
func (s *Server) auditRefusal(r *http.Request, who access.Actor, p problem, err error) {
	if denied := (*access.Denied)(nil); errors.As(err, &denied) && denied.Audited {
		return
	}
	if asked := (*confirmError)(nil); errors.As(err, &asked) && len(asked.fields) > 0 {
		return // the wrong password has a row of its own
	}
	entry := store.AuditEntry{Who: who, Action: "access.refused", ObjectType: "route", ObjectID: r.Pattern, ObjectName: r.Method + " " + loggedPath(r),
		Outcome: "refused", Detail: map[string]any{"error": err.Error()}}
	var failed error
	switch {
	case who.Anonymous() && refusesStrangers(r, p, err):
		if r.Pattern != "" {
			entry.ObjectName = r.Pattern // what strangers write into a path may be somebody's token
		}
		failed = s.Auth.AuditRefusal(r.Context(), r, entry)
	case !who.Anonymous() && (p.Code == "denied" || len(p.Because) > 0 || p.Code == "reauthenticate"):
		failed = s.Store.Audit(context.WithoutCancel(r.Context()), entry)
	}
	if failed != nil {
		s.Log.Error("audit a refusal", "error", failed, "request", requestID(r))
	}
}

// refusesStrangers says whether a refusal is of a token, a link or another site, which nobody meets by only looking around.
func refusesStrangers(r *http.Request, p problem, err error) bool {
	return strings.HasPrefix(r.Pattern, "GET /share/{token}") || errors.Is(err, auth.ErrBadToken) || errors.Is(err, auth.ErrUsed) || slices.Contains([]string{"token_elsewhere", "token_in_url", "cross_origin"}, p.Code)
}
