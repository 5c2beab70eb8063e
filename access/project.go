package access

import (
	"fmt"
	"strings"
)

// OnProject decides what an actor may do with a project: shares add up and the role caps them; then a connection whose results
// may not be viewed takes the project away, and one that may not be queried takes authoring away.
func OnProject(a Actor, p Project) ProjectDecision {
	if a.IsAdmin() {
		return ProjectDecision{Access: Full, CanExplore: true, Because: []Reason{admin()}}
	}
	level, why := shared(a, p)
	d := ProjectDecision{Access: level, Because: why}
	if level == None {
		return d
	}
	if hidden := lacking(a, p, ConnectionDecision.results); len(hidden) > 0 {
		d.Access, d.LockedOut = None, true
		d.Because = append(d.Because, hidden.reasons(RuleLockedOut, "The project uses %s, where Can view results is missing; "+adminGrants)...)
		return d
	}
	if level == View {
		return d
	}
	switch missing := lacking(a, p, ConnectionDecision.query); {
	case len(missing) == 0:
		d.CanExplore = true
	case level == Explore:
		d.Because = append(d.Because, missing.reasons(RuleCannotExplore, "Exploring needs Can query on %s; "+adminGrants)...)
	default:
		d.Access, d.Downgraded, d.CanExplore = Explore, true, true
		d.Because = append(d.Because, missing.reasons(RuleDowngraded,
			"Running SQL here needs Can query on %s, so "+level.words()+" becomes Can explore; "+adminGrants)...)
	}
	return d
}

// OwnsByShare says whether a share gives the actor Full access, as far as the role lets it through: whatever the project's
// connections take away again, it comes back with them.
func OwnsByShare(a Actor, p Project) bool {
	level, _ := shared(a, p)
	return level == Full
}

// shared is what the shares give, highest first, as far as the role lets it through.
func shared(a Actor, p Project) (Level, []Reason) {
	best, why := None, Reason{Rule: RuleNoShare,
		Words: "The project is not shared with this person; someone with Full access on it, or an Admin, can share it"}
	for _, s := range p.Shares {
		if reaches(a, s.To) && shareLevel(s) > best {
			best, why = shareLevel(s), shareReason(s)
		}
	}
	if most := a.roleCap(); best > most {
		return most, []Reason{why, {Rule: RuleRoleCap,
			Words: fmt.Sprintf("The workspace role %s allows at most %s; an Admin can change the role", a.Role, most.words())}}
	}
	return best, []Reason{why}
}

const (
	toWorkspace = "workspace"
	toWeb       = "web"
	toUser      = "user:"
	toGroup     = "group:"
)

// reaches says whether a share is meant for the actor. The web is everyone, signed in or not.
func reaches(a Actor, to string) bool {
	if id, ok := strings.CutPrefix(to, toUser); ok {
		return !a.Anonymous() && id == a.UserID
	}
	if id, ok := strings.CutPrefix(to, toGroup); ok {
		return a.InGroup(id)
	}
	return to == toWeb || (to == toWorkspace && a.InGroup(GroupMembers))
}

// shareLevel is what a share gives: with the web, or the group that visitors belong to, never more than Can view.
func shareLevel(s Share) Level {
	if s.To == toWeb || s.To == toGroup+GroupPublic {
		return min(s.Access, View)
	}
	return s.Access
}

func shareReason(s Share) Reason {
	r := Reason{Rule: RuleShare}
	with := ""
	switch id, group := strings.CutPrefix(s.To, toGroup); {
	case group:
		r.GroupID, with = id, groupWords(id)
	case s.To == toWorkspace:
		with = "the whole workspace"
	case s.To == toWeb:
		with = "the web"
	default:
		with = "this person"
	}
	r.Words = fmt.Sprintf("%s by a share with %s", shareLevel(s).words(), with)
	return r
}

// connections are those of a project that decide against someone.
type connections []Connection

// reasons is one reason for each connection; format takes its name.
func (cs connections) reasons(rule, format string) []Reason {
	out := make([]Reason, len(cs))
	for i, c := range cs {
		out[i] = about(c, rule, format, c.quoted())
	}
	return out
}

// lacking are the connections of the project where the actor lacks a permission. The project's own
// connections have no permissions: they never stand in the way.
func lacking(a Actor, p Project, may func(ConnectionDecision) bool) connections {
	var cs connections
	for _, c := range p.Uses {
		if c.ProjectID != p.ID && !may(OnConnection(a, c, nil)) {
			cs = append(cs, c)
		}
	}
	return cs
}
