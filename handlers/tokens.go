package handlers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/views"
)

func (s *Server) tokens(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.tokensPage(w, r, who, http.StatusOK, views.TokensPage{})
}

func (s *Server) tokensPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, p views.TokensPage) error {
	var err error
	if p.Tokens, err = s.tokenRows(r.Context(), who.UserID); err != nil {
		return err
	}
	p.Page, p.Now = s.layout(r, who, "Access tokens", "tokens"), s.Now()
	p.Scopes = []views.RoleChoice{{Value: "read", Label: "Read", Meaning: "Sees what you may see; runs read-only queries"},
		{Value: "write", Label: "Write", Meaning: "Changes what you may change"}}
	if who.IsAdmin() {
		p.Scopes = append(p.Scopes, views.RoleChoice{Value: "admin", Label: "Admin", Meaning: "Also what only Admins may do"})
	}
	return s.page(w, r, status, views.Tokens(p))
}

// createToken makes a token of the person's own and shows it this once.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p := views.TokensPage{Name: r.PostFormValue("name")}
	days, err := strconv.Atoi(r.PostFormValue("days"))
	if err != nil || days < 1 || days > 366 {
		p.Errors = map[string]string{"days": "Choose from the list"}
		return s.tokensPage(w, r, who, http.StatusUnprocessableEntity, p)
	}
	expires := s.Now().Add(time.Duration(days) * 24 * time.Hour)
	plain, _, err := s.Auth.CreateAPIToken(r.Context(), who, who.UserID, strings.TrimSpace(p.Name), access.Scope(r.PostFormValue("scope")), expires)
	if bad := problemOf(err); err != nil && len(bad.Fields) > 0 {
		p.Errors = bad.Fields
		return s.tokensPage(w, r, who, bad.Status, p)
	}
	if err != nil {
		return err
	}
	return s.tokensPage(w, r, who, http.StatusOK, views.TokensPage{Made: plain})
}

// revokeToken ends one of the person's own tokens.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.RevokeToken(r.Context(), who, who.UserID, r.PathValue("token")); err != nil {
		return err
	}
	return redirect(w, r, "/settings/tokens")
}
