package auth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"patchbay/store"
)

// A sign-in that waits for its code is a one-time token in the browser. It opens nothing by itself.
const (
	signInPurpose = "sign_in"
	codeCookie    = "patchbay-sign-in"
	codeLasts     = 5 * time.Minute
)

// ErrSignInOver says that no sign-in waits for a code in this browser, or that it waited too long.
var ErrSignInOver = errors.New("no sign-in waits for a code")

// awaitCode remembers in the browser whose password was right, and is ErrCodeNeeded.
func (a *Auth) awaitCode(ctx context.Context, w http.ResponseWriter, r *http.Request, u store.User) error {
	plain, t := a.newLink(signInPurpose, u.ID, codeLasts)
	who := actorOf(u)
	who.IP = clientIP(r)
	err := a.store.Update(ctx, userEntry(who, "user.password_given", u.ID, u.Email), func(tx *store.Tx) error {
		if err := tx.SweepOneTimes(signInPurpose, t.Created); err != nil {
			return err
		}
		return tx.CreateOneTime(t)
	})
	if err != nil {
		return err
	}
	a.carrier.hand(w, r, codeCookie, plain, int(codeLasts.Seconds()))
	return ErrCodeNeeded
}

// AwaitsCode says whether a sign-in waits for its code in this browser: nil or ErrSignInOver.
func (a *Auth) AwaitsCode(r *http.Request) error {
	_, err := a.waiting(r)
	return err
}

// waiting is the user of the sign-in that waits in a browser.
func (a *Auth) waiting(r *http.Request) (u store.User, err error) {
	err = a.store.View(r.Context(), func(tx *store.Tx) error {
		_, u, err = a.waitingIn(tx, r)
		return err
	})
	return u, err
}

// waitingIn finds the sign-in that waits in a browser. What was changed of the account since ended it, and so did turning local
// sign-in off.
func (a *Auth) waitingIn(tx *store.Tx, r *http.Request) (t store.OneTimeToken, u store.User, err error) {
	plain, ok := a.carrier.carried(r, codeCookie)
	if !ok {
		return t, u, ErrSignInOver
	}
	if local, err := tx.LocalSignIn(); err != nil || !local {
		return t, u, cmp.Or(err, ErrSignInOver)
	}
	if t, err = a.link(tx, plain, signInPurpose); err == nil {
		u, err = tx.User(t.UserID)
	}
	if errors.Is(err, ErrUsed) || errors.Is(err, store.ErrNotFound) || err == nil && (u.Disabled || u.PasswordHash == "") {
		return t, u, ErrSignInOver
	}
	return t, u, err
}

// SignInWithCode takes the code of the sign-in that waits in a browser, and starts the session. A wrong code is ErrWrongCode;
// too many of them are a *LimitedError.
func (a *Auth) SignInWithCode(ctx context.Context, w http.ResponseWriter, r *http.Request, code string) error {
	u, err := a.waiting(r)
	if err != nil {
		return err
	}
	plain, s := a.newSession(r, u.ID)
	who := actorOf(u)
	who.IP = s.IP
	err = a.countingCodes(r, u.ID, func() error {
		return a.store.Update(ctx, userEntry(who, "user.sign_in", u.ID, u.Email), func(tx *store.Tx) error {
			t, _, err := a.waitingIn(tx, r)
			if err != nil {
				return err
			}
			if err := a.second(tx, u.ID, code, s.Created); err != nil {
				return err
			}
			if err := use(tx, t, s.Created); err != nil {
				return err
			}
			return a.replaceSession(tx, a.oldSession(r), s)
		})
	})
	if refusalCause(err) != "" {
		return errors.Join(err, a.auditFailure(ctx, r, u, u.Email, err))
	}
	if err != nil {
		return err
	}
	a.carrier.hand(w, r, codeCookie, "", -1)
	return a.entered(w, r, nil, plain, u.ID)
}
