package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// apiPermissions are who may query, view results of, and refresh a connection; groups by id.
type apiPermissions struct {
	CanQuery         []string `json:"can_query"`
	CanViewResults   []string `json:"can_view_results"`
	CanRefreshSchema string   `json:"can_refresh_schema"` // can_query or admins
}

func apiPermissionsOf(c store.Connection) apiPermissions {
	p := apiPermissions{CanQuery: append([]string{}, c.CanQuery...), CanViewResults: append([]string{}, c.CanViewResults...), CanRefreshSchema: "can_query"}
	if c.RefreshAdminsOnly {
		p.CanRefreshSchema = "admins"
	}
	return p
}

func (s *Server) apiGetPermissions(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiPermissionsOf(c.Connection))
}

// sentPermissions reads permissions as PUT and preview take them.
func sentPermissions(r *http.Request) (workspace.Permissions, error) {
	var in apiPermissions
	if err := decode(r, &in); err != nil {
		return workspace.Permissions{}, err
	}
	if in.CanRefreshSchema != "can_query" && in.CanRefreshSchema != "admins" {
		return workspace.Permissions{}, &workspace.Invalid{Fields: map[string]string{"can_refresh_schema": "Send can_query or admins"}}
	}
	return workspace.Permissions{CanQuery: in.CanQuery, CanViewResults: in.CanViewResults, RefreshAdminsOnly: in.CanRefreshSchema == "admins"}, nil
}

func (s *Server) apiSetPermissions(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, err := sentPermissions(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := s.Workspace.SetPermissions(r.Context(), who, id, in); err != nil {
		return err
	}
	c, err := s.Store.Connection(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiPermissionsOf(c))
}

// apiPreviewPermissions says who would gain and lose what by permissions, and changes nothing.
func (s *Server) apiPreviewPermissions(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := access.AdminOnly(who, "change a connection's permissions"); err != nil {
		return err
	}
	in, err := sentPermissions(r)
	if err != nil {
		return err
	}
	found, err := s.Workspace.PreviewPermissions(r.Context(), who, r.PathValue("id"), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, apiConsequencesOf(found))
}

// apiConsequences are who gains and loses what.
type apiConsequences struct {
	Connection []apiEffect         `json:"connection"`
	Projects   []apiProjectEffects `json:"projects"`
}

type apiEffect struct {
	Effect access.Effect `json:"effect"`
	From   string        `json:"from,omitempty"` // the access on the project
	To     string        `json:"to,omitempty"`
	People []apiPerson   `json:"people"`
}

// apiPerson is someone by id and name; the id of a visitor from the web is anonymous.
type apiPerson struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type apiProjectEffects struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Effects     []apiEffect `json:"effects"`
	Attachments string      `json:"attachments,omitempty"` // lost or gained: whether notifications carry results
}

func apiConsequencesOf(c workspace.Consequences) apiConsequences {
	out := apiConsequences{Connection: []apiEffect{}, Projects: []apiProjectEffects{}}
	for _, on := range c.Connections {
		out.Connection = append(out.Connection, apiEffectsOf(on.Effects, false)...)
	}
	for _, p := range c.Projects {
		item := apiProjectEffects{ID: p.ID, Name: p.Name, Effects: apiEffectsOf(p.Effects, true)}
		switch {
		case p.LosesAttachments:
			item.Attachments = "lost"
		case p.GainsAttachments:
			item.Attachments = "gained"
		}
		out.Projects = append(out.Projects, item)
	}
	return out
}

func apiEffectsOf(effects []workspace.PeopleEffect, levels bool) []apiEffect {
	out := []apiEffect{}
	for _, e := range effects {
		item := apiEffect{Effect: e.Effect}
		if levels {
			item.From, item.To = e.Before.String(), e.After.String()
		}
		for _, a := range e.People {
			person := apiPerson{a.UserID, nameOf(a)}
			if a.Anonymous() {
				person.ID = workspace.AnonymousUser
			}
			item.People = append(item.People, person)
		}
		out = append(out, item)
	}
	return out
}
