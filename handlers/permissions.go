package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// permissionsForm is who may query, view results and refresh, as it is.
func (s *Server) permissionsForm(ctx context.Context, c store.Connection) (views.PermissionsForm, error) {
	seen, err := s.Workspace.PermissionsSeen(ctx, c.ID)
	if err != nil {
		return views.PermissionsForm{}, err
	}
	return s.permissionsEdited(ctx, workspace.Permissions{CanQuery: c.CanQuery, CanViewResults: c.CanViewResults,
		RefreshAdminsOnly: c.RefreshAdminsOnly, Seen: seen})
}

// permissionsEdited is the form with what was chosen, and what follows from it.
func (s *Server) permissionsEdited(ctx context.Context, p workspace.Permissions) (views.PermissionsForm, error) {
	f := views.PermissionsForm{AdminsOnly: p.RefreshAdminsOnly, Seen: p.Seen}
	groups, err := s.Store.Groups(ctx)
	if err != nil {
		return f, err
	}
	f.Rows = []views.PermissionRow{{ID: access.GroupPublic, Name: "Everyone", Who: "anonymous visitors included"},
		{ID: access.GroupMembers, Name: "Members", Who: "everyone with an account but guests"}, {ID: access.GroupGuests, Name: "Guests", Who: "people from outside"}}
	for _, g := range groups {
		f.Rows = append(f.Rows, views.PermissionRow{ID: g.ID, Name: g.Name, Who: views.Plural(int64(g.Members), "person", "people")})
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		r.QueryOffered = r.ID != access.GroupPublic
		r.Query, r.Results = r.QueryOffered && slices.Contains(p.CanQuery, r.ID), slices.Contains(p.CanViewResults, r.ID)
		switch {
		case r.Query:
			r.ResultsFrom = "Can query"
		case r.QueryOffered && slices.Contains(p.CanViewResults, access.GroupPublic):
			r.ResultsFrom = "Everyone"
		}
	}
	return f, nil
}

// chosenPermissions reads the form of the editor.
func chosenPermissions(r *http.Request) (workspace.Permissions, error) {
	if err := r.ParseForm(); err != nil {
		return workspace.Permissions{}, &badRequest{"bad_form", "The form cannot be read"}
	}
	return workspace.Permissions{CanQuery: r.PostForm["can_query"], CanViewResults: r.PostForm["can_view_results"],
		RefreshAdminsOnly: r.PostFormValue("refresh_admins_only") == "true", Seen: r.PostFormValue("seen"), Shown: r.PostFormValue("shown")}, nil
}

// savePermissions takes the editor's form in three steps: "edit" draws it again with what is chosen, "save" saves what was shown
// to have these consequences, and any other first shows who gains and who loses what.
func (s *Server) savePermissions(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, err := chosenPermissions(r)
	if err != nil {
		return err
	}
	id, step := r.PathValue("id"), r.PostFormValue("step")
	if step == "edit" {
		return s.editPermissions(w, r, who, in, nil)
	}
	now, err := s.Workspace.PermissionsSeen(r.Context(), id)
	switch {
	case err != nil:
		return err
	case in.Seen != now:
		return s.editPermissions(w, r, who, in, store.ErrConflict)
	case step != "save" || in.Shown == "":
		return s.reviewPermissions(w, r, who, in, http.StatusOK)
	}
	err = s.Workspace.SetPermissions(r.Context(), who, id, in)
	if errors.Is(err, store.ErrConflict) {
		return s.reviewPermissions(w, r, who, in, http.StatusConflict)
	}
	if err != nil {
		return s.editPermissions(w, r, who, in, err)
	}
	return redirect(w, r, "/settings/connections/"+id+"/permissions?saved=1")
}

// editPermissions draws the editor: with what was chosen, or after a conflict with what is there now.
func (s *Server) editPermissions(w http.ResponseWriter, r *http.Request, who access.Actor, in workspace.Permissions, failed error) error {
	page, err := s.connectionPage(r, who, "permissions")
	if err != nil {
		return err
	}
	p := problem{Status: http.StatusOK}
	if failed != nil {
		if p = problemOf(failed); p.Status != http.StatusConflict && len(p.Fields) == 0 {
			return failed
		}
	}
	if errors.Is(failed, store.ErrConflict) {
		page.Permissions.Conflict = true
		return s.page(w, r, p.Status, views.Connection(page))
	}
	if page.Permissions, err = s.permissionsEdited(r.Context(), in); err != nil {
		return err
	}
	page.Permissions.Errors = p.Fields
	return s.page(w, r, p.Status, views.Connection(page))
}

// reviewPermissions shows who gains and who loses what; status says whether other consequences were shown before.
func (s *Server) reviewPermissions(w http.ResponseWriter, r *http.Request, who access.Actor, in workspace.Permissions, status int) error {
	found, err := s.Workspace.PreviewPermissions(r.Context(), who, r.PathValue("id"), in)
	if err != nil {
		return s.editPermissions(w, r, who, in, err)
	}
	mark, err := found.Mark()
	if err != nil {
		return err
	}
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.page(w, r, status, views.PermissionsConsequences(views.PermissionsReview{Page: s.layout(r, who, "What changes with these permissions", "connections"),
		Base: "/settings/connections/" + c.ID, Name: c.Name, Consequences: consequencesView(found), CanQuery: in.CanQuery,
		CanViewResults: in.CanViewResults, AdminsOnly: in.RefreshAdminsOnly, Seen: in.Seen, Shown: mark, Conflict: status == http.StatusConflict}))
}

// shownNames bounds how many people one line of consequences names.
const shownNames = 100

// effectWords say what an effect on a connection takes or gives; those on a project say it with its access.
var effectWords = map[access.Effect]string{
	access.GainsQuery: "Can query", access.LosesQuery: "Can query", access.GainsResults: "Can view results", access.LosesResults: "Can view results",
	access.GainsRefresh: "Can refresh schema", access.LosesRefresh: "Can refresh schema", access.GainsExplore: "Can filter and chart results",
	access.LosesExplore: "Can filter and chart results",
}

func consequencesView(c workspace.Consequences) views.Consequences {
	out := views.Consequences{Takes: c.Takes()}
	add := func(title, href string, lines []views.ConsequenceLine) {
		if len(lines) > 0 {
			out.Blocks = append(out.Blocks, views.ConsequenceBlock{Title: title, Href: href, Lines: lines})
		}
	}
	for _, on := range c.Connections {
		add("On "+on.Name, "", effectLines(on.Effects))
	}
	for _, p := range c.Projects {
		lines := effectLines(p.Effects)
		if p.LosesAttachments {
			lines = append(lines, views.ConsequenceLine{Takes: true, Words: "Notifications carry no screenshot and no CSV any more"})
		}
		if p.GainsAttachments {
			lines = append(lines, views.ConsequenceLine{Words: "Notifications may carry a screenshot and a CSV"})
		}
		add("In the notebook "+p.Name, "/projects/"+p.ID, lines)
	}
	return out
}

func effectLines(effects []workspace.PeopleEffect) []views.ConsequenceLine {
	var lines []views.ConsequenceLine
	for _, e := range effects {
		l := views.ConsequenceLine{Takes: e.Effect.Takes(), Words: effectWords[e.Effect]}
		switch e.Effect {
		case access.BecomesLocked:
			l.Words = levelWords[e.Before] + ": locked out"
		case access.Restored:
			l.Words = levelWords[e.After] + ": not locked out any more"
		case access.BecomesLower:
			l.Words = levelWords[e.Before] + " becomes " + levelOrNone(e.After)
		case access.BecomesHigher:
			l.Words = levelOrNone(e.Before) + " becomes " + levelWords[e.After]
		}
		for _, a := range e.People[:min(len(e.People), shownNames)] {
			l.Names = append(l.Names, nameOf(a))
		}
		l.More = len(e.People) - len(l.Names)
		lines = append(lines, l)
	}
	return lines
}

func levelOrNone(l access.Level) string {
	if l == access.None {
		return "no access"
	}
	return levelWords[l]
}

// nameOf is how someone is called; whoever has no name, by their address.
func nameOf(a access.Actor) string {
	switch {
	case a.Anonymous():
		return "Visitors from the web"
	case a.Name == "":
		return a.Email
	}
	return a.Name
}
