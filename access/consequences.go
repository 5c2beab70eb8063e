package access

import (
	"slices"
	"strings"
)

// An Effect is what a change of facts does to one actor. It is part of the API and never changes.
type Effect string

// The effects on a connection and on a project.
const (
	GainsQuery    Effect = "gains_can_query"
	LosesQuery    Effect = "loses_can_query"
	GainsResults  Effect = "gains_can_view_results"
	LosesResults  Effect = "loses_can_view_results"
	GainsRefresh  Effect = "gains_can_refresh_schema"
	LosesRefresh  Effect = "loses_can_refresh_schema"
	BecomesLocked Effect = "locked_out" // the project is taken away
	Restored      Effect = "restored"   // the project is given back
	BecomesLower  Effect = "downgraded" // less access than before
	BecomesHigher Effect = "raised"     // more access than before
	LosesExplore  Effect = "loses_can_explore"
	GainsExplore  Effect = "gains_can_explore"
)

// Takes says whether the effect takes something away.
func (e Effect) Takes() bool {
	return slices.Contains([]Effect{LosesQuery, LosesResults, LosesRefresh, BecomesLocked, BecomesLower, LosesExplore}, e)
}

// CompareOnConnection is what someone gains and loses between two decisions on one connection.
func CompareOnConnection(before, after ConnectionDecision) []Effect {
	var out []Effect
	for _, right := range []struct {
		had, has     bool
		gains, loses Effect
	}{
		{before.CanQuery, after.CanQuery, GainsQuery, LosesQuery},
		{before.CanViewResults, after.CanViewResults, GainsResults, LosesResults},
		{before.CanRefreshSchema, after.CanRefreshSchema, GainsRefresh, LosesRefresh},
	} {
		switch {
		case right.has && !right.had:
			out = append(out, right.gains)
		case right.had && !right.has:
			out = append(out, right.loses)
		}
	}
	return out
}

// CompareOnProject is what happens to someone between two decisions on one project; empty for nothing.
func CompareOnProject(before, after ProjectDecision) Effect {
	switch {
	case after.LockedOut && !before.LockedOut && before.Access > None:
		return BecomesLocked
	case before.LockedOut && !after.LockedOut && after.Access > None:
		return Restored
	case after.Access < before.Access:
		return BecomesLower
	case after.Access > before.Access:
		return BecomesHigher
	case before.CanExplore && !after.CanExplore:
		return LosesExplore
	case after.CanExplore && !before.CanExplore:
		return GainsExplore
	}
	return ""
}

// A ProjectChange is one actor for whom a project changes.
type ProjectChange struct {
	Actor         Actor
	Effect        Effect
	Before, After ProjectDecision
}

// CompareProjects asks OnProject before and after for each actor, and tells for whom the answer changes. Actors between whom
// neither project tells a difference share one answer, so that thousands of people are quick.
func CompareProjects(actors []Actor, before, after Project) []ProjectChange {
	named := namedIn(before, after)
	answers := map[string]ProjectChange{}
	var out []ProjectChange
	for _, a := range actors {
		key := named.of(a)
		answer, known := answers[key]
		if !known {
			answer.Before, answer.After = OnProject(a, before), OnProject(a, after)
			answer.Effect = CompareOnProject(answer.Before, answer.After)
			answers[key] = answer
		}
		if answer.Effect != "" {
			answer.Actor = a
			out = append(out, answer)
		}
	}
	return out
}

// names are the users and groups that the facts of projects name: all that tells two actors of one role apart.
type names map[string]bool

func namedIn(projects ...Project) names {
	out := names{}
	for _, p := range projects {
		for _, s := range p.Shares {
			out[s.To] = true
		}
		for _, c := range p.Uses {
			for _, g := range slices.Concat(c.CanQuery, c.CanViewResults) {
				out[toGroup+g] = true
			}
		}
	}
	return out
}

// of is the same for actors whom the facts do not tell apart.
func (n names) of(a Actor) string {
	if a.Anonymous() {
		return "visitor"
	}
	key := []string{string(a.Role)}
	if n[toUser+a.UserID] {
		key = append(key, toUser+a.UserID)
	}
	for _, g := range a.Groups {
		if n[toGroup+g] {
			key = append(key, g)
		}
	}
	return strings.Join(key, "\x00")
}

// Attach decides whether notifications of a project carry a screenshot and a CSV: as soon as one connection limits Can view
// results, whoever reads them may be someone who may not see them. The project's own connections have no permissions.
func Attach(p Project) error {
	var limits connections
	for _, c := range p.Uses {
		if c.ProjectID != p.ID && (c.Draft || c.ProjectID != "" || !slices.Contains(c.CanViewResults, GroupPublic)) {
			limits = append(limits, c)
		}
	}
	if len(limits) == 0 {
		return nil
	}
	return &Denied{Action: "attach results to a notification",
		Because: limits.reasons(RuleNoAttachments, "Can view results on %s is limited, so notifications carry a link only; "+adminGrants)}
}
