package handlers

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// maxAccessRows bounds the list of who has access.
const maxAccessRows = 200

// sharing is the page where a project is shared.
func (s *Server) sharing(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.sharingPage(w, r, who, http.StatusOK, views.Sharing{})
}

func (s *Server) sharingPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, v views.Sharing) error {
	p, err := s.Workspace.Sharing(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	v.Page, v.ID, v.Name, v.Now = s.layout(r, who, "Share "+p.Name, "projects"), p.ID, p.Name, s.Now()
	v.Targets = []views.TargetChoice{{To: "workspace", Name: "Whole workspace (everyone but guests)"}, {To: "group:" + access.GroupGuests, Name: "Guests"}}
	for _, g := range p.Groups {
		v.Targets = append(v.Targets, views.TargetChoice{To: "group:" + g.ID, Name: g.Name})
	}
	for _, share := range p.Shares {
		v.Rows = append(v.Rows, views.ShareRow{To: share.To, Name: share.Name, Email: share.Email, Access: share.Access.String(),
			You: share.To == "user:"+who.UserID, Note: share.Note})
	}
	for _, l := range p.Links {
		v.Links = append(v.Links, views.WebLinkRow{ID: l.ID, Name: l.Name, Created: l.Created, Expires: l.Expires, Used: l.Used})
	}
	if v.WebOn = sharedWithWeb(p); v.WebOn && p.Web.LockedOut {
		v.Blocked = reasonWords(p.Web.Because, access.RuleLockedOut)
	}
	if who.InGroup(access.GroupMembers) {
		v.People, v.More = accessRows(p.People)
	}
	return s.page(w, r, status, views.SharingPage(v))
}

func sharedWithWeb(p workspace.Sharing) bool {
	for _, share := range p.ProjectView.Shares {
		if share.To == "web" {
			return true
		}
	}
	return false
}

// accessRows are people as the page lists them, and how many it does not. A guest does not get to see them: that would be a list
// of the company.
func accessRows(people []workspace.PersonAccess) (rows []views.AccessRow, more int) {
	for _, p := range people[:min(len(people), maxAccessRows)] {
		row := views.AccessRow{Name: p.User.Name, Email: p.User.Email, Role: roleWord(p.User.Role), Access: levelWords[p.Decision.Access],
			LockedOut: p.Decision.LockedOut, Downgraded: p.Decision.Downgraded, Because: reasonWords(p.Decision.Because, "")}
		rows = append(rows, row)
	}
	return rows, len(people) - len(rows)
}

// reasonWords are the words of one rule, or of all.
func reasonWords(because []access.Reason, rule string) []string {
	var words []string
	for _, r := range because {
		if rule == "" || r.Rule == rule {
			words = append(words, r.Words)
		}
	}
	return words
}

// share gives someone an access, changes it, or takes it away.
func (s *Server) share(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	project, v := r.PathValue("project"), views.Sharing{Who: r.PostFormValue("who")}
	share := access.Share{To: r.PostFormValue("to")}
	people, err := s.Workspace.FindPeople(r.Context(), who, project, v.Who)
	if err != nil {
		return err
	}
	level, ok := access.ParseLevel(r.PostFormValue("access"))
	if !ok {
		return &badRequest{"bad_access", "Choose an access from the list"}
	}
	if share.Access = level; share.To == "" {
		if share.To = onePerson(people, v.Who); share.To == "" {
			v.Errors = map[string]string{"who": "Choose a person from the list, or type the whole e-mail"}
			return s.sharingPage(w, r, who, http.StatusUnprocessableEntity, v)
		}
	}
	if share.To == "web" && level != access.None {
		return &badRequest{"bad_share", "Share with the web by a link"}
	}
	err = s.Workspace.Share(r.Context(), who, project, share)
	if bad := problemOf(err); err != nil && len(bad.Fields) > 0 {
		v.Errors = bad.Fields
		return s.sharingPage(w, r, who, bad.Status, v)
	}
	if err != nil {
		return err
	}
	return s.afterSharing(w, r, who)
}

// onePerson is the share with whom the text means: someone's whole e-mail, or the only one found.
func onePerson(people []store.User, text string) string {
	for _, u := range people {
		if strings.EqualFold(u.Email, strings.TrimSpace(text)) {
			return "user:" + u.ID
		}
	}
	if len(people) == 1 {
		return "user:" + people[0].ID
	}
	return ""
}

// afterSharing goes back to where the person may still go: they can have taken their own access away.
func (s *Server) afterSharing(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	project := r.PathValue("project")
	p, err := s.Workspace.Project(r.Context(), who, project)
	var denied *access.Denied
	switch {
	case errors.As(err, &denied):
		return redirect(w, r, "/projects")
	case err != nil:
		return err
	case p.Decision.Access < access.Full:
		return redirect(w, r, "/projects/"+project)
	}
	return redirect(w, r, "/projects/"+project+"/share")
}

// findPeople suggests whom to share with while a name is typed.
func (s *Server) findPeople(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	users, err := s.Workspace.FindPeople(r.Context(), who, r.PathValue("project"), r.URL.Query().Get("who"))
	if err != nil {
		return err
	}
	var found []views.FoundPerson
	for _, u := range users {
		found = append(found, views.FoundPerson{Email: u.Email, Name: u.Name})
	}
	return s.page(w, r, http.StatusOK, views.FoundPeople(found))
}

// createWebLink makes a link for visitors and shows it this once.
func (s *Server) createWebLink(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	v := views.Sharing{LinkName: r.PostFormValue("name")}
	days, err := strconv.Atoi(r.PostFormValue("days"))
	if err != nil || days < 0 || days > 366 {
		v.Errors = map[string]string{"days": "Choose from the list"}
		return s.sharingPage(w, r, who, http.StatusUnprocessableEntity, v)
	}
	var expires time.Time
	if days > 0 {
		expires = s.Now().Add(time.Duration(days) * 24 * time.Hour)
	}
	token, err := s.Auth.CreateWebLink(r.Context(), who, r.PathValue("project"), v.LinkName, expires)
	if bad := problemOf(err); err != nil && len(bad.Fields) > 0 {
		v.Errors = bad.Fields
		return s.sharingPage(w, r, who, bad.Status, v)
	}
	if err != nil {
		return err
	}
	return s.sharingPage(w, r, who, http.StatusOK, views.Sharing{Made: s.base(r) + sharePrefix + token})
}

// replaceWebLink gives a link another address and shows it this once.
func (s *Server) replaceWebLink(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	token, err := s.Auth.ReplaceWebLink(r.Context(), who, r.PathValue("project"), r.PathValue("link"))
	if err != nil {
		return err
	}
	return s.sharingPage(w, r, who, http.StatusOK, views.Sharing{Made: s.base(r) + sharePrefix + token})
}

func (s *Server) revokeWebLink(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Auth.RevokeWebLink(r.Context(), who, r.PathValue("project"), r.PathValue("link")); err != nil {
		return err
	}
	return redirect(w, r, "/projects/"+r.PathValue("project")+"/share")
}
