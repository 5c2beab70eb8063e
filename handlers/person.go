package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

func (s *Server) person(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.personPage(w, r, who, r.PathValue("user"), http.StatusOK, views.PersonPage{})
}

// personPage completes and renders the page of one account; every act on it that does not lead elsewhere ends here.
func (s *Server) personPage(w http.ResponseWriter, r *http.Request, who access.Actor, id string, status int, p views.PersonPage) error {
	ctx := r.Context()
	u, err := s.Store.User(ctx, id)
	if err != nil {
		return err
	}
	p.Page, p.Roles, p.Now = s.layout(r, who, u.Name, "people"), roleChoices, s.Now()
	p.Person, p.Password = personOf(u, who), u.PasswordHash != ""
	if len(p.Form.Errors) == 0 {
		p.Form = views.PersonForm{Name: u.Name, Email: u.Email, Role: string(u.Role)}
	}
	if p.Sessions, err = s.sessionRows(ctx, who, id); err != nil {
		return err
	}
	if p.Tokens, err = s.tokenRows(ctx, id); err != nil {
		return err
	}
	since, _, err := s.Auth.TOTPOn(ctx, id)
	if err != nil {
		return err
	}
	p.TOTP = !since.IsZero()
	groups, err := s.Store.Memberships(ctx, id)
	for _, g := range groups {
		p.Groups = append(p.Groups, views.PersonGroup{ID: g.ID, Name: g.Name, ByHand: g.ByHand, ByProvider: g.ByProvider})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, status, views.PersonDetails(p))
}

// sessionRows are where someone is signed in.
func (s *Server) sessionRows(ctx context.Context, who access.Actor, userID string) ([]views.SessionRow, error) {
	sessions, err := s.Workspace.Sessions(ctx, who, userID)
	var rows []views.SessionRow
	for _, one := range sessions {
		rows = append(rows, views.SessionRow{ID: one.ID, Browser: browserWords(one.Agent), From: one.IP, Created: one.Created, Seen: one.Seen,
			Current: userID == who.UserID && one.ID == who.SessionID})
	}
	return rows, err
}

func (s *Server) tokenRows(ctx context.Context, userID string) ([]views.TokenRow, error) {
	tokens, err := s.Store.APITokens(ctx, userID)
	var rows []views.TokenRow
	for _, t := range tokens {
		rows = append(rows, views.TokenRow{ID: t.ID, Name: t.Name, Scope: string(t.Scope), Created: t.Created, Expires: t.Expires, Used: t.Used})
	}
	return rows, err
}

// personProblem shows what can be mended on the account's page; any other error goes on.
func (s *Server) personProblem(w http.ResponseWriter, r *http.Request, who access.Actor, id string, err error) error {
	p := problemOf(err)
	if len(p.Fields) == 0 {
		return err
	}
	return s.personPage(w, r, who, id, p.Status, views.PersonPage{Error: firstOf(p.Fields)})
}

// personDone goes back to the account after an act on it.
func (s *Server) personDone(w http.ResponseWriter, r *http.Request, who access.Actor, err error) error {
	id := r.PathValue("user")
	if err != nil {
		return s.personProblem(w, r, who, id, err)
	}
	return redirect(w, r, "/settings/people/"+id)
}

// updatePerson saves name, address and role.
func (s *Server) updatePerson(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	form := views.PersonForm{Name: r.PostFormValue("name"), Email: r.PostFormValue("email"), Role: r.PostFormValue("role")}
	role := access.Role(form.Role)
	_, err := s.Workspace.UpdateUser(r.Context(), who, r.PathValue("user"), workspace.UserChange{Name: &form.Name, Email: &form.Email, Role: &role})
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		form.Errors = p.Fields
		return s.personPage(w, r, who, r.PathValue("user"), p.Status, views.PersonPage{Form: form})
	}
	return s.personDone(w, r, who, err)
}

func (s *Server) setRole(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	role := access.Role(r.PostFormValue("role"))
	_, err := s.Workspace.UpdateUser(r.Context(), who, r.PathValue("user"), workspace.UserChange{Role: &role})
	return s.personDone(w, r, who, err)
}

func (s *Server) setDisabled(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	disabled := r.PostFormValue("disabled") == "true"
	_, err := s.Workspace.UpdateUser(r.Context(), who, r.PathValue("user"), workspace.UserChange{Disabled: &disabled})
	return s.personDone(w, r, who, err)
}

// resetPassword takes the password away and shows the link that sets another.
func (s *Server) resetPassword(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("user")
	token, err := s.Auth.CreateReset(r.Context(), who, id)
	if err != nil {
		return s.personProblem(w, r, who, id, err)
	}
	if err := s.Workspace.EndWhatIsNotAllowed(r.Context()); err != nil {
		return err
	}
	return s.personPage(w, r, who, id, http.StatusOK, views.PersonPage{
		Link: views.PersonLink{Href: s.base(r) + "/invite/" + token, Words: "It works once, within 24 hours, and is not shown again."}})
}

func (s *Server) removeTOTP(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.personDone(w, r, who, s.Auth.RemoveTOTP(r.Context(), who, r.PathValue("user")))
}

// endSession ends one session of someone; none named: all.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id, session := r.PathValue("user"), r.PostFormValue("session")
	if session == "" {
		return s.personDone(w, r, who, s.Workspace.EndSessions(r.Context(), who, id))
	}
	return s.personDone(w, r, who, s.Workspace.EndSession(r.Context(), who, id, session))
}

func (s *Server) revokePersonToken(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.personDone(w, r, who, s.Workspace.RevokeToken(r.Context(), who, r.PathValue("user"), r.PathValue("token")))
}

// deletePersonPage says what goes with an account.
func (s *Server) deletePersonPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.personDeletePage(w, r, who, http.StatusOK, "")
}

func (s *Server) personDeletePage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, wrong string) error {
	ctx, id := r.Context(), r.PathValue("user")
	u, err := s.Store.User(ctx, id)
	if err != nil {
		return err
	}
	sessions, err := s.Workspace.Sessions(ctx, who, id)
	if err != nil {
		return err
	}
	tokens, err := s.Store.APITokens(ctx, id)
	if err != nil {
		return err
	}
	owned, err := s.Workspace.Owned(ctx, who, id)
	if err != nil {
		return err
	}
	p := views.PersonDelete{Page: s.layout(r, who, "Delete "+u.Name, "people"), Person: personOf(u, who), Sessions: len(sessions),
		Tokens: len(tokens), Groups: len(u.Groups), Error: wrong}
	for _, o := range owned {
		p.Projects = append(p.Projects, views.OwnedRow{Name: o.Name, Href: "/projects/" + o.ID, Keeps: keepsWords(o)})
	}
	return s.page(w, r, status, views.DeletePerson(p))
}

// keepsWords says who keeps access to a project whose owner goes.
func keepsWords(o workspace.OwnedProject) string {
	switch {
	case o.Full:
		return "shared with others, some with Full access"
	case o.Others > 0:
		return "shared with others; only Admins keep Full access"
	}
	return "only Admins keep access"
}

// deletePerson asks for the address, as every deletion asks for a name.
func (s *Server) deletePerson(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("user")
	u, err := s.Store.User(r.Context(), id)
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(r.PostFormValue("confirm")), u.Email) {
		return s.personDeletePage(w, r, who, http.StatusUnprocessableEntity, "Type the person's e-mail address to delete them")
	}
	err = s.Workspace.DeleteUser(r.Context(), who, id)
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.personDeletePage(w, r, who, p.Status, firstOf(p.Fields))
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/people")
}

// apiSession is where someone is signed in, as the API writes it.
type apiSession struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created_at"`
	Seen    time.Time `json:"last_seen_at"`
	Ends    time.Time `json:"ends_at"`
	IP      string    `json:"ip"`
	Browser string    `json:"browser"`
}

func (s *Server) apiSessions(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	sessions, err := s.Workspace.Sessions(r.Context(), who, r.PathValue("user"))
	if err != nil {
		return err
	}
	page, err := paged(r, sessions, func(one store.Session) string { return one.ID })
	if err != nil {
		return err
	}
	var out []apiSession
	for _, one := range page.items {
		out = append(out, apiSession{ID: one.ID, Created: one.Created, Seen: one.Seen, Ends: one.Ends, IP: one.IP,
			Browser: browserWords(one.Agent)})
	}
	return writeList(w, out, page.next)
}

func (s *Server) apiEndSessions(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return ended(w, s.Workspace.EndSessions(r.Context(), who, r.PathValue("user")))
}

func (s *Server) apiEndSession(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return ended(w, s.Workspace.EndSession(r.Context(), who, r.PathValue("user"), r.PathValue("session")))
}

func ended(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
