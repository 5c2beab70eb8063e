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

// Consequences are who gains and who loses what by a change of what access decides from.
type Consequences struct {
	Connections []ConnectionEffects // those where something changes
	Projects    []ProjectEffects    // likewise, by name
	Reach       *Reach              // of a connection that is shared with the workspace; nil: no connection leads elsewhere than before
}

// Takes says whether anybody loses anything.
func (c Consequences) Takes() bool {
	takes := func(e PeopleEffect) bool { return e.Effect.Takes() }
	return slices.ContainsFunc(c.Connections, func(on ConnectionEffects) bool { return slices.ContainsFunc(on.Effects, takes) }) ||
		slices.ContainsFunc(c.Projects, func(p ProjectEffects) bool { return p.LosesAttachments || slices.ContainsFunc(p.Effects, takes) })
}

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
	for _, on := range c.Connections {
		add([]string{"connection", on.ID}, on.Effects)
	}
	for _, p := range c.Projects {
		lines = append(lines, []string{p.ID, p.Name, fmt.Sprint(p.LosesAttachments, p.GainsAttachments)})
		add([]string{p.ID}, p.Effects)
	}
	if c.Reach != nil {
		lines = append(lines, []string{"reach", c.Reach.destination, fmt.Sprint(c.Reach.Private)})
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

// asShown is store.ErrConflict where what find finds now is not what was shown, by its Mark. An empty one asks for nothing.
func asShown(shown string, find func() (Consequences, error)) error {
	if shown == "" {
		return nil
	}
	found, err := find()
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

// ConnectionEffects is what changes on one connection.
type ConnectionEffects struct {
	ID, Name string
	Effects  []PeopleEffect
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

// consequences compares what access decides for everyone with a connection as it is and as it would be.
func consequences(tx *store.Tx, before, after store.Connection) (Consequences, error) {
	var out Consequences
	actors, err := everyone(tx)
	if err != nil {
		return out, err
	}
	_, owner, err := connectionFacts(tx, before)
	if err != nil {
		return out, err
	}
	out.addConnection(before, actors, owner, after.Access())
	projects, err := tx.ImportsOf(before.ID)
	if err != nil {
		return out, err
	}
	for _, p := range projects {
		err := out.addProject(tx, p, actors, func(facts *access.Project) {
			for i := range facts.Uses {
				if facts.Uses[i].ID == after.ID {
					facts.Uses[i] = after.Access()
				}
			}
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// everyone are the visitor from the web and all who can sign in. Accounts that are disabled can do nothing before and after.
func everyone(tx *store.Tx) ([]access.Actor, error) {
	users, err := tx.Users()
	actors := []access.Actor{{}}
	for _, u := range users {
		if !u.Disabled {
			actors = append(actors, ActorOf(u))
		}
	}
	return actors, err
}

// addConnection notes what the actors gain and lose when a connection is decided on by other facts. owner is its project.
func (c *Consequences) addConnection(on store.Connection, actors []access.Actor, owner *access.Project, after access.Connection) {
	found := ConnectionEffects{ID: on.ID, Name: on.Name}
	for _, a := range actors {
		for _, e := range access.CompareOnConnection(access.OnConnection(a, on.Access(), owner), access.OnConnection(a, after, owner)) {
			found.Effects = addEffect(found.Effects, PeopleEffect{Effect: e}, a)
		}
	}
	if len(found.Effects) > 0 {
		c.Connections = append(c.Connections, found)
	}
}

// addProject notes what the actors gain and lose in a project whose facts change makes others. They are change's to write to.
func (c *Consequences) addProject(tx *store.Tx, p store.Project, actors []access.Actor, change func(*access.Project)) error {
	found := ProjectEffects{ID: p.ID, Name: p.Name}
	uses, err := tx.ProjectUses(p.ID)
	if err != nil {
		return err
	}
	was, will := p.Facts(uses), p.Facts(uses)
	will.Shares = slices.Clone(will.Shares)
	change(&will)
	for _, e := range access.CompareProjects(actors, was, will) {
		found.Effects = addEffect(found.Effects, PeopleEffect{Effect: e.Effect, Before: e.Before.Access, After: e.After.Access}, e.Actor)
	}
	could, can := access.Attach(was) == nil, access.Attach(will) == nil
	found.LosesAttachments, found.GainsAttachments = could && !can, can && !could
	if len(found.Effects) > 0 || found.LosesAttachments || found.GainsAttachments {
		c.Projects = append(c.Projects, found)
	}
	return nil
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
