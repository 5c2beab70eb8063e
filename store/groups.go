package store

import "context"

func scanGroup(r scanner) (Group, error) {
	var g Group
	var created int64
	err := r.Scan(&g.ID, &g.Name, &created, &g.Members)
	g.Created = at(created)
	return g, err
}

const groupQuery = `select id, name, created_ms, (select count(distinct user_id) from group_member where group_id = id) from user_group`

// Groups are the groups that people made, by name. The built-in ones are no rows.
func (tx *Tx) Groups() ([]Group, error) {
	return collect(tx, scanGroup, groupQuery+` order by name_fold`)
}

// Group is the group with this id.
func (tx *Tx) Group(id string) (Group, error) {
	return one(tx, scanGroup, groupQuery+` where id = $1`, id)
}

// CreateGroup keeps a new group. A name that is taken is an ExistsError of the field name.
func (tx *Tx) CreateGroup(g Group) error {
	_, err := tx.exec(`insert into user_group(id, name, name_fold, created_ms) values($1,$2,$3,$4)`, g.ID, g.Name, fold(g.Name), ms(g.Created))
	if unique(err) {
		return &ExistsError{"name"}
	}
	return err
}

// RenameGroup gives a group another name.
func (tx *Tx) RenameGroup(id, name string) error {
	err := tx.must(`update user_group set name=$1, name_fold=$2 where id=$3`, name, fold(name), id)
	if unique(err) {
		return &ExistsError{"name"}
	}
	return err
}

// DeleteGroup removes a group with its memberships, and the grants and shares that name it.
func (tx *Tx) DeleteGroup(id string) error {
	if _, err := tx.exec(`delete from connection_grant where group_id = $1`, id); err != nil {
		return err
	}
	if _, err := tx.exec(`delete from project_share where target = $1`, "group:"+id); err != nil {
		return err
	}
	if err := tx.forgetTarget("group", id); err != nil {
		return err
	}
	return tx.must(`delete from user_group where id = $1`, id)
}

// GroupMembers are the users of a group, by name.
func (tx *Tx) GroupMembers(id string) ([]Member, error) {
	users, err := collect(tx, scanUser, `select `+userColumns+` from user_account where id in (select user_id from group_member where group_id = $1)
		order by lower(name), id`, id)
	if err != nil {
		return nil, err
	}
	sources, err := collect(tx, scanPair, `select user_id, source from group_member where group_id = $1`, id)
	by := kept(sources)
	members := make([]Member, len(users))
	for i, u := range users {
		members[i] = Member{User: u, ByHand: by[[2]string{u.ID, byHand}], ByProvider: by[[2]string{u.ID, byProvider}]}
	}
	return members, err
}

// Memberships are the groups of a user, by name.
func (tx *Tx) Memberships(userID string) ([]Membership, error) {
	groups, err := collect(tx, scanGroup, groupQuery+` where id in (select group_id from group_member where user_id = $1) order by name_fold`, userID)
	if err != nil {
		return nil, err
	}
	sources, err := collect(tx, scanPair, `select group_id, source from group_member where user_id = $1`, userID)
	by := kept(sources)
	all := make([]Membership, len(groups))
	for i, g := range groups {
		all[i] = Membership{Group: g, ByHand: by[[2]string{g.ID, byHand}], ByProvider: by[[2]string{g.ID, byProvider}]}
	}
	return all, err
}

// Who keeps a membership.
const (
	byHand     = "hand"
	byProvider = "provider"
)

// kept is the set of pairs of whom or what, and by whom.
func kept(pairs [][2]string) map[[2]string]bool {
	set := map[[2]string]bool{}
	for _, p := range pairs {
		set[p] = true
	}
	return set
}

// AddMember puts a user into a group by hand. Doing so twice is once.
func (tx *Tx) AddMember(group, user string) error {
	_, err := tx.exec(`insert into group_member(group_id, user_id, source) values($1,$2,'hand') on conflict do nothing`, group, user)
	return err
}

// RemoveMember takes a user out of a group that was put there by hand. What a provider keeps stays.
func (tx *Tx) RemoveMember(group, user string) error {
	_, err := tx.exec(`delete from group_member where group_id=$1 and user_id=$2 and source='hand'`, group, user)
	return err
}

// Groups is Tx.Groups in a snapshot of its own.
func (s *Store) Groups(ctx context.Context) ([]Group, error) { return view(ctx, s, (*Tx).Groups) }

// Group is Tx.Group in a snapshot of its own.
func (s *Store) Group(ctx context.Context, id string) (Group, error) {
	return view(ctx, s, func(tx *Tx) (Group, error) { return tx.Group(id) })
}

// GroupMembers is Tx.GroupMembers in a snapshot of its own.
func (s *Store) GroupMembers(ctx context.Context, id string) ([]Member, error) {
	return view(ctx, s, func(tx *Tx) ([]Member, error) { return tx.GroupMembers(id) })
}

// Memberships is Tx.Memberships in a snapshot of its own.
func (s *Store) Memberships(ctx context.Context, userID string) ([]Membership, error) {
	return view(ctx, s, func(tx *Tx) ([]Membership, error) { return tx.Memberships(userID) })
}
