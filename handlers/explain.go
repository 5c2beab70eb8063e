package handlers

import (
	"errors"
	"net/http"
	"strings"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// explainAccess answers why someone can or cannot, by the decision that every act asks. The address names who, and what: user=ID
// and about=connection:ID or about=project:ID.
func (s *Server) explainAccess(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	user, about := r.URL.Query().Get("user"), r.URL.Query().Get("about")
	v := views.AccessPage{Page: s.layout(r, who, "Access", "access")}
	if err := s.addAccessChoices(r, who, &v, user, about); err != nil {
		return err
	}
	if user == "" || about == "" {
		return s.page(w, r, http.StatusOK, views.Access(v))
	}
	answer, err := s.accessAnswer(r, who, user, about)
	if errors.Is(err, store.ErrNotFound) {
		v.Missing = "There is no such person, data source or notebook any more. Choose again."
		return s.page(w, r, http.StatusNotFound, views.Access(v))
	}
	if err != nil {
		return err
	}
	answer.Title = chosenLabel(v.People) + " and " + chosenLabel(append(v.Connections, v.Projects...))
	v.Answer = &answer
	return s.page(w, r, http.StatusOK, views.Access(v))
}

// addAccessChoices lists everyone and everything that can be asked about.
func (s *Server) addAccessChoices(r *http.Request, who access.Actor, v *views.AccessPage, user, about string) error {
	people, err := s.Store.Users(r.Context())
	if err != nil {
		return err
	}
	v.People = []views.AccessChoice{{Value: workspace.AnonymousUser, Label: "Visitor from the web", Chosen: user == workspace.AnonymousUser}}
	for _, u := range people {
		v.People = append(v.People, views.AccessChoice{Value: u.ID, Label: nameOf(workspace.ActorOf(u)) + " (" + u.Email + ")", Chosen: u.ID == user})
	}
	connections, err := s.Workspace.Connections(r.Context(), who)
	if err != nil {
		return err
	}
	for _, c := range connections {
		value := "connection:" + c.ID
		v.Connections = append(v.Connections, views.AccessChoice{Value: value, Label: c.Name, Chosen: value == about})
	}
	projects, err := s.Workspace.Projects(r.Context(), who)
	if err != nil {
		return err
	}
	for _, p := range projects {
		value := "project:" + p.ID
		v.Projects = append(v.Projects, views.AccessChoice{Value: value, Label: p.Name, Chosen: value == about})
	}
	return nil
}

func chosenLabel(choices []views.AccessChoice) string {
	for _, c := range choices {
		if c.Chosen {
			return c.Label
		}
	}
	return ""
}

// accessAnswer is the decision in words.
func (s *Server) accessAnswer(r *http.Request, who access.Actor, user, about string) (views.AccessAnswer, error) {
	kind, id, _ := strings.Cut(about, ":")
	var answer views.AccessAnswer
	var because []access.Reason
	switch kind {
	case "connection":
		d, err := s.Workspace.ExplainConnection(r.Context(), who, user, id)
		if err != nil {
			return answer, err
		}
		answer.Rights, because = connectionRights(d), d.Because
	case "project":
		d, err := s.Workspace.ExplainProject(r.Context(), who, user, id)
		if err != nil {
			return answer, err
		}
		answer.Rights, because = projectRights(d), d.Because
	default:
		return answer, store.ErrNotFound
	}
	groups, err := s.Store.Groups(r.Context())
	if err != nil {
		return answer, err
	}
	names := map[string]string{} // the built-in groups are named in the words
	for _, g := range groups {
		names[g.ID] = g.Name
	}
	for _, reason := range because {
		answer.Rules = append(answer.Rules, views.AccessRule{Words: reason.Words, Group: names[reason.GroupID]})
	}
	return answer, nil
}

func yesNo(has bool) string {
	if has {
		return "Yes"
	}
	return "No"
}

func connectionRights(d access.ConnectionDecision) []views.AccessRight {
	return []views.AccessRight{{Label: "Can query", Has: d.CanQuery, Words: yesNo(d.CanQuery)},
		{Label: "Can view results", Has: d.CanViewResults, Words: yesNo(d.CanViewResults)},
		{Label: "Can refresh schema", Has: d.CanRefreshSchema, Words: yesNo(d.CanRefreshSchema)}}
}

func projectRights(d access.ProjectDecision) []views.AccessRight {
	level := levelOrNone(d.Access)
	switch {
	case d.LockedOut:
		level = "Locked out"
	case d.Downgraded:
		level += ", downgraded"
	case d.Access == access.None:
		level = "No access"
	}
	return []views.AccessRight{{Label: "Access", Has: d.Access > access.None && !d.Downgraded, Words: level},
		{Label: "Can filter and chart results", Has: d.CanExplore, Words: yesNo(d.CanExplore)}}
}
