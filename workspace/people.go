package workspace

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/store"
)

// A UserInput is an account as it was filled in. PasswordHash is made by auth; empty: the person sets one by invitation. Invite, where
// it is set, makes that invitation, which is kept with the account.
type UserInput struct {
	Email, Name  string
	Role         access.Role
	PasswordHash string
	Invite       func(userID string) store.OneTimeToken
}

// CreateUser makes an account. Only Admins may.
func (w *Workspace) CreateUser(ctx context.Context, who access.Actor, in UserInput) (store.User, error) {
	if err := access.AdminOnly(who, "create a user"); err != nil {
		return store.User{}, err
	}
	if bad := checkUser(in); len(bad) > 0 {
		return store.User{}, &Invalid{Fields: bad}
	}
	id, err := newID()
	if err != nil {
		return store.User{}, err
	}
	now := w.Now()
	u := store.User{ID: id, Email: strings.TrimSpace(in.Email), Name: strings.TrimSpace(in.Name), Role: in.Role,
		PasswordHash: in.PasswordHash, Created: now, Updated: now, Version: 1}
	entry := userEntry(who, "user.create", u)
	entry.Detail["role"] = u.Role
	entry.Detail["invited"] = in.Invite != nil
	err = w.Store.Update(ctx, entry, func(tx *store.Tx) error {
		if err := tx.CreateUser(u); err != nil || in.Invite == nil {
			return err
		}
		return tx.CreateOneTime(in.Invite(id))
	})
	if err != nil {
		return store.User{}, fmt.Errorf("create user: %w", err)
	}
	return u, nil
}

func checkUser(in UserInput) map[string]string {
	bad := map[string]string{}
	email := strings.TrimSpace(in.Email)
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || len(email) > 254 {
		bad["email"] = "Enter an e-mail address, such as mira@example.com"
	}
	if name := strings.TrimSpace(in.Name); name == "" || len([]rune(name)) > maxName {
		bad["name"] = fmt.Sprintf("Enter a name of 1 to %d characters", maxName)
	}
	if !slices.Contains(access.Roles, in.Role) {
		bad["role"] = "Choose a role from the list"
	}
	return bad
}

// A UserChange is what an Admin changes of an account; nil leaves as it is.
type UserChange struct {
	Email, Name *string
	Role        *access.Role
	Disabled    *bool
}

// UpdateUser changes an account. It is effective on the next request; the sessions of someone who is disabled or has another role
// end, with what runs in them (P43, P44). The last Admin can be neither disabled nor given another role.
func (w *Workspace) UpdateUser(ctx context.Context, who access.Actor, id string, change UserChange) (store.User, error) {
	if err := access.AdminOnly(who, "change a user"); err != nil {
		return store.User{}, err
	}
	var u store.User
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		before, err := tx.User(id)
		if err != nil {
			return entry, err
		}
		u = applyChange(before, change)
		if bad := checkUser(UserInput{Email: u.Email, Name: u.Name, Role: u.Role}); len(bad) > 0 {
			return entry, &Invalid{Fields: bad}
		}
		u.Updated = w.Now()
		entry = userEntry(who, "user.update", u)
		entry.Detail["role_before"], entry.Detail["role"], entry.Detail["disabled"] = before.Role, u.Role, u.Disabled
		if err := tx.UpdateUser(u); err != nil {
			return entry, err
		}
		if !u.Disabled && u.Role == before.Role {
			return entry, nil
		}
		if err := adminsLeft(tx, before); err != nil {
			return entry, err
		}
		return entry, tx.DeleteUserSessions(id)
	})
	if err != nil {
		return store.User{}, fmt.Errorf("update user: %w", err)
	}
	return u, w.EndWhatIsNotAllowed(ctx)
}

// SetOwnName changes the name of whoever asks, in a session of theirs.
func (w *Workspace) SetOwnName(ctx context.Context, who access.Actor, name string) error {
	if err := access.ScopeAllows(who, access.ScopeSession); err != nil {
		return err
	}
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		before, err := tx.User(who.UserID)
		if err != nil {
			return entry, err
		}
		u := applyChange(before, UserChange{Name: &name})
		if bad := checkUser(UserInput{Email: u.Email, Name: u.Name, Role: u.Role}); bad["name"] != "" {
			return entry, invalid("name", bad["name"])
		}
		u.Updated = w.Now()
		entry = userEntry(who, "user.rename", u)
		entry.Detail["before"], entry.Detail["name"] = before.Name, u.Name
		return entry, tx.UpdateUser(u)
	})
	if err != nil {
		return fmt.Errorf("change own name: %w", err)
	}
	return nil
}

func applyChange(u store.User, change UserChange) store.User {
	if change.Email != nil {
		u.Email = strings.TrimSpace(*change.Email)
	}
	if change.Name != nil {
		u.Name = strings.TrimSpace(*change.Name)
	}
	if change.Role != nil {
		u.Role = *change.Role
	}
	if change.Disabled != nil {
		u.Disabled = *change.Disabled
	}
	return u
}

// adminsLeft refuses a change, already made in tx, after which no Admin could sign in.
func adminsLeft(tx *store.Tx, before store.User) error {
	if before.Role != access.RoleAdmin || before.Disabled {
		return nil
	}
	n, err := tx.CountAdminsWithAWayIn()
	if err != nil || n > 0 {
		return err
	}
	left, err := tx.CountAdmins()
	if err != nil {
		return err
	}
	local, err := tx.LocalSignIn()
	switch {
	case err != nil:
		return err
	case left == 0:
		return invalid("role", "This is the only Admin. Make someone else an Admin first")
	case !local:
		return invalid("role", "This is the only Admin who can sign in while local sign-in is off. Turn it on first, or make someone else of a provider an Admin")
	}
	return invalid("role", "This is the only Admin who can sign in. The others have no password yet, or a provider that is off")
}

// DeleteUser removes an account with its sessions, tokens and memberships, and the shares that name it; what it made stays.
func (w *Workspace) DeleteUser(ctx context.Context, who access.Actor, id string) error {
	if err := access.AdminOnly(who, "delete a user"); err != nil {
		return err
	}
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		u, err := tx.User(id)
		if err != nil {
			return entry, err
		}
		if err := tx.DeleteUser(id); err != nil {
			return entry, err
		}
		return userEntry(who, "user.delete", u), adminsLeft(tx, u)
	})
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return w.EndWhatIsNotAllowed(ctx)
}

func userEntry(who access.Actor, action string, u store.User) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: action, ObjectType: "user", ObjectID: u.ID, ObjectName: u.Email, Detail: map[string]any{}}
}

// CreateGroup makes a group.
func (w *Workspace) CreateGroup(ctx context.Context, who access.Actor, name string) (store.Group, error) {
	if err := access.AdminOnly(who, "create a group"); err != nil {
		return store.Group{}, err
	}
	name, err := groupName(name)
	if err != nil {
		return store.Group{}, err
	}
	id, err := newID()
	if err != nil {
		return store.Group{}, err
	}
	g := store.Group{ID: id, Name: name, Created: w.Now()}
	if err := w.Store.Update(ctx, groupEntry(who, "group.create", g), func(tx *store.Tx) error { return tx.CreateGroup(g) }); err != nil {
		return store.Group{}, fmt.Errorf("create group: %w", err)
	}
	return g, nil
}

func groupName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len([]rune(name)) > maxName {
		return "", invalid("name", fmt.Sprintf("Enter a name of 1 to %d characters", maxName))
	}
	if slices.Contains([]string{access.GroupMembers, access.GroupGuests, access.GroupPublic}, strings.ToLower(name)) {
		return "", invalid("name", "This is the name of a built-in group. Choose another")
	}
	return name, nil
}

// RenameGroup gives a group another name.
func (w *Workspace) RenameGroup(ctx context.Context, who access.Actor, id, name string) error {
	if err := access.AdminOnly(who, "rename a group"); err != nil {
		return err
	}
	name, err := groupName(name)
	if err != nil {
		return err
	}
	return w.Store.Update(ctx, groupEntry(who, "group.rename", store.Group{ID: id, Name: name}), func(tx *store.Tx) error { return tx.RenameGroup(id, name) })
}

// DeleteGroup removes a group; what it gave is taken away at once. shown is the Consequences.Mark of what was shown of it: other
// consequences are store.ErrConflict; empty: whatever follows.
func (w *Workspace) DeleteGroup(ctx context.Context, who access.Actor, id, shown string) error {
	if err := access.AdminOnly(who, "delete a group"); err != nil {
		return err
	}
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		g, err := tx.Group(id)
		if err != nil {
			return entry, err
		}
		if err := asShown(shown, func() (Consequences, error) { return withoutGroup(tx, id) }); err != nil {
			return entry, err
		}
		return groupEntry(who, "group.delete", g), tx.DeleteGroup(id)
	})
	if err != nil {
		return fmt.Errorf("delete group: %w", err)
	}
	return w.EndWhatIsNotAllowed(ctx)
}

// SetMember puts a user into a group by hand, or takes the user out of it. Whom a provider keeps there cannot be taken out.
func (w *Workspace) SetMember(ctx context.Context, who access.Actor, groupID, userID string, member bool) error {
	if err := access.AdminOnly(who, "change a group's members"); err != nil {
		return err
	}
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		g, err := tx.Group(groupID)
		if err != nil {
			return entry, err
		}
		u, err := tx.User(userID)
		if err != nil {
			return entry, err
		}
		entry = groupEntry(who, "group.members", g)
		entry.Detail["user"], entry.Detail["member"] = u.Email, member
		if member {
			return entry, tx.AddMember(groupID, userID)
		}
		if err := keptByHand(tx, groupID, userID); err != nil {
			return entry, err
		}
		return entry, tx.RemoveMember(groupID, userID)
	})
	if err != nil {
		return fmt.Errorf("set member: %w", err)
	}
	return w.EndWhatIsNotAllowed(ctx)
}

// keptByHand refuses to take out of a group whom a sign-in provider puts there: the next sign-in would undo it.
func keptByHand(tx *store.Tx, groupID, userID string) error {
	all, err := tx.Memberships(userID)
	for _, m := range all {
		if m.ID == groupID && m.ByProvider {
			return invalid("user", "The sign-in provider keeps this person in the group. Change it there")
		}
	}
	return err
}

func groupEntry(who access.Actor, action string, g store.Group) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: action, ObjectType: "group", ObjectID: g.ID, ObjectName: g.Name, Detail: map[string]any{}}
}
