package workspace

import (
	"context"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/store"
)

// A Sharing is who has what on a project, and through what.
type Sharing struct {
	ProjectView
	Shares []SharedWith
	People []PersonAccess // everyone the project reaches, whoever has most first
	Web    access.ProjectDecision
	Groups []store.Group // to share with; for a guest those that the project is shared with already
	Links  []store.WebLink
}

// A SharedWith is one share with the name of whom it is for.
type SharedWith struct {
	access.Share
	Name  string
	Email string // of a user
	Note  string // why it gives less than it says: the role caps it, or the account cannot sign in
}

// A PersonAccess is what someone may do in a project.
type PersonAccess struct {
	User     store.User
	Decision access.ProjectDecision
}

// Sharing is the sharing of a project for someone who may change it.
func (w *Workspace) Sharing(ctx context.Context, who access.Actor, projectID string) (Sharing, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (Sharing, error) {
		p, err := tx.Project(projectID)
		if err != nil {
			return Sharing{}, err
		}
		v, facts, err := projectView(tx, who, p)
		if err != nil {
			return Sharing{}, err
		}
		if err := access.ShareProject(who, facts); err != nil {
			return Sharing{}, err
		}
		out := Sharing{ProjectView: v, Web: access.OnProject(access.Actor{}, facts)}
		if out.Groups, err = tx.Groups(); err != nil {
			return Sharing{}, err
		}
		if out.Links, err = tx.WebLinks(projectID); err != nil {
			return Sharing{}, err
		}
		users, err := tx.Users()
		if err != nil {
			return Sharing{}, err
		}
		out.Shares = sharesByName(facts, users, out.Groups)
		if !who.InGroup(access.GroupMembers) {
			out.Groups = slices.DeleteFunc(out.Groups, func(g store.Group) bool { return !sharedWith(facts, g.ID) })
		}
		out.People = peopleWithAccess(facts, users)
		return out, nil
	})
}

func sharedWith(p access.Project, group string) bool {
	return slices.ContainsFunc(p.Shares, func(s access.Share) bool { return s.To == "group:"+group })
}

// peopleWithAccess are those whom a share reaches, also where a connection takes the project away again.
func peopleWithAccess(p access.Project, users []store.User) []PersonAccess {
	var out []PersonAccess
	for _, u := range users {
		d := access.OnProject(ActorOf(u), p)
		if !u.Disabled && (d.Access > access.None || d.LockedOut) {
			out = append(out, PersonAccess{u, d})
		}
	}
	slices.SortStableFunc(out, func(a, b PersonAccess) int { return int(b.Decision.Access) - int(a.Decision.Access) })
	return out
}

func sharesByName(p access.Project, users []store.User, groups []store.Group) []SharedWith {
	byID := map[string]store.User{}
	for _, u := range users {
		byID[u.ID] = u
	}
	var out []SharedWith
	for _, s := range p.Shares {
		with := SharedWith{Share: s}
		switch kind, id, _ := strings.Cut(s.To, ":"); kind {
		case "user":
			u := byID[id]
			with.Name, with.Email, with.Note = u.Name, u.Email, capWords(u, p.ID, s)
		case "group":
			with.Name, with.Note = sharedGroup(id, groups), roleCaps(p.ID, s)
		case "workspace":
			with.Name, with.Note = "Whole workspace", roleCaps(p.ID, s)
		case "web":
			continue // its links stand for it
		}
		out = append(out, with)
	}
	return out
}

// capWords says what keeps a share from giving a user what it says.
func capWords(u store.User, projectID string, s access.Share) string {
	if u.Disabled {
		return "This account cannot sign in"
	}
	return capOf(ActorOf(u), projectID, s)
}

func capOf(a access.Actor, projectID string, s access.Share) string {
	for _, r := range access.OnProject(a, access.Project{ID: projectID, Shares: []access.Share{s}}).Because {
		if r.Rule == access.RuleRoleCap {
			return r.Words
		}
	}
	return ""
}

// roleCaps says for which roles a share with many gives less than it says, asking for someone of each role.
func roleCaps(projectID string, s access.Share) string {
	_, group, _ := strings.Cut(s.To, ":")
	var words []string
	for _, role := range access.Roles {
		if w := capOf(access.Actor{UserID: "someone", Role: role, Groups: []string{group}}, projectID, s); w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, ". ")
}

func sharedGroup(id string, groups []store.Group) string {
	switch id {
	case access.GroupMembers:
		return "Members (everyone but guests)"
	case access.GroupGuests:
		return "Guests"
	}
	for _, g := range groups {
		if g.ID == id {
			return g.Name
		}
	}
	return "A group that is gone"
}

// foundPeople bounds the answer of FindPeople.
const foundPeople = 8

// FindPeople are the users whose name or e-mail address holds the text, for someone who may share the project. A guest does not
// leaf through the company: guests find whom they know by the whole address.
func (w *Workspace) FindPeople(ctx context.Context, who access.Actor, projectID, text string) ([]store.User, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	return view(ctx, w.Store, func(tx *store.Tx) ([]store.User, error) {
		p, err := tx.ProjectFacts(projectID)
		if err != nil {
			return nil, err
		}
		if err := access.ShareProject(who, p); err != nil {
			return nil, err
		}
		users, err := tx.Users()
		if err != nil || text == "" {
			return nil, err
		}
		var out []store.User
		for _, u := range users {
			whole := strings.ToLower(u.Email) == text
			part := who.InGroup(access.GroupMembers) && (strings.Contains(strings.ToLower(u.Email), text) || strings.Contains(strings.ToLower(u.Name), text))
			if !u.Disabled && (whole || part) && len(out) < foundPeople {
				out = append(out, u)
			}
		}
		return out, nil
	})
}
