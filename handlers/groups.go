package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// groupMeanings say who is in a built-in group.
var groupMeanings = map[string]string{
	access.GroupMembers: "Everyone in the workspace but guests",
	access.GroupGuests:  "Everyone whose role is Guest",
	access.GroupPublic:  "Everyone, visitors from the web included",
}

func (s *Server) groups(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.groupsPage(w, r, who, http.StatusOK, "", "")
}

func (s *Server) groupsPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, name, wrong string) error {
	all, err := s.Workspace.Groups(r.Context(), who)
	if err != nil {
		return err
	}
	p := views.GroupsPage{Page: s.layout(r, who, "Groups", "groups"), Name: name, Error: wrong}
	for _, g := range all {
		p.Groups = append(p.Groups, groupRow(g))
	}
	return s.page(w, r, status, views.Groups(p))
}

func groupRow(g workspace.GroupView) views.GroupRow {
	row := views.GroupRow{ID: g.ID, Name: g.Name, Meaning: groupMeanings[g.ID], BuiltIn: g.BuiltIn, Members: g.Members}
	for _, c := range g.Opens.Connections {
		o := views.OpenedRow{Name: c.Name, Href: "/settings/connections/" + c.ID + "/permissions"}
		if c.CanQuery {
			o.Rights = append(o.Rights, "Can query")
		}
		if c.CanViewResults {
			o.Rights = append(o.Rights, "Can view results")
		}
		row.Connections = append(row.Connections, o)
	}
	for _, p := range g.Opens.Projects {
		row.Projects = append(row.Projects, views.OpenedRow{Name: p.Name, Href: "/projects/" + p.ID, Rights: []string{levelWords[p.Access]}})
	}
	return row
}

func (s *Server) createGroup(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	name := r.PostFormValue("name")
	g, err := s.Workspace.CreateGroup(r.Context(), who, name)
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.groupsPage(w, r, who, p.Status, name, firstOf(p.Fields))
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/groups/"+g.ID)
}

func (s *Server) group(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.groupPage(r, who)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.Group(p))
}

// groupPage is a group with the page of its members that the address asks for.
func (s *Server) groupPage(r *http.Request, who access.Actor) (views.GroupPage, error) {
	g, err := s.Workspace.Group(r.Context(), who, r.PathValue("group"))
	if err != nil {
		return views.GroupPage{}, err
	}
	members, err := s.Workspace.GroupMembers(r.Context(), who, g.ID)
	if err != nil {
		return views.GroupPage{}, err
	}
	p := views.GroupPage{Page: s.layout(r, who, g.Name, "groups"), Group: groupRow(g), Name: g.Name, Query: strings.TrimSpace(r.URL.Query().Get("add"))}
	from, to := 0, 0
	p.Of, from, to = rangeOf(r, len(members), func(key, value string) string {
		if value == "" {
			return "/settings/groups/" + g.ID
		}
		return "/settings/groups/" + g.ID + "?" + url.Values{key: {value}}.Encode()
	})
	for _, m := range members[from:to] {
		p.Members = append(p.Members, views.MemberRow{Person: personOf(m.User, who), ByHand: m.ByHand, ByProvider: m.ByProvider})
	}
	if p.Query == "" || g.BuiltIn {
		return p, nil
	}
	return p, s.addCandidates(r, who, &p, members)
}

// maxCandidates is how many people are offered at once.
const maxCandidates = 10

// addCandidates offers those who are not in the group and whose name or address was typed.
func (s *Server) addCandidates(r *http.Request, who access.Actor, p *views.GroupPage, members []store.Member) error {
	in := map[string]bool{}
	for _, m := range members {
		in[m.ID] = true
	}
	users, err := s.Store.Users(r.Context())
	for _, u := range users {
		if in[u.ID] || !called(u, p.Query) {
			continue
		}
		if len(p.Candidates) == maxCandidates {
			p.More++
			continue
		}
		p.Candidates = append(p.Candidates, personOf(u, who))
	}
	return err
}

// groupDone goes back to the group after an act on it, and shows what can be mended there.
func (s *Server) groupDone(w http.ResponseWriter, r *http.Request, who access.Actor, err error) error {
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.groupProblem(w, r, who, p.Status, views.GroupPage{Error: firstOf(p.Fields)})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/groups/"+r.PathValue("group"))
}

func (s *Server) groupProblem(w http.ResponseWriter, r *http.Request, who access.Actor, status int, of views.GroupPage) error {
	p, err := s.groupPage(r, who)
	if err != nil {
		return err
	}
	p.Error, p.NameError = of.Error, of.NameError
	if of.Name != "" {
		p.Name = of.Name
	}
	return s.page(w, r, status, views.Group(p))
}

func (s *Server) renameGroup(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	name := r.PostFormValue("name")
	err := s.Workspace.RenameGroup(r.Context(), who, r.PathValue("group"), name)
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.groupProblem(w, r, who, p.Status, views.GroupPage{Name: name, NameError: firstOf(p.Fields)})
	}
	return s.groupDone(w, r, who, err)
}

func (s *Server) addMember(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.groupDone(w, r, who, s.Workspace.SetMember(r.Context(), who, r.PathValue("group"), r.PostFormValue("user"), true))
}

func (s *Server) removeMember(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.groupDone(w, r, who, s.Workspace.SetMember(r.Context(), who, r.PathValue("group"), r.PathValue("user"), false))
}

// deleteGroupPage says who loses what. The built-in groups stay.
func (s *Server) deleteGroupPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.groupDeletePage(w, r, who, http.StatusOK, "")
}

// groupDeletePage shows what deleting a group takes from whom; status says whether it was refused, or shown otherwise before.
func (s *Server) groupDeletePage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, wrong string) error {
	found, err := s.Workspace.PreviewDeleteGroup(r.Context(), who, r.PathValue("group"))
	if err != nil {
		return err
	}
	p, err := s.groupPage(r, who)
	if err != nil {
		return err
	}
	if p.Shown, err = found.Mark(); err != nil {
		return err
	}
	p.Consequences, p.Conflict, p.DeleteError = consequencesView(found), status == http.StatusConflict, wrong
	return s.page(w, r, status, views.DeleteGroup(p))
}

// deleteGroup asks for the name, as every deletion does.
func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("group")
	g, err := s.Store.Group(r.Context(), id)
	if err != nil {
		return err
	}
	if strings.TrimSpace(r.PostFormValue("confirm")) != g.Name {
		return s.groupDeletePage(w, r, who, http.StatusUnprocessableEntity, "Type the group's name to delete it")
	}
	err = s.Workspace.DeleteGroup(r.Context(), who, id, r.PostFormValue("shown"))
	if errors.Is(err, store.ErrConflict) {
		return s.groupDeletePage(w, r, who, http.StatusConflict, "")
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/groups")
}
