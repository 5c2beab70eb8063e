package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"patchbay/access"
	"patchbay/store"
)

// Consequences are who gains and who loses what by a change of a connection's access.
type Consequences struct {
	Connection []PeopleEffect
	Projects   []ProjectEffects // those where something changes, by name
}

// Takes says whether anybody loses anything.
func (c Consequences) Takes() bool {
	takes := func(e PeopleEffect) bool { return e.Effect.Takes() }
	return slices.ContainsFunc(c.Connection, takes) || slices.ContainsFunc(c.Projects, func(p ProjectEffects) bool {
		return p.LosesAttachments || slices.ContainsFunc(p.Effects, takes)
	})
}

// None says whether nothing changes for anybody.
func (c Consequences) None() bool { return len(c.Connection)+len(c.Projects) == 0 }

// Mark is the same for consequences that mean the same to the same people, by the same names. Whoever was shown some and says yes
// sends it back, so that nobody says yes to others.
func (c Consequences) Mark() (string, error) {
	var lines [][]string
	add := func(where []string, effects []PeopleEffect) {
		for _, e := range effects {
			for _, a := range e.People {
				lines = append(lines, append(slices.Clone(where), string(e.Effect), e.Before.String(), e.After.String(), a.UserID, a.Name, a.Email))
			}
		}
	}
	add(nil, c.Connection)
	for _, p := range c.Projects {
		lines = append(lines, []string{p.ID, p.Name, fmt.Sprint(p.LosesAttachments, p.GainsAttachments)})
		add([]string{p.ID}, p.Effects)
	}
	return mark(lines)
}

// mark is a short text that differs where what differs.
func mark(what any) (string, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return "", fmt.Errorf("encode what was seen: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// asShown is store.ErrConflict where making before into after has other consequences than those whose Mark was shown. An empty
// one asks for nothing.
func asShown(tx *store.Tx, before, after store.Connection, shown string) error {
	if shown == "" {
		return nil
	}
	found, err := consequences(tx, before, after)
	if err != nil {
		return err
	}
	now, err := found.Mark()
	if err == nil && now != shown {
		err = store.ErrConflict
	}
	return err
}

// A PeopleEffect is one effect with those whom it meets, by name; the visitor from the web is the anonymous Actor, and first.
type PeopleEffect struct {
	Effect        access.Effect
	Before, After access.Level // of a project; None for a connection
	People        []access.Actor
}

// ProjectEffects is what changes in one project.
type ProjectEffects struct {
	ID, Name         string
	Effects          []PeopleEffect
	LosesAttachments bool // its notifications carry no results any more
	GainsAttachments bool
}

// PreviewPermissions says what SetPermissions would do to whom, and changes nothing.
func (w *Workspace) PreviewPermissions(ctx context.Context, who access.Actor, id string, p Permissions) (Consequences, error) {
	if err := access.AdminOnly(who, "change a connection's permissions"); err != nil {
		return Consequences{}, err
	}
	return view(ctx, w.Store, func(tx *store.Tx) (Consequences, error) {
		c, err := workspaceConnection(tx, id)
		if err != nil {
			return Consequences{}, err
		}
		if err := checkGroups(tx, p); err != nil {
			return Consequences{}, err
		}
		return consequences(tx, c, withPermissions(c, p))
	})
}

// consequences compares what access decides for everyone with a connection as it is and as it would be. Accounts that are
// disabled can do nothing before and after.
func consequences(tx *store.Tx, before, after store.Connection) (Consequences, error) {
	var out Consequences
	users, err := tx.Users()
	if err != nil {
		return out, err
	}
	actors := []access.Actor{{}}
	for _, u := range users {
		if !u.Disabled {
			actors = append(actors, ActorOf(u))
		}
	}
	_, owner, err := connectionFacts(tx, before)
	if err != nil {
		return out, err
	}
	for _, a := range actors {
		for _, e := range access.CompareOnConnection(access.OnConnection(a, before.Access(), owner), access.OnConnection(a, after.Access(), owner)) {
			out.Connection = addEffect(out.Connection, PeopleEffect{Effect: e}, a)
		}
	}
	projects, err := tx.ImportsOf(before.ID)
	if err != nil {
		return out, err
	}
	for _, p := range projects {
		effects, err := projectEffects(tx, p, actors, after)
		if err != nil {
			return out, err
		}
		if len(effects.Effects) > 0 || effects.LosesAttachments || effects.GainsAttachments {
			out.Projects = append(out.Projects, effects)
		}
	}
	return out, nil
}

func projectEffects(tx *store.Tx, p store.Project, actors []access.Actor, after store.Connection) (ProjectEffects, error) {
	out := ProjectEffects{ID: p.ID, Name: p.Name}
	uses, err := tx.ProjectUses(p.ID)
	if err != nil {
		return out, err
	}
	was, will := p.Facts(uses), p.Facts(uses)
	for i := range will.Uses {
		if will.Uses[i].ID == after.ID {
			will.Uses[i] = after.Access()
		}
	}
	for _, c := range access.CompareProjects(actors, was, will) {
		out.Effects = addEffect(out.Effects, PeopleEffect{Effect: c.Effect, Before: c.Before.Access, After: c.After.Access}, c.Actor)
	}
	could, can := access.Attach(was) == nil, access.Attach(will) == nil
	out.LosesAttachments, out.GainsAttachments = could && !can, can && !could
	return out, nil
}

// addEffect puts someone among those whom the same effect meets.
func addEffect(list []PeopleEffect, e PeopleEffect, a access.Actor) []PeopleEffect {
	for i, have := range list {
		if have.Effect == e.Effect && have.Before == e.Before && have.After == e.After {
			list[i].People = append(have.People, a)
			return list
		}
	}
	e.People = []access.Actor{a}
	return append(list, e)
}

// PermissionsSeen is a mark of the permissions and groups that someone chooses among. SetPermissions refuses a choice that was
// made before they changed.
func (w *Workspace) PermissionsSeen(ctx context.Context, id string) (string, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (string, error) {
		c, err := tx.Connection(id)
		if err != nil {
			return "", err
		}
		return permissionsSeen(tx, c)
	})
}

func permissionsSeen(tx *store.Tx, c store.Connection) (string, error) {
	groups, err := tx.Groups()
	if err != nil {
		return "", err
	}
	return mark([]any{permissionsDetail(permissionsOf(c)), groups})
}
