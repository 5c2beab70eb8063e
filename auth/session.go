package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// How long a session holds unless the operator says otherwise (P45).
const (
	idleTime  = 12 * time.Hour
	wholeTime = 7 * 24 * time.Hour
	seenEvery = time.Minute // last seen is no finer than this, so that reading a page rarely writes
)

const maxAgent = 200

var errNoSession = errors.New("no session")

const sessionCookie = "patchbay"

// session finds the session of a request with its user. One that has ended, or whose user may not sign in any more, is removed
// and is errNoSession, as is none.
func (a *Auth) session(r *http.Request) (s store.Session, u store.User, err error) {
	id, ok := a.carrier.carried(r, sessionCookie)
	if !ok {
		return s, u, errNoSession
	}
	err = a.store.View(r.Context(), func(tx *store.Tx) (err error) {
		if s, err = tx.SessionByHash(hashOf(id)); err == nil {
			u, err = tx.User(s.UserID)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return s, u, errNoSession
	}
	if err != nil {
		return s, u, err
	}
	now := a.now()
	if u.Disabled || a.over(s, now) {
		_ = a.store.Maintain(r.Context(), func(tx *store.Tx) error { return tx.DeleteSession(s.Hash) }) // refused either way
		return s, u, errNoSession
	}
	if now.Sub(s.Seen) >= seenEvery {
		// When this cannot be written, on a full disk say, the session ends earlier, and reading goes on.
		_ = a.store.Maintain(r.Context(), func(tx *store.Tx) error { return tx.TouchSession(s.Hash, now) })
	}
	return s, u, nil
}

// over says whether a session has run out.
func (a *Auth) over(s store.Session, now time.Time) bool {
	return store.SessionLimits{Idle: a.idleTime, Whole: a.wholeTime}.Over(s, now)
}

// newSession makes a session that is not kept yet, and the secret for its cookie.
func (a *Auth) newSession(r *http.Request, userID string) (plain string, s store.Session) {
	now := a.now()
	plain, hash := newSecret()
	agent := r.UserAgent()
	agent = strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
	return plain, store.Session{ID: fmt.Sprintf("%x", hash[:8]), Hash: hash, UserID: userID, Created: now, Seen: now, Ends: now.Add(a.wholeTime), Auth: now,
		IP: clientIP(r), Agent: agent}
}

// replaceSession keeps a new session, and ends the one that the request came with and those of the user that have run out:
// the id in a browser never survives a sign-in (P43).
func (a *Auth) replaceSession(tx *store.Tx, old []byte, s store.Session) error {
	if err := tx.DeleteSession(old); err != nil {
		return err
	}
	others, err := tx.UserSessions(s.UserID)
	if err != nil {
		return err
	}
	for _, o := range others {
		if a.over(o, s.Seen) {
			if err := tx.DeleteSession(o.Hash); err != nil {
				return err
			}
		}
	}
	return tx.CreateSession(s)
}

// oldSession is the hash of the session id that a request carries, valid or not.
func (a *Auth) oldSession(r *http.Request) []byte {
	id, ok := a.carrier.carried(r, sessionCookie)
	if !ok {
		return []byte{}
	}
	return hashOf(id)
}

// SignOut ends the session of a request, with what runs in it, and removes its cookie. Where it came from a provider that can be
// told, the answer says where the browser goes to be signed out there too.
func (a *Auth) SignOut(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Actor) (SignedOut, error) {
	old := a.oldSession(r)
	s, err := a.store.SessionByHash(ctx, old)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return SignedOut{}, err
	}
	hint := a.idToken(ctx, old)
	entry := userEntry(who, "user.sign_out", who.UserID, who.Email)
	if err := a.store.Update(ctx, entry, func(tx *store.Tx) error { return tx.DeleteSession(old) }); err != nil {
		return SignedOut{}, err
	}
	a.carrier.hand(w, r, sessionCookie, "", -1)
	a.ended(func(of access.Actor) bool { return of.UserID == who.UserID && of.SessionID == who.SessionID })
	return a.providerSignOut(ctx, w, r, s.ProviderID, hint)
}

// RecentlyAuthenticated says whether whoever sent the request gave their password within that time: acts that would let a
// stolen session spread ask for it (P45). A request with an API token proves itself each time.
func (a *Auth) RecentlyAuthenticated(r *http.Request, within time.Duration) (bool, error) {
	if _, ok := bearer(r); ok {
		return true, nil
	}
	s, _, err := a.session(r)
	if errors.Is(err, errNoSession) {
		return false, nil
	}
	return err == nil && a.now().Sub(s.Auth) < within, err
}

func userEntry(who access.Actor, action, id, email string) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: action, ObjectType: "user", ObjectID: id, ObjectName: email}
}
