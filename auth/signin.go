package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// SignIn checks a password and starts a session in the browser. Every failure is ErrWrongPassword and takes the same work,
// whether the account does not exist, is disabled, has no password, or has another one; too many of them are a *LimitedError.
// Where nobody signs in with a password, it is ErrLocalOff whatever was typed.
// Where the account has a second step there is no session yet: it is ErrCodeNeeded, and SignInWithCode goes on.
func (a *Auth) SignIn(ctx context.Context, w http.ResponseWriter, r *http.Request, email, password string) (access.Actor, error) {
	if local, err := a.LocalSignIn(ctx); err != nil || !local {
		if err == nil {
			err = errors.Join(ErrLocalOff, a.auditFailure(ctx, r, store.User{}, email, ErrLocalOff))
		}
		return access.Actor{}, err
	}
	u, err := a.store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return access.Actor{}, err
	}
	if u.Disabled {
		u.PasswordHash = ""
	}
	err = a.prove(ctx, r, u, email, password)
	if refusalCause(err) != "" {
		return access.Actor{}, errors.Join(err, a.auditFailure(ctx, r, u, email, err))
	}
	if err != nil {
		return access.Actor{}, err
	}
	plain, s := a.newSession(r, u.ID)
	who := actorOf(u)
	who.IP = s.IP
	err = a.store.Update(ctx, userEntry(who, "user.sign_in", u.ID, u.Email), func(tx *store.Tx) error {
		if err := unchanged(tx, u); err != nil {
			return err
		}
		if err := a.second(tx, u.ID, "", s.Created); err != nil {
			return err
		}
		return a.replaceSession(tx, a.oldSession(r), s)
	})
	if errors.Is(err, ErrCodeNeeded) {
		return access.Actor{}, a.awaitCode(ctx, w, r, u)
	}
	if errors.Is(err, ErrWrongPassword) { // it was changed in the meantime
		return access.Actor{}, errors.Join(err, a.auditFailure(ctx, r, u, email, err))
	}
	if err != nil {
		return access.Actor{}, err
	}
	a.carrier.hand(w, r, sessionCookie, plain, 0)
	a.rememberDevice(w, r, u.ID)
	return who, nil
}

// unchanged makes sure that an account may still sign in with the password that was just checked.
func unchanged(tx *store.Tx, u store.User) error {
	now, err := tx.User(u.ID)
	if errors.Is(err, store.ErrNotFound) || (err == nil && (now.Disabled || now.PasswordHash != u.PasswordHash)) {
		return ErrWrongPassword
	}
	return err
}

// prove checks a user's password within the limits on attempts.
func (a *Auth) prove(ctx context.Context, r *http.Request, u store.User, email, password string) error {
	now, counted := a.now(), a.attempt(r, u, email)
	if wait := a.attempts.begin(counted, now); wait > 0 {
		return &LimitedError{Wait: wait}
	}
	right, err := a.verify(ctx, u.PasswordHash, password)
	switch {
	case err != nil:
		a.attempts.undo(counted, now)
		return err
	case !right:
		return ErrWrongPassword
	}
	a.attempts.succeed(counted, now)
	return nil
}

// attempt is what a try counts against: a browser that has signed in to this account before has a count of its own, so that
// strangers who try passwords do not lock the owner out (P50).
func (a *Auth) attempt(r *http.Request, u store.User, email string) attempt {
	if u.ID != "" && a.knowsDevice(r, u.ID) {
		return attempt{deviceKey + u.ID: accountDelay}
	}
	// The address counts as it was typed, so that accounts that do not exist are limited like those that do.
	typed := strings.ToLower(strings.TrimSpace(email))
	return attempt{accountKey + typed[:min(len(typed), maxEmail)]: accountDelay, networkKey + Network(clientIP(r)): networkDelay}
}

// Reauthenticate takes the password of someone who is signed in once more, with the code where there is a second step, and gives
// their session a new secret that knows it.
func (a *Auth) Reauthenticate(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Actor, password, code string) error {
	old, u, err := a.ownSession(r, who)
	if err != nil {
		return err
	}
	if err := a.prove(ctx, r, u, u.Email, password); err != nil {
		return errors.Join(wrongAt("password", err), a.auditOwn(ctx, r, who, "user.reauthenticate", u, err))
	}
	plain, s := a.newSession(r, u.ID)
	s.ID, s.Created, s.Ends, s.ProviderID, s.SID = old.ID, old.Created, old.Ends, old.ProviderID, old.SID
	err = a.countingCodes(r, u.ID, func() error {
		return a.store.Update(ctx, userEntry(who, "user.reauthenticate", u.ID, u.Email), func(tx *store.Tx) error {
			if err := a.stillOwn(tx, old, u); err != nil {
				return err
			}
			if err := a.second(tx, u.ID, code, s.Auth); err != nil {
				return err
			}
			return a.replaceSession(tx, old.Hash, s)
		})
	})
	if err != nil {
		return errors.Join(codeAt("code", err), a.auditOwn(ctx, r, who, "user.reauthenticate", u, err))
	}
	a.carrier.hand(w, r, sessionCookie, plain, 0)
	return nil
}

// SetPassword changes the password of someone who is signed in and knows the one before. All their sessions end; their browser
// gets a new one.
func (a *Auth) SetPassword(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Actor, current, next string) error {
	old, u, err := a.ownSession(r, who)
	if err != nil {
		return err
	}
	if err := a.prove(ctx, r, u, u.Email, current); err != nil {
		return errors.Join(wrongAt("current", err), a.auditOwn(ctx, r, who, "user.password", u, err))
	}
	hash, err := a.HashPassword(ctx, next)
	if err != nil {
		return err
	}
	plain, s := a.newSession(r, u.ID)
	err = a.store.Update(ctx, userEntry(who, "user.password", u.ID, u.Email), func(tx *store.Tx) error {
		if err := a.stillOwn(tx, old, u); err != nil {
			return err
		}
		if err := setPassword(tx, u.ID, hash, s.Created); err != nil {
			return err
		}
		return tx.CreateSession(s)
	})
	if err == nil {
		a.carrier.hand(w, r, sessionCookie, plain, 0)
	}
	return err
}

// setPassword replaces a password, or takes it away. That ends every session, and what was begun with the one before.
func setPassword(tx *store.Tx, userID, hash string, now time.Time) error {
	u, err := tx.User(userID)
	if err != nil {
		return err
	}
	u.PasswordHash, u.Updated = hash, now
	if err := tx.UpdateUser(u); err != nil {
		return err
	}
	for _, purpose := range []string{reset, signInPurpose} {
		if err := tx.DropOneTimes(userID, purpose); err != nil {
			return err
		}
	}
	return tx.DeleteUserSessions(userID)
}

// ownSession is the browser session of someone who acts on their own account; a token has none.
func (a *Auth) ownSession(r *http.Request, who access.Actor) (store.Session, store.User, error) {
	if err := access.ScopeAllows(who, access.ScopeSession); err != nil {
		return store.Session{}, store.User{}, err
	}
	s, u, err := a.session(r)
	if errors.Is(err, errNoSession) {
		err = sessionOver()
	}
	return s, u, err
}

func sessionOver() error {
	return &access.Denied{Action: "change a password", Because: []access.Reason{{Rule: access.RuleScope, Words: "This session has ended. Sign in again"}}}
}

// stillOwn refuses what a session began that was ended, or whose account was changed, while the password was checked: checking one
// takes long enough for an Admin to end the session or take the password away (P43, P44).
func (a *Auth) stillOwn(tx *store.Tx, began store.Session, u store.User) error {
	switch _, err := tx.SessionByHash(began.Hash); {
	case errors.Is(err, store.ErrNotFound):
		return sessionOver()
	case err != nil:
		return err
	}
	return unchanged(tx, u)
}

// wrongAt puts a wrong password at the field where it was typed.
func wrongAt(field string, err error) error {
	if errors.Is(err, ErrWrongPassword) {
		return &FieldError{field, "This is not your password. Check it and try again"}
	}
	return err
}
