package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// apiUser is an account as the API writes it.
type apiUser struct {
	ID        string      `json:"id"`
	Email     string      `json:"email"`
	Name      string      `json:"name"`
	Role      access.Role `json:"role"`
	Disabled  bool        `json:"disabled"`
	Groups    []string    `json:"groups"`
	InviteURL string      `json:"invite_url,omitempty"`
}

func apiUserOf(u store.User) apiUser {
	return apiUser{ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, Disabled: u.Disabled, Groups: append([]string{}, u.Groups...)}
}

func writeUsers(w http.ResponseWriter, r *http.Request, users []store.User) error {
	page, err := paged(r, users, func(u store.User) string { return u.ID })
	if err != nil {
		return err
	}
	items := make([]apiUser, len(page.items))
	for i, u := range page.items {
		items[i] = apiUserOf(u)
	}
	return writeList(w, items, page.next)
}

func (s *Server) apiUsers(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	users, err := s.Store.Users(r.Context())
	if err != nil {
		return err
	}
	return writeUsers(w, r, users)
}

// apiCreateUser makes an account with the password that was sent, or with an invitation link.
func (s *Server) apiCreateUser(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in struct {
		Email    string      `json:"email"`
		Name     string      `json:"name"`
		Role     access.Role `json:"role"`
		Password string      `json:"password"`
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	user := workspace.UserInput{Email: in.Email, Name: in.Name, Role: in.Role}
	if in.Password == "" {
		u, token, err := s.createInvited(r, who, user)
		if err != nil {
			return err
		}
		out := apiUserOf(u)
		out.InviteURL = s.base(r) + "/invite/" + token
		return writeJSON(w, http.StatusCreated, out)
	}
	hash, err := s.Auth.HashPassword(r.Context(), in.Password)
	if err != nil {
		return err
	}
	user.PasswordHash = hash
	u, err := s.Workspace.CreateUser(r.Context(), who, user)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, apiUserOf(u))
}

func (s *Server) apiUser(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	u, err := s.Store.User(r.Context(), r.PathValue("user"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiUserOf(u))
}

func (s *Server) apiUpdateUser(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in struct {
		Email    *string      `json:"email"`
		Name     *string      `json:"name"`
		Role     *access.Role `json:"role"`
		Disabled *bool        `json:"disabled"`
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	u, err := s.Workspace.UpdateUser(r.Context(), who, r.PathValue("user"), workspace.UserChange{Email: in.Email, Name: in.Name, Role: in.Role, Disabled: in.Disabled})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiUserOf(u))
}

func (s *Server) apiDeleteUser(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.DeleteUser(r.Context(), who, r.PathValue("user")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiGroup is a group as the API writes it. The built-in ones have fixed ids and are not kept.
type apiGroup struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	BuiltIn bool   `json:"built_in"`
}

func (s *Server) apiGroups(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	groups, err := s.Workspace.Groups(r.Context(), who)
	if err != nil {
		return err
	}
	page, err := paged(r, groups, func(g workspace.GroupView) string { return g.ID })
	if err != nil {
		return err
	}
	out := make([]apiGroup, len(page.items))
	for i, g := range page.items {
		out[i] = apiGroup{ID: g.ID, Name: g.Name, BuiltIn: g.BuiltIn}
	}
	return writeList(w, out, page.next)
}

type groupInput struct {
	Name string `json:"name"`
}

func (s *Server) apiCreateGroup(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in groupInput
	if err := decode(r, &in); err != nil {
		return err
	}
	g, err := s.Workspace.CreateGroup(r.Context(), who, in.Name)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, apiGroup{ID: g.ID, Name: g.Name})
}

func (s *Server) apiUpdateGroup(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in groupInput
	if err := decode(r, &in); err != nil {
		return err
	}
	if err := s.Workspace.RenameGroup(r.Context(), who, r.PathValue("group"), in.Name); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiGroup{ID: r.PathValue("group"), Name: in.Name})
}

func (s *Server) apiDeleteGroup(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.DeleteGroup(r.Context(), who, r.PathValue("group"), ""); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiGroupMembers lists the users of a group; of a built-in one, those who are in it by their role.
func (s *Server) apiGroupMembers(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	members, err := s.Workspace.GroupMembers(r.Context(), who, r.PathValue("group"))
	if err != nil {
		return err
	}
	users := make([]store.User, len(members))
	for i, m := range members {
		users[i] = m.User
	}
	return writeUsers(w, r, users)
}

func (s *Server) apiAddMember(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.setMember(w, r, who, true)
}

func (s *Server) apiRemoveMember(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.setMember(w, r, who, false)
}

func (s *Server) setMember(w http.ResponseWriter, r *http.Request, who access.Actor, member bool) error {
	if err := s.Workspace.SetMember(r.Context(), who, r.PathValue("group"), r.PathValue("user"), member); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
