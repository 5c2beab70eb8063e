package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/views"
)

// workspaceSettings shows the settings that hold for everyone.
func (s *Server) workspaceSettings(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	now, err := s.Workspace.Settings(r.Context(), who)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.Workspace(views.WorkspaceSettings{Page: s.layout(r, who, "Workspace", "workspace"),
		AllowProjectConnections: now.AllowProjectConnections, Saved: r.URL.Query().Has("saved")}))
}

func (s *Server) saveWorkspaceSettings(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	to, err := s.Workspace.Settings(r.Context(), who)
	if err != nil {
		return err
	}
	to.AllowProjectConnections = r.PostFormValue("allow_project_connections") == "true"
	if err := s.Workspace.SetSettings(r.Context(), who, to); err != nil {
		return err
	}
	return redirect(w, r, "/settings/workspace?saved=1")
}
