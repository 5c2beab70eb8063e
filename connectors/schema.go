package connectors

// Schema is the JSON schema (draft 2020-12) of a connection's config and secrets, as the API takes them.
func (c *Connector) Schema() map[string]any {
	return map[string]any{
		"type": "object",
		"properties": map[string]any{
			"config":  c.schemaOf(func(f Field) bool { return !f.Secret }),
			"secrets": c.schemaOf(func(f Field) bool { return f.Secret }),
		},
	}
}

// schemaOf describes the fields that pass. What is required only while another field has some value is not required here:
// Check knows that, and the description says it.
func (c *Connector) schemaOf(pass func(Field) bool) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range c.AllFields() {
		if !pass(f) {
			continue
		}
		properties[f.Key] = f.schema()
		if f.Required && f.ShowIf == nil && f.Default == "" {
			required = append(required, f.Key)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// schema describes one field. Values are text in the API, whatever their kind.
func (f Field) schema() map[string]any {
	s := map[string]any{"type": "string", "title": f.Label}
	if f.Help != "" {
		s["description"] = f.Help
	}
	if f.Default != "" {
		s["default"] = f.Default
	}
	if f.Placeholder != "" {
		s["examples"] = []string{f.Placeholder}
	}
	if f.Secret {
		s["writeOnly"] = true
	}
	switch f.Kind {
	case Bool:
		s["enum"] = []string{"true", "false"}
	case Number:
		s["pattern"] = "^-?[0-9]+$"
	case Select:
		var values []string
		for _, choice := range f.Choices {
			values = append(values, choice.Value)
		}
		s["enum"] = values
	}
	if f.ShowIf != nil {
		s["x-show-if"] = map[string]any{"field": f.ShowIf.Key, "in": f.ShowIf.In}
	}
	return s
}
