package handlers

import (
	"net/http"
	"strings"

	"patchbay/access"
	"patchbay/views"
	"patchbay/workspace"
)

// projects lists the notebooks that the person may open.
func (s *Server) projects(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.projectsPage(w, r, who, http.StatusOK, views.ProjectList{Query: r.URL.Query().Get("q")})
}

func (s *Server) projectsPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, l views.ProjectList) error {
	all, err := s.Workspace.Projects(r.Context(), who)
	if err != nil {
		return err
	}
	l.Page, l.Now, l.Total = s.layout(r, who, "Notebooks", "projects"), s.Now(), len(all)
	l.MayAdd = access.CreateProject(who) == nil
	for _, p := range all {
		if !strings.Contains(strings.ToLower(p.Name), strings.ToLower(strings.TrimSpace(l.Query))) {
			continue
		}
		owner, err := s.personName(r.Context(), p.OwnerID)
		if err != nil {
			return err
		}
		row := views.ProjectRow{ID: p.ID, Name: p.Name, Owner: owner, Access: levelWords[p.Decision.Access], Updated: p.Updated, Note: downgradeWords(p.Decision)}
		for _, c := range p.Known(who) {
			row.Connections = append(row.Connections, views.ConnectorMark{Name: c.Name, Type: c.Type})
		}
		row.Unnamed = len(p.Uses) - len(row.Connections)
		l.Rows = append(l.Rows, row)
	}
	return s.page(w, r, status, views.Projects(l))
}

var levelWords = map[access.Level]string{access.View: "Can view", access.Explore: "Can explore", access.Edit: "Can edit", access.Full: "Full access"}

// downgradeWords says which connection keeps the person from authoring or exploring a project, and who can grant it.
func downgradeWords(d access.ProjectDecision) string {
	var words []string
	for _, r := range d.Because {
		if r.ConnectionID != "" {
			words = append(words, r.Words)
		}
	}
	return strings.Join(words, ". ")
}

func (s *Server) createProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	l := views.ProjectList{Name: r.PostFormValue("name")}
	p, err := s.Workspace.CreateProject(r.Context(), who, l.Name)
	if bad := problemOf(err); err != nil && len(bad.Fields) > 0 {
		l.Errors = bad.Fields
		return s.projectsPage(w, r, who, bad.Status, l)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/projects/"+p.ID)
}

func (s *Server) renameProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("project")
	if err := s.Workspace.RenameProject(r.Context(), who, id, r.PostFormValue("name")); err != nil {
		return err
	}
	return redirect(w, r, "/projects/"+id)
}

func (s *Server) deleteProjectPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.projectDeletePage(w, r, who, http.StatusOK, "")
}

func (s *Server) projectDeletePage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, wrong string) error {
	p, err := s.Workspace.Project(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	if p.Decision.Access < access.Full {
		return &access.Denied{Action: "delete a project", Because: p.Decision.Because}
	}
	cells, err := s.Store.Cells(r.Context(), p.ID)
	if err != nil {
		return err
	}
	v := views.ProjectDelete{Page: s.layout(r, who, "Delete "+p.Name, "projects"), ID: p.ID, Name: p.Name, Cells: len(cells), Error: wrong}
	for _, c := range p.Uses {
		if c.ProjectID == p.ID {
			v.Own = append(v.Own, c.Name)
		}
	}
	return s.page(w, r, status, views.DeleteProject(v))
}

// deleteProject asks for the name, as every deletion does.
func (s *Server) deleteProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("project")
	p, err := s.Workspace.Project(r.Context(), who, id)
	if err != nil {
		return err
	}
	if strings.TrimSpace(r.PostFormValue("confirm")) != p.Name {
		return s.projectDeletePage(w, r, who, http.StatusUnprocessableEntity, "Type the notebook's name to delete it")
	}
	if err := s.Workspace.DeleteProject(r.Context(), who, id); err != nil {
		return err
	}
	return redirect(w, r, "/projects")
}

// projectConnections is where a project gets its connections.
func (s *Server) projectConnections(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.Workspace.Project(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	v := views.ConnectionPicker{Page: s.layout(r, who, "Connections of "+p.Name, "projects"), ID: p.ID, Name: p.Name,
		MayImport: p.Decision.Access >= access.Edit}
	used, err := s.Workspace.ProjectConnections(r.Context(), who, p.ID)
	if err != nil {
		return err
	}
	for _, c := range used {
		v.Used = append(v.Used, views.UsedConnection{ConnectionChoice: s.choice(c), Own: c.ProjectID != "", MayRemove: v.MayImport})
	}
	if v.MayImport {
		importable, err := s.Workspace.Importable(r.Context(), who, p.ID)
		if err != nil {
			return err
		}
		for _, c := range importable {
			v.Importable = append(v.Importable, s.choice(c))
		}
	}
	if err := s.Workspace.MayConnect(r.Context(), who, p.ID); err == nil {
		v.MayCreate = true
	} else if problem := problemOf(err); v.MayImport {
		v.CreateNotice = problem.Detail
	}
	return s.page(w, r, http.StatusOK, views.ConnectionPick(v))
}

// choice is a connection in few words.
func (s *Server) choice(c workspace.ConnectionView) views.ConnectionChoice {
	v := views.ConnectionChoice{ID: c.ID, Name: c.Name, Type: c.Type}
	if connector, ok := s.Registry.Get(c.Type); ok {
		v.Dialect = connector.Dialect.Name
	}
	return v
}

func (s *Server) importConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	project := r.PathValue("project")
	if err := s.Workspace.Import(r.Context(), who, project, r.PathValue("connection")); err != nil {
		return err
	}
	return redirect(w, r, "/projects/"+project)
}

func (s *Server) stopImport(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	project := r.PathValue("project")
	if err := s.Workspace.StopImport(r.Context(), who, project, r.PathValue("connection")); err != nil {
		return err
	}
	return redirect(w, r, "/projects/"+project+"/connections")
}
