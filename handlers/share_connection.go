package handlers

import (
	"errors"
	"net/http"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
	"patchbay/views"
)

// shareConnectionPage says what sharing a project connection with the workspace does.
func (s *Server) shareConnectionPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.sharePage(w, r, who, "", nil)
}

// sharePage shows the form; typed and failed are those of a refused try.
func (s *Server) sharePage(w http.ResponseWriter, r *http.Request, who access.Actor, typed string, failed error) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	found, err := s.Workspace.PreviewShare(r.Context(), who, c.ID)
	if err != nil {
		return err
	}
	mark, err := found.Mark()
	if err != nil {
		return err
	}
	bad := problem{Status: http.StatusOK}
	if failed != nil {
		bad = problemOf(failed)
	}
	f := views.ShareForm{Page: s.layout(r, who, "Share "+c.Name, "connections"), Base: "/settings/connections/" + c.ID, Name: c.Name, Typed: typed,
		Consequences: consequencesView(found), Errors: bad.Fields, Shown: mark, Conflict: bad.Status == http.StatusConflict}
	if failed == nil {
		f.Typed = c.Name
	}
	if f.Maker, err = s.personName(r.Context(), c.CreatedBy); err != nil {
		return err
	}
	if connector, ok := s.Registry.Get(c.Type); ok {
		f.Host, f.Private = connector.Host(c.Config), found.Reach.Private && connector.TLS != connectors.TLSNone // which is a file
		if c.Config["ssh_enabled"] == "true" {
			f.Through = c.Config["ssh_host"]
		}
	}
	p, err := s.Store.Project(r.Context(), c.ProjectID)
	if err != nil {
		return err
	}
	f.Projects = []views.UsageRow{{Name: p.Name, Href: "/projects/" + p.ID}}
	return s.page(w, r, bad.Status, views.ConnectionShare(f))
}

// shareConnection turns a project connection into a workspace connection.
func (s *Server) shareConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id, name := r.PathValue("id"), r.PostFormValue("name")
	err := s.Workspace.ShareConnection(r.Context(), who, id, name, r.PostFormValue("shown"))
	if err != nil && (problemOf(err).Fields["name"] != "" || errors.Is(err, store.ErrConflict)) {
		return s.sharePage(w, r, who, name, err)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+id+"/permissions")
}

// allProjectConnections lists the connections that belong to projects.
func (s *Server) allProjectConnections(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	v := views.ProjectConnections{Page: s.layout(r, who, "Project connections", "connections")}
	all, err := s.Workspace.Connections(r.Context(), who)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.ProjectID == "" {
			continue
		}
		row, err := s.connectionRow(r.Context(), c)
		if err != nil {
			return err
		}
		p, err := s.Store.Project(r.Context(), c.ProjectID)
		if err != nil {
			return err
		}
		v.Rows = append(v.Rows, views.ProjectConnectionRow{ConnectionRow: row, Project: p.Name, ProjectHref: "/projects/" + p.ID})
	}
	return s.page(w, r, http.StatusOK, views.AllProjectConnections(v))
}
