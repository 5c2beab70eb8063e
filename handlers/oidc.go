package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/store"
	"patchbay/views"
)

// signInForm is the sign-in screen as it stands: the providers, and the password form while it is on.
func (s *Server) signInForm(r *http.Request, who access.Actor, next string) (views.SignInForm, error) {
	f := views.SignInForm{Page: s.layout(r, who, "Sign in", ""), Next: next}
	providers, err := s.Auth.SignInProviders(r.Context())
	if err != nil {
		return f, err
	}
	for _, p := range providers {
		f.Providers = append(f.Providers, views.SignInProvider{Name: p.Name, Href: "/auth/oidc/" + p.ID + "/start?next=" + queryEscape(next)})
	}
	f.Local, err = s.Auth.LocalSignIn(r.Context())
	return f, err
}

// startProvider sends the browser to a provider.
func (s *Server) startProvider(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	query := r.URL.Query()
	next, again := localPath(query.Get("next")), query.Has("again") && !who.Anonymous()
	if !s.Auth.StartsAt(r) && !query.Has("here") {
		u := *r.URL
		query.Set("here", "1")
		u.RawQuery = query.Encode()
		r.URL = &u
		http.Redirect(w, r, s.Auth.StartURL(r), http.StatusSeeOther)
		return nil
	}
	to, err := s.Auth.StartProvider(r.Context(), w, r, r.PathValue("provider"), next, again)
	if err != nil {
		return s.providerFailed(w, r, who, next, err)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// finishProvider takes the browser back from a provider and signs it in.
func (s *Server) finishProvider(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	next, err := s.Auth.FinishProvider(r.Context(), w, r, r.PathValue("provider"))
	if again := (*auth.SignInAgainError)(nil); errors.As(err, &again) {
		http.Redirect(w, r, again.URL, http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return s.providerFailed(w, r, who, localPath(next), err)
	}
	http.Redirect(w, r, localPath(next), http.StatusSeeOther)
	return nil
}

// providerFailed says on the sign-in screen which provider fails and why, and offers the other ways (P41).
func (s *Server) providerFailed(w http.ResponseWriter, r *http.Request, who access.Actor, next string, err error) error {
	var failed *auth.ProviderError
	if !errors.As(err, &failed) {
		return err
	}
	form, err := s.signInForm(r, access.Actor{}, next)
	if err != nil {
		return err
	}
	p := problemOf(failed)
	if p.Status >= http.StatusInternalServerError || failed.Cause == auth.CauseUntrusted {
		s.Log.Warn("signing in with a provider failed", "provider", failed.Provider, "cause", failed.Cause, "detail", failed.Detail, "request", requestID(r))
	}
	form.Error, form.ErrorHint = p.Title, p.Hint
	return s.page(w, r, p.Status, views.SignIn(form))
}

// backchannelLogout is where a provider says that someone signed out there. Its answers are those of the specification.
func (s *Server) backchannelLogout(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	if err := r.ParseForm(); err != nil {
		return &badRequest{"invalid_request", "The form cannot be read"}
	}
	err := s.Auth.Backchannel(r.Context(), r, r.PathValue("provider"), r.PostForm.Get("logout_token"))
	if errors.Is(err, auth.ErrLogoutToken) {
		return writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// signOut ends the session here and, where it came from a provider, goes on to end it there. The way there is no redirect: the
// policy for forms would stop it.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	away, err := s.Auth.SignOut(r.Context(), w, r, who)
	if err != nil {
		return err
	}
	if away.URL == "" {
		return redirect(w, r, "/sign-in")
	}
	w.Header().Set("Refresh", "0; url="+away.URL)
	return s.page(w, r, http.StatusOK, views.SigningOut(views.SignedOutPage{Page: s.layout(r, access.Actor{}, "Sign out", ""), Provider: away.Provider, Href: away.URL}))
}

// signedOut is where a provider's sign-out ends.
func (s *Server) signedOut(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	everywhere := s.Auth.ReturnedSignedOut(w, r)
	return s.page(w, r, http.StatusOK, views.SignedOut(views.SignedOutPage{Page: s.layout(r, access.Actor{}, "Signed out", ""), Everywhere: everywhere}))
}

// confirmedPage ends a fresh proof at the provider, in a tab of its own.
func (s *Server) confirmedPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.page(w, r, http.StatusOK, views.Confirmed(s.layout(r, access.Actor{}, "Confirmed", "")))
}

// providerWords are the causes of a failed sign-in with their status, words and what to do.
var providerWords = map[auth.ProviderCause]problem{
	auth.CauseUnreachable:   {Status: http.StatusBadGateway, Title: "%s does not answer", Hint: "Try again in a moment. If it stays so, tell an Admin"},
	auth.CauseMisconfigured: {Status: http.StatusBadGateway, Title: "%s cannot be used", Hint: "An Admin can test it in Settings, Sign-in"},
	auth.CauseDenied:        {Status: http.StatusForbidden, Title: "%s did not sign you in", Hint: "Try again, or ask whoever runs it"},
	auth.CauseExchange:      {Status: http.StatusBadGateway, Title: "%s did not accept this server", Hint: "An Admin can check the client ID, the client secret and the redirect address"},
	auth.CauseFlow:          {Status: http.StatusBadRequest, Title: "This sign-in with %s is over or began in another browser", Hint: "Start again from here"},
	auth.CauseUntrusted:     {Status: http.StatusBadRequest, Title: "The answer of %s could not be trusted", Hint: "Start again. If it happens again, tell an Admin"},
	auth.CauseNotAgain:      {Status: http.StatusForbidden, Title: "%s did not ask you to sign in again", Hint: "Sign out there, sign in again, and try once more"},
	auth.CauseNoAuthTime:    {Status: http.StatusForbidden, Title: "%s does not say when you signed in there, so it cannot confirm that it is you", Hint: "An Admin can have it send auth_time in its ID tokens"},
	auth.CauseNoEmail:       {Status: http.StatusForbidden, Title: "%s did not tell your e-mail address", Hint: "An Admin can add the scope email, or have the provider send it"},
	auth.CauseUnverified:    {Status: http.StatusForbidden, Title: "%s does not say that your e-mail address is verified", Hint: "Verify it there. If all addresses there are right, an Admin can say so in Settings, Sign-in"},
	auth.CauseEmailTaken:    {Status: http.StatusForbidden, Title: "Someone here has your e-mail address already, and did not sign in with %s", Hint: "Ask an Admin: an account is not taken over by its address alone"},
	auth.CauseNoRole:        {Status: http.StatusForbidden, Title: "%s knows you, but no rule here lets you in", Hint: "Ask an Admin for a role or a group"},
	auth.CauseUnknown:       {Status: http.StatusForbidden, Title: "%s did not say which groups you are in, and no rule here lets you in without them", Hint: "Nothing of yours is lost. Ask an Admin: you may be in more groups than fit into its answer"},
	auth.CauseDisabled:      {Status: http.StatusForbidden, Title: "Your account here is disabled", Hint: "Ask an Admin"},
}

func providerProblem(err error) (problem, bool) {
	var failed *auth.ProviderError
	var fields *auth.FieldsError
	switch {
	case errors.As(err, &fields):
		return problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Title: "Some fields need a change", Fields: fields.Fields}, true
	case errors.Is(err, auth.ErrLocalOff):
		return problem{Status: http.StatusForbidden, Code: "local_off", Title: "Nobody signs in with a password here", Hint: "Sign in with a provider"}, true
	case !errors.As(err, &failed):
		return problem{}, false
	}
	p := providerWords[failed.Cause]
	p.Code = "provider_" + string(failed.Cause)
	p.Title = strings.Replace(p.Title, "%s", failed.Provider, 1)
	if failed.Detail != "" && (failed.Cause == auth.CauseDenied || failed.Cause == auth.CauseExchange) {
		p.Title += " (" + failed.Detail + ")"
	}
	if failed.Cause == auth.CauseMisconfigured {
		p.Detail = failed.Detail
	}
	return p, true
}

// providerConfirm is how someone without a password here proves that it is them: at the provider, in another tab, so that what
// they entered waits.
func providerConfirm(p store.Provider) (name, href string) {
	return p.Name, "/auth/oidc/" + url.PathEscape(p.ID) + "/start?again=1&next=" + queryEscape("/auth/confirmed")
}
