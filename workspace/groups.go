package workspace

import (
	"context"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/store"
)

// Opens is what a group opens to whoever is in it.
type Opens struct {
	Connections []OpenedConnection
	Projects    []OpenedProject
}

// An OpenedConnection is a connection whose permissions name a group.
type OpenedConnection struct {
	ID, Name                 string
	CanQuery, CanViewResults bool
}

// An OpenedProject is a project that is shared with a group.
type OpenedProject struct {
	ID, Name string
	Access   access.Level
}

// A GroupView is a group, built-in or made by people, with what it opens.
type GroupView struct {
	store.Group
	BuiltIn bool
	Opens   Opens
}

var builtIn = []GroupView{
	{Group: store.Group{ID: access.GroupMembers, Name: "Members"}, BuiltIn: true},
	{Group: store.Group{ID: access.GroupGuests, Name: "Guests"}, BuiltIn: true},
	{Group: store.Group{ID: access.GroupPublic, Name: "Public"}, BuiltIn: true},
}

// Groups are the built-in groups and those that people made, with their members and what they open. Only Admins see them all.
func (w *Workspace) Groups(ctx context.Context, who access.Actor) ([]GroupView, error) {
	if err := access.AdminOnly(who, "see the groups"); err != nil {
		return nil, err
	}
	return view(ctx, w.Store, groupViews)
}

// Group is one of Groups.
func (w *Workspace) Group(ctx context.Context, who access.Actor, id string) (GroupView, error) {
	all, err := w.Groups(ctx, who)
	if err != nil {
		return GroupView{}, err
	}
	for _, g := range all {
		if g.ID == id {
			return g, nil
		}
	}
	return GroupView{}, store.ErrNotFound
}

func groupViews(tx *store.Tx) ([]GroupView, error) {
	made, err := tx.Groups()
	if err != nil {
		return nil, err
	}
	users, err := tx.Users()
	if err != nil {
		return nil, err
	}
	opens, err := opened(tx)
	if err != nil {
		return nil, err
	}
	all := make([]GroupView, 0, len(builtIn)+len(made))
	for _, g := range builtIn {
		for _, u := range users {
			if ActorOf(u).InGroup(g.ID) {
				g.Members++
			}
		}
		all = append(all, g)
	}
	for _, g := range made {
		all = append(all, GroupView{Group: g})
	}
	for i := range all {
		if o := opens[all[i].ID]; o != nil {
			all[i].Opens = *o
		}
	}
	return all, nil
}

// opened is what each group opens, by its id.
func opened(tx *store.Tx) (map[string]*Opens, error) {
	connections, err := tx.Connections()
	if err != nil {
		return nil, err
	}
	projects, err := tx.Projects()
	if err != nil {
		return nil, err
	}
	all := openings{}
	for _, c := range connections {
		if c.ProjectID == "" && !c.Draft {
			all.connection(c)
		}
	}
	for _, p := range projects {
		for _, share := range p.Shares {
			if id := groupOf(share.To); id != "" {
				o := all.of(id)
				o.Projects = append(o.Projects, OpenedProject{ID: p.ID, Name: p.Name, Access: share.Access})
			}
		}
	}
	return all, nil
}

// groupOf is the group that a share reaches; empty: it reaches one person.
func groupOf(to string) string {
	switch to {
	case "workspace":
		return access.GroupMembers
	case "web":
		return access.GroupPublic
	}
	id, _ := strings.CutPrefix(to, "group:")
	if id == to {
		return ""
	}
	return id
}

type openings map[string]*Opens

func (all openings) of(group string) *Opens {
	if all[group] == nil {
		all[group] = &Opens{}
	}
	return all[group]
}

// connection notes the groups that a connection's permissions name. Can query brings Can view results (SPEC section 2).
func (all openings) connection(c store.Connection) {
	may := map[string]*OpenedConnection{}
	note := func(group string) *OpenedConnection {
		if may[group] == nil {
			may[group] = &OpenedConnection{ID: c.ID, Name: c.Name}
		}
		return may[group]
	}
	for _, g := range c.CanQuery {
		o := note(g)
		o.CanQuery, o.CanViewResults = true, true
	}
	for _, g := range c.CanViewResults {
		note(g).CanViewResults = true
	}
	for g, o := range may {
		list := all.of(g)
		list.Connections = append(list.Connections, *o)
	}
}

// GroupMembers are the people in a group, by name. Nobody keeps anybody in a built-in one: the role does.
func (w *Workspace) GroupMembers(ctx context.Context, who access.Actor, id string) ([]store.Member, error) {
	g, err := w.Group(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if !g.BuiltIn {
		return w.Store.GroupMembers(ctx, id)
	}
	users, err := w.Store.Users(ctx)
	var members []store.Member
	for _, u := range users {
		if ActorOf(u).InGroup(id) {
			members = append(members, store.Member{User: u})
		}
	}
	return members, err
}

// PreviewDeleteGroup says what DeleteGroup would take from whom, and changes nothing.
func (w *Workspace) PreviewDeleteGroup(ctx context.Context, who access.Actor, id string) (Consequences, error) {
	if err := access.AdminOnly(who, "delete a group"); err != nil {
		return Consequences{}, err
	}
	return view(ctx, w.Store, func(tx *store.Tx) (Consequences, error) {
		if _, err := tx.Group(id); err != nil {
			return Consequences{}, err
		}
		return withoutGroup(tx, id)
	})
}

// withoutGroup are the consequences for those in a group when no connection and no share names it any more.
func withoutGroup(tx *store.Tx, id string) (Consequences, error) {
	var out Consequences
	actors, err := everyone(tx)
	if err != nil {
		return out, err
	}
	actors = slices.DeleteFunc(actors, func(a access.Actor) bool { return !a.InGroup(id) })
	connections, err := tx.Connections()
	if err != nil {
		return out, err
	}
	for _, c := range connections {
		if c.ProjectID == "" { // the others follow their project
			out.addConnection(c, actors, nil, connectionWithoutGroup(c.Access(), id))
		}
	}
	projects, err := tx.Projects()
	if err != nil {
		return out, err
	}
	slices.SortStableFunc(projects, func(a, b store.Project) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	for _, p := range projects {
		err := out.addProject(tx, p, actors, func(facts *access.Project) {
			facts.Shares = slices.DeleteFunc(facts.Shares, func(s access.Share) bool { return s.To == "group:"+id })
			for i, c := range facts.Uses {
				facts.Uses[i] = connectionWithoutGroup(c, id)
			}
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func connectionWithoutGroup(c access.Connection, id string) access.Connection {
	gone := func(g string) bool { return g == id }
	c.CanQuery, c.CanViewResults = slices.DeleteFunc(slices.Clone(c.CanQuery), gone), slices.DeleteFunc(slices.Clone(c.CanViewResults), gone)
	return c
}

// An OwnedProject is a project that someone owns, and who keeps access when they are gone.
type OwnedProject struct {
	ID, Name string
	Others   int  // shares that reach others
	Full     bool // one of them gives Full access
}

// Owned are the projects that name a person as owner, for what becomes of them when the person goes. Only Admins ask it.
func (w *Workspace) Owned(ctx context.Context, who access.Actor, userID string) ([]OwnedProject, error) {
	if err := access.AdminOnly(who, "see what someone owns"); err != nil {
		return nil, err
	}
	projects, err := view(ctx, w.Store, (*store.Tx).Projects)
	var owned []OwnedProject
	for _, p := range projects {
		if p.OwnerID != userID {
			continue
		}
		o := OwnedProject{ID: p.ID, Name: p.Name}
		for _, share := range p.Shares {
			if share.To == "user:"+userID {
				continue
			}
			o.Others++
			o.Full = o.Full || share.Access == access.Full
		}
		owned = append(owned, o)
	}
	return owned, err
}
