package auth

import (
	"context"
	"slices"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// CreateReset takes someone's password away, ends their sessions, and makes the token of a link by which they choose another.
// Only Admins may, for others: for themselves they change it.
func (a *Auth) CreateReset(ctx context.Context, who access.Actor, userID string) (token string, err error) {
	if err := access.AdminOnly(who, "reset a password"); err != nil {
		return "", err
	}
	if who.UserID == userID {
		return "", &FieldError{"user", "Change your own password on your account page"}
	}
	plain, t := a.newLink(reset, userID, resetLasts)
	err = a.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		u, err := tx.User(userID)
		if err != nil {
			return store.AuditEntry{}, err
		}
		if u.Disabled {
			return store.AuditEntry{}, &FieldError{"user", "This account is disabled. Enable it first"}
		}
		if u.External {
			return store.AuditEntry{}, errNoPasswordHere("user")
		}
		if u.PasswordHash == "" {
			return store.AuditEntry{}, &FieldError{"user", "This person has no password here. Make a new invitation link instead"}
		}
		return userEntry(who, "user.password_reset", u.ID, u.Email), a.reset(tx, u, t)
	})
	return plain, err
}

// reset takes the password away and keeps the link that sets another.
func (a *Auth) reset(tx *store.Tx, u store.User, t store.OneTimeToken) error {
	if err := setPassword(tx, u.ID, "", t.Created); err != nil {
		return err
	}
	return tx.CreateOneTime(t)
}

// A Rescue is the way back for an operator whom nobody can let in.
type Rescue struct {
	Admin   store.User // whose password the link sets; zero: the link makes an Admin
	Token   string
	Expires time.Time
}

// Rescue makes a link with which an Admin gets in again, for the operator at the server's shell: the password of the Admin with
// this address, or of the only Admin who may have one, is taken away with its second step, and the link sets another. While no
// Admin may have a password, it makes one who has: those who sign in with a provider keep to it. Several Admins and no address is
// an *AdminsError. Signing in with a password is on from then.
func (a *Auth) Rescue(ctx context.Context, who access.Actor, email string) (out Rescue, err error) {
	if err := access.AdminOnly(who, "reset an Admin"); err != nil {
		return Rescue{}, err
	}
	plain, t := a.newLink(reset, "", resetLasts)
	plainNew, tNew := a.newLink(reset, "", setupLasts) // of nobody: it makes an Admin
	err = a.store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		u, err := adminToRescue(tx, email)
		if err == nil {
			err = allowPasswords(tx)
		}
		if err != nil {
			return entry, err
		}
		if u.ID == "" {
			out = Rescue{Token: plainNew, Expires: tNew.Expires}
			return store.AuditEntry{Who: who, Action: "admin.reset", ObjectType: setup}, tx.CreateOneTime(tNew)
		}
		out, t.UserID = Rescue{u, plain, t.Expires}, u.ID
		return userEntry(who, "admin.reset", u.ID, u.Email), a.letIn(tx, u, t)
	})
	return out, err
}

// letIn makes sure that the link is enough for an Admin to get in.
func (a *Auth) letIn(tx *store.Tx, u store.User, t store.OneTimeToken) error {
	if u.Disabled {
		u.Disabled = false
		if err := tx.UpdateUser(u); err != nil {
			return err
		}
	}
	if err := tx.DeleteTOTP(u.ID); err != nil {
		return err
	}
	return a.reset(tx, u, t)
}

// allowPasswords turns local sign-in on where it is off.
func allowPasswords(tx *store.Tx) error {
	if local, err := tx.LocalSignIn(); err != nil || local {
		return err
	}
	return tx.SetSetting(store.SettingLocalSignIn, "true")
}

// An AdminsError says that it must be told which of several Admins is meant.
type AdminsError struct{ Emails []string }

func (e *AdminsError) Error() string { return "there are several Admins" }

// adminToRescue is the Admin with an address, or the only one who may have a password; zero: there is none. One who is disabled is
// found by address alone.
func adminToRescue(tx *store.Tx, email string) (store.User, error) {
	if email != "" {
		u, err := tx.UserByEmail(email)
		switch {
		case err != nil:
		case u.Role != access.RoleAdmin:
			err = &FieldError{"email", "This account is no Admin"}
		case u.External:
			err = errNoPasswordHere("email")
		}
		return u, err
	}
	admins, err := localAdmins(tx)
	if err != nil || len(admins) == 0 {
		return store.User{}, err
	}
	if len(admins) == 1 {
		return admins[0], nil
	}
	several := &AdminsError{}
	for _, u := range admins {
		several.Emails = append(several.Emails, u.Email)
	}
	return store.User{}, several
}

// localAdmins are the Admins who sign in with a password, or will once they have accepted their invitation.
func localAdmins(tx *store.Tx) ([]store.User, error) {
	users, err := tx.Users()
	return slices.DeleteFunc(users, func(u store.User) bool { return u.Role != access.RoleAdmin || u.Disabled || u.External }), err
}

// errNoPasswordHere refuses a password for someone who signs in with a provider: it would outlast what the provider says of them.
func errNoPasswordHere(field string) error {
	return &FieldError{field, "This person signs in with a provider and has no password here"}
}
