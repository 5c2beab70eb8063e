package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// SignedOut says where a browser goes on to be signed out at the provider too. The zero SignedOut: nowhere.
type SignedOut struct{ Provider, URL string }

const (
	signedOutCookie = "patchbay-signed-out"
	signedOutLasts  = 10 * time.Minute
	maxLogoutToken  = 16 << 10
)

// providerSignOut is the provider's own sign-out for a session that came from it and has ended here (OpenID Connect RP-Initiated
// Logout). A provider that does not answer or cannot sign out leaves the person signed in there.
func (a *Auth) providerSignOut(ctx context.Context, w http.ResponseWriter, r *http.Request, providerID, hint string) (SignedOut, error) {
	if providerID == "" {
		return SignedOut{}, nil
	}
	p, err := a.enabled(ctx, providerID)
	if errors.Is(err, store.ErrNotFound) {
		return SignedOut{}, nil
	}
	if err != nil {
		return SignedOut{}, err
	}
	rem, err := a.remote(ctx, p)
	if err != nil || rem.document.EndSession == "" {
		return SignedOut{}, nil
	}
	to, err := url.Parse(rem.document.EndSession)
	if err != nil {
		return SignedOut{}, nil
	}
	state, _ := newSecret()
	query := to.Query()
	query.Set("client_id", p.ClientID)
	query.Set("post_logout_redirect_uri", a.SignedOutURL())
	query.Set("state", state)
	if hint != "" {
		query.Set("id_token_hint", hint)
	}
	to.RawQuery = query.Encode()
	a.carrier.hand(w, r, signedOutCookie, state, int(signedOutLasts.Seconds()))
	return SignedOut{Provider: p.Name, URL: to.String()}, nil
}

// idToken is the ID token of a session; empty where it is not kept or cannot be opened. The provider then asks the person.
func (a *Auth) idToken(ctx context.Context, session []byte) (plain string) {
	_ = a.store.View(ctx, func(tx *store.Tx) error {
		plain = ""
		box, err := tx.IDToken(session)
		if err != nil {
			return err
		}
		opened, err := a.oidc.Keys.Open(box, "id token", string(session))
		plain = string(opened)
		return err
	})
	return plain
}

// ReturnedSignedOut says whether a browser comes back from the provider's sign-out that it was sent to.
func (a *Auth) ReturnedSignedOut(w http.ResponseWriter, r *http.Request) bool {
	state, ok := a.carrier.carried(r, signedOutCookie)
	if !ok {
		return false
	}
	a.carrier.hand(w, r, signedOutCookie, "", -1)
	return subtle.ConstantTimeCompare([]byte(state), []byte(r.URL.Query().Get("state"))) == 1
}

// ErrLogoutToken says that a logout token is not one, is not for us, or was used before.
var ErrLogoutToken = errors.New("bad logout token")

// Backchannel ends the sessions that a provider says are over (OpenID Connect Back-Channel Logout): those with its session id,
// else all of the subject. What is wrong with the token is ErrLogoutToken, and nothing ends.
func (a *Auth) Backchannel(ctx context.Context, r *http.Request, providerID, raw string) error {
	p, err := a.enabled(ctx, providerID)
	if err != nil {
		return err
	}
	err = a.logoutThere(ctx, r, p, raw)
	if cause := refusalCause(err); cause != "" {
		entry := providerSignOutEntry(r, p)
		entry.Detail = map[string]any{"cause": cause}
		return errors.Join(err, a.AuditRefusal(ctx, r, entry))
	}
	return err
}

func (a *Auth) logoutThere(ctx context.Context, r *http.Request, p store.Provider, raw string) error {
	counted, now := attempt{networkKey + "logout " + Network(clientIP(r)): networkDelay}, a.now()
	if wait := a.attempts.begin(counted, now); wait > 0 {
		return &LimitedError{Wait: wait} // a bad token can make us ask the provider for its keys
	}
	if raw == "" || len(raw) > maxLogoutToken {
		return ErrLogoutToken
	}
	rem, err := a.remote(ctx, p)
	if err != nil {
		return err
	}
	checkTime, cancel := context.WithTimeout(a.clientContext(ctx), remoteTime)
	defer cancel()
	keys := &keySet{KeySet: rem.keys}
	t, err := a.verifier(p, keys).VerifyLogout(checkTime, raw)
	if keys.unread != nil {
		return failed(p, CauseUnreachable, "keys", nil)
	}
	if err != nil || t.IssuedAt.After(now.Add(clockSkew)) {
		return ErrLogoutToken
	}
	a.attempts.undo(counted, now)
	gone, err := a.endProvider(ctx, r, p, t.Subject, t.SessionID, func(tx *store.Tx) error {
		err := tx.RememberLogout(p.Issuer, t.TokenID, t.Expiry, now)
		if errors.Is(err, store.ErrConflict) {
			return ErrLogoutToken
		}
		return err
	})
	if err != nil {
		return err
	}
	a.ended(func(who access.Actor) bool { return slices.Contains(gone, who.UserID+" "+who.SessionID) })
	return nil
}

func providerSignOutEntry(r *http.Request, p store.Provider) store.AuditEntry {
	return store.AuditEntry{Who: access.Actor{Name: p.Name, IP: clientIP(r)}, Action: "user.provider_sign_out", ObjectType: "provider", ObjectID: p.ID, ObjectName: p.Name}
}

// endProvider ends sessions of a provider after first, and returns which: "user session".
func (a *Auth) endProvider(ctx context.Context, r *http.Request, p store.Provider, subject, sid string, first func(*store.Tx) error) (gone []string, err error) {
	err = a.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		gone = nil
		entry := providerSignOutEntry(r, p)
		if err := first(tx); err != nil {
			return entry, err
		}
		user := ""
		if subject != "" {
			i, err := tx.Identity(p.Issuer, subject)
			if errors.Is(err, store.ErrNotFound) {
				entry.Detail = map[string]any{"sessions": 0}
				return entry, nil // someone who was never here
			}
			if err != nil {
				return entry, err
			}
			user = i.UserID
		}
		sessions, err := tx.EndProviderSessions(p.ID, sid, user)
		for _, s := range sessions {
			gone = append(gone, s.UserID+" "+s.ID)
		}
		entry.Detail = map[string]any{"sessions": len(sessions)}
		return entry, err
	})
	return gone, err
}
