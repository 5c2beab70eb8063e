package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/connectors"
)

func (s *Server) apiConnectors(w http.ResponseWriter, _ *http.Request, _ access.Actor) error {
	var items []any
	for _, c := range s.Registry.All() {
		items = append(items, apiConnectorOf(c))
	}
	return writeList(w, items, "")
}

func (s *Server) apiConnector(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	c, ok := s.Registry.Get(r.PathValue("type"))
	if !ok {
		return errNotFound
	}
	return writeJSON(w, http.StatusOK, apiConnectorOf(c))
}

// apiConnectorOf is one connector: tier, TLS rule, field list, and the JSON schema of its config.
func apiConnectorOf(c *connectors.Connector) map[string]any {
	fields := make([]map[string]any, 0, len(c.Fields))
	for _, f := range c.AllFields() {
		field := map[string]any{"key": f.Key, "label": f.Label, "kind": f.Kind, "section": f.Section, "required": f.Required, "secret": f.Secret,
			"default": f.Default, "placeholder": f.Placeholder, "help": f.Help, "destination": f.Redirects}
		if len(f.Choices) > 0 {
			var choices []map[string]string
			for _, choice := range f.Choices {
				choices = append(choices, map[string]string{"value": choice.Value, "label": choice.Label})
			}
			field["choices"] = choices
		}
		if f.ShowIf != nil {
			field["show_if"] = map[string]any{"key": f.ShowIf.Key, "in": f.ShowIf.In}
		}
		fields = append(fields, field)
	}
	return map[string]any{"type": c.Type, "name": c.Name, "summary": c.Summary, "tier": c.Tier, "tls": c.TLS, "levels": c.Levels, "fields": fields, "schema": c.Schema()}
}
