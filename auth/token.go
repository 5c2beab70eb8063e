package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// tokenPrefix lets scanners of source code and logs recognise a leaked token.
const tokenPrefix = "pbk_"

// CreateAPIToken makes a personal access token and returns its text, which nothing can show again. Who asks is its user in a
// browser session, or the operator at the server's shell: an Admin without an account.
func (a *Auth) CreateAPIToken(ctx context.Context, who access.Actor, userID, name string, scope access.Scope, expires time.Time) (plain string, t store.APIToken, err error) {
	if err := mayCreateToken(who, userID); err != nil {
		return "", t, err
	}
	if err := a.checkToken(name, scope, expires); err != nil {
		return "", t, err
	}
	id, err := newID()
	if err != nil {
		return "", t, err
	}
	random, _ := newSecret()
	plain = tokenPrefix + random
	t = store.APIToken{ID: id, UserID: userID, Name: strings.TrimSpace(name), Hash: hashOf(plain), Scope: scope, Created: a.now(), Expires: expires}
	entry := store.AuditEntry{Who: who, Action: "token.create", ObjectType: "token", ObjectID: t.ID, ObjectName: t.Name,
		Detail: map[string]any{"user": userID, "scope": scope, "expires": expires}}
	err = a.store.Update(ctx, entry, func(tx *store.Tx) error {
		u, err := tx.User(userID)
		if err != nil {
			return err
		}
		if u.Disabled {
			return store.ErrNotFound
		}
		if scope == access.ScopeAdmin && u.Role != access.RoleAdmin { // it would wait for the day they become one
			return &FieldError{"scope", "Only Admins have access tokens of this scope. Choose read or write"}
		}
		return tx.CreateAPIToken(t)
	})
	if err != nil {
		return "", store.APIToken{}, fmt.Errorf("create API token: %w", err)
	}
	return plain, t, nil
}

// mayCreateToken keeps tokens personal, and keeps a token from making a mightier one.
func mayCreateToken(who access.Actor, userID string) error {
	operator := who.Anonymous() && who.IsAdmin()
	if who.UserID != userID && !operator {
		return &access.Denied{Action: "create an API token", Because: []access.Reason{
			{Rule: access.RuleRole, Words: "Each person makes their own access tokens"}}}
	}
	return access.ScopeAllows(who, access.ScopeSession)
}

func (a *Auth) checkToken(name string, scope access.Scope, expires time.Time) error {
	if n := len([]rune(strings.TrimSpace(name))); n == 0 || n > maxName {
		return &FieldError{"name", fmt.Sprintf("Say what the token is for, in 1 to %d characters", maxName)}
	}
	if !slices.Contains([]access.Scope{access.ScopeRead, access.ScopeWrite, access.ScopeAdmin}, scope) {
		return &FieldError{"scope", "Choose read, write or admin"}
	}
	if !expires.After(a.now()) {
		return &FieldError{"expires", "Choose a time in the future"}
	}
	return nil
}

// bearer is the token that a request carries in its Authorization header, the only place where one counts. Other schemes, such
// as a proxy's own, are not ours.
func bearer(r *http.Request) (plain string, ok bool) {
	scheme, plain, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(plain), strings.EqualFold(scheme, "Bearer")
}

// HasToken says whether a request comes with an API token, good or bad.
func HasToken(r *http.Request) bool {
	_, ok := bearer(r)
	return ok
}

// tokenActor is the user of an API token, limited to its scope.
func (a *Auth) tokenActor(ctx context.Context, plain string) (access.Actor, error) {
	if !strings.HasPrefix(plain, tokenPrefix) {
		return access.Actor{}, ErrBadToken
	}
	var t store.APIToken
	var u store.User
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		if t, err = tx.APITokenByHash(hashOf(plain)); err == nil {
			u, err = tx.User(t.UserID)
		}
		if err != nil || !u.External {
			return err
		}
		// Whom no provider vouches for any more has a role that nobody will take away.
		if known, err := tx.KnownToAProvider(u.ID); err != nil || !known {
			return errors.Join(err, ErrBadToken)
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return access.Actor{}, ErrBadToken
	}
	if err != nil {
		return access.Actor{}, err
	}
	now := a.now()
	if u.Disabled || (!t.Expires.IsZero() && !now.Before(t.Expires)) {
		return access.Actor{}, ErrBadToken
	}
	if now.Sub(t.Used) >= seenEvery {
		// When this cannot be written, last used is shown too early; the token works all the same.
		_ = a.store.Maintain(ctx, func(tx *store.Tx) error { return tx.TouchAPIToken(t.ID, now) })
	}
	who := actorOf(u)
	who.Scope, who.SessionID = t.Scope, t.ID
	return who, nil
}
