package handlers

import (
	"net/http"
	"slices"
	"strconv"
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

// shownPeople is how many people a page of a list holds.
const shownPeople = 100

func (s *Server) people(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.peoplePage(w, r, who, http.StatusOK, views.PersonForm{})
}

// peoplePage is the list as its address says, with the invitation form as it was filled in.
func (s *Server) peoplePage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, invite views.PersonForm) error {
	users, err := s.Store.Users(r.Context())
	if err != nil {
		return err
	}
	q := r.URL.Query()
	p := views.PeoplePage{Page: s.layout(r, who, "People", "people"), Roles: roleChoices, Now: s.Now(), Invite: invite,
		Query: q.Get("q"), State: q.Get("state"), Role: q.Get("role"), Counts: map[string]int{}}
	if p.Invite.Role == "" {
		p.Invite.Role = string(access.RoleEditor)
	}
	users = slices.DeleteFunc(users, func(u store.User) bool { return !called(u, p.Query) || p.Role != "" && p.Role != string(u.Role) })
	for _, u := range users {
		p.Counts[""]++
		p.Counts[stateOfPerson(u)]++
	}
	users = slices.DeleteFunc(users, func(u store.User) bool { return p.State != "" && p.State != stateOfPerson(u) })
	from, to := 0, 0
	p.Of, from, to = rangeOf(r, len(users), p.Href)
	for _, u := range users[from:to] {
		p.People = append(p.People, personOf(u, who))
	}
	return s.page(w, r, status, views.People(p))
}

// called says whether someone's name or address holds what was searched for.
func called(u store.User, query string) bool {
	return strings.Contains(strings.ToLower(u.Name+" "+u.Email), strings.ToLower(strings.TrimSpace(query)))
}

// stateOfPerson is the segment of the list that an account belongs to.
func stateOfPerson(u store.User) string {
	switch {
	case u.Disabled:
		return "disabled"
	case u.PasswordHash == "":
		return "invited"
	}
	return "active"
}

func personOf(u store.User, who access.Actor) views.Person {
	return views.Person{ID: u.ID, Name: u.Name, Email: u.Email, Role: string(u.Role), RoleWord: roleWord(u.Role), Disabled: u.Disabled,
		Pending: stateOfPerson(u) == "invited", Self: u.ID == who.UserID, Created: u.Created, SignedIn: u.SignedIn}
}

// rangeOf is the page of a list of people that an address asks for, by page=2 and so on, and where it begins and ends.
func rangeOf(r *http.Request, total int, href func(key, value string) string) (of views.Range, from, to int) {
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	last := max(1, (total+shownPeople-1)/shownPeople)
	if err != nil || page < 1 {
		page = 1
	}
	page = min(page, last)
	from, to = (page-1)*shownPeople, min(page*shownPeople, total)
	of = views.Range{From: min(from+1, total), To: to, Total: total}
	if page == 2 {
		of.Newer = href("page", "")
	} else if page > 2 {
		of.Newer = href("page", strconv.Itoa(page-1))
	}
	if page < last {
		of.Older = href("page", strconv.Itoa(page+1))
	}
	return of, from, to
}

// invite makes an account, and shows it with the link by which its person chooses a password.
func (s *Server) invite(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	form := views.PersonForm{Name: r.PostFormValue("name"), Email: r.PostFormValue("email"), Role: r.PostFormValue("role")}
	u, token, err := s.createInvited(r, who, workspace.UserInput{Name: form.Name, Email: form.Email, Role: access.Role(form.Role)})
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		form.Errors = p.Fields
		return s.peoplePage(w, r, who, p.Status, form)
	}
	if err != nil {
		return err
	}
	return s.showInvite(w, r, who, u, token)
}

// createInvited makes an account with the token of its invitation, in one act.
func (s *Server) createInvited(r *http.Request, who access.Actor, in workspace.UserInput) (u store.User, token string, err error) {
	in.Invite = func(userID string) store.OneTimeToken {
		var kept store.OneTimeToken
		token, kept = s.Auth.NewInvite(userID)
		return kept
	}
	u, err = s.Workspace.CreateUser(r.Context(), who, in)
	return u, token, err
}

func (s *Server) showInvite(w http.ResponseWriter, r *http.Request, who access.Actor, u store.User, token string) error {
	return s.personPage(w, r, who, u.ID, http.StatusOK, views.PersonPage{
		Link: views.PersonLink{Href: s.base(r) + "/invite/" + token, Words: "It works once, within 7 days, and is not shown again."}})
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
	token, err := s.Auth.CreateInvite(r.Context(), who, u.ID)
	if err != nil {
		return s.personProblem(w, r, who, u.ID, err)
	}
	return s.showInvite(w, r, who, u, token)
}

// firstOf is one of the words, for acts that have no field to put them at.
func firstOf(fields map[string]string) string {
	for _, words := range fields {
		return words
	}
	return ""
}
