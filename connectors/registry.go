package connectors

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Registry is the connectors of one program, and the way to open them. It does not change once made.
type Registry struct {
	list []*Connector
	own  []netip.AddrPort
}

// NewRegistry checks every declaration and refuses bad ones: they are a programmer's error, found at start and by a test.
// own are the addresses that this program itself listens on, which no connection may reach (PROMISES P5).
func NewRegistry(list []*Connector, own []netip.AddrPort) (*Registry, error) {
	var bad []error
	types := map[string]bool{}
	for _, c := range list {
		if types[c.Type] {
			bad = append(bad, fmt.Errorf("connector %s is declared twice", c.Type))
		}
		types[c.Type] = true
		for _, words := range c.flaws() {
			bad = append(bad, fmt.Errorf("connector %s: %s", c.Type, words))
		}
	}
	return &Registry{list: list, own: own}, errors.Join(bad...)
}

// All are the connectors in the order of the list.
func (r *Registry) All() []*Connector { return slices.Clone(r.list) }

// Get finds a connector by its type.
func (r *Registry) Get(kind string) (*Connector, bool) {
	for _, c := range r.list {
		if c.Type == kind {
			return c, true
		}
	}
	return nil, false
}

// FromURL finds the connector of a pasted connection URL or DSN and reads its fields. A refusal is a *FieldError, which never
// repeats the URL: it may hold a password.
func (r *Registry) FromURL(raw string) (*Connector, Values, Secrets, error) {
	var found *Connector
	longest := 0
	for _, c := range r.list {
		for _, scheme := range c.Schemes {
			if n := len(scheme) + 1; n > longest && len(raw) >= n && strings.EqualFold(raw[:n], scheme+":") && c.ParseURL != nil {
				found, longest = c, n
			}
		}
	}
	if found == nil {
		return r.fromDSN(raw)
	}
	v, s, err := found.ParseURL(raw)
	if bad := (*FieldError)(nil); err != nil && !errors.As(err, &bad) {
		err = &FieldError{Key: "url", Words: "This cannot be read as a connection URL of " + found.Name}
	}
	return found, v, s, err
}

// fromDSN reads a DSN, which has no scheme to tell whose it is: the first connector that can read it takes it.
func (r *Registry) fromDSN(raw string) (*Connector, Values, Secrets, error) {
	for _, c := range r.list {
		if c.ParseURL == nil || strings.Contains(raw, "://") {
			continue
		}
		if v, s, err := c.ParseURL(raw); err == nil {
			return c, v, s, nil
		}
	}
	return nil, nil, nil, &FieldError{Key: "url", Words: "No database here has URLs that begin like this. Choose the database and fill in its form"}
}

// AllFields are the connector's own fields and the TLS and SSH fields that its declaration asks for, in the order of the form.
func (c *Connector) AllFields() []Field {
	fields := slices.Clone(c.Fields)
	if c.TLS != TLSNone {
		fields = append(fields, tlsFields(c.TLS)...)
	}
	if c.Tunnel {
		fields = append(fields, sshFields()...)
	}
	return fields
}

func (c *Connector) field(key string) (Field, bool) {
	for _, f := range c.AllFields() {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

var (
	snakeCase = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	kebabCase = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	kinds     = []Kind{Text, Number, Bool, Select, Lines, PEM, JSON}
	sections  = []Section{SectionServer, SectionSignIn, SectionTLS, SectionSSH, SectionAdvanced}
	rules     = []TLSRule{TLSRequired, TLSDefaultOn, TLSConfigurable, TLSNone}
	// everyones are what every connection has besides its connector's fields.
	everyones = []string{"name", "type", "description", "allow_writeback", "exclude_from_agents"}
)

// flaws are what is wrong with a declaration.
func (c *Connector) flaws() []string {
	var flaws []string
	flag := func(wrong bool, words string) {
		if wrong {
			flaws = append(flaws, words)
		}
	}
	flag(!kebabCase.MatchString(c.Type), "the type is not kebab-case")
	flag(c.Name == "" || c.Summary == "", "it has no name or no summary")
	flag(c.Tier < 1 || c.Tier > 3, "the tier is not 1, 2 or 3")
	flag(!slices.Contains(rules, c.TLS), "the TLS rule is unknown")
	flag(len(c.Levels) == 0, "it has no levels")
	flag(c.Dialect == nil || c.Open == nil, "it has no dialect or cannot be opened")
	flag(len(c.Schemes) > 0 && c.ParseURL == nil, "it has URL schemes and cannot read them")
	keys := map[string]bool{}
	for _, f := range c.AllFields() {
		flag(keys[f.Key], "field "+f.Key+" is declared twice")
		keys[f.Key] = true
		for _, words := range f.flaws() {
			flag(true, "field "+f.Key+": "+words)
		}
		flag(!c.holdable(f.ShowIf), "field "+f.Key+": it shows on a condition that cannot hold")
	}
	return flaws
}

// holdable says whether a condition names a field, and only values that it can have.
func (c *Connector) holdable(cond *Cond) bool {
	if cond == nil {
		return true
	}
	on, ok := c.field(cond.Key)
	if !ok || on.Secret || len(cond.In) == 0 {
		return false
	}
	for _, value := range cond.In {
		if !on.offers(value) {
			return false
		}
	}
	return true
}

// flaws are what is wrong with one field's declaration by itself.
func (f Field) flaws() []string {
	var flaws []string
	flag := func(wrong bool, words string) {
		if wrong {
			flaws = append(flaws, words)
		}
	}
	classes := 0
	for _, is := range []bool{f.Secret, f.Redirects, f.Stays} {
		if is {
			classes++
		}
	}
	flag(!snakeCase.MatchString(f.Key), "the key is not snake_case")
	flag(slices.Contains(everyones, f.Key), "every connection has a field of this name")
	flag(f.Label == "", "it has no label")
	flag(!slices.Contains(kinds, f.Kind), "the kind is unknown")
	flag(!slices.Contains(sections, f.Section), "the section is unknown")
	flag(classes != 1, "it must be one of Secret, Redirects and Stays")
	flag(f.Secret && f.Default != "", "a secret has no default")
	flag((f.Kind == Select) != (len(f.Choices) > 0), "a Select, and nothing else, has choices")
	flag(f.Default != "" && !f.offers(f.Default), "the default cannot be chosen")
	return flaws
}

// offers says whether value is one that the field's kind can hold.
func (f Field) offers(value string) bool {
	switch f.Kind {
	case Select:
		return slices.ContainsFunc(f.Choices, func(c Choice) bool { return c.Value == value })
	case Bool:
		return value == "true" || value == "false"
	case Number:
		_, err := strconv.Atoi(value)
		return err == nil
	}
	return true
}
