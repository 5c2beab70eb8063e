package auth

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"patchbay/access"
	"patchbay/store"
)

// NewInvite is the token of an invitation of someone whose account is being made, and what the store keeps of it with the account.
func (a *Auth) NewInvite(userID string) (token string, kept store.OneTimeToken) {
	return a.newLink(invite, userID, inviteLasts)
}

// CreateInvite makes the token of a link by which someone who has no password yet chooses one. Only Admins may.
func (a *Auth) CreateInvite(ctx context.Context, who access.Actor, userID string) (token string, err error) {
	if err := access.AdminOnly(who, "invite a user"); err != nil {
		return "", err
	}
	plain, t := a.NewInvite(userID)
	err = a.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		u, err := tx.User(userID)
		if err != nil {
			return store.AuditEntry{}, err
		}
		if u.PasswordHash != "" {
			return store.AuditEntry{}, &FieldError{"user", "This person has chosen a password already"}
		}
		if u.External {
			return store.AuditEntry{}, errNoPasswordHere("user")
		}
		return userEntry(who, "user.invite", u.ID, u.Email), tx.CreateOneTime(t)
	})
	return plain, err
}

// InvitedUser is whom an invitation link is for, or a link that sets a password again. An invitation of someone who has a
// password by now is ErrUsed, so that using one link ends the others, and so is any link of someone who signs in with a provider.
// Where nobody signs in with a password, it is ErrLocalOff.
func (a *Auth) InvitedUser(ctx context.Context, token string) (u store.User, err error) {
	err = a.store.View(ctx, func(tx *store.Tx) error {
		_, u, err = a.invited(tx, token)
		return err
	})
	return u, err
}

func (a *Auth) invited(tx *store.Tx, token string) (store.OneTimeToken, store.User, error) {
	t, err := a.link(tx, token, invite, reset)
	if err != nil {
		return t, store.User{}, err
	}
	if local, err := tx.LocalSignIn(); err != nil || !local {
		return t, store.User{}, cmp.Or(err, ErrLocalOff)
	}
	u, err := tx.User(t.UserID)
	if errors.Is(err, store.ErrNotFound) || (err == nil && (u.Disabled || u.External || t.Purpose == invite && u.PasswordHash != "")) {
		return t, store.User{}, ErrUsed
	}
	return t, u, err
}

// AcceptInvite uses a link up, sets the password of its user and signs them in. Where the account has a second step there is no
// session yet: it is ErrCodeNeeded, and SignInWithCode goes on.
func (a *Auth) AcceptInvite(ctx context.Context, w http.ResponseWriter, r *http.Request, token, password string) error {
	u, err := a.InvitedUser(ctx, token)
	if err != nil {
		return err
	}
	hash, err := a.HashPassword(ctx, password)
	if err != nil {
		return err
	}
	plain, s := a.newSession(r, u.ID)
	who := actorOf(u)
	who.IP = s.IP
	var waits error // for the code
	err = a.store.Update(ctx, userEntry(who, "user.accept_invite", u.ID, u.Email), func(tx *store.Tx) error {
		t, _, err := a.invited(tx, token)
		if err != nil {
			return err
		}
		if err := use(tx, t, s.Created); err != nil {
			return err
		}
		if err := tx.DeleteSession(a.oldSession(r)); err != nil {
			return err
		}
		if err := setPassword(tx, u.ID, hash, s.Created); err != nil {
			return err
		}
		if waits = a.second(tx, u.ID, "", s.Created); waits == nil {
			return tx.CreateSession(s)
		}
		if !errors.Is(waits, ErrCodeNeeded) {
			return waits
		}
		return nil
	})
	if err == nil && waits != nil {
		return a.awaitCode(ctx, w, r, u)
	}
	return a.entered(w, r, err, plain, u.ID)
}
