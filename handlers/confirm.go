package handlers

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/views"
)

// confirmWithin is how long a given password counts for acts that would let a stolen session spread (P45).
const confirmWithin = 5 * time.Minute

// confirmField is the input that a confirmation adds to the form it holds back.
const confirmField = "confirm_password"

// codeField is the input for the code of those whose sign-in has a second step.
const codeField = "confirm_code"

// A confirmError asks for the password again, or for signing in at the provider again. fields say why the last try was refused.
type confirmError struct {
	fields         map[string]string
	provider, href string
}

func (e *confirmError) Error() string { return "the password was given too long ago" }

// confirmed lets an act pass whose person gave the password within minutes, or gives it now. A page asks for it and sends what
// was typed again with it, so that nothing is lost; a script with a token proves itself each time.
func (s *Server) confirmed(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	recent, err := s.Auth.RecentlyAuthenticated(r, confirmWithin)
	if err != nil || recent {
		return err
	}
	if isAPI(r) {
		return &confirmError{}
	}
	provider, external, err := s.Auth.SessionProvider(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &badRequest{"bad_form", "The form cannot be read"}
	}
	if external {
		name, href := providerConfirm(provider)
		return &confirmError{provider: name, href: href}
	}
	password := r.PostForm.Get(confirmField)
	if password == "" {
		return &confirmError{}
	}
	err = s.Auth.Reauthenticate(r.Context(), w, r, who, password, r.PostForm.Get(codeField))
	var wrong *auth.FieldError
	if errors.As(err, &wrong) {
		return &confirmError{fields: map[string]string{wrong.Field: wrong.Words}}
	}
	return err
}

// askToConfirm shows the form that asks for the password, with the held-back form inside.
func (s *Server) askToConfirm(w http.ResponseWriter, r *http.Request, who access.Actor, asked *confirmError) error {
	v := views.ConfirmForm{Page: s.layout(r, who, "Confirm it is you", ""), Action: r.URL.RequestURI(), Email: who.Email,
		Error: asked.fields["password"], Wrong: asked.fields["code"],
		Provider: asked.provider, ProviderHref: asked.href}
	since, _, err := s.Auth.TOTPOn(r.Context(), who.UserID)
	if err != nil {
		return err
	}
	v.Code = !since.IsZero()
	names := make([]string, 0, len(r.PostForm))
	for name := range r.PostForm {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range r.PostForm[name] {
			if name != confirmField && name != codeField {
				v.Held = append(v.Held, views.Fact{Label: name, Value: value})
			}
		}
	}
	return s.page(w, r, http.StatusForbidden, views.Confirm(v))
}
