package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"patchbay/access"
	"patchbay/secret"
	"patchbay/store"
)

// OIDCOptions say what signing in with OpenID Connect providers works with. Without a Client nobody can.
type OIDCOptions struct {
	Client  *http.Client // the guarded way out
	Keys    *secret.Ring // seals client secrets, flows and ID tokens
	BaseURL string       // public URL, or the listen address in local use; never from a request
	// Ended hears of sessions that a sign-out ended: whose queries shall end. May be nil.
	Ended func(of func(access.Actor) bool)
	// Changed hears that someone's role or groups changed at a sign-in. May be nil.
	Changed func(context.Context) error
}

// A ProviderCause says why signing in with a provider failed.
type ProviderCause string

// The causes.
const (
	CauseUnreachable   ProviderCause = "unreachable"   // the provider does not answer
	CauseMisconfigured ProviderCause = "misconfigured" // what it says of itself cannot be used
	CauseDenied        ProviderCause = "denied"        // it sent the person back with an error
	CauseExchange      ProviderCause = "exchange"      // it did not accept this server's code or client secret
	CauseFlow          ProviderCause = "flow"          // the way back does not belong to a way there from this browser
	CauseUntrusted     ProviderCause = "untrusted"     // its answer failed a check
	CauseNotAgain      ProviderCause = "not_again"     // it did not ask the person to sign in again, or someone else did
	CauseNoAuthTime    ProviderCause = "no_auth_time"  // it does not say when the person signed in, so proves nothing fresh
	CauseNoEmail       ProviderCause = "no_email"
	CauseUnverified    ProviderCause = "unverified" // it did not verify the address that a new account would have
	CauseEmailTaken    ProviderCause = "email_taken"
	CauseNoRole        ProviderCause = "no_role"
	CauseUnknown       ProviderCause = "unknown" // it left out what would decide on the role
	CauseDisabled      ProviderCause = "disabled"
)

// A ProviderError is a sign-in with a provider that failed. It holds no token, code or secret.
type ProviderError struct {
	Provider string // its name
	Cause    ProviderCause
	Detail   string // the check that failed, or the provider's own error code
	err      error
	user     store.User // whom it proved, where that is known
	recorded bool       // in the audit log, with what it changed
}

func (e *ProviderError) Error() string {
	return fmt.Sprintf("sign in with %s: %s %s", e.Provider, e.Cause, e.Detail)
}

// Unwrap is what went wrong below.
func (e *ProviderError) Unwrap() error { return e.err }

func failed(p store.Provider, cause ProviderCause, detail string, err error) error {
	return &ProviderError{Provider: p.Name, Cause: cause, Detail: detail, err: err}
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,60}$`)

// codeOf is a provider's error code, if it looks like one: it is shown to people.
func codeOf(code string) string {
	if errorCode.MatchString(code) {
		return code
	}
	return ""
}

// CallbackURL is where a provider sends people back to; it is registered there, letter by letter.
func (a *Auth) CallbackURL(providerID string) string {
	return a.oidc.BaseURL + "/auth/oidc/" + providerID + "/callback"
}

// BackchannelURL is where a provider tells that someone signed out.
func (a *Auth) BackchannelURL(providerID string) string {
	return a.oidc.BaseURL + "/auth/oidc/" + providerID + "/logout"
}

// SignedOutURL is where a provider sends people after it signed them out.
func (a *Auth) SignedOutURL() string { return a.oidc.BaseURL + "/signed-out" }

// StartsAt says whether a request came to the address that a provider sends people back to: cookies go with the host. In local
// use "localhost" and "127.0.0.1" are two.
func (a *Auth) StartsAt(r *http.Request) bool {
	return "http://"+r.Host == a.oidc.BaseURL || a.carrier.secure
}

// StartURL begins a sign-in at the address that the provider sends people back to.
func (a *Auth) StartURL(r *http.Request) string { return a.oidc.BaseURL + r.URL.RequestURI() }

// LocalSignIn says whether people may sign in with a password.
func (a *Auth) LocalSignIn(ctx context.Context) (bool, error) {
	v, _, err := a.store.Setting(ctx, store.SettingLocalSignIn)
	return v != "false", err
}

// SignInProviders are the providers that people may sign in with.
func (a *Auth) SignInProviders(ctx context.Context) ([]store.Provider, error) {
	all, err := a.store.Providers(ctx)
	if err != nil || a.oidc.Client == nil {
		return nil, err
	}
	var on []store.Provider
	for _, p := range all {
		if p.Enabled {
			on = append(on, p)
		}
	}
	return on, nil
}

// enabled is a provider that people may sign in with; any other is store.ErrNotFound.
func (a *Auth) enabled(ctx context.Context, id string) (store.Provider, error) {
	p, err := a.store.Provider(ctx, id)
	if err == nil && (!p.Enabled || a.oidc.Client == nil) {
		err = store.ErrNotFound
	}
	return p, err
}

// SessionProvider is the provider that a request's session came from, where a password would prove nothing: to sign in there
// again is how such a person proves that it is them. Not ok: the password does.
func (a *Auth) SessionProvider(r *http.Request) (p store.Provider, ok bool, err error) {
	s, u, err := a.session(r)
	if errors.Is(err, errNoSession) || err == nil && (s.ProviderID == "" || u.PasswordHash != "") {
		return p, false, nil
	}
	if err == nil {
		p, err = a.enabled(r.Context(), s.ProviderID)
	}
	if errors.Is(err, store.ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}

// ended tells that sessions are over.
func (a *Auth) ended(of func(access.Actor) bool) {
	if a.oidc.Ended != nil {
		a.oidc.Ended(of)
	}
}

// LocalMayEnd says whether passwords can be turned off: an Admin has signed in with a provider that is on.
func (a *Auth) LocalMayEnd(ctx context.Context) (may bool, err error) {
	err = a.store.View(ctx, func(tx *store.Tx) error {
		n, err := tx.CountProviderAdmins()
		may = n > 0
		return err
	})
	return may, err
}
