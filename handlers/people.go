package handlers

import (
	"net/http"
	"net/url"
	"strings"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// roleChoices are the roles with what they mean, strongest first.
var roleChoices = []views.RoleChoice{
	{Value: string(access.RoleAdmin), Label: "Admin", Meaning: "Connects databases, decides who may use them, has full access everywhere"},
	{Value: string(access.RoleManager), Label: "Manager", Meaning: "Makes projects and may connect databases to them"},
	{Value: string(access.RoleEditor), Label: "Editor", Meaning: "Makes projects, writes and runs SQL"},
	{Value: string(access.RoleExplorer), Label: "Explorer", Meaning: "Filters and charts what others made"},
	{Value: string(access.RoleViewer), Label: "Viewer", Meaning: "Reads what is shared"},
	{Value: string(access.RoleGuest), Label: "Guest", Meaning: "Someone from outside: reached only by shares that name them"},
}

func (s *Server) people(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.peoplePage(w, r, who, http.StatusOK, views.PeoplePage{Query: r.URL.Query().Get("q")})
}

// peoplePage completes and renders the page; every act on it ends here.
func (s *Server) peoplePage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, p views.PeoplePage) error {
	users, err := s.Store.Users(r.Context())
	if err != nil {
		return err
	}
	p.Page, p.Roles, p.Now = s.layout(r, who, "People", "people"), roleChoices, s.Now()
	if p.Invite.Role == "" {
		p.Invite.Role = string(access.RoleEditor)
	}
	query := strings.ToLower(strings.TrimSpace(p.Query))
	for _, u := range users {
		if strings.Contains(strings.ToLower(u.Name+" "+u.Email), query) {
			p.People = append(p.People, views.Person{ID: u.ID, Name: u.Name, Email: u.Email, Role: string(u.Role), RoleWord: roleWord(u.Role),
				Disabled: u.Disabled, Pending: u.PasswordHash == "" && !u.External, Self: u.ID == who.UserID, Created: u.Created})
		}
	}
	return s.page(w, r, status, views.People(p))
}

// invite makes an account and the link by which its person chooses a password.
func (s *Server) invite(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	form := views.PersonForm{Name: r.PostFormValue("name"), Email: r.PostFormValue("email"), Role: r.PostFormValue("role")}
	u, err := s.Workspace.CreateUser(r.Context(), who, workspace.UserInput{Name: form.Name, Email: form.Email, Role: access.Role(form.Role)})
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		form.Errors = p.Fields
		return s.peoplePage(w, r, who, p.Status, views.PeoplePage{Invite: form})
	}
	if err != nil {
		return err
	}
	return s.showInvite(w, r, who, u)
}

func (s *Server) showInvite(w http.ResponseWriter, r *http.Request, who access.Actor, u store.User) error {
	token, err := s.Auth.CreateInvite(r.Context(), who, u.ID)
	if err != nil {
		return err
	}
	return s.peoplePage(w, r, who, http.StatusOK, views.PeoplePage{Link: s.base(r) + "/invite/" + token})
}

// base is the public URL that links start with.
func (s *Server) base(r *http.Request) string {
	if s.BaseURL != "" {
		return s.BaseURL
	}
	return "http://" + r.Host
}

// reinvite makes a new link for someone who has not chosen a password yet.
func (s *Server) reinvite(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	u, err := s.Store.User(r.Context(), r.PathValue("user"))
	if err != nil {
		return err
	}
	return s.showInvite(w, r, who, u)
}

func (s *Server) setRole(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	role := access.Role(r.PostFormValue("role"))
	return s.changeUser(w, r, who, workspace.UserChange{Role: &role})
}

func (s *Server) setDisabled(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	disabled := r.PostFormValue("disabled") == "true"
	return s.changeUser(w, r, who, workspace.UserChange{Disabled: &disabled})
}

func (s *Server) changeUser(w http.ResponseWriter, r *http.Request, who access.Actor, change workspace.UserChange) error {
	_, err := s.Workspace.UpdateUser(r.Context(), who, r.PathValue("user"), change)
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.peoplePage(w, r, who, p.Status, views.PeoplePage{Error: firstOf(p.Fields)})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/people?"+url.Values{"q": {r.URL.Query().Get("q")}}.Encode())
}

// firstOf is one of the words, for acts that have no field to put them at.
func firstOf(fields map[string]string) string {
	for _, words := range fields {
		return words
	}
	return ""
}
