package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"

	"patchbay/access"
	"patchbay/store"
)

const (
	maxEmail = 254 // RFC 5321, section 4.5.3.1.3
	maxName  = 100
)

// server is who acts in the audit log when the server itself does.
var server = access.Actor{Name: "server"}

// SetupNeeded says whether no Admin exists yet.
func (a *Auth) SetupNeeded(ctx context.Context) (needed bool, err error) {
	err = a.store.View(ctx, func(tx *store.Tx) error {
		needed, err = noAdmin(tx)
		return err
	})
	return needed, err
}

func noAdmin(tx *store.Tx) (bool, error) {
	n, err := tx.CountAdmins()
	return n == 0, err
}

// SetupToken makes the token of a setup link while no Admin exists. It is for the console and must be shown nowhere else: it
// makes its first user an Admin.
func (a *Auth) SetupToken(ctx context.Context) (token string, needed bool, err error) {
	if needed, err = a.SetupNeeded(ctx); err != nil || !needed {
		return "", false, err
	}
	plain, t := a.newLink(setup, "", setupLasts)
	entry := store.AuditEntry{Who: server, Action: "setup.link", ObjectType: setup}
	err = a.store.Update(ctx, entry, func(tx *store.Tx) error { return tx.CreateOneTime(t) })
	return plain, err == nil, err
}

// setupLink finds a setup link, which is dead once there is an Admin; a reset of nobody's password, which an operator asked for, is
// dead once there is one who may have a password.
func (a *Auth) setupLink(tx *store.Tx, token string) (store.OneTimeToken, error) {
	t, err := a.link(tx, token, setup, reset)
	if err != nil {
		return t, err
	}
	if t.Purpose == setup {
		needed, err := noAdmin(tx)
		return t, deadUnless(needed, err)
	}
	admins, err := localAdmins(tx)
	return t, deadUnless(t.UserID == "" && len(admins) == 0, err)
}

func deadUnless(lives bool, err error) error {
	if err == nil && !lives {
		err = ErrUsed
	}
	return err
}

// CheckSetup says whether a setup link can be used: nil or ErrUsed.
func (a *Auth) CheckSetup(ctx context.Context, token string) error {
	return a.store.View(ctx, func(tx *store.Tx) error {
		_, err := a.setupLink(tx, token)
		return err
	})
}

// CompleteSetup uses the setup link up, makes the first Admin and signs them in. Input that can be mended is a *FieldError and
// leaves the link as it is.
func (a *Auth) CompleteSetup(ctx context.Context, w http.ResponseWriter, r *http.Request, token, name, email, password string) error {
	if err := a.CheckSetup(ctx, token); err != nil {
		return err
	}
	u, err := a.newAdmin(ctx, name, email, password)
	if err != nil {
		return err
	}
	plain, s := a.newSession(r, u.ID)
	who := actorOf(u)
	who.IP = s.IP
	err = a.store.Update(ctx, userEntry(who, "setup.complete", u.ID, u.Email), func(tx *store.Tx) error {
		t, err := a.setupLink(tx, token)
		if err != nil {
			return err
		}
		if err := use(tx, t, s.Created); err != nil {
			return err
		}
		if err := tx.CreateUser(u); err != nil {
			return err
		}
		return a.replaceSession(tx, a.oldSession(r), s)
	})
	return a.entered(w, r, err, plain, u.ID)
}

// entered gives the browser its cookies after an act that signed it in.
func (a *Auth) entered(w http.ResponseWriter, r *http.Request, err error, plain, userID string) error {
	if errors.Is(err, store.ErrExists) {
		return &FieldError{"email", "Someone has this address already. Choose another"}
	}
	if err != nil {
		return err
	}
	a.carrier.hand(w, r, sessionCookie, plain, 0)
	a.rememberDevice(w, r, userID)
	return nil
}

// CreateFirstAdmin makes the first Admin from the operator's settings. It does nothing once there is an Admin.
func (a *Auth) CreateFirstAdmin(ctx context.Context, name, email, password string) error {
	if needed, err := a.SetupNeeded(ctx); err != nil || !needed {
		return err
	}
	u, err := a.newAdmin(ctx, name, email, password)
	if err != nil {
		return err
	}
	return a.store.Update(ctx, userEntry(server, "user.create", u.ID, u.Email), func(tx *store.Tx) error { return tx.CreateUser(u) })
}

// newAdmin checks the fields of an Admin to be, and hashes the password.
func (a *Auth) newAdmin(ctx context.Context, name, email, password string) (store.User, error) {
	name, email = strings.TrimSpace(name), strings.TrimSpace(email)
	if name == "" || len([]rune(name)) > maxName {
		return store.User{}, &FieldError{"name", fmt.Sprintf("Enter a name of 1 to %d characters", maxName)}
	}
	if !validEmail(email) {
		return store.User{}, &FieldError{"email", "Enter an e-mail address, such as mira@example.com"}
	}
	hash, err := a.HashPassword(ctx, password)
	if err != nil {
		return store.User{}, err
	}
	id, err := newID()
	now := a.now()
	return store.User{ID: id, Email: email, Name: name, Role: access.RoleAdmin, PasswordHash: hash, Created: now, Updated: now}, err
}

func validEmail(email string) bool {
	parsed, err := mail.ParseAddress(email)
	return err == nil && parsed.Address == email && len(email) <= maxEmail
}
