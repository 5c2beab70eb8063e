package views

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	"patchbay/connectors"
)

// A FormField is a declared field as it stands on a form. Value is never set for a secret.
type FormField struct {
	connectors.Field
	Value string
	Saved bool   // a secret is kept; it is never sent here
	Error string // why Value was refused
}

func (f FormField) id() string { return "field-" + f.Key }

// shown is the field's value, or its default while nothing was entered.
func (f FormField) shown() string {
	if f.Value == "" {
		return f.Default
	}
	return f.Value
}

// visibleWhen says for script when the field shows: "auth=password,iam".
func (f FormField) visibleWhen() string {
	if f.ShowIf == nil {
		return ""
	}
	return f.ShowIf.Key + "=" + strings.Join(f.ShowIf.In, ",")
}

// plainValue is what is written into the page: never anything of a secret.
func (f FormField) plainValue() string {
	if f.Secret {
		return ""
	}
	return f.shown()
}

// autocomplete keeps password managers from filling a database's password with the person's own.
func (f FormField) autocomplete() string {
	if f.Secret {
		return "new-password"
	}
	return "off"
}

// inputType keeps secrets from being read over a shoulder.
func (f FormField) inputType() string {
	if f.Secret {
		return "password"
	}
	return "text"
}

// multiline says whether the value may hold several lines.
func (f FormField) multiline() bool {
	return slices.Contains([]connectors.Kind{connectors.Lines, connectors.PEM, connectors.JSON}, f.Kind)
}

// mayStayEmpty says whether the label says Optional: nothing need be entered, and nothing is there yet.
func (f FormField) mayStayEmpty() bool {
	return !f.Required && f.Default == "" && f.Kind != connectors.Select
}

// mustFill marks the input as required for the browser. A field that may be hidden, and a draft, are checked by the server.
func (f FormField) mustFill() bool { return f.Required && f.ShowIf == nil && !f.Saved }

// invalid are the attributes that tie an input to its help and its error.
func invalid(id, problem string, help bool) templ.Attributes {
	var by []string
	if problem != "" {
		by = append(by, id+"-error")
	}
	if help {
		by = append(by, id+"-help")
	}
	a := templ.Attributes{}
	if len(by) > 0 {
		a["aria-describedby"] = strings.Join(by, " ")
	}
	if problem != "" {
		a["aria-invalid"] = "true"
	}
	return a
}

func (f FormField) described() templ.Attributes { return invalid(f.id(), f.Error, f.Help != "") }
