package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/secret"
	"patchbay/workspace"
)

// apiConnection is a connection as the API writes it. A secret is only ever told to be set.
type apiConnection struct {
	ID                string             `json:"id"`
	Name              string             `json:"name"`
	Type              string             `json:"type"`
	Scope             string             `json:"scope"`
	ProjectID         string             `json:"project_id,omitempty"`
	Draft             bool               `json:"draft"`
	Description       string             `json:"description"`
	State             string             `json:"state"`
	Config            map[string]string  `json:"config,omitempty"`
	Secrets           map[string]setFlag `json:"secrets,omitempty"`
	AllowWriteback    bool               `json:"allow_writeback"`
	ExcludeFromAgents bool               `json:"exclude_from_agents"`
	Server            string             `json:"server,omitempty"`
	LastRefresh       *time.Time         `json:"last_refresh"`
	NextRefresh       *time.Time         `json:"next_refresh"`
	CreatedAt         time.Time          `json:"created_at"`
	UpdatedAt         time.Time          `json:"updated_at"`
	Version           int64              `json:"version"`
}

type setFlag struct {
	Set bool `json:"set"`
}

// apiConnectionOf shows where a connection points to those who may edit it only.
func (s *Server) apiConnectionOf(ctx context.Context, who access.Actor, c workspace.ConnectionView) (apiConnection, error) {
	out := apiConnection{ID: c.ID, Name: c.Name, Type: c.Type, Scope: "workspace", ProjectID: c.ProjectID, Draft: c.Draft,
		Description: c.Description, AllowWriteback: c.AllowWriteback, ExcludeFromAgents: c.HideFromAgents, NextRefresh: when(c.NextRefresh),
		CreatedAt: c.Created, UpdatedAt: c.Updated, Version: c.Version, State: stateOf(c.Connection).Key}
	if c.ProjectID != "" {
		out.Scope = "project"
	}
	if c.ServerVersion != "" {
		out.Server = c.ServerProduct + " " + c.ServerVersion
	}
	state, err := s.Store.CatalogState(ctx, c.ID)
	if err != nil {
		return out, err
	}
	out.LastRefresh = when(state.Read)
	if s.Workspace.MayEdit(ctx, who, c.ID) != nil {
		return out, nil
	}
	out.Config, out.Secrets = c.Config, map[string]setFlag{}
	connector, ok := s.Registry.Get(c.Type)
	if !ok {
		return out, nil
	}
	set := map[string]bool{}
	for _, field := range c.SecretsSet {
		set[field] = true
	}
	for _, f := range connector.AllFields() {
		if f.Secret {
			out.Secrets[f.Key] = setFlag{set[f.Key]}
		}
	}
	return out, nil
}

// when is a moment, or null for never.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (s *Server) apiConnections(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	all, err := s.Workspace.Connections(r.Context(), who)
	if err != nil {
		return err
	}
	page, err := paged(r, all, func(c workspace.ConnectionView) string { return c.ID })
	if err != nil {
		return err
	}
	items := make([]apiConnection, 0, len(page.items))
	for _, c := range page.items {
		item, err := s.apiConnectionOf(r.Context(), who, c)
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	return writeList(w, items, page.next)
}

// apiConnectionInput is what POST and PATCH take. Nil leaves a setting as it is.
type apiConnectionInput struct {
	Name              *string            `json:"name"`
	Type              string             `json:"type"`
	Scope             string             `json:"scope"`
	ProjectID         string             `json:"project_id"`
	Draft             *bool              `json:"draft"`
	Description       *string            `json:"description"`
	Config            map[string]any     `json:"config"`
	Secrets           map[string]*string `json:"secrets"` // null forgets a saved one
	AllowWriteback    *bool              `json:"allow_writeback"`
	ExcludeFromAgents *bool              `json:"exclude_from_agents"`
	Version           int64              `json:"version"`
}

// input joins what was sent with what is saved; base is the zero input for a new connection.
func (s *Server) input(in apiConnectionInput, base workspace.ConnectionInput) (workspace.ConnectionInput, error) {
	connector, ok := s.Registry.Get(base.Type)
	if !ok {
		return base, &workspace.Invalid{Fields: map[string]string{"type": "There is no connector of this type"}}
	}
	fields := map[string]bool{} // key -> secret
	for _, f := range connector.AllFields() {
		fields[f.Key] = f.Secret
	}
	bad := map[string]string{}
	plain := map[string]string{}
	for k, v := range base.Values {
		plain[k] = v
	}
	for k, v := range in.Config {
		if isSecret, known := fields[k]; known && isSecret {
			bad[k] = "This is a secret: send it under secrets"
			continue
		}
		text, err := configText(v)
		if err != nil {
			bad[k] = "Send text, a number, true or false"
		}
		plain[k] = text
	}
	base.Secrets = connectors.Secrets{}
	for k, v := range in.Secrets {
		switch isSecret := fields[k]; {
		case !isSecret:
			bad[k] = "There is no secret of this name"
		case v == nil:
			base.RemoveSecrets = append(base.RemoveSecrets, k)
		default:
			base.Secrets[k] = secret.New(*v)
		}
	}
	values, _, more := connector.Parse(plain)
	for k, words := range more {
		bad[k] = words
	}
	if len(bad) > 0 {
		return base, &workspace.Invalid{Fields: bad}
	}
	base.Values = values
	take(&base.Name, in.Name)
	take(&base.Description, in.Description)
	take(&base.Draft, in.Draft)
	take(&base.AllowWriteback, in.AllowWriteback)
	take(&base.HideFromAgents, in.ExcludeFromAgents)
	base.Version = in.Version
	return base, nil
}

// take sets to where from was sent.
func take[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// configText is a config value as the form would have sent it.
func configText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "", nil
	case bool, float64:
		b, err := json.Marshal(v)
		return string(b), err
	}
	return "", errNotFound
}

func (s *Server) newInput(r *http.Request) (workspace.ConnectionInput, error) {
	var in apiConnectionInput
	if err := decode(r, &in); err != nil {
		return workspace.ConnectionInput{}, err
	}
	base := workspace.ConnectionInput{Type: in.Type, ProjectID: in.ProjectID}
	switch {
	case in.Scope == "project" && in.ProjectID == "":
		return base, &workspace.Invalid{Fields: map[string]string{"project_id": "Name the project of a project connection"}}
	case in.Scope == "workspace" && in.ProjectID != "", in.Scope != "" && in.Scope != "workspace" && in.Scope != "project":
		return base, &workspace.Invalid{Fields: map[string]string{"scope": "Send workspace, or project with a project_id"}}
	}
	return s.input(in, base)
}

func (s *Server) apiCreateConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, err := s.newInput(r)
	if err != nil {
		return err
	}
	c, err := s.Workspace.CreateConnection(r.Context(), who, in)
	if err != nil {
		return err
	}
	return s.writeConnection(w, r, who, http.StatusCreated, c.ID)
}

func (s *Server) writeConnection(w http.ResponseWriter, r *http.Request, who access.Actor, status int, id string) error {
	c, err := s.Workspace.Connection(r.Context(), who, id)
	if err != nil {
		return err
	}
	out, err := s.apiConnectionOf(r.Context(), who, c)
	if err != nil {
		return err
	}
	return writeJSON(w, status, out)
}

func (s *Server) apiConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.writeConnection(w, r, who, http.StatusOK, r.PathValue("id"))
}

// editInput is the saved connection with what was sent on top.
func (s *Server) editInput(r *http.Request, who access.Actor) (workspace.ConnectionInput, error) {
	c, in, err := s.sentInput(r, who)
	if err != nil {
		return workspace.ConnectionInput{}, err
	}
	return s.editOf(c, in)
}

// patchInput is editInput, or the name alone where what was sent is to share a project connection with the workspace.
func (s *Server) patchInput(r *http.Request, who access.Actor) (out workspace.ConnectionInput, share bool, err error) {
	c, in, err := s.sentInput(r, who)
	if err != nil || in.Scope != "workspace" {
		if err == nil {
			out, err = s.editOf(c, in)
		}
		return out, false, err
	}
	take(&out.Name, in.Name)
	in.Scope, in.Name = "", nil
	if !reflect.ValueOf(in).IsZero() {
		return out, false, &workspace.Invalid{Fields: map[string]string{"scope": "Send scope alone or with a name, and other changes afterwards"}}
	}
	return out, true, nil
}

func (s *Server) sentInput(r *http.Request, who access.Actor) (c workspace.ConnectionView, in apiConnectionInput, err error) {
	c, err = s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err == nil {
		err = decode(r, &in)
	}
	return c, in, err
}

func (s *Server) editOf(c workspace.ConnectionView, in apiConnectionInput) (workspace.ConnectionInput, error) {
	if (in.Type != "" && in.Type != c.Type) || in.Scope != "" || in.ProjectID != "" {
		return workspace.ConnectionInput{}, &workspace.Invalid{Fields: map[string]string{"type": "Type, scope and project cannot be changed"}}
	}
	return s.input(in, workspace.ConnectionInput{Name: c.Name, Type: c.Type, ProjectID: c.ProjectID, Description: c.Description, Draft: c.Draft,
		Values: c.Config, AllowWriteback: c.AllowWriteback, HideFromAgents: c.HideFromAgents, Schedule: c.Schedule})
}

func (s *Server) apiUpdateConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("id")
	in, share, err := s.patchInput(r, who)
	if err != nil {
		return err
	}
	if share {
		if err := s.Workspace.ShareConnection(r.Context(), who, id, in.Name, ""); err != nil {
			return err
		}
		return s.writeConnection(w, r, who, http.StatusOK, id)
	}
	if _, err := s.Workspace.UpdateConnection(r.Context(), who, id, in); err != nil {
		return err
	}
	return s.writeConnection(w, r, who, http.StatusOK, id)
}

// apiDeleteConnection needs no typed name: the id in the address is exact.
func (s *Server) apiDeleteConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.Workspace.DeleteConnection(r.Context(), who, c.ID, c.Name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiTestConnection tests a connection that is not saved; the id form tests a saved one with what was sent on top.
func (s *Server) apiTestConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, err := s.newInput(r)
	if err != nil {
		return err
	}
	return s.writeReport(w, func() (connectors.Report, error) {
		return s.Workspace.TestConnection(r.Context(), who, "", in, func(connectors.Step) {})
	})
}

func (s *Server) apiTestSaved(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PathValue("id")
	if r.ContentLength == 0 {
		return s.writeReport(w, func() (connectors.Report, error) {
			return s.Workspace.TestSaved(r.Context(), who, id, func(connectors.Step) {})
		})
	}
	in, err := s.editInput(r, who)
	if err != nil {
		return err
	}
	return s.writeReport(w, func() (connectors.Report, error) {
		return s.Workspace.TestConnection(r.Context(), who, id, in, func(connectors.Step) {})
	})
}

func (s *Server) writeReport(w http.ResponseWriter, run func() (connectors.Report, error)) error {
	report, err := run()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"ok": report.OK, "steps": report.Steps})
}
