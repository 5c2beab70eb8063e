package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/views"
)

// layout is the frame of a page for whoever looks at it.
func (s *Server) layout(r *http.Request, who access.Actor, title, active string) views.Page {
	p := views.Page{Title: title, Active: active, Theme: theme(r)}
	if !who.Anonymous() {
		p.User = views.User{Name: who.Name, Email: who.Email, Role: roleWord(who.Role), Admin: who.IsAdmin()}
	}
	return p
}

// roleWord is a role as people read it.
func roleWord(r access.Role) string {
	if r == "" {
		return ""
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

const themeCookie = "patchbay-theme"

func theme(r *http.Request) string {
	c, err := r.Cookie(themeCookie)
	if err != nil || (c.Value != "light" && c.Value != "dark") {
		return ""
	}
	return c.Value
}

// setTheme remembers light, dark or nothing (follow the system) for this browser.
func (s *Server) setTheme(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	c := &http.Cookie{Name: themeCookie, Value: r.FormValue("theme"), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.BaseURL, "https://"), MaxAge: 365 * 24 * 3600}
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
	if r.Header.Get("Sec-Fetch-Mode") == "cors" || r.Header.Get("Sec-Fetch-Mode") == "same-origin" {
		w.WriteHeader(http.StatusNoContent) // a script changed the page in place
		return nil
	}
	back, err := url.Parse(r.Referer())
	if err != nil {
		return redirect(w, r, "/")
	}
	return redirect(w, r, localPath(back.RequestURI()))
}

// localPath is next if it is a path of this server, else the start page (P21).
func localPath(next string) string {
	if len(next) == 0 || next[0] != '/' || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\t\r\n") {
		return "/"
	}
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\\x00") {
		return "/"
	}
	for _, c := range u.Path {
		if c < ' ' || c == 0x7f {
			return "/"
		}
	}
	return next
}

func queryEscape(s string) string { return url.QueryEscape(s) }

// home sends people to their notebooks.
func (s *Server) home(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	return redirect(w, r, "/projects")
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	next := localPath(r.URL.Query().Get("next"))
	if !who.Anonymous() {
		return redirect(w, r, next)
	}
	form, err := s.signInForm(r, who, next)
	if err != nil {
		return err
	}
	needed, err := s.Auth.SetupNeeded(r.Context())
	if err != nil {
		return err
	}
	if needed && len(form.Providers) == 0 {
		return s.page(w, r, http.StatusOK, views.SetupNeeded(s.layout(r, who, "Set up", "")))
	}
	return s.page(w, r, http.StatusOK, views.SignIn(form))
}

// signIn checks the password and starts a session. What went wrong is never told apart: it would say which accounts exist.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	email, next := r.PostFormValue("email"), localPath(r.PostFormValue("next"))
	_, failed := s.Auth.SignIn(r.Context(), w, r, email, r.PostFormValue("password"))
	if failed == nil {
		return redirect(w, r, next)
	}
	form, err := s.signInForm(r, who, next)
	if err != nil {
		return err
	}
	form.Email = email
	var slow *auth.LimitedError
	switch {
	case errors.Is(failed, auth.ErrCodeNeeded):
		return awaitCode(w, r, next)
	case errors.As(failed, &slow):
		form.Error = "Too many attempts. Wait a few minutes, then try again"
		return s.page(w, r, http.StatusTooManyRequests, views.SignIn(form))
	case errors.Is(failed, auth.ErrWrongPassword):
		form.Error = "The e-mail or the password is wrong. Check both and try again"
		return s.page(w, r, http.StatusUnprocessableEntity, views.SignIn(form))
	}
	return failed
}

func (s *Server) setupPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	token := r.URL.Query().Get("token")
	if err := s.Auth.CheckSetup(r.Context(), token); err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.Setup(views.SetupForm{Page: s.layout(r, who, "Set up", ""), Token: token}))
}

// completeSetup makes the first Admin and signs them in. The link is used up.
func (s *Server) completeSetup(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	form := views.SetupForm{Page: s.layout(r, who, "Set up", ""), Token: r.PostFormValue("token"), Name: r.PostFormValue("name"), Email: r.PostFormValue("email")}
	err := s.Auth.CompleteSetup(r.Context(), w, r, form.Token, form.Name, form.Email, r.PostFormValue("password"))
	var bad *auth.FieldError
	if errors.As(err, &bad) {
		form.Errors = map[string]string{bad.Field: bad.Words}
		return s.page(w, r, http.StatusUnprocessableEntity, views.Setup(form))
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/")
}

func (s *Server) invitePage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	form, err := s.inviteForm(r, who)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.Invite(form))
}

func (s *Server) inviteForm(r *http.Request, who access.Actor) (views.InviteForm, error) {
	token := r.PathValue("token")
	u, err := s.Auth.InvitedUser(r.Context(), token)
	if err != nil {
		return views.InviteForm{}, err
	}
	return views.InviteForm{Page: s.layout(r, who, "Welcome", ""), Token: token, Name: u.Name, Email: u.Email}, nil
}

// acceptInvite sets the invited person's password and signs them in. The link is used up.
func (s *Server) acceptInvite(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	form, err := s.inviteForm(r, who)
	if err != nil {
		return err
	}
	err = s.Auth.AcceptInvite(r.Context(), w, r, form.Token, r.PostFormValue("password"))
	if errors.Is(err, auth.ErrCodeNeeded) {
		return awaitCode(w, r, "/")
	}
	var bad *auth.FieldError
	if errors.As(err, &bad) {
		form.Errors = map[string]string{bad.Field: bad.Words}
		return s.page(w, r, http.StatusUnprocessableEntity, views.Invite(form))
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/")
}
