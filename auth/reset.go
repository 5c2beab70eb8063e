package auth

import (
	"context"
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
	Admin   store.User // whose password the link sets; zero: the link makes the first Admin
	Token   string
	Expires time.Time
}

// Rescue makes a link with which an Admin gets in again, for the operator at the server's shell: the password of the Admin with
// this address, or of the only Admin there is, is taken away with its second step, and the link sets another. While there is no
// Admin, it makes the first one. Several Admins and no address is an *AdminsError.
func (a *Auth) Rescue(ctx context.Context, who access.Actor, email string) (Rescue, error) {
	if err := access.AdminOnly(who, "reset an Admin"); err != nil {
		return Rescue{}, err
	}
	needed, err := a.SetupNeeded(ctx)
	if err != nil {
		return Rescue{}, err
	}
	if needed && email == "" {
		plain, t := a.newLink(setup, "", setupLasts)
		entry := store.AuditEntry{Who: who, Action: "admin.reset", ObjectType: setup}
		err := a.store.Update(ctx, entry, func(tx *store.Tx) error { return tx.CreateOneTime(t) })
		return Rescue{Token: plain, Expires: t.Expires}, err
	}
	plain, t := a.newLink(reset, "", resetLasts)
	out := Rescue{Token: plain, Expires: t.Expires}
	err = a.store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		u, err := adminToRescue(tx, email)
		if err != nil {
			return entry, err
		}
		out.Admin, t.UserID = u, u.ID
		return userEntry(who, "admin.reset", u.ID, u.Email), a.rescue(tx, u, t)
	})
	return out, err
}

// rescue makes sure that the link is enough to get in.
func (a *Auth) rescue(tx *store.Tx, u store.User, t store.OneTimeToken) error {
	if u.Disabled {
		u.Disabled = false
		if err := tx.UpdateUser(u); err != nil {
			return err
		}
	}
	if err := tx.DeleteTOTP(u.ID); err != nil {
		return err
	}
	if _, kept, err := tx.Setting(settingLocalSignIn); err != nil {
		return err
	} else if kept {
		if err := tx.SetSetting(settingLocalSignIn, "true"); err != nil {
			return err
		}
	}
	return a.reset(tx, u, t)
}

// settingLocalSignIn is "false" where nobody signs in with a password.
const settingLocalSignIn = "local_sign_in"

// An AdminsError says that it must be told which of several Admins is meant.
type AdminsError struct{ Emails []string }

func (e *AdminsError) Error() string { return "there are several Admins" }

// adminToRescue is the Admin with an address, or the only one there is. One who is disabled is found by address alone.
func adminToRescue(tx *store.Tx, email string) (store.User, error) {
	if email != "" {
		u, err := tx.UserByEmail(email)
		if err == nil && u.Role != access.RoleAdmin {
			err = &FieldError{"email", "This account is no Admin"}
		}
		return u, err
	}
	users, err := tx.Users()
	if err != nil {
		return store.User{}, err
	}
	var found store.User
	several := &AdminsError{}
	for _, u := range users {
		if u.Role == access.RoleAdmin && !u.Disabled {
			found = u
			several.Emails = append(several.Emails, u.Email)
		}
	}
	if len(several.Emails) > 1 {
		return store.User{}, several
	}
	return found, nil
}
