package handlers

import (
	"net/http"
	"time"

	"patchbay/access"
	"patchbay/workspace"
)

// apiProject is a project as the API writes it; access is the caller's.
type apiProject struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Owner     string    `json:"owner"`
	Access    string    `json:"access"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func apiProjectOf(p workspace.ProjectView) apiProject {
	return apiProject{ID: p.ID, Name: p.Name, Owner: p.OwnerID, Access: p.Decision.Access.String(), CreatedAt: p.Created.UTC(), UpdatedAt: p.Updated.UTC()}
}

func (s *Server) apiProjects(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	all, err := s.Workspace.Projects(r.Context(), who)
	if err != nil {
		return err
	}
	page, err := paged(r, all, func(p workspace.ProjectView) string { return p.ID })
	if err != nil {
		return err
	}
	items := make([]apiProject, len(page.items))
	for i, p := range page.items {
		items[i] = apiProjectOf(p)
	}
	return writeList(w, items, page.next)
}

type projectInput struct {
	Name string `json:"name"`
}

func (s *Server) apiCreateProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in projectInput
	if err := decode(r, &in); err != nil {
		return err
	}
	p, err := s.Workspace.CreateProject(r.Context(), who, in.Name)
	if err != nil {
		return err
	}
	return s.writeProject(w, r, who, http.StatusCreated, p.ID)
}

func (s *Server) writeProject(w http.ResponseWriter, r *http.Request, who access.Actor, status int, id string) error {
	p, err := s.Workspace.Project(r.Context(), who, id)
	if err != nil {
		return err
	}
	return writeJSON(w, status, apiProjectOf(p))
}

func (s *Server) apiProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.writeProject(w, r, who, http.StatusOK, r.PathValue("project"))
}

func (s *Server) apiUpdateProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in projectInput
	if err := decode(r, &in); err != nil {
		return err
	}
	if err := s.Workspace.RenameProject(r.Context(), who, r.PathValue("project"), in.Name); err != nil {
		return err
	}
	return s.writeProject(w, r, who, http.StatusOK, r.PathValue("project"))
}

func (s *Server) apiDeleteProject(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.DeleteProject(r.Context(), who, r.PathValue("project")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type apiShare struct {
	To     string `json:"to"`
	Access string `json:"access"`
}

type apiShares struct {
	Shares []apiShare `json:"shares"`
}

func (s *Server) apiGetShares(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.Workspace.Project(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	if p.Decision.Access < access.Full {
		return &access.Denied{Action: "see a project's shares", Because: p.Decision.Because}
	}
	out := apiShares{Shares: []apiShare{}}
	for _, share := range p.Shares {
		out.Shares = append(out.Shares, apiShare{share.To, share.Access.String()})
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) apiSetShares(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in apiShares
	if err := decode(r, &in); err != nil {
		return err
	}
	var shares []access.Share
	for _, share := range in.Shares {
		level, ok := access.ParseLevel(share.Access)
		if !ok {
			return &workspace.Invalid{Fields: map[string]string{"shares": "access is full, edit, explore or view"}}
		}
		shares = append(shares, access.Share{To: share.To, Access: level})
	}
	if err := s.Workspace.SetShares(r.Context(), who, r.PathValue("project"), shares); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, in)
}

func (s *Server) apiProjectConnections(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	used, err := s.Workspace.ProjectConnections(r.Context(), who, r.PathValue("project"))
	if err != nil {
		return err
	}
	items := make([]apiConnection, 0, len(used))
	for _, c := range used {
		item, err := s.apiConnectionOf(r.Context(), who, c)
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	return writeList(w, items, "")
}

func (s *Server) apiImport(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.Import(r.Context(), who, r.PathValue("project"), r.PathValue("connection")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiStopImport(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.StopImport(r.Context(), who, r.PathValue("project"), r.PathValue("connection")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
