package auth

import (
	"context"
	"errors"
	"net/http"

	"patchbay/access"
	"patchbay/store"
)

// How many refusals keep a row each in the window, from one network, from the networks around it and in all: whoever is refused may
// ask again and again, and must not fill the audit log with it, nor leave others no room in it by asking from many addresses.
const (
	refusalsFrom   = 100
	refusalsAround = 250
	refusalsInAll  = 1000
)

var (
	fromDelay   = atMost(refusalsFrom)
	aroundDelay = atMost(refusalsAround)
	inAllDelay  = atMost(refusalsInAll)
)

// aroundKey is what refusals are counted by beside their network.
const aroundKey = "around "

// AuditRefusal keeps a row of a refusal, whether or not its caller waits for the answer. Beyond the limits it keeps none; the next
// that is kept says how many were left out.
func (a *Auth) AuditRefusal(ctx context.Context, r *http.Request, entry store.AuditEntry) error {
	ip := clientIP(r)
	counted := attempt{networkKey + Network(ip): fromDelay, aroundKey + around(ip): aroundDelay, "all": inAllDelay}
	if a.refusals.begin(counted, a.now()) > 0 {
		a.leftOut.Add(1)
		return nil
	}
	if n := a.leftOut.Swap(0); n > 0 {
		if entry.Detail == nil {
			entry.Detail = map[string]any{}
		}
		entry.Detail["left_out_before"] = n
	}
	return a.keepRefusal(ctx, r, entry)
}

func (a *Auth) keepRefusal(ctx context.Context, r *http.Request, entry store.AuditEntry) error {
	entry.Outcome, entry.Who.IP = "refused", clientIP(r)
	return a.store.Audit(context.WithoutCancel(ctx), entry)
}

// auditTry keeps a row of a proof that was refused. How often passwords and codes are tried is limited already: no other refusals
// crowd them out of the log.
func (a *Auth) auditTry(ctx context.Context, r *http.Request, cause string, entry store.AuditEntry) error {
	entry.Detail = map[string]any{"cause": cause}
	if cause == "password" || cause == "code" {
		return a.keepRefusal(ctx, r, entry)
	}
	return a.AuditRefusal(ctx, r, entry)
}

// refusalCause is why signing in, or an act that takes a proof, was refused; empty: it failed otherwise.
func refusalCause(err error) string {
	switch {
	case errors.Is(err, ErrWrongPassword):
		return "password"
	case errors.Is(err, ErrWrongCode):
		return "code"
	case errors.Is(err, ErrCodeNeeded): // counts as no try
		return "no_code"
	case errors.Is(err, ErrLocalOff):
		return "local_off"
	case errors.Is(err, ErrLogoutToken):
		return "logout_token"
	case errors.As(err, new(*LimitedError)):
		return "limit"
	}
	return ""
}

// auditFailure records a failed sign-in. What is no address is left out: it may be a password typed into the wrong field.
func (a *Auth) auditFailure(ctx context.Context, r *http.Request, u store.User, email string, err error) error {
	name := u.Email
	if name == "" && validEmail(email) {
		name = email
	}
	entry := userEntry(access.Actor{}, "user.sign_in", u.ID, name)
	return a.auditTry(ctx, r, refusalCause(err), entry)
}

// auditOwn records that a wrong password or code, or too many of them, kept someone from an act on their own account. Nothing else
// is a refusal.
func (a *Auth) auditOwn(ctx context.Context, r *http.Request, who access.Actor, action string, u store.User, err error) error {
	cause := refusalCause(err)
	if cause == "" {
		return nil
	}
	return a.auditTry(ctx, r, cause, userEntry(who, action, u.ID, u.Email))
}

// auditProvider records that signing in with a provider failed, unless that was recorded with what it changed.
func (a *Auth) auditProvider(ctx context.Context, r *http.Request, p store.Provider, f flow, err error) error {
	var refused *ProviderError
	detail := map[string]any{"provider": p.ID}
	var about store.User
	switch {
	case errors.As(err, &refused) && !refused.recorded:
		detail["cause"], detail["detail"], about = refused.Cause, refused.Detail, refused.user
		if about.ID == "" && f.Again != "" {
			about, _ = a.store.User(ctx, f.Again) // one who is gone by now is left out
		}
	case refused == nil && refusalCause(err) != "":
		detail["cause"] = refusalCause(err)
	default:
		return nil
	}
	entry := userEntry(access.Actor{}, "user.sign_in", about.ID, about.Email)
	entry.Detail = detail
	return a.AuditRefusal(ctx, r, entry)
}
