package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/schedule"
	"patchbay/views"
	"patchbay/workspace"
)

// zones are offered for a schedule's time zone; any other IANA name can be typed.
var zones = []string{"UTC", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London",
	"Europe/Berlin", "Europe/Paris", "Europe/Bratislava", "Europe/Madrid", "Europe/Warsaw", "Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata",
	"Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland"}

// newConnection is the grid of databases.
func (s *Server) newConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.mayBeginIn(r, who); err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.ConnectorGrid(s.connectorPick(r, who)))
}

// mayBeginIn keeps the wizard of a project from those who could not use what it makes. Whether they may make it, the act decides.
func (s *Server) mayBeginIn(r *http.Request, who access.Actor) error {
	id := r.PathValue("project")
	if id == "" {
		return nil
	}
	p, err := s.Workspace.Project(r.Context(), who, id)
	if err == nil && p.Decision.Access < access.Edit {
		err = &access.Denied{Action: "connect in a project", Because: p.Decision.Because}
	}
	return err
}

func (s *Server) connectorPick(r *http.Request, who access.Actor) views.ConnectorPick {
	p := views.ConnectorPick{Page: s.layout(r, who, "New connection", "connections"), Base: newConnectionBase(r)}
	titles := map[int]string{1: "Warehouses", 2: "Databases", 3: "More databases and files"}
	for tier := 1; tier <= 3; tier++ {
		group := views.ConnectorTier{Title: titles[tier]}
		for _, c := range s.Registry.All() {
			if c.Tier == tier {
				group.Cards = append(group.Cards, views.ConnectorCard{Type: c.Type, Name: c.Name, Summary: c.Summary})
			}
		}
		if len(group.Cards) > 0 {
			p.Tiers = append(p.Tiers, group)
		}
	}
	return p
}

// newConnectionBase is where the wizard lives: in Settings, or in the project that it was begun from.
func newConnectionBase(r *http.Request) string {
	if project := r.PathValue("project"); project != "" {
		return "/projects/" + project + "/connections/new"
	}
	return "/settings/new-connection"
}

// connectionByURL fills the form from a pasted connection URL. Its secrets are never sent back: they are asked for again.
func (s *Server) connectionByURL(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.mayBeginIn(r, who); err != nil {
		return err
	}
	connector, values, _, err := s.Registry.FromURL(strings.TrimSpace(r.PostFormValue("url")))
	if err != nil {
		p := s.connectorPick(r, who)
		p.Error = urlWords(err)
		return s.page(w, r, http.StatusUnprocessableEntity, views.ConnectorGrid(p))
	}
	q := url.Values{}
	for k, v := range values {
		if v != "" {
			q.Set(k, v)
		}
	}
	return redirect(w, r, newConnectionBase(r)+"/"+connector.Type+"?"+q.Encode())
}

// newConnectionForm is the empty form of one product, filled with what the address bar brings.
func (s *Server) newConnectionForm(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.mayBeginIn(r, who); err != nil {
		return err
	}
	in := workspace.ConnectionInput{Type: r.PathValue("type"), ProjectID: r.PathValue("project"), Values: connectors.Values{},
		Schedule: schedule.Spec{Kind: schedule.Daily, At: "04:00", TimeZone: "UTC"}}
	connector, ok := s.Registry.Get(in.Type)
	if !ok {
		return errNotFound
	}
	for _, f := range connector.AllFields() {
		if v := r.URL.Query().Get(f.Key); v != "" && !f.Secret {
			in.Values[f.Key] = v
		}
	}
	form, err := s.connectionForm(r, who, in, nil)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.ConnectionEdit(form))
}

// createConnection saves the filled form and starts the first refresh.
func (s *Server) createConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, err := s.parseConnection(r)
	if err != nil {
		return err
	}
	share := r.PostFormValue("share") == "true"
	project := r.PathValue("project")
	if project != "" && !share {
		in.ProjectID = project
	}
	if project != "" && share {
		if _, err := s.Workspace.Project(r.Context(), who, project); err != nil {
			return err
		}
	}
	c, err := s.Workspace.CreateConnection(r.Context(), who, in)
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		in.ProjectID = project
		return s.formAgain(w, r, who, in, p)
	}
	if err != nil {
		return err
	}
	if project == "" || c.Draft { // a draft is imported once it is finished
		return redirect(w, r, "/settings/connections/"+c.ID)
	}
	if share {
		if err := s.Workspace.Import(r.Context(), who, project, c.ID); err != nil {
			return err
		}
	}
	return redirect(w, r, "/projects/"+project)
}

// formAgain is the same form with what was typed and the words at each field.
func (s *Server) formAgain(w http.ResponseWriter, r *http.Request, who access.Actor, in workspace.ConnectionInput, p problem) error {
	form, err := s.connectionForm(r, who, in, p.Fields)
	if err != nil {
		return err
	}
	return s.page(w, r, p.Status, views.ConnectionEdit(form))
}

func (s *Server) editConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	in := workspace.ConnectionInput{Name: c.Name, Type: c.Type, Description: c.Description, ProjectID: c.ProjectID, Draft: c.Draft,
		Values: c.Config, AllowWriteback: c.AllowWriteback, HideFromAgents: c.HideFromAgents, Schedule: c.Schedule,
		CanQuery: c.CanQuery, CanViewResults: c.CanViewResults, RefreshAdminsOnly: c.RefreshAdminsOnly, Version: c.Version}
	form, err := s.connectionForm(r, who, in, nil)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.ConnectionEdit(form))
}

// updateConnection saves an edited connection. Secrets that were not typed stay as they are.
func (s *Server) updateConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	saved, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &badRequest{"bad_form", "The form cannot be read"}
	}
	r.PostForm.Set("type", saved.Type)
	in, err := s.parseConnection(r)
	if err != nil {
		return err
	}
	in.ProjectID = saved.ProjectID
	c, err := s.Workspace.UpdateConnection(r.Context(), who, saved.ID, in)
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.formAgain(w, r, who, in, p)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+c.ID)
}

// formOnly are the inputs of the connection form that no connector declares.
var formOnly = []string{"type", "version", "name", "description", "draft", "share", "access", "can_query", "can_view_results",
	"refresh_admins_only", "allow_writeback", "exclude_from_agents", "schedule_kind", "schedule_every_hours", "schedule_at", "schedule_days",
	"schedule_day_of_month", "schedule_cron", "schedule_time_zone"}

// parseConnection reads the connection form. Unknown inputs are refused by name.
func (s *Server) parseConnection(r *http.Request) (workspace.ConnectionInput, error) {
	if err := r.ParseForm(); err != nil {
		return workspace.ConnectionInput{}, &badRequest{"bad_form", "The form cannot be read"}
	}
	f := r.PostForm
	in := workspace.ConnectionInput{Type: f.Get("type"), Name: f.Get("name"), Description: f.Get("description"), Draft: f.Get("draft") == "true",
		AllowWriteback: f.Get("allow_writeback") == "true", HideFromAgents: f.Get("exclude_from_agents") == "true"}
	connector, ok := s.Registry.Get(in.Type)
	if !ok {
		return in, errNotFound
	}
	if v := f.Get("version"); v != "" {
		in.Version, _ = strconv.ParseInt(v, 10, 64) // not a number: 0, which is whatever is there
	}
	if f.Has("access") {
		in.CanQuery, in.CanViewResults = append([]string{}, f["can_query"]...), append([]string{}, f["can_view_results"]...)
		in.RefreshAdminsOnly = f.Get("refresh_admins_only") == "true"
	}
	if f.Has("schedule_kind") {
		in.Schedule, _ = parseSchedule(r) // what is wrong with it, Save says
	}
	plain := map[string]string{}
	for key, given := range f {
		if secretKey, ok := strings.CutPrefix(key, "remove-"); ok {
			in.RemoveSecrets = append(in.RemoveSecrets, secretKey)
			continue
		}
		if !slices.Contains(formOnly, key) && len(given) > 0 {
			plain[key] = given[0] // a switch posts true, then the hidden false
		}
	}
	var bad map[string]string
	in.Values, in.Secrets, bad = connector.Parse(plain)
	if len(bad) > 0 {
		return in, &workspace.Invalid{Fields: bad}
	}
	return in, nil
}

// parseSchedule reads the schedule inputs of a form or an address. A number that is none becomes words at its field.
func parseSchedule(r *http.Request) (schedule.Spec, map[string]string) {
	if err := r.ParseForm(); err != nil {
		return schedule.Spec{}, map[string]string{"kind": "The form cannot be read"}
	}
	f := r.Form
	spec := schedule.Spec{Kind: schedule.Kind(f.Get("schedule_kind"))}
	bad := map[string]string{}
	number := func(input, key string) int {
		n, err := strconv.Atoi(strings.TrimSpace(f.Get(input)))
		if err != nil {
			bad[key] = "Enter a number"
		}
		return n
	}
	switch spec.Kind {
	case schedule.Hourly:
		spec.EveryHours = number("schedule_every_hours", "every_hours")
	case schedule.Weekly:
		spec.Days = f["schedule_days"]
	case schedule.Monthly:
		spec.DayOfMonth = number("schedule_day_of_month", "day_of_month")
	case schedule.Cron:
		spec.Cron = strings.TrimSpace(f.Get("schedule_cron"))
	}
	if slices.Contains([]schedule.Kind{schedule.Daily, schedule.Weekly, schedule.Monthly}, spec.Kind) {
		spec.At = f.Get("schedule_at")
	}
	if spec.Kind != schedule.Off && spec.Kind != schedule.Hourly {
		spec.TimeZone = strings.TrimSpace(f.Get("schedule_time_zone"))
	}
	if len(bad) > 0 {
		return spec, bad
	}
	return spec, spec.Check()
}

// connectionForm makes the form of a connection: for a GET, and for a POST that was refused.
func (s *Server) connectionForm(r *http.Request, who access.Actor, in workspace.ConnectionInput, bad map[string]string) (views.ConnectionForm, error) {
	connector, ok := s.Registry.Get(in.Type)
	if !ok {
		return views.ConnectionForm{}, errNotFound
	}
	f := views.ConnectionForm{Type: in.Type, Product: connector.Name, Name: in.Name, Description: in.Description, Version: in.Version,
		Workspace: in.ProjectID == "", AllowWriteback: in.AllowWriteback, HideFromAgents: in.HideFromAgents,
		RefreshAdminsOnly: in.RefreshAdminsOnly, Errors: bad, SSHKey: s.Workspace.SSHPublicKey(), Addresses: s.Addresses,
		Schedule: scheduleForm(in.Schedule, in.Schedule.Preview(s.Now(), s.Now(), shownNextRuns))}
	f.Schedule.Errors = bad
	var saved []string
	if id := r.PathValue("id"); id != "" {
		c, err := s.Workspace.Connection(r.Context(), who, id)
		if err != nil {
			return f, err
		}
		f.ID, f.Draft, saved = id, c.Draft, c.SecretsSet
		f.Action, f.TestAction, f.Back = "/settings/connections/"+id, "/settings/connections/"+id+"/test", "/settings/connections"
		f.Workspace = f.Workspace && c.Draft // a finished connection has pages of its own for schedule and access
	} else {
		base := newConnectionBase(r)
		f.Action, f.TestAction, f.Back = base, base+"/test", base
	}
	f.Page = s.layout(r, who, f.Name, "connections")
	if f.Name == "" {
		f.Page.Title = "Connect " + f.Product
	}
	f.Sections = formSections(connector, in, saved, bad)
	if err := s.addProject(r.Context(), who, &f, r.PathValue("project"), r); err != nil {
		return f, err
	}
	query, results := in.CanQuery, in.CanViewResults
	if query == nil {
		query = []string{access.GroupMembers}
	}
	if results == nil {
		results = []string{access.GroupPublic}
	}
	var err error
	f.Groups, err = s.groupChoices(r.Context(), query, results)
	return f, err
}

// addProject says which project a connection is made for, and offers an Admin to share it with the workspace.
func (s *Server) addProject(ctx context.Context, who access.Actor, f *views.ConnectionForm, projectID string, r *http.Request) error {
	if projectID == "" {
		return nil
	}
	p, err := s.Workspace.Project(ctx, who, projectID)
	if err != nil {
		return err
	}
	f.Project, f.ShareOffered = p.Name, who.IsAdmin()
	f.Share = r.Method == http.MethodGet || r.PostFormValue("share") == "true"
	f.Workspace = false
	return nil
}

// groupChoices are the rows of the access table: built-in groups, then the others by name.
func (s *Server) groupChoices(ctx context.Context, query, results []string) ([]views.GroupChoice, error) {
	groups, err := s.Store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	out := []views.GroupChoice{{ID: access.GroupMembers, Name: "Members (everyone but guests)"}, {ID: access.GroupGuests, Name: "Guests"},
		{ID: access.GroupPublic, Name: "Public (anonymous visitors included)"}}
	for _, g := range groups {
		out = append(out, views.GroupChoice{ID: g.ID, Name: g.Name})
	}
	for i := range out {
		out[i].Query, out[i].Results = slices.Contains(query, out[i].ID), slices.Contains(results, out[i].ID)
		out[i].QueryOffered = out[i].ID != access.GroupPublic
	}
	return out, nil
}

// sectionTitles name the parts of the form; those that fold show their state.
var sectionTitles = []struct {
	key   connectors.Section
	title string
	fold  bool
}{
	{connectors.SectionServer, "Server", false}, {connectors.SectionSignIn, "Sign-in", false}, {connectors.SectionTLS, "TLS", true},
	{connectors.SectionSSH, "SSH tunnel", true}, {connectors.SectionAdvanced, "Advanced", true},
}

func formSections(connector *connectors.Connector, in workspace.ConnectionInput, saved []string, bad map[string]string) []views.FormSection {
	var out []views.FormSection
	for _, t := range sectionTitles {
		section := views.FormSection{Key: t.key, Title: t.title, Fold: t.fold}
		for _, field := range connector.AllFields() {
			if field.Section != t.key {
				continue
			}
			f := views.FormField{Field: field, Value: in.Values[field.Key], Saved: slices.Contains(saved, field.Key), Error: bad[field.Key]}
			section.Open = section.Open || f.Error != ""
			section.Fields = append(section.Fields, f)
		}
		section.State = sectionState(t.key, connector, in.Values)
		if len(section.Fields) > 0 {
			out = append(out, section)
		}
	}
	return out
}

// tlsWords are the TLS modes as a folded section tells them.
var tlsWords = map[string]string{"disable": "Off", "require": "Encrypted, not verified", "verify-ca": "Verified by CA", "verify-full": "Verified"}

func sectionState(key connectors.Section, connector *connectors.Connector, values connectors.Values) string {
	value := func(field string) string {
		if v := values[field]; v != "" {
			return v
		}
		for _, f := range connector.AllFields() {
			if f.Key == field {
				return f.Default
			}
		}
		return ""
	}
	switch key {
	case connectors.SectionTLS:
		return tlsWords[value("tls_mode")]
	case connectors.SectionSSH:
		if value("ssh_enabled") == "true" {
			return "Through " + value("ssh_host")
		}
		return "Off"
	}
	return "Defaults"
}

// urlWords is why a pasted URL was refused, without the URL.
func urlWords(err error) string {
	if p := problemOf(err); len(p.Fields) > 0 {
		return firstOf(p.Fields)
	}
	return "This cannot be read as a connection URL. Use such as postgres://user@host:5432/database"
}
